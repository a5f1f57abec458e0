"""Headers of NumPy's .npy files, read without evaluating them."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.io.refusals import damaged, unreadable

if TYPE_CHECKING:
    from pathlib import Path

NPY_MAGIC = b"\x93NUMPY"
#: Name of the format in messages.
KIND = "NumPy file"
#: A longer header describes records, not numbers.
_MAX_HEADER_BYTES = 2**16
_MAX_AXES = 32
#: Python 2 wrote sizes as 10L.
_ENTRY = re.compile(
    r"\s*'(descr|fortran_order|shape)'\s*:\s*('[^']{1,20}'|\[.*\]|True|False|\([\dL,\s]*\))\s*(?:,|\Z)",
    re.DOTALL,
)
_PLAIN_TYPE = re.compile(r"[<>|=]?[?a-zA-Z]\d{0,9}(\[\w{1,4}\])?")


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What a .npy file says about its array.

    Attributes
    ----------
    version : str
    shape : tuple of int
    dtype : dtype or None
        In the byte order of the file; None for records.
    is_fortran : bool
        Whether the first axis runs fastest.
    offset : int
        Byte at which the samples start.
    """

    version: str
    shape: tuple[int, ...]
    dtype: np.dtype | None
    is_fortran: bool
    offset: int


def read_header(path: Path) -> NpyHeader:
    """Read the header of a file that starts with ``NPY_MAGIC``.

    Raises
    ------
    InputError
        If the file cannot be read, or the header makes no sense.
    """
    try:
        with path.open("rb") as file:
            start = file.read(12)
            major, minor, length, offset = _preamble(path, start)
            if length > _MAX_HEADER_BYTES:
                raise damaged(path, KIND, f"it claims a header of {length} bytes")
            file.seek(offset)
            text = file.read(length)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    if len(text) < length:
        raise damaged(path, KIND, "it ends within its header")
    return _parse(path, f"{major}.{minor}", text.decode("latin-1"), offset + length)


def _preamble(path: Path, start: bytes) -> tuple[int, int, int, int]:
    """Version, length of the header, and where it starts."""
    if len(start) < 12 or not start.startswith(NPY_MAGIC):
        raise damaged(path, KIND, "it ends within its header")
    major, minor = start[6], start[7]
    if major == 1:
        return major, minor, struct.unpack("<H", start[8:10])[0], 10
    if major in (2, 3):
        return major, minor, struct.unpack("<I", start[8:12])[0], 12
    raise damaged(path, KIND, f"it claims version {major}.{minor} of the format")


def _parse(path: Path, version: str, text: str, offset: int) -> NpyHeader:
    entries: dict[str, str] = {}
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner, at = inner[1:-1].rstrip(), 0
        while match := _ENTRY.match(inner, at):
            entries[match[1]] = match[2]
            at = match.end()
    kinds = {"shape": "(", "descr": "'[", "fortran_order": "TF"}
    if any(entries.get(name, " ")[0] not in kind for name, kind in kinds.items()):
        raise damaged(path, KIND, "its header cannot be read")
    sizes = re.findall(r"\d+", entries["shape"])
    if len(sizes) > _MAX_AXES or any(len(size) > 18 for size in sizes):
        raise damaged(path, KIND, f"it claims an array of shape {entries['shape'][:80]}")
    return NpyHeader(
        version,
        tuple(int(size) for size in sizes),
        _dtype(path, entries["descr"]),
        entries["fortran_order"] == "True",
        offset,
    )


def _dtype(path: Path, descr: str) -> np.dtype | None:
    name = descr.strip("'")
    if descr.startswith("["):
        return None
    try:
        if not _PLAIN_TYPE.fullmatch(name):
            raise TypeError(name)
        return np.dtype(name)
    except (TypeError, ValueError) as exc:
        raise damaged(path, KIND, f"it claims samples of type {name!r}") from exc
