"""Writes a stored movie block by block; what was cut off can be gone on with later."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from caiman_gui.core.budget import DEFAULT_BYTES
from caiman_gui.core.task import NULL_CONTEXT, TaskContext
from caiman_gui.errors import ResourceError
from caiman_gui.io.atomic import require_space, storage_error
from caiman_gui.io.store_checksum import checksum_of
from caiman_gui.io.store_codec import encode
from caiman_gui.io.store_format import (
    BLOCK_HEADER_BYTES,
    FLOAT32,
    PAGE_BYTES,
    BlockInfo,
    Header,
    block_stride,
    pack_table,
    padding,
    space_needed,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from caiman_gui.io.store_format import Shape

#: Two blocks of frames, one being encoded, one being written: this many blocks of float32.
_BLOCKS_IN_FLIGHT = 4


def part_path(path: Path) -> Path:
    """Where the unfinished file of a stored movie lies."""
    return path.with_name(f".{path.name}.part")


class StoreWriter:
    """Writes a stored movie; the file appears at ``commit``, complete, or not at all.

    Use it as a context manager: leaving the block by an exception aborts, and keeps the blocks
    that are complete if ``resume`` is set. While a block is filled, threads encode the one before
    and write the one before that. The content of the file depends on the frames only.

    Parameters
    ----------
    path : Path
        The file to make.
    shape : (T, H, W)
        Size of the movie; exactly T frames have to be written, in order.
    dtype : numpy dtype
        Of the frames that will be written. Whole numbers come back in this type.
    mode : {"auto", "16-bit", "float32"}
        How samples are stored, see ``store_codec.encode``.
    key : str
        Tells what the movie is made from.
    resume : bool
        Go on with what an earlier writer of the same shape, type, mode and key has left.
    memory_bytes : int
        Where fewer blocks fit, nothing is done at the same time.
    ctx : TaskContext
        Stops the check of what is there already.

    Raises
    ------
    ResourceError
        If the disk is full or may not be written.
    """

    def __init__(
        self,
        path: Path,
        shape: Shape,
        *,
        dtype: np.dtype | type[np.generic] = np.float32,
        mode: str = "auto",
        key: str = "",
        resume: bool = False,
        memory_bytes: int = DEFAULT_BYTES,
        ctx: TaskContext = NULL_CONTEXT,
    ) -> None:
        kind = np.dtype(dtype)
        self._path = path
        self._part = part_path(path)
        self._header = Header.of(shape, kind, mode, key)
        self._keeps = resume
        self._blocks: list[BlockInfo] = []
        self._file: BinaryIO | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._encoding: Future[None] | None = None
        self._writing: Future[None] | None = None
        self._is_over = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file, end = self._open(ctx)
            require_space(path, space_needed(shape, mode=mode, dtype=kind) - end)
        except OSError as exc:
            raise self._failed(exc) from exc
        except BaseException:
            self.abort(keep=resume)
            raise
        block = min(self._header.block_frames, shape[0])
        n_buffers = 1
        if _BLOCKS_IN_FLIGHT * 4 * block * self._header.n_pixels <= memory_bytes:
            n_buffers = 2
            self._pool = ThreadPoolExecutor(2, thread_name_prefix="store")
        self._buffers = [np.empty((block, *shape[1:]), kind) for _ in range(n_buffers)]
        n_bytes = FLOAT32 * block * self._header.n_pixels
        self._scratch = [np.empty(n_bytes, np.uint8) for _ in range(n_buffers)]
        self._n_buffered = 0
        self._has_begun = False
        self._n_taken = self._n_stored = self.n_done

    @property
    def shape(self) -> Shape:
        """(T, H, W)."""
        return self._header.shape

    @property
    def block_frames(self) -> int:
        """Frames of a block."""
        return self._header.block_frames

    @property
    def n_done(self) -> int:
        """Frames in the file already; after an interruption these need not be written again."""
        return min(len(self._blocks) * self._header.block_frames, self._header.shape[0])

    def write(self, start: int, frames: NDArray[np.generic]) -> None:
        """Append frames (n, H, W); ``start`` must be the number of frames given before.

        After an interruption the first call may start anywhere up to ``n_done``: what is in the
        file already is then passed over.
        """
        n_frames = self._header.shape[0]
        if not self._has_begun and 0 <= start <= self._n_stored:
            self._n_taken = start
        if start != self._n_taken or start + len(frames) > n_frames:
            raise ValueError(
                f"frames {start} to {start + len(frames)} do not follow {self._n_taken} "
                f"of {n_frames}"
            )
        if frames.shape[1:] != self._header.shape[1:]:
            raise ValueError(f"frames of {frames.shape[1:]} in a movie of {self._header.shape[1:]}")
        self._has_begun = True
        self._n_taken += len(frames)
        frames = frames[max(0, self._n_stored - start) :]
        done = 0
        while done < len(frames):
            buffer = self._buffers[0]
            n_new = min(len(frames) - done, len(buffer) - self._n_buffered)
            stop = self._n_buffered + n_new
            buffer[self._n_buffered : stop] = frames[done : done + n_new]
            self._n_buffered = stop
            self._n_stored += n_new
            done += n_new
            if stop == len(buffer) or self._n_stored == n_frames:
                self._send_block(buffer[:stop])

    def commit(self) -> None:
        """Put the finished file in place."""
        if self._file is None or self._n_stored != self._header.shape[0]:
            raise ValueError(f"{self._n_stored} of {self._header.shape[0]} frames were written")
        try:
            self._wait()
            _write_all(self._file, pack_table(self._header, self._blocks))
            os.fsync(self._file.fileno())
            self._close()
            os.replace(self._part, self._path)
            self._is_over = True
        except OSError as exc:
            raise self._failed(exc) from exc

    def abort(self, *, keep: bool = False) -> None:
        """Drop what was written, or keep its complete blocks. Harmless after ``commit``."""
        if self._is_over:
            return
        self._is_over = True
        with suppress(OSError):  # it was told already, or nobody needs this block any more
            self._wait()
        keep = keep and bool(self._blocks)
        with suppress(OSError):
            if keep and self._file is not None:
                self._file.truncate(self._end())
        self._close()
        if not keep:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and not self._is_over:
            self.commit()
        else:
            self.abort(keep=self._keeps)

    def _open(self, ctx: TaskContext) -> tuple[BinaryIO, int]:
        """Open the unfinished file behind its last complete block; return its size, too."""
        page = self._header.pack()
        if self._keeps and self._part.is_file():
            file = self._part.open("r+b", buffering=0)
            if file.read(PAGE_BYTES) == page:
                self._file = file
                try:
                    self._blocks = _whole_blocks(file, self._header, ctx)
                except BaseException:  # stopped: leave it as it is
                    self._is_over = True
                    self._close()
                    raise
                end = self._end()
                file.truncate(end)
                file.seek(end)
                return file, end
            file.close()
        file = self._part.open("wb", buffering=0)
        self._file = file
        _write_all(file, page)
        return file, len(page)

    def _end(self) -> int:
        """Where the complete blocks end."""
        return PAGE_BYTES + sum(
            block_stride(self._header.payload_bytes(index, block.code))
            for index, block in enumerate(self._blocks)
        )

    def _send_block(self, frames: NDArray[np.generic]) -> None:
        if self._file is None:
            raise ValueError("the writer is closed")
        try:
            if self._pool is None:
                self._write_block(*self._encoded(frames))
            else:
                self._wait_for_buffer()
                self._encoding = self._pool.submit(self._encode_block, frames)
        except OSError as exc:
            raise self._failed(exc) from exc
        self._buffers.reverse()
        self._n_buffered = 0

    def _encoded(self, frames: NDArray[np.generic]) -> tuple[BlockInfo, NDArray[np.generic]]:
        """Return how a block is stored, and its samples (H*W, n)."""
        block = encode(frames, self._header.mode, self._scratch[0])
        self._scratch.reverse()  # the next block is encoded while this one is written
        checksum = checksum_of(block.samples)
        return BlockInfo(block.code, block.offset, block.scale, checksum), block.samples

    def _encode_block(self, frames: NDArray[np.generic]) -> None:
        """Encode a block while the one before it is written, then have it written."""
        info, samples = self._encoded(frames)
        self._wait_for_disk()
        assert self._pool is not None
        self._writing = self._pool.submit(self._write_block, info, samples)

    def _write_block(self, info: BlockInfo, samples: NDArray[np.generic]) -> None:
        """Write a block at the end of the file."""
        assert self._file is not None
        payload = samples.reshape(-1).view(np.uint8).data
        head = info.pack(len(self._blocks), samples.shape[1], len(payload))
        for data in (head, payload, bytes(padding(len(payload)))):
            _write_all(self._file, data)
        self._blocks.append(info)

    def _wait_for_buffer(self) -> None:
        encoding, self._encoding = self._encoding, None
        if encoding is not None:
            encoding.result()

    def _wait_for_disk(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _wait(self) -> None:
        """Wait until all that was sent is written; raises what went wrong with it."""
        self._wait_for_buffer()
        self._wait_for_disk()

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        if self._file is not None:
            with suppress(OSError):  # closing flushes, and the disk may be full
                self._file.close()
            self._file = None

    def _failed(self, exc: OSError) -> ResourceError:
        """Clean up after the disk refused; return what to tell."""
        error = storage_error(exc, self._path)
        self.abort(keep=self._keeps)
        if not self._part.exists():
            return error
        done = f"{self.n_done} of {self._header.shape[0]} frames were written and are kept."
        return ResourceError(
            error.title,
            f"{self._path}: {exc.strerror or exc}. {done}",
            "Free some space, or choose a folder on another disk. Started again, it goes on there.",
        )


def _whole_blocks(file: BinaryIO, header: Header, ctx: TaskContext) -> list[BlockInfo]:
    """Blocks from the first on that were written to their end, by their checksums."""
    blocks: list[BlockInfo] = []
    while len(blocks) < header.n_blocks:
        ctx.check()
        ctx.progress(len(blocks), header.n_blocks, "Checking what is there")
        info = BlockInfo.unpack(file.read(BLOCK_HEADER_BYTES), header, len(blocks))
        if info is None:
            break
        size = header.payload_bytes(len(blocks), info.code)
        payload = np.frombuffer(file.read(size + padding(size)), np.uint8)
        if len(payload) < size + padding(size) or checksum_of(payload[:size]) != info.checksum:
            break
        blocks.append(info)
    return blocks


def _write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """Write to an unbuffered file, which may take less than it is given."""
    view = memoryview(data)
    while len(view):
        view = view[file.write(view) :]
