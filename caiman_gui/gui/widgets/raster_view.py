"""Activity of all cells at a glance: one row per cell, brightness = activity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.color_maps import lookup_table
from caiman_gui.gui.widgets.plot import Plot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from caiman_gui.gui.widgets.trace_view import TraceView


class RasterView(QWidget):
    """An image (cells x time) on a time axis; a click selects the cell and the frame.

    Signals
    -------
    componentClicked(id)
    frameClicked(frame)
    """

    componentClicked = Signal(int)
    frameClicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ids: tuple[int, ...] = ()
        self._rate = 1.0
        self._n_frames = 0
        self.title = theme.label("Population activity", "heading")
        self.note = theme.label("", "muted")
        head = QHBoxLayout()
        head.setContentsMargins(8, 4, 8, 0)
        head.setSpacing(16)
        head.addWidget(self.title)
        head.addWidget(self.note)
        head.addStretch(1)
        self.plot = Plot()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.setMouseEnabled(x=True, y=False)
        self.plot.invertY(True)
        self.plot.setLabel("bottom", "Time", units="s")
        self.plot.setLabel("left", "Cell")
        self.plot.getAxis("bottom").enableAutoSIPrefix(False)
        self.plot.getAxis("left").setWidth(56)
        self.plot.getAxis("left").setStyle(showValues=False)
        self.item = pg.ImageItem(axisOrder="row-major")
        self.item.setLookupTable(lookup_table("magma"))
        self.plot.addItem(self.item, ignoreBounds=True)
        self._marker = pg.LinearRegionItem(orientation="horizontal", movable=False)
        self._marker.setZValue(5)
        self._marker.hide()
        self.plot.addItem(self._marker, ignoreBounds=True)
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self.plot.addItem(self._cursor, ignoreBounds=True)
        self.plot.scene().sigMouseClicked.connect(self._on_clicked)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)
        self.setMinimumHeight(110)
        self.apply_theme(theme.current())

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of the rows from top to bottom."""
        return self._ids

    def set_raster(
        self, ids: tuple[int, ...], raster: NDArray[np.float32], n_frames: int, rate_hz: float
    ) -> None:
        """Show activity (K, bins), 0 ... 1, of cells ``ids`` over ``n_frames`` frames."""
        self._ids, self._n_frames, self._rate = ids, n_frames, rate_hz
        if not raster.size:
            self.item.clear()
            self.note.setText("no accepted cell")
            return
        self.item.setImage(raster, autoLevels=False, levels=(0.0, 1.0))
        self.item.setRect(QRectF(0, 0, n_frames / rate_hz, len(ids)))
        self.plot.setYRange(0, len(ids), padding=0)
        self.note.setText(f"{len(ids):,} accepted cells, click one to see its traces")

    def set_current(self, component_id: int | None) -> None:
        """Mark the row of a component."""
        is_known = component_id in self._ids
        if is_known and component_id is not None:
            row = self._ids.index(component_id)
            self._marker.setRegion((row, row + 1))
        self._marker.setVisible(is_known)

    def set_frame(self, frame: int) -> None:
        """Move the cursor."""
        self._cursor.setValue(frame / self._rate)

    def link_x(self, other: TraceView) -> None:
        """Share the time window with a trace view."""
        self.plot.setXLink(other.plot)

    def apply_theme(self, style: theme.Theme) -> None:
        """Take the colours of a theme."""
        self.plot.setBackground(style.panel)
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(QPen(QColor(style.line), 1))
            axis.setTextPen(QColor(style.muted))
        shade = QColor(style.current)
        shade.setAlpha(50)
        self._marker.setBrush(shade)
        for line in self._marker.lines:
            line.setPen(pg.mkPen(style.current, width=1))
        pen = pg.mkPen(style.current, width=1, style=Qt.PenStyle.DashLine)
        self._cursor.setPen(pen)

    def _on_clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self._ids:
            return
        box = self.plot.getViewBox()
        if event.double():
            self.plot.setXRange(0, self._n_frames / self._rate, padding=0.01)
            return
        if not box.sceneBoundingRect().contains(event.scenePos()):
            return
        point = box.mapSceneToView(event.scenePos())
        row = int(point.y())
        if 0 <= row < len(self._ids):
            self.componentClicked.emit(self._ids[row])
            frame = min(max(round(point.x() * self._rate), 0), self._n_frames - 1)
            self.frameClicked.emit(frame)
