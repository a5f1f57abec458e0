"""The slowly varying background: its first estimate, before any cell is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Side of the tiles, in neuron diameters, whose median is taken as background.
TILE_DIAMETERS = 1.6
#: Share of the pixels whose background image may be cut at zero at the start.
_CUT = 0.01


def initial_background(
    data: NDArray[np.float32],
    noise: NDArray[np.float32],
    *,
    fov_shape: tuple[int, int],
    diameter_px: float,
    rank: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Estimate background traces from medians over tiles, which single cells cannot move.

    Parameters
    ----------
    data : (P, n) float32
        Movie minus the mean of each pixel.
    noise : (P,) float32
    fov_shape : (H, W)
    diameter_px : float
        Neuron diameter.
    rank : int

    Returns
    -------
    images : (rank, P) float32
        Least-squares images, made non-negative up to a few pixels by mixing.
    traces : (rank, n) float32
        Zero mean, mean square 1.
    """
    medians = _tile_medians(data, noise, fov_shape, diameter_px)
    medians -= medians.mean(axis=1, keepdims=True)
    rank = min(rank, *medians.shape)
    _, _, right = np.linalg.svd(medians, full_matrices=False)
    n_bins = data.shape[1]
    traces = (right[:rank] * np.sqrt(n_bins)).astype(np.float32)
    images = (traces @ data.T / np.float32(n_bins)).astype(np.float32)
    flip = np.where(images.sum(axis=1) < 0, -1, 1).astype(np.float32)[:, None]
    return _mix_nonnegative(images * flip, traces * flip)


def _tile_medians(
    data: NDArray[np.float32],
    noise: NDArray[np.float32],
    fov_shape: tuple[int, int],
    diameter_px: float,
) -> NDArray[np.float64]:
    """(n_tiles, n) median over the pixels of each tile, in units of the noise."""
    height, width = fov_shape
    side = max(4, round(TILE_DIAMETERS * diameter_px))
    numbers = np.arange(height * width).reshape(fov_shape)
    rows = np.array_split(np.arange(height), max(1, height // side))
    cols = np.array_split(np.arange(width), max(1, width // side))
    out = []
    for row in rows:
        for col in cols:
            pixels = numbers[np.ix_(row, col)].ravel()
            tile = data[pixels] / noise[pixels, None]
            out.append(np.median(tile, axis=0))
    return np.array(out, np.float64)


def _mix_nonnegative(
    images: NDArray[np.float32], traces: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Add the first image to the others so that they become non-negative; same product."""
    images, traces = images.copy(), traces.copy()
    strong = images[0] > 0.1 * np.median(images[0])
    for m in range(1, len(images)):
        ratio = -images[m, strong] / images[0, strong]
        share = np.float32(max(0.0, np.quantile(ratio, 1 - _CUT))) if ratio.size else np.float32(0)
        images[m] += share * images[0]
        traces[0] -= share * traces[m]
    scale = np.sqrt((traces**2).mean(axis=1, keepdims=True))
    scale[scale == 0] = 1
    return np.maximum(images * scale, 0), traces / scale
