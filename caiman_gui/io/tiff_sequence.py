"""Movies of which every frame is a file of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.parallel import cpu_count, thread_map
from caiman_gui.core.task import NULL_CONTEXT
from caiman_gui.errors import InputError
from caiman_gui.io import image_sequence, tiff
from caiman_gui.io.image_header import is_image
from caiman_gui.io.refusals import DAMAGE, unreadable
from caiman_gui.io.tiff_ifd import DamagedTiff, Directory, TiffBytes
from caiman_gui.io.tiff_kind import read_kind
from caiman_gui.io.tiff_template import Template

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.reader import FrameReader, ReadChoice

_HEAD_BYTES = 4096
_MAX_THREADS = 4


def open_sequence(paths: Sequence[Path], choice: ReadChoice) -> FrameReader:
    """Open files of one image each, in the given order, as one movie.

    Only the first is read now; another that does not fit is told when its frame is asked for.

    Parameters
    ----------
    paths : sequence of Path
        TIFF, PNG, JPEG, BMP or PGM files, all alike.
    choice : ReadChoice
        Channel and plane of each file.

    Raises
    ------
    InputError
        If there is none, or the first cannot be read or holds more than one frame.
    """
    if not paths:
        raise InputError("No image was given", "", "Choose at least one image file.")
    return TiffSequence(paths, choice)


def is_single_image(path: Path) -> bool:
    """Tell whether a file is an image or a TIFF file of one frame; False if it cannot be read."""
    try:
        head = _head(path)
        if is_image(head):
            return True
        if not tiff.recognises(path, head):
            return False
        movie = tiff.TiffMovie(path)
    except InputError:
        return False
    movie.close()
    return movie.shape[0] == 1


class TiffSequence:
    """Files of one image each as a movie (T, H, W). Thread-safe; no file stays open.

    Parameters
    ----------
    paths : sequence of Path
        At least one.
    choice : ReadChoice
    """

    def __init__(self, paths: Sequence[Path], choice: ReadChoice) -> None:
        self._paths = tuple(paths)
        self._choice = choice
        self.path = self._paths[0]
        self._is_tiff = not is_image(_head(self.path))
        first = _open(self.path, choice, is_tiff=self._is_tiff)
        try:
            _require_one_frame(first)
        finally:
            first.close()
        self.shape = (len(self._paths), *first.shape[1:])
        self.dtype = first.dtype
        self.facts = replace(
            first.facts,
            format=f"{len(self._paths):,} files ({first.facts.format})",
            timestamps=None,
        )
        self._template = _plain_template(self.path) if self._is_tiff else None

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        chosen = self._paths[max(0, start) : max(0, stop)]
        images: NDArray[np.generic] = np.empty((len(chosen), *self.shape[1:]), self.dtype)

        def fill(place: int) -> None:
            images[place] = self._read(chosen[place])

        n_threads = min(_MAX_THREADS, cpu_count()) if len(chosen) > 1 else 1
        for _ in thread_map(fill, range(len(chosen)), n_threads=n_threads, ctx=NULL_CONTEXT):
            pass
        return images

    def close(self) -> None:
        """Do nothing: files are open only while they are read."""

    def _read(self, path: Path) -> NDArray[np.generic]:
        """Return the image (H, W) of one file."""
        image = self._read_alike(path)
        if image is not None:
            return image
        if not self._is_tiff:
            image = image_sequence.read_channel(path, self._choice)
            self._require_fitting(path, image.shape, image.dtype)
            return image
        movie = _open(path, self._choice, is_tiff=True)
        try:
            _require_one_frame(movie)
            self._require_fitting(path, movie.shape[1:], movie.dtype)
            return movie.frames(0, 1).reshape(self.shape[1:])
        finally:
            movie.close()

    def _read_alike(self, path: Path) -> NDArray[np.generic] | None:
        """Read a file whose only page looks like that of the first; None if it does not."""
        if self._template is None:
            return None
        try:
            source = TiffBytes(path)
        except DAMAGE:
            return None  # the full reader tells why
        try:
            raw = source.read(source.first, self._template.length)
            if not self._template.matches(raw) or self._template.link(raw):
                return None
            kind = self._template.kind
            data = self._template.data(raw)
            if source.size - data >= 2 * kind.image_bytes:
                return None  # room for more frames, which need not have directories of their own
            pixels = source.read(data, kind.image_bytes)
        except DAMAGE:
            return None
        finally:
            source.close()
        if len(pixels) < kind.image_bytes:
            return None
        stored = kind.dtype.newbyteorder(source.order)
        return np.frombuffer(pixels, stored).reshape(kind.image_shape)

    def _require_fitting(self, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        if shape == self.shape[1:] and dtype == self.dtype:
            return
        raise InputError(
            "The files do not belong together",
            f"{path} holds {shape[0]} x {shape[1]} px of {dtype}, {self.path.name} "
            f"{self.shape[1]} x {self.shape[2]} px of {self.dtype}.",
            "Open only the images of one recording, or remove this one.",
        )


def _open(path: Path, choice: ReadChoice, *, is_tiff: bool) -> FrameReader:
    """Open one file of a sequence as a movie of one frame."""
    head = _head(path)
    if is_tiff and tiff.recognises(path, head):
        return tiff.TiffMovie(path, choice)
    if not is_tiff and is_image(head):
        return image_sequence.ImageMovie(path, choice)
    raise InputError(
        "This is not an image that can be read",
        f"{path} is neither a TIFF, PNG, JPEG, BMP nor PGM file like the others.",
        "Remove it from the folder, or choose the images without it.",
    )


def _require_one_frame(movie: FrameReader) -> None:
    if movie.shape[0] != 1:
        raise InputError(
            "A file holds more than one frame",
            f"{movie.path} holds {movie.shape[0]} frames; in a sequence every file is one frame.",
            "Open this file on its own, or several such files as parts of one recording.",
        )


def _plain_template(path: Path) -> Template | None:
    """Return how the page of a file looks, if its pixels can be read without decoding."""
    try:
        source = TiffBytes(path)
    except DAMAGE:
        return None
    try:
        page = Directory(source, source.first)
        kind = read_kind(page)
        template = Template(page, kind)
    except DamagedTiff:
        return None
    finally:
        source.close()
    is_usable = template.is_single_strip and kind.samples == 1 and page.next == 0
    return template if is_usable else None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as exc:
        raise unreadable(path, exc) from exc
