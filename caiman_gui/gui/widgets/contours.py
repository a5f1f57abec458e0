"""Outlines of footprints, found once per component on its bounding box."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from caiman_gui.core.results import Component

#: The outline runs where the footprint falls to this share of its maximum.
LEVEL = 0.25
#: Outlines are found on a grid this many times finer than the pixels.
FINER = 4
#: Corners that deviate less than this (in fine pixels) are left out.
TOLERANCE = 0.75

_cache: WeakKeyDictionary[Component, NDArray[np.float32]] = WeakKeyDictionary()


def outline(component: Component, width: int) -> NDArray[np.float32]:
    """Return the closed outline of one component, remembered as long as the component lives.

    Parameters
    ----------
    component : Component
    width : int
        Width of the field of view in pixels.

    Returns
    -------
    (n, 2) float32
        Points (x, y) in image coordinates, in which pixel (row, column) covers
        ``column ... column + 1``, ``row ... row + 1``. Every polygon ends with a row of NaN.
    """
    found = _cache.get(component)
    if found is None:
        found = trace_outline(component.pixels, component.weights, width)
        found.flags.writeable = False
        _cache[component] = found
    return found


def outlines(components: Iterable[Component], width: int) -> NDArray[np.float32]:
    """Outlines of many components in one array, for one path. Returns (n, 2) float32."""
    parts = [outline(component, width) for component in components]
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)


def trace_outline(
    pixels: NDArray[np.int32], weights: NDArray[np.float32], width: int
) -> NDArray[np.float32]:
    """Polygons around the pixels above a quarter of the largest weight.

    Parameters
    ----------
    pixels : (n,) int32
        C-order pixel numbers.
    weights : (n,) float32
    width : int
        Width of the field of view.

    Returns
    -------
    (m, 2) float32
        Points (x, y); every polygon is closed and ends with a row of NaN. Empty if no weight is
        positive.
    """
    import cv2

    if pixels.size == 0 or not weights.max() > 0:
        return np.zeros((0, 2), np.float32)
    rows, cols = np.divmod(pixels, width)
    top, left = int(rows.min()) - 1, int(cols.min()) - 1  # a rim of zeros closes the polygons
    crop = np.zeros((int(rows.max()) - top + 2, int(cols.max()) - left + 2), np.float32)
    crop[rows - top, cols - left] = weights
    size = (crop.shape[1] * FINER, crop.shape[0] * FINER)
    fine = cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR)
    mask = (fine > LEVEL * float(weights.max())).astype(np.uint8)
    polygons, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    parts = []
    for polygon in polygons:
        corners = cv2.approxPolyDP(polygon, TOLERANCE, closed=True)[:, 0, :].astype(np.float32)
        if len(corners) < 3:
            continue
        points = (corners + 0.5) / FINER + np.array([left, top], np.float32)
        parts += [points, points[:1], np.full((1, 2), np.nan, np.float32)]
    return np.concatenate(parts) if parts else np.zeros((0, 2), np.float32)
