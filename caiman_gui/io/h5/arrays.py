"""Arrays that list the chunks of a dataset in newer HDF5 files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caiman_gui.io.h5.checksum import require_checksum
from caiman_gui.io.h5.source import number, require

if TYPE_CHECKING:
    from caiman_gui.io.h5.source import Source


class FixedArray:
    """Entries of a dataset whose size has a limit.

    Attributes
    ----------
    entry_bytes : int

    Raises
    ------
    FormatError
    """

    def __init__(self, source: Source, address: int) -> None:
        offset, length = source.offset_bytes, source.length_bytes
        head = source.read(address, 12 + length + offset)
        require(head[:4] == b"FAHD", "an index is missing")
        require_checksum(head)
        self._source = source
        self.entry_bytes = number(head, 6, 1)
        bits = number(head, 7, 1)
        self._count = source.length(head, 8)
        self._block = source.address(head, 8 + length)
        require(self.entry_bytes > 0 and 0 < bits < 32, "an index is odd")
        self._page = 1 << bits

    def get(self, index: int) -> bytes | None:
        """Return an entry; None if it was never written."""
        if self._block is None or not 0 <= index < self._count:
            return None
        source, size = self._source, self.entry_bytes
        start = 6 + source.offset_bytes
        require(source.read(self._block, 4) == b"FADB", "an index is missing")
        if self._count <= self._page:
            return source.read(self._block + start + index * size, size)
        n_pages = -(-self._count // self._page)
        flags = -(-n_pages // 8)
        page, inside = divmod(index, self._page)
        written = source.read(self._block + start + page // 8, 1)[0]
        if not written >> (7 - page % 8) & 1:
            return None
        begin = self._block + start + flags + 4 + page * (self._page * size + 4)
        return source.read(begin + inside * size, size)


class ExtensibleArray:
    """Entries of a dataset that grows along one side.

    Attributes
    ----------
    entry_bytes : int

    Raises
    ------
    FormatError
    """

    def __init__(self, source: Source, address: int) -> None:
        offset, length = source.offset_bytes, source.length_bytes
        head = source.read(address, 16 + 6 * length + offset)
        require(head[:4] == b"EAHD", "an index is missing")
        require_checksum(head)
        self._source = source
        self.entry_bytes, bits, self._n_direct, first, pointers, page_bits = head[6:12]
        self._index = source.address(head, 12 + 6 * length)
        is_sane = self.entry_bytes and 0 < bits <= 64 and 0 < page_bits < 32
        is_sane = is_sane and _is_power(first) and _is_power(pointers)
        require(bool(is_sane), "an index is odd")
        self._first = first
        self._page = 1 << page_bits
        self._offset_bytes = -(-bits // 8)
        n_levels = 1 + bits - (first.bit_length() - 1)
        #: Of each level: number of blocks, entries of one, number of its first entry and block.
        self._levels: list[tuple[int, int, int, int]] = []
        entry = block = 0
        for level in range(n_levels):
            n_blocks, n_entries = 1 << level // 2, first << (level + 1) // 2
            self._levels.append((n_blocks, n_entries, entry, block))
            entry, block = entry + n_blocks * n_entries, block + n_blocks
        self._n_near_blocks = 2 * (pointers - 1)
        self._n_near_levels = 2 * (pointers.bit_length() - 1)

    def get(self, index: int) -> bytes | None:
        """Return an entry; None if it was never written."""
        if self._index is None or index < 0:
            return None
        source, size, offset = self._source, self.entry_bytes, self._source.offset_bytes
        start = self._index + 6 + offset
        require(source.read(self._index, 4) == b"EAIB", "an index is missing")
        if index < self._n_direct:
            return source.read(start + index * size, size)
        index -= self._n_direct
        level = (index // self._first + 1).bit_length() - 1
        if level >= len(self._levels):
            return None
        n_blocks, n_entries, first_entry, first_block = self._levels[level]
        inside, rest = divmod(index - first_entry, n_entries)
        start += self._n_direct * size
        if level < self._n_near_levels:
            block = self._address(start + (first_block + inside) * offset)
            return self._from_block(block, rest, n_entries)
        start += self._n_near_blocks * offset
        super_block = self._address(start + (level - self._n_near_levels) * offset)
        if super_block is None:
            return None
        require(source.read(super_block, 4) == b"EASB", "an index is missing")
        begin = super_block + 6 + offset + self._offset_bytes
        if n_entries <= self._page:
            block = self._address(begin + inside * offset)
            return self._from_block(block, rest, n_entries)
        # One bit for each page of each block tells whether it was written; they are packed, but
        # room is left for whole bytes for each block.
        n_pages = n_entries // self._page
        block = self._address(begin + n_blocks * -(-n_pages // 8) + inside * offset)
        bit = inside * n_pages + rest // self._page
        written = source.read(begin + bit // 8, 1)[0] >> (7 - bit % 8) & 1
        return self._from_block(block, rest, n_entries) if written else None

    def _from_block(self, block: int | None, at: int, n_entries: int) -> bytes | None:
        if block is None:
            return None
        source, size = self._source, self.entry_bytes
        require(source.read(block, 4) == b"EADB", "an index is missing")
        begin = block + 6 + source.offset_bytes + self._offset_bytes
        if n_entries <= self._page:
            return source.read(begin + at * size, size)
        page, inside = divmod(at, self._page)
        return source.read(begin + 4 + page * (self._page * size + 4) + inside * size, size)

    def _address(self, at: int) -> int | None:
        return self._source.address(self._source.read(at, self._source.offset_bytes), 0)


def _is_power(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0
