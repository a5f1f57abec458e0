"""Pixels near the edge that motion correction filled in too often to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from caiman_gui.core.movie import frames_per_block

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

#: Frames looked at, in runs spread evenly over the movie.
_SAMPLE, _RUN = 1000, 40
#: Depth of the strip that is examined, as a share of the side of the field.
_DEPTH = 0.15
#: A pixel filled in more often than in this share of the frames is left out.
MOST_FILLED = 0.01


def trusted_pixels(movie: Movie, *, ctx: TaskContext) -> NDArray[np.bool_]:
    """Find the pixels (H, W) that nearly always show data and not a filled-in border."""
    border = BorderSearch(movie.shape)
    n_frames = movie.shape[0]
    step = min(_RUN, frames_per_block(movie.shape[1], movie.shape[2]))
    for run in run_starts(n_frames):
        last = min(run + _RUN, n_frames)
        for start in range(run, last, step):
            ctx.check()
            frames = movie.frames(start, min(start + step, last))
            border.add(start, np.asarray(frames, dtype=np.float32))
    return border.trusted()


class BorderSearch:
    """Counts in how many frames each pixel near the edge was filled in.

    Motion correction repeats the outermost pixels where a frame has no data, so a filled-in
    sample equals its neighbour towards the middle exactly.

    Parameters
    ----------
    shape : (T, H, W)
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        n_frames, height, width = shape
        self._is_seen = np.zeros(n_frames, bool)
        for start in run_starts(n_frames):
            self._is_seen[start : start + _RUN] = True
        self._equal = [np.zeros((height, width)) for _ in range(2)]  # along rows, along columns
        self._seen = 0

    def add(self, start: int, frames: NDArray[np.float32]) -> None:
        """Look at frames (n, H, W) that begin at frame ``start``; most are left out."""
        wanted = self._is_seen[start : start + len(frames)]
        if not wanted.any():
            return
        if not wanted.all():
            frames = frames[wanted]
        self._seen += len(frames)
        for axis, count in enumerate(self._equal):
            view = frames if axis == 0 else frames.transpose(0, 2, 1)
            target = count if axis == 0 else count.T
            depth = _strip(view.shape[1])
            for strip, inner in ((range(depth), 1), (range(-depth, 0), -1)):
                rows = np.array(strip)
                a, b = view[:, rows], view[:, rows + inner]
                target[rows] += (np.abs(a - b) <= 2e-6 * np.abs(a)).sum(axis=0)

    def trusted(self) -> NDArray[np.bool_]:
        """(H, W) mask of the pixels that nearly always showed data."""
        trusted = np.ones(self._equal[0].shape, bool)
        for axis, count in enumerate(self._equal):
            share = (count if axis == 0 else count.T) / max(1, self._seen)
            depth = _strip(share.shape[0])
            rows = np.r_[0:depth, -depth:0]
            # Equal neighbours by chance, as in movies of few grey levels, are no border.
            chance = float(np.median(share[[depth - 1, -depth]]))
            filled = share[rows] > MOST_FILLED + 3 * chance
            mask = trusted if axis == 0 else trusted.T
            mask[rows] &= ~filled
        eroded = ndimage.binary_erosion(trusted, np.ones((3, 3)), border_value=1)
        return np.asarray(eroded, np.bool_)


def run_starts(n_frames: int) -> list[int]:
    """First frames of the runs that are looked at."""
    n_runs = max(1, min(-(-n_frames // _RUN), _SAMPLE // _RUN))
    return [int(i * n_frames / n_runs) for i in range(n_runs)]


def _strip(side: int) -> int:
    return max(1, min(int(side * _DEPTH), side // 2 - 1))
