"""Reads frames of one movie for the views: single ones, runs, averages and smoothed ones."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.app.frame_cache import Look
    from caiman_gui.core.movie import Movie

#: Frames of the last average are kept for the next one within this number of bytes.
WINDOW_BYTES = 32 * 2**20
_CHUNK_BYTES = 8 * 2**20


class RunReader:
    """Opens a movie when first needed and reads it. One thread at a time.

    Parameters
    ----------
    movie : Movie, optional
        Stays the caller's to close.
    opener : callable, optional
        Opens the movie at the first reading; ``close`` closes it.
    """

    def __init__(
        self, movie: Movie | None = None, opener: Callable[[], Movie] | None = None
    ) -> None:
        self.movie = movie
        self._opener = opener
        self._mean: RunningMean | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read."""
        return self.movie is None and self._opener is None

    def read(self, frames: range, look: Look) -> list[NDArray[Any]]:
        """Return frames (H, W), read-only; fewer if the movie ends before.

        They are in the type of the movie, or float32 if they were averaged or smoothed.
        """
        movie = self.open()
        if frames.step != 1 or not look.is_plain:
            frames = frames[: len(range(frames.start, movie.shape[0], frames.step))]
        if not look.is_plain:
            return [self._prepared(movie, index, look) for index in frames]
        if frames.step != 1:
            return [_own(movie.frames(index, index + 1)[0]) for index in frames]
        return [_own(frame) for frame in movie.frames(frames.start, frames.stop)]

    def close(self) -> None:
        """Close the movie if it was opened here."""
        if self._opener is not None:
            close_movie(self.movie)
        self.movie = self._mean = None

    def open(self) -> Movie:
        """Return the movie, opened now if it was not."""
        if self.movie is None:
            if self._opener is None:
                raise ValueError("there is no movie to read")
            self.movie = self._opener()
        return self.movie

    def _prepared(self, movie: Movie, index: int, look: Look) -> NDArray[np.float32]:
        if self._mean is None or self._mean.n_averaged != max(1, look.average):
            self._mean = RunningMean(movie, max(1, look.average))
        frame = self._mean.frame(index)
        if look.sigma_px > 0:
            import cv2

            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), look.sigma_px), np.float32)
        frame.flags.writeable = False
        return frame


class RunningMean:
    """Mean of ``n_averaged`` frames around each, cheap when one follows the other.

    The window is clipped at the ends of the movie. Sums are carried in float64, which is exact
    for integer samples.
    """

    def __init__(self, movie: Movie, n_averaged: int, window_bytes: int = WINDOW_BYTES) -> None:
        self.n_averaged = n_averaged
        self._movie = movie
        _, height, width = movie.shape
        self._frame_bytes = max(1, height * width * movie.dtype.itemsize)
        self._is_float = movie.dtype.kind == "f"
        self._keeps = n_averaged * self._frame_bytes <= window_bytes
        self._sum = np.zeros((height, width))
        self._kept: OrderedDict[int, NDArray[Any]] = OrderedDict()

    def frame(self, index: int) -> NDArray[np.float32]:
        """Return the mean (H, W) around a frame."""
        start = max(0, index - self.n_averaged // 2)
        stop = min(self._movie.shape[0], index - self.n_averaged // 2 + self.n_averaged)
        if not any(start <= known < stop for known in self._kept):
            self._kept.clear()
            self._sum = np.zeros_like(self._sum)
        for known in [known for known in self._kept if not start <= known < stop]:
            self._sum -= self._kept.pop(known)
        step = max(1, _CHUNK_BYTES // self._frame_bytes)
        for first, end in _gaps(self._kept, start, stop):
            for at in range(first, end, step):
                block = self._movie.frames(at, min(at + step, end))
                self._sum += block.sum(axis=0, dtype=np.float64)
                if self._keeps:
                    self._kept.update((at + i, np.array(item)) for i, item in enumerate(block))
        mean = (self._sum / max(1, stop - start)).astype(np.float32)
        if self._is_float and not np.isfinite(mean).all():
            self._kept.clear()  # what is not finite cannot be taken out of a sum again
        return mean


def close_movie(movie: Movie | None) -> None:
    """Close a movie, if it is one that can be closed."""
    close = getattr(movie, "close", None)
    if close is not None:
        close()


def _own(frame: NDArray[Any]) -> NDArray[Any]:
    # A copy: a view would keep the whole block it was cut from in memory.
    frame = np.array(frame)
    frame.flags.writeable = False
    return frame


def _gaps(known: OrderedDict[int, Any], start: int, stop: int) -> list[tuple[int, int]]:
    """Return the runs (start, stop) of indices that are not known."""
    missing = [index for index in range(start, stop) if index not in known]
    cuts = [i for i in range(1, len(missing)) if missing[i] != missing[i - 1] + 1]
    edges = [0, *cuts, len(missing)]
    return [(missing[a], missing[b - 1] + 1) for a, b in pairwise(edges) if b > a]
