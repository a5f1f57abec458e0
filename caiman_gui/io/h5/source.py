"""Bytes of an HDF5 file by address, and the block that such a file begins with."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from pathlib import Path

SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: Where the signature may lie behind a block of the user; further ones are not looked for.
_USER_BLOCKS = (0, 512, 1024, 2048)
#: Larger structures than this only a damaged file has.
_MAX_STRUCTURE = 2**24
_PAGE_BYTES, _MAX_PAGES = 2**13, 512
_MAX_PAGED = 2 * _PAGE_BYTES


class FormatError(ValueError):
    """The content contradicts the format."""


class UnsupportedError(ValueError):
    """The file uses a part of the format that is not read here."""


def signature_at(head: bytes) -> int | None:
    """Byte at which an HDF5 file starts, None if it is none."""
    return next((at for at in _USER_BLOCKS if head[at : at + 8] == SIGNATURE), None)


class Source:
    """An open file, read by addresses, which count from its signature. Thread-safe.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    size : int
        Bytes behind the signature.
    base : int
        Byte of the signature.
    offset_bytes, length_bytes : int
        Width of addresses and of lengths.

    Raises
    ------
    InputError
        If the file cannot be opened.
    FormatError
        If it is no HDF5 file.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as exc:
            raise unreadable(path, exc) from exc
        self._lock = threading.Lock()
        self._pages: OrderedDict[int, bytes] = OrderedDict()
        self.offset_bytes = self.length_bytes = 8
        self.base = 0
        try:
            self.file_size = self._file.seek(0, 2)
            at = signature_at(self._pread(0, _USER_BLOCKS[-1] + 8))
        except OSError:
            self._file.close()
            raise
        if at is None:
            self._file.close()
            raise FormatError("it does not start like an HDF5 file")
        self.base = at
        self.size = self.file_size - at

    def read(self, address: int, n_bytes: int) -> bytes:
        """Return bytes of a structure.

        Raises
        ------
        FormatError
            If they are not inside the file, or too many for a structure.
        """
        if n_bytes > _MAX_STRUCTURE:
            raise FormatError("a structure is too large")
        self._require_inside(address, n_bytes)
        if n_bytes > _MAX_PAGED:
            return self._pread(self.base + address, n_bytes)
        first, last = address // _PAGE_BYTES, (address + max(n_bytes, 1) - 1) // _PAGE_BYTES
        joined = b"".join(self._page(number) for number in range(first, last + 1))
        start = address - first * _PAGE_BYTES
        return joined[start : start + n_bytes]

    def read_values(self, address: int, n_bytes: int) -> bytes:
        """Return bytes of the values of a dataset, of any size; the caller has bounded it."""
        self._require_inside(address, n_bytes)
        return self._pread(self.base + address, n_bytes)

    def address(self, data: bytes, at: int) -> int | None:
        """Return the address at a place in a structure; None if it is undefined."""
        raw = data[at : at + self.offset_bytes]
        if len(raw) < self.offset_bytes:
            raise FormatError("a structure is cut off")
        return None if raw == b"\xff" * self.offset_bytes else int.from_bytes(raw, "little")

    def length(self, data: bytes, at: int) -> int:
        """Return the length at a place in a structure."""
        return number(data, at, self.length_bytes)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
            self._pages.clear()

    def _page(self, number_: int) -> bytes:
        with self._lock:
            page = self._pages.get(number_)
            if page is not None:
                self._pages.move_to_end(number_)
                return page
        start = number_ * _PAGE_BYTES
        page = self._pread(self.base + start, min(_PAGE_BYTES, self.size - start))
        with self._lock:
            self._pages[number_] = page
            while len(self._pages) > _MAX_PAGES:
                self._pages.popitem(last=False)
        return page

    def _pread(self, position: int, n_bytes: int) -> bytes:
        parts, left = [], n_bytes
        with self._lock:
            self._file.seek(position)
            while left:
                part = self._file.read(left)
                if not part:
                    break
                parts.append(part)
                left -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _require_inside(self, address: int, n_bytes: int) -> None:
        if address < 0 or n_bytes < 0 or address + n_bytes > self.size:
            raise FormatError("it points behind its end")


def number(data: bytes, at: int, n_bytes: int) -> int:
    """Return a little-endian number without sign.

    Raises
    ------
    FormatError
        If the structure ends before it.
    """
    if at + n_bytes > len(data):
        raise FormatError("a structure is cut off")
    return int.from_bytes(data[at : at + n_bytes], "little")


def bytes_for(largest: int) -> int:
    """Bytes in which the format encodes numbers up to ``largest``."""
    return (max(largest, 1).bit_length() - 1) // 8 + 1


def require(is_so: bool, what: str) -> None:
    """Raise FormatError unless something holds."""
    if not is_so:
        raise FormatError(what)
