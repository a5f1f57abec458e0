"""Values of MATLAB's .mat files of version 5 to 7, as microscopes write beside their movies.

SciPy's reader allocates what a file claims, and gives up at classes that it does not know; here
nothing is larger than the file, inflated, and what is not known is None.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from caiman_gui.io.refusals import DAMAGE, damaged, in_words

if TYPE_CHECKING:
    from pathlib import Path

MAT5_MAGIC = b"MATLAB 5.0 MAT-file"
_KIND = "MATLAB file"
_HEADER_BYTES = 128
#: Companions of movies are far smaller, also when inflated.
_MAX_BYTES = 2**26
_MAX_DEPTH = 16
#: Types of elements: numbers, a matrix, something compressed; and text of several encodings.
_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_MATRIX, _COMPRESSED = 14, 15
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
#: Classes of matrices.
_CELL, _STRUCT, _CHAR, _FIRST_NUMERIC, _LAST_NUMERIC = 1, 2, 4, 6, 15


def read_variable(path: Path, name: str) -> Any:
    """Read one variable.

    Returns
    -------
    object
        Structs as dicts, struct arrays and cells as lists, text as str, numbers as arrays of their
        shape (columns first), anything else, or no such variable, as None.

    Raises
    ------
    InputError
        If the file cannot be read, is too large or damaged.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise damaged(path, _KIND, f"{size} bytes are too many for what describes a movie")
        with path.open("rb") as file:
            data = file.read()
        return _find(data, name)
    except DAMAGE as exc:
        raise in_words(path, _KIND, exc, "its content makes no sense") from exc


def _find(data: bytes, name: str) -> Any:
    order: Literal["<", ">"] = "<" if data[126:128] == b"IM" else ">"
    reader, left = _Reader(order), _MAX_BYTES
    at = _HEADER_BYTES
    while at + 8 <= len(data):
        kind, body, at = reader.element(data, at)
        if kind == _COMPRESSED:
            inflated = zlib.decompressobj().decompress(body, left)
            left -= len(inflated)
            if left < 1:
                raise ValueError("it inflates to more than it should")
            kind, body, _ = reader.element(inflated, 0)
        if kind == _MATRIX:
            matrix = reader.head(body)
            if matrix.name == name:
                return reader.value(matrix, _MAX_DEPTH)
    return None


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands before the values of a matrix: its class, sides and name."""

    class_code: int
    shape: tuple[int, ...]
    name: str
    body: bytes
    at: int


class _Reader:
    """Reads elements of one byte order. Raises ValueError where one does not fit into the file."""

    def __init__(self, order: Literal["<", ">"]) -> None:
        self._order = order

    def element(self, data: bytes, at: int) -> tuple[int, bytes, int]:
        """Return type and content of the element at a byte, and where the next one starts."""
        first, length = struct.unpack_from(f"{self._order}II", data, at)
        if first >> 16:  # type and length share four bytes, the content takes the other four
            length, kind, start, end = first >> 16, first & 0xFFFF, at + 4, at + 8
        else:
            kind, start = first, at + 8
            padding = 0 if kind == _COMPRESSED else -length % 8
            end = start + length + padding
        if start + length > len(data) or (first >> 16 and length > 4):
            raise ValueError("an element is longer than the file")
        return kind, data[start : start + length], end

    def head(self, body: bytes) -> _Head:
        """Read what stands before the values of a matrix."""
        _, flags, at = self.element(body, 0)
        _, sides, at = self.element(body, at)
        _, name, at = self.element(body, at)
        class_code = struct.unpack_from(f"{self._order}I", flags)[0] & 0xFF
        shape = tuple(int(n) for n in np.frombuffer(sides, f"{self._order}i4"))
        return _Head(class_code, shape, name.decode("latin-1"), body, at)

    def value(self, matrix: _Head, depth: int) -> Any:
        """Read the values of a matrix; None if it is of no known class."""
        if depth < 1 or min(matrix.shape, default=-1) < 0:
            raise ValueError("it is nested too deep, or has an impossible shape")
        if matrix.class_code == _STRUCT:
            return self._struct(matrix, depth)
        if matrix.class_code == _CELL:
            return self._values(matrix, matrix.at, prod(matrix.shape), depth)
        if matrix.class_code != _CHAR and not _FIRST_NUMERIC <= matrix.class_code <= _LAST_NUMERIC:
            return None
        if matrix.at >= len(matrix.body):
            return "" if matrix.class_code == _CHAR else np.empty(0)
        kind, content, _ = self.element(matrix.body, matrix.at)
        if matrix.class_code == _CHAR:
            encoding = _TEXT.get(kind, "latin-1")
            ending = {"<": "-le", ">": "-be"}[self._order] if encoding.startswith("utf-") else ""
            return content.decode(encoding + (ending if encoding != "utf-8" else ""), "replace")
        if kind not in _NUMBERS:
            raise ValueError("an array holds no numbers")
        numbers = np.frombuffer(content, np.dtype(_NUMBERS[kind]).newbyteorder(self._order))
        if len(numbers) != prod(matrix.shape):
            raise ValueError("an array is incomplete")
        return numbers.astype(numbers.dtype.newbyteorder("=")).reshape(matrix.shape, order="F")

    def _struct(self, matrix: _Head, depth: int) -> Any:
        _, raw, at = self.element(matrix.body, matrix.at)
        _, names, at = self.element(matrix.body, at)
        length = struct.unpack_from(f"{self._order}i", raw)[0]
        if length < 1:
            raise ValueError("a struct has fields without names")
        fields = [
            names[n : n + length].split(b"\0")[0].decode("latin-1")
            for n in range(0, len(names), length)
        ]
        count = prod(matrix.shape)
        values = self._values(matrix, at, count * len(fields), depth)
        items = [
            dict(zip(fields, values[n * len(fields) : (n + 1) * len(fields)], strict=True))
            for n in range(count if fields else 0)
        ]
        return items[0] if count == 1 and items else items

    def _values(self, matrix: _Head, at: int, count: int, depth: int) -> list[Any]:
        if count * 8 > len(matrix.body) - at:
            raise ValueError("a struct is incomplete")
        values = []
        for _ in range(count):
            _, body, at = self.element(matrix.body, at)
            values.append(self.value(self.head(body), depth - 1) if body else None)
        return values
