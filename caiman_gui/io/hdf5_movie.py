"""Movies in HDF5: any dataset that may be one, read frame by frame."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.array_axes import assumed, guess_axes, plan_axes
from caiman_gui.io.array_choice import Candidate, pick
from caiman_gui.io.flat import FlatMovie, array_layout
from caiman_gui.io.h5.dataset import Dataset
from caiman_gui.io.h5.source import FormatError, signature_at
from caiman_gui.io.hdf5_facts import axis_letters, channel_names, frame_rate, pixel_size
from caiman_gui.io.hdf5_walk import look_into, opening, require_no_link, told
from caiman_gui.io.reader import FileFacts
from caiman_gui.io.refusals import DAMAGE, require_sample_type, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.array_axes import AxisPlan
    from caiman_gui.io.array_choice import Found
    from caiman_gui.io.h5.file import File
    from caiman_gui.io.reader import FrameReader, ReadChoice

KIND = "HDF5 file"
#: Bytes that are decoded before they are put into frames.
_PIECE_BYTES = 2**25
#: A compressed chunk is decoded as a whole.
_MAX_CHUNK_BYTES = 2**29
#: A frame in more pieces than this only a damaged header claims.
_MAX_CHUNKS = 2**17
#: A note is due if more than this has to be read for one frame.
_SLOW_BYTES = 2**28


class ChunkedMovie:
    """One channel and plane of a dataset in chunks as a movie (T, H, W). Thread-safe.

    Parameters
    ----------
    path : Path
    kind : str
        Name of the format in messages.
    dataset : Dataset
    plan : AxisPlan
    facts : FileFacts
    on_close : callable
        Called when the movie is closed.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        dataset: Dataset,
        plan: AxisPlan,
        facts: FileFacts,
        on_close: Callable[[], None],
    ) -> None:
        self.path = path
        self.shape = (plan.n_frames, *plan.frame_shape)
        self.dtype = np.dtype(dataset.dtype).newbyteorder("=")
        self.facts = facts
        self._on_close = on_close
        self._is_closed = False
        self._kind = kind
        self._dataset = dataset
        self._plan = plan
        self._at_once = _frames_at_once(plan, dataset, self.dtype)

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        start, stop = max(0, start), min(stop, self.shape[0])
        if self._is_closed:
            raise unreadable(self.path, OSError("the file was closed"))
        out = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype)
        first = start
        try:
            while first < stop:
                last = min(stop, first - first % self._at_once + self._at_once)
                block = self._dataset.read(self._plan.index(first, last))
                out[first - start : last - start] = self._plan.to_frames(block)
                first = last
        except DAMAGE as exc:
            which = f"frame {start}" if stop - start == 1 else f"frames {start} to {stop - 1}"
            raise told(self.path, self._kind, exc, f"{which} cannot be decoded") from exc
        return out

    def close(self) -> None:
        """Close the file."""
        self._is_closed = True
        self._on_close()


def recognises(path: Path, head: bytes) -> bool:
    """Tell whether a file is HDF5 by its first 4096 bytes; ``path`` is not looked at."""
    return signature_at(head) is not None


def open_reader(path: Path, choice: ReadChoice) -> FrameReader:
    """Open the dataset that was chosen, else the one that looks most like a movie.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds no movie.
    """
    with opening(path, KIND) as file:
        content, paths = look_into(file)
        candidates = [
            item for found in content.found for item in _with_axes(file, path, found, paths)
        ]
        if choice.dataset or not candidates:
            require_no_link(file, path, choice.dataset)
        candidate, note = pick(path, KIND, candidates, choice.dataset, content)
        name = candidate.found.path
        facts = FileFacts(
            format="HDF5",
            frame_rate=frame_rate(file, name),
            pixel_size=pixel_size(file, name),
            notes=(note,) if note else (),
        )
        return open_candidate(path, KIND, file, candidate, candidates, choice, facts)


