"""The field of view: a summary image to choose, outlines over it, and clicks on cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.footprint_layer import STATES, FootprintLayer, State
from caiman_gui.gui.widgets.image_view import ImageView

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QResizeEvent

    from caiman_gui.core.results import ComponentSet, Decision, SummaryImages

#: Attribute of SummaryImages -> name on the button, colour map.
BACKGROUNDS: dict[str, tuple[str, str]] = {
    "mean": ("Mean", "grey"),
    "max": ("Max", "grey"),
    "correlation": ("Correlation", "viridis"),
    "pnr": ("PNR", "magma"),
}
#: Below this width the switches are shown by mark and number.
NARROW_PX = 520


class FieldView(QWidget):
    """Image, outlines and the row of switches above them.

    Signals
    -------
    componentClicked(id, modifiers)
    backgroundChanged(name)
    """

    componentClicked = Signal(int, object)
    backgroundChanged = Signal(str)

    def __init__(self, background: str = "correlation", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._summary: SummaryImages | None = None
        self._background = background
        self._is_narrow = self._is_known = False
        self.image = ImageView()
        self.layer = FootprintLayer(self.image.view, self)
        self._centres = pg.ScatterPlotItem(size=7, pxMode=True)
        self._centres.setZValue(30)
        self._centres.setBrush(pg.mkBrush(QColor(theme.DARK.accepted)))
        self._centres.setPen(pg.mkPen(QColor(theme.DARK.halo)))
        self.image.view.addItem(self._centres, ignoreBounds=True)
        self.state_buttons: dict[State, QToolButton] = {}
        self.background_buttons: dict[str, QToolButton] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._build_bar())
        layout.addWidget(self.image, 1)
        self.image.clicked.connect(self._on_clicked)

    def _build_bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setSpacing(2)
        group = QButtonGroup(self)
        for name, (title, _) in BACKGROUNDS.items():
            button = QToolButton()
            button.setText(title)
            button.setCheckable(True)
            button.setChecked(name == self._background)
            button.setToolTip(f"Show the {_TIPS[name]} image")
            button.setProperty("background", name)
            group.addButton(button)
            self.background_buttons[name] = button
            bar.addWidget(button)
        group.buttonClicked.connect(self._on_background)
        bar.addStretch(1)
        for state in STATES:
            button = QToolButton()
            button.setCheckable(True)
            button.setChecked(True)
            button.setToolTip(f"Show the outlines of {state} components")
            button.setProperty("state", state)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            theme.set_icon(button, _ICONS[state], state)
            button.toggled.connect(self._on_state_toggled)
            self.state_buttons[state] = button
            bar.addWidget(button)
        return bar

    @property
    def background(self) -> str:
        """Name of the summary image shown."""
        return self._background

    def set_summary(self, summary: SummaryImages | None) -> None:
        """Show the images of a recording."""
        if summary is not self._summary:
            self._summary = summary
            self._show_background()

    def set_background(self, name: str) -> None:
        """Choose ``mean``, ``max``, ``correlation`` or ``pnr``."""
        if name != self._background:
            self._background = name
            self.background_buttons[name].setChecked(True)
            self._show_background()
            self.backgroundChanged.emit(name)

    def set_components(
        self, components: ComponentSet | None, decisions: Mapping[int, Decision]
    ) -> None:
        """Show the outlines of a set of components."""
        self.layer.set_components(components, decisions)
        self._show_counts(components is not None)

    def set_decisions(self, decisions: Mapping[int, Decision]) -> None:
        """Move outlines between the states."""
        self.layer.set_decisions(decisions)
        self._show_counts(True)

    def set_centres(self, centres: NDArray[np.float32] | None) -> None:
        """Mark points (n, 2), (row, column), while there are no outlines yet."""
        if centres is None or not len(centres):
            self._centres.clear()
        else:
            self._centres.setData(x=centres[:, 1] + 0.5, y=centres[:, 0] + 0.5)

    @property
    def n_centres(self) -> int:
        """Number of points marked."""
        return len(self._centres.points())

    def _show_background(self) -> None:
        if self._summary is None:
            self.image.set_image(None)
            return
        self.image.set_color_map(BACKGROUNDS[self._background][1])
        self.image.set_image(getattr(self._summary, self._background))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_narrow = self.width() < NARROW_PX
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            self.background_buttons["correlation"].setText("Corr." if is_narrow else "Correlation")
            self._show_counts(self._is_known)

    def _show_counts(self, is_known: bool) -> None:
        self._is_known = is_known
        counts = self.layer.counts()
        for state, button in self.state_buttons.items():
            word = "" if self._is_narrow else f" {state}"  # the mark and the tooltip say it, too
            button.setText(f"{counts[state]:,}{word}" if is_known else state)

    def _on_background(self, button: QToolButton) -> None:
        self.set_background(str(button.property("background")))

    def _on_state_toggled(self, is_shown: bool) -> None:
        self.layer.set_state_shown(self.sender().property("state"), is_shown)

    def _on_clicked(self, row: int, col: int, modifiers: object) -> None:
        found = self.layer.hit(row + 0.5, col + 0.5)
        if found is not None:
            self.componentClicked.emit(found, modifiers)


_TIPS = {
    "mean": "mean",
    "max": "maximum",
    "correlation": "local correlation",
    "pnr": "peak-to-noise",
}
_ICONS: dict[State, str] = {"accepted": "accept", "rejected": "reject", "unsure": "unsure"}
