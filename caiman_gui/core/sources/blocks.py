"""From blocks of pixels, on which cells are searched in large fields, to single pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.sources.cleanup import stacked

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.core.sources.model import Model


def any_in_blocks(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Tell for each square of pixels (h, w) whether the mask (H, W) is set anywhere in it."""
    height, width = mask.shape
    rows = np.arange(0, height, side)
    cols = np.arange(0, width, side)
    by_row = np.logical_or.reduceat(mask, rows, axis=0)
    return np.asarray(np.logical_or.reduceat(by_row, cols, axis=1), np.bool_)


def in_pixels(
    on_found: Callable[[NDArray[np.float32]], None] | None, side: int
) -> Callable[[NDArray[np.float32]], None] | None:
    """Let a receiver of centres in blocks get them in pixels."""
    if on_found is None or side == 1:
        return on_found

    def report(centers: NDArray[np.float32]) -> None:
        on_found((centers + np.float32(0.5)) * np.float32(side) - np.float32(0.5))

    return report


def at_full_size(
    model: Model, small: tuple[int, int], trusted: NDArray[np.bool_], side: int
) -> Model:
    """Give every pixel the values of its block.

    Parameters
    ----------
    model : Model
        On blocks (h, w).
    small : (h, w)
    trusted : (H, W) bool
        Pixels that footprints may use.
    side : int
        Of a block in pixels.

    Returns
    -------
    Model
        On pixels (H, W), footprints of unit norm.
    """
    if side == 1:
        return model
    height, width = trusted.shape
    step = np.arange(side)
    pixels, weights, scale = [], [], np.zeros(model.size)
    for k in range(model.size):
        part = slice(model.footprints.indptr[k], model.footprints.indptr[k + 1])
        row, col = np.divmod(model.footprints.indices[part], small[1])
        rows, cols = np.broadcast_arrays(
            (row * side)[:, None, None] + step[:, None], (col * side)[:, None, None] + step
        )
        values = np.broadcast_to(model.footprints.data[part, None, None], rows.shape)
        inside = (rows < height) & (cols < width)
        inside[inside] = trusted[rows[inside], cols[inside]]
        scale[k] = np.sqrt((values[inside].astype(np.float64) ** 2).sum())
        pixels.append(rows[inside] * width + cols[inside])
        weights.append(values[inside] / max(scale[k], 1e-30))
    images = model.images.reshape(-1, *small).repeat(side, axis=1).repeat(side, axis=2)
    images = np.ascontiguousarray(images[:, :height, :width])
    images = images.reshape(len(images), height * width)  # there may be none
    footprints = stacked(pixels, weights, height * width)
    footprints.sort_indices()
    return replace(model, footprints=footprints, images=images).scaled(scale)
