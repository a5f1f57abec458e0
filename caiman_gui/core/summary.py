"""Summary images of a movie in one streaming pass, and the seeds found in them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numba import njit

from caiman_gui.core.border import BorderSearch
from caiman_gui.core.budget import DEFAULT_BYTES, pieces_in_memory
from caiman_gui.core.checks import require_contrast, require_usable
from caiman_gui.core.movie import block_bytes, frame_blocks
from caiman_gui.core.noise_pieces import NoisePieces
from caiman_gui.core.parallel import thread_map
from caiman_gui.core.results import SummaryImages
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie

#: Filtered samples below this many noise levels count as nothing in the correlation image.
FILTER_THRESHOLD = 3.0
#: Images of the field that are held meanwhile, as float32: sums over time, and the results.
_IMAGES_HELD = 48
_ROWS = 16  # rows per piece of work
_FRAMES = 8  # frames per piece of filtering
# Neighbours of a pixel that come after it: right, below, below right, below left.
_OFFSETS = ((0, 1), (1, 0), (1, 1), (1, -1))


def summarise(
    movie: Movie,
    *,
    use_filter: bool,
    neuron_diameter_px: float,
    excluded: NDArray[np.bool_] | None = None,
    n_threads: int = 1,
    memory_bytes: int = DEFAULT_BYTES,
    ctx: TaskContext = NULL_CONTEXT,
) -> SummaryImages:
    """Describe a movie by images, in memory that does not grow with its length.

    The correlation image is the mean Pearson correlation of a pixel with those of its 8
    neighbours that exist, over all frames; a pixel that never changes has correlation 0.
    Peak-to-noise is ``(max - mean) / noise``, 0 where the noise is 0. Both are 0 where motion
    correction has often repeated the edge (copies correlate), and in excluded pixels: no cell may
    start there.

    Parameters
    ----------
    movie : Movie (T, H, W)
    use_filter : bool
        Compute correlation, peak-to-noise and noise on frames filtered to the size of a neuron,
        and let only samples above 3 noise levels count in the correlation (one-photon:
        Zhou et al. 2018). Mean, maximum and standard deviation always are the movie's own.
    neuron_diameter_px : float
        Sets the filter: a Gaussian of standard deviation diameter / 4 less the mean around it.
    excluded : (H, W) bool, optional
        Pixels that were left out.
    n_threads, memory_bytes : int
        Threads to use, and the memory budget. The result depends on neither.
    ctx : TaskContext

    Returns
    -------
    SummaryImages (H, W)

    Raises
    ------
    DataError
        If the movie is too short, too small, constant or has missing values.
    """
    require_usable(movie)
    _, height, width = movie.shape
    neuron = _NeuronFilter.of(neuron_diameter_px) if use_filter else None
    work = _Work(movie, neuron, n_threads, memory_bytes)
    own, border = _Moments((height, width)), BorderSearch(movie.shape)
    noise = NoisePieces(movie.shape, memory_bytes=work.left_bytes)
    total = np.zeros((height, width))
    top = np.full((height, width), -np.inf, np.float32)
    message = "Summary images"
    shares = np.cumsum([0.0, 1.0, noise.share_read_again, float(use_filter)])
    first, second, third = (
        SubContext(ctx, a / shares[-1], b / shares[-1], message) for a, b in pairwise(shares)
    )
    for start, block in frame_blocks(movie, ctx=first, message=message, n_ahead=work.n_ahead):
        own.add(block, n_threads=n_threads, ctx=ctx)
        border.add(start, block)
        if neuron is not None:
            block = _filtered(block, neuron, n_threads=n_threads, ctx=ctx)
            total += block.sum(axis=0, dtype=np.float64)
            np.maximum(top, block.max(axis=0), out=top)
        noise.add(start, block, n_threads=n_threads, ctx=ctx)
    std = own.std()
    require_contrast(std)
    noise.read_again(work.run_of_frames, n_threads=n_threads, ctx=second)
    sigma = noise.level()
    if neuron is None:
        correlation, peak = own.correlation(), own.peak - own.mean()
    else:
        mean = total / movie.shape[0]
        peak = top - mean
        correlation = _filtered_correlation(work, neuron, mean, sigma, ctx=third)
    pnr = np.divide(peak, sigma, out=np.zeros_like(peak, dtype=np.float64), where=sigma > 0)
    trusted = border.trusted() if excluded is None else border.trusted() & ~excluded
    correlation, pnr = np.where(trusted, correlation, 0), np.where(trusted, pnr, 0)
    return SummaryImages(
        mean=own.mean().astype(np.float32),
        max=own.peak,
        std=std.astype(np.float32),
        correlation=correlation.astype(np.float32),
        pnr=np.maximum(pnr, 0).astype(np.float32),
        noise=sigma,
    )


@dataclass(frozen=True)
class _NeuronFilter:
    """Centre-surround filter: a Gaussian blur less a box blur as wide as the neuron.

    It sums to zero, so that light wider than a neuron vanishes.
    """

    sigma: float
    side: int

    @classmethod
    def of(cls, neuron_diameter_px: float) -> _NeuronFilter:
        """Filter whose standard deviation is a quarter of the diameter."""
        sigma = max(neuron_diameter_px / 4, 0.5)
        return cls(sigma, 2 * max(1, math.floor(2 * sigma)) + 1)

    def apply(self, frame: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        """Filter a frame (H, W); beyond the border the edge is repeated."""
        # without the common level float32 would lose the small differences
        near_zero = frame - np.float32(frame.mean(dtype=np.float64))
        size, border = (self.side, self.side), cv2.BORDER_REPLICATE
        cv2.GaussianBlur(near_zero, size, self.sigma, out, borderType=border)
        out -= cv2.boxFilter(near_zero, cv2.CV_32F, size, borderType=border)


def _filtered(
    block: NDArray[np.float32], neuron: _NeuronFilter, *, n_threads: int, ctx: TaskContext
) -> NDArray[np.float32]:
    """Filter each frame of (n, H, W)."""
    out = np.empty_like(block)

    def work(start: int) -> None:
        for i in range(start, min(start + _FRAMES, len(block))):
            neuron.apply(block[i], out[i])

    for _ in thread_map(work, range(0, len(block), _FRAMES), n_threads=n_threads, ctx=ctx):
        pass
    return out


class _Work:
    """How a movie is read within the memory budget.

    Attributes
    ----------
    n_ahead : int
        Blocks read early.
    left_bytes : int
        What is left for the noise.
    """

    def __init__(
        self, movie: Movie, neuron: _NeuronFilter | None, n_threads: int, memory_bytes: int
    ) -> None:
        self.movie = movie
        self.n_threads = n_threads
        self._neuron = neuron
        block, pixels = block_bytes(movie), movie.shape[1] * movie.shape[2]
        held = 4 * pixels * _IMAGES_HELD + block * (2 if neuron is None else 3)
        self.n_ahead = pieces_in_memory(memory_bytes, block, held_bytes=held, most=3) // 2
        self.left_bytes = memory_bytes - held - 2 * self.n_ahead * block

    def run_of_frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Read frames once more, filtered if that is wanted."""
        with np.errstate(over="ignore"):
            frames = np.array(self.movie.frames(start, stop), dtype=np.float32)
        if self._neuron is None:
            return frames
        return _filtered(frames, self._neuron, n_threads=self.n_threads, ctx=NULL_CONTEXT)


