"""Movies stored pixel by pixel: the samples of a frame are scattered over the whole file."""

from __future__ import annotations

import mmap
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import psutil

from caiman_gui.io.flat import copy_frames
from caiman_gui.io.refusals import truncated, unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.flat import Layout

#: Frames that are gathered by one walk through the file, in bytes. A few such blocks are kept.
_BLOCK_BYTES = 16 * 2**20
_BLOCKS_KEPT = 3
#: Where more are wanted at once, as much as this many blocks is gathered by one walk.
_BLOCKS_GATHERED = 4
#: Part of the file that is mapped at a time. It would count as memory of this program.
_WINDOW_BYTES = 64 * 2**20


class PixelwiseFrames:
    """Gathers blocks of frames, and keeps the last ones, so that playing stays fluent. Thread-safe.

    The file is mapped, window by window: a read of a few bytes for each of 262,144 pixels would
    take 0.4 s, fifteen times as long. The system checks each window against the size of the file.

    Parameters
    ----------
    path : Path
    kind : str
        Name of the format in messages.
    layout : Layout

    Raises
    ------
    InputError
        If the file cannot be opened.
    """

    def __init__(self, path: Path, kind: str, layout: Layout) -> None:
        self._path = path
        self._kind = kind
        self._layout = layout
        n_frames, height, width = layout.shape
        self._block_frames = max(
            1, min(n_frames, _BLOCK_BYTES // (height * width * layout.dtype.itemsize))
        )
        # The system reads 128 kB around each sample, hence the whole file for any frame: right if
        # the memory has room for it, as other frames then come from there.
        self._reads_around = layout.end < psutil.virtual_memory().available // 2
        self._blocks: OrderedDict[int, NDArray[np.generic]] = OrderedDict()
        self._lock = threading.Lock()
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as exc:
            raise unreadable(path, exc) from exc

    def fill(self, start: int, out: NDArray[np.generic]) -> None:
        """Fill frames (n, H, W) from number ``start`` on."""
        length, at = self._block_frames, 0
        while at < len(out):
            left = len(out) - at
            if left >= length:  # probably a walk through all frames, which needs none of them again
                count = min(left, _BLOCKS_GATHERED * length)
                self._gather(start + at, out[at : at + count])
            else:
                inside = (start + at) % length
                count = min(length - inside, left)
                block = self._block((start + at) // length)
                out[at : at + count] = block[inside : inside + count]
            at += count

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
            self._blocks.clear()

    def _block(self, index: int) -> NDArray[np.generic]:
        with self._lock:
            block = self._blocks.get(index)
            if block is None:
                start = index * self._block_frames
                count = min(self._block_frames, self._layout.shape[0] - start)
                block = np.empty((count, *self._layout.shape[1:]), self._layout.dtype)
                self._gather(start, block)
                while len(self._blocks) >= _BLOCKS_KEPT:
                    self._blocks.popitem(last=False)
                self._blocks[index] = block
            self._blocks.move_to_end(index)
            return block

    def _gather(self, start: int, out: NDArray[np.generic]) -> None:
        """Walk along the slower of rows and columns, which makes the walk one through the file."""
        layout = self._layout
        n_frames, height, width = out.shape
        time, row, column = layout.strides
        is_by_column = column > row
        slow, fast = (column, row) if is_by_column else (row, column)
        n_slow, n_fast = (width, height) if is_by_column else (height, width)
        lines = np.empty((n_frames, n_slow, n_fast), layout.dtype) if is_by_column else out
        step = max(1, _WINDOW_BYTES // slow)
        for at in range(0, n_slow, step):
            count = min(step, n_slow - at)
            begin = layout.first + start * time + at * slow
            end = begin + (n_frames - 1) * time + (count - 1) * slow + (n_fast - 1) * fast
            window = self._mapped(begin, end + layout.dtype.itemsize)
            shape, strides = (n_frames, count, n_fast), (time, slow, fast)
            scattered = np.ndarray(shape, layout.dtype, window, strides=strides)
            # First in the order of the file, then in that of the frames: four times faster.
            lines[:, at : at + count] = scattered.copy(order="K")
        if is_by_column:
            copy_frames(lines.transpose(0, 2, 1), out)

    def _mapped(self, begin: int, end: int) -> NDArray[np.uint8]:
        skipped = begin % mmap.ALLOCATIONGRANULARITY
        try:
            window = mmap.mmap(
                self._file.fileno(),
                end - begin + skipped,
                access=mmap.ACCESS_READ,
                offset=begin - skipped,
            )
        except OSError as exc:
            raise unreadable(self._path, exc) from exc
        except ValueError as exc:
            if self._file.closed:
                raise unreadable(self._path, OSError(str(exc))) from exc
            raise truncated(self._path, self._kind, 0, self._layout.shape[0]) from exc
        if not self._reads_around and hasattr(mmap, "MADV_RANDOM"):
            window.madvise(mmap.MADV_RANDOM)
        return np.frombuffer(window, np.uint8, offset=skipped)
