"""The movie binned and held in memory, with mean and noise of every pixel: one pass.

Bins are runs of frames and, where these would outlast a transient, also blocks of pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from caiman_gui.core.budget import BINNED_BYTES
from caiman_gui.core.movie import pixel_blocks
from caiman_gui.core.parallel import thread_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

#: A bin is at most this share of the decay time, unless memory asks for more.
BIN_PER_DECAY = 0.25
#: Fewer bins than this cannot tell activity from noise.
MIN_BINS = 40
#: A cell is at least this wide in blocks of pixels.
LEAST_WIDTH = 5.0
_PIECE = 4096  # pixels per piece of work
_ROWS = 8  # rows of blocks per piece of work


@dataclass(frozen=True, eq=False)
class BinnedMovie:
    """A movie averaged over bins of frames and blocks of pixels. Is itself a ``Movie``.

    H, W are the size of the field, h, w its size in blocks.

    Attributes
    ----------
    data : (h*w, n) float32
        Bin averages minus the mean of the block.
    block_noise : (h*w,) float32
        Noise standard deviation of a block in a single frame, > 0.
    mean : (H*W,) float32
        Mean over all frames.
    noise : (H*W,) float32
        Noise standard deviation of a pixel in a single frame, > 0.
    bin_frames, bin_px : int
        Frames per bin, side of a block.
    fov_shape : (h, w)
    """

    data: NDArray[np.float32]
    block_noise: NDArray[np.float32]
    mean: NDArray[np.float32]
    noise: NDArray[np.float32]
    bin_frames: int
    bin_px: int
    fov_shape: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.data.shape[1], *self.fov_shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        return self.data.dtype

    @property
    def block_frames(self) -> int:
        """All bins are one block: they lie in memory as they are needed."""
        n_bins: int = self.data.shape[1]
        return n_bins

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return bins start ... stop-1 as (n, H, W)."""
        return self.data[:, start:stop].T.reshape(-1, *self.fov_shape)

    def pixel_block(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return bins start ... stop-1 as (H*W, n)."""
        return self.data[:, start:stop]


def bin_size(
    shape: tuple[int, int, int], decay_frames: float, diameter_px: float
) -> tuple[int, int]:
    """Frames per bin and side of a block of pixels.

    A bin is a quarter of a transient. Where memory demands it, pixels are averaged first, as
    long as a cell stays wide enough; bins become longer than that only if this is not enough.
    """
    n_frames, height, width = shape
    wanted = max(1, min(int(decay_frames * BIN_PER_DECAY), n_frames // MIN_BINS))
    widest = max(1, int(diameter_px / LEAST_WIDTH))
    for side in range(1, widest + 1):
        pixels = _blocks(height, side) * _blocks(width, side)
        most_bins = max(MIN_BINS, BINNED_BYTES // (4 * pixels))
        needed = _blocks(n_frames, most_bins)
        if needed <= wanted or side == widest:
            break
    return max(wanted, needed), side


def _blocks(length: int, side: int) -> int:
    """Return how many blocks of ``side`` cover ``length``."""
    return -(-length // side)


@njit(cache=True, nogil=True)
def _average(
    block: NDArray[np.float32],
    width: int,
    side: int,
    first: int,
    last: int,
    out: NDArray[np.float32],
) -> None:
    """Average frames (P, n) over squares of pixels, rows first ... last-1 of squares."""
    n_pixels, n_frames = block.shape
    height = n_pixels // width
    n_cols = (width + side - 1) // side
    for row in range(first, last):
        bottom = min((row + 1) * side, height)
        for col in range(n_cols):
            right = min((col + 1) * side, width)
            target = out[row * n_cols + col]
            target[:] = 0
            count = 0
            for r in range(row * side, bottom):
                for c in range(col * side, right):
                    count += 1
                    source = block[r * width + c]
                    for t in range(n_frames):
                        target[t] += source[t]
            for t in range(n_frames):
                target[t] /= np.float32(count)


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


def binned_bytes(movie: Movie, decay_frames: float, diameter_px: float) -> int:
    """Bytes that the binned movie will take."""
    n_frames, height, width = movie.shape
    size, side = bin_size(movie.shape, decay_frames, diameter_px)
    return 4 * _blocks(height, side) * _blocks(width, side) * (n_frames // size)


def bin_movie(
    movie: Movie,
    *,
    decay_frames: float,
    diameter_px: float,
    n_threads: int,
    ctx: TaskContext,
    n_ahead: int = 0,
    into: NDArray[np.float32] | None = None,
) -> BinnedMovie:
    """Average a movie over bins, and measure mean and noise of its pixels, in one pass.

    The noise comes from second differences, ``sum (y[t-1] - 2 y[t] + y[t+1])^2 / 6 n``: white
    noise passes unchanged, calcium and drift hardly at all.

    Parameters
    ----------
    movie : Movie
    decay_frames : float
        Length of a transient in frames.
    diameter_px : float
        Of a cell.
    n_threads, n_ahead : int
        Threads, and blocks of the movie read early.
    ctx : TaskContext
    into : (h*w, n) float32, optional
        The data of an earlier result, which are made again.
    """
    n_frames, height, width = movie.shape
    size, side = bin_size(movie.shape, decay_frames, diameter_px)
    small = (_blocks(height, side), _blocks(width, side))
    n_bins = n_frames // size  # an incomplete last bin is left out
    bins = np.empty((small[0] * small[1], n_bins), np.float32) if into is None else into
    bins[...] = 0
    unused = np.zeros((height * width, 0), np.float32)
    blocks = _Sums.of(bins, size)
    pixels = _Sums.of(unused, size) if side > 1 else blocks
    n_bends = 0
    message = "Averaging over time"
    for start, block in pixel_blocks(movie, ctx=ctx, message=message, n_ahead=n_ahead):
        pixels.add(block, start, n_threads, ctx)
        if side > 1:
            averaged = _averaged(block, (height, width), side, n_threads, ctx)
            blocks.add(averaged, start, n_threads, ctx)
        n_bends += max(0, block.shape[1] - 2)
    for first in range(0, len(blocks.bins), _PIECE):
        ctx.check()
        part = blocks.bins[first : first + _PIECE]
        part /= size
        part -= part.mean(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
    return BinnedMovie(
        data=blocks.bins,
        block_noise=blocks.noise(n_bends),
        mean=(pixels.total / n_frames).astype(np.float32),
        noise=pixels.noise(n_bends),
        bin_frames=size,
        bin_px=side,
        fov_shape=small,
    )


def _averaged(
    block: NDArray[np.float32],
    fov_shape: tuple[int, int],
    side: int,
    n_threads: int,
    ctx: TaskContext,
) -> NDArray[np.float32]:
    """Average frames (H*W, n) over squares of pixels: (h*w, n)."""
    height, width = fov_shape
    n_rows, n_cols = _blocks(height, side), _blocks(width, side)
    out = np.empty((n_rows * n_cols, block.shape[1]), np.float32)

    def work(first: int) -> None:
        _average(block, width, side, first, min(first + _ROWS, n_rows), out)

    for _ in thread_map(work, range(0, n_rows, _ROWS), n_threads=n_threads, ctx=ctx):
        pass
    return out


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over time of pixels or blocks of pixels."""

    bins: NDArray[np.float32]
    total: NDArray[np.float64]
    roughness: NDArray[np.float64]
    bin_frames: int

    @classmethod
    def of(cls, bins: NDArray[np.float32], bin_frames: int) -> _Sums:
        """Nothing added yet to bins (n_pixels, n_bins), of which there are none if not wanted."""
        return cls(bins, np.zeros(len(bins)), np.zeros(len(bins)), bin_frames)

    def add(self, block: NDArray[np.float32], start: int, n_threads: int, ctx: TaskContext) -> None:
        """Add frames (n_pixels, n) that begin at frame ``start``."""

        def work(first: int) -> None:
            part = slice(first, first + _PIECE)
            _add_block(
                block[part], start, self.bin_frames, self.bins[part], self.total[part],
                self.roughness[part],
            )  # fmt: skip

        pieces = range(0, len(self.bins), _PIECE)
        for _ in thread_map(work, pieces, n_threads=n_threads, ctx=ctx):
            pass

    def noise(self, n_bends: int) -> NDArray[np.float32]:
        """Noise standard deviation of a frame, > 0."""
        return _positive(np.sqrt(self.roughness / (6.0 * max(1, n_bends))).astype(np.float32))


def _positive(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lift the noise of dead or filled-in pixels to a share of the median."""
    alive = noise[noise > 0]
    floor = 0.1 * float(np.median(alive)) if alive.size else 1.0
    return np.maximum(noise, np.float32(floor))
