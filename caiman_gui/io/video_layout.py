"""What the outermost layer of a video file says, before any library opens it.

FFmpeg tells neither a recording that was never closed from a copy that was cut off, nor a table
of all frames from the few it has come across: both stand in the chunks of the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.io.refusals import damaged, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from numpy.typing import NDArray

#: How much of a file is needed to recognise it.
HEAD_BYTES = 64
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_MP4_FIRST = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"jp2 ")
_MAX_CHUNKS = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class VideoLayout:
    """The outermost layer of a video file.

    Attributes
    ----------
    demuxer : str
        The only one that FFmpeg may use: others open further files or addresses.
    kind : str
        For the user, such as "AVI video".
    is_indexed : bool
        A table in the file lists all its frames.
    is_unclosed : bool
        The program that wrote it ended before it could write that table or the length.
    missing_bytes : int
        By how much the file is shorter than it claims.
    delays : dict of int to (n,) int64
        For the number of a track, by how much later each frame is shown than decoded, in its
        unit of time; tracks whose frames are shown in the order of decoding are absent.
    has_palettes : bool
        The table of colours changes from frame to frame, so that none can be understood alone.
    """

    demuxer: str
    kind: str
    is_indexed: bool = False
    is_unclosed: bool = False
    missing_bytes: int = 0
    delays: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    has_palettes: bool = False


def demuxer_of(head: bytes) -> str:
    """Return FFmpeg's name for the container, or "" if the file is no video we read."""
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:4] == _EBML and (b"matroska" in head[:HEAD_BYTES] or b"webm" in head[:HEAD_BYTES]):
        return "matroska"
    if head[:16] == _ASF_HEADER:
        return "asf"
    if head[4:8] in _MP4_FIRST and not (head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS):
        return "mov"
    return ""


def read_layout(path: Path) -> VideoLayout:
    """Read the outermost layer of a video file.

    Raises
    ------
    InputError
        If it cannot be read, is no video, or was never finished in a way that can be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(HEAD_BYTES)
            demuxer = demuxer_of(head)
            if demuxer == "avi":
                return _avi_layout(file, size)
            if demuxer == "mov":
                return _mp4_layout(path, file, size, head)
            if demuxer == "matroska":
                return _matroska_layout(file, size, head)
            if demuxer == "asf":
                return _asf_layout(file, size)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    raise damaged(path, "video file", "it does not begin as a video does")


def _avi_layout(file: BinaryIO, size: int) -> VideoLayout:
    """Walk the chunks of an AVI: header, pictures, index, and further parts beyond 1 GB."""
    is_indexed = is_unclosed = has_palettes = False
    missing = 0
    position = 12
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        head = file.read(12)
        if len(head) < 8 or not head[:4].isalnum():  # the end, or padding after it
            break
        name, length = head[:4], int.from_bytes(head[4:8], "little")
        if name == b"RIFF":
            position += 12
            continue
        end = position + 8 + length
        if name == b"LIST" and head[8:12] == b"movi" and length in (0, 0xFFFFFFFF):
            is_unclosed = True
            break
        if name == b"LIST" and head[8:12] == b"hdrl":
            header = file.read(min(length, 2**16))
            is_indexed |= _has_superindex(header)
            has_palettes = _has_palettes(header)
        is_indexed |= name == b"idx1"
        if name in (b"LIST", b"idx1"):
            missing = max(missing, end - size)
        position = end + (length & 1)
    if not is_indexed and not missing:
        is_unclosed = True
    return VideoLayout(
        "avi", "AVI video", is_indexed, is_unclosed, missing, has_palettes=has_palettes
    )


def _has_superindex(header: bytes) -> bool:
    """Tell whether an OpenDML index (of files beyond 1 GB) is filled in."""
    place = header.find(b"indx")
    return place >= 0 and int.from_bytes(header[place + 12 : place + 16], "little") > 0


def _has_palettes(header: bytes) -> bool:
    """Tell whether the colours of a picture's numbers change within the video."""
    place = header.find(b"strh", 0)
    while place >= 0:
        if header[place + 8 : place + 12] == b"vids":
            return bool(int.from_bytes(header[place + 16 : place + 20], "little") & 0x10000)
        place = header.find(b"strh", place + 4)
    return False


