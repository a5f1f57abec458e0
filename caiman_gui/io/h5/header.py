"""Object headers: the messages that make up a group or a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caiman_gui.io.h5.checksum import require_checksum
from caiman_gui.io.h5.source import FormatError, UnsupportedError, number, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from caiman_gui.io.h5.source import Source

#: Types of messages.
DATASPACE, LINK_INFO, DATATYPE, OLD_FILL, FILL = 0x01, 0x02, 0x03, 0x04, 0x05
LINK, EXTERNAL_FILES, LAYOUT, FILTERS, ATTRIBUTE = 0x06, 0x07, 0x08, 0x0B, 0x0C
_CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0x10, 0x11, 0x15
_MAX_BLOCKS, _MAX_MESSAGES = 1_000, 20_000
_SHARED = 2


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an object header.

    Attributes
    ----------
    kind : int
    is_shared : bool
        Whether the content only says where the message is.
    data : bytes
    """

    kind: int
    is_shared: bool
    data: bytes


def read_messages(source: Source, address: int) -> list[Message]:
    """Read all messages of the object at an address.

    Raises
    ------
    FormatError, UnsupportedError
    """
    start = source.read(address, min(64, source.size - address))
    if start[:4] == b"OHDR":
        return _read_new(source, address, start)
    require(len(start) >= 16 and start[0] == 1, "an object has no header")
    messages: list[Message] = []
    blocks = [(address + 16, number(start, 8, 4))]
    for at, n_bytes in _each_once(blocks):
        for message in _old_messages(source.read(at, n_bytes)):
            if message.kind == _CONTINUATION:
                blocks.append(_continuation(source, message))
            else:
                messages.append(message)
        require(len(messages) <= _MAX_MESSAGES, "an object has too many messages")
    return messages


def _read_new(source: Source, address: int, start: bytes) -> list[Message]:
    require(number(start, 4, 1) == 2, "an object header has an unknown version")
    flags = number(start, 5, 1)
    at = 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
    width = 1 << (flags & 3)
    n_bytes = number(start, at, width)
    prefix = at + width
    has_order = bool(flags & 4)
    messages: list[Message] = []
    blocks = [(address, prefix + n_bytes + 4)]
    for position, size in _each_once(blocks):
        block = source.read(position, size)
        require_checksum(block)
        if position != address:
            require(block[:4] == b"OCHK", "an object header is not continued")
        begin = prefix if position == address else 4
        for message in _new_messages(block[begin:-4], has_order=has_order):
            if message.kind == _CONTINUATION:
                blocks.append(_continuation(source, message))
            else:
                messages.append(message)
        require(len(messages) <= _MAX_MESSAGES, "an object has too many messages")
    return messages


def _each_once(blocks: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield blocks, also those that are appended meanwhile."""
    seen: set[int] = set()
    for block in blocks:
        require(block[0] not in seen and len(seen) < _MAX_BLOCKS, "an object header has a loop")
        seen.add(block[0])
        yield block


def _continuation(source: Source, message: Message) -> tuple[int, int]:
    address = source.address(message.data, 0)
    if address is None:
        raise FormatError("an object header is not continued")
    return address, source.length(message.data, source.offset_bytes)


def _old_messages(block: bytes) -> Iterator[Message]:
    at = 0
    while at + 8 <= len(block):
        kind, size, flags = number(block, at, 2), number(block, at + 2, 2), block[at + 4]
        require(at + 8 + size <= len(block), "a message is longer than its header")
        yield Message(kind, bool(flags & _SHARED), block[at + 8 : at + 8 + size])
        at += 8 + size


def _new_messages(block: bytes, *, has_order: bool) -> Iterator[Message]:
    prefix = 6 if has_order else 4
    at = 0
    while at + prefix <= len(block):
        kind, size, flags = block[at], number(block, at + 1, 2), block[at + 3]
        require(at + prefix + size <= len(block), "a message is longer than its header")
        yield Message(kind, bool(flags & _SHARED), block[at + prefix : at + prefix + size])
        at += prefix + size


def unshared(source: Source, message: Message) -> bytes:
    """Content of a message, also if it stands in another object.

    Raises
    ------
    FormatError, UnsupportedError
    """
    return at_its_place(source, message.data, message.kind) if message.is_shared else message.data


def at_its_place(source: Source, data: bytes, kind: int) -> bytes:
    """Content of a shared message, of which ``data`` says where it stands."""
    version = number(data, 0, 1)
    require(1 <= version <= 3, "a shared message has an unknown version")
    if version == 3 and number(data, 1, 1) != _SHARED:
        raise UnsupportedError("messages in a common heap are not read")
    address = source.address(data, 8 if version == 1 else 2)
    if address is None:
        raise FormatError("a shared message has no place")
    for message in read_messages(source, address):
        if message.kind == kind and not message.is_shared:
            return message.data
    raise FormatError("a shared message is not at its place")
