"""Short messages in the corner of the window, gone after six seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from collections.abc import Callable

DURATION_MS = 6_000
_WIDTH_PX = 340
_MARGIN_PX = 16
_MOST = 4
_ICONS = {
    "info": ("check", "accent_text"),
    "warning": ("warning", "warning"),
    "error": ("error", "danger"),
}


class Toast(QFrame):
    """One message; it stays as long as the pointer is over it."""

    closed = Signal(object)

    def __init__(
        self,
        parent: QWidget,
        title: str,
        detail: str = "",
        level: str = "info",
        action: tuple[str, Callable[[], object]] | None = None,
    ) -> None:
        super().__init__(parent)
        self.is_offer = action is not None
        self.setObjectName("toast")
        self.setProperty("level", level)
        self.setFixedWidth(_WIDTH_PX)
        self.title = theme.label(title, "heading", wrap=True)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        mark = QToolButton()
        mark.setEnabled(True)
        mark.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        mark.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.set_icon(mark, *_ICONS.get(level, _ICONS["info"]))
        close = QToolButton()
        close.setAccessibleName("Close this message")
        close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.set_icon(close, "close", "muted")
        close.clicked.connect(self.dismiss)
        body = QVBoxLayout()
        body.setSpacing(4)
        body.addWidget(self.title)
        if detail:
            text = theme.label(detail, "muted", wrap=True)
            text.setTextFormat(Qt.TextFormat.PlainText)
            body.addWidget(text)
        if action is not None:
            button = QPushButton(action[0])
            button.clicked.connect(lambda _checked=False: action[1]())
            button.clicked.connect(self.dismiss)
            body.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(body, 1)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DURATION_MS)
        self._timer.timeout.connect(self.dismiss)
        self._timer.start()

    @Slot()
    def dismiss(self) -> None:
        """Take the message away."""
        self._timer.stop()
        self.hide()
        self.closed.emit(self)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Enter:
            self._timer.stop()
        elif event.type() == QEvent.Type.Leave and self.isVisible():
            self._timer.start()
        return super().event(event)


class ToastStack(QObject):
    """Places toasts above each other in the lower right corner of a widget.

    Parameters
    ----------
    host : QWidget
    right_px, bottom_px : int
        Room for controls that must not be covered.
    above : callable, optional
        Returns a widget of the host that must not be covered either, such as a player, or None.
    """

    def __init__(
        self,
        host: QWidget,
        right_px: int = 0,
        bottom_px: int = 0,
        above: Callable[[], QWidget | None] = lambda: None,
    ) -> None:
        super().__init__(host)
        self._host = host
        self._right = right_px
        self._bottom = bottom_px
        self._above = above
        self.toasts: list[Toast] = []
        host.installEventFilter(self)

    def show(
        self,
        title: str,
        detail: str = "",
        level: str = "info",
        action: tuple[str, Callable[[], object]] | None = None,
    ) -> Toast:
        """Show a message."""
        toast = Toast(self._host, title, detail, level, action)
        toast.closed.connect(self._on_closed)
        self.toasts.append(toast)
        while len(self.toasts) > _MOST:
            self.toasts[0].dismiss()
        toast.show()
        self.place()
        return toast

    def clear(self) -> None:
        """Take all messages away."""
        for toast in tuple(self.toasts):
            toast.dismiss()

    def clear_offers(self) -> None:
        """Take away what offers a way on: the user has found one."""
        for toast in tuple(self.toasts):
            if toast.is_offer:
                toast.dismiss()

    def place(self) -> None:
        """Move the messages to where they belong now, as after a change of tab."""
        y = self._lower_edge()
        for toast in reversed(self.toasts):
            height = max(toast.sizeHint().height(), toast.heightForWidth(_WIDTH_PX))
            toast.resize(_WIDTH_PX, height)
            y -= height
            toast.move(self._host.width() - self._right - _WIDTH_PX - _MARGIN_PX, y)
            toast.raise_()
            y -= 8

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._host and event.type() == QEvent.Type.Resize:
            self.place()
        return False

    @Slot(object)
    def _on_closed(self, toast: Toast) -> None:
        if toast in self.toasts:
            self.toasts.remove(toast)
            toast.deleteLater()
            self.place()

    def _lower_edge(self) -> int:
        edge = self._host.height() - self._bottom
        widget = self._above()
        if widget is not None and widget.isVisible():
            top = widget.mapTo(self._host, QPoint(0, 0)).y()
            if top > edge / 2:  # else there would be no room for messages
                edge = min(edge, top)
        return edge - _MARGIN_PX
