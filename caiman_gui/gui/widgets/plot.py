"""A plot that can be closed like any widget, and one that only moves in time."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtWidgets import QWidget


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """pyqtgraph's plot, closed the way of Qt."""

    def close(self) -> bool:
        """Close like any widget: pyqtgraph would take the scene apart and can crash at that."""
        return QWidget.close(self)


class TimeBox(pg.ViewBox):  # type: ignore[misc]
    """Zooms and pans time only; a double click shows all."""

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0.02)
        self.setMouseEnabled(x=True, y=False)
        self.enableAutoRange(axis="y")
        self.setAutoVisible(y=True)

    def mouseDoubleClickEvent(self, event: Any) -> None:
        self.enableAutoRange()
        event.accept()
