"""Where the values of a dataset lie - together, in chunks, elsewhere - and through what filters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from caiman_gui.io.h5.source import UnsupportedError, number, require

if TYPE_CHECKING:
    from caiman_gui.io.h5.source import Source

Index = Literal["none", "tree", "single", "implicit", "fixed", "extensible", "new tree"]
_INDEXES: dict[int, Index] = {
    1: "single", 2: "implicit", 3: "fixed", 4: "extensible", 5: "new tree",
}  # fmt: skip
_MAX_FILTERS = 32
_MAX_SIDES = 33


@dataclass(frozen=True, slots=True)
class Layout:
    """Storage of a dataset.

    Attributes
    ----------
    kind : str
        "compact" for values inside the header, "elsewhere" for a virtual dataset.
    address : int or None
        Of the values, or of the index of the chunks; None if nothing was written.
    n_bytes : int
        Of the values of a contiguous dataset.
    values : bytes
        Of a compact dataset.
    chunks : tuple of int
        Shape of a chunk, without the bytes of a value.
    index : str
    parameters : tuple of int
        Of the index.
    single : (int, int)
        Bytes and filter mask of a filtered single chunk.
    has_plain_edges : bool
        Whether chunks that reach beyond the array are not filtered.
    """

    kind: Literal["compact", "contiguous", "chunked", "elsewhere"]
    address: int | None = None
    n_bytes: int = 0
    values: bytes = b""
    chunks: tuple[int, ...] = ()
    index: Index = "none"
    parameters: tuple[int, ...] = ()
    single: tuple[int, int] | None = None
    has_plain_edges: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """One step that chunks went through when they were written."""

    code: int
    parameters: tuple[int, ...] = field(default=())


def read_layout(source: Source, data: bytes) -> Layout:
    """Read a layout message.

    Raises
    ------
    FormatError, UnsupportedError
    """
    version = number(data, 0, 1)
    if version in (1, 2):
        return _oldest(source, data)
    if version not in (3, 4, 5):
        raise UnsupportedError(f"layouts of version {version} are not read")
    kind = number(data, 1, 1)
    if kind == 0:
        size = number(data, 2, 2)
        require(4 + size <= len(data), "values are cut off")
        return Layout("compact", values=data[4 : 4 + size])
    if kind == 1:
        length = source.length(data, 2 + source.offset_bytes)
        return Layout("contiguous", source.address(data, 2), length)
    if kind == 2:
        return _old_chunks(source, data) if version == 3 else _new_chunks(source, data)
    if kind == 3:
        return Layout("elsewhere")
    raise UnsupportedError(f"layouts of class {kind} are not read")


def _oldest(source: Source, data: bytes) -> Layout:
    n_sides, kind = number(data, 1, 1), number(data, 2, 1)
    require(0 < n_sides <= _MAX_SIDES and kind <= 2, "a layout makes no sense")
    at = 8
    address = None
    if kind:
        address, at = source.address(data, at), at + source.offset_bytes
    sides = tuple(number(data, at + 4 * n, 4) for n in range(n_sides))
    at += 4 * n_sides
    if kind == 0:
        size = number(data, at, 4)
        require(at + 4 + size <= len(data), "values are cut off")
        return Layout("compact", values=data[at + 4 : at + 4 + size])
    if kind == 1:
        return Layout("contiguous", address)
    return Layout("chunked", address, chunks=_chunks(sides), index="tree")


def _old_chunks(source: Source, data: bytes) -> Layout:
    n_sides = number(data, 2, 1)
    at = 3 + source.offset_bytes
    sides = tuple(number(data, at + 4 * n, 4) for n in range(n_sides))
    return Layout("chunked", source.address(data, 3), chunks=_chunks(sides), index="tree")


def _new_chunks(source: Source, data: bytes) -> Layout:
    flags, n_sides, width = (number(data, at, 1) for at in (2, 3, 4))
    require(0 < n_sides <= _MAX_SIDES and 0 < width <= 8, "a layout makes no sense")
    sides = tuple(number(data, 5 + n * width, width) for n in range(n_sides))
    at = 5 + n_sides * width
    code, at = number(data, at, 1), at + 1
    index = _INDEXES.get(code)
    if index is None:
        raise UnsupportedError(f"chunks with an index of type {code} are not read")
    single = None
    parameters: tuple[int, ...] = ()
    if index == "single" and flags & 2:
        length = source.length_bytes
        single = (source.length(data, at), number(data, at + length, 4))
        at += length + 4
    elif index == "fixed":
        parameters, at = (number(data, at, 1),), at + 1
    elif index == "extensible":
        parameters, at = tuple(number(data, at + n, 1) for n in range(5)), at + 5
    elif index == "new tree":
        at += 6
    return Layout(
        "chunked",
        source.address(data, at),
        chunks=_chunks(sides),
        index=index,
        parameters=parameters,
        single=single,
        has_plain_edges=bool(flags & 1),
    )


def _chunks(sides: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of a chunk; the last side is the size of a value."""
    require(len(sides) > 1 and all(sides), "a chunk has no size")
    return sides[:-1]


def read_filters(data: bytes) -> tuple[Filter, ...]:
    """Read a filter pipeline message.

    Raises
    ------
    FormatError, UnsupportedError
    """
    version, count = number(data, 0, 1), number(data, 1, 1)
    if version not in (1, 2):
        raise UnsupportedError(f"filters of version {version} are not read")
    require(count <= _MAX_FILTERS, "there are too many filters")
    at = 8 if version == 1 else 2
    filters = []
    for _ in range(count):
        code, at = number(data, at, 2), at + 2
        name = 0
        if version == 1 or code >= 256:
            name, at = number(data, at, 2), at + 2
        n_values = number(data, at + 2, 2)
        at += 4 + (-(-name // 8) * 8 if version == 1 else name)
        values = tuple(number(data, at + 4 * n, 4) for n in range(n_values))
        at += 4 * (n_values + (n_values % 2 if version == 1 else 0))
        filters.append(Filter(code, values))
    return tuple(filters)


def read_fill(data: bytes, *, is_old: bool) -> bytes:
    """Read a fill value message; empty where zeros are meant.

    Raises
    ------
    FormatError
    """
    if is_old:
        return data[4 : 4 + number(data, 0, 4)]
    version = number(data, 0, 1)
    if version == 3:
        has_value, at = number(data, 1, 1) & 32, 2
    else:
        has_value, at = version == 1 or number(data, 3, 1), 4
    return data[at + 4 : at + 4 + number(data, at, 4)] if has_value else b""
