"""The block that an HDF5 file begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caiman_gui.io.h5.checksum import require_checksum
from caiman_gui.io.h5.source import FormatError, UnsupportedError, number, require

if TYPE_CHECKING:
    from caiman_gui.io.h5.source import Source

_WIDTHS = (4, 8)


@dataclass(frozen=True, slots=True)
class Superblock:
    """What the first block says.

    Attributes
    ----------
    root : int
        Address of the object header of the root group.
    end : int
        Bytes the file should have.
    is_open : bool
        Whether a program that writes it has not closed it yet, or never did.
    """

    root: int
    end: int
    is_open: bool


def read_superblock(source: Source) -> Superblock:
    """Read the first block, and set the widths of addresses and lengths.

    Raises
    ------
    FormatError, UnsupportedError
    """
    head = source.read(0, min(source.size, 128))
    version = number(head, 8, 1)
    if version in (0, 1):
        source.offset_bytes, source.length_bytes = _widths(head, 13)
        at = 24 if version == 0 else 28
        width = source.offset_bytes
        root = source.address(head, at + 5 * width)
        end = source.address(head, at + 2 * width)
        flags = 0
    elif version in (2, 3):
        source.offset_bytes, source.length_bytes = _widths(head, 9)
        width = source.offset_bytes
        require_checksum(head[: 16 + 4 * width])
        root = source.address(head, 12 + 3 * width)
        end = source.address(head, 12 + 2 * width)
        flags = number(head, 11, 1)
    else:
        raise UnsupportedError(f"version {version} of its first block is not known")
    if root is None or end is None:
        raise FormatError("it has no root group")
    return Superblock(root, end, bool(flags & 5))


def _widths(head: bytes, at: int) -> tuple[int, int]:
    widths = number(head, at, 1), number(head, at + 1, 1)
    require(all(width in _WIDTHS for width in widths), "its addresses have an impossible width")
    return widths
