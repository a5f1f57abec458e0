"""The ring in the title of a tab: not yet, done, out of date, running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtWidgets import QTabWidget

WORDS = {
    "empty": "not yet",
    "done": "done",
    "stale": "out of date, something before it changed",
    "running": "running",
}
_SIZE_PX = 16
_SPIN_MS = 90


def ring(status: str, colors: theme.Theme, phase: int = 0) -> QIcon:
    """Return the ring of a status; ``phase`` (0 ... 11) turns the running one."""
    out = QIcon()
    for ratio in (1.0, 2.0):
        out.addPixmap(_draw(status, colors, phase, ratio))
    return out


class TabRings(QObject):
    """Shows the state of each step as a ring in the title of its tab, and turns those that run.

    Only what has changed is drawn: states are asked for on each edit, several times.

    Parameters
    ----------
    tabs : QTabWidget
    states : callable
        Returns (title, status) of each tab.
    """

    def __init__(self, tabs: QTabWidget, states: Callable[[], Sequence[tuple[str, str]]]) -> None:
        super().__init__(tabs)
        self._tabs = tabs
        self._states = states
        self._phase = 0
        self._shown: dict[int, tuple[object, ...]] = {}
        self._spin = QTimer(self)
        self._spin.setInterval(_SPIN_MS)
        self._spin.timeout.connect(self._on_spin)

    @Slot()
    def show(self) -> None:
        """Show the states as they are now."""
        colors = theme.current()
        states = self._states()
        for index, (title, status) in enumerate(states):
            phase = self._phase if status == "running" else 0
            wanted = (title, status, phase, colors)
            if self._shown.get(index) == wanted:
                continue
            self._shown[index] = wanted
            self._tabs.setTabIcon(index, ring(status, colors, phase))
            self._tabs.setTabToolTip(index, f"{title}: {WORDS[status]}")
        if any(status == "running" for _, status in states) and self._tabs.isVisible():
            if not self._spin.isActive():
                self._spin.start()
        else:
            self._spin.stop()

    @Slot()
    def stop(self) -> None:
        """Turn no ring any more."""
        self._spin.stop()

    @Slot()
    def _on_spin(self) -> None:
        self._phase = (self._phase + 1) % 12
        self.show()


def _draw(status: str, colors: theme.Theme, phase: int, ratio: float) -> QPixmap:
    image = QPixmap(round(_SIZE_PX * ratio), round(_SIZE_PX * ratio))
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    box = QRectF(3, 3, 10, 10)
    if status == "running":
        painter.setPen(QPen(QColor(colors.line), 2))
        painter.drawEllipse(box)
        painter.setPen(QPen(QColor(colors.accent), 2))
        painter.drawArc(box, -phase * 30 * 16, 110 * 16)
    elif status == "empty":
        painter.setPen(QPen(QColor(colors.muted), 1.5))
        painter.drawEllipse(box)
    else:
        color = QColor(colors.accent if status == "done" else colors.warning)
        painter.setPen(QPen(color, 1.5))
        if status == "done":
            painter.setBrush(color)
        painter.drawEllipse(box)
        if status == "stale":
            painter.setBrush(color)
            painter.drawPie(box, 90 * 16, 180 * 16)
    painter.end()
    return image
