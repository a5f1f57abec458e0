"""The layout of a stored movie on disk, all numbers little-endian.

1. A page of 4096 bytes: magic, length and CRC-32 of a JSON text, the text itself, spaces.
2. Blocks of frames, one after the other, each a header of 64 bytes and its samples, filled up
   with zeros to a multiple of 64 bytes. Samples are (H*W, n) in C order: pixel by pixel, as
   8-bit or 16-bit whole numbers q that stand for ``offset + scale * q``, or as float32.
3. A table with one row for each block, and 32 bytes that say where it is.

A file without the last part was not finished. Whole blocks of it can be used nevertheless, since
each describes itself.
"""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.movie import frames_per_block

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Shape = tuple[int, int, int]

MAGIC = b"CGMOVIE2"
PAGE_BYTES = 4096
BLOCK_HEADER_BYTES = 64
#: How samples may be stored. "auto": as 16-bit numbers wherever nothing is lost by it.
MODES = ("auto", "16-bit", "float32")
#: Codes of the sample types: their size in bytes.
UINT8, UINT16, FLOAT32 = 1, 2, 4
SAMPLE_DTYPES: dict[int, np.dtype[Any]] = {
    UINT8: np.dtype("u1"),
    UINT16: np.dtype("<u2"),
    FLOAT32: np.dtype("<f4"),
}

