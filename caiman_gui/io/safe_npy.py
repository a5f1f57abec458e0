"""Dicts and lists that Suite2p and others keep in .npy files, read without unpickling them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, cast

from caiman_gui.errors import InputError
from caiman_gui.io.npy_header import KIND, read_header
from caiman_gui.io.pickle_values import NotPlainError, plain_values
from caiman_gui.io.refusals import DAMAGE, damaged, in_words

if TYPE_CHECKING:
    from pathlib import Path

#: Larger ones hold more than settings and results.
_MAX_BYTES = 2**29


def read_objects(path: Path) -> Any:
    """Read a .npy file that holds Python objects: what ``numpy.load`` would give, or close to it.

    Returns
    -------
    object
        The dict of an array without axes, else a list. What else changes: see ``plain_values``.

    Raises
    ------
    InputError
        If it is missing, damaged, too large, or names anything but plain values: such a file could
        run any program.
    """
    header = read_header(path)
    if header.dtype is None or not header.dtype.hasobject:
        raise damaged(path, KIND, "it holds numbers where settings were expected")
    try:
        size = path.stat().st_size - header.offset
        if size > _MAX_BYTES:
            raise damaged(path, KIND, f"it holds {size} bytes of settings")
        with path.open("rb") as file:
            file.seek(header.offset)
            value = plain_values(cast("BinaryIO", _Bounded(file, size)))
    except NotPlainError as exc:
        raise InputError(
            "The file holds more than plain values",
            f"{path}: {exc}.",
            "Files that Suite2p wrote can be read. Do not open this one with other programs "
            "unless you trust its source: it may run commands.",
        ) from exc
    except (*DAMAGE, Warning) as exc:  # a wrong escape in text is a warning only
        raise in_words(path, KIND, exc, "its settings cannot be read") from exc
    if not isinstance(value, list):
        raise damaged(path, KIND, "its settings are no array")
    return value[0] if header.shape == () and len(value) == 1 else value


class _Bounded:
    """A file that is asked for no more bytes than it has: a claimed length is allocated first."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data

    def readline(self) -> bytes:
        data = self._file.readline(self._left)
        self._left -= len(data)
        return data
