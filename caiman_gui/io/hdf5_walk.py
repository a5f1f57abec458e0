"""Looking into HDF5 files of any origin: bounded, and never beyond the file."""

from __future__ import annotations

import re
from collections import deque
from contextlib import contextmanager, suppress
from math import prod
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.array_choice import Content, Found
from caiman_gui.io.refusals import DAMAGE, damaged, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNATURE = b"\x89HDF\r\n\x1a\n"
#: Where the signature may lie behind a block of the user; further ones are not looked for.
_USER_BLOCKS = (0, 512, 1024, 2048)
#: Arrays without two sides of so many values are no movie.
_MIN_SIDE = 4
_MAX_OBJECTS = 4_000
_MAX_DEPTH = 24
_MAX_LINKS = 8
#: Texts and small arrays longer than this are not metadata.
_MAX_VALUES = 4_096
_MAX_TEXT_BYTES = 2**16
_WRITE_HINT = (
    "Close the file in the program that writes it. If that program was ended by force, "
    "h5clear -s of the HDF5 tools makes the file readable again."
)


def signature_at(head: bytes) -> int | None:
    """Byte at which an HDF5 file starts, None if it is none."""
    return next((at for at in _USER_BLOCKS if head[at : at + 8] == SIGNATURE), None)


@contextmanager
def opening(path: Path, kind: str) -> Iterator[h5py.File]:
    """Open for reading, and close again only if the block fails.

    Raises
    ------
    InputError
        If the file is missing, damaged, cut off or being written; whatever the library has to
        say inside the block becomes one too.
    """
    file = _open(path, kind)
    try:
        yield file
    except BaseException as exc:
        file.close()
        if isinstance(exc, DAMAGE):
            raise in_words(path, kind, exc, "its structure makes no sense") from exc
        raise


def _open(path: Path, kind: str) -> h5py.File:
    try:
        return h5py.File(path, "r", locking=False)
    except DAMAGE as exc:
        text = str(exc)
        cut = re.search(r"truncated file: eof = (\d+).*stored_eof = (\d+)", text)
        if cut:
            why = f"it ends after {int(cut[1]):,} of {int(cut[2]):,} bytes"
            raise damaged(path, kind, why) from exc
        if "already open for" in text or "consistency flag" in text:
            raise InputError(
                f"The {kind} is being written",
                f"{path} is marked as opened by a program that writes it.",
                _WRITE_HINT,
            ) from exc
        raise in_words(path, kind, exc, "its structure makes no sense") from exc


def resolve(file: h5py.File, path: str) -> Any:
    """Return the object at an absolute path without leaving the file; None if there is none."""
    return _resolve(file.id, path, _MAX_LINKS)


def _resolve(root: Any, path: str, links_left: int) -> Any:
    """Walk along a path of hard and soft links, none of them external."""
    at, done = root, ""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    for number, part in enumerate(parts):
        name = part.encode("utf-8", "surrogateescape")
        if not isinstance(at, h5py.h5g.GroupID) or not at.links.exists(name):
            return None
        kind = at.links.get_info(name).type
        if kind == h5py.h5l.TYPE_SOFT:
            if not links_left:
                return None
            goal = at.links.get_val(name).decode("utf-8", "surrogateescape")
            rest = "/".join(parts[number + 1 :])
            whole = goal if goal.startswith("/") else f"{done}/{goal}"
            return _resolve(root, f"{whole}/{rest}", links_left - 1)
        if kind != h5py.h5l.TYPE_HARD:
            return None
        at, done = h5py.h5o.open(at, name), f"{done}/{part}"
    return _wrapped(at)


def external_file_of(file: h5py.File, path: str) -> str:
    """Name of the file that a link at an absolute path leads to; empty if it leads to none."""
    parent, _, name = path.rpartition("/")
    group = resolve(file, parent)
    with suppress(*DAMAGE):
        links, key = group.id.links, name.encode("utf-8", "surrogateescape")
        if links.exists(key) and links.get_info(key).type == h5py.h5l.TYPE_EXTERNAL:
            return str(links.get_val(key)[0].decode("utf-8", "replace"))
    return ""


def _wrapped(identifier: Any) -> Any:
    if isinstance(identifier, h5py.h5d.DatasetID):
        return h5py.Dataset(identifier)
    return h5py.Group(identifier) if isinstance(identifier, h5py.h5g.GroupID) else None


