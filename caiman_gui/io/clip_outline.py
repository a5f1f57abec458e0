"""Outlines of cells over the picture of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.clip_style import ClipStyle

#: Thickness of an outline in px of the picture; OpenCV's smooth lines of 1 px look like it.
OUTLINE_PX = 1.5
#: Fractional bits of the coordinates handed to OpenCV.
_SHIFT = 4


@dataclass(frozen=True)
class Outline:
    """A closed line over a picture.

    Attributes
    ----------
    points : (n, 2) float
        x and y in pixels of the movie; pixel (row, column) covers ``column ... column + 1``.
    color : str
        ``#rrggbb``
    """

    points: NDArray[np.float32]
    color: str

    def __post_init__(self) -> None:
        bytes.fromhex(self.color.removeprefix("#"))

    def placed(self, style: ClipStyle) -> NDArray[np.float64]:
        """Return its points (n, 2) in px of a picture of this style."""
        points = np.asarray(self.points, np.float64)
        points = points[np.isfinite(points).all(axis=1)]
        top, left = style.crop[:2] if style.crop is not None else (0, 0)
        placed: NDArray[np.float64] = (points - (left, top)) * style.scale
        return placed


def draw_outline(picture: NDArray[np.uint8], outline: Outline, style: ClipStyle) -> None:
    """Draw an outline into the picture (h, w, 3) of a frame, in place."""
    # OpenCV counts from the middle of the first pixel, outlines from its corner.
    points = np.rint((outline.placed(style) - 0.5) * 2**_SHIFT).astype(np.int32)
    color = tuple(bytes.fromhex(outline.color.removeprefix("#")))
    thickness = max(1, round(OUTLINE_PX))
    cv2.polylines(picture, [points.reshape(-1, 1, 2)], True, color, thickness, cv2.LINE_AA, _SHIFT)
