"""Movies in HDF5: any dataset that may be one, read frame by frame."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.array_axes import assumed, guess_axes, plan_axes
from caiman_gui.io.array_choice import Candidate, pick
from caiman_gui.io.hdf5_facts import axis_letters, channel_names, frame_rate, pixel_size
from caiman_gui.io.hdf5_walk import look_into, opening, resolve, signature_at
from caiman_gui.io.plain_array import PlainArray, is_plain
from caiman_gui.io.reader import FileFacts
from caiman_gui.io.refusals import DAMAGE, in_words, require_sample_type, unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.array_axes import AxisPlan
    from caiman_gui.io.array_choice import Found
    from caiman_gui.io.reader import ReadChoice

KIND = "HDF5 file"
#: Bytes of decoded chunks that the library keeps, and places for them (a prime, as it wants).
_CACHE_BYTES, _CACHE_SLOTS = 2**26, 10_007
#: Bytes read by one call: the library does one call at a time.
_CALL_BYTES = 2**23
#: A compressed chunk is decoded as a whole.
_MAX_CHUNK_BYTES = 2**29
#: A note is due if more than this has to be read for one frame.
_SLOW_BYTES = 2**28
#: Compression that the library does not have by itself.
_FILTERS = {
    4: "szip", 305: "LZO", 307: "bzip2", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle",
    32013: "ZFP", 32015: "Zstandard", 32017: "SZ", 32026: "Blosc2",
}  # fmt: skip


class Hdf5Movie:
    """One channel and plane of a dataset as a movie (T, H, W). Thread-safe.

    Parameters
    ----------
    path : Path
    kind : str
        Name of the format in messages.
    file : h5py.File
        Open; it becomes this reader's own.
    found : Found
    plan : AxisPlan
    facts : FileFacts

    Raises
    ------
    InputError
        If the dataset needs a filter that is missing, or is damaged.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        file: h5py.File,
        found: Found,
        plan: AxisPlan,
        facts: FileFacts,
    ) -> None:
        self.path = path
        self.shape = (plan.n_frames, *plan.frame_shape)
        self.dtype = found.dtype.newbyteorder("=")
        self.facts = facts
        self._kind = kind
        self._plan = plan
        self._file = file
        self._dataset: Any = _open_dataset(file, found.name)
        self._at_once = _frames_at_once(plan, found)
        self._plain: PlainArray | None = None
        _require_filters(path, kind, self._dataset)
        offset = _plain_offset(self._dataset)
        if offset is not None and is_plain(plan):
            self._plain = PlainArray(path, kind, plan, found.dtype, offset)
            file.close()

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        start, stop = max(0, start), min(stop, self.shape[0])
        if start >= stop:
            return np.empty((0, *self.shape[1:]), self.dtype)
        if self._plain is not None:
            return self._plain.frames(start, stop)
        if not self._dataset:  # closed meanwhile
            raise unreadable(self.path, OSError("the file was closed"))
        pieces = []
        first = start
        try:
            while first < stop:
                last = min(stop, first - first % self._at_once + self._at_once)
                block = self._dataset[self._plan.index(first, last)]
                pieces.append(self._plan.to_frames(np.asarray(block, self.dtype)))
                first = last
            return np.ascontiguousarray(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))
        except DAMAGE as exc:
            which = f"frame {start}" if stop - start == 1 else f"frames {start} to {stop - 1}"
            raise in_words(self.path, self._kind, exc, f"{which} cannot be decoded") from exc

    def close(self) -> None:
        """Close the file."""
        if self._plain is not None:
            self._plain.close()
        self._file.close()


def recognises(path: Path, head: bytes) -> bool:
    """Tell whether a file is HDF5 by its first 4096 bytes; ``path`` is not looked at."""
    return signature_at(head) is not None


