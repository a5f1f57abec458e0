"""Heaps of HDF5 files: names of old groups, texts of any length, links and attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caiman_gui.io.h5.checksum import require_checksum
from caiman_gui.io.h5.source import FormatError, UnsupportedError, bytes_for, number, require

if TYPE_CHECKING:
    from caiman_gui.io.h5.source import Source

_MAX_NAME = 4_096
_MAX_LEVELS = 32


class LocalHeap:
    """Names of a group of the old kind.

    Raises
    ------
    FormatError
    """

    def __init__(self, source: Source, address: int) -> None:
        width = source.length_bytes
        head = source.read(address, 8 + 2 * width + source.offset_bytes)
        require(head[:4] == b"HEAP", "a list of names is missing")
        start = source.address(head, 8 + 2 * width)
        if start is None:
            raise FormatError("a list of names is missing")
        self._source, self._start, self._size = source, start, source.length(head, 8)

    def name(self, at: int) -> bytes:
        """Return the name at a place."""
        room = min(_MAX_NAME, self._size - at, self._source.size - self._start - at)
        require(room > 0, "a name is not in its list")
        name, end, _ = self._source.read(self._start + at, room).partition(b"\0")
        require(bool(end), "a name has no end")
        return name


def read_from_global_heap(source: Source, address: int, index: int, limit: int) -> bytes:
    """Return an object of a global heap, which texts of any length lie in.

    Raises
    ------
    FormatError
        If it is not there, or has more than ``limit`` bytes.
    """
    width = source.length_bytes
    head = source.read(address, 8 + width)
    require(head[:4] == b"GCOL", "a heap of texts is missing")
    end = address + source.length(head, 8)
    at, step = address + 8 + width, 8 + width
    while at + step <= end:
        entry = source.read(at, step)
        number_, size = number(entry, 0, 2), source.length(entry, 8)
        if number_ == 0:  # free space up to the end
            break
        if number_ == index:
            require(size <= limit and at + step + size <= end, "a text is too long")
            return source.read(at + step, size)
        at += step + -(-size // 8) * 8
    raise FormatError("a text is not in its heap")


@dataclass(frozen=True, slots=True)
class _Table:
    """How the blocks of a fractal heap grow."""

    width: int
    first: int
    largest: int
    n_direct_rows: int

    def block_bytes(self, row: int) -> int:
        return self.first << max(0, row - 1)

    def rows_of(self, n_bytes: int) -> int:
        """Rows of an indirect block that covers so many bytes."""
        return n_bytes.bit_length() - (self.first * self.width).bit_length() + 1


class FractalHeap:
    """Links or attributes of a new group or object with many of them.

    Raises
    ------
    FormatError, UnsupportedError
    """

    def __init__(self, source: Source, address: int) -> None:
        offset, length = source.offset_bytes, source.length_bytes
        size = 26 + 3 * offset + 12 * length
        start = source.read(address, size)
        require(start[:4] == b"FRHP", "a heap is missing")
        if number(start, 7, 2):
            raise UnsupportedError("compressed heaps are not read")
        require_checksum(start)
        self._source = source
        self.id_bytes = number(start, 5, 2)
        self._has_checksums = bool(start[9] & 2)
        largest_object = number(start, 10, 4)
        at = 14 + 2 * offset + 10 * length
        width, first = number(start, at, 2), source.length(start, at + 2)
        largest = source.length(start, at + 2 + length)
        bits = number(start, at + 2 + 2 * length, 2)
        at += 6 + 2 * length
        self._root, self._n_rows = source.address(start, at), number(start, at + offset, 2)
        is_sane = 0 < width <= 1024 and 0 < first <= largest <= 2**24 and 0 < bits <= 64
        require(is_sane and first & (first - 1) == 0 == largest & (largest - 1), "a heap is odd")
        n_direct = largest.bit_length() - first.bit_length() + 2
        self._table = _Table(width, first, largest, n_direct)
        self._offset_bytes = -(-bits // 8)
        self._size_bytes = min(bytes_for(largest), bytes_for(largest_object))

    def get(self, id_: bytes) -> bytes:
        """Return the object of an ID."""
        kind = id_[0] >> 4 & 3
        if kind == 2:  # tiny: in the ID itself
            return id_[1 : 2 + (id_[0] & 15)]
        if kind != 0:
            raise UnsupportedError("huge objects in heaps are not read")
        at = number(id_, 1, self._offset_bytes)
        size = number(id_, 1 + self._offset_bytes, self._size_bytes)
        if self._root is None:
            raise FormatError("a heap is empty")
        if self._n_rows == 0:
            return self._in_direct(self._root, self._table.first, at, size)
        return self._in_indirect(self._root, self._n_rows, at, size, 0)

    def _in_direct(self, address: int, block: int, at: int, size: int) -> bytes:
        require(at + size <= block, "an object is not in its heap")
        require(self._source.read(address, 4) == b"FHDB", "a block of a heap is missing")
        return self._source.read(address + at, size)

    def _in_indirect(self, address: int, n_rows: int, at: int, size: int, level: int) -> bytes:
        table, source = self._table, self._source
        require(0 < n_rows <= 64 and level < _MAX_LEVELS, "a heap is odd")
        require(source.read(address, 4) == b"FHIB", "a block of a heap is missing")
        prefix = 5 + source.offset_bytes + self._offset_bytes
        start = 0
        for row in range(n_rows):
            block = table.block_bytes(row)
            if at < start + table.width * block:
                column = (at - start) // block
                entry = address + prefix + (row * table.width + column) * source.offset_bytes
                child = source.address(source.read(entry, source.offset_bytes), 0)
                if child is None:
                    break
                inside = at - start - column * block
                if row < table.n_direct_rows:
                    return self._in_direct(child, block, inside, size)
                return self._in_indirect(child, table.rows_of(block), inside, size, level + 1)
            start += table.width * block
        raise FormatError("an object is not in its heap")
