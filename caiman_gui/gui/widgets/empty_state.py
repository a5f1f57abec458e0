"""What a view shows before there is anything to show: what is missing, and the way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from caiman_gui.gui import resources, theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QShowEvent

#: Instead of an icon: the mark of the program.
MARK = "mark"
_MARK_PX = 72
_ICON_PX = 48
_TEXT_PX = 336


class EmptyState(QWidget):
    """Icon, title, one sentence and the button that helps, centred.

    Parameters
    ----------
    icon, title, text : str
        Name of the line icon (or MARK), and the words.
    button_text : str
        Empty: no button.
    callback : callable, optional
        What the button does.
    """

    def __init__(
        self,
        icon: str,
        title: str,
        text: str = "",
        button_text: str = "",
        callback: Callable[[], object] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon
        self._icon = QLabel()
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title_label = theme.label(title, "heading")
        self.text_label = theme.label(text, "muted", wrap=True)
        self.text_label.setFixedWidth(_TEXT_PX)
        self.button: QPushButton | None = None
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._body = QVBoxLayout()
        self._body.setSpacing(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.addStretch(2)
        center = Qt.AlignmentFlag.AlignHCenter
        for item in (self._icon, self.title_label, self.text_label):
            item.setAlignment(Qt.AlignmentFlag.AlignCenter)
            # Not aligned by the layout, which would then ignore the height of wrapped lines.
            row = QHBoxLayout()
            row.addStretch(1)
            row.addWidget(item)
            row.addStretch(1)
            layout.addLayout(row)
        layout.setSpacing(8)
        layout.addSpacing(8)
        layout.addLayout(self._buttons)
        layout.addLayout(self._body)
        layout.addStretch(3)
        self._buttons.setAlignment(center)
        if button_text and callback is not None:
            self.button = self.add_button(button_text, callback, primary=True)
        self.apply_theme(theme.current())

    def add_button(
        self, text: str, callback: Callable[[], object], *, primary: bool = False
    ) -> QPushButton:
        """Add a button beside the first one."""
        button = QPushButton(text)
        button.setProperty("primary", primary)
        button.clicked.connect(lambda _checked=False: callback())
        self._buttons.addWidget(button)
        return button

    def add_widget(self, widget: QWidget) -> None:
        """Put more below the buttons, such as a list of recent files."""
        self._body.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)

    def set_text(self, title: str, text: str) -> None:
        """Change the words."""
        self.title_label.setText(title)
        self.text_label.setText(text)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.apply_theme(theme.current())

    def apply_theme(self, colors: theme.Theme) -> None:
        """Tint the icon."""
        ratio = self.devicePixelRatioF()
        if self._icon_name == MARK:
            self._icon.setPixmap(resources.app_pixmap(_MARK_PX, ratio))
        else:
            self._icon.setPixmap(resources.pixmap(self._icon_name, colors.muted, _ICON_PX, ratio))
