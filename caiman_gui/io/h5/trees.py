"""B-trees of HDF5, of the old and of the new version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caiman_gui.io.h5.checksum import require_checksum
from caiman_gui.io.h5.source import FormatError, bytes_for, number, require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from caiman_gui.io.h5.source import Source

_MAX_DEPTH = 32


def symbol_nodes(source: Source, address: int, limit: int) -> Iterator[int]:
    """Yield the addresses of the leaves of an old group, up to a limit.

    Raises
    ------
    FormatError
    """
    left = [limit]

    def below(at: int, level: int | None) -> Iterator[int]:
        width, key = source.offset_bytes, source.length_bytes
        head = source.read(at, 8 + 2 * width)
        require(head[:4] == b"TREE" and head[4] == 0, "the list of a group is missing")
        own, n_entries = head[5], number(head, 6, 2)
        require(level is None or own == level, "the list of a group has a loop")
        entries = source.read(at + 8 + 2 * width, key + n_entries * (width + key))
        for n in range(n_entries):
            child = source.address(entries, key + n * (width + key))
            left[0] -= 1
            if left[0] < 0:
                return
            if child is None:
                raise FormatError("the list of a group has a gap")
            if own == 0:
                yield child
            else:
                yield from below(child, own - 1)

    return below(address, None)


class NewTree:
    """A B-tree of version 2.

    Attributes
    ----------
    kind : int
        What its records are.
    record_bytes : int

    Raises
    ------
    FormatError
    """

    def __init__(self, source: Source, address: int) -> None:
        offset, length = source.offset_bytes, source.length_bytes
        head = source.read(address, 22 + offset + length)
        require(head[:4] == b"BTHD", "an index is missing")
        require_checksum(head)
        self._source = source
        self.kind = head[5]
        self._node_bytes = number(head, 6, 4)
        self.record_bytes = number(head, 10, 2)
        self._depth = number(head, 12, 2)
        self._root = source.address(head, 16)
        self._n_root = number(head, 16 + offset, 2)
        is_sane = self._depth < _MAX_DEPTH and 0 < self.record_bytes < self._node_bytes <= 2**22
        require(is_sane, "an index is odd")
        most = (self._node_bytes - 10) // self.record_bytes
        self._count_bytes = bytes_for(most)
        self._total_bytes, total = [0], most
        for level in range(1, self._depth + 1):
            pointer = offset + self._count_bytes + self._total_bytes[level - 1]
            most = (self._node_bytes - 10 - pointer) // (self.record_bytes + pointer)
            total = (most + 1) * total + most
            self._total_bytes.append(bytes_for(total))

    def records(self) -> Iterator[bytes]:
        """Yield all records in order; the caller stops when it has enough."""
        if self._root is not None:
            yield from self._below(self._root, self._n_root, self._depth)

    def find(self, compare: Callable[[bytes], int]) -> bytes | None:
        """Return the record for which ``compare`` is 0; it is < 0 for those before it."""
        at, count, level = self._root, self._n_root, self._depth
        while at is not None:
            records, children = self._node(at, count, level)
            low, high = 0, len(records)
            while low < high:
                middle = (low + high) // 2
                side = compare(records[middle])
                if side == 0:
                    return records[middle]
                low, high = (middle + 1, high) if side < 0 else (low, middle)
            if not children:
                return None
            at, count = children[low]
            level -= 1
        return None

    def _below(self, address: int, count: int, level: int) -> Iterator[bytes]:
        records, children = self._node(address, count, level)
        for n, record in enumerate(records):
            if children:
                yield from self._below(*children[n], level - 1)
            yield record
        if children:
            yield from self._below(*children[-1], level - 1)

    def _node(
        self, address: int, count: int, level: int
    ) -> tuple[list[bytes], list[tuple[int, int]]]:
        """Return records and children (address, number of records) of a node."""
        source, size = self._source, self.record_bytes
        offset, total = source.offset_bytes, self._total_bytes[max(0, level - 1)]
        pointer = offset + self._count_bytes + (total if level > 1 else 0)
        n_bytes = 6 + count * size + ((count + 1) * pointer if level else 0) + 4
        require(n_bytes <= self._node_bytes, "a node of an index is too long")
        node = source.read(address, n_bytes)
        require(node[:4] == (b"BTIN" if level else b"BTLF"), "a node of an index is missing")
        require_checksum(node)
        records = [node[6 + n * size : 6 + (n + 1) * size] for n in range(count)]
        children = []
        if level:
            for at in range(6 + count * size, n_bytes - 4, pointer):
                child = source.address(node, at)
                if child is None:
                    raise FormatError("an index has a gap")
                children.append((child, number(node, at + offset, self._count_bytes)))
        return records, children