def _filtered_correlation(
    work: _Work,
    neuron: _NeuronFilter,
    mean: NDArray[np.float64],
    sigma: NDArray[np.float32],
    *,
    ctx: TaskContext,
) -> NDArray[np.float64]:
    """Correlation image of the filtered movie, only samples above the threshold counting."""
    moments = _Moments(sigma.shape)
    inverse = np.divide(1.0, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    centre = mean.astype(np.float32)
    blocks = frame_blocks(work.movie, ctx=ctx, message="Correlation image", n_ahead=work.n_ahead)
    for _, block in blocks:
        z = _filtered(block, neuron, n_threads=work.n_threads, ctx=ctx)
        z -= centre
        z *= inverse
        z[z < FILTER_THRESHOLD] = 0
        moments.add(z, n_threads=work.n_threads, ctx=ctx)
    return moments.correlation()


class _Moments:
    """Sums over time for mean, deviation and the correlation of neighbouring pixels."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.peak = np.full(shape, -np.inf, np.float32)
        self._n = 0
        self._offset = np.zeros(shape, np.float32)
        # sum, sum of squares, products with the neighbours of _OFFSETS
        self._sums = np.zeros((6, *shape))

    def add(self, block: NDArray[np.float32], *, n_threads: int, ctx: TaskContext) -> None:
        """Add frames (n, H, W)."""
        if self._n == 0:  # a sample of each pixel: sums stay small, constants exactly zero
            self._offset = block[0].copy()
        self._n += len(block)

        def work(row: int) -> None:
            _add_rows(block, self._offset, row, min(row + _ROWS, height), self._sums, self.peak)

        height = block.shape[1]
        for _ in thread_map(work, range(0, height, _ROWS), n_threads=n_threads, ctx=ctx):
            pass

    def mean(self) -> NDArray[np.float64]:
        """(H, W) mean over time."""
        mean: NDArray[np.float64] = self._offset + self._sums[0] / self._n
        return mean

    def std(self) -> NDArray[np.float64]:
        """(H, W) standard deviation over time (divided by T)."""
        variance = self._sums[1] / self._n - (self._sums[0] / self._n) ** 2
        std: NDArray[np.float64] = np.sqrt(np.maximum(variance, 0))
        return std

    def correlation(self) -> NDArray[np.float64]:
        """(H, W) mean correlation with the existing neighbours."""
        average, std = self._sums[0] / self._n, self.std()
        total, count = np.zeros_like(std), np.zeros_like(std)
        for (dy, dx), products in zip(_OFFSETS, self._sums[2:], strict=True):
            here, there = _pair_slices(dy, dx)
            covariance = products[here] / self._n - average[here] * average[there]
            scale = std[here] * std[there]
            rho = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
            np.clip(rho, -1, 1, out=rho)
            for side in (here, there):
                total[side] += rho
                count[side] += 1
        return total / count


def _pair_slices(dy: int, dx: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of the pixels that have a neighbour at (dy, dx), and of these neighbours."""
    rows = slice(0, -dy or None), slice(dy, None)
    left, right = slice(0, -abs(dx) or None), slice(abs(dx), None)
    cols = (left, right) if dx >= 0 else (right, left)
    return (rows[0], cols[0]), (rows[1], cols[1])


@njit(cache=True, nogil=True)
def _add_rows(
    block: NDArray[np.float32],
    offset: NDArray[np.float32],
    first: int,
    last: int,
    sums: NDArray[np.float64],
    peak: NDArray[np.float32],
) -> None:
    """Add rows first ... last-1 of every frame to the sums, in order of time."""
    n, height, width = block.shape
    here = np.empty(width, np.float64)
    below = np.empty(width, np.float64)
    for row in range(first, last):
        for t in range(n):
            for c in range(width):
                value = block[t, row, c]
                here[c] = np.float64(value) - np.float64(offset[row, c])
                peak[row, c] = max(peak[row, c], value)
            for c in range(width):
                sums[0, row, c] += here[c]
                sums[1, row, c] += here[c] * here[c]
            for c in range(width - 1):
                sums[2, row, c] += here[c] * here[c + 1]
            if row + 1 == height:
                continue
            for c in range(width):
                below[c] = np.float64(block[t, row + 1, c]) - np.float64(offset[row + 1, c])
                sums[3, row, c] += here[c] * below[c]
            for c in range(width - 1):
                sums[4, row, c] += here[c] * below[c + 1]
                sums[5, row, c + 1] += here[c + 1] * below[c]


def find_seeds(
    correlation: NDArray[np.float32],
    pnr: NDArray[np.float32],
    *,
    min_corr: float,
    min_pnr: float,
    min_distance_px: float,
) -> NDArray[np.int32]:
    """Places where a cell may start: peaks of correlation x peak-to-noise.

    Parameters
    ----------
    correlation, pnr : (H, W) float32
    min_corr, min_pnr : float
        Both have to be reached.
    min_distance_px : float
        Of two peaks nearer than this only the higher one stays.

    Returns
    -------
    (n, 2) int32
        (row, column), highest first; equal ones by row, then column.
    """
    score = np.asarray(correlation * pnr, dtype=np.float32)
    usable = (correlation >= min_corr) & (pnr >= min_pnr) & (score > 0)
    score = np.where(usable, score, np.float32(0))
    side = 2 * max(1, math.floor(min_distance_px / math.sqrt(2))) + 1
    highest = cv2.dilate(score, np.ones((side, side), np.uint8))
    rows, cols = np.nonzero((score >= highest) & usable)
    order = np.lexsort((cols, rows, -score[rows, cols]))
    candidates = np.stack((rows[order], cols[order]), axis=1).astype(np.int32)
    keep: NDArray[np.bool_] = _suppress(
        candidates, score.shape[0], score.shape[1], float(min_distance_px)
    )
    seeds: NDArray[np.int32] = candidates[keep]
    return seeds


@njit(cache=True, nogil=True)
def _suppress(
    candidates: NDArray[np.int32], height: int, width: int, distance: float
) -> NDArray[np.bool_]:
    """Keep a candidate if none kept before it is nearer than ``distance``."""
    taken = np.zeros((height, width), np.bool_)
    keep = np.zeros(len(candidates), np.bool_)
    reach = int(np.ceil(distance))
    for i in range(len(candidates)):
        row, col = candidates[i, 0], candidates[i, 1]
        if taken[row, col]:
            continue
        keep[i] = True
        for r in range(max(0, row - reach), min(height, row + reach + 1)):
            for c in range(max(0, col - reach), min(width, col + reach + 1)):
                if (r - row) ** 2 + (c - col) ** 2 < distance * distance:
                    taken[r, c] = True
    return keep
