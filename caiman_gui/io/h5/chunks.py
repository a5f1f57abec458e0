"""Finding the chunks of a dataset: each looked up by itself, so that opening reads no index."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Protocol

from caiman_gui.io.h5.source import FormatError, UnsupportedError, number, require
from caiman_gui.io.h5.trees import NewTree

if TYPE_CHECKING:
    from caiman_gui.io.h5.layout import Layout
    from caiman_gui.io.h5.source import Source
    from caiman_gui.io.h5.types import Space

_MAX_DEPTH = 32
_MAX_NODES = 64


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies.

    Attributes
    ----------
    address : int
    n_bytes : int
        As stored.
    mask : int
        Filters that were left out, one bit each.
    """

    address: int
    n_bytes: int
    mask: int = 0


class ChunkIndex(Protocol):
    """Finds chunks by their place in the grid of chunks."""

    def find(self, place: tuple[int, ...]) -> Chunk | None:
        """Return a chunk; None if it was never written."""


def chunk_index(
    source: Source, layout: Layout, space: Space, value_bytes: int, *, is_filtered: bool
) -> ChunkIndex:
    """Return the index of a chunked dataset.

    Raises
    ------
    FormatError, UnsupportedError
    """
    n_bytes = prod(layout.chunks) * value_bytes
    if layout.address is None:
        return _Nothing()
    if layout.index == "tree":
        return _OldTree(source, layout.address, layout.chunks)
    if layout.index == "single":
        stored, mask = layout.single or (n_bytes, 0)
        return _Single(Chunk(layout.address, stored, mask))
    if layout.index == "new tree":
        return _NewTreeIndex(source, layout.address, n_bytes)
    if layout.index == "implicit":
        grid = _Grid(layout.chunks, space, is_moving=False)
        return _Implicit(layout.address, n_bytes, grid)
    from caiman_gui.io.h5.arrays import ExtensibleArray, FixedArray

    if layout.index == "fixed":
        grid = _Grid(layout.chunks, space, is_moving=False)
        return _ByNumber(source, FixedArray(source, layout.address), grid, n_bytes, is_filtered)
    grid = _Grid(layout.chunks, space, is_moving=True)
    return _ByNumber(source, ExtensibleArray(source, layout.address), grid, n_bytes, is_filtered)


class _Nothing:
    def find(self, place: tuple[int, ...]) -> Chunk | None:
        return None


class _Single:
    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk

    def find(self, place: tuple[int, ...]) -> Chunk | None:
        return None if any(place) else self._chunk


