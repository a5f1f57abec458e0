"""Traces over time in seconds, drawn at screen resolution, with the current frame marked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.plot import Plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Role = Literal["raw", "denoised", "activity", "baseline", "dff"]
#: Drawn in this order, so that the noisy raw trace never hides the denoised one.
_Z: dict[Role, int] = {"raw": 0, "dff": 1, "activity": 2, "denoised": 3, "baseline": 4}
#: Theme token of each role.
_TOKENS: dict[Role, str] = {
    "raw": "raw",
    "denoised": "denoised",
    "activity": "activity",
    "baseline": "warning",
    "dff": "denoised",
}


@dataclass(frozen=True, eq=False)
class Line:
    """One curve of a plot.

    Attributes
    ----------
    name : str
        For the legend and the value under the pointer.
    values : (T,) float32
    role : Role
        Decides colour, width and whether it is drawn as stems.
    base : float
        Level on which the stems of an activity stand.
    """

    name: str
    values: NDArray[np.float32]
    role: Role
    base: float = 0.0


class TraceView(QWidget):
    """A plot of one or several lines on a common time axis.

    Wheel zooms in time around the pointer, drag pans, double click shows all, a click sets the
    frame. The height follows what is seen.

    Signals
    -------
    frameClicked(frame)
    """

    frameClicked = Signal(int)

    def __init__(self, title: str, unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: tuple[Line, ...] = ()
        self._rate = 1.0
        self._frame = 0
        self._title = theme.label(title, "heading")
        self._legend = theme.label("", "muted")
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._value = QLabel("")
        self._value.setProperty("role", "muted")
        head = QHBoxLayout()
        head.setContentsMargins(8, 4, 8, 0)
        head.setSpacing(16)
        head.addWidget(self._title)
        head.addWidget(self._legend)
        head.addStretch(1)
        head.addWidget(self._value)
        self.plot = Plot(self)
        self._prepare_plot(unit)
        self._items: list[pg.PlotDataItem] = []
        self._cursor = pg.InfiniteLine(angle=90, movable=False)
        self._cursor.setZValue(10)
        self.plot.addItem(self._cursor, ignoreBounds=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)
        self.setMinimumHeight(90)
        self.apply_theme(theme.current())

    @property
    def n_frames(self) -> int:
        """Length of the longest line."""
        return max((line.values.size for line in self._lines), default=0)

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is drawn."""
        return self._lines

    def set_title(self, title: str) -> None:
        """Change the heading."""
        self._title.setText(title)

    def set_unit(self, unit: str) -> None:
        """Change the unit of the value axis."""
        self.plot.setLabel("left", unit)

    def set_frame_rate(self, rate_hz: float) -> None:
        """Frames per second of the time axis."""
        if rate_hz != self._rate:
            self._rate = rate_hz
            self.set_lines(self._lines)
            self.set_frame(self._frame)

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Replace the curves; the time window stays."""
        self._lines = tuple(lines)
        roles = [item.role_of_line for item in self._items]
        if roles != [line.role for line in self._lines]:
            for item in self._items:
                self.plot.removeItem(item)
            self._items = [self._make_item(line.role) for line in self._lines]
            self._show_legend()
        for item, line in zip(self._items, self._lines, strict=True):
            x, y = _stems(line, self._rate) if line.role == "activity" else _curve(line, self._rate)
            item.setData(x, y)
        end = max(self.n_frames - 1, 1) / self._rate
        self.plot.getViewBox().setLimits(
            xMin=-0.02 * end, xMax=1.02 * end, minXRange=min(5 / self._rate, end)
        )

    def set_frame(self, frame: int) -> None:
        """Move the cursor."""
        self._frame = frame
        self._cursor.setValue(frame / self._rate)

    def show_all(self) -> None:
        """Show the whole recording."""
        end = max(self.n_frames - 1, 1) / self._rate
        self.plot.setXRange(0, end, padding=0.01)
        self.plot.getViewBox().enableAutoRange(axis="y")

    def center_on(self, frame: int, span_s: float) -> None:
        """Show ``span_s`` seconds around a frame, within the recording."""
        end = max(self.n_frames - 1, 1) / self._rate
        span = min(span_s, end)
        start = min(max(frame / self._rate - span / 2, 0.0), end - span)
        self.plot.setXRange(start, start + span, padding=0.0)
        self.plot.getViewBox().enableAutoRange(axis="y")

    def link_x(self, other: TraceView) -> None:
        """Share the time window with another view."""
        self.plot.setXLink(other.plot)

    def set_time_axis_shown(self, is_shown: bool) -> None:
        """Leave the numbers of the time axis to the lowest of several stacked plots."""
        axis = self.plot.getAxis("bottom")
        axis.setStyle(showValues=is_shown)
        axis.setLabel("Time" if is_shown else None, "s" if is_shown else None)
        axis.showLabel(is_shown)

    def apply_theme(self, style: theme.Theme) -> None:
        """Take the colours of a theme."""
        self.plot.setBackground(style.panel)
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(QPen(QColor(style.line), 1))
            axis.setTextPen(QColor(style.muted))
        pen = QPen(QColor(style.text), 1)
        pen.setCosmetic(True)
        pen.setStyle(Qt.PenStyle.DashLine)
        self._cursor.setPen(pen)
        for item in self._items:
            item.setPen(_pen(item.role_of_line, style))
        self._show_legend()

    def _prepare_plot(self, unit: str) -> None:
        plot = self.plot
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setFrameShape(plot.Shape.NoFrame)
        plot.setMouseEnabled(x=True, y=False)
        plot.getViewBox().setAutoVisible(y=True)
        plot.setLabel("bottom", "Time", units="s")
        plot.setLabel("left", unit)
        plot.getAxis("bottom").enableAutoSIPrefix(False)
        plot.getAxis("left").enableAutoSIPrefix(False)
        plot.getAxis("left").setWidth(56)
        plot.getPlotItem().layout.setContentsMargins(0, 8, 0, 0)  # the uppermost number needs room
        plot.scene().sigMouseClicked.connect(self._on_clicked)
        plot.scene().sigMouseMoved.connect(self._on_hovered)

    def _make_item(self, role: Role) -> pg.PlotDataItem:
        is_stems = role == "activity"
        item = pg.PlotDataItem(
            pen=_pen(role, theme.current()),
            connect="pairs" if is_stems else "all",
            skipFiniteCheck=True,
        )
        item.role_of_line = role
        item.setZValue(_Z[role])
        self.plot.addItem(item)
        if not is_stems:  # stems are pairs of points, of which none may be dropped
            item.setClipToView(True)
            item.setDownsampling(auto=True, method="peak")
        return item

    def _show_legend(self) -> None:
        style = theme.current()
        marks = {"activity": "|"}
        parts = [
            f'<span style="color:{getattr(style, _TOKENS[line.role])}">'
            f"<b>{marks.get(line.role, '—')}</b></span>&nbsp;{line.name}"
            for line in self._lines
        ]
        self._legend.setText("&nbsp;&nbsp;&nbsp;".join(parts))

    def _frame_at(self, scene_position: Any) -> int | None:
        box = self.plot.getViewBox()
        if not self.n_frames or not box.sceneBoundingRect().contains(scene_position):
            return None
        seconds = float(box.mapSceneToView(scene_position).x())
        return min(max(round(seconds * self._rate), 0), self.n_frames - 1)

    def _on_clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if event.double():
            self.show_all()
            return
        frame = self._frame_at(event.scenePos())
        if frame is not None:
            self.frameClicked.emit(frame)

    def _on_hovered(self, position: Any) -> None:
        frame = self._frame_at(position)
        if frame is None:
            self._value.setText("")
            return
        values = [
            f"{line.name} {format_value(float(line.values[frame]))}"
            for line in self._lines
            if frame < line.values.size
        ]
        head = f"{frame / self._rate:.2f} s (frame {frame:,})"
        self._value.setText("   ".join([head, *values]))

    def leaveEvent(self, event: Any) -> None:
        self._value.setText("")
        super().leaveEvent(event)


def format_value(value: float) -> str:
    """Three significant digits, without an exponent in the usual range."""
    if not math.isfinite(value):
        return "–"
    if value == 0 or 0.001 <= abs(value) < 100_000:
        digits = 2 - math.floor(math.log10(abs(value))) if value else 0
        return f"{value:,.{min(max(digits, 0), 5)}f}"
    return f"{value:.2e}"


def _curve(line: Line, rate: float) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.arange(line.values.size, dtype=np.float64) / rate, line.values


def _stems(line: Line, rate: float) -> tuple[NDArray[Any], NDArray[Any]]:
    frames = np.flatnonzero(line.values > 0)
    x = np.repeat(frames / rate, 2)
    y = np.full(x.size, line.base, np.float64)
    y[1::2] += line.values[frames]
    return x, y


def _pen(role: Role, style: theme.Theme) -> QPen:
    shade = QColor(getattr(style, _TOKENS[role]))
    if role == "raw":
        shade.setAlpha(150)
    pen = QPen(shade, {"raw": 1.0, "baseline": 1.5, "activity": 1.5}.get(role, 1.5))
    pen.setCosmetic(True)
    return pen
