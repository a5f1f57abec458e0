"""TIFF files of kinds that tifffile does not write, made byte by byte."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

SHORT, LONG, LONG8, ASCII = 3, 4, 16, 2
_SIZES = {1: 1, ASCII: 1, SHORT: 2, LONG: 4, 5: 8, 7: 1, LONG8: 8, 11: 4, 12: 8}
_LETTERS = {SHORT: "H", LONG: "I", LONG8: "Q"}

Tag = tuple[int, int, object]


def page_tags(frame: np.ndarray, data: int, extra: tuple[Tag, ...] = ()) -> list[Tag]:
    """Return the tags of a plain page whose pixels start at ``data``."""
    height, width = frame.shape
    form = {"u": 1, "i": 2, "f": 3}[frame.dtype.kind]
    return sorted(
        [
            (256, LONG, [width]),
            (257, LONG, [height]),
            (258, SHORT, [8 * frame.itemsize]),
            (259, SHORT, [1]),
            (262, SHORT, [1]),
            (273, LONG8 if data >= 2**32 else LONG, [data]),
            (277, SHORT, [1]),
            (278, LONG, [height]),
            (279, LONG, [frame.nbytes]),
            (339, SHORT, [form]),
            *extra,
        ],
        key=lambda tag: tag[0],
    )


def directory(tags: list[Tag], at: int, link: int, *, is_big: bool) -> bytes:
    """Return a little-endian directory that starts at ``at``, with its values behind it."""
    entry, inline = (20, 8) if is_big else (12, 4)
    head = struct.pack("<Q" if is_big else "<H", len(tags))
    end = at + len(head) + entry * len(tags) + inline
    entries, values = b"", b""
    for tag, code, value in tags:
        if isinstance(value, bytes):
            raw, count = value, len(value) // _SIZES[code]
        else:
            raw = struct.pack(f"<{len(value)}{_LETTERS[code]}", *value)  # type: ignore[arg-type]
            count = len(value)  # type: ignore[arg-type]
        entries += struct.pack("<HHQ" if is_big else "<HHI", tag, code, count)
        if len(raw) <= inline:
            entries += raw.ljust(inline, b"\0")
        else:
            entries += struct.pack("<Q" if is_big else "<I", end + len(values))
            values += raw + b"\0" * (-len(raw) % 8)
    return head + entries + struct.pack("<Q" if is_big else "<I", link) + values


def header(first: int, *, is_big: bool) -> bytes:
    """Return the beginning of a little-endian file."""
    if is_big:
        return b"II+\0" + struct.pack("<HHQ", 8, 0, first)
    return b"II*\0" + struct.pack("<I", first)


def write_pages(
    path: Path,
    frames: np.ndarray,
    extra: object = None,
    *,
    is_big: bool = True,
    first_extra: tuple[Tag, ...] = (),
    block: bytes = b"",
) -> list[int]:
    """Write directory, pixels, directory, pixels ..., as microscopes do.

    Parameters
    ----------
    path : Path
    frames : (n, H, W)
    extra : function of the number of a page, or None
        Returns its further tags.
    is_big : bool
    first_extra : tuple of tags
        Of the first page only.
    block : bytes
        Between the header and the first directory.

    Returns
    -------
    list of int
        Where the directories are.
    """
    at = len(header(0, is_big=is_big)) + len(block)
    content, places = header(at, is_big=is_big) + block, []
    for number, frame in enumerate(frames):
        more = tuple(extra(number)) if extra is not None else ()  # type: ignore[operator]
        more += first_extra if number == 0 else ()
        length = len(directory(page_tags(frame, 0, more), at, 0, is_big=is_big))
        following = at + length + frame.nbytes
        link = following if number < len(frames) - 1 else 0
        places.append(at)
        content += directory(page_tags(frame, at + length, more), at, link, is_big=is_big)
        content += frame.tobytes()
        at = following
    path.write_bytes(content)
    return places


def text(value: str) -> bytes:
    """Return the value of a text tag."""
    return value.encode() + b"\0"
