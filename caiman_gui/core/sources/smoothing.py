"""Smoothing of a movie over a transient and over a cell, and the score of smoothed traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Standard deviations above which the filtered movie counts.
EXCURSION = 3.0


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


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _add_scaled(total: NDArray[np.float32], trace: NDArray[np.float32], factor: np.float32) -> None:
    for t in range(total.size):
        total[t] += factor * trace[t]


@njit(cache=True, nogil=True, fastmath=True)
def blur_box(
    data: NDArray[np.float32],
    kernel: NDArray[np.float32],
    top: int,
    left: int,
    out: NDArray[np.float32],
) -> None:
    """Blur a box of (H, W, n) along both axes; outside the field is zero.

    The box (h, w, n), which is filled, begins at row ``top`` and column ``left``.
    """
    height, width, n_bins = data.shape
    half = kernel.size // 2
    n_rows, n_cols = out.shape[:2]
    first, last = max(left - half, 0), min(left + n_cols + half, width)
    line = np.empty((last - first, n_bins), np.float32)
    for i in range(n_rows):
        row = top + i
        for c in range(first, last):  # one pixel after the other: its sum stays in the cache
            total = line[c - first]
            total[:] = 0
            for r in range(max(row - half, 0), min(row + half + 1, height)):
                _add_scaled(total, data[r, c], kernel[r - row + half])
        for j in range(n_cols):
            col = left + j
            target = out[i, j]
            target[:] = 0
            for c in range(max(col - half, 0), min(col + half + 1, width)):
                _add_scaled(target, line[c - first], kernel[c - col + half])


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
def score_traces(
    filtered: NDArray[np.float32],
    low: NDArray[np.float32],
    spread: NDArray[np.float32],
    score: NDArray[np.float64],
    negative: NDArray[np.float64],
) -> None:
    """Standardise traces (P, n) in place, score them and their negatives.

    Parameters
    ----------
    filtered : (P, n) float32
    low, spread : (P,) float32
        Their level less a standard deviation of the noise, and that deviation.
    score, negative : (P,) float64
        Filled.
    """
    for p in range(len(filtered)):
        row = filtered[p]
        row -= low[p] + spread[p]
        row /= spread[p]
        score[p] = excursion_energy(row, 1.0)
        negative[p] = excursion_energy(row, -1.0)


@njit(cache=True, nogil=True, fastmath=True)
def take_out(
    movie: NDArray[np.float32],
    top: int,
    left: int,
    image: NDArray[np.float32],
    trace: NDArray[np.float32],
) -> None:
    """Subtract image x trace from the movie (H, W, n) at (top, left), in place."""
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            if image[i, j] != 0:
                movie[top + i, left + j] -= image[i, j] * trace


def gaussian_kernel(sigma: float) -> NDArray[np.float32]:
    """Gaussian of unit sum, cut at three standard deviations."""
    half = max(1, int(np.ceil(3 * sigma)))
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float32)
