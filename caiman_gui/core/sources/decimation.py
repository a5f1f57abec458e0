"""The movie binned in time and held in memory, with mean and noise of every pixel: one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from caiman_gui.core.movie import pixel_blocks
from caiman_gui.core.parallel import thread_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

#: Bytes that the binned movie may take; the search needs two more arrays of this size.
BINNED_BYTES = 160 * 2**20
#: A bin is at most this share of the decay time, unless memory asks for more.
BIN_PER_DECAY = 0.25
#: Fewer bins than this cannot tell activity from noise.
MIN_BINS = 40
_PIECE = 4096  # pixels per piece of work


@dataclass(frozen=True, eq=False)
class BinnedMovie:
    """A movie averaged over bins of frames, pixel by pixel. Is itself a ``Movie``.

    Attributes
    ----------
    data : (H*W, n) float32
        Bin averages minus the mean of the pixel.
    mean : (H*W,) float32
        Mean over all frames.
    noise : (H*W,) float32
        Noise standard deviation of a single frame, > 0.
    bin_frames : int
        Frames per bin.
    fov_shape : (H, W)
    """

    data: NDArray[np.float32]
    mean: NDArray[np.float32]
    noise: NDArray[np.float32]
    bin_frames: int
    fov_shape: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.data.shape[1], *self.fov_shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        return self.data.dtype

    @property
    def block_frames(self) -> int:
        """Bins per block."""
        n_bins: int = self.data.shape[1]
        return min(256, n_bins)

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return bins start ... stop-1 as (n, H, W)."""
        return self.data[:, start:stop].T.reshape(-1, *self.fov_shape)

    def pixel_block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return bins start ... stop-1 as (H*W, n)."""
        return self.data[:, start:stop]


def bin_length(shape: tuple[int, int, int], decay_frames: float) -> int:
    """Frames per bin: a quarter of a transient, longer only where memory demands it."""
    n_frames, height, width = shape
    wanted = min(int(decay_frames * BIN_PER_DECAY), n_frames // MIN_BINS)
    most_bins = max(MIN_BINS, BINNED_BYTES // (4 * height * width))
    return max(1, wanted, (n_frames + most_bins - 1) // most_bins)


@njit(cache=True, nogil=True)
def _add_block(
    block: NDArray[np.float32],
    first: int,
    bin_frames: int,
    out: NDArray[np.float32],
    total: NDArray[np.float64],
    roughness: NDArray[np.float64],
) -> None:
    """Add a piece (n_pixels, n) to bins, sums and squared second differences, in place."""
    n_pixels, n_frames = block.shape
    n_bins = out.shape[1]
    for p in range(n_pixels):
        row = block[p]
        sum_all = 0.0
        rough = 0.0
        current = first // bin_frames
        inside = 0.0
        for t in range(n_frames):
            value = row[t]
            sum_all += value
            index = (first + t) // bin_frames
            if index != current:
                if current < n_bins:
                    out[p, current] += np.float32(inside)
                current = index
                inside = 0.0
            inside += value
            if t >= 2:
                bend = row[t - 2] - 2.0 * row[t - 1] + value
                rough += bend * bend
        if current < n_bins:
            out[p, current] += np.float32(inside)
        total[p] += sum_all
        roughness[p] += rough


def bin_movie(
    movie: Movie, *, decay_frames: float, n_threads: int, ctx: TaskContext
) -> BinnedMovie:
    """Average a movie over bins, and measure mean and noise of its pixels, in one pass.

    The noise comes from second differences, ``sum (y[t-1] - 2 y[t] + y[t+1])^2 / 6 n``: white
    noise passes unchanged, calcium and drift hardly at all.

    Parameters
    ----------
    movie : Movie
    decay_frames : float
        Length of a transient in frames.
    n_threads : int
    ctx : TaskContext
    """
    n_frames, height, width = movie.shape
    n_pixels = height * width
    size = bin_length(movie.shape, decay_frames)
    n_bins = n_frames // size  # an incomplete last bin is left out
    data = np.zeros((n_pixels, n_bins), np.float32)
    total = np.zeros(n_pixels)
    roughness = np.zeros(n_pixels)
    n_bends = 0
    for start, block in pixel_blocks(movie, ctx=ctx, message="Averaging over time"):

        def work(first: int, block: NDArray[np.float32] = block, start: int = start) -> None:
            part = slice(first, first + _PIECE)
            _add_block(block[part], start, size, data[part], total[part], roughness[part])

        for _ in thread_map(work, range(0, n_pixels, _PIECE), n_threads=n_threads, ctx=ctx):
            pass
        n_bends += max(0, block.shape[1] - 2)
    mean = (total / n_frames).astype(np.float32)
    data /= size
    data -= data.mean(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
    noise = np.sqrt(roughness / (6.0 * max(1, n_bends))).astype(np.float32)
    return BinnedMovie(data, mean, _positive(noise), size, (height, width))


def _positive(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lift the noise of dead or filled-in pixels to a share of the median."""
    alive = noise[noise > 0]
    floor = 0.1 * float(np.median(alive)) if alive.size else 1.0
    return np.maximum(noise, np.float32(floor))
