"""What can be told of a packet's data before it is decoded: whether they are whole.

FFmpeg only logs that a checksum is wrong or a picture absent. It then shows what is left of the
frame before, or whatever lies in memory, and no user would notice.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: At the end of each FFV1 slice: its length in 3 bytes, and with a checksum a flag and the CRC.
_WITH_CRC, _WITHOUT_CRC = 8, 3
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
#: JPEG: quantisation tables, kinds of header, start of the data, markers that stand alone.
_DQT, _SOF, _SOS = 0xDB, {0xC0, 0xC1, 0xC2, 0xC3, 0xF7}, 0xDA
_LONE_MARKERS = (0x01, *range(0xD0, 0xD9))


def integrity_check(codec: Any, packets: Iterable[bytes]) -> Callable[[bytes], bool] | None:
    """Return the function that tells whether a packet is whole, None if nothing can be told.

    Parameters
    ----------
    codec : av.VideoCodecContext
    packets : iterable of bytes
        The first ones of the video.
    """
    if codec.name == "mjpeg":
        return has_picture
    # Version 3 and later, which have a header of their own, carry checksums unless told not to.
    if codec.name == "ffv1" and codec.extradata:
        is_plain = any(slices(packet, _WITHOUT_CRC) for packet in packets)
        return None if is_plain else has_right_checksums
    return None


def has_right_checksums(packet: bytes) -> bool:
    """Tell whether the checksums of all slices of an FFV1 packet fit (RFC 9043, 4.9).

    The CRC is that of zlib with the bits of each byte mirrored, and begins with 0.
    """
    found = slices(packet, _WITH_CRC)
    return bool(found) and all(
        zlib.crc32(packet[start:end].translate(_MIRRORED), 0xFFFFFFFF) == 0xFFFFFFFF
        for start, end in found
    )


def slices(packet: bytes, trailer: int) -> list[tuple[int, int]]:
    """Return the slices of an FFV1 packet, the last one first; empty if they do not fill it."""
    found = []
    end = len(packet)
    while end > 0:
        at = end - trailer
        start = at - int.from_bytes(packet[max(at, 0) : max(at, 0) + 3], "big")
        if at < 0 or start < 0:
            return []
        found.append((start, end))
        end = start
    return found


def has_picture(packet: bytes) -> bool:
    """Tell whether a JPEG has tables, header and data: it must not borrow those of another."""
    seen: set[int] = set()
    place = packet.find(b"\xff\xd8") + 2
    while 2 <= place < len(packet) - 3:
        marker = packet[place + 1]
        if packet[place] != 0xFF or marker == 0xFF:
            place += 1
        elif marker == _SOS:
            return _DQT in seen and not seen.isdisjoint(_SOF)
        elif marker in _LONE_MARKERS:
            place += 2
        else:
            seen.add(marker)
            place += 2 + int.from_bytes(packet[place + 2 : place + 4], "big")
    return False
