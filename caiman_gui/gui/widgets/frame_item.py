"""Paints one frame: its values become 8-bit indices in one pass, whatever their type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QImage, qRgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Index of saturated pixels when they are marked; the brightest other pixels have the one below.
_MARK = 255
_MARK_COLOR = qRgb(255, 40, 40)
_TYPES = ("uint8", "uint16", "int16", "float32")
#: Levels of whole numbers closer than this would be rounded too roughly.
_NARROW = 64
#: Small images are painted faster in full colour, large ones with a table of colours.
_SMALL_PIXELS = 2**19


class FrameItem(pg.ImageItem):  # type: ignore[misc]
    """An image (H, W), row-major, whose saturated pixels can be shown in red.

    pyqtgraph's own way is taken for images with NaN, whose pixels stay see-through.
    """

    def __init__(self) -> None:
        super().__init__(axisOrder="row-major")
        self.saturation: float | None = None
        self._buffer: NDArray[np.uint8] | None = None
        self._colors: tuple[object, float | None, list[int]] | None = None

    def mark_saturated(self, value: float | None) -> None:
        """Show pixels at or above a value in red; None: none of them."""
        if value != self.saturation:
            self.saturation = value
            self.updateImage()

    def render(self) -> None:
        """Turn the values into what Qt paints; called by ``paint``."""
        image = self.image
        if image is None or image.ndim != 2 or not image.size or self.levels is None:
            super().render()
            return
        if image.dtype.name not in _TYPES:
            image = image.astype(np.float32)
        if image.dtype.kind == "f" and np.isnan(image.min()):
            super().render()
            return
        height, width = image.shape
        # Kept, since the QImage looks into it.
        low, high = (float(level) for level in self.levels)
        self._buffer = to_indices(image, low, high, self.saturation)
        out = QImage(self._buffer.data, width, height, width, QImage.Format.Format_Indexed8)
        out.setColorTable(self._color_table())
        if image.size <= _SMALL_PIXELS:
            out = out.convertToFormat(QImage.Format.Format_RGB32)
        self.qimage = out
        self._renderRequired = False
        self._unrenderable = False

    def _color_table(self) -> list[int]:
        """Return the colours of the indices; made anew only when they have changed."""
        known = self._colors
        if known is None or known[0] is not self.lut or known[1] != self.saturation:
            table = self.lut if self.lut is not None else _GREYS
            colors = [qRgb(int(r), int(g), int(b)) for r, g, b in table[:, :3]]
            if self.saturation is not None:
                colors[_MARK] = _MARK_COLOR
            known = self._colors = self.lut, self.saturation, colors
        return known[2]


_GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


def to_indices(
    image: NDArray[Any], low: float, high: float, saturation: float | None = None
) -> NDArray[np.uint8]:
    """Return the places of values in a table of 256 colours.

    Parameters
    ----------
    image : (H, W) uint8, uint16, int16 or float32, without NaN
    low, high : float
        Values that become 0 and 255, or 0 and 254 if saturated pixels are marked.
    saturation : float, optional
        Values from here on become 255.

    Returns
    -------
    (H, W) uint8
    """
    top = 255 if saturation is None else _MARK - 1
    scale = top / max(high - low, 1e-30)
    # convertScaleAbs would fold what is below black back to bright; infinities would be lost.
    if image.dtype.kind != "f" and high - low < _NARROW:
        image = image.astype(np.float32)
    lifted = cv2.max(image, float(low))
    if image.dtype.kind == "f":
        lifted = cv2.min(lifted, float(high))
    out = cv2.convertScaleAbs(lifted, alpha=scale, beta=-low * scale)
    if saturation is not None:
        cv2.min(out, float(top), dst=out)
        cv2.max(out, cv2.compare(image, float(saturation), cv2.CMP_GE), dst=out)
    return np.asarray(out, np.uint8)
