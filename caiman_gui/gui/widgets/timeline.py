"""The timeline of a recording: where one is, what is kept, and what is played again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.time_scale import TimeScale
from caiman_gui.gui.widgets.timeline_picture import TimelinePicture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent

MARGIN_PX = 8
#: Height of the strip with the range that is played again.
RANGE_PX = 10
_GRIP_PX = 6
_STEPS = {Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
_Part = Literal["", "place", "first", "last", "trim_first", "trim_last"]


class Timeline(QSlider):
    """A slider over all frames, with the mean trace, marks and ranges.

    Drag anywhere to move; drag the two grips in the strip below to choose the range that is
    played again and again. Where a recording can be trimmed, two bars in the trace do that.

    Signals
    -------
    rangeChosen : first, last
        Frames that are played, both included; while a grip is dragged.
    trimChanged : first, last
        Frames that are kept, both included; when a bar is let go.
    """

    rangeChosen = Signal(int, int)
    trimChanged = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._scale = TimeScale(0, 1.0)
        self._picture = TimelinePicture()
        self._range = (0, 0)
        self._trim: tuple[int, int] | None = None
        self._dragged: _Part = ""
        self._hovered: float | None = None
        self.setAccessibleName("Frame")
        self.setMouseTracking(True)
        self.setMinimumWidth(64)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._fit()

    # ---------------------------------------------------------------- content
    def set_movie(self, scale: TimeScale) -> None:
        """Show another recording: nothing is known about it yet, all of it is played."""
        self._scale = scale
        last = max(0, scale.n_frames - 1)
        self._range, self._trim = (0, last), None
        self._picture.clear()
        self.blockSignals(True)
        self.setRange(0, last)
        self.setPageStep(10)
        self.blockSignals(False)
        self.setEnabled(scale.n_frames > 0)
        self._fit()

    def set_scale(self, scale: TimeScale) -> None:
        """Take other times of the same frames."""
        self._scale = scale
        self.update()

    def set_trace(self, values: NDArray[Any] | None, frames: Any = None) -> None:
        """Draw a course faintly, such as the mean of each frame; NaN where not known.

        Parameters
        ----------
        values : (n,) array or None
        frames : (n,) array of int, optional
            Frames that the values belong to; without them they are spread evenly.
        """
        self._picture.set_trace(values, frames, self.maximum())
        self.update()

    def set_marks(self, frames: Sequence[int] | NDArray[np.integer]) -> None:
        """Mark some frames, such as bad or dropped ones."""
        self._picture.set_marks(frames)
        self.update()

    def set_thumbnails(self, images: Sequence[tuple[int, NDArray[Any]]]) -> None:
        """Show small pictures (frame, image (H, W)) above the trace; all with one contrast."""
        self._picture.set_thumbnails(images)
        self._fit()

    @property
    def played(self) -> tuple[int, int]:
        """First and last frame of the range that is played."""
        return self._range

    def set_range(self, first: int, last: int) -> None:
        """Choose the range that is played, both ends included; no signal."""
        self._range = self._within(first, last)
        self.update()

    @property
    def is_whole(self) -> bool:
        """Whether all frames are played."""
        return self._range == (0, self.maximum())

    @property
    def trim(self) -> tuple[int, int] | None:
        """First and last frame that are kept; None where a recording cannot be trimmed."""
        return self._trim

    def set_trim(self, first: int, last: int) -> None:
        """Show which frames are kept, both ends included, and let that be changed; no signal."""
        self._trim = self._within(first, last)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, self._picture.height + RANGE_PX)

    def apply_theme(self, _style: theme.Theme) -> None:
        """Take the colours of a theme."""
        self._picture.forget()
        self.update()

    def _fit(self) -> None:
        self.setFixedHeight(self.sizeHint().height())
        self.update()

    def _within(self, first: int, last: int) -> tuple[int, int]:
        first = min(max(0, first), self.maximum())
        return first, min(max(first, last), self.maximum())

    # --------------------------------------------------------------- geometry
    def x_of(self, frame: float) -> float:
        """Horizontal place of a frame in widget pixels."""
        return MARGIN_PX + frame / max(1, self.maximum()) * max(1, self.width() - 2 * MARGIN_PX)

    def frame_at(self, x: float) -> int:
        """Frame at a horizontal place."""
        share = (x - MARGIN_PX) / max(1, self.width() - 2 * MARGIN_PX)
        return round(min(max(share, 0.0), 1.0) * self.maximum())

    def _part_at(self, position: QPointF) -> _Part:
        if position.y() >= self._picture.height:
            return self._nearest(position.x(), self._range, ("first", "last"), 2 * _GRIP_PX)
        if self._trim is not None:
            return self._nearest(position.x(), self._trim, ("trim_first", "trim_last"), _GRIP_PX)
        return "place"

    def _nearest(
        self, x: float, frames: tuple[int, int], names: tuple[_Part, _Part], reach_px: float
    ) -> _Part:
        gaps = [x - self.x_of(frame) for frame in frames]
        if min(abs(gap) for gap in gaps) > reach_px:
            return "place"
        if gaps[0] == gaps[1]:  # both in one place: the side decides
            return names[0] if gaps[0] < 0 else names[1]
        return names[0] if abs(gaps[0]) < abs(gaps[1]) else names[1]

    # ----------------------------------------------------------------- events
    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or not self.isEnabled():
            return
        self._dragged = self._part_at(event.position())
        if self._dragged == "place":
            self.setSliderDown(True)
            self._drag(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hovered = event.position().x()
        if self._dragged:
            self._drag(event.position().x())
        else:
            on_grip = self._part_at(event.position()) != "place"
            self.setCursor(Qt.CursorShape.SizeHorCursor if on_grip else Qt.CursorShape.ArrowCursor)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        was, self._dragged = self._dragged, ""
        self.setSliderDown(False)
        if was.startswith("trim") and self._trim is not None:
            self.trimChanged.emit(*self._trim)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.position().y() >= self._picture.height:
            self._choose(0, self.maximum())
        else:
            self.mousePressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hovered = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()))  # a slider would go the other way
        if step is None:
            super().keyPressEvent(event)
        else:
            self.setValue(self.value() + step)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._picture.forget()

    def _drag(self, x: float) -> None:
        frame = self.frame_at(x)
        first, last = self._range
        if self._dragged == "place":
            self.setValue(frame)
        elif self._dragged == "first":
            self._choose(min(frame, last), last)
        elif self._dragged == "last":
            self._choose(first, max(frame, first))
        elif self._trim is not None:
            start, end = self._trim
            is_first = self._dragged == "trim_first"
            self._trim = (min(frame, end), end) if is_first else (start, max(frame, start))

    def _choose(self, first: int, last: int) -> None:
        if (first, last) != self._range:
            self.set_range(first, last)
            self.rangeChosen.emit(*self._range)

    # --------------------------------------------------------------- painting
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        picture = self._picture.pixmap(
            self.width(), self.devicePixelRatioF(), self.x_of, is_enabled=self.isEnabled()
        )
        painter.drawPixmap(0, 0, picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.current().accent), 1))
            box = QRectF(0.5, 0.5, self.width() - 1, self._picture.height - 1)
            painter.drawRoundedRect(box, 4, 4)
        if self.isEnabled():
            self._paint_range(painter)
            if self._trim is not None:
                self._paint_trim(painter, *self._trim)
            self._paint_place(painter)
            if self._hovered is not None:
                self._paint_hover(painter, self._hovered)
        painter.end()

    def _shade_outside(self, painter: QPainter, first: float, last: float, alpha: int) -> None:
        shade = QColor(theme.current().window)
        shade.setAlpha(alpha)
        painter.fillRect(QRectF(0, 0, first, self._picture.height), shade)
        painter.fillRect(QRectF(last, 0, self.width() - last, self._picture.height), shade)

    def _paint_range(self, painter: QPainter) -> None:
        style = theme.current()
        first, last = (self.x_of(frame) for frame in self._range)
        y = self.height() - RANGE_PX / 2
        if not self.is_whole:
            self._shade_outside(painter, first, last, 120)
        color = QColor(style.line if self.is_whole else style.accent)
        painter.setPen(QPen(color, 2))
        painter.drawLine(QPointF(first, y), QPointF(last, y))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.muted) if self.is_whole else color)
        for x in (first, last):
            painter.drawRoundedRect(QRectF(x - 3, y - 4, 6, 8), 2, 2)

    def _paint_trim(self, painter: QPainter, first_frame: int, last_frame: int) -> None:
        style = theme.current()
        first, last = self.x_of(first_frame), self.x_of(last_frame)
        self._shade_outside(painter, first, last, 190)
        height = self._picture.height
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.warning))
        for x in (first, last):
            painter.drawRoundedRect(QRectF(x - 2, 1, 4, height - 2), 2, 2)
        painter.setBrush(QColor(style.window))
        for x in (first, last):
            painter.drawEllipse(QPointF(x, height / 2), 1, 1)

    def _paint_place(self, painter: QPainter) -> None:
        style = theme.current()
        x = self.x_of(self.value())
        painter.setPen(QPen(QColor(style.accent), 2))
        painter.drawLine(QPointF(x, 2), QPointF(x, self._picture.height - 1))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.text))
        painter.drawEllipse(QPointF(x, self._picture.trace_top + 14), 5, 5)

    def _paint_hover(self, painter: QPainter, x: float) -> None:
        style = theme.current()
        frame = self.frame_at(x)
        if self._dragged == "place":
            return
        text = f"{self._scale.text(frame)} · {frame + 1:,}"
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        width = painter.fontMetrics().horizontalAdvance(text) + 12
        left = x + 10 if x + 10 + width < self.width() else x - 10 - width
        top = self._picture.trace_top
        painter.setPen(QPen(QColor(style.muted), 1, Qt.PenStyle.DotLine))
        place = self.x_of(frame)
        painter.drawLine(QPointF(place, top + 2), QPointF(place, self._picture.height - 1))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.raised))
        box = QRectF(left, top + 6, width, 16)
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QColor(style.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
