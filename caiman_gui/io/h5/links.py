"""Links of a group to groups, datasets and other files."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

from caiman_gui.io.h5.header import LINK, LINK_INFO, SYMBOL_TABLE
from caiman_gui.io.h5.heaps import FractalHeap, LocalHeap
from caiman_gui.io.h5.source import FormatError, number, require
from caiman_gui.io.h5.trees import NewTree, symbol_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from caiman_gui.io.h5.header import Message
    from caiman_gui.io.h5.source import Source

#: Links of a group that are looked at.
_MAX_LINKS = 20_000
_SOFT, _EXTERNAL = 1, 64


@dataclass(frozen=True, slots=True)
class Link:
    """One link.

    Attributes
    ----------
    name : str
    kind : str
        A hard link leads to an object of this file, a soft one to a path in it.
    address : int
        Of a hard link.
    path : str
        Of a soft or an external link.
    file : str
        Of an external link.
    """

    name: str
    kind: Literal["hard", "soft", "external", "other"]
    address: int = -1
    path: str = ""
    file: str = ""


def is_group(messages: Sequence[Message]) -> bool:
    """Whether an object with these messages has links."""
    return any(message.kind in (LINK_INFO, SYMBOL_TABLE, LINK) for message in messages)


def read_links(source: Source, messages: Sequence[Message]) -> Iterator[Link]:
    """Yield the links of a group, up to some thousands.

    Raises
    ------
    FormatError, UnsupportedError
    """
    return islice(_all_links(source, messages), _MAX_LINKS)


def _all_links(source: Source, messages: Sequence[Message]) -> Iterator[Link]:
    for message in messages:
        if message.kind == SYMBOL_TABLE:
            yield from _old_links(source, message.data)
        elif message.kind == LINK:
            yield _link(source, message.data)
        elif message.kind == LINK_INFO:
            yield from _many_links(source, message.data)


def _old_links(source: Source, data: bytes) -> Iterator[Link]:
    tree, names = source.address(data, 0), source.address(data, source.offset_bytes)
    if tree is None or names is None:
        return
    heap = LocalHeap(source, names)
    width = source.offset_bytes
    size = 2 * width + 24
    for node in symbol_nodes(source, tree, _MAX_LINKS):
        head = source.read(node, 8)
        require(head[:4] == b"SNOD", "a list of links is missing")
        count = number(head, 6, 2)
        entries = source.read(node + 8, count * size)
        for at in range(0, count * size, size):
            name = _text(heap.name(number(entries, at, width)))
            address = source.address(entries, at + width)
            if number(entries, at + 2 * width, 4) == 2:
                goal = heap.name(number(entries, at + 2 * width + 8, 4))
                yield Link(name, "soft", path=_text(goal))
            elif address is not None:
                yield Link(name, "hard", address)


def _many_links(source: Source, data: bytes) -> Iterator[Link]:
    at = 2 + (8 if number(data, 1, 1) & 1 else 0)
    heap_at, tree_at = source.address(data, at), source.address(data, at + source.offset_bytes)
    if heap_at is None or tree_at is None:
        return
    heap, tree = FractalHeap(source, heap_at), NewTree(source, tree_at)
    require(tree.kind == 5, "a list of links is of another kind")
    for record in tree.records():
        yield _link(source, heap.get(record[4 : 4 + heap.id_bytes]))


def _link(source: Source, data: bytes) -> Link:
    require(number(data, 0, 1) == 1, "a link has an unknown version")
    flags, at = number(data, 1, 1), 2
    kind = 0
    if flags & 8:
        kind, at = number(data, at, 1), at + 1
    at += (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    n_bytes = number(data, at, width)
    at += width
    require(at + n_bytes <= len(data), "a link is cut off")
    name, at = _text(data[at : at + n_bytes]), at + n_bytes
    if kind == 0:
        address = source.address(data, at)
        if address is None:
            raise FormatError("a link leads nowhere")
        return Link(name, "hard", address)
    value = data[at + 2 : at + 2 + number(data, at, 2)]
    if kind == _SOFT:
        return Link(name, "soft", path=_text(value))
    if kind == _EXTERNAL:
        file, _, path = value[1:].partition(b"\0")
        return Link(name, "external", path=_text(path.rstrip(b"\0")), file=_text(file))
    return Link(name, "other")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
