"""A checksum as quick as memory: with a CRC of all bytes, reading would wait for nothing else.

The bytes, filled up with zeros, are seen as a table with rows of 512 words of 64 bit. The sums of
its rows and columns, modulo 2^64, are what a CRC-32 is taken of. Every change of one word shows
in both sums, a change of two in at least one, a page missing or in the wrong place in its row;
nothing smaller than four words that cancel each other in a rectangle passes.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORDS = 512
#: Pieces that are added have a multiple of this many bytes, all but the last.
ROW_BYTES = 8 * _WORDS
#: Bytes summed at a time, so that they stay in the cache of the processor for the second sum.
_AT_A_TIME = 128 * ROW_BYTES


class Checksum:
    """Sums up bytes piece by piece."""

    def __init__(self) -> None:
        self._rows: list[NDArray[np.uint64]] = []
        self._columns = np.zeros(_WORDS, np.uint64)

    def add(self, array: NDArray[Any]) -> None:
        """Add the bytes of a C-contiguous array."""
        data = array.reshape(-1).view(np.uint8)
        whole = len(data) // ROW_BYTES * ROW_BYTES
        for first in range(0, whole, _AT_A_TIME):
            self._add_rows(data[first : min(first + _AT_A_TIME, whole)])
        if whole < len(data):
            last = np.zeros(ROW_BYTES, np.uint8)
            last[: len(data) - whole] = data[whole:]
            self._add_rows(last)

    @property
    def value(self) -> int:
        """The checksum of all that was added, 32 bit."""
        rows = np.concatenate([np.zeros(0, np.uint64), *self._rows])
        crc = zlib.crc32(rows.astype("<u8").tobytes())
        return zlib.crc32(self._columns.astype("<u8").tobytes(), crc)

    def _add_rows(self, data: NDArray[np.uint8]) -> None:
        words = data.view("<u8").reshape(-1, _WORDS)
        self._rows.append(words.sum(axis=1, dtype=np.uint64))
        self._columns += words.sum(axis=0, dtype=np.uint64)


def checksum_of(array: NDArray[Any]) -> int:
    """Return the checksum of the bytes of a C-contiguous array."""
    total = Checksum()
    total.add(array)
    return total.value