def open_reader(path: Path, choice: ReadChoice) -> Hdf5Movie:
    """Open the dataset that was chosen, else the one that looks most like a movie.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds no movie.
    """
    with opening(path, KIND) as file:
        content = look_into(file)
        candidates = [item for found in content.found for item in _with_axes(file, path, found)]
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
    file: h5py.File,
    candidate: Candidate,
    candidates: Sequence[Candidate],
    choice: ReadChoice,
    facts: FileFacts,
) -> Hdf5Movie:
    """Open the array that was picked; ``facts`` are completed by what its axes say.

    Raises
    ------
    InputError
        If the samples are no brightness, or the axes, the channel or the plane do not fit.
    """
    found = candidate.found
    require_sample_type(found.dtype, path)
    plan = plan_axes(path, kind, found.shape, candidate.axes, found.dtype, choice)
    notes = list(facts.notes)
    if candidate.note and not choice.axes:
        notes.append(candidate.note)
    if plan.axes != candidate.axes and not choice.axes:
        notes.append(f"{path.name} holds {plan.n_frames} planes (z); they are read as frames.")
    dataset = resolve(file, found.name)
    if found.dtype.itemsize * prod(found.chunks or ()) > _MAX_CHUNK_BYTES and _filters(dataset):
        raise _chunk_too_large(path, found)
    cost = _bytes_for_one_frame(plan, found)
    if cost > _SLOW_BYTES:
        notes.append(
            f"{path.name} stores single frames scattered: {cost / 1e6:,.0f} MB are read for each. "
            "Playing is slow until the movie is converted."
        )
    facts = replace(
        facts,
        channels=channel_names(dataset, plan.size("C")),
        n_planes=plan.size("Z"),
        datasets=tuple(item.to_dataset() for item in candidates if not item.found.is_elsewhere),
        dataset=found.path,
        axes=plan.axes,
        notes=tuple(notes),
    )
    return Hdf5Movie(path, kind, file, found, plan, facts)


def _with_axes(file: h5py.File, path: Path, found: Found) -> list[Candidate]:
    """Return the array with its axes, or nothing if they are named and mean no movie."""
    letters, _ = axis_letters(resolve(file, found.name))
    if letters is None:
        return []
    if letters:
        return [Candidate(found, letters)]
    is_ciatah = found.path == "/1"  # written by MATLAB, whose rows are our last axis
    axes = guess_axes(found.shape, found.chunks, is_matlab=is_ciatah)
    why = "was probably written by CIAtah (MATLAB)" if is_ciatah else "does not name its axes"
    return [Candidate(found, axes, assumed(path.name, found.path, found.shape, axes, why))]


def _open_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(_CACHE_SLOTS, _CACHE_BYTES, 0.0)
    return h5py.Dataset(h5py.h5d.open(file.id, name.encode("utf-8", "surrogateescape"), access))


def _filters(dataset: h5py.Dataset) -> list[int]:
    """Codes of the filters that values pass through."""
    made = dataset.id.get_create_plist()
    return [made.get_filter(number)[0] for number in range(made.get_nfilters())]


def _require_filters(path: Path, kind: str, dataset: h5py.Dataset) -> None:
    for code in _filters(dataset):
        if not h5py.h5z.filter_avail(code):
            name = _FILTERS.get(code, f"HDF5 filter {code}")
            raise InputError(
                "The compression of the movie is not known here",
                f"{path} is compressed by {name}, which the HDF5 library does not hold.",
                "Write it with gzip or without compression: h5repack -f GZIP=1 old.h5 new.h5.",
            )


def _plain_offset(dataset: h5py.Dataset) -> int | None:
    """Byte at which the values lie in one piece just as NumPy has them; None if they do not."""
    made = dataset.id.get_create_plist()
    if made.get_layout() != h5py.h5d.CONTIGUOUS or dataset.dtype.kind == "b":
        return None
    if not dataset.id.get_type().equal(h5py.h5t.py_create(dataset.dtype)):
        return None
    offset = dataset.id.get_offset()
    return int(offset) if offset is not None else None


def _frames_at_once(plan: AxisPlan, found: Found) -> int:
    """Frames for one call: whole chunks, few enough that the call stays short."""
    frame_bytes = prod(plan.frame_shape) * found.dtype.itemsize
    few = max(1, _CALL_BYTES // frame_bytes)
    if found.chunks is None or plan.time is None:
        return plan.n_frames
    together = found.chunks[plan.time]
    return together * max(1, few // together)


def _bytes_for_one_frame(plan: AxisPlan, found: Found) -> int:
    """Bytes that have to be read and decoded to show a single frame."""
    if found.chunks is None:
        whole = prod(found.shape) * found.dtype.itemsize
        return 0 if is_plain(plan) else whole
    n_values = 1
    for axis, (n, chunk) in enumerate(zip(found.shape, found.chunks, strict=True)):
        is_one = axis == plan.time or axis in plan.fixed
        n_values *= chunk if is_one else -(-n // chunk) * chunk
    return n_values * found.dtype.itemsize


def _chunk_too_large(path: Path, found: Found) -> InputError:
    sides = " x ".join(str(n) for n in found.chunks or ())
    return InputError(
        "The movie is stored in pieces that are too large",
        f"{path} compresses {found.path} in chunks of {sides} values, each of which has to be "
        f"decoded as a whole; the limit is {_MAX_CHUNK_BYTES // 2**20} MB.",
        "Store it in smaller chunks, for instance: h5repack -l CHUNK=1x512x512 old.h5 new.h5.",
    )
