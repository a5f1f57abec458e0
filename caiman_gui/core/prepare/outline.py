"""Masks as outlines, so that what was found by itself can be edited like what was drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from caiman_gui.core.prepare.regions import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Corners further from a straight line than this are kept, in half pixels.
_TOLERANCE = 0.5
#: Smaller pieces are left out.
_LEAST_AREA_PX = 12


def outlines(mask: NDArray[np.bool_]) -> tuple[Region, ...]:
    """Return one polygon around each connected piece of a mask (H, W), the largest first.

    The polygons hold the centres of all pixels of their piece. Holes in a piece are filled, and
    pieces of less than 12 px are left out.
    """
    # Twice as large, outlines run a quarter of a pixel outside of the outermost centres.
    double = np.repeat(np.repeat(mask.astype(np.uint8), 2, axis=0), 2, axis=1)
    contours, _ = cv2.findContours(double, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        area = (cv2.contourArea(contour) + cv2.arcLength(contour, closed=True) / 2 + 1) / 4
        if area < _LEAST_AREA_PX:
            continue
        corners = cv2.approxPolyDP(contour, _TOLERANCE, closed=True)[:, 0, ::-1] / 2 - 0.25
        points = tuple((float(row), float(col)) for row, col in corners)
        found.append((area, Region("exclude", "polygon", points)))
    found.sort(key=lambda item: (-item[0], item[1].points))
    return tuple(region for _, region in found)