def walk(file: h5py.File) -> Iterator[tuple[str, Any]]:
    """Yield (path, object) of groups and datasets, each once, nearest to the root first.

    Only hard links are followed, and no more than some thousands of them.
    """
    queue: deque[tuple[str, Any, int]] = deque([("", file.id, 0)])
    seen = {_address(file.id)}
    n_objects = 0
    while queue:
        prefix, group, depth = queue.popleft()
        for name in _hard_links(group, _MAX_OBJECTS - n_objects + 1):
            n_objects += 1
            if n_objects > _MAX_OBJECTS:
                return
            try:
                item = h5py.h5o.open(group, name)
                address, path = _address(item), f"{prefix}/{name.decode()}"
            except DAMAGE:
                continue
            if address in seen:
                continue
            seen.add(address)
            wrapped = _wrapped(item)
            if wrapped is None:
                continue
            yield path, wrapped
            if isinstance(wrapped, h5py.Group) and depth < _MAX_DEPTH:
                queue.append((path, item, depth + 1))


def _hard_links(group: Any, limit: int) -> list[bytes]:
    names: list[bytes] = []

    def keep(name: bytes, info: Any) -> bool | None:
        if info.type == h5py.h5l.TYPE_HARD:
            names.append(name)
        return True if len(names) >= limit else None

    with suppress(*DAMAGE):  # what was listed before the damage can still be read
        group.links.iterate(keep, info=True)
    return names


def _address(identifier: Any) -> tuple[int, int]:
    info = h5py.h5o.get_info(identifier)
    return info.fileno, info.addr


def look_into(file: h5py.File) -> Content:
    """List the arrays of a file that may be a movie."""
    found: list[Found] = []
    others: list[str] = []
    for path, item in walk(file):
        if isinstance(item, h5py.Dataset):
            try:
                array = describe(path, item)
                if array is not None:
                    found.append(array)
                elif item.shape and len(others) < 6:
                    others.append(f"{path} ({' x '.join(str(n) for n in item.shape)})")
            except DAMAGE:
                continue
    return Content(tuple(others), tuple(found))


def describe(path: str, dataset: h5py.Dataset) -> Found | None:
    """Describe a dataset; None if it has other than 3 to 5 axes, no field, or no numbers."""
    shape, dtype = dataset.shape, dataset.dtype
    if shape is None or not 3 <= len(shape) <= 5 or dtype.kind not in "biufc" or 0 in shape:
        return None
    if sum(n >= _MIN_SIDE for n in shape) < 2:
        return None
    return Found(
        path=path,
        name=dataset.name or path,
        shape=tuple(int(n) for n in shape),
        dtype=dtype,
        chunks=tuple(int(n) for n in dataset.chunks) if dataset.chunks else None,
        is_elsewhere=bool(dataset.external or dataset.is_virtual),
    )


def attribute(item: Any, name: str) -> Any:
    """Return a small attribute - text, number, list of either - or None."""
    try:
        if item is None or name not in item.attrs:
            return None
        return _plain_value(item.attrs.get_id(name), lambda: item.attrs[name])
    except DAMAGE:
        return None


def value(item: Any) -> Any:
    """Return a small dataset - text, number, list of either - or None."""
    try:
        if not isinstance(item, h5py.Dataset) or item.shape is None:
            return None
        return _plain_value(item.id, lambda: item[()])
    except DAMAGE:
        return None


def _plain_value(identifier: Any, read: Any) -> Any:
    """Read if it is small; text as str, numbers as float or as an array of float64."""
    dtype = identifier.dtype
    is_text = h5py.check_string_dtype(dtype) is not None
    n_values = prod(identifier.shape)
    if n_values > _MAX_VALUES or n_values * dtype.itemsize > _MAX_TEXT_BYTES:
        return None
    if not is_text and dtype.kind not in "biuf":
        return None
    got = read()
    if is_text:
        texts = [_text(item) for item in np.atleast_1d(np.asarray(got, object)).ravel()]
        return texts if identifier.shape else texts[0]
    numbers = np.asarray(got, np.float64)
    return numbers if numbers.ndim else float(numbers)


def _text(item: Any) -> str:
    text = item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
    return text[:_MAX_TEXT_BYTES]
