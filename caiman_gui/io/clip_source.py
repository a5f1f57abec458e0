"""The frames of a clip, averaged where wanted, read once and in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.task import NULL_CONTEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

#: Frames read at once, and frames kept for the next average.
_RUN_BYTES, _KEPT_BYTES = 16 * 2**20, 128 * 2**20


def averaging_window(index: int, n_average: int, n_frames: int) -> tuple[int, int]:
    """Return the frames start ... stop - 1 whose mean stands for frame ``index``.

    They lie about it, as the window shows them: one more before it than after it if their number
    is even, and fewer at both ends of the movie.
    """
    start = index - n_average // 2
    return max(0, start), min(n_frames, start + n_average)


def clip_frames(
    movie: Movie, frames: range, n_average: int = 1, ctx: TaskContext = NULL_CONTEXT
) -> Iterator[NDArray[Any]]:
    """Walk through some frames of a movie.

    Parameters
    ----------
    movie : Movie
        (T, H, W)
    frames : range
        Ascending, within the movie.
    n_average : int
        Each frame is the mean of so many about it.
    ctx : TaskContext
        Checked before every read.

    Yields
    ------
    frame : (H, W)
        Of the movie's type, or float32 where several are averaged.
    """
    if not frames:
        return
    windows = {i: averaging_window(i, n_average, movie.shape[0]) for i in (*frames[:2], frames[-1])}
    starts = [window[0] for window in windows.values()]
    # Windows that touch are read in one go; between others there is something to jump over.
    is_gapless = len(frames) > 1 and starts[1] <= windows[frames[0]][1]
    reader = _Reader(movie, ctx)
    is_large = n_average * reader.frame_bytes > _KEPT_BYTES
    for index in frames:
        start, stop = averaging_window(index, n_average, movie.shape[0])
        limit = windows[frames[-1]][1] if is_gapless else stop
        total = np.zeros(movie.shape[1:], np.float64) if n_average > 1 else None
        for i in range(start, stop):
            frame = reader.frame(i, limit)
            if total is not None:
                total += frame
            if is_large:
                reader.forget(i + 1)
        yield frame if total is None else (total / (stop - start)).astype(np.float32)
        reader.forget(averaging_window(index + frames.step, n_average, movie.shape[0])[0])


class _Reader:
    """Reads frames in runs and keeps them until they are no longer wanted."""

    def __init__(self, movie: Movie, ctx: TaskContext) -> None:
        self._movie = movie
        self._ctx = ctx
        self._kept: dict[int, NDArray[Any]] = {}
        _, height, width = movie.shape
        self.frame_bytes = height * width * np.dtype(movie.dtype).itemsize
        self._run = max(1, min(256, _RUN_BYTES // self.frame_bytes))

    def frame(self, index: int, limit: int) -> NDArray[Any]:
        """Return one frame; what is read with it ends before frame ``limit``."""
        self._ctx.check()
        if index not in self._kept:
            block = self._movie.frames(index, min(index + self._run, limit))
            self._kept.update(enumerate(block, index))
        return self._kept[index]

    def forget(self, before: int) -> None:
        """Let go of all frames before this one."""
        for index in [index for index in self._kept if index < before]:
            del self._kept[index]
