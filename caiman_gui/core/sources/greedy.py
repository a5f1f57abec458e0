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
from scipy import ndimage
from scipy.special import ndtri

from caiman_gui.core.parallel import thread_map
from caiman_gui.core.sources.cleanup import clean_image, stacked
from caiman_gui.core.sources.smoothing import (
    EXCURSION,
    blur_box,
    decay_filter,
    gaussian_kernel,
    score_traces,
    take_out,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from scipy import sparse

    from caiman_gui.core.task import TaskContext

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
#: Rows of the field that are smoothed at a time.
BAND_ROWS = 4
_PIECE = 2048  # pixels per piece of work


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
        smooth_over_transients(residual, decay_bins, n_threads=n_threads, ctx=ctx)
        self._movie = residual.reshape(*fov_shape, residual.shape[1])
        self._kernel = gaussian_kernel(_SIGMA_DIAMETERS * diameter_px)
        self._low = np.zeros(fov_shape, np.float32)
        self._spread = np.zeros(fov_shape, np.float32)
        self._score = np.zeros(fov_shape)
        negative = np.zeros(fov_shape)
        bands = range(0, fov_shape[0], BAND_ROWS)

        def measure(top: int) -> None:
            rows = slice(top, min(top + BAND_ROWS, fov_shape[0]))
            for row in self._blurred(rows, slice(0, fov_shape[1])):
                self._low[top], middle = np.quantile(row, (0.1587, 0.5), axis=1)
                self._spread[top] = middle - self._low[top]
                top += 1

        for _ in thread_map(measure, bands, n_threads=n_threads, ctx=ctx):
            pass
        # Most pixels show noise only: a much wider spread is the activity of a busy cell.
        typical = float(np.median(self._spread))
        np.clip(
            self._spread, max(0.3 * typical, 1e-6), max(_WIDEST * typical, 1e-6), out=self._spread
        )

        def rate(top: int) -> None:
            rows = slice(top, min(top + BAND_ROWS, fov_shape[0]))
            self._rate(rows, slice(0, fov_shape[1]), negative[rows])

        for _ in thread_map(rate, bands, n_threads=n_threads, ctx=ctx):
            pass
        self.least_score = self._noise_score(negative, decay_bins)

    def _blurred(self, rows: slice, cols: slice) -> NDArray[np.float32]:
        """Smooth a box of the movie over a cell: (h, w, n)."""
        shape = (rows.stop - rows.start, cols.stop - cols.start, self._movie.shape[2])
        out = np.empty(shape, np.float32)
        blur_box(self._movie, self._kernel, rows.start, cols.start, out)
        return out

    def _rate(self, rows: slice, cols: slice, negative: NDArray[np.float64]) -> None:
        """Score the pixels of a box, and fill ``negative`` (h, w) with the negated movie's."""
        box = self._blurred(rows, cols)
        for row, low, spread, score, other in zip(
            box, self._low[rows, cols], self._spread[rows, cols], self._score[rows, cols],
            negative, strict=True,
        ):  # fmt: skip
            score_traces(row, low, spread, score, other)

    def _noise_score(self, negative: NDArray[np.float64], decay_bins: float) -> float:
        """Score that noise reaches in few movies only, by theory and by the negated movie."""
        n_bins = self._movie.shape[2]
        area = max(1.0, 4 * np.pi * (_SIGMA_DIAMETERS * self._diameter) ** 2)
        tries = max(10.0, negative.size / area * n_bins / max(1.0, decay_bins))
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
        score = self._score
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
        seed = self._standardised(row, col)
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

    def _standardised(self, row: int, col: int) -> NDArray[np.float32]:
        """Trace (n,) of a pixel of the smoothed movie, in units of its noise."""
        trace = self._blurred(slice(row, row + 1), slice(col, col + 1))[0, 0]
        low, spread = self._low[row, col], self._spread[row, col]
        return np.asarray((trace - (low + spread)) / spread, np.float32)

    def _remove(
        self, image: NDArray[np.float32], trace: NDArray[np.float32], top: int, left: int
    ) -> None:
        """Take a cell out of the movie, and score its surroundings anew."""
        take_out(self._movie, top, left, image, trace)
        reach = self._kernel.size // 2
        height, width = self._shape
        inside = np.nonzero(image.any(axis=1))[0], np.nonzero(image.any(axis=0))[0]
        rows = slice(max(top + int(inside[0][0]) - reach, 0),
                     min(top + int(inside[0][-1]) + reach + 1, height))  # fmt: skip
        cols = slice(max(left + int(inside[1][0]) - reach, 0),
                     min(left + int(inside[1][-1]) + reach + 1, width))  # fmt: skip
        self._rate(rows, cols, np.empty((rows.stop - rows.start, cols.stop - cols.start)))


def smooth_over_transients(
    movie: NDArray[np.float32], decay_bins: float, *, n_threads: int, ctx: TaskContext
) -> None:
    """Filter a movie (P, n) with the shape of a transient, in place; noise keeps its size."""
    length = max(1, min(movie.shape[1], int(np.ceil(3 * decay_bins))))
    decay = np.exp(-np.arange(length) / max(decay_bins, 1e-3))
    decay = (decay / np.linalg.norm(decay)).astype(np.float32)

    def smooth(first: int) -> None:
        decay_filter(movie[first : first + _PIECE], decay)

    for _ in thread_map(smooth, range(0, len(movie), _PIECE), n_threads=n_threads, ctx=ctx):
        pass


def _piece_at(image: NDArray[np.float32], row: int, col: int) -> NDArray[np.float32]:
    """Keep the connected piece nearest to the seed."""
    labels, count = ndimage.label(image > 0)
    if count <= 1:
        return image
    rows, cols = np.nonzero(labels)
    nearest = np.argmin((rows - row) ** 2 + (cols - col) ** 2)
    return np.where(labels == labels[rows[nearest], cols[nearest]], image, 0)
