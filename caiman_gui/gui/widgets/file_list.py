"""The files of a recording in order of time: add, remove, drag to reorder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROW_PX = 22
_MOST_ROWS = 6


class FileList(QWidget):
    """Shows files and tells what the user wants changed.

    Signals
    -------
    pathsChanged : object
        The list of paths that the user wants, in order.
    addRequested
    """

    pathsChanged = Signal(object)
    addRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = QListWidget()
        self.list.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName("Files of the recording, in order of time")
        self.list.model().rowsMoved.connect(self._on_moved)
        self.list.currentRowChanged.connect(self._show_buttons)
        self.add = self._button("plus", "Add files …", self.addRequested.emit)
        self.up = self._button("arrow-up", "", lambda: self._move(-1), "Earlier")
        self.down = self._button("arrow-down", "", lambda: self._move(1), "Later")
        self.remove = self._button("trash", "", self._remove, "Take out of the recording")
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.add)
        row.addStretch(1)
        for button in (self.up, self.down, self.remove):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.list)
        layout.addLayout(row)

    def _button(self, icon: str, text: str, slot: object, tip: str = "") -> QPushButton:
        button = QPushButton(text)
        button.setProperty("flat", True)
        theme.set_icon(button, icon)
        button.setToolTip(tip)
        button.setAccessibleName(text or tip)
        button.clicked.connect(lambda _checked=False: slot())  # type: ignore[operator]
        return button

    def set_paths(self, paths: Sequence[Path]) -> None:
        """Show files; nothing is emitted."""
        self.list.clear()
        for path in paths:
            item = QListWidgetItem(path.name)
            item.setToolTip(str(path))
            item.setData(Qt.ItemDataRole.UserRole, str(path))
            self.list.addItem(item)
        rows = min(max(1, len(paths)), _MOST_ROWS)
        self.list.setFixedHeight(rows * _ROW_PX + 4)
        self.list.setCurrentRow(0 if len(paths) > 1 else -1)
        self._show_buttons()

    def paths(self) -> list[Path]:
        """Return the files in the order shown."""
        role = Qt.ItemDataRole.UserRole
        return [Path(self.list.item(i).data(role)) for i in range(self.list.count())]

    def _move(self, by: int) -> None:
        row = self.list.currentRow()
        target = row + by
        if row < 0 or not 0 <= target < self.list.count():
            return
        item = self.list.takeItem(row)
        self.list.insertItem(target, item)
        self.list.setCurrentRow(target)
        self.pathsChanged.emit(self.paths())

    def _remove(self) -> None:
        row = self.list.currentRow()
        if row >= 0 and self.list.count() > 1:
            self.list.takeItem(row)
            self.pathsChanged.emit(self.paths())

    @Slot()
    def _on_moved(self) -> None:
        self.pathsChanged.emit(self.paths())

    @Slot()
    def _show_buttons(self) -> None:
        row, n_rows = self.list.currentRow(), self.list.count()
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < n_rows - 1)
        self.remove.setEnabled(row >= 0 and n_rows > 1)
        for button in (self.up, self.down, self.remove):
            button.setVisible(n_rows > 1)
