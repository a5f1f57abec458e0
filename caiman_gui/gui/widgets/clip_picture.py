"""Shows a picture as it will be exported, at most in its own size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QPaintEvent

_MARGIN_PX = 8


class ClipPicture(QWidget):
    """A picture (h, w, 3) in the middle of a dark field; larger ones are shrunk to fit."""

    def __init__(self) -> None:
        super().__init__()
        self._image = QImage()
        self._words = "Reading …"
        self.setAccessibleName("Preview")
        self.setMinimumSize(360, 320)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def image(self) -> QImage:
        """The picture shown; null if there is none."""
        return self._image

    def set_picture(self, picture: NDArray[np.uint8]) -> None:
        """Show a picture (h, w, 3)."""
        height, width = picture.shape[:2]
        data = np.ascontiguousarray(picture)
        image = QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self._image = image.copy()  # which does not look into the array any more
        self.update()

    def set_words(self, words: str) -> None:
        """Show words instead of a picture."""
        self._image = QImage()
        self._words = words
        self.update()

    def place(self) -> QRect:
        """Return where the picture is painted."""
        room = self.rect().adjusted(_MARGIN_PX, _MARGIN_PX, -_MARGIN_PX, -_MARGIN_PX)
        size = self._image.size()
        if size.width() > room.width() or size.height() > room.height():
            size = size.scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRect(0, 0, max(1, size.width()), max(1, size.height()))
        place.moveCenter(room.center())
        return place

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        colors = theme.current()
        painter.fillRect(self.rect(), QColor(colors.image))
        if self._image.isNull():
            painter.setPen(QColor(colors.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._words)
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(self.place(), self._image)
