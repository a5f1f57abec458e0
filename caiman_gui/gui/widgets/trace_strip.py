"""Traces of places in a movie, below it: a click goes to the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QGraphicsItem,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.gui import theme
from caiman_gui.gui.time_scale import TimeScale
from caiman_gui.gui.widgets.plot import Plot, TimeBox

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

_AXIS_WIDTH_PX = 56


@dataclass
class _Trace:
    name: str
    color: str
    curve: Any
    values: NDArray[np.float32]


class TraceStrip(QWidget):
    """Several traces (T,) over time, with a line at the current frame.

    Signals
    -------
    frameChosen : int
        The user clicked at this frame, or dragged the line to it.
    stopRequested
        Reading should stop.
    closeRequested
    """

    frameChosen = Signal(int)
    stopRequested = Signal()
    closeRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._traces: dict[Hashable, _Trace] = {}
        self._scale = TimeScale(0, 1.0)
        self._frame = 0
        self.plot = Plot(viewBox=TimeBox(), background=theme.current().panel)
        self._prepare_plot()
        self.legend = theme.label("")
        self.legend.setTextFormat(Qt.TextFormat.RichText)
        # Many traces must not make the window wider.
        self.legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.state = theme.label("", "muted")
        self.stop = QPushButton("Stop")
        self.stop.setProperty("flat", True)
        self.stop.setToolTip("Read no further; what was read stays")
        self.stop.clicked.connect(self.stopRequested)
        self.close_button = QToolButton()
        theme.set_icon(self.close_button, "close", "muted")
        self.close_button.setToolTip("Close the traces and delete the regions")
        self.close_button.setAccessibleName("Close the traces and delete the regions")
        self.close_button.clicked.connect(self.closeRequested)
        row = QHBoxLayout()
        row.setContentsMargins(8, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.legend, 1)
        for widget in (self.state, self.stop, self.close_button):
            row.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self.plot, 1)
        self.setMinimumHeight(112)
        self.set_progress(None)
        self.apply_theme(theme.current())

    def _prepare_plot(self) -> None:
        plot = self.plot
        plot.setAccessibleName("Traces of places in the movie")
        plot.hideButtons()
        plot.setFrameShape(plot.Shape.NoFrame)
        for name in ("left", "bottom"):
            plot.getAxis(name).enableAutoSIPrefix(False)
        plot.getAxis("left").setWidth(_AXIS_WIDTH_PX)
        plot.setLabel("bottom", "Time (s)", **{"font-size": "11px"})
        plot.getAxis("bottom").setHeight(34)
        self._line = pg.InfiniteLine(angle=90, movable=True)
        self._line.sigDragged.connect(self._on_dragged)
        plot.addItem(self._line, ignoreBounds=True)
        plot.scene().sigMouseClicked.connect(self._on_clicked)

    # ----------------------------------------------------------------- traces
    @property
    def keys(self) -> tuple[Hashable, ...]:
        """Which traces are shown."""
        return tuple(self._traces)

    def values(self, key: Hashable) -> NDArray[np.float32]:
        """Return a trace (T,), NaN where it was not read."""
        return self._traces[key].values

    def set_scale(self, scale: TimeScale) -> None:
        """Take other times of the frames."""
        self._scale = scale
        for trace in self._traces.values():
            self._draw(trace)
        self.set_frame(self._frame)

    def set_trace(self, key: Hashable, name: str, color: str, values: NDArray[np.float32]) -> None:
        """Show or replace a trace (T,); what is NaN is bridged by a line."""
        trace = self._traces.get(key)
        if trace is None:
            curve = self.plot.plot()
            # Only now: while it is being added, pyqtgraph takes the widget for its view box.
            curve.setClipToView(True)
            curve.setDownsampling(auto=True, method="peak")
            # While playing only the line moves: the curve is painted once.
            curve.curve.setCacheMode(QGraphicsItem.CacheMode.DeviceCoordinateCache)
            curve.setZValue(len(self._traces))
            trace = self._traces[key] = _Trace(name, color, curve, values)
        trace.name, trace.color, trace.values = name, color, values
        trace.curve.setPen(pg.mkPen(color, width=1))
        self._draw(trace)
        self._show_legend()

    def _draw(self, trace: _Trace) -> None:
        seconds = self._scale.all_seconds()
        known = np.flatnonzero(np.isfinite(trace.values[: len(seconds)]))
        trace.curve.setData(seconds[known], trace.values[known])

    def remove(self, key: Hashable) -> None:
        """Take a trace away."""
        trace = self._traces.pop(key, None)
        if trace is not None:
            self.plot.removeItem(trace.curve)
            self._show_legend()

    def set_progress(self, share: float | None) -> None:
        """Show how much is read; None: nothing is being read."""
        self.stop.setVisible(share is not None)
        self.state.setText("" if share is None else f"Reading … {100 * share:.0f} %")

    def set_frame(self, index: int) -> None:
        """Move the line to a frame."""
        self._frame = index
        if self.isVisible():
            self._line.blockSignals(True)
            self._line.setValue(self._scale.seconds(index))
            self._line.blockSignals(False)
            self._show_legend()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.set_frame(self._frame)

    def apply_theme(self, style: theme.Theme) -> None:
        """Take the colours of a theme."""
        self.plot.setBackground(QColor(style.panel))
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(pg.mkPen(style.line))
            axis.setTextPen(pg.mkPen(style.muted))
        self._line.setPen(pg.mkPen(style.text, width=1))
        self._line.setHoverPen(pg.mkPen(style.accent, width=2))

    def _show_legend(self) -> None:
        parts = []
        for trace in self._traces.values():
            value = trace.values[self._frame] if self._frame < len(trace.values) else np.nan
            number = f" {value:,.4g}" if np.isfinite(value) else ""
            parts.append(f'<span style="color:{trace.color}">▬</span> {trace.name}{number}')
        self.legend.setText("&nbsp;&nbsp; ".join(parts))

    # -------------------------------------------------------------- reactions
    def _on_dragged(self) -> None:
        self.frameChosen.emit(self._scale.nearest(float(self._line.value())))

    def _on_clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not event.double():
            point = self.plot.plotItem.vb.mapSceneToView(event.scenePos())
            self.frameChosen.emit(self._scale.nearest(float(point.x())))
