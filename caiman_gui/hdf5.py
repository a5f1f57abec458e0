"""HDF5 files: read where they may be damaged or hostile, written where the disk may be full."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.files import atomic_path, is_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

    from _typeshed import ReadableBuffer as Buffer
    from numpy.typing import NDArray

#: All that h5py, numpy and our own frozen classes raise on wrong content.
_DAMAGE = (
    OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, AttributeError,
    OverflowError, MemoryError,
)  # fmt: skip


@contextmanager
def write_hdf5(path: Path, *, needed_bytes: int = 0) -> Iterator[h5py.File]:
    """Write an HDF5 file, whole or not at all.

    Parameters
    ----------
    path : Path
    needed_bytes : int
        Expected size: refused at once if the disk has less left.

    Raises
    ------
    ResourceError
        If the disk is full or may not be written; the old file is then untouched.
    """
    with (
        atomic_path(path, needed_bytes=needed_bytes) as temporary,
        temporary.open("w+b", buffering=0) as raw,
    ):
        stream = Patient(raw)
        try:
            with h5py.File(stream, "w") as file:
                yield file
        finally:
            if stream.error is not None:
                raise stream.error


class Patient:
    """A file that takes everything, and keeps what the disk had to say against it.

    HDF5 cannot close a file that it could not write: it would try again when the program ends,
    and crash.
    """

    def __init__(self, raw: FileIO) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def read(self, size: int = -1) -> bytes:
        return self._raw.read(size)

    def readinto(self, buffer: memoryview) -> int:
        return self._raw.readinto(buffer)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def write(self, data: Buffer) -> int:
        view = memoryview(data).cast("B")
        done = 0
        with self._kept():
            while done < len(view):
                done += self._raw.write(view[done:])
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        with self._kept():
            self._raw.truncate(size)
        return size if size is not None else self._raw.tell()

    def flush(self) -> None:
        """Do nothing: every write goes to the system at once."""

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            self.error = self.error or exc


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
    if not is_file(path):
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
