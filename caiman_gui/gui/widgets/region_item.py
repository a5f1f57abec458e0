"""One drawn region on an image: an outline that can be moved, resized and chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainterPath, QTransform
from PySide6.QtWidgets import QMenu

from caiman_gui.core.prepare.regions import Region, rasterise
from caiman_gui.gui import theme

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QPainter

#: Whole numbers are centres of pixels in a Region, and corners of pixels in a view.
_HALF = 0.5


class RegionItem(pg.ROI):  # type: ignore[misc]
    """An outline over an image.

    Parameters
    ----------
    region : Region
    color : str
    text : str
        Its number, shown at its corner.

    Signals
    -------
    chosen
        It was clicked.
    removeRequested, removeAllRequested
        From its menu.
    """

    chosen = Signal()
    removeRequested = Signal()
    removeAllRequested = Signal()

    def __init__(self, region: Region, color: str, text: str) -> None:
        points = np.array([(col + _HALF, row + _HALF) for row, col in region.points])
        corner, size = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-3)
        self._shape_name = region.shape
        self._unit = (points - corner) / size
        self._is_chosen = False
        self.color = color
        super().__init__(corner, size, rotatable=False, antialias=True)
        self.setAcceptedMouseButtons(Qt.MouseButton.LeftButton | Qt.MouseButton.RightButton)
        self.addScaleHandle((1, 1), (0, 0))
        self.addScaleHandle((0, 0), (1, 1))
        self.setZValue(20)
        self._label = pg.TextItem(text, color=color, anchor=(0, 1))
        self._label.setParentItem(self)
        self.set_chosen(False)

    @property
    def region(self) -> Region:
        """The shape where it is now."""
        corner, size = self.pos(), self.size()
        points = self._unit * (size.x(), size.y()) + (corner.x(), corner.y()) - _HALF
        return Region(
            "include", self._shape_name, tuple((float(row), float(col)) for col, row in points)
        )

    def pixels(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Return the pixels inside, in C order; if there is no centre inside, the nearest one."""
        region = self.region
        found = np.flatnonzero(~rasterise((region,), shape))
        if found.size:
            return found
        row, col = np.round(np.mean(region.points, axis=0)).astype(int)
        inside = 0 <= row < shape[0] and 0 <= col < shape[1]
        return np.array([row * shape[1] + col] if inside else [], np.int64)

    def set_chosen(self, is_chosen: bool) -> None:
        """Show whether it is the one that keys act on."""
        self._is_chosen = is_chosen
        self.setPen(pg.mkPen(self.color, width=2.5 if is_chosen else 1.5))
        self.hoverPen = pg.mkPen(self.color, width=3)
        for handle in self.getHandles():
            handle.pen = pg.mkPen(self.color, width=1.5)
            handle.currentPen = handle.pen
            handle.setVisible(is_chosen)

    # ------------------------------------------------------------------- item
    def shape(self) -> QPainterPath:
        """Return the part that reacts to the mouse."""
        return self._path()

    def paint(self, painter: QPainter, *_: Any) -> None:
        path = self._path()
        painter.setRenderHint(painter.RenderHint.Antialiasing)
        halo = QColor(theme.DARK.halo)
        halo.setAlpha(140)
        painter.setPen(pg.mkPen(halo, width=self.currentPen.widthF() + 1.5))
        painter.drawPath(path)
        painter.setPen(self.currentPen)
        painter.drawPath(path)

    def mouseClickEvent(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            event.accept()
            self.chosen.emit()
            self._open_menu(event.screenPos().toPoint())
        elif event.button() == Qt.MouseButton.LeftButton:
            event.accept()
            self.chosen.emit()

    def mouseDragEvent(self, event: Any) -> None:
        if event.isStart() and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit()
        super().mouseDragEvent(event)

    def _open_menu(self, place: Any) -> None:
        view = self.getViewWidget()
        menu = QMenu(view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Delete region", self.removeRequested.emit)
        menu.addAction("Delete all regions", self.removeAllRequested.emit)
        menu.popup(place)

    def _path(self) -> QPainterPath:
        path = QPainterPath()
        if self._shape_name == "rectangle":
            path.addRect(QRectF(0, 0, 1, 1))
        elif self._shape_name == "ellipse":
            path.addEllipse(QRectF(0, 0, 1, 1))
        else:
            path.moveTo(QPointF(*self._unit[0]))
            for point in self._unit[1:]:
                path.lineTo(QPointF(*point))
            path.closeSubpath()
        size = self.state["size"]
        return QTransform.fromScale(size[0], size[1]).map(path)
