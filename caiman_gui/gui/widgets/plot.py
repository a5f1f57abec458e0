"""A plot that can be closed like any widget."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtWidgets import QWidget


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """pyqtgraph's plot, closed the way of Qt."""

    def close(self) -> bool:
        """Close like any widget: pyqtgraph would take the scene apart and can crash at that."""
        return QWidget.close(self)
