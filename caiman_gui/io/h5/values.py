"""Small values: attributes, and datasets that say something about others."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.io.h5 import header
from caiman_gui.io.h5.header import at_its_place, unshared
from caiman_gui.io.h5.heaps import FractalHeap, read_from_global_heap
from caiman_gui.io.h5.source import FormatError, number, require
from caiman_gui.io.h5.trees import NewTree
from caiman_gui.io.h5.types import ValueType, read_space, read_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from caiman_gui.io.h5.dataset import Dataset
    from caiman_gui.io.h5.header import Message
    from caiman_gui.io.h5.source import Source

_MAX_VALUES = 4_096
#: Bytes of one text, and of all in a list together.
_MAX_TEXT_BYTES, _MAX_TEXTS_BYTES = 2**16, 2**20
_MAX_ATTRIBUTES = 1_000
#: Chunks of small datasets are larger than this only in damaged files.
_MAX_CHUNK_BYTES = 2**24


def read_attributes(source: Source, messages: Sequence[Message]) -> dict[str, Any]:
    """Read the attributes of an object that are small: text, numbers, references, lists of them.

    One that is damaged or of another type is left out.
    """
    found: dict[str, Any] = {}
    for data in _attribute_messages(source, messages):
        if len(found) >= _MAX_ATTRIBUTES:
            break
        try:
            name, value = _attribute(source, data)
        except ValueError:  # FormatError, UnsupportedError, and what NumPy says
            continue
        if value is not None:
            found[name] = value
    return found


def read_value(dataset: Dataset) -> Any:
    """Return a small dataset as ``read_attributes`` does; None if it is large or of another type.

    Raises
    ------
    FormatError, UnsupportedError
    """
    shape = dataset.shape
    if shape is None or prod(shape) > _MAX_VALUES or dataset.is_elsewhere:
        return None
    if prod(shape) * dataset.value_type.n_bytes > _MAX_TEXT_BYTES:
        return None
    if dataset.chunks and prod(dataset.chunks) * dataset.value_type.n_bytes > _MAX_CHUNK_BYTES:
        return None
    stored = dataset.read(tuple(slice(0, n) for n in shape))
    return _understood(dataset.source, dataset.value_type, shape, stored.tobytes())


def _attribute_messages(source: Source, messages: Sequence[Message]) -> Iterator[bytes]:
    for message in messages:
        try:
            if message.kind == header.ATTRIBUTE:
                yield unshared(source, message)
            elif message.kind == header.ATTRIBUTE_INFO:
                yield from _many_attributes(source, message.data)
        except ValueError:
            continue


def _many_attributes(source: Source, data: bytes) -> Iterator[bytes]:
    at = 2 + (2 if number(data, 1, 1) & 1 else 0)
    heap_at, tree_at = source.address(data, at), source.address(data, at + source.offset_bytes)
    if heap_at is None or tree_at is None:
        return
    heap, tree = FractalHeap(source, heap_at), NewTree(source, tree_at)
    require(tree.kind == 8, "a list of attributes is of another kind")
    for record in tree.records():
        if not record[heap.id_bytes] & 2:  # not shared
            yield heap.get(record[: heap.id_bytes])


def _attribute(source: Source, data: bytes) -> tuple[str, Any]:
    version, flags = number(data, 0, 1), number(data, 1, 1)
    require(1 <= version <= 3, "an attribute has an unknown version")
    sizes = [number(data, at, 2) for at in (2, 4, 6)]
    at = 9 if version == 3 else 8
    parts = []
    for size in sizes:
        require(at + size <= len(data), "an attribute is cut off")
        parts.append(data[at : at + size])
        at += -(-size // 8) * 8 if version == 1 else size
    name, type_data, space_data = parts
    if version > 1 and flags & 1:
        type_data = at_its_place(source, type_data, header.DATATYPE)
    if version > 1 and flags & 2:
        space_data = at_its_place(source, space_data, header.DATASPACE)
    value_type, space = read_type(type_data), read_space(source, space_data)
    text = name.partition(b"\0")[0].decode("utf-8", "replace")
    if space.shape is None or prod(space.shape) > _MAX_VALUES:
        return text, None
    return text, _understood(source, value_type, space.shape, data[at:])


def _understood(source: Source, type_: ValueType, shape: tuple[int, ...], data: bytes) -> Any:
    """Return text as str, numbers as float, references as int, several as list or array."""
    count, size = prod(shape), type_.n_bytes
    if len(data) < count * size:
        raise FormatError("a value is cut off")
    items = [data[n * size : (n + 1) * size] for n in range(count)]
    if type_.kind == "number" and type_.dtype is not None:
        numbers = np.frombuffer(data, type_.dtype, count).astype(np.float64).reshape(shape)
        return numbers if shape else float(numbers)
    values: list[Any]
    if type_.kind == "text":
        values = [_decoded(item) for item in items]
    elif type_.kind == "long text":
        values = []
        n_bytes = 0
        for item in items:
            raw = _in_heap(source, item, 1)
            n_bytes += len(raw)
            require(n_bytes <= _MAX_TEXTS_BYTES, "a list of texts is too long")
            values.append(_decoded(raw))
    elif type_.kind == "reference":
        values = [source.address(item, 0) for item in items]
    elif type_.kind == "long reference":
        values = [_references(source, item) for item in items]
    else:
        return None
    return values if shape else values[0]


def _in_heap(source: Source, item: bytes, value_bytes: int) -> bytes:
    count, address = number(item, 0, 4), source.address(item, 4)
    if not count or not address:
        return b""
    index = number(item, 4 + source.offset_bytes, 4)
    return read_from_global_heap(source, address, index, _MAX_TEXT_BYTES)[: count * value_bytes]


def _references(source: Source, item: bytes) -> list[int | None]:
    width = source.offset_bytes
    raw = _in_heap(source, item, width)
    return [source.address(raw, at) for at in range(0, len(raw) - width + 1, width)]


def _decoded(raw: bytes) -> str:
    return raw.partition(b"\0")[0].rstrip(b" ").decode("utf-8", "replace")
