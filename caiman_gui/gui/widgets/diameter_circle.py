"""The neuron diameter as a circle on an image: drag it over a cell, drag its edge to fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QColor

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from caiman_gui.gui.widgets.image_view import ImageView


class _Circle(pg.CircleROI):  # type: ignore[misc]
    """A circle with one handle, at its right."""

    def _addHandles(self) -> None:
        self.addScaleHandle((1.0, 0.5), (0.5, 0.5))


class DiameterCircle(QObject):
    """A circle with a handle on its edge.

    Signals
    -------
    diameterChanged(px)
        When the handle is let go.
    """

    diameterChanged = Signal(float)

    def __init__(self, view: ImageView) -> None:
        super().__init__(view)
        self._is_placed = False
        self.roi = _Circle((0, 0), radius=5, movable=True, rotatable=False)
        self.roi.setZValue(40)
        self.label = pg.TextItem(anchor=(0.5, 0.0))
        self.label.setZValue(41)
        view.view.addItem(self.roi, ignoreBounds=True)
        view.view.addItem(self.label, ignoreBounds=True)
        self.roi.sigRegionChanged.connect(self._on_moved)
        self.roi.sigRegionChangeFinished.connect(self._on_finished)
        self._diameter = 10.0
        self._paint()

    @property
    def diameter_px(self) -> float:
        """Diameter shown, in pixels."""
        return float(self.roi.size().x())

    def set_diameter(self, diameter_px: float) -> None:
        """Show another diameter around the same centre; no signal."""
        self._diameter = diameter_px
        centre = self.roi.pos() + self.roi.size() / 2
        self._put(float(centre.x()), float(centre.y()), diameter_px)

    def place(self, shape: tuple[int, int]) -> None:
        """Put the circle into the upper right part of an image (H, W), once."""
        if not self._is_placed:
            self._is_placed = True
            self._put(shape[1] * 0.82, shape[0] * 0.14, self._diameter)

    def set_shown(self, is_shown: bool) -> None:
        """Show or hide the circle."""
        self.roi.setVisible(is_shown)
        self.label.setVisible(is_shown)

    def _paint(self) -> None:
        style = theme.DARK  # images are dark in the light theme, too
        self.roi.setPen(pg.mkPen(style.current, width=2))
        self.roi.hoverPen = pg.mkPen(style.accent_hover, width=2)
        for handle in self.roi.getHandles():
            handle.pen = pg.mkPen(style.current, width=1.5)
            handle.currentPen = handle.pen
        self.label.setColor(QColor(style.on_overlay))
        fill = QColor(style.image)
        fill.setAlpha(170)
        self.label.fill = pg.mkBrush(fill)

    def _put(self, x: float, y: float, diameter_px: float) -> None:
        self.roi.blockSignals(True)
        self.roi.setSize((diameter_px, diameter_px), update=False)
        self.roi.setPos((x - diameter_px / 2, y - diameter_px / 2))
        self.roi.blockSignals(False)
        self._on_moved()

    def _on_moved(self, _roi: Any = None) -> None:
        position, size = self.roi.pos(), self.roi.size()
        self.label.setText(f"{size.x():.3g} px")
        self.label.setPos(position.x() + size.x() / 2, position.y() + size.y())

    def _on_finished(self, _roi: Any = None) -> None:
        rounded = max(round(self.diameter_px * 2) / 2, 1.5)
        if abs(rounded - self._diameter) >= 0.25:
            self._diameter = rounded
            self.diameterChanged.emit(rounded)
