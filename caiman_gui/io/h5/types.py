"""Types and shapes of values in HDF5, as far as numbers, texts and references go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from caiman_gui.io.h5.source import UnsupportedError, number, require

if TYPE_CHECKING:
    from caiman_gui.io.h5.source import Source

Kind = Literal["number", "text", "long text", "reference", "long reference", "other"]
#: Classes of datatypes.
_INTEGER, _FLOAT, _TEXT, _REFERENCE, _ENUM, _VARIABLE = 0, 1, 3, 7, 8, 9
#: Size of exponent and mantissa of the floats of IEEE 754, by bytes.
_IEEE = {2: (5, 10), 4: (8, 23), 8: (11, 52)}
_MAX_SIDES = 32


@dataclass(frozen=True, slots=True)
class ValueType:
    """Type of one value.

    Attributes
    ----------
    kind : str
        A long text or reference is a list of bytes or references that lies in a heap.
    n_bytes : int
        Of a value where it is stored.
    dtype : numpy.dtype or None
        Of numbers, as they are stored.
    is_utf8 : bool
    """

    kind: Kind
    n_bytes: int
    dtype: np.dtype | None = None
    is_utf8: bool = False


def read_type(data: bytes) -> ValueType:
    """Read a datatype message.

    Raises
    ------
    FormatError
    """
    value_type, _ = _read_type(data, 0)
    return value_type


def _read_type(data: bytes, at: int, depth: int = 0) -> tuple[ValueType, int]:
    """Return a type, and where its description ends for those an enumeration can be built on."""
    first, bits, size = data[at] if at < len(data) else -1, number(data, at + 1, 3), 0
    size = number(data, at + 4, 4)
    class_, version = first & 15, first >> 4
    require(first >= 0 and 1 <= version <= 5, "a type has an unknown version")
    require(size > 0, "a type has no size")
    if class_ == _INTEGER:
        return _integer(data, at, bits, size), at + 12
    if class_ == _FLOAT:
        return _float(data, at, bits, size), at + 20
    if class_ == _TEXT:
        return ValueType("text", size, is_utf8=bool(bits >> 4 & 15)), at + 8
    if class_ == _REFERENCE and bits & 15 == 0:
        return ValueType("reference", size), at + 8
    if class_ == _ENUM and depth == 0:
        return _enumeration(data, at, bits, size, version), len(data)
    if class_ == _VARIABLE and depth == 0:
        return _variable(data, at, bits, size), len(data)
    return ValueType("other", size), len(data)


def _integer(data: bytes, at: int, bits: int, size: int) -> ValueType:
    shift, precision = number(data, at + 8, 2), number(data, at + 10, 2)
    if size not in (1, 2, 4, 8) or shift or precision > 8 * size:
        return ValueType("other", size)
    if precision < 8 * size and bits & 8:  # a sign that is not in the uppermost bit
        return ValueType("other", size)
    order, kind = ">" if bits & 1 else "<", "i" if bits & 8 else "u"
    return ValueType("number", size, np.dtype(f"{order}{kind}{size}"))


def _float(data: bytes, at: int, bits: int, size: int) -> ValueType:
    sizes = number(data, at + 13, 1), number(data, at + 15, 1)
    is_plain = not bits & 64 and not number(data, at + 8, 2)
    if _IEEE.get(size) != sizes or not is_plain:
        return ValueType("other", size)
    return ValueType("number", size, np.dtype(f"{'>' if bits & 1 else '<'}f{size}"))


def _enumeration(data: bytes, at: int, bits: int, size: int, version: int) -> ValueType:
    """Numbers with names; those called FALSE and TRUE are flags, as h5py writes them."""
    base, place = _read_type(data, at + 8, depth=1)
    if base.dtype is None or base.n_bytes != size:
        return ValueType("other", size)
    names = []
    for _ in range(min(bits & 0xFFFF, 3)):
        end = data.find(b"\0", place)
        require(end >= 0, "a type is cut off")
        names.append(data[place:end])
        n_bytes = end + 1 - place
        place += n_bytes if version >= 3 else -(-n_bytes // 8) * 8
    is_flag = size == 1 and bits & 0xFFFF == 2 and names == [b"FALSE", b"TRUE"]
    return ValueType("number", size, np.dtype(np.bool_) if is_flag else base.dtype)


def _variable(data: bytes, at: int, bits: int, size: int) -> ValueType:
    if bits & 15 == 1:
        return ValueType("long text", size, is_utf8=bool(bits >> 8 & 15))
    base, _ = _read_type(data, at + 8, depth=1)
    return ValueType("long reference" if base.kind == "reference" else "other", size)


@dataclass(frozen=True, slots=True)
class Space:
    """Shape of an array: None where there is no value at all; empty for a single one.

    Attributes
    ----------
    shape, limits : tuple of int or None
        Sides now, and the largest that they may have; None stands for no limit.
    """

    shape: tuple[int, ...] | None
    limits: tuple[int | None, ...]


def read_space(source: Source, data: bytes) -> Space:
    """Read a dataspace message.

    Raises
    ------
    FormatError, UnsupportedError
    """
    version, n_sides, flags = (number(data, at, 1) for at in range(3))
    if version not in (1, 2):
        raise UnsupportedError("a shape is of an unknown version")
    require(n_sides <= _MAX_SIDES, "an array has too many sides")
    if version == 2 and number(data, 3, 1) == 2:
        return Space(None, ())
    at, width = (8 if version == 1 else 4), source.length_bytes
    shape = tuple(number(data, at + n * width, width) for n in range(n_sides))
    require(all(n < 2**62 for n in shape), "an array is too large")
    if not flags & 1:
        return Space(shape, shape)
    at += n_sides * width
    unlimited = 2 ** (8 * width) - 1
    limits = tuple(number(data, at + n * width, width) for n in range(n_sides))
    return Space(shape, tuple(None if n == unlimited else n for n in limits))
