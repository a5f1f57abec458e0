"""A histogram with two handles, and a box for each value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QMouseEvent, QPaintEvent

Handle = Literal["low", "high"]
N_BINS = 128
MARGIN = 8
#: No arrows (NoButtons would leave no room for the number), and one frame, that of the box.
_BOX_STYLE = """
QDoubleSpinBox::up-button, QDoubleSpinBox::down-button { width: 0; border: 0; }
QLineEdit { border: 0; padding: 0 4px; min-height: 0; background: transparent; }
"""
GRIP = 6
_STEPS = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_PageDown: -10,
    Qt.Key.Key_PageUp: 10,
}


class HistogramStrip(QWidget):
    """The picture: bars, three zones, two handles to drag or to move with the arrow keys."""

    moved = Signal(str, float)
    released = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars = np.zeros(0)
        self._span = (0.0, 1.0)
        self._values: dict[str, float] = {"low": 0.0, "high": 1.0}
        self._zones = ("disabled", "accent", "accent")
        self._dragged: Handle | None = None
        self._focused: Handle = "low"
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:
        return QSize(200, 64)

    def set_bars(self, bars: NDArray[np.float64], span: tuple[float, float]) -> None:
        """Show bar heights (n,) in 0 ... 1 over a span of values."""
        self._bars, self._span = bars, span
        self.update()

    def set_values(self, low: float, high: float) -> None:
        """Put both handles."""
        self._values = {"low": low, "high": high}
        self.update()

    def set_zones(self, below: str, between: str, above: str) -> None:
        """Theme colours of the bars below, between and above the handles."""
        self._zones = (below, between, above)
        self.update()

    def x_of(self, value: float) -> float:
        """Horizontal place of a value in widget pixels."""
        low, high = self._span
        share = (value - low) / ((high - low) or 1.0)
        return MARGIN + min(max(share, 0.0), 1.0) * max(self.width() - 2 * MARGIN, 1)

    def value_at(self, x: float) -> float:
        """Value at a horizontal place."""
        share = (x - MARGIN) / max(self.width() - 2 * MARGIN, 1)
        low, high = self._span
        return low + min(max(share, 0.0), 1.0) * (high - low)

    def event(self, event: QEvent) -> bool:
        # Its arrow keys belong to the handle, not to a shortcut of the tab around it.
        if isinstance(event, QKeyEvent) and Qt.Key(event.key()) in _STEPS:
            event.accept()
            if event.type() == QEvent.Type.ShortcutOverride:
                return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        x = event.position().x()
        gaps = {name: abs(self.x_of(value) - x) for name, value in self._values.items()}
        nearest: Handle = "low" if gaps["low"] < gaps["high"] else "high"
        if gaps["low"] == gaps["high"]:  # both in one place: the side decides
            nearest = "low" if x < self.x_of(self._values["low"]) else "high"
        self._dragged = self._focused = nearest
        self.moved.emit(nearest, self.value_at(x))
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._dragged is not None:
            self.moved.emit(self._dragged, self.value_at(x))
            return
        near = any(abs(self.x_of(value) - x) <= GRIP for value in self._values.values())
        self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragged is not None:
            self._dragged = None
            self.released.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        width = (self._span[1] - self._span[0]) / 200
        self.moved.emit(self._focused, self._values[self._focused] + step * width)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        base = self.height() - 2 * GRIP
        self._paint_bars(painter, base)
        painter.setPen(QPen(QColor(theme.current().line), 1))
        painter.drawLine(MARGIN, base, self.width() - MARGIN, base)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for name, value in self._values.items():
            self._paint_handle(painter, self.x_of(value), base, name == self._focused)
        painter.end()

    def _paint_bars(self, painter: QPainter, base: int) -> None:
        if not self._bars.size:
            return
        width = (self.width() - 2 * MARGIN) / self._bars.size
        low, high = self.x_of(self._values["low"]), self.x_of(self._values["high"])
        style = theme.current()
        shades = [QColor(getattr(style, zone)) for zone in self._zones]
        if not self.isEnabled():
            shades = [QColor(style.line)] * 3
        for i, bar in enumerate(self._bars):
            if bar > 0:
                left, right = round(MARGIN + i * width), round(MARGIN + (i + 1) * width)
                middle = MARGIN + (i + 0.5) * width
                zone = 0 if middle < low else (2 if middle >= high else 1)
                height = max(round(float(bar) * (base - 2)), 1)
                painter.fillRect(left, base - height, max(right - left, 1), height, shades[zone])

    def _paint_handle(self, painter: QPainter, x: float, base: int, is_focused: bool) -> None:
        style = theme.current()
        shade = QColor(style.text)
        painter.setPen(QPen(shade, 1.5))
        painter.drawLine(QPointF(x, 0), QPointF(x, base))
        painter.setBrush(shade if is_focused and self.hasFocus() else QColor(style.raised))
        bottom = base + 2 * GRIP - 2
        painter.drawPolygon(
            QPolygonF(
                [
                    QPointF(x, base),
                    QPointF(x + GRIP, base + GRIP),
                    QPointF(x + GRIP, bottom),
                    QPointF(x - GRIP, bottom),
                    QPointF(x - GRIP, base + GRIP),
                ]
            )
        )


class HistogramSlider(QWidget):
    """Range of values chosen on their histogram.

    Signals
    -------
    rangeChanged(low, high)
        While a handle is dragged, and when a number is typed.
    rangeChangeFinished()
        The mouse was released or a number was typed: the end of one edit.
    """

    rangeChanged = Signal(float, float)
    rangeChangeFinished = Signal()

    def __init__(
        self,
        low_title: str,
        high_title: str,
        *,
        decimals: int = 2,
        use_root: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._use_root = use_root
        self._limits = {"low": (-1e9, 1e9), "high": (-1e9, 1e9)}
        self._data_span = (0.0, 1.0)
        self._counts = np.zeros(0)
        self.strip = HistogramStrip(self)
        self.boxes = {name: self._box(decimals) for name in ("low", "high")}
        self.titles = {"low": QLabel(low_title), "high": QLabel(high_title)}
        row = QHBoxLayout()
        row.setContentsMargins(MARGIN, 0, MARGIN, 0)
        row.setSpacing(6)
        for name in ("low", "high"):
            self.boxes[name].setAccessibleName(self.titles[name].text())
            self.titles[name].setBuddy(self.boxes[name])
            row.addWidget(self.titles[name])
            row.addWidget(self.boxes[name])
            if name == "low":
                row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.strip)
        layout.addLayout(row)
        self.strip.moved.connect(self._on_moved)
        self.strip.released.connect(self.rangeChangeFinished)
        self.boxes["low"].valueChanged.connect(self._on_low_typed)
        self.boxes["high"].valueChanged.connect(self._on_high_typed)

    @property
    def low(self) -> float:
        """Lower value."""
        return float(self.boxes["low"].value())

    @property
    def high(self) -> float:
        """Upper value."""
        return float(self.boxes["high"].value())

    def set_limits(self, low: tuple[float, float], high: tuple[float, float]) -> None:
        """Limit the values of the lower and of the upper handle."""
        self._limits = {"low": low, "high": high}
        for name, box in self.boxes.items():
            box.blockSignals(True)
            box.setRange(*self._limits[name])
            box.blockSignals(False)

    def set_data(self, values: NDArray[Any], span: tuple[float, float] | None = None) -> None:
        """Show the histogram of values of any shape; NaN is left out, as are exact zeros: no data.

        The span of the axis is that of the 0.1 ... 99.9 percentiles unless it is given.
        """
        flat = np.asarray(values, np.float32).ravel()
        flat = flat[np.isfinite(flat) & (flat != 0)]
        if span is None and flat.size:
            sample = flat[:: max(flat.size // 65_536, 1)]
            low, high = (float(v) for v in np.percentile(sample, [0.1, 99.9]))
            span = (low, high if high > low else low + 1.0)
        self._data_span = span or (0.0, 1.0)
        counts, _ = np.histogram(np.clip(flat, *self._data_span), N_BINS, self._data_span)
        heights = np.sqrt(counts) if self._use_root else counts.astype(np.float64)
        self._counts = heights / (heights.max() or 1.0) if flat.size else np.zeros(0)
        self._show()

    def set_range(self, low: float, high: float) -> None:
        """Put both values without a signal."""
        for name, value in (("low", low), ("high", high)):
            box = self.boxes[name]
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        self._show()

    def _show(self) -> None:
        # The axis grows so that a handle never lies outside it.
        low = min(self._data_span[0], max(self.low, self._limits["low"][0]))
        high = max(self._data_span[1], self.high)
        bars = self._counts
        if bars.size and (low, high) != self._data_span:
            width = (self._data_span[1] - self._data_span[0]) / bars.size
            before = round((self._data_span[0] - low) / width)
            after = round((high - self._data_span[1]) / width)
            if before + after < 20 * N_BINS:
                bars = np.pad(bars, (max(before, 0), max(after, 0)))
        self.strip.set_bars(bars, (low, high))
        self.strip.set_values(self.low, self.high)

    def _box(self, decimals: int) -> QDoubleSpinBox:
        box = QDoubleSpinBox(self)
        box.setDecimals(decimals)
        box.setRange(-1e9, 1e9)
        box.setSingleStep(10.0**-decimals)
        box.setKeyboardTracking(False)
        box.setFixedWidth(72)
        box.setStyleSheet(_BOX_STYLE)
        box.setAlignment(Qt.AlignmentFlag.AlignRight)
        return box

    def _on_moved(self, name: str, value: float) -> None:
        low, high = self.low, self.high
        if name == "low":
            low = min(max(value, self._limits["low"][0]), high, self._limits["low"][1])
        else:
            high = max(min(value, self._limits["high"][1]), low, self._limits["high"][0])
        self._put(low, high)

    def _on_low_typed(self, value: float) -> None:
        self._put(value, max(value, self.high))
        self.rangeChangeFinished.emit()

    def _on_high_typed(self, value: float) -> None:
        self._put(min(value, self.low), value)
        self.rangeChangeFinished.emit()

    def _put(self, low: float, high: float) -> None:
        self.set_range(low, high)
        self.rangeChanged.emit(self.low, self.high)
