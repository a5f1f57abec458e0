"""Reading HDF5 files that may be damaged or hostile, with words for what is wrong."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from caiman_gui.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

#: All that h5py, numpy and our own frozen classes raise on wrong content.
_DAMAGE = (
    OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError,
    OverflowError, MemoryError,
)  # fmt: skip


@contextmanager
def open_hdf5(path: Path, kind: str, hint: str) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading; whatever is wrong inside becomes an InputError.

    Parameters
    ----------
    path : Path
    kind : str
        What it should be, such as "result file", for the message.
    hint : str
        What to do if it is not.
    """
    if not path.is_file():
        raise InputError(f"The {kind} does not exist", str(path), "Check the name and the folder.")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except _DAMAGE as exc:
        why = str(exc).strip().strip("'\"").rstrip(".") or type(exc).__name__
        raise InputError(f"The {kind} cannot be read", f"{path}: {why}.", hint) from exc


def read_array(group: h5py.Group, name: str) -> NDArray[Any] | None:
    """Return a numeric dataset; None if it is missing, ``NoneType`` or not numbers.

    CaImAn writes some lists of numbers as text, which is understood.
    """
    item = group.get(name)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind == "O":
        return None
    value = np.asarray(item[()])
    if value.dtype.kind == "S":
        try:
            return value.astype(np.float64)
        except ValueError:
            return None
    return value if value.dtype.kind in "fiub" else None


def require_array(group: h5py.Group, name: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Return a numeric dataset of a given shape (None: any length), or raise ValueError."""
    value = read_array(group, name)
    if value is None:
        raise ValueError(f"{group.name.rstrip('/')}/{name} is missing")
    fits = value.ndim == len(shape) and all(
        want is None or want == got for want, got in zip(shape, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{group.name.rstrip('/')}/{name} has the shape {value.shape}")
    return value
