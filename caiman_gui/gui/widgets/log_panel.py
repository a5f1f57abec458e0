"""The log: what the program did, filtered by level, to read, copy and save."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from caiman_gui.logs import MemoryHandler

_LEVELS = (("Everything", logging.INFO), ("Warnings", logging.WARNING), ("Errors", logging.ERROR))
_INTERVAL_MS = 200
_MAX_LINES = 5_000


class LogPanel(QWidget):
    """Shows the records of a MemoryHandler, updated at most five times a second.

    Signals
    -------
    warningsChanged : int
        Number of warnings and errors since the start.
    saveRequested
        The user wants the log in a file.
    """

    warningsChanged = Signal(int)
    saveRequested = Signal()
    _arrived = Signal()

    def __init__(self, handler: MemoryHandler | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._handler = handler
        self._n_warnings = -1
        self.level = QComboBox()
        self.level.setAccessibleName("Level")
        for text, number in _LEVELS:
            self.level.addItem(text, number)
        self.level.currentIndexChanged.connect(self._on_level)
        copy = QPushButton("Copy")
        copy.setProperty("flat", True)
        theme.set_icon(copy, "copy")
        copy.clicked.connect(self.copy)
        self.copy_button = copy
        save = QPushButton("Save …")
        save.setProperty("flat", True)
        theme.set_icon(save, "save")
        save.clicked.connect(self.saveRequested)
        self.view = QPlainTextEdit()
        self.view.setReadOnly(True)
        self.view.setMaximumBlockCount(_MAX_LINES)
        self.view.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.view.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.view.setAccessibleName("Log")
        top = QHBoxLayout()
        top.setContentsMargins(0, 0, 0, 0)
        top.addWidget(self.level)
        top.addStretch(1)
        top.addWidget(copy)
        top.addWidget(save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 8)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self.refresh)
        self._arrived.connect(self._on_arrived, Qt.ConnectionType.QueuedConnection)
        if handler is not None:
            handler.listener = self._tell
        self.refresh()

    def detach(self) -> None:
        """Stop listening, before the panel goes."""
        if self._handler is not None and self._handler.listener == self._tell:
            self._handler.listener = None
        self._timer.stop()

    def text(self) -> str:
        """Return the records at or above the chosen level."""
        if self._handler is None:
            return ""
        return "\n".join(self._handler.lines(int(self.level.currentData())))

    @Slot()
    def copy(self) -> None:
        """Put the records shown on the clipboard."""
        QGuiApplication.clipboard().setText(self.text())

    @Slot()
    def refresh(self) -> None:
        """Read the records again."""
        if self._handler is None:
            return
        n_warnings = len(self._handler.lines(logging.WARNING))
        if n_warnings != self._n_warnings:
            self._n_warnings = n_warnings
            self.warningsChanged.emit(n_warnings)
        if self.isVisible():
            bar = self.view.verticalScrollBar()
            at_end = bar.value() >= bar.maximum() - 4
            self.view.setPlainText(self.text())
            if at_end:
                bar.setValue(bar.maximum())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()
        bar = self.view.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _tell(self) -> None:
        # Called in whatever thread logs: a queued signal brings it to this one.
        try:
            self._arrived.emit()
        except RuntimeError:
            self._handler = None

    @Slot()
    def _on_arrived(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot(int)
    def _on_level(self, _index: int) -> None:
        self.refresh()
