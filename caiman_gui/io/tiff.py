"""Lazy reader of TIFF movies: classic and BigTIFF, ImageJ, OME, ScanImage, compressed or not."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from caiman_gui.io.reader import ReadChoice
from caiman_gui.io.refusals import (
    DAMAGE,
    damaged,
    in_words,
    require_choice,
    require_frame_size,
    require_sample_type,
)
from caiman_gui.io.tiff_axes import arrange
from caiman_gui.io.tiff_chain import IFD, walk
from caiman_gui.io.tiff_check import choose_kind, require_complete
from caiman_gui.io.tiff_dialect import Opened
from caiman_gui.io.tiff_ifd import NONSENSE, TIFF_MAGIC, DamagedTiff, Directory, TiffBytes
from caiman_gui.io.tiff_metadata import read_dialect, read_facts
from caiman_gui.io.tiff_pages import KIND_NAME, TiffPages

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.reader import FileFacts
    from caiman_gui.io.tiff_axes import Arrangement

__all__ = ["TIFF_MAGIC", "TiffMovie", "open_reader", "recognises"]


def recognises(path: Path, head: bytes) -> bool:
    """Tell whether the first bytes are those of a TIFF file."""
    return head[:4] in TIFF_MAGIC


def open_reader(path: Path, choice: ReadChoice) -> TiffMovie:
    """Open a TIFF file.

    Raises
    ------
    InputError
        If it is damaged, truncated or of a kind that cannot be read.
    """
    return TiffMovie(path, choice)


class TiffMovie:
    """One channel and plane of a TIFF file as a movie (T, H, W). Thread-safe.

    Opening visits a few pages of regular files and every page of others; no pixel is read.

    Parameters
    ----------
    path : Path
        An existing, readable file.
    choice : ReadChoice, optional
        Channel and plane; the axes, where the file does not name them.

    Raises
    ------
    InputError
        If it is damaged, truncated or of a kind that cannot be read, or lacks what was chosen.
    """

    facts: FileFacts

    def __init__(self, path: Path, choice: ReadChoice | None = None) -> None:
        self.path = path
        with ExitStack() as on_failure:
            try:
                source = TiffBytes(path)
                on_failure.callback(source.close)
                self._scan(source, choice if choice is not None else ReadChoice())
            except DAMAGE as exc:
                _tell(path, exc, NONSENSE)
            on_failure.pop_all()

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        start, stop = max(0, start), min(stop, self.shape[0])
        try:
            return self._pages.read(self._order[start : max(start, stop)], self._sample)
        except DAMAGE as exc:
            which = f"frame {start}" if stop - start == 1 else f"frames {start} to {stop - 1}"
            _tell(self.path, exc, f"{which} cannot be decoded")

    def close(self) -> None:
        """Close the file."""
        self._pages.close()

    def _scan(self, source: TiffBytes, choice: ReadChoice) -> None:
        """Find shape, type and facts, and where the frames lie."""
        name = self.path.name
        chain = walk(source)
        kind, note = choose_kind(chain, name)
        self.dtype = kind.dtype
        require_sample_type(self.dtype, self.path)
        rows = kind.height * kind.samples
        require_frame_size(self.path, KIND_NAME, rows, kind.width, self.dtype)
        self._pages = TiffPages(source, chain, kind)
        index = self._pages.index
        first = Directory(source, int(chain.runs[0, IFD]))
        opened = Opened(name, first, kind, index.numbers)
        dialect = read_dialect(opened)
        notes = [note] if note else []
        notes += require_complete(self._pages, chain, dialect)
        if dialect.table is not None and index.n_pages != opened.n_pages:  # more were found
            opened = replace(opened, numbers=np.arange(index.n_pages))
            dialect = read_dialect(opened)
        if not kind.is_plain:
            self._pages.decoder()  # tells what cannot be decoded
        found = arrange(dialect, index.n_pages, name, choice.axes)
        notes += self._choose(found, choice)
        self.shape = (len(self._order), kind.height, kind.width)
        self.facts = read_facts(opened, dialect, found, self._order, index, choice, notes)

    def _choose(self, found: Arrangement, choice: ReadChoice) -> list[str]:
        """Pick the pages of the chosen channel and plane; return notes about missing ones."""
        n_samples = self._pages.kind.n_channels
        _, n_planes, n_channels = found.pages.shape
        require_choice(self.path, "channel", choice.channel, n_channels * n_samples)
        require_choice(self.path, "plane", choice.plane, n_planes)
        channel, self._sample = divmod(choice.channel - 1, n_samples)
        order = found.pages[:, choice.plane - 1, channel]
        n_missing = int((order < 0).sum())
        self._order = np.ascontiguousarray(order[order >= 0])
        if not len(self._order):
            raise damaged(self.path, KIND_NAME, "it holds no image of this channel and plane")
        if not n_missing:
            return []
        return [f"{n_missing} of {len(order)} frames are missing in {self.path.name}."]


def _tell(path: Path, exc: BaseException, why: str) -> NoReturn:
    """Raise what users are told of a failure."""
    if isinstance(exc, DamagedTiff):
        why = str(exc)
    raise in_words(path, KIND_NAME, exc, why) from exc
