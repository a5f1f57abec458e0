"""The corrected movie on disk: float32 blocks of frames, each stored pixel by pixel.

Layout, little-endian: 16-byte preamble (magic, header length), JSON header padded to 4096 bytes,
then the blocks one after the other, each (H*W, n) float32 in C order, then one CRC-32 a block
(uint32). Any frame lies in one block, and any pixel's samples within a block are contiguous.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import zlib
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.atomic import require_space, storage_error

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

MAGIC = b"cguimov1"
HEADER_BYTES = 4096
#: A block should not be larger than this, so that three of them always fit in memory.
TARGET_BLOCK_BYTES = 16 * 2**20
#: Blocks kept in memory for playing frames.
CACHE_BYTES = 64 * 2**20


def frames_per_block(height: int, width: int) -> int:
    """Frames in a block: 16 MiB of float32, but 16 to 256 frames."""
    return int(min(256, max(16, TARGET_BLOCK_BYTES // (4 * height * width))))


class CorrectedWriter:
    """Writes a corrected movie; the file appears at ``commit``, complete, or not at all.

    Use it as a context manager: leaving the block by an exception aborts.

    Parameters
    ----------
    path : Path
        The file to make.
    shape : (T, H, W)
        Size of the movie; exactly T frames have to be written, in order.

    Raises
    ------
    ResourceError
        If the disk is full or may not be written.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        self._path = path
        self._shape = shape
        n_frames, height, width = shape
        self._block_frames = frames_per_block(height, width)
        self._buffer = np.empty((min(self._block_frames, n_frames), height, width), np.float32)
        self._n_buffered = 0
        self._n_written = 0
        self._checksums: list[int] = []
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        self._file: BinaryIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            require_space(path, HEADER_BYTES + 4 * n_frames * height * width)
            self._file = self._temporary.open("wb")
            self._file.write(_pack_header(shape, self._block_frames))
        except OSError as exc:
            self.abort()
            raise storage_error(exc, path) from exc

    def write(self, start: int, frames: NDArray[np.float32]) -> None:
        """Append frames (n, H, W); ``start`` must be the number of frames written before."""
        n_frames = self._shape[0]
        if start != self._n_written or start + len(frames) > n_frames:
            raise ValueError(
                f"frames {start} to {start + len(frames)} do not follow {self._n_written} "
                f"of {n_frames}"
            )
        if frames.shape[1:] != self._shape[1:]:
            raise ValueError(f"frames of {frames.shape[1:]} in a movie of {self._shape[1:]}")
        done = 0
        while done < len(frames):
            n_new = min(len(frames) - done, len(self._buffer) - self._n_buffered)
            stop = self._n_buffered + n_new
            self._buffer[self._n_buffered : stop] = frames[done : done + n_new]
            self._n_buffered = stop
            done += n_new
            self._n_written += n_new
            if stop == len(self._buffer) or self._n_written == n_frames:
                self._write_block()

    def commit(self) -> None:
        """Put the finished file in place."""
        if self._file is None or self._n_written != self._shape[0]:
            raise ValueError(f"{self._n_written} of {self._shape[0]} frames were written")
        try:
            self._file.write(np.array(self._checksums, "<u4").tobytes())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
            os.replace(self._temporary, self._path)
        except OSError as exc:
            self.abort()
            raise storage_error(exc, self._path) from exc

    def abort(self) -> None:
        """Drop what was written. Harmless after ``commit``."""
        if self._file is not None:
            with suppress(OSError):  # closing flushes, and the disk may be full
                self._file.close()
            self._file = None
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> CorrectedWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and self._file is not None:
            self.commit()
        else:
            self.abort()

    def _write_block(self) -> None:
        frames = self._buffer[: self._n_buffered]
        block = cv2.transpose(frames.reshape(len(frames), -1))  # twice as fast as numpy's
        if self._file is None:
            raise ValueError("the writer is closed")
        try:
            self._file.write(_bytes_of(block))
        except OSError as exc:
            self.abort()
            raise storage_error(exc, self._path) from exc
        self._checksums.append(zlib.crc32(_bytes_of(block)))
        self._n_buffered = 0


