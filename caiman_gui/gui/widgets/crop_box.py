"""The rectangle that is kept of a recording: its edges are dragged, what is left out is shaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtCore import QObject, QRectF, Signal
from PySide6.QtGui import QColor, QPainterPath
from PySide6.QtWidgets import QGraphicsPathItem

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from caiman_gui.gui.widgets.image_view import ImageView

#: A field smaller than this cannot be processed.
LEAST_PX = 8
Margins = tuple[int, int, int, int]


class CropBox(QObject):
    """A rectangle on an image of the recording.

    Signals
    -------
    marginsChanged : (top, bottom, left, right)
        Rows and columns left out on each side, when an edge or corner is let go.
    """

    marginsChanged = Signal(object)

    def __init__(self, view: ImageView) -> None:
        super().__init__(view)
        self._shape = (0, 0)
        self._margins: Margins = (0, 0, 0, 0)
        self._is_editable = False
        self.shade = QGraphicsPathItem()
        self.shade.setZValue(35)
        self.roi = pg.RectROI((0, 0), (1, 1), movable=True, rotatable=False, removable=False)
        for handle in list(self.roi.getHandles()):
            self.roi.removeHandle(handle)
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0), (0.5, 1), (0, 0.5), (1, 0.5)):
            self.roi.addScaleHandle((x, y), (1 - x, 1 - y))
        self.roi.setZValue(36)
        view.view.addItem(self.shade, ignoreBounds=True)
        view.view.addItem(self.roi, ignoreBounds=True)
        self.roi.sigRegionChanged.connect(self._on_moved)
        self.roi.sigRegionChangeFinished.connect(self._on_finished)
        self._paint()
        self._show()

    @property
    def margins(self) -> Margins:
        """(top, bottom, left, right) left out, in pixels."""
        return self._margins

    def set_image_shape(self, shape: tuple[int, int]) -> None:
        """Tell the size (H, W) of the recording."""
        if shape != self._shape:
            self._shape = shape
            self._place()

    def set_margins(self, margins: Margins) -> None:
        """Show what is left out; no signal."""
        if margins != self._margins:
            self._margins = margins
            self._place()

    def set_editable(self, is_editable: bool) -> None:
        """Show the rectangle with its handles, or only the shade."""
        self._is_editable = is_editable
        self._place()

    def reset(self) -> None:
        """Keep the whole field again."""
        self._take((0, 0, 0, 0))

    def _place(self) -> None:
        height, width = self._shape
        top, bottom, left, right = self._margins
        self.roi.blockSignals(True)
        self.roi.maxBounds = None
        self.roi.setPos((left, top), update=False)
        self.roi.setSize((max(1, width - left - right), max(1, height - top - bottom)))
        self.roi.maxBounds = QRectF(0, 0, max(width, 1), max(height, 1))
        self.roi.blockSignals(False)
        self._show()

    def _show(self) -> None:
        height, width = self._shape
        self.roi.setVisible(self._is_editable and height > 0)
        rect = self._rect()
        outer = QPainterPath()
        outer.addRect(QRectF(0, 0, width, height))
        inner = QPainterPath()
        inner.addRect(rect)
        self.shade.setPath(outer.subtracted(inner))
        self.shade.setVisible(rect != QRectF(0, 0, width, height))

    def _rect(self) -> QRectF:
        position, size = self.roi.pos(), self.roi.size()
        return QRectF(position.x(), position.y(), size.x(), size.y())

    def _paint(self) -> None:
        style = theme.DARK  # images are dark in the light theme, too
        self.roi.setPen(pg.mkPen(style.accent, width=2))
        self.roi.hoverPen = pg.mkPen(style.accent_hover, width=2)
        for handle in self.roi.getHandles():
            handle.pen = pg.mkPen(style.current, width=1.5)
            handle.currentPen = handle.pen
        shade = QColor(style.image)
        shade.setAlpha(160)
        self.shade.setBrush(shade)
        self.shade.setPen(pg.mkPen(None))

    def _on_moved(self, _roi: Any = None) -> None:
        self._show()

    def _on_finished(self, _roi: Any = None) -> None:
        height, width = self._shape
        rect = self._rect().normalized().intersected(QRectF(0, 0, width, height))
        top, left = round(rect.top()), round(rect.left())
        bottom, right = height - round(rect.bottom()), width - round(rect.right())
        if height - top - bottom < LEAST_PX or width - left - right < LEAST_PX:
            self._place()  # too small to work with: back to what it was
            return
        self._take((top, bottom, left, right))

    def _take(self, margins: Margins) -> None:
        is_new = margins != self._margins
        self._margins = margins
        self._place()
        if is_new:
            self.marginsChanged.emit(margins)
