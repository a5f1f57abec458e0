"""Variables of MAT files before version 7.3: what they are and where their values lie.

Only the beginning of each variable is read, or inflated, so that opening takes the same time
whatever they hold.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

_Order = Literal["<", ">"]
_HEADER_BYTES = 128
#: Enough for the flags, sides and name of any variable, and for a single value.
_HEAD_BYTES = 4_096
_MAX_VARIABLES = 2_000
#: Bytes that are inflated at a time.
_PIECE_BYTES = 2**20
_MATRIX, _COMPRESSED = 14, 15
#: Types in which numbers are stored, and the classes of variables that hold numbers.
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8",
           13: "u8"}  # fmt: skip
_CLASSES = {1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse"}
_FIRST_NUMERIC, _LAST_NUMERIC = 6, 15
_IS_COMPLEX = 0x0800


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable.

    Attributes
    ----------
    name : str
    shape : tuple of int
        As MATLAB has it.
    kind : str
        "numbers", or the word for what else it is.
    dtype : numpy.dtype or None
        In which its numbers are stored; MATLAB stores whole numbers in as few bytes as possible.
    at : int
        Byte of the values: of the file, or of the inflated variable.
    packed_at, n_packed : int
        Where a compressed variable lies in the file; 0 if it is not compressed.
    scalar : float or None
        The value of a single number.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    dtype: np.dtype | None = None
    at: int = 0
    packed_at: int = 0
    n_packed: int = 0
    scalar: float | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes of the values."""
        return prod(self.shape) * self.dtype.itemsize if self.dtype is not None else 0


def list_variables(file: BinaryIO, size: int) -> Iterator[Variable]:
    """Yield the variables of an open file of ``size`` bytes, up to some thousands.

    Raises
    ------
    ValueError, struct.error, zlib.error
        If one makes no sense, or is longer than the file.
    """
    file.seek(126)
    order: _Order = "<" if file.read(2) == b"IM" else ">"
    at = _HEADER_BYTES
    for _ in range(_MAX_VARIABLES):
        if at + 8 > size:
            return
        file.seek(at)
        kind, length = struct.unpack(order + "II", file.read(8))
        if at + 8 + length > size:
            raise ValueError("a variable is longer than the file")
        start = file.read(min(length, _HEAD_BYTES))
        if kind == _COMPRESSED:
            head = zlib.decompressobj().decompress(start, _HEAD_BYTES)
            inner, _ = struct.unpack_from(order + "II", head)
            if inner == _MATRIX:
                yield _variable(head, order, 8, 0, at + 8, length)
        elif kind == _MATRIX:
            yield _variable(start, order, 0, at + 8, 0, 0)
        at += 8 + length
        if kind != _COMPRESSED:
            at += -length % 8


def inflate(file: BinaryIO, variable: Variable) -> np.ndarray:
    """Return the values of a compressed variable, in the order of MATLAB; the caller bounds them.

    Raises
    ------
    ValueError, zlib.error
        If they are not complete.
    """
    file.seek(variable.packed_at)
    inflater = zlib.decompressobj()
    whole = bytearray(variable.at + variable.n_bytes)
    n_read = n_done = 0
    while n_done < len(whole) and n_read < variable.n_packed:
        raw = file.read(min(_PIECE_BYTES, variable.n_packed - n_read))
        if not raw:
            break
        n_read += len(raw)
        part = inflater.decompress(raw, len(whole) - n_done)
        whole[n_done : n_done + len(part)] = part
        n_done += len(part)
    if n_done < len(whole):
        raise ValueError(f"{variable.name} is not complete")
    return np.frombuffer(whole, variable.dtype, prod(variable.shape), variable.at)


def _variable(
    head: bytes, order: _Order, at: int, base: int, packed_at: int, n_packed: int
) -> Variable:
    """Read what stands before the values; ``base`` is the byte of ``head`` in the file."""
    _, flags, at = _element(head, order, at)
    _, sides, at = _element(head, order, at)
    _, raw_name, at = _element(head, order, at)
    word = struct.unpack_from(order + "I", head, flags.start)[0]
    shape = tuple(int(n) for n in np.frombuffer(head[sides.start : sides.stop], order + "i4"))
    if min(shape, default=-1) < 0 or len(shape) > 32:
        raise ValueError("a variable has impossible sides")
    name = head[raw_name.start : raw_name.stop].decode("latin-1")
    class_ = word & 0xFF
    if not _FIRST_NUMERIC <= class_ <= _LAST_NUMERIC:
        return Variable(name, shape, _CLASSES.get(class_, "object"))
    if word & _IS_COMPLEX:
        return Variable(name, shape, "complex numbers")
    if prod(shape) == 0:
        return Variable(name, shape, "empty")
    kind, values, _ = _element(head, order, at, may_be_longer=True)
    if kind not in _STORED:
        raise ValueError(f"{name} holds no numbers")
    dtype = np.dtype(_STORED[kind]).newbyteorder(order)
    if values.stop - values.start != prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} has another size than it claims")
    scalar = None
    if prod(shape) == 1:
        scalar = float(np.frombuffer(head, dtype, 1, values.start)[0])
    place = base + values.start
    return Variable(name, shape, "numbers", dtype, place, packed_at, n_packed, scalar)


def _element(
    head: bytes, order: _Order, at: int, *, may_be_longer: bool = False
) -> tuple[int, slice, int]:
    """Return type and place of the element at a byte, and where the next one starts."""
    first, length = struct.unpack_from(order + "II", head, at)
    if first >> 16:  # type and length share four bytes, the content takes the other four
        length, kind, start, end = first >> 16, first & 0xFFFF, at + 4, at + 8
    else:
        kind, start = first, at + 8
        end = start + length + -length % 8
    if (first >> 16 and length > 4) or (start + length > len(head) and not may_be_longer):
        raise ValueError("a variable makes no sense")
    return kind, slice(start, start + length), end
