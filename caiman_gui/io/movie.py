"""Opening recordings: one or several files that become one lazy movie (T, H, W)."""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.files import full_path
from caiman_gui.io.description import RecordingInfo, describe
from caiman_gui.io.expand import expand
from caiman_gui.io.formats import open_reader
from caiman_gui.io.parts import Part, PartPool
from caiman_gui.io.reader import RAW_FORMAT, ReadChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.expand import Source
    from caiman_gui.io.reader import FrameReader

__all__ = ["MovieFile", "RecordingInfo", "open_movie"]


class MovieFile:
    """One or several files as one lazy movie. Thread-safe.

    Parameters
    ----------
    pool : PartPool
        At least one part, all with frames of one size.
    info : RecordingInfo
    """

    def __init__(self, pool: PartPool, info: RecordingInfo) -> None:
        self._pool = pool
        self._ends = list(accumulate(part.shape[0] for part in pool.parts))
        self.shape = info.shape
        self.dtype = info.dtype
        self.info = info

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        start, stop = max(0, start), min(stop, self.shape[0])
        pieces = []
        while start < stop:
            index = bisect_right(self._ends, start)
            offset = self._ends[index] - self._pool.parts[index].shape[0]
            end = min(stop, self._ends[index])
            with self._pool.reader(index) as reader:
                pieces.append(reader.frames(start - offset, end - offset))
            start = end
        if len(pieces) == 1:
            return pieces[0].astype(self.dtype, copy=False)
        if not pieces:
            return np.empty((0, *self.shape[1:]), self.dtype)
        return np.concatenate(pieces).astype(self.dtype, copy=False)

    def close(self) -> None:
        """Close every file."""
        self._pool.close()

    def __enter__(self) -> MovieFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_movie(paths: Sequence[Path], choice: ReadChoice | None = None) -> MovieFile:
    """Open one recording, whose files follow each other in the given order.

    Parameters
    ----------
    paths : sequence of Path
        Files, or folders that hold one recording.
    choice : ReadChoice, optional
        What is read where files leave a choice.

    Raises
    ------
    InputError
        If a file is missing, unreadable, damaged, no movie, or does not fit to the first one.
    """
    if not paths:
        raise InputError("No movie was given", "", "Choose at least one movie file.")
    files = [full_path(path) for path in paths]
    for file in files:
        _require_storable_name(file)
    sources = expand(files)
    with contextlib.ExitStack() as opened:  # closes them again unless all fit
        pool = PartPool()
        opened.callback(pool.close)
        for source in sources:
            for open_part in _openers(source, choice if choice is not None else ReadChoice()):
                pool.add(Part(open_part, open_part()))
                _require_same_kind(pool.parts[0], pool.parts[-1])
        info = describe(sources, pool.parts)
        unused = _unused(pool.parts[0], choice or ReadChoice())
        movie = MovieFile(pool, replace(info, notes=(*info.notes, *unused)))
        opened.pop_all()
    return movie


def _openers(source: Source, choice: ReadChoice) -> list[Callable[[], FrameReader]]:
    """Return what opens each part of a source."""
    if source.is_sequence:
        from caiman_gui.io.tiff_sequence import open_sequence

        return [partial(open_sequence, source.files, choice)]
    return [partial(open_reader, path, choice) for path in source.files]


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


def _unused(part: Part, choice: ReadChoice) -> tuple[str, ...]:
    """Tell of choices that were made, but that this kind of file does not leave."""
    name, facts = part.path.name, part.facts
    notes = []
    if choice.dataset and not facts.datasets:
        notes.append(f"{name} holds no datasets to choose from: the one chosen is not looked for.")
    if choice.axes and choice.axes.upper() != facts.axes.upper():
        notes.append(f"{name} itself tells its axes: the order chosen for them is not used.")
    if choice.raw is not None and facts.format != RAW_FORMAT:
        notes.append(f"{name} describes itself: the geometry of raw data is not used.")
    return tuple(notes)


def _require_same_kind(first: Part, other: Part) -> None:
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
