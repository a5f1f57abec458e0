"""A row of buttons of which one is chosen: the views of one thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QToolButton, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence


class Segments(QWidget):
    """Shows every choice at once.

    Parameters
    ----------
    choices : sequence of (text, tooltip)
        The first one is chosen at the beginning.

    Signals
    -------
    chosen : int
        The user chose another one.
    """

    chosen = Signal(int)

    def __init__(self, choices: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: list[QToolButton] = []
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for index, (text, tip) in enumerate(choices):
            button = QToolButton()
            button.setText(text)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setChecked(index == 0)
            self._group.addButton(button, index)
            row.addWidget(button)
            self.buttons.append(button)
        self._group.idClicked.connect(self.chosen)

    @property
    def index(self) -> int:
        """Number of the choice."""
        return self._group.checkedId()

    def set_index(self, index: int) -> None:
        """Choose one; no signal."""
        self.buttons[index].setChecked(True)
