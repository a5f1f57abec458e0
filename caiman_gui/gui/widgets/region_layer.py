"""Regions that are left out, over an image of the recording: shown, and drawn with the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem

from caiman_gui.core.prepare.regions import MAX_POINTS, Region, Shape
from caiman_gui.gui import theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtGui import QMouseEvent

    from caiman_gui.gui.widgets.image_view import ImageView

#: Points of a freehand line lie at least this far apart, in pixels of the image.
_STEP_PX = 0.7
_SHAPES: dict[str, Shape] = {
    "freehand": "polygon",
    "rectangle": "rectangle",
    "ellipse": "ellipse",
}
#: What is smaller was a slip of the hand.
_LEAST_PX = 1.0


class RegionLayer(QObject):
    """Draws regions, and lets new ones be drawn.

    Parameters
    ----------
    view : ImageView
    color : str
        Of outlines; orange, for what is left out.

    Signals
    -------
    drawn : Region
        A new region, when the button is let go.
    """

    drawn = Signal(object)

    def __init__(self, view: ImageView, color: str = theme.DARK.rejected) -> None:
        super().__init__(view)
        self._view = view
        self._tool = ""
        self._points: list[tuple[float, float]] = []
        self._shapes = QGraphicsPathItem()
        self._sketch = QGraphicsPathItem()
        self._pixels = pg.ImageItem(axisOrder="row-major")
        fill = QColor(color)  # of the dark theme: images are dark in the light one, too
        fill.setAlpha(70)
        for item, width in ((self._shapes, 1.0), (self._sketch, 2.0)):
            item.setPen(pg.mkPen(color, width=width))
            item.setBrush(fill)
            item.setZValue(30)
        spot = QColor(color)
        self._spot = (spot.red(), spot.green(), spot.blue())
        self._pixels.setZValue(29)
        for item in (self._pixels, self._shapes, self._sketch):
            view.view.addItem(item, ignoreBounds=True)
        view.viewport().installEventFilter(self)

    @property
    def tool(self) -> str:
        """What is drawn by dragging: ``freehand``, ``rectangle``, ``ellipse`` or nothing."""
        return self._tool

    @property
    def marked(self) -> NDArray[np.bool_] | None:
        """Pixels (H, W) that are marked; None: none."""
        image = self._pixels.image
        return image > 0 if image is not None else None

    def set_tool(self, tool: str) -> None:
        """Take a tool into the hand, or put it away with an empty string."""
        self._tool = tool
        self._points = []
        self._sketch.setPath(QPainterPath())
        viewport = self._view.viewport()
        if tool:
            viewport.setCursor(Qt.CursorShape.CrossCursor)
            self._view.setFocus()
        else:
            viewport.unsetCursor()

    def set_regions(self, regions: Sequence[Region]) -> None:
        """Show regions, in pixels as recorded."""
        path = QPainterPath()
        path.setFillRule(Qt.FillRule.WindingFill)
        for region in regions:
            path.addPath(_path_of(region.shape, region.points))
        self._shapes.setPath(path)

    def set_pixels(self, mask: NDArray[np.bool_] | None, opacity: int = 190) -> None:
        """Mark single pixels (H, W), such as dead ones; large areas are better seen through."""
        if mask is None:
            self._pixels.clear()
        else:
            table = np.array([[0, 0, 0, 0], [*self._spot, opacity]], np.uint8)
            self._pixels.setLookupTable(table)
            self._pixels.setImage(mask.astype(np.uint8), levels=(0, 1), autoLevels=False)

    # ----------------------------------------------------------------- events
    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if not self._tool or self._view.image is None:
            return False
        kind = event.type()
        if kind == QEvent.Type.MouseButtonPress:
            return self._on_press(event)  # type: ignore[arg-type]
        if kind == QEvent.Type.MouseMove and self._points:
            return self._on_move(event)  # type: ignore[arg-type]
        if kind == QEvent.Type.MouseButtonRelease and self._points:
            return self._on_release()
        return False

    def _on_press(self, event: QMouseEvent) -> bool:
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        self._points = [self._place(event.position())]
        return True

    def _on_move(self, event: QMouseEvent) -> bool:
        point = self._place(event.position())
        if self._tool != "freehand":
            self._points = [self._points[0], point]
        elif len(self._points) < MAX_POINTS:
            last = self._points[-1]
            if np.hypot(point[0] - last[0], point[1] - last[1]) >= _STEP_PX:
                self._points.append(point)
        self._sketch.setPath(_path_of(self._shape(), self._points))
        return True

    def _on_release(self) -> bool:
        points, self._points = self._points, []
        self._sketch.setPath(QPainterPath())
        size = np.ptp(np.array(points), axis=0)
        least = 3 if self._tool == "freehand" else 2
        if len(points) >= least and size.min() >= _LEAST_PX:
            self.drawn.emit(Region("exclude", self._shape(), tuple(points)))
        return True

    def _shape(self) -> Shape:
        return _SHAPES[self._tool]

    def _place(self, position: QPointF) -> tuple[float, float]:
        """Return (row, column), whole numbers at centres of pixels, kept inside the image."""
        image = self._view.image
        assert image is not None
        point = self._view.view.mapSceneToView(self._view.mapToScene(position.toPoint()))
        height, width = image.shape[:2]
        row = min(max(point.y() - 0.5, -0.5), height - 0.5)
        return row, min(max(point.x() - 0.5, -0.5), width - 0.5)


def _path_of(shape: Shape, points: Sequence[tuple[float, float]]) -> QPainterPath:
    """Outline in the coordinates of the view, whose whole numbers are the edges of pixels."""
    path = QPainterPath()
    if len(points) < 2:
        return path
    places = [QPointF(col + 0.5, row + 0.5) for row, col in points]
    if shape == "polygon":
        path.moveTo(places[0])
        for place in places[1:]:
            path.lineTo(place)
        path.closeSubpath()
    elif shape == "rectangle":
        path.addRect(QRectF(places[0], places[1]).normalized())
    else:
        path.addEllipse(QRectF(places[0], places[1]).normalized())
    return path
