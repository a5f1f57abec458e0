"""Correlation against peak-to-noise of all pixels, with the two thresholds as crossing lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, QSize, Signal
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.color_maps import lookup_table
from caiman_gui.gui.widgets.plot import Plot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.suggest import PixelDensity


class PixelScatter(QWidget):
    """A density map; pixels up and right of the crossing pass both thresholds.

    Signals
    -------
    thresholdsChanged(min_corr, min_pnr)
        While a line is dragged.
    """

    thresholdsChanged = Signal(float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = Plot()
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(x=False, y=False)
        self.plot.setFrameShape(self.plot.Shape.NoFrame)
        self.plot.setLabel("bottom", "Correlation")
        self.plot.setLabel("left", "Peak-to-noise")
        self.plot.setMinimumHeight(180)
        for name in ("left", "bottom"):
            self.plot.getAxis(name).enableAutoSIPrefix(False)
        self.item = pg.ImageItem(axisOrder="row-major")
        self.item.setLookupTable(_table())
        self.plot.addItem(self.item, ignoreBounds=True)
        self.lines = {
            "corr": pg.InfiniteLine(angle=90, movable=True),
            "pnr": pg.InfiniteLine(angle=0, movable=True),
        }
        for line in self.lines.values():
            self.plot.addItem(line, ignoreBounds=True)
            line.sigDragged.connect(self._on_dragged)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        self.apply_theme(theme.current())

    def sizeHint(self) -> QSize:
        return QSize(300, 220)

    def set_density(self, density: PixelDensity) -> None:
        """Show how many pixels have which pair of values."""
        (x0, x1), (y0, y1) = density.corr_span, density.pnr_span
        self.item.setImage(density.counts, levels=(0.0, float(density.counts.max()) or 1.0))
        self.item.setRect(QRectF(x0, y0, x1 - x0, y1 - y0))
        self.plot.setRange(xRange=(x0, x1), yRange=(y0, y1), padding=0)
        self.lines["corr"].setBounds((max(x0, 0.0), min(x1, 1.0)))
        self.lines["pnr"].setBounds((max(y0, 0.0), y1))

    def set_thresholds(self, min_corr: float, min_pnr: float) -> None:
        """Put both lines; no signal."""
        for name, value in (("corr", min_corr), ("pnr", min_pnr)):
            self.lines[name].setValue(value)

    def apply_theme(self, style: theme.Theme) -> None:
        """Take the colours of a theme."""
        self.plot.setBackground(style.panel)
        for name in ("left", "bottom"):
            axis = self.plot.getAxis(name)
            axis.setPen(QPen(QColor(style.line), 1))
            axis.setTextPen(QColor(style.muted))
        for line in self.lines.values():
            line.setPen(pg.mkPen(style.text, width=1.5))
            line.setHoverPen(pg.mkPen(style.accent_hover, width=2.5))

    def _on_dragged(self, _line: Any) -> None:
        self.thresholdsChanged.emit(
            round(float(self.lines["corr"].value()), 2), round(float(self.lines["pnr"].value()), 1)
        )


def _table() -> NDArray[np.uint8]:
    """Return the viridis table (256, 4), see-through where no pixel is."""
    colors = lookup_table("viridis")
    table = np.full((256, 4), 255, np.uint8)
    if colors is not None:
        table[:, :3] = colors
    table[0, 3] = 0
    return table
