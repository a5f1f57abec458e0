"""The ring in the title of a tab: not yet, done, out of date, running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QTabWidget

WORDS = {
    "empty": "not yet",
    "done": "done",
    "stale": "out of date, something before it changed",
    "running": "running",
}
_SIZE_PX = 16


def ring(status: str, colors: theme.Theme, phase: int = 0) -> QIcon:
    """Return the ring of a status; ``phase`` (0 ... 11) turns the running one."""
    out = QIcon()
    for ratio in (1.0, 2.0):
        out.addPixmap(_draw(status, colors, phase, ratio))
    return out


def show_rings(tabs: QTabWidget, states: Sequence[tuple[str, str]], phase: int) -> None:
    """Show (title, status) of each tab as a ring in its title and in its tool tip."""
    colors = theme.current()
    for index, (title, status) in enumerate(states):
        tabs.setTabIcon(index, ring(status, colors, phase))
        tabs.setTabToolTip(index, f"{title}: {WORDS[status]}")


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
