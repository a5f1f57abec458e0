"""The size that images claim in their first bytes, known before anything is unpacked."""

from __future__ import annotations

import re
import struct
from typing import Final

PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
BMP: Final = b"BM"
PNM: Final = (b"P5", b"P6")
#: Where JPEG streams say their size; further behind is damage.
_HEADER_BYTES = 2**16
_PNM_HEADER = re.compile(rb"P[56](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})"
                         rb"(?:\s|#[^\n]*\n)+(\d{1,5})\s")  # fmt: skip


def is_image(head: bytes) -> bool:
    """Tell whether a file is a PNG, JPEG, BMP or binary PGM image by its first bytes."""
    if head.startswith(BMP):  # two letters are no proof: the header must be one
        return len(head) >= 30 and struct.unpack_from("<I", head, 14)[0] in (40, 52, 56, 108, 124)
    if head.startswith(PNM):
        return _PNM_HEADER.match(head) is not None
    return head.startswith((PNG, JPEG))


def image_size(data: bytes) -> tuple[int, int] | None:
    """Return the (height, width) that an image claims; None if it does not say."""
    if data.startswith(PNG) and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return height, width
    if data.startswith(JPEG):
        return jpeg_size(data)
    if data.startswith(BMP) and len(data) >= 26:
        width, height = struct.unpack_from("<ii", data, 18)
        return abs(height), abs(width)
    layout = pnm_layout(data)
    return None if layout is None else layout[:2]


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return the (height, width) of a JPEG stream; None if it does not say."""
    at = 2
    while at + 9 <= min(len(data), _HEADER_BYTES):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return height, width
        if marker == 0xFF:  # a filling byte
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None


def jpeg2000_size(data: bytes) -> tuple[int, int] | None:
    """Return the (height, width) of a JPEG 2000 stream; None if it does not say."""
    at = data.find(b"\xff\x4f\xff\x51", 0, _HEADER_BYTES)
    if at < 0 or at + 24 > len(data):
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    return max(0, bottom - top), max(0, right - left)


def pnm_layout(data: bytes) -> tuple[int, int, int, int, int] | None:
    """Return height, width, samples of a pixel, largest value and header bytes of a PGM or PPM."""
    found = _PNM_HEADER.match(data[:_HEADER_BYTES])
    if found is None:
        return None
    width, height, largest = (int(number) for number in found.groups())
    return height, width, 3 if data[1:2] == b"6" else 1, largest, found.end()
