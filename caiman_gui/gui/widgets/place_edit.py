"""Where one is in a recording: shown as time and frame, and typed to go elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.time_scale import TimeScale

if TYPE_CHECKING:
    from PySide6.QtGui import QFocusEvent, QKeyEvent

_TIP = "Go to a time or a frame: 12.5 s, 1:30, 375 or 50 % (key / or Ctrl+G)"


class PlaceEdit(QLineEdit):
    """Shows the time of the current frame; takes a time or a frame.

    Signals
    -------
    frameChosen : int
    finished
        Typing has ended, with Return or Escape: the keys belong to the player again.
    """

    frameChosen = Signal(int)
    finished = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scale = TimeScale(0, 1.0)
        self._index = 0
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setAccessibleName("Time; type a time or a frame to go there")
        self.setToolTip(_TIP)
        self.returnPressed.connect(self._on_return)
        self.textEdited.connect(lambda _: theme.restyle(self, "invalid", False))
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def set_movie(self, scale: TimeScale) -> None:
        """Take the times of another recording."""
        self._scale = scale
        self.setEnabled(scale.n_frames > 0)
        widest = scale.text(max(0, scale.n_frames - 1)).replace("1", "0")
        self.setFixedWidth(self.fontMetrics().horizontalAdvance(widest) + 28)
        self.show_frame(0)

    def show_frame(self, index: int) -> None:
        """Show the time of a frame, unless something is being typed."""
        self._index = index
        if not self.hasFocus():
            self.setText(self._scale.text(index) if self._scale.n_frames else "")

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.selectAll()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        theme.restyle(self, "invalid", False)
        self.show_frame(self._index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._finish()
        else:
            super().keyPressEvent(event)

    def _on_return(self) -> None:
        index = self._scale.parse(self.text())
        if index is None:
            theme.restyle(self, "invalid", True)
            self.selectAll()
            return
        self._finish()
        self.frameChosen.emit(index)
        self.show_frame(index)

    def _finish(self) -> None:
        self.clearFocus()
        self.finished.emit()
