"""The working store: a movie on disk that is read as quickly frame by frame as pixel by pixel.

The layout is told in ``store_format``; ``store_writer`` makes such files.
"""

from __future__ import annotations

import math
import os
import threading
import zlib
from collections import OrderedDict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from caiman_gui.core.parallel import cpu_count, thread_map
from caiman_gui.core.task import NULL_CONTEXT, TaskContext
from caiman_gui.errors import InputError
from caiman_gui.io.store_checksum import ROW_BYTES, Checksum
from caiman_gui.io.store_codec import decode_frames, decode_pixels
from caiman_gui.io.store_format import (
    END_BYTES,
    FLOAT32,
    PAGE_BYTES,
    SAMPLE_DTYPES,
    TABLE_ROW,
    Header,
    payload_positions,
    table_place,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.store_format import Shape

#: Decoded frames kept in memory for playing.
CACHE_BYTES = 64 * 2**20
#: Bytes of a block that are read and decoded at a time.
_PIECE_BYTES = 2**20
#: Runs of pixels nearer than this in a block are read by one call.
_GAP_BYTES = 2**15
#: Threads that read and decode a request of several blocks.
_THREADS = 4


class StoredMovie:
    """A movie in the working store. Thread-safe; never holds more than a few blocks.

    A block is checked against its checksum when it is first read as a whole.

    Attributes
    ----------
    path : Path
    shape : (T, H, W)
    dtype : numpy dtype
        The type that was written if all samples are kept exactly, which whole numbers nearly
        always are; else float32.
    key : str
        What the movie was made from, as its writer told.
    block_frames : int
        Frames in a block.

    Parameters
    ----------
    path : Path
    cache_bytes : int

    Raises
    ------
    InputError
        If the file is missing, was not finished, or is damaged.
    """

    def __init__(self, path: Path, *, cache_bytes: int = CACHE_BYTES) -> None:
        self.path = path
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._files = _Files(path)
        try:
            with self._files.one() as file:
                self._header, self._table = _read_plan(file)
        except ValueError as exc:
            self._files.close()
            raise _damaged(path, str(exc)) from exc
        except OSError as exc:
            self._files.close()
            raise _damaged(path, f"it cannot be read ({exc.strerror or exc})") from exc
        self.shape: Shape = self._header.shape
        self.key = self._header.key
        self.block_frames = self._header.block_frames
        self.dtype = _delivered(self._header, self._table)
        self._verified = np.zeros(self._header.n_blocks, bool)

    @property
    def is_finite(self) -> bool:
        """Whether no sample can be missing: 16-bit numbers hold no NaN."""
        return bool((self._table["code"] != FLOAT32).all())

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        n_frames, height, width = self.shape
        start, stop = max(0, start), min(stop, n_frames)
        out = np.empty((max(0, stop - start), height, width), self.dtype)
        pieces = []
        at = start
        while at < stop:
            index, first = divmod(at, self.block_frames)
            n_taken = min(stop - at, self.block_frames - first)
            pieces.append((index, first, out[at - start : at - start + n_taken]))
            at += n_taken
        n_threads = min(_THREADS, len(pieces), cpu_count())
        for _ in thread_map(self._fill, pieces, n_threads=n_threads, ctx=NULL_CONTEXT):
            pass
        return out

    def pixel_block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return one stored block as (H*W, n) float32; ``start`` and ``stop`` are its limits."""
        index, rest = divmod(start, self.block_frames)
        if rest or stop != min(start + self.block_frames, self.shape[0]):
            raise ValueError(f"frames {start} to {stop} are not a block of {self.block_frames}")
        out = np.empty((self._header.n_pixels, self._header.frames_in(index)), np.float32)
        is_float = self._table[index]["code"] == FLOAT32
        for part, samples in self._samples(index, out if is_float else None):
            decode_pixels(samples, *self._meaning(index), out[part])
        return out

    def pixels(
        self, numbers: NDArray[np.integer], *, ctx: TaskContext = NULL_CONTEXT
    ) -> NDArray[np.float32]:
        """Return the traces of some pixels; only their samples are read, without a checksum.

        Parameters
        ----------
        numbers : (n,) int
            row * width + column, in any order.
        ctx : TaskContext

        Returns
        -------
        (n, T) float32
        """
        unique, back = np.unique(np.asarray(numbers, np.int64).reshape(-1), return_inverse=True)
        if unique.size and not 0 <= unique[0] <= unique[-1] < self._header.n_pixels:
            raise ValueError(f"pixels {unique[0]} to {unique[-1]} of {self._header.n_pixels}")
        out = np.empty((len(back), self.shape[0]), np.float32)
        for index in range(self._header.n_blocks):
            ctx.check()
            ctx.progress(index, self._header.n_blocks)
            start = index * self.block_frames
            some = self._samples_of(index, unique)
            out[:, start : start + some.shape[1]] = some[back]
        return out

    def close(self) -> None:
        """Close the file; on Windows it could not be replaced otherwise."""
        with self._lock:
            self._cache.clear()
        self._files.close()

    def __enter__(self) -> StoredMovie:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _fill(self, piece: tuple[int, int, NDArray[Any]]) -> None:
        """Fill frames from one block: a whole one directly, a part through the cache."""
        index, first, out = piece
        with self._lock:
            block = self._cache.get(index)
            if block is not None:
                self._cache.move_to_end(index)
        if block is not None:
            out[...] = block[first : first + len(out)]
            return
        n_frames = self._header.frames_in(index)
        is_whole = len(out) == n_frames
        block = out if is_whole else np.empty((n_frames, *self.shape[1:]), self.dtype)
        flat = block.reshape(n_frames, -1)
        for part, samples in self._samples(index):
            decode_frames(samples, *self._meaning(index), flat[:, part])
        if is_whole:
            return
        out[...] = block[first : first + len(out)]
        with self._lock:
            self._cache[index] = block
            while len(self._cache) > max(1, self._cache_bytes // max(1, block.nbytes)):
                self._cache.popitem(last=False)

    def _meaning(self, index: int) -> tuple[float, float]:
        """Offset and scale of the samples of a block."""
        row = self._table[index]
        return float(row["offset"]), float(row["scale"])

    def _samples(
        self, index: int, into: NDArray[Any] | None = None
    ) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Read a block in pieces (m, n) of m pixels, and check it at the end.

        Pieces lie in ``into`` (H*W, n), else one after the other in the same memory, which is
        small enough to stay in the cache of the processor.
        """
        row = self._table[index]
        n_pixels, n_frames = self._header.n_pixels, self._header.frames_in(index)
        dtype = SAMPLE_DTYPES[int(row["code"])]
        per_pixel = n_frames * dtype.itemsize
        in_rows = ROW_BYTES // math.gcd(ROW_BYTES, per_pixel)
        step = max(1, _PIECE_BYTES // per_pixel // in_rows) * in_rows
        buffer: NDArray[Any] = np.empty((min(step, n_pixels), n_frames), dtype)
        checksum = None if self._verified[index] else Checksum()
        for first in range(0, n_pixels, step):
            part = slice(first, min(first + step, n_pixels))
            piece = buffer[: part.stop - first] if into is None else into[part]
            self._read(piece, int(row["position"]) + first * per_pixel, index)
            if checksum is not None:
                checksum.add(piece)
            yield part, piece
        if checksum is not None:
            if checksum.value != row["checksum"]:
                start = index * self.block_frames
                raise _damaged(self.path, f"the checksum of frames {start} onwards is wrong")
            self._verified[index] = True

    def _samples_of(self, index: int, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read some pixels (n, m) of a block; their numbers ascend."""
        row, n_frames = self._table[index], self._header.frames_in(index)
        dtype = SAMPLE_DTYPES[int(row["code"])]
        per_pixel = n_frames * dtype.itemsize
        values = np.empty((numbers.size, n_frames), np.float32)
        for run in _runs(numbers, 1 + _GAP_BYTES // per_pixel):
            first, last = int(numbers[run.start]), int(numbers[run.stop - 1])
            span: NDArray[Any] = np.empty((last - first + 1, n_frames), dtype)
            self._read(span, int(row["position"]) + first * per_pixel, index)
            values[run] = span[numbers[run] - first]
        decode_pixels(values, *self._meaning(index), values)
        return values

    def _read(self, target: NDArray[Any], position: int, index: int) -> None:
        """Fill an array with what lies at a place of the file, within a block."""
        try:
            with self._files.one() as file:
                file.seek(position)
                is_complete = _read_into(file, target)
        except (OSError, ValueError) as exc:  # ValueError: closed meanwhile
            start = index * self.block_frames
            raise _damaged(self.path, f"frame {start} cannot be read ({exc})") from exc
        if not is_complete:
            start = index * self.block_frames
            raise _damaged(self.path, f"it ends within the block of frame {start}")


class _Files:
    """Handles of one file, one for each thread that reads at the same time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._free: list[BinaryIO] = []
        self._is_closed = False

    @contextmanager
    def one(self) -> Iterator[BinaryIO]:
        """Lend a handle of one's own; ValueError once closed."""
        with self._lock:
            if self._is_closed:
                raise ValueError("it was closed")
            file = self._free.pop() if self._free else None
        if file is None:
            file = self._path.open("rb", buffering=0)
        try:
            yield file
        finally:
            self._take_back(file)

    def _take_back(self, file: BinaryIO) -> None:
        with self._lock:
            if self._is_closed:
                file.close()
            else:
                self._free.append(file)

    def close(self) -> None:
        """Close all handles; those that are lent are closed when they come back."""
        with self._lock:
            self._is_closed = True
            for file in self._free:
                with suppress(OSError):
                    file.close()
            self._free.clear()


def _read_plan(file: BinaryIO) -> tuple[Header, NDArray[Any]]:
    """Read first page and table; ValueError says why they are not right."""
    size = os.fstat(file.fileno()).st_size
    header = Header.unpack(file.read(PAGE_BYTES))
    table_bytes = header.n_blocks * TABLE_ROW.itemsize
    if size < PAGE_BYTES + table_bytes + END_BYTES:
        raise ValueError(f"it ends too early, after {size} bytes")
    file.seek(size - END_BYTES)
    position, crc = table_place(file.read(END_BYTES), header)
    if position + table_bytes + END_BYTES != size:
        raise ValueError(f"it holds {size} bytes instead of {position + table_bytes + END_BYTES}")
    table = np.empty(header.n_blocks, TABLE_ROW)
    file.seek(position)
    if not _read_into(file, table) or zlib.crc32(_bytes_of(table)) != crc:
        raise ValueError("the checksum of its table is wrong")
    if not np.isin(table["code"], list(SAMPLE_DTYPES)).all():
        raise ValueError("its table holds values that cannot be right")
    expected, end = payload_positions(header, table["code"])
    if end != position or not np.array_equal(expected, table["position"]):
        raise ValueError("its table does not fit its blocks")
    return header, table


def _delivered(header: Header, table: NDArray[Any]) -> np.dtype:
    """Type of the frames: whole numbers only if every block holds them exactly."""
    dtype = np.dtype(header.dtype)
    exact = (table["code"] != FLOAT32) & (table["scale"] == 1) & (table["offset"] % 1 == 0)
    return dtype if dtype.kind in "iu" and exact.all() else np.dtype(np.float32)


def _runs(numbers: NDArray[np.int64], gap: int) -> Iterator[slice]:
    """Cut sorted numbers where two neighbours differ by more than ``gap``."""
    breaks = np.flatnonzero(np.diff(numbers) > gap) + 1
    for begin, end in zip([0, *breaks], [*breaks, len(numbers)], strict=True):
        if end > begin:
            yield slice(int(begin), int(end))


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
        "The stored movie cannot be read",
        f"{path}: {why}.",
        "Run the step that made it again, to make a new one.",
    )
