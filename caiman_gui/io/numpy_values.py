"""Arrays inside a pickle, made from their bytes instead of by NumPy's own hand."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

#: Types whose samples are values by themselves; objects apart, others are left out.
_TYPES = re.compile(r"b1|[iu][1248]|f[248]|c(8|16)|[SU]\d{1,4}")
_MAX_AXES = 32
_MAX_SIDE = 2**40
#: A single value of more bytes is no number; it would be copied.
_MAX_SCALAR_BYTES = 2**10


class DtypeValue:
    """Stands for the type of an array."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._order = "|"

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Take the byte order; fields and subarrays make it a type that is left out."""
        if len(state) < 5 or state[1] not in ("<", ">", "|", "="):
            raise ValueError("the type of an array cannot be read")
        self._order = state[1]
        if any(part is not None for part in state[2:5]):
            self._name = ""

    @property
    def is_object(self) -> bool:
        """Whether the array holds values of any kind."""
        return self._name in ("O", "O8", "O4")

    def dtype(self) -> np.dtype | None:
        """Return the type; None for one that is left out."""
        return np.dtype(self._order + self._name) if _TYPES.fullmatch(self._name) else None


class ScalarValue:
    """Stands for a single number of NumPy."""

    def __init__(self, dtype: DtypeValue, raw: Any) -> None:
        if not isinstance(raw, bytes) or len(raw) > _MAX_SCALAR_BYTES:
            raise ValueError("a number cannot be read")
        self._array = ArrayValue((1,), dtype, raw)

    def value(self, convert: Callable[[Any], Any]) -> Any:
        """Return a Python number or text; None for a type that is left out."""
        array = self._array.value(convert)
        return array.tolist()[0] if isinstance(array, np.ndarray) else None


class ArrayValue:
    """Stands for an array, whose shape, type and bytes may follow later."""

    def __init__(
        self,
        shape: Any = None,
        dtype: DtypeValue | None = None,
        raw: Any = None,
        *,
        is_fortran: bool = False,
    ) -> None:
        self._shape, self._dtype, self._raw, self._is_fortran = shape, dtype, raw, is_fortran

    def set_state(self, state: tuple[Any, ...]) -> None:
        """Take (version, shape, type, whether in Fortran order, bytes or list)."""
        if len(state) != 5 or not isinstance(state[2], DtypeValue):
            raise ValueError("an array cannot be read")
        _, self._shape, self._dtype, self._is_fortran, self._raw = state

    def value(self, convert: Callable[[Any], Any]) -> Any:
        """Return an array that shares the bytes; None for a type that is left out.

        An array of objects becomes a list, whose items are passed through ``convert``.
        """
        shape, dtype, raw = self._shape, self._dtype, convert(self._raw)
        if not isinstance(shape, tuple) or dtype is None or len(shape) > _MAX_AXES:
            raise ValueError("an array has no shape")
        if any(not isinstance(side, int) or not 0 <= side < _MAX_SIDE for side in shape):
            raise ValueError("an array has an impossible shape")
        if dtype.is_object:
            if not isinstance(raw, list) or len(raw) != prod(shape):
                raise ValueError("an array of objects is incomplete")
            return raw
        kind = dtype.dtype()
        if kind is None:
            return None
        if not isinstance(raw, bytes) or len(raw) != prod(shape) * kind.itemsize:
            raise ValueError("an array is incomplete")
        order: Literal["F", "C"] = "F" if self._is_fortran else "C"
        return np.frombuffer(raw, kind).reshape(shape, order=order)