def _boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, first and last byte of the content of MP4 boxes side by side."""
    for _ in range(_MAX_CHUNKS):
        file.seek(start)
        head = file.read(16)
        if start + 8 > stop or len(head) < 8:
            return
        length, skip = int.from_bytes(head[:4], "big"), 8
        if length == 1:
            length, skip = int.from_bytes(head[8:16], "big"), 16
        elif length == 0:
            length = stop - start
        if length < skip:
            return
        yield head[4:8], start + skip, start + length
        start += length


def _mp4_layout(path: Path, file: BinaryIO, size: int, head: bytes) -> VideoLayout:
    is_quicktime = head[4:8] != b"ftyp" or head[8:12] == b"qt  "
    kind = "QuickTime video" if is_quicktime else "MP4 video"
    missing, moov = 0, None
    is_fragmented = False
    for name, start, stop in _boxes(file, 0, size):
        if name == b"moof":  # the table continues in pieces: only reading on tells how far
            is_fragmented = True
            break
        if name == b"moov":
            moov = start, min(stop, size)
        missing = max(missing, stop - size)
    if moov is None:
        raise damaged(
            path, kind, "the table of its frames is missing, which is written when it is finished"
        )
    delays = {} if is_fragmented else _delays(file, *moov)
    return VideoLayout("mov", kind, not is_fragmented, False, missing, delays)


def _delays(file: BinaryIO, start: int, stop: int) -> dict[int, NDArray[np.int64]]:
    """Read for each track, by its number, how much later each sample is shown than decoded."""
    found: dict[int, NDArray[np.int64]] = {}
    for name, first, last in _boxes(file, start, stop):
        if name != b"trak":
            continue
        last = min(last, stop)
        header = _find(file, first, last, (b"tkhd",))
        table = _find(file, first, last, (b"mdia", b"minf", b"stbl", b"ctts"))
        if header is None or table is None:
            continue
        file.seek(header[0])
        content = file.read(24)
        number = content[20:24] if content[:1] == b"\1" else content[12:16]
        file.seek(table[0] + 8)
        content = file.read(table[1] - table[0] - 8)
        pairs = np.frombuffer(content[: len(content) // 8 * 8], ">i4").reshape(-1, 2)
        counts = pairs[:, 0].astype(np.int64)
        if len(pairs) and counts.min() >= 0 and counts.sum() <= stop:  # a byte each at least
            found[int.from_bytes(number, "big")] = np.repeat(pairs[:, 1].astype(np.int64), counts)
    return found


def _find(
    file: BinaryIO, start: int, stop: int, names: tuple[bytes, ...]
) -> tuple[int, int] | None:
    """Return where the content of a box inside boxes lies."""
    for wanted in names:
        for name, first, last in _boxes(file, start, stop):
            if name == wanted:
                start, stop = first, min(last, stop)
                break
        else:
            return None
    return start, stop


def _matroska_layout(file: BinaryIO, size: int, head: bytes) -> VideoLayout:
    kind = "WebM video" if b"webm" in head else "Matroska video"
    file.seek(0)
    start = file.read(4096).find(_SEGMENT) + 4
    file.seek(start)
    content = file.read(8)
    n_bytes = 9 - content[0].bit_length() if content and content[0] else 0
    number = int.from_bytes(content[:n_bytes], "big") & ((1 << 7 * n_bytes) - 1)
    if start < 4 or not n_bytes or number == (1 << 7 * n_bytes) - 1:  # no length was written
        return VideoLayout("matroska", kind, is_unclosed=True)
    return VideoLayout("matroska", kind, missing_bytes=max(0, start + n_bytes + number - size))


def _asf_layout(file: BinaryIO, size: int) -> VideoLayout:
    kind = "Windows Media video"
    file.seek(0)
    head = file.read(2**16)
    place = head.find(_ASF_FILE_PROPERTIES)
    if place < 0 or len(head) < place + 92:
        return VideoLayout("asf", kind)
    claimed = struct.unpack_from("<Q", head, place + 40)[0]
    is_unclosed = bool(struct.unpack_from("<I", head, place + 88)[0] & 1)
    missing = 0 if is_unclosed else max(0, claimed - size)
    return VideoLayout("asf", kind, is_unclosed=is_unclosed, missing_bytes=missing)
