"""A text with pictures to read: Markdown, with room between its paragraphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QImage, QTextBlockFormat, QTextCursor, QTextDocument
from PySide6.QtWidgets import QTextBrowser, QWidget

if TYPE_CHECKING:
    from pathlib import Path

_MARGIN_PX = 24
_SIZE = QSize(760, 620)
_FRAME_PX = 40  # scroll bar, padding and border


class ManualView(QTextBrowser):
    """Shows a Markdown text; its pictures lie in a folder, and are scaled to the width.

    Parameters
    ----------
    text : str
        Markdown.
    folder : Path
        Where relative names of pictures begin.
    """

    def __init__(self, text: str, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.setOpenExternalLinks(True)
        self.setFrameShape(self.Shape.NoFrame)
        self.setMarkdown(text)
        self.document().setDocumentMargin(_MARGIN_PX)
        self._space_out()
        self.moveCursor(QTextCursor.MoveOperation.Start)

    def sizeHint(self) -> QSize:
        return _SIZE

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Read a picture, no wider than the text."""
        place = QUrl(name)
        if kind != QTextDocument.ResourceType.ImageResource.value or not place.isRelative():
            return super().loadResource(kind, place)
        image = QImage(str(self._folder / place.path()))
        ratio = self.devicePixelRatioF()
        room = round((_SIZE.width() - 2 * _MARGIN_PX - _FRAME_PX) * ratio)
        if image.width() > room:
            image = image.scaledToWidth(room, Qt.TransformationMode.SmoothTransformation)
            image.setDevicePixelRatio(ratio)
        return image

    def _space_out(self) -> None:
        block = self.document().begin()
        while block.isValid():
            cursor = QTextCursor(block)
            shape = QTextBlockFormat(block.blockFormat())
            if cursor.currentTable() is None:
                shape.setTopMargin(20 if shape.headingLevel() else 4)
                shape.setBottomMargin(8)
            cursor.setBlockFormat(shape)
            block = block.next()
