"""Directories of TIFF pages; every claim is checked against the size of the file before use."""

from __future__ import annotations

import errno
import os
import struct
import threading
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: Little- and big-endian, classic and BigTIFF.
TIFF_MAGIC: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
NONSENSE: Final = "its directory of pages makes no sense"
DESCRIPTION: Final = 270
_MAX_TAGS = 4096
#: Larger values of one tag are a damaged directory; the longest real ones are OME descriptions.
_MAX_VALUE_BYTES = 2**28
#: Most directories are shorter, and are read by one call.
_GUESS_BYTES = 512
#: Letters of ``struct`` and numbers in one value, by the code of the type.
_TYPES: Final = {
    1: ("B", 1), 2: ("B", 1), 3: ("H", 1), 4: ("I", 1), 5: ("I", 2), 6: ("b", 1), 7: ("B", 1),
    8: ("h", 1), 9: ("i", 1), 10: ("i", 2), 11: ("f", 1), 12: ("d", 1), 13: ("I", 1),
    16: ("Q", 1), 17: ("q", 1), 18: ("Q", 1),
}  # fmt: skip


class DamagedTiff(ValueError):
    """The content makes no sense; the message says why in words for users."""


class TiffBytes:
    """Random access to the bytes of a TIFF file, and its layout. Thread-safe.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    size : int
        Bytes.
    order : str
        ``<`` or ``>``.
    is_big : bool
        Whether it is a BigTIFF.
    first : int
        Offset of the first directory; 0 if there is none.

    Raises
    ------
    DamagedTiff
        If the file ends within its header.
    OSError
        If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("rb", buffering=0)
        try:
            self.size: int = os.fstat(self._file.fileno()).st_size
            self._read_header()
        except BaseException:
            self._file.close()
            raise

    def _read_header(self) -> None:
        head = self.read(0, 16)
        if head[:4] not in TIFF_MAGIC:
            raise DamagedTiff("it does not start like a TIFF file")
        self.order: Literal["<", ">"] = "<" if head[:1] == b"I" else ">"
        self.is_big = 43 in head[2:4]
        if len(head) < (16 if self.is_big else 8):
            raise DamagedTiff(NONSENSE)
        self.count = struct.Struct(self.order + ("Q" if self.is_big else "H"))
        self.entry = struct.Struct(self.order + ("HHQ8s" if self.is_big else "HHI4s"))
        self.link = struct.Struct(self.order + ("Q" if self.is_big else "I"))
        self.first: int = self.link.unpack_from(head, 8 if self.is_big else 4)[0]

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes; fewer where the file ends.

        Raises
        ------
        OSError
            If it may not be read, or was closed.
        """
        if not 0 <= offset < self.size:  # some systems fail to go there
            return b""
        try:
            with self._lock:
                self._file.seek(offset)
                data = self._file.read(count)
                while data and len(data) < count:  # large reads may come in pieces
                    more = self._file.read(count - len(data))
                    if not more:
                        break
                    data += more
        except ValueError as exc:
            raise OSError(errno.EBADF, "it was closed") from exc
        return data or b""

    def close(self) -> None:
        """Close the file. Harmless when repeated."""
        with self._lock:
            self._file.close()


