"""One cell, enlarged: its surroundings, its footprint and the outlines of its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.field_view import BACKGROUNDS
from caiman_gui.gui.widgets.footprint_layer import FootprintLayer
from caiman_gui.gui.widgets.image_view import ImageView, contrast_limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from caiman_gui.core.results import Component, ComponentSet, Decision, SummaryImages

#: Width of the crop in neuron diameters.
SPAN_DIAMETERS = 5.0


class CellCrop(QWidget):
    """A view that follows the current component."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._component: Component | None = None
        self._width = 1
        self._diameter = 10.0
        self._summary: SummaryImages | None = None
        self._background = ""
        self.image = ImageView()
        self.layer = FootprintLayer(self.image.view, self)
        self.footprint = pg.ImageItem(axisOrder="row-major")
        self.footprint.setZValue(10)
        self.footprint.setLookupTable(_tint())
        self.image.view.addItem(self.footprint, ignoreBounds=True)
        self.show_footprint = QCheckBox("Footprint")
        self.show_footprint.setChecked(True)
        self.show_footprint.setToolTip("Tint the pixels of this component by their weight")
        self.show_footprint.toggled.connect(self.footprint.setVisible)
        self.title = theme.label("", "heading")
        bar = QHBoxLayout()
        bar.setContentsMargins(4, 2, 4, 2)
        bar.addWidget(self.title)
        bar.addStretch(1)
        bar.addWidget(self.show_footprint)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(self.image, 1)

    def set_summary(self, summary: SummaryImages | None, background: str) -> None:
        """Show one of the summary images behind the cell."""
        if summary is self._summary and background == self._background:
            return
        self._summary, self._background = summary, background
        if summary is None:
            self.image.set_image(None)
            return
        self.image.set_color_map(BACKGROUNDS[background][1])
        self.image.set_image(getattr(summary, background))
        self._show()

    def set_components(
        self, components: ComponentSet | None, decisions: Mapping[int, Decision]
    ) -> None:
        """Show the outlines around the cell."""
        self._width = components.fov_shape[1] if components is not None else 1
        self.layer.set_components(components, decisions)

    def set_component(self, component: Component | None, diameter_px: float) -> None:
        """Go to a component."""
        self._component, self._diameter = component, diameter_px
        self.layer.set_current(component.id if component is not None else None)
        self.title.setText(f"Component {component.id}" if component is not None else "")
        self._show()

    def _show(self) -> None:
        item = self._component
        if item is None or not item.pixels.size:
            self.footprint.clear()
            return
        rows, cols = np.divmod(item.pixels, self._width)
        top, left = int(rows.min()), int(cols.min())
        weights = np.zeros((int(rows.max()) - top + 1, int(cols.max()) - left + 1), np.float32)
        weights[rows - top, cols - left] = item.weights
        self.footprint.setImage(weights, autoLevels=False, levels=(0, float(weights.max()) or 1.0))
        self.footprint.setPos(left, top)
        span = max(SPAN_DIAMETERS * self._diameter, 1.5 * max(weights.shape))
        row, col = item.center(self._width)
        self.image.center_on(row + 0.5, col + 0.5, span)
        self._fit_contrast(row, col, span)

    def _fit_contrast(self, row: float, col: float, span: float) -> None:
        if self.image.image is None:
            return
        half = int(span / 2)
        rows = slice(max(int(row) - half, 0), int(row) + half + 1)
        cols = slice(max(int(col) - half, 0), int(col) + half + 1)
        self.image.set_levels(*contrast_limits(self.image.image[rows, cols]))


def _tint() -> NDArray[np.uint8]:
    """Return a table (256, 4) from see-through to half covered."""
    shade = QColor(theme.DARK.accepted)
    table = np.empty((256, 4), np.uint8)
    table[:, :3] = shade.red(), shade.green(), shade.blue()
    table[:, 3] = np.linspace(0, 150, 256)
    return table
