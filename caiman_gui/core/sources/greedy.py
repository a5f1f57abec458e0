"""Greedy search for cells: strongest first, each taken out before the next is looked for.

The residual movie, in units of its noise, is smoothed over a transient (exponential) and over a
cell (Gaussian). The score of a pixel is the energy of its excursions above ``EXCURSION``
standard deviations. At the best pixel a footprint and a trace are fitted to the surroundings
(rank 1) and taken out, and scores nearby are updated. The search ends when the best score could
come from noise: noise is symmetric, so the same score of the negated movie tells its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from scipy import ndimage
from scipy.special import ndtri

from caiman_gui.core.parallel import thread_map
from caiman_gui.core.sources.cleanup import clean_image, stacked

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy import sparse

    from caiman_gui.core.task import TaskContext

#: Standard deviations above which the filtered movie counts.
EXCURSION = 3.0
#: Expected number of false seeds in a whole movie of noise.
_FALSE_SEEDS = 0.05
#: Widest noise of a pixel, in that of the typical pixel.
_WIDEST = 1.5
#: Energy of an excursion over that of its highest sample, in smoothed noise.
_CLUSTER = 6.0
#: Width of the Gaussian and half side of the box around a seed, in neuron diameters.
_SIGMA_DIAMETERS, _BOX_DIAMETERS = 0.25, 0.9
_REFINEMENTS = 4
#: Least area of a new footprint, as a share of a disc of the neuron diameter.
_LEAST_AREA = 0.15
_SHARE = 0.2


@njit(cache=True, nogil=True, fastmath=True)
def decay_filter(data: NDArray[np.float32], kernel: NDArray[np.float32]) -> None:
    """Replace each row by its product with a kernel that looks ahead, in place."""
    n_pixels, n_bins = data.shape
    for p in range(n_pixels):
        row = data[p]
        for t in range(n_bins):
            total = np.float32(0.0)
            for j in range(min(kernel.size, n_bins - t)):
                total += kernel[j] * row[t + j]
            row[t] = total


@njit(cache=True, nogil=True, fastmath=True)
def blur_rows(
    data: NDArray[np.float32],
    kernel: NDArray[np.float32],
    first: int,
    last: int,
    out: NDArray[np.float32],
) -> None:
    """Blur rows first ... last-1 of (H, W, n) along both axes; outside the field is zero."""
    height, width, n_bins = data.shape
    half = kernel.size // 2
    line = np.empty((width, n_bins), np.float32)
    for row in range(first, last):
        line[:] = 0
        for i in range(max(row - half, 0), min(row + half + 1, height)):
            line += kernel[i - row + half] * data[i]
        for col in range(width):
            target = out[row, col]
            target[:] = 0
            for j in range(max(col - half, 0), min(col + half + 1, width)):
                target += kernel[j - col + half] * line[j]


@njit(cache=True, nogil=True)
def excursion_energy(trace: NDArray[np.float32], sign: float) -> float:
    """Sum of squared excursions of a standardised trace above EXCURSION."""
    total = 0.0
    for value in trace:
        over = sign * value - EXCURSION
        if over > 0:
            total += over * over
    return total


@njit(cache=True, nogil=True)
def score_pixels(
    filtered: NDArray[np.float32], first: int, last: int, sign: float, out: NDArray[np.float64]
) -> None:
    """Score pixels first ... last-1 of the standardised movie (P, n)."""
    for p in range(first, last):
        out[p] = excursion_energy(filtered[p], sign)


@njit(cache=True, nogil=True, fastmath=True)
def take_out(
    movie: NDArray[np.float32],
    top: int,
    left: int,
    image: NDArray[np.float32],
    trace: NDArray[np.float32],
    scale: NDArray[np.float32],
) -> None:
    """Subtract scale * image x trace from the movie (H, W, n) at (top, left), in place."""
    height, width = movie.shape[:2]
    for i in range(image.shape[0]):
        row = top + i
        if row < 0 or row >= height:
            continue
        for j in range(image.shape[1]):
            col = left + j
            if image[i, j] == 0 or col < 0 or col >= width:
                continue
            movie[row, col] -= image[i, j] * scale[row, col] * trace


def gaussian_kernel(sigma: float) -> NDArray[np.float32]:
    """Gaussian of unit sum, cut at three standard deviations."""
    half = max(1, int(np.ceil(3 * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float32)


class GreedySearch:
    """One search over a residual movie.

    Parameters
    ----------
    residual : (P, n) float32
        Residual in units of its noise; overwritten.
    fov_shape : (H, W)
    diameter_px : float
        Neuron diameter.
    decay_bins : float
        Decay time in samples of the residual.
    n_threads : int
    ctx : TaskContext
    """

    def __init__(
        self,
        residual: NDArray[np.float32],
        *,
        fov_shape: tuple[int, int],
        diameter_px: float,
        decay_bins: float,
        n_threads: int,
        ctx: TaskContext,
    ) -> None:
        self._shape = fov_shape
        self._ctx = ctx
        self._diameter = diameter_px
        n_bins = residual.shape[1]
        length = max(1, min(n_bins, int(np.ceil(3 * decay_bins))))
        decay = np.exp(-np.arange(length) / max(decay_bins, 1e-3))
        decay = (decay / np.linalg.norm(decay)).astype(np.float32)
        pieces = range(0, len(residual), 2048)

        def smooth(first: int) -> None:
            decay_filter(residual[first : first + 2048], decay)

        for _ in thread_map(smooth, pieces, n_threads=n_threads, ctx=ctx):
            pass
        self._movie = residual.reshape(*fov_shape, n_bins)
        self._kernel = gaussian_kernel(_SIGMA_DIAMETERS * diameter_px)
        self._filtered = np.empty_like(self._movie)

        def blur(first: int) -> None:
            last = min(first + 8, fov_shape[0])
            blur_rows(self._movie, self._kernel, first, last, self._filtered)

        for _ in thread_map(blur, range(0, fov_shape[0], 8), n_threads=n_threads, ctx=ctx):
            pass
        flat = self._filtered.reshape(len(residual), n_bins)
        self._per_noise = np.empty(fov_shape, np.float32)
        self._score = np.zeros(len(residual))
        negative = np.zeros(len(residual))
        per_noise = self._per_noise.reshape(-1)

        low = np.zeros(len(residual), np.float32)
        spread = np.zeros(len(residual), np.float32)

        def measure(first: int) -> None:
            part = slice(first, first + 2048)
            low[part], middle = np.quantile(flat[part], (0.1587, 0.5), axis=1)
            spread[part] = middle - low[part]

        for _ in thread_map(measure, pieces, n_threads=n_threads, ctx=ctx):
            pass
        # Most pixels show noise only: a much wider spread is the activity of a busy cell.
        typical = float(np.median(spread))
        np.clip(spread, max(0.3 * typical, 1e-6), max(_WIDEST * typical, 1e-6), out=spread)
        per_noise[:] = 1 / spread

        def standardise(first: int) -> None:
            part = slice(first, min(first + 2048, len(flat)))
            flat[part] -= (low[part] + spread[part])[:, None]
            flat[part] /= spread[part, None]
            score_pixels(flat, part.start, part.stop, 1.0, self._score)
            score_pixels(flat, part.start, part.stop, -1.0, negative)

        for _ in thread_map(standardise, pieces, n_threads=n_threads, ctx=ctx):
            pass
        self._flat = flat
        self.least_score = self._noise_score(negative, decay_bins)

    def _noise_score(self, negative: NDArray[np.float64], decay_bins: float) -> float:
        """Score that noise reaches in few movies only, by theory and by the negated movie."""
        n_pixels, n_bins = self._flat.shape
        area = max(1.0, 4 * np.pi * (_SIGMA_DIAMETERS * self._diameter) ** 2)
        tries = max(10.0, n_pixels / area * n_bins / max(1.0, decay_bins))
        peak = float(ndtri(1 - _FALSE_SEEDS / tries))
        return max(_CLUSTER * (peak - EXCURSION) ** 2, float(np.quantile(negative, 0.995)))

    def run(
        self,
        *,
        allowed: NDArray[np.bool_],
        most: int,
        on_seed: Callable[[int, int, float], None],
        n_before: int = 0,
    ) -> sparse.csr_matrix:
        """Search until only noise is left, or ``most`` cells are found.

        Parameters
        ----------
        allowed : (H, W) bool
            Where a cell may start.
        most : int
        on_seed : callable
            Called with row, column and score of every cell.
        n_before : int
            Cells found by earlier searches, for the message.

        Returns
        -------
        (K, P) CSR float32
            Footprints of unit norm, in units of the noise.
        """
        height, width = self._shape
        score = self._score.reshape(self._shape)
        blocked = ~allowed
        done = 0.0
        first = max(float(score[allowed].max(initial=0.0)), 2 * self.least_score)
        pixels: list[NDArray[np.intp]] = []
        weights: list[NDArray[np.float32]] = []
        while len(pixels) < most:
            self._ctx.check()
            best = int(np.argmax(np.where(blocked, -1.0, score)))
            row, col = divmod(best, width)
            value = float(score[row, col])
            if blocked[row, col] or value < self.least_score:
                break
            share = np.log(first / value) / np.log(first / self.least_score)
            done = max(done, float(share))  # a score may rise where a neighbour was taken out
            self._ctx.progress(done, 1.0, f"Searching for cells: {n_before + len(pixels)} found")
            image, trace, top, left = self._fit(row, col)
            blocked[row, col] = True
            area = int((image > 0).sum())
            if area < max(4, _LEAST_AREA * np.pi / 4 * self._diameter**2):
                continue
            self._remove(image, trace, top, left)
            r, c = np.nonzero(image)
            pixels.append((r + top) * width + c + left)
            weights.append(image[r, c])
            on_seed(row, col, value)
        return stacked(pixels, weights, height * width)

    def _fit(self, row: int, col: int) -> tuple[NDArray[np.float32], NDArray[np.float32], int, int]:
        """Fit footprint (unit norm) and trace to the box around a seed, from active samples."""
        half = max(2, int(np.ceil(_BOX_DIAMETERS * self._diameter)))
        top, left = max(row - half, 0), max(col - half, 0)
        box = self._movie[top : row + half + 1, left : col + half + 1]
        seed = self._filtered[row, col]
        drive = np.maximum(seed - 2.0, 0)
        image = np.zeros(box.shape[:2], np.float32)
        trace = np.zeros(box.shape[2], np.float32)
        for _ in range(_REFINEMENTS):
            energy = float(drive @ drive)
            if energy <= 0:
                return np.zeros_like(image), trace, top, left
            raw = box @ drive / np.float32(energy)
            raw[raw < 1.0 / np.sqrt(energy)] = 0
            image = _piece_at(clean_image(raw, _SHARE), row - top, col - left)
            norm = float(np.sqrt((image**2).sum()))
            if norm <= 0:
                return np.zeros_like(image), trace, top, left
            image /= np.float32(norm)
            trace = np.tensordot(image, box, axes=2).astype(np.float32)
            low, middle = np.quantile(trace, (0.1587, 0.5))
            spread = min(middle - low, 1.0)  # noise is 1; more is activity of the cell
            drive = np.maximum(trace - low - 3 * spread, 0).astype(np.float32)
        return image, trace, top, left

    def _remove(
        self, image: NDArray[np.float32], trace: NDArray[np.float32], top: int, left: int
    ) -> None:
        """Take a cell out of the movie, the filtered movie and the scores around it."""
        take_out(self._movie, top, left, image, trace, np.ones_like(self._per_noise))
        half = self._kernel.size // 2
        wide = np.pad(image, half)
        wide = ndimage.correlate1d(wide, self._kernel, axis=0, mode="constant")
        wide = ndimage.correlate1d(wide, self._kernel, axis=1, mode="constant")
        take_out(self._filtered, top - half, left - half, wide, trace, self._per_noise)
        width = self._shape[1]
        first, last = max(left - half, 0), min(left - half + wide.shape[1], width)
        for row in range(max(top - half, 0), min(top - half + wide.shape[0], self._shape[0])):
            score_pixels(self._flat, row * width + first, row * width + last, 1.0, self._score)


def _piece_at(image: NDArray[np.float32], row: int, col: int) -> NDArray[np.float32]:
    """Keep the connected piece nearest to the seed."""
    labels, count = ndimage.label(image > 0)
    if count <= 1:
        return image
    rows, cols = np.nonzero(labels)
    nearest = np.argmin((rows - row) ** 2 + (cols - col) ** 2)
    return np.where(labels == labels[rows[nearest], cols[nearest]], image, 0)
