"""The part of a timeline that stays while playing: trace, marks and small pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap, QPolygonF

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.image_view import contrast_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

TRACE_PX, THUMBNAILS_PX = 28, 36
_PAD_PX = 4


class TimelinePicture:
    """What is known about the frames, painted once and kept until it changes."""

    def __init__(self) -> None:
        self._pixmap: QPixmap | None = None
        self.clear()

    def clear(self) -> None:
        """Know nothing, as of a new recording."""
        self._values: NDArray[np.float32] = np.zeros(0, np.float32)
        self._places: NDArray[np.float64] = np.zeros(0)
        self._marks: NDArray[np.int64] = np.zeros(0, np.int64)
        self._thumbnails: list[tuple[int, QImage]] = []
        self.forget()

    def forget(self) -> None:
        """Paint anew when next needed."""
        self._pixmap = None

    @property
    def trace_top(self) -> int:
        """Height of what lies above the trace, in px."""
        return THUMBNAILS_PX if self._thumbnails else 0

    @property
    def height(self) -> int:
        """Height of the whole, in px."""
        return self.trace_top + TRACE_PX

    def set_trace(self, values: NDArray[Any] | None, frames: Any, last: int) -> None:
        """Take a course and the frames of its values; without frames they are spread evenly."""
        known = np.asarray(() if values is None else values, np.float32).ravel()
        places = np.linspace(0, last, len(known)) if frames is None else np.asarray(frames, float)
        is_known = np.isfinite(known)
        self._values, self._places = known[is_known], places[is_known]
        self.forget()

    def set_marks(self, frames: Any) -> None:
        """Take the frames that are marked."""
        self._marks = np.asarray(frames, np.int64).ravel()
        self.forget()

    def set_thumbnails(self, images: Sequence[tuple[int, NDArray[Any]]]) -> None:
        """Take small pictures (frame, image (H, W)); all get one contrast."""
        self._thumbnails = []
        self.forget()
        if not images:
            return
        low, high = contrast_limits(np.concatenate([np.ravel(im) for _, im in images])[None])
        for frame, image in images:
            share = np.clip((np.asarray(image, np.float32) - low) / (high - low), 0, 1)
            grey = np.ascontiguousarray((255 * np.nan_to_num(share)).astype(np.uint8))
            height, width = grey.shape
            picture = QImage(grey.data, width, height, width, QImage.Format.Format_Grayscale8)
            self._thumbnails.append((int(frame), picture.copy()))

    def pixmap(
        self, width: int, ratio: float, x_of: Callable[[float], float], *, is_enabled: bool
    ) -> QPixmap:
        """Return the picture.

        Parameters
        ----------
        width : int
            In logical pixels.
        ratio : float
            Device pixels in each of them.
        x_of : callable
            Horizontal place of a frame.
        is_enabled : bool
        """
        if self._pixmap is not None:
            return self._pixmap
        out = QPixmap(round(width * ratio), round(self.height * ratio))
        out.setDevicePixelRatio(ratio)
        out.fill(Qt.GlobalColor.transparent)
        painter = QPainter(out)
        style = theme.current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(style.field if is_enabled else style.panel))
        painter.drawRoundedRect(QRectF(0, 0, width, self.height), 4, 4)
        self._paint_thumbnails(painter, width, x_of)
        if len(self._values) > 1:
            self._paint_trace(painter, x_of)
        else:
            middle = self.trace_top + TRACE_PX / 2
            painter.setPen(QPen(QColor(style.line), 2))
            painter.drawLine(QPointF(8, middle), QPointF(width - 8, middle))
        self._paint_marks(painter, x_of)
        painter.end()
        self._pixmap = out
        return out

    def _paint_thumbnails(
        self, painter: QPainter, full: int, x_of: Callable[[float], float]
    ) -> None:
        height = THUMBNAILS_PX - _PAD_PX
        right = 0.0
        for frame, image in self._thumbnails:
            width = height * image.width() / max(1, image.height())
            left = min(max(x_of(frame) - width / 2, 2), full - width - 2)
            if left >= right:  # where they would cover each other, some are left out
                painter.drawImage(QRectF(left, 2, width, height), image)
                right = left + width + 2

    def _paint_trace(self, painter: QPainter, x_of: Callable[[float], float]) -> None:
        first, last = x_of(self._places[0]), x_of(self._places[-1])
        starts, low, high = _envelope(self._values, max(2, int(last - first)))
        bottom, top = np.percentile(self._values, (0.5, 99.5))
        room = TRACE_PX - 2 * _PAD_PX
        scale = room / max(float(top - bottom), 1e-12)
        base = self.height - _PAD_PX
        y_low, y_high = (base - np.clip((v - bottom) * scale, 0, room) for v in (low, high))
        places = [x_of(place) for place in self._places[starts]]
        outline = [QPointF(places[0], self.height)]
        outline += [QPointF(x, float(y)) for x, y in zip(places, y_high, strict=True)]
        outline.append(QPointF(places[-1], self.height))
        shade = QColor(theme.current().raw)
        shade.setAlpha(60)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(shade)
        painter.drawPolygon(QPolygonF(outline))
        shade.setAlpha(170)
        painter.setPen(QPen(shade, 1))
        painter.drawPolyline(QPolygonF(outline[1:-1]))
        for x, a, b in zip(places, y_low, y_high, strict=True):
            if a - b > 1:
                painter.drawLine(QPointF(x, float(a)), QPointF(x, float(b)))

    def _paint_marks(self, painter: QPainter, x_of: Callable[[float], float]) -> None:
        painter.setPen(QPen(QColor(theme.current().warning), 1.5))
        for x in np.unique(np.round([x_of(float(frame)) for frame in self._marks])):
            painter.drawLine(QPointF(float(x), self.height - 8), QPointF(float(x), self.height - 1))


def _envelope(
    values: NDArray[np.float32], n_columns: int
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Return first index, lowest and highest value of at most so many columns."""
    n = len(values)
    starts = np.unique(np.linspace(0, n, min(n, n_columns), endpoint=False).astype(int))
    return starts, np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
