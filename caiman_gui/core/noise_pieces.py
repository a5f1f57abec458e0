"""The noise level of every pixel of a movie, from a few pieces of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.budget import NOISE_BYTES
from caiman_gui.core.noise import PIECE, noise_level
from caiman_gui.core.parallel import thread_map

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.core.task import TaskContext

#: A piece shorter than this cannot tell slow from fast.
MIN_PIECE = 32
#: Rows of pixels transformed at a time, and what that takes in their samples.
_ROWS, _COPIES = 4, 8
#: Frames read at a time when a piece is read again.
_FRAMES = 8


class NoisePieces:
    """Noise level from at most three pieces of consecutive frames, one in memory at a time.

    Where a piece is too large for the memory budget, only the uppermost rows of the field are
    taken while the movie is read; the pieces are then read again for the others.

    Parameters
    ----------
    shape : (T, H, W)
    memory_bytes : int
        Does not change the result.
    """

    def __init__(self, shape: tuple[int, int, int], *, memory_bytes: int) -> None:
        n_frames, height, width = shape
        room = max(MIN_PIECE, NOISE_BYTES // (4 * height * width))
        if n_frames <= min(3 * PIECE, room):
            self._length, n_pieces = n_frames, 1
        else:
            self._length = min(PIECE, room)
            n_pieces = min(3, n_frames // self._length)
        last = n_frames - self._length
        self._starts = [last * i // max(1, n_pieces - 1) for i in range(n_pieces)]
        self._height, self._n_frames = height, n_frames
        rows = memory_bytes // (4 * self._length * width) - _ROWS * _COPIES
        self._n_rows = min(height, max(_ROWS, rows // _ROWS * _ROWS))
        self._power = np.zeros((height, width))
        self._buffer = np.empty((self._length, self._n_rows, width), np.float32)
        self._done = 0

    @property
    def share_read_again(self) -> float:
        """How much ``read_again`` reads, as a share of the movie."""
        n_tiles = -(-self._height // self._n_rows)
        return (n_tiles - 1) * len(self._starts) * self._length / self._n_frames

    def add(
        self, start: int, block: NDArray[np.float32], *, n_threads: int, ctx: TaskContext
    ) -> None:
        """Take what is needed from frames start ... start+n-1 (n, H, W), which come in order."""
        stop = start + len(block)
        while self._done < len(self._starts):
            first = self._starts[self._done]
            lo, hi = max(start, first), min(stop, first + self._length)
            if lo >= hi:
                return
            part = block[lo - start : hi - start, : self._n_rows]
            self._buffer[lo - first : hi - first] = part
            if hi < first + self._length:
                return
            self._finish_piece(0, n_threads, ctx)
            self._done += 1

    def read_again(
        self,
        read: Callable[[int, int], NDArray[np.float32]],
        *,
        n_threads: int,
        ctx: TaskContext,
    ) -> None:
        """Read all pieces again for each tile of rows that there was no room for.

        Parameters
        ----------
        read : callable
            Gives frames start ... stop-1 as (n, H, W).
        n_threads : int
        ctx : TaskContext
        """
        tiles = range(self._n_rows, self._height, self._n_rows)
        total, done = len(tiles) * len(self._starts) * self._length, 0
        for top in tiles:
            bottom = min(top + self._n_rows, self._height)
            for first in self._starts:
                for at in range(0, self._length, _FRAMES):
                    ctx.check()
                    ctx.progress(done, total, "Noise level")
                    stop = min(at + _FRAMES, self._length)
                    frames = read(first + at, first + stop)
                    self._buffer[at:stop, : bottom - top] = frames[:, top:bottom]
                    done += stop - at
                self._finish_piece(top, n_threads, ctx)

    def level(self) -> NDArray[np.float32]:
        """(H, W) noise standard deviation."""
        return np.sqrt(self._power / max(1, len(self._starts))).astype(np.float32)

    def _finish_piece(self, top: int, n_threads: int, ctx: TaskContext) -> None:
        """Add the power of the piece in memory, whose first row is row ``top`` of the field."""
        bottom = min(top + self._n_rows, self._height)

        def measure(row: int) -> NDArray[np.float32]:
            rows = self._buffer[:, row - top : min(row + _ROWS, bottom) - top]
            return noise_level(np.moveaxis(rows, 0, -1))

        starts = range(top, bottom, _ROWS)
        rows = list(thread_map(measure, starts, n_threads=n_threads, ctx=ctx))
        self._power[top:bottom] += np.concatenate(rows).astype(np.float64) ** 2
