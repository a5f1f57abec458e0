"""Suggest where blood vessels lie, as a start for a mask drawn by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Half widths of vessels that are looked for, in px.
SCALES_PX = (1.5, 2.5, 4.0, 6.0, 9.0)
#: A vessel is at least so many times longer than wide.
LEAST_ELONGATION = 5.0
#: And at least this share of the shorter side of the image long.
LEAST_LENGTH = 0.2

_USUAL = 16  # percentile: so dark are other places, one standard deviation below the median
_STRONG, _WEAK = 1.6, 1.0  # depth of a vessel where it is deepest and where it ends, times that
_BLOB = 0.5  # how round a dark spot may be: ratio of its two curvatures
# Response of the filter to a dark line of Gaussian profile and depth 1, at the best of all scales.
_RESPONSE = 0.385
_SMALLEST_SIDE, _COARSE_SIDE = 60, 96
_WIDEST = 40  # times in a side: broader valleys are uneven light
_EDGE = 3  # px at the edge, where dark borders look like vessels


def suggest_vessels(mean_image: NDArray[Any]) -> NDArray[np.bool_]:
    """Find dark tubes in a mean image; few, rather than any that is none.

    The second derivatives at several scales tell how deep a dark line through a pixel would be,
    and whether it is a line or a spot (Frangi et al. 1998). Lines that are deep somewhere are
    followed as far as they are dark; those too short or too wide to be vessels are
    dropped, such as the gaps between cells.

    Parameters
    ----------
    mean_image : (H, W) array

    Returns
    -------
    (H, W) bool
        Empty for images with a side below 60 px.
    """
    image = np.nan_to_num(mean_image.astype(np.float64), posinf=0, neginf=0)
    if min(image.shape) < _SMALLEST_SIDE:
        return np.zeros(image.shape, bool)
    flat = _without_shading(image)
    usual = -float(np.percentile(flat, _USUAL))
    if usual <= 0:
        return np.zeros(image.shape, bool)
    depth = _line_depth(np.minimum(flat, 0) / usual)
    depth[:_EDGE] = depth[-_EDGE:] = depth[:, :_EDGE] = depth[:, -_EDGE:] = 0
    found, count = ndimage.label(depth > _WEAK, np.ones((3, 3)))
    vessels = np.zeros(image.shape, bool)
    for label, box in enumerate(ndimage.find_objects(found, count), start=1):
        part = found[box] == label
        if depth[box][part].max() > _STRONG and _is_long(part, min(image.shape)):
            vessels[box] |= part
    return vessels


def _without_shading(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Brightness relative to the median of the wide surroundings, which few cells can change."""
    height, width = image.shape
    factor = max(1.0, max(height, width) / _COARSE_SIDE)
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    coarse = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    coarse = ndimage.median_filter(coarse, max(size) // 4 | 1, mode="nearest")
    wide = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    dark = float(np.percentile(image, 0.5))
    scale = np.maximum(wide - dark, 0.5 * max(float(np.median(wide)) - dark, 1e-12))
    return np.asarray((image - wide) / scale, np.float64)


def _line_depth(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Depth of a dark line through each pixel (H, W), at the scale where it is deepest."""
    deepest = np.zeros(image.shape)
    for scale in SCALES_PX:
        if _WIDEST * scale > min(image.shape):
            break
        rr, rc, cc = (
            scale**2 * ndimage.gaussian_filter(image, scale, order=order, mode="nearest")
            for order in ((2, 0), (1, 1), (0, 2))
        )
        middle, half = (rr + cc) / 2, np.hypot((rr - cc) / 2, rc)
        across = np.maximum(middle + half, 0)  # the curvature across a dark line is positive
        along = np.abs(middle - half)
        ratio = np.divide(along, across, out=np.ones_like(along), where=across > 0)
        line = across * np.exp(-0.5 * (np.minimum(ratio, 9) / _BLOB) ** 2)
        np.maximum(deepest, line / _RESPONSE, out=deepest)
    return deepest


def _is_long(part: NDArray[np.bool_], side: int) -> bool:
    """Whether a connected area (h, w) is long and thin."""
    width = 2 * float(ndimage.distance_transform_edt(np.pad(part, 1)).max()) - 1
    length = float(part.sum()) / width
    return length >= LEAST_ELONGATION * width and length >= LEAST_LENGTH * side
