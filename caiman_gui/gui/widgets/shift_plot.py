"""Courses over time, linked with the frame shown: shifts, correlation with the template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsItem, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.plot import Plot, TimeBox

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AXIS_WIDTH_PX = 64
_TITLE_PX = 18


class TimePlot(Plot):
    """Several courses (T,) over time in seconds, with a line at the current frame.

    Signals
    -------
    frameChosen : int
        The user clicked at this frame.
    """

    frameChosen = Signal(int)

    def __init__(self, y_label: str, y_unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, viewBox=TimeBox(), background=theme.current().panel)
        self._courses: list[tuple[Any, str]] = []
        self._rate_hz = 1.0
        self._n_frames = 0
        self.plotItem.hideButtons()
        self.plotItem.setLabel("left", f"{y_label} ({y_unit})" if y_unit else y_label)
        self.plotItem.getAxis("left").setWidth(_AXIS_WIDTH_PX)
        self.plotItem.getAxis("bottom").enableAutoSIPrefix(False)
        self.plotItem.getAxis("left").enableAutoSIPrefix(False)
        self.plotItem.layout.setRowFixedHeight(0, _TITLE_PX)
        self.plotItem.titleLabel.setMaximumHeight(_TITLE_PX)
        self.plotItem.titleLabel.setVisible(True)
        self.cursor_line = pg.InfiniteLine(angle=90, movable=True)
        self.cursor_line.sigDragged.connect(self._on_dragged)
        self.plotItem.addItem(self.cursor_line, ignoreBounds=True)
        self.setMinimumHeight(96)
        self.scene().sigMouseClicked.connect(self._on_clicked)
        self.setAccessibleName(y_label)
        self.apply_theme(theme.current())

    def show_time_axis(self, shown: bool) -> None:
        """Label the time axis; only the lowest of linked plots needs it."""
        axis = self.plotItem.getAxis("bottom")
        axis.setStyle(showValues=shown)
        if shown:
            axis.setLabel("Time (s)")
        else:
            axis.showLabel(False)

    def set_courses(
        self, courses: list[tuple[str, NDArray[np.float32], str]], frame_rate_hz: float
    ) -> None:
        """Show courses given as (name, values (T,), name of a theme colour)."""
        for curve, _role in self._courses:
            self.plotItem.removeItem(curve)
        self._courses = []
        self._rate_hz = frame_rate_hz
        self._n_frames = max((len(values) for _, values, _ in courses), default=0)
        for name, values, role in courses:
            time_s = np.arange(len(values)) / frame_rate_hz
            curve = self.plotItem.plot(time_s, np.asarray(values), name=name)
            # Only now: while it is being added, pyqtgraph takes the widget for its view box.
            curve.setClipToView(True)
            curve.setDownsampling(auto=True, method="peak")
            # While playing only the line moves: the curve is painted once.
            curve.curve.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
            self._courses.append((curve, role))
        self.apply_theme(theme.current())
        self.plotItem.vb.enableAutoRange()

    def set_frame(self, index: int) -> None:
        """Move the line to a frame."""
        self.cursor_line.blockSignals(True)
        self.cursor_line.setValue(index / self._rate_hz)
        self.cursor_line.blockSignals(False)

    def apply_theme(self, colors: theme.Theme) -> None:
        """Take the colours of a theme."""
        self.setBackground(QColor(colors.panel))
        for name in ("left", "bottom"):
            axis = self.plotItem.getAxis(name)
            axis.setPen(pg.mkPen(colors.line))
            axis.setTextPen(pg.mkPen(colors.muted))
        for curve, role in self._courses:
            curve.setPen(pg.mkPen(getattr(colors, role), width=1))
        self.cursor_line.setPen(pg.mkPen(colors.text, width=1))
        self.cursor_line.setHoverPen(pg.mkPen(colors.accent, width=2))
        # The legend stands above the plot, where it covers nothing.
        keys = [
            f'<span style="color:{getattr(colors, role)}">▬</span> {curve.name()}'
            for curve, role in self._courses
        ]
        title = self.plotItem.titleLabel
        title.setText("&nbsp;&nbsp; ".join(keys), color=colors.muted, size="9pt", justify="left")

    def close(self) -> bool:
        """Close like any widget: pyqtgraph would take the scene apart and can crash at that."""
        return QWidget.close(self)

    def _frame_at(self, seconds: float) -> int:
        return int(np.clip(round(seconds * self._rate_hz), 0, max(0, self._n_frames - 1)))

    def _on_dragged(self) -> None:
        self.frameChosen.emit(self._frame_at(self.cursor_line.value()))

    def _on_clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not event.double():
            point = self.plotItem.vb.mapSceneToView(event.scenePos())
            self.frameChosen.emit(self._frame_at(point.x()))