class CorrectedMovie:
    """A corrected movie, read block by block. Thread-safe; never holds more than a few blocks.

    Raises
    ------
    InputError
        If the file is missing, truncated or damaged.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, NDArray[np.float32]] = OrderedDict()
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as exc:
            raise _damaged(path, f"it cannot be opened ({exc.strerror or exc})") from exc
        try:
            self.shape, self.block_frames = _read_header(self._file, path)
            self._checksums = self._read_checksums()
        except (InputError, OSError):
            self._file.close()
            raise
        self._verified = np.zeros(self._n_blocks, bool)

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        n_frames, height, width = self.shape
        start, stop = max(0, start), min(stop, n_frames)
        out = np.empty((max(0, stop - start), height, width), np.float32)
        at = start
        while at < stop:
            index, first = divmod(at, self.block_frames)
            n_taken = min(stop - at, self.block_frames - first)
            block = self._cached_block(index)
            rows = out[at - start : at - start + n_taken].reshape(n_taken, -1)
            rows[...] = cv2.transpose(block[:, first : first + n_taken])
            at += n_taken
        return out

    def pixel_block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return one stored block as (H*W, n); ``start`` and ``stop`` are its limits."""
        index, rest = divmod(start, self.block_frames)
        if rest or stop != min(start + self.block_frames, self.shape[0]):
            raise ValueError(f"frames {start} to {stop} are not a block of {self.block_frames}")
        return self._read_block(index)

    def close(self) -> None:
        """Close the file; on Windows it could not be replaced otherwise."""
        with self._lock:
            self._cache.clear()
            self._file.close()

    def __enter__(self) -> CorrectedMovie:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def _n_blocks(self) -> int:
        return -(-self.shape[0] // self.block_frames)

    def _cached_block(self, index: int) -> NDArray[np.float32]:
        with self._lock:
            if index in self._cache:
                self._cache.move_to_end(index)
                return self._cache[index]
        block = self._read_block(index)
        with self._lock:
            self._cache[index] = block
            while len(self._cache) > max(1, CACHE_BYTES // max(1, block.nbytes)):
                self._cache.popitem(last=False)
        return block

    def _read_block(self, index: int) -> NDArray[np.float32]:
        n_frames, height, width = self.shape
        start = index * self.block_frames
        n_block = min(self.block_frames, n_frames - start)
        block = np.empty((height * width, n_block), "<f4")
        try:
            with self._lock:
                self._file.seek(HEADER_BYTES + 4 * start * height * width)
                complete = _read_into(self._file, block)
        except (OSError, ValueError) as exc:  # ValueError: closed meanwhile
            raise _damaged(self.path, f"frame {start} cannot be read ({exc})") from exc
        if not complete:
            raise _damaged(self.path, f"it ends within the block of frame {start}")
        if not self._verified[index]:
            if zlib.crc32(_bytes_of(block)) != self._checksums[index]:
                raise _damaged(self.path, f"the checksum of frames {start} onwards is wrong")
            self._verified[index] = True
        return block.astype(np.float32, copy=False)

    def _read_checksums(self) -> NDArray[np.uint32]:
        n_frames, height, width = self.shape
        offset = HEADER_BYTES + 4 * n_frames * height * width
        expected = offset + 4 * self._n_blocks
        size = os.fstat(self._file.fileno()).st_size
        if size != expected:
            raise _damaged(self.path, f"it holds {size} bytes instead of {expected}")
        checksums = np.empty(self._n_blocks, "<u4")
        self._file.seek(offset)
        _read_into(self._file, checksums)
        return checksums


def _pack_header(shape: tuple[int, int, int], block_frames: int) -> bytes:
    header = {
        "format": "caiman-gui-movie",
        "version": 1,
        "shape": list(shape),
        "axes": "time, row, column",
        "dtype": "float32",
        "block_frames": block_frames,
        "block_layout": "pixel (row * width + column), time",
        "checksum": "CRC-32 of each block, uint32, after the last block",
    }
    text = json.dumps(header).encode()
    return (MAGIC + struct.pack("<Q", len(text)) + text).ljust(HEADER_BYTES, b" ")


def _read_header(file: Any, path: Path) -> tuple[tuple[int, int, int], int]:
    raw = file.read(HEADER_BYTES)
    if raw[:8] != MAGIC or len(raw) < HEADER_BYTES:
        raise _damaged(path, "it does not start like a corrected movie")
    (length,) = struct.unpack("<Q", raw[8:16])
    try:
        header = json.loads(raw[16 : 16 + min(length, HEADER_BYTES)])
        n_frames, height, width = (int(size) for size in header["shape"])
        block_frames = int(header["block_frames"])
    except (ValueError, KeyError, TypeError) as exc:
        raise _damaged(path, "its header cannot be read") from exc
    if min(n_frames, height, width, block_frames) < 1 or header.get("version") != 1:
        raise _damaged(path, "its header holds values that cannot be right")
    return (n_frames, height, width), block_frames


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _read_into(file: Any, array: NDArray[Any]) -> bool:
    """Fill an array from an unbuffered file; False if the file ends before."""
    view, done = _bytes_of(array), 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            return False
        done += count
    return True


def _damaged(path: Path, why: str) -> InputError:
    return InputError(
        "The corrected movie cannot be read",
        f"{path}: {why}.",
        "Run motion correction again to make a new one.",
    )