_VERSION = 1
_BLOCK_MAGIC, _END_MAGIC = b"BLK2", b"CGMOVEND"
_PAGE_START = struct.Struct("<8sII")
_BLOCK = struct.Struct("<4sIII dd QI 16x")
_END = struct.Struct("<8sQII 4x")
_CRC = struct.Struct("<I")
END_BYTES = _END.size + _CRC.size
TABLE_ROW = np.dtype(
    [("position", "<u8"), ("code", "<u4"), ("checksum", "<u4"), ("offset", "<f8"), ("scale", "<f8")]
)


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a stored movie before its first frame is written.

    Attributes
    ----------
    shape : (T, H, W)
    dtype : str
        NumPy's name of the type the samples had when they were written.
    mode : {"auto", "16-bit", "float32"}
    key : str
        Tells what the movie was made from; only a movie of the same key is gone on with.
    block_frames : int
        Frames in every block but the last, which may be shorter.
    """

    shape: Shape
    dtype: str
    mode: str
    key: str
    block_frames: int

    @classmethod
    def of(cls, shape: Shape, dtype: np.dtype, mode: str, key: str) -> Header:
        """Describe a movie that will be written."""
        if mode not in MODES:
            raise ValueError(f"mode {mode!r} is none of {', '.join(MODES)}")
        if min(shape) < 1:
            raise ValueError(f"a movie of shape {shape} holds nothing")
        name = "uint8" if dtype.kind == "b" else dtype.name
        return cls(shape, name, mode, key, frames_per_block(*shape[1:]))

    @property
    def n_pixels(self) -> int:
        """Pixels of a frame."""
        return self.shape[1] * self.shape[2]

    @property
    def n_blocks(self) -> int:
        """Blocks of the finished movie."""
        return -(-self.shape[0] // self.block_frames)

    def frames_in(self, index: int) -> int:
        """Frames of a block."""
        return min(self.block_frames, self.shape[0] - index * self.block_frames)

    def payload_bytes(self, index: int, code: int) -> int:
        """Bytes of the samples of a block."""
        return self.n_pixels * self.frames_in(index) * code

    def pack(self) -> bytes:
        """Return the first page of the file."""
        text = json.dumps(
            {
                "format": "caiman-gui-movie",
                "version": _VERSION,
                "shape": list(self.shape),
                "axes": "time, row, column",
                "dtype": self.dtype,
                "mode": self.mode,
                "key": self.key,
                "block_frames": self.block_frames,
                "block_layout": "64-byte header, then (row * width + column, time)",
                "checksum": "CRC-32 of sums over rows, then columns, of 512 64-bit words a row",
            }
        ).encode()
        page = _PAGE_START.pack(MAGIC, len(text), zlib.crc32(text)) + text
        if len(page) > PAGE_BYTES:
            raise ValueError(f"the key of a movie is too long: {len(self.key)} characters")
        return page.ljust(PAGE_BYTES, b" ")

    @classmethod
    def unpack(cls, page: bytes) -> Header:
        """Read the first page of a file.

        Raises
        ------
        ValueError
            Saying why it is none, as the end of a sentence.
        """
        if len(page) < PAGE_BYTES or page[: len(MAGIC)] != MAGIC:
            raise ValueError("it does not start like a stored movie")
        _, length, crc = _PAGE_START.unpack_from(page)
        text = page[_PAGE_START.size : _PAGE_START.size + length]
        if zlib.crc32(text) != crc:
            raise ValueError("the checksum of its header is wrong")
        try:
            values = json.loads(text)
            if values["version"] != _VERSION:
                raise ValueError("it was written by another version of this program")
            n_frames, height, width = (int(side) for side in values["shape"])
            header = cls(
                (n_frames, height, width), np.dtype(values["dtype"]).name, str(values["mode"]),
                str(values["key"]), int(values["block_frames"]),
            )  # fmt: skip
        except (KeyError, TypeError, OverflowError) as exc:
            raise ValueError("its header cannot be read") from exc
        if min(*header.shape, header.block_frames) < 1 or header.mode not in MODES:
            raise ValueError("its header holds values that cannot be right")
        return header


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """What the samples of one block mean, ``offset + scale * sample``, and their checksum."""

    code: int
    offset: float
    scale: float
    checksum: int

    def pack(self, index: int, n_frames: int, payload_bytes: int) -> bytes:
        """Return the header of a block."""
        head = _BLOCK.pack(
            _BLOCK_MAGIC, index, n_frames, self.code, self.offset, self.scale, payload_bytes,
            self.checksum,
        )  # fmt: skip
        return head + _CRC.pack(zlib.crc32(head))

    @classmethod
    def unpack(cls, head: bytes, header: Header, index: int) -> BlockInfo | None:
        """Read the header of a block; None if this is not the header of block ``index``."""
        if len(head) < BLOCK_HEADER_BYTES:
            return None
        magic, found, n_frames, code, offset, scale, payload, checksum = _BLOCK.unpack_from(head)
        (head_crc,) = _CRC.unpack_from(head, _BLOCK.size)
        is_right = (
            magic == _BLOCK_MAGIC
            and head_crc == zlib.crc32(head[: _BLOCK.size])
            and found == index < header.n_blocks
            and n_frames == header.frames_in(index)
            and code in SAMPLE_DTYPES
            and payload == header.payload_bytes(index, code)
        )
        return cls(code, offset, scale, checksum) if is_right else None


def padding(payload_bytes: int) -> int:
    """Bytes that fill a payload up to a multiple of 64."""
    return -payload_bytes % 64


def block_stride(payload_bytes: int) -> int:
    """Bytes from the header of a block to that of the next."""
    return BLOCK_HEADER_BYTES + payload_bytes + padding(payload_bytes)


def pack_table(header: Header, blocks: Sequence[BlockInfo]) -> bytes:
    """Return table and end of a finished file."""
    codes = np.array([block.code for block in blocks], np.uint32)
    position, end = payload_positions(header, codes)
    table = np.empty(len(blocks), TABLE_ROW)
    table["position"], table["code"] = position, codes
    for name in ("checksum", "offset", "scale"):
        table[name] = [getattr(block, name) for block in blocks]
    raw = table.tobytes()
    tail = _END.pack(_END_MAGIC, end, len(blocks), zlib.crc32(raw))
    return raw + tail + _CRC.pack(zlib.crc32(tail))


def table_place(tail: bytes, header: Header) -> tuple[int, int]:
    """Return position and CRC-32 of the table from the last bytes of a file.

    Raises
    ------
    ValueError
        If these bytes are not the end of this movie.
    """
    if len(tail) == END_BYTES and _CRC.unpack_from(tail, _END.size)[0] == zlib.crc32(
        tail[: _END.size]
    ):
        magic, position, n_blocks, crc = _END.unpack_from(tail)
        if magic == _END_MAGIC and n_blocks == header.n_blocks:
            return position, crc
    raise ValueError("its end is missing")


def payload_positions(header: Header, codes: NDArray[np.uint32]) -> tuple[NDArray[np.uint64], int]:
    """Return where the samples of every block begin, and where the table does."""
    n_frames = np.full(len(codes), header.block_frames, np.uint64)
    n_frames[-1] = header.frames_in(len(codes) - 1)
    payload = n_frames * np.uint64(header.n_pixels) * codes.astype(np.uint64)
    strides = BLOCK_HEADER_BYTES + (payload + np.uint64(63)) // np.uint64(64) * np.uint64(64)
    ends = PAGE_BYTES + np.cumsum(strides, dtype=np.uint64)
    return ends - strides + np.uint64(BLOCK_HEADER_BYTES), int(ends[-1])


def space_needed(
    shape: Shape, *, mode: str = "auto", dtype: np.dtype | type[np.generic] = np.float32
) -> int:
    """Bytes that a stored movie will take, as far as that can be known before.

    Parameters
    ----------
    shape : (T, H, W)
    mode : {"auto", "16-bit", "float32"}
        "auto" is taken to find room for all samples in 16 bit, which real movies do; a movie
        without noise, or with missing values, takes twice that.
    dtype : numpy dtype
        Of the samples that are written.
    """
    kind = np.dtype(dtype)
    code = UINT8 if kind.itemsize == 1 else UINT16
    header = Header.of(shape, kind, mode, "")
    payload = header.n_pixels * header.block_frames * (FLOAT32 if mode == "float32" else code)
    blocks = header.n_blocks * (block_stride(payload) + TABLE_ROW.itemsize)
    missing = header.n_blocks * header.block_frames - shape[0]
    spare = missing * header.n_pixels * (FLOAT32 if mode == "float32" else code)
    return PAGE_BYTES + blocks + END_BYTES - spare