class Directory:
    """The tags of one page.

    Parameters
    ----------
    source : TiffBytes
    offset : int

    Attributes
    ----------
    raw : bytes
        From the number of tags to the offset of the next directory, which is ``next``.

    Raises
    ------
    DamagedTiff
        If there is no directory at this place, or the file ends within it.
    """

    def __init__(self, source: TiffBytes, offset: int) -> None:
        self.source = source
        self.offset = offset
        head = source.read(offset, _GUESS_BYTES)
        if len(head) < source.count.size:
            raise DamagedTiff(NONSENSE)
        n_tags = source.count.unpack_from(head)[0]
        if not 0 < n_tags <= _MAX_TAGS:
            raise DamagedTiff(f"a page claims a suspicious number of tags ({n_tags})")
        link_at = source.count.size + n_tags * source.entry.size
        length = link_at + source.link.size
        if length > len(head):
            head = source.read(offset, length)
            if len(head) < length:
                raise DamagedTiff(NONSENSE)
        self.raw = head[:length]
        self.next: int = source.link.unpack_from(head, link_at)[0]
        #: (type, count, position of the value in ``raw``) of each tag; the first of twins.
        self.entries: dict[int, tuple[int, int, int]] = {}
        self._descriptions: list[tuple[int, int, int]] = []
        value_at = source.count.size + source.entry.size - source.link.size
        for tag, code, count, _ in source.entry.iter_unpack(head[source.count.size : link_at]):
            self.entries.setdefault(tag, (code, count, value_at))
            if tag == DESCRIPTION:
                self._descriptions.append((code, count, value_at))
            value_at += source.entry.size

    def __contains__(self, tag: int) -> bool:
        return tag in self.entries

    def is_inline(self, tag: int) -> bool:
        """Tell whether the value stands in the directory itself."""
        code, count, _ = self.entries[tag]
        letter, per_value = _TYPES.get(code, ("Q", 2))
        return struct.calcsize(letter) * per_value * count <= self.source.link.size

    def _value(self, entry: tuple[int, int, int]) -> bytes:
        code, count, at = entry
        if code not in _TYPES:
            raise DamagedTiff(NONSENSE)
        letter, per_value = _TYPES[code]
        size = struct.calcsize(letter) * per_value * count
        if size <= self.source.link.size:
            return self.raw[at : at + size]
        where = self.source.link.unpack_from(self.raw, at)[0]
        if size > _MAX_VALUE_BYTES or where + size > self.source.size:
            raise DamagedTiff("a tag of a page lies outside the file")
        data = self.source.read(where, size)
        if len(data) < size:
            raise DamagedTiff("a tag of a page lies outside the file")
        return data

    def value_range(self, tag: int) -> tuple[int, int]:
        """Return where in the file the value of a tag begins, and how many bytes it has."""
        code, count, at = self.entries[tag]
        letter, per_value = _TYPES.get(code, ("B", 1))
        size = struct.calcsize(letter) * per_value * count
        if size <= self.source.link.size:
            return self.offset + at, size
        return int(self.source.link.unpack_from(self.raw, at)[0]), size

    def data(self, tag: int) -> bytes:
        """Return the value of a tag as it is stored; empty if it is absent."""
        return self._value(self.entries[tag]) if tag in self.entries else b""

    def array(self, tag: int) -> NDArray[np.generic]:
        """Return the numbers of a tag, (n,) or (n, 2) for fractions; empty if it is absent."""
        if tag not in self.entries:
            return np.empty(0, np.int64)
        entry = self.entries[tag]
        letter, per_value = _TYPES.get(entry[0], ("B", 1))
        numbers: NDArray[np.generic] = np.frombuffer(self._value(entry), self.source.order + letter)
        return numbers.reshape(-1, 2) if per_value == 2 else numbers

    def offsets(self, tag: int) -> NDArray[np.int64]:
        """Return byte offsets or counts, which no file can make negative."""
        numbers = self.array(tag)
        if numbers.dtype.kind not in "ui" or numbers.ndim != 1:
            raise DamagedTiff(NONSENSE)
        values = numbers.astype(np.int64)
        if len(values) and values.min() < 0:
            raise DamagedTiff("its pages lie outside the file")
        return values

    def number(self, tag: int, default: int) -> int:
        """Return the first whole number of a tag."""
        if tag not in self.entries:
            return default
        numbers = self.array(tag)
        if numbers.dtype.kind not in "ui" or not numbers.size:
            raise DamagedTiff(NONSENSE)
        return int(numbers.flat[0])

    def text(self, tag: int) -> str:
        """Return a text without its end marks; empty if it is absent or lies outside the file."""
        return self._text(self.entries[tag]) if tag in self.entries else ""

    def descriptions(self) -> list[str]:
        """Return every description of the page: ImageJ's and a program's own may both be there."""
        return [self._text(entry) for entry in self._descriptions]

    def _text(self, entry: tuple[int, int, int]) -> str:
        try:
            data = self._value(entry)
        except DamagedTiff:
            return ""
        data = data.rstrip(b"\0")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("cp1252", errors="replace")
