"""The sample of frames that a template is made from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.budget import SAMPLE_BYTES
from caiman_gui.core.checks import require_contrast, require_finite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

#: The sample has at most this many frames, and at least so many whatever their size.
SAMPLE_FRAMES = 1000
SAMPLE_LEAST = 40
#: Frames averaged before the median over bins: the mean removes noise, the median activity.
BIN_FRAMES = 8
#: Share of the memory budget that the sample may take.
KEPT_SHARE = 1 / 4


def sample_count(movie: Movie) -> int:
    """Return how many frames the sample of a movie has; the budget has no part in it."""
    n_frames, height, width = movie.shape
    fitting = SAMPLE_BYTES // (height * width * movie.dtype.itemsize)
    return min(n_frames, SAMPLE_FRAMES, max(SAMPLE_LEAST, fitting))


def bin_length(count: int) -> int:
    """Return how many of the frames of a sample are averaged to a bin."""
    return max(1, min(BIN_FRAMES, count // 5))


def sample_bytes(movie: Movie, memory_bytes: int) -> int:
    """Return what making a template holds: the sample if it is kept, and two sets of bins."""
    count, pixels = sample_count(movie), movie.shape[1] * movie.shape[2]
    kept = count * pixels * movie.dtype.itemsize
    bins = count // bin_length(count) * pixels * 4
    return 2 * bins + (kept if kept <= KEPT_SHARE * memory_bytes else 0)


@dataclass(frozen=True, eq=False)
class Sample:
    """Frames spread evenly over a movie: kept as stored, or read anew whenever they are needed.

    Attributes
    ----------
    movie : Movie
    chosen : (n,) int
        Their numbers.
    kept : (n, H, W) array or None
        None if the memory budget has no room for them.
    """

    movie: Movie
    chosen: NDArray[np.int64]
    kept: NDArray[Any] | None

    @classmethod
    def of(cls, movie: Movie, memory_bytes: int, ctx: TaskContext) -> Sample:
        """Choose the sample of a movie and look at each of its frames.

        Raises
        ------
        DataError
            If the sample is constant over time or has missing values.
        """
        count = sample_count(movie)
        chosen = np.arange(count) * movie.shape[0] // count
        kept = None
        shape = (count, *movie.shape[1:])
        if math.prod(shape) * movie.dtype.itemsize <= KEPT_SHARE * memory_bytes:
            kept = np.empty(shape, movie.dtype)
        is_constant, first = True, movie.frames(0, 1)[0]
        for place, index in enumerate(chosen.tolist()):
            ctx.check()
            frame = movie.frames(index, index + 1)
            require_finite(frame, index)
            if kept is not None:
                kept[place] = frame[0]
            is_constant = is_constant and bool((frame[0] == first).all())
        if is_constant:
            require_contrast(np.zeros(1))
        return cls(movie, chosen, kept)

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def fov_shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.movie.shape[1], self.movie.shape[2]

    def thinned(self, most: int) -> Sample:
        """Return at most so many frames of this sample, spread evenly."""
        part = slice(None, None, -(-len(self) // most))
        kept = self.kept[part] if self.kept is not None else None
        return Sample(self.movie, self.chosen[part], kept)

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return frames start ... stop-1 of the sample as (n, H, W) float32."""
        if self.kept is not None:
            return self.kept[start:stop].astype(np.float32)
        chosen = self.chosen[start:stop].tolist()
        out = np.empty((len(chosen), *self.fov_shape), np.float32)
        for target, index in zip(out, chosen, strict=True):
            target[...] = self.movie.frames(index, index + 1)[0]
        return out