class _Grid:
    """Numbers the chunks row by row; with ``is_moving`` the side that grows is the slowest."""

    def __init__(self, chunks: tuple[int, ...], space: Space, *, is_moving: bool) -> None:
        limits = space.limits
        order = list(range(len(chunks)))
        endless = [n for n, limit in enumerate(limits) if limit is None]
        if is_moving:
            require(len(endless) == 1, "an index does not fit its array")
            order.remove(endless[0])
            order.insert(0, endless[0])
        self._order = order
        counts = [-(-(limits[n] or 0) // chunks[n]) for n in order]
        self._steps = [prod(counts[n + 1 :]) for n in range(len(counts))]

    def number(self, place: tuple[int, ...]) -> int:
        """Return the number of a chunk."""
        return sum(place[n] * step for n, step in zip(self._order, self._steps, strict=True))


class _Implicit:
    def __init__(self, address: int, n_bytes: int, grid: _Grid) -> None:
        self._address, self._n_bytes, self._grid = address, n_bytes, grid

    def find(self, place: tuple[int, ...]) -> Chunk | None:
        return Chunk(self._address + self._grid.number(place) * self._n_bytes, self._n_bytes)


class _Elements(Protocol):
    entry_bytes: int

    def get(self, index: int) -> bytes | None: ...


class _ByNumber:
    """Chunks listed in an array."""

    def __init__(
        self, source: Source, array: _Elements, grid: _Grid, n_bytes: int, is_filtered: bool
    ) -> None:
        self._source, self._array, self._grid, self._n_bytes = source, array, grid, n_bytes
        self._size_bytes = array.entry_bytes - source.offset_bytes - 4 if is_filtered else 0
        is_sane = 0 < self._size_bytes <= 8 if is_filtered else True
        require(is_sane and array.entry_bytes >= source.offset_bytes, "an index is odd")

    def find(self, place: tuple[int, ...]) -> Chunk | None:
        entry = self._array.get(self._grid.number(place))
        address = self._source.address(entry, 0) if entry is not None else None
        if entry is None or address is None:
            return None
        if not self._size_bytes:
            return Chunk(address, self._n_bytes)
        at = self._source.offset_bytes
        mask = number(entry, at + self._size_bytes, 4)
        return Chunk(address, number(entry, at, self._size_bytes), mask)


class _NewTreeIndex:
    def __init__(self, source: Source, address: int, n_bytes: int) -> None:
        self._source, self._n_bytes = source, n_bytes
        self._tree = NewTree(source, address)
        if self._tree.kind not in (10, 11):
            raise FormatError("an index is of another kind")

    def find(self, place: tuple[int, ...]) -> Chunk | None:
        tree, offset = self._tree, self._source.offset_bytes
        first = tree.record_bytes - 8 * len(place)
        size_bytes = first - offset - 4 if tree.kind == 11 else 0
        require(first >= offset and (tree.kind == 10 or 0 < size_bytes <= 8), "an index is odd")

        def compare(record: bytes) -> int:
            there = tuple(number(record, first + 8 * n, 8) for n in range(len(place)))
            return (there > place) - (there < place)

        record = tree.find(compare)
        address = self._source.address(record, 0) if record is not None else None
        if record is None or address is None:
            return None
        if not size_bytes:
            return Chunk(address, self._n_bytes)
        stored, mask = number(record, offset, size_bytes), number(record, offset + size_bytes, 4)
        return Chunk(address, stored, mask)


@dataclass(frozen=True, slots=True)
class _Node:
    level: int
    starts: list[tuple[int, ...]]
    entries: list[Chunk]


class _OldTree:
    """A B-tree of version 1; the last nodes that were looked at are kept."""

    def __init__(self, source: Source, address: int, chunks: tuple[int, ...]) -> None:
        self._source, self._root, self._chunks = source, address, chunks
        self._nodes: dict[int, _Node] = {}

    def find(self, place: tuple[int, ...]) -> Chunk | None:
        start = tuple(n * side for n, side in zip(place, self._chunks, strict=True))
        node = self._node(self._root)
        for _ in range(_MAX_DEPTH):
            at = bisect_right(node.starts, start) - 1
            if at < 0:
                return None
            entry = node.entries[at]
            if node.level == 0:
                return entry if node.starts[at] == start else None
            child = self._node(entry.address)
            require(child.level == node.level - 1, "an index has a loop")
            node = child
        raise FormatError("an index is too deep")

    def _node(self, address: int) -> _Node:
        node = self._nodes.get(address)
        if node is None:
            node = self._read(address)
            if len(self._nodes) >= _MAX_NODES:
                self._nodes = {}  # replaced as a whole: other threads may look into the old one
            self._nodes[address] = node
        return node

    def _read(self, address: int) -> _Node:
        source, n_sides = self._source, len(self._chunks) + 1
        offset = source.offset_bytes
        head = source.read(address, 8 + 2 * offset)
        require(head[:4] == b"TREE" and head[4] == 1, "the index of the chunks is missing")
        level, count = head[5], number(head, 6, 2)
        step = 8 + 8 * n_sides + offset
        data = source.read(address + 8 + 2 * offset, count * step)
        starts, entries = [], []
        for at in range(0, count * step, step):
            starts.append(tuple(number(data, at + 8 + 8 * n, 8) for n in range(len(self._chunks))))
            child = source.address(data, at + 8 + 8 * n_sides)
            if child is None:
                raise UnsupportedError("an index has a gap")
            entries.append(Chunk(child, number(data, at, 4), number(data, at + 4, 4)))
        return _Node(level, starts, entries)
