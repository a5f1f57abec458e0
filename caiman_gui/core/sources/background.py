"""The slowly varying background: its first estimate, before any cell is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.task import TaskContext

#: Side of the tiles, in neuron diameters, whose median is taken as background.
TILE_DIAMETERS = 1.6
#: A background shows in at least this share of the tiles; what shows in fewer is a cell.
LEAST_SPREAD = 1 / 6
#: Share of a tile's pixels, the quietest ones, that is used.
QUIET_SHARE = 0.25
#: Share of the pixels whose background image may be cut at zero at the start.
_CUT = 0.01
#: Most of the first image that is added to another, relative to their sizes.
_MOST_MIXED = 4.0


def initial_background(
    data: NDArray[np.float32],
    noise: NDArray[np.float32],
    *,
    fov_shape: tuple[int, int],
    diameter_px: float,
    rank: int,
    ctx: TaskContext,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Estimate background traces from the quiet pixels of tiles, where cells hardly show.

    Parameters
    ----------
    data : (P, n) float32
        Movie minus the mean of each pixel.
    noise : (P,) float32
    fov_shape : (H, W)
    diameter_px : float
        Neuron diameter.
    rank : int
    ctx : TaskContext

    Returns
    -------
    images : (n <= rank, P) float32
        Least-squares images, made non-negative up to a few pixels by mixing.
    traces : (n <= rank, T) float32
        Zero mean, mean square 1.
    """
    medians = _tile_medians(data, noise, fov_shape, diameter_px, ctx)
    medians -= medians.mean(axis=1, keepdims=True)
    left, strength, right = np.linalg.svd(medians, full_matrices=False)
    n_bins = data.shape[1]
    white = np.sqrt((np.diff(medians, 2, axis=1) ** 2).mean() / 6.0)
    by_noise = white * (np.sqrt(len(medians)) + np.sqrt(n_bins))  # largest of a noise matrix
    spread = 1 / np.maximum((left**4).sum(axis=0), 1e-30)  # number of tiles that take part
    is_broad = spread >= max(2.0, LEAST_SPREAD * len(medians))
    broad = np.flatnonzero(is_broad & (strength > 1.1 * by_noise))[:rank]
    traces = (right[broad] * np.sqrt(n_bins)).astype(np.float32)
    images = (traces @ data.T / np.float32(n_bins)).astype(np.float32)
    flip = np.where(images.sum(axis=1) < 0, -1, 1).astype(np.float32)[:, None]
    return _mix_nonnegative(images * flip, traces * flip)


def _tile_medians(
    data: NDArray[np.float32],
    noise: NDArray[np.float32],
    fov_shape: tuple[int, int],
    diameter_px: float,
    ctx: TaskContext,
) -> NDArray[np.float64]:
    """Return (n_tiles, n) medians over the quiet pixels of each tile, in units of the noise."""
    height, width = fov_shape
    side = max(4, round(TILE_DIAMETERS * diameter_px))
    numbers = np.arange(height * width).reshape(fov_shape)
    rows = np.array_split(np.arange(height), max(1, height // side))
    cols = np.array_split(np.arange(width), max(1, width // side))
    out = []
    for row in rows:
        for col in cols:
            ctx.check()
            pixels = numbers[np.ix_(row, col)].ravel()
            tile = data[pixels] / noise[pixels, None]
            quiet = np.argsort(tile.var(axis=1), kind="stable")[
                : max(1, int(len(tile) * QUIET_SHARE))
            ]
            out.append(np.median(tile[quiet], axis=0))
    return np.array(out, np.float64)


def _mix_nonnegative(
    images: NDArray[np.float32], traces: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Add the first image to the others so that they become non-negative; same product."""
    if len(images) == 0:
        return images, traces
    images, traces = images.copy(), traces.copy()
    strong = images[0] > 0.1 * max(float(np.median(images[0])), 0.0)
    for m in range(1, len(images)):
        ratio = -images[m, strong] / images[0, strong]
        most = _MOST_MIXED * np.sqrt((images[m] ** 2).mean() / (images[0] ** 2).mean())
        share = np.float32(np.clip(np.quantile(ratio, 1 - _CUT), 0, most)) if ratio.size else 0
        images[m] += share * images[0]
        traces[0] -= share * traces[m]
    scale = np.sqrt((traces**2).mean(axis=1, keepdims=True))
    scale[scale == 0] = 1
    return np.maximum(images * scale, 0), traces / scale