def open_candidate(
    path: Path,
    kind: str,
    file: File,
    candidate: Candidate,
    candidates: Sequence[Candidate],
    choice: ReadChoice,
    facts: FileFacts,
) -> FrameReader:
    """Open the array that was picked; ``facts`` are completed by what its axes say.

    Raises
    ------
    InputError
        If the samples are no brightness, or the axes, the channel or the plane do not fit.
    FormatError, UnsupportedError
        If the array is damaged.
    """
    found = candidate.found
    require_sample_type(found.dtype, path)
    plan = plan_axes(path, kind, found.shape, candidate.axes, found.dtype, choice)
    notes = list(facts.notes)
    if candidate.note and not choice.axes:
        notes.append(candidate.note)
    if plan.axes != candidate.axes and not choice.axes:
        notes.append(f"{path.name} holds {plan.n_frames} planes (z); they are read as frames.")
    if file.is_open_elsewhere:
        notes.append(
            f"{path.name} was not closed by the program that writes it: it may be incomplete."
        )
    dataset = file.get(found.name)
    if not isinstance(dataset, Dataset):
        raise FormatError("the movie is not at its place")
    if dataset.chunks:
        cost = _require_readable(path, dataset, plan)
        if cost > _SLOW_BYTES:
            notes.append(
                f"{path.name} stores frames scattered: {cost / 1e6:,.0f} MB are decoded to show "
                "a single one. Playing is slow until the movie is converted."
            )
    facts = replace(
        facts,
        channels=channel_names(file, found.name, plan.size("C")),
        n_planes=plan.size("Z"),
        datasets=tuple(item.to_dataset() for item in candidates if not item.found.is_elsewhere),
        dataset=found.path,
        axes=plan.axes,
        notes=tuple(notes),
    )
    if dataset.plain_offset is not None:
        layout = array_layout(plan, found.dtype, dataset.plain_offset, is_fortran=False)
        movie = FlatMovie(path, kind, layout, facts)
        file.close()
        return movie
    return ChunkedMovie(path, kind, dataset, plan, facts, file.close)


def _with_axes(file: File, path: Path, found: Found, paths: Mapping[int, str]) -> list[Candidate]:
    """Return the array with its axes, or nothing if they are named and mean no movie."""
    letters = axis_letters(file, found.name, len(found.shape), paths)
    if letters is None:
        return []
    if letters:
        return [Candidate(found, letters)]
    is_ciatah = found.path == "/1"  # written by MATLAB, whose rows are our last axis
    axes = guess_axes(found.shape, found.chunks, is_matlab=is_ciatah)
    why = "was probably written by CIAtah (MATLAB)" if is_ciatah else "does not name its axes"
    return [Candidate(found, axes, assumed(path.name, found.path, found.shape, axes, why))]


def _require_readable(path: Path, dataset: Dataset, plan: AxisPlan) -> int:
    """Return the bytes to decode for one frame, if its chunks are of a sensible size."""
    unknown = dataset.unknown_filter
    if unknown:
        raise InputError(
            "The compression of the movie is not known here",
            f"{path} is compressed by {unknown}.",
            "Write it with gzip or without compression: h5repack -f GZIP=1 old.h5 new.h5.",
        )
    chunks = dataset.chunks or ()
    sides = " x ".join(str(n) for n in chunks)
    chunk_bytes = prod(chunks) * dataset.value_type.n_bytes
    if dataset.filters and chunk_bytes > _MAX_CHUNK_BYTES:
        raise InputError(
            "The movie is stored in pieces that are too large",
            f"{path} compresses chunks of {sides} values, each of which has to be decoded as a "
            f"whole; the limit is {_MAX_CHUNK_BYTES // 2**20} MB.",
            "Store it in smaller chunks: h5repack -l CHUNK=1x512x512 old.h5 new.h5.",
        )
    n_chunks = plan.chunks_for_frame(chunks)
    if n_chunks > _MAX_CHUNKS:
        raise InputError(
            "The movie is stored in pieces that are too small",
            f"{path} has chunks of {sides} values, {n_chunks:,} for each frame; the limit is "
            f"{_MAX_CHUNKS:,}.",
            "Store it in larger chunks: h5repack -l CHUNK=1x512x512 old.h5 new.h5.",
        )
    return n_chunks * chunk_bytes


def _frames_at_once(plan: AxisPlan, dataset: Dataset, dtype: np.dtype) -> int:
    """Frames that are decoded together: whole chunks, as many as fit into a piece."""
    few = max(1, _PIECE_BYTES // (prod(plan.frame_shape) * dtype.itemsize))
    together = dataset.chunks[plan.time] if dataset.chunks and plan.time is not None else 1
    return together * max(1, few // together)
