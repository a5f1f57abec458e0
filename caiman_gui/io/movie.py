"""Opening recordings: one or several files that become one lazy movie (T, H, W)."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.files import full_path
from caiman_gui.io.tiff import TIFF_MAGIC, TiffMovie

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: First bytes of kinds of files that are recognised, but not read.
_OTHER_KINDS = (
    (b"\x89HDF", "an HDF5 file"),
    (b"RIFF", "an AVI video"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
)
#: Bytes hashed at the beginning, the middle and the end of a file.
_SAMPLE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """What the files of a recording say about themselves.

    Attributes
    ----------
    paths : tuple of Path
        Absolute, in order of time.
    shape : (T, H, W)
    dtype : numpy.dtype
    frame_rate_hz, pixel_size_um : float or None
        None where the file does not say.
    frame_rate_source, pixel_size_source : str
        Where the file says it, such as "ImageJ finterval"; empty if it does not.
    n_channels, n_planes : int
    notes : tuple of str
        Assumptions that were made, in plain words.
    """

    paths: tuple[Path, ...]
    shape: tuple[int, int, int]
    dtype: np.dtype
    frame_rate_hz: float | None = None
    frame_rate_source: str = ""
    pixel_size_um: float | None = None
    pixel_size_source: str = ""
    n_channels: int = 1
    n_planes: int = 1
    notes: tuple[str, ...] = ()


class MovieFile:
    """One or several open files as one lazy movie. Thread-safe.

    Parameters
    ----------
    parts : sequence of TiffMovie
        At least one, all with frames of one size.
    """

    def __init__(self, parts: Sequence[TiffMovie]) -> None:
        self._parts = tuple(parts)
        first = self._parts[0]
        self._ends = list(accumulate(part.shape[0] for part in self._parts))
        self.shape = (self._ends[-1], first.shape[1], first.shape[2])
        self.dtype = np.result_type(*(part.dtype for part in self._parts))
        self.info = _describe(self._parts, self.shape, self.dtype)

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        start, stop = max(0, start), min(stop, self.shape[0])
        pieces = []
        while start < stop:
            index = bisect_right(self._ends, start)
            offset = self._ends[index] - self._parts[index].shape[0]
            end = min(stop, self._ends[index])
            pieces.append(self._parts[index].frames(start - offset, end - offset))
            start = end
        if len(pieces) == 1:
            return pieces[0].astype(self.dtype, copy=False)
        if not pieces:
            return np.empty((0, *self.shape[1:]), self.dtype)
        return np.concatenate(pieces).astype(self.dtype, copy=False)

    def close(self) -> None:
        """Close every file."""
        for part in self._parts:
            part.close()

    def __enter__(self) -> MovieFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_movie(paths: Sequence[Path]) -> MovieFile:
    """Open one recording, whose files follow each other in the given order.

    Raises
    ------
    InputError
        If a file is missing, unreadable, damaged, no movie, or does not fit to the first one.
    """
    if not paths:
        raise InputError("No movie was given", "", "Choose at least one TIFF file.")
    with contextlib.ExitStack() as opened:  # closes them again unless all fit
        parts: list[TiffMovie] = []
        for path in paths:
            parts.append(_open_part(path))
            opened.callback(parts[-1].close)
            _require_same_kind(parts[0], parts[-1])
        movie = MovieFile(parts)
        opened.pop_all()
    return movie


def fingerprint(paths: Sequence[Path]) -> str:
    """Hash of size and of the head, middle and tail of every file; independent of its place.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                digest.update(str(size).encode())
                for start in (0, (size - _SAMPLE_BYTES) // 2, size - _SAMPLE_BYTES):
                    file.seek(max(0, start))
                    digest.update(file.read(_SAMPLE_BYTES))
        except OSError as exc:
            raise _unreadable(path, exc) from exc
    return digest.hexdigest()[:32]


def _open_part(path: Path) -> TiffMovie:
    path = full_path(path)
    _require_storable_name(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError(
                "This is a folder, not a movie",
                str(path),
                "Choose the movie files inside it.",
            )
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise InputError(
                "This is not a file",
                f"{path} is a pipe or a device, which cannot be read twice.",
                "Write the movie to a file, and open that.",
            )
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    if not head:
        raise InputError(
            "The file is empty",
            f"{path} holds 0 bytes.",
            "It was probably not copied to the end: copy it again.",
        )
    if head[:4] not in TIFF_MAGIC:
        kind = next((name for magic, name in _OTHER_KINDS if head.startswith(magic)), "")
        raise InputError(
            "This is not a TIFF movie",
            f"{path} {'is ' + kind if kind else 'does not start like a TIFF file'}.",
            "Open a TIFF file, or export the movie as TIFF, for instance with ImageJ.",
        )
    return TiffMovie(path)


def _require_storable_name(path: Path) -> None:
    """Refuse names that are no text: neither a project nor a log could hold them."""
    try:
        str(path).encode()
    except UnicodeEncodeError as exc:
        raise InputError(
            "The file has a name that cannot be used",
            f"{str(path).encode(errors='replace').decode()} holds bytes that are no letters (?).",
            "Rename the file or its folder.",
        ) from exc


def _unreadable(path: Path, exc: OSError) -> InputError:
    if isinstance(exc, FileNotFoundError):
        return InputError(
            "The file does not exist",
            str(path),
            "Check the name and the folder, and that the disk is connected.",
        )
    if isinstance(exc, PermissionError):
        return InputError(
            "The file may not be read",
            str(path),
            "Ask for permission to read it, or copy it to a folder of your own.",
        )
    return InputError(
        "The file cannot be read",
        f"{path}: {exc.strerror or exc}.",
        "Check that the disk is connected and the file is not locked by another program.",
    )


def _require_same_kind(first: TiffMovie, other: TiffMovie) -> None:
    if first.shape[1:] != other.shape[1:]:
        why = "{} has frames of {} x {} px, {} of {} x {} px.".format(
            first.path.name, *first.shape[1:], other.path.name, *other.shape[1:]
        )
    elif first.dtype.kind != other.dtype.kind:
        why = f"{first.path.name} holds {first.dtype}, {other.path.name} {other.dtype} samples."
    else:
        return
    raise InputError(
        "The files do not belong together",
        why,
        "Open together only files of one recording; open the others on their own.",
    )


def _describe(
    parts: tuple[TiffMovie, ...], shape: tuple[int, int, int], dtype: np.dtype
) -> RecordingInfo:
    info = RecordingInfo(paths=tuple(part.path for part in parts), shape=shape, dtype=dtype)
    notes = [note for part in parts for note in part.metadata.notes]
    if len(set(info.paths)) < len(info.paths):
        notes.append("A file was given more than once: its frames are repeated.")
    known = [part.metadata for part in parts if part.metadata.frame_rate_hz]
    if known:
        info = replace(
            info,
            frame_rate_hz=known[0].frame_rate_hz,
            frame_rate_source=known[0].frame_rate_source,
        )
        if len({item.frame_rate_hz for item in known}) > 1:
            notes.append("The files give different frame rates; that of the first is used.")
    sized = [part.metadata for part in parts if part.metadata.pixel_size_um]
    if sized:
        info = replace(
            info,
            pixel_size_um=sized[0].pixel_size_um,
            pixel_size_source=sized[0].pixel_size_source,
        )
    return replace(info, notes=tuple(dict.fromkeys(notes)))
