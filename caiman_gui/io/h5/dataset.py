"""Datasets: shape, type and storage, and reading any box of their values."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.parallel import cpu_count
from caiman_gui.io.h5 import header
from caiman_gui.io.h5.chunks import ChunkIndex, chunk_index
from caiman_gui.io.h5.filters import undo, unknown_filter
from caiman_gui.io.h5.header import unshared
from caiman_gui.io.h5.layout import Filter, Layout, read_fill, read_filters, read_layout
from caiman_gui.io.h5.source import FormatError, UnsupportedError
from caiman_gui.io.h5.types import Space, ValueType, read_space, read_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from caiman_gui.io.h5.header import Message
    from caiman_gui.io.h5.source import Source

#: Decoded chunks that are kept, bytes.
_CACHE_BYTES = 2**26
#: Decoding fewer bytes is faster without threads; all threads together decode no more than this.
_WORTH_THREADS, _IN_FLIGHT_BYTES = 2**21, 2**28
#: Decoding a chunk of fewer bytes takes no longer than handing it over.
_WORTH_A_TASK = 2**15
_MAX_THREADS = 4
#: Bytes that compression may add to what it cannot compress, besides an eighth.
_MAX_GROWTH = 2**16
_ELSEWHERE = "datasets whose values lie in other files are not read"


class Dataset:
    """An array in an HDF5 file. Thread-safe; decodes outside of its lock.

    Parameters
    ----------
    source : Source
    address : int
        Of its object header.
    messages : sequence of Message

    Attributes
    ----------
    shape : tuple of int or None
    value_type : ValueType
    chunks : tuple of int or None
    filters : tuple of Filter
    is_elsewhere : bool
        Whether its values lie in other files.

    Raises
    ------
    FormatError, UnsupportedError
    """

    def __init__(self, source: Source, address: int, messages: Sequence[Message]) -> None:
        self.source = source
        self.address = address
        self.messages = messages
        found = {message.kind: unshared(source, message) for message in reversed(messages)
                 if message.kind in _NEEDED}  # fmt: skip
        if header.DATASPACE not in found or header.DATATYPE not in found:
            raise FormatError("an array has no shape or no type")
        self.space: Space = read_space(source, found[header.DATASPACE])
        self.shape = self.space.shape
        self.value_type: ValueType = read_type(found[header.DATATYPE])
        self.layout: Layout = read_layout(source, found.get(header.LAYOUT, b""))
        self.is_elsewhere = header.EXTERNAL_FILES in found or self.layout.kind == "elsewhere"
        pipeline = found.get(header.FILTERS)
        self.filters: tuple[Filter, ...] = read_filters(pipeline) if pipeline else ()
        is_chunked = self.layout.kind == "chunked"
        self.chunks = self.layout.chunks if is_chunked else None
        if is_chunked and len(self.layout.chunks) != len(self.shape or ()):
            raise FormatError("the chunks do not fit the array")
        self._fill = _fill_value(found)
        self._index: ChunkIndex | None = None
        self._kept: OrderedDict[tuple[int, ...], NDArray[np.generic]] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()

    @property
    def dtype(self) -> np.dtype | None:
        """Type of numbers as stored; None if they are something else."""
        return self.value_type.dtype

    @property
    def unknown_filter(self) -> str:
        """Name of a filter that cannot be undone; empty if there is none."""
        return unknown_filter(self.filters) if self.layout.kind == "chunked" else ""

    @property
    def plain_offset(self) -> int | None:
        """Byte of the file at which the values lie together; None if they do not."""
        address = self.layout.address if self.layout.kind == "contiguous" else None
        return None if address is None or self.is_elsewhere else address + self.source.base

    def read(self, box: tuple[slice, ...]) -> NDArray[np.generic]:
        """Return the values of a box as stored, bytes for what is no number.

        Parameters
        ----------
        box : tuple of slice
            A start and a stop inside the array for each side, without steps.

        Raises
        ------
        FormatError, UnsupportedError
        """
        if self.is_elsewhere:
            raise UnsupportedError(_ELSEWHERE)
        dtype = self.value_type.dtype or np.dtype(f"V{self.value_type.n_bytes}")
        if self.layout.kind == "chunked":
            return self._read_chunks(box, dtype)
        return self._read_together(box, dtype)

    def _read_together(self, box: tuple[slice, ...], dtype: np.dtype) -> NDArray[np.generic]:
        """Read from the first to the last row of the slowest side, and cut the rest."""
        shape = self.shape or ()
        first, n_rows = (box[0].start, box[0].stop - box[0].start) if box else (0, 1)
        row = prod(shape[1:]) * dtype.itemsize
        if self.layout.kind == "compact":
            data = self.layout.values[first * row : (first + n_rows) * row]
        elif self.layout.address is None:
            sides = [part.stop - part.start for part in box]
            return np.broadcast_to(self._unwritten(dtype), sides)
        else:
            start = self.layout.address + first * row
            data = self.source.read_values(start, n_rows * row)
        values = np.frombuffer(data, dtype)
        if len(values) != n_rows * prod(shape[1:]):
            raise FormatError("the values are cut off")
        rows = values.reshape(n_rows, *shape[1:]) if box else values.reshape(())
        return rows[(slice(None), *box[1:])] if box else rows

    def _read_chunks(self, box: tuple[slice, ...], dtype: np.dtype) -> NDArray[np.generic]:
        out = np.empty([part.stop - part.start for part in box], dtype)
        grid = [
            range(part.start // side, -(-part.stop // side))
            for part, side in zip(box, self.layout.chunks, strict=True)
        ]

        def put(place: tuple[int, ...]) -> None:
            # The part of the chunk that is wanted, in the chunk and in the box.
            inside, target = [], []
            for at, side, part in zip(place, self.layout.chunks, box, strict=True):
                low, high = max(part.start, at * side), min(part.stop, (at + 1) * side)
                inside.append(slice(low - at * side, high - at * side))
                target.append(slice(low - part.start, high - part.start))
            out[tuple(target)] = self._chunk(place, tuple(inside), dtype)

        missing = []
        for place in itertools.product(*grid):
            if place in self._kept or not self.filters:
                put(place)
            else:
                missing.append(place)
        n_threads = self._count_threads(len(missing), dtype)
        if n_threads > 1:
            with ThreadPoolExecutor(n_threads, "h5-chunks") as pool:
                for _ in pool.map(put, missing):
                    pass
        else:
            for place in missing:
                put(place)
        return out

    def _count_threads(self, n_chunks: int, dtype: np.dtype) -> int:
        """Threads to decode with: one where starting others would cost more than it gains."""
        chunk_bytes = prod(self.layout.chunks) * dtype.itemsize
        if n_chunks * chunk_bytes < _WORTH_THREADS or chunk_bytes < _WORTH_A_TASK:
            return 1
        return max(1, min(n_chunks, cpu_count(), _MAX_THREADS, _IN_FLIGHT_BYTES // chunk_bytes))

    def _chunk(
        self, place: tuple[int, ...], inside: tuple[slice, ...], dtype: np.dtype
    ) -> NDArray[np.generic]:
        """Return the wanted part of a chunk, decoded at most once while it is kept."""
        with self._lock:
            kept = self._kept.get(place)
            if kept is not None:
                self._kept.move_to_end(place)
                return kept[inside]
        chunks = self.layout.chunks
        found = self._lookup().find(place)
        if found is None:
            return self._unwritten(dtype)
        n_bytes = prod(chunks) * dtype.itemsize
        is_plain = not self.filters or (self.layout.has_plain_edges and self._is_edge(place))
        if is_plain:  # the system keeps what is read; here only what has to be cut out of more
            row = n_bytes // chunks[0]
            first, last = inside[0].start, inside[0].stop
            data = self.source.read_values(found.address + first * row, (last - first) * row)
            values = np.frombuffer(data, dtype).reshape(last - first, *chunks[1:])
            wanted = values[(slice(None), *inside[1:])]
            if (first, last) != (0, chunks[0]) or 2 * wanted.size > values.size:
                return wanted
        else:
            most = n_bytes + n_bytes // 8 + _MAX_GROWTH
            if found.n_bytes > most:
                raise FormatError("a chunk is larger than compression can make it")
            raw = self.source.read_values(found.address, found.n_bytes)
            data = undo(self.filters, found.mask, raw, n_bytes, dtype.itemsize)
            values = np.frombuffer(data, dtype).reshape(chunks)
        self._keep(place, values)
        return values[inside]

    def _lookup(self) -> ChunkIndex:
        if self._index is None:
            self._index = chunk_index(
                self.source, self.layout, self.space, self.value_type.n_bytes,
                is_filtered=bool(self.filters),
            )  # fmt: skip
        return self._index

    def _is_edge(self, place: tuple[int, ...]) -> bool:
        sides = zip(place, self.layout.chunks, self.shape or (), strict=True)
        return any((at + 1) * side > n for at, side, n in sides)

    def _keep(self, place: tuple[int, ...], values: NDArray[np.generic]) -> None:
        if values.nbytes > _CACHE_BYTES // 2:
            return
        with self._lock:
            if place in self._kept:
                return
            self._kept[place] = values
            self._kept_bytes += values.nbytes
            while self._kept_bytes > _CACHE_BYTES:
                _, old = self._kept.popitem(last=False)
                self._kept_bytes -= old.nbytes

    def _unwritten(self, dtype: np.dtype) -> NDArray[np.generic]:
        """Return the value of what was never written, as an array without sides."""
        raw = self._fill if len(self._fill) == dtype.itemsize else bytes(dtype.itemsize)
        return np.frombuffer(raw, dtype).reshape(())


_NEEDED = (
    header.DATASPACE, header.DATATYPE, header.OLD_FILL, header.FILL, header.LAYOUT,
    header.FILTERS, header.EXTERNAL_FILES,
)  # fmt: skip


def _fill_value(found: dict[int, bytes]) -> bytes:
    """Bytes of the value that was never written; empty for zero."""
    if header.FILL in found:
        return read_fill(found[header.FILL], is_old=False)
    if header.OLD_FILL in found:
        return read_fill(found[header.OLD_FILL], is_old=True)
    return b""
