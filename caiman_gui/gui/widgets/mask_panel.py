"""What is left out of the field: regions drawn by hand, and pixels found to be bad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from caiman_gui.core.findings import Excluded
from caiman_gui.core.prepare.regions import Region, rasterise
from caiman_gui.gui import theme, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from caiman_gui.core.findings import Findings

#: More regions than this are summed up in one line.
_MOST_LISTED = 12
_SHAPES = (
    ("freehand", "draw", "Draw around what is to be left out: vessels, borders, bubbles"),
    ("rectangle", "rectangle", "Leave out a rectangle"),
    ("ellipse", "ellipse", "Leave out an ellipse"),
)


class MaskPanel(QWidget):
    """Lists regions, and offers the tools to draw more.

    Signals
    -------
    drawRequested : str
        ``freehand``, ``rectangle`` or ``ellipse``; empty: stop drawing.
    regionsChanged : tuple of Region, str
        What should be drawn now, and what to call the change.
    vesselsRequested
    fileRequested
        An image should be chosen that says what is left out.
    """

    drawRequested = Signal(str)
    regionsChanged = Signal(object, str)
    vesselsRequested = Signal()
    fileRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._regions: tuple[Region, ...] = ()
        self.tools: dict[str, QToolButton] = {}
        bar = QHBoxLayout()
        bar.setSpacing(2)
        for name, icon, tip in _SHAPES:
            button = QToolButton()
            button.setCheckable(True)
            theme.set_icon(button, icon)
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            button.clicked.connect(lambda on, n=name: self.drawRequested.emit(n if on else ""))
            self.tools[name] = button
            bar.addWidget(button)
        bar.addStretch(1)
        self.file = QPushButton("Mask file …")
        self.file.setProperty("flat", True)
        self.file.setToolTip(
            "Choose an image of the size of the recording: pixels that are not zero are left out"
        )
        self.file.clicked.connect(self.fileRequested)
        bar.addWidget(self.file)
        self.vessels = QPushButton("Suggest vessels")
        self.vessels.setProperty("flat", True)
        self.vessels.setToolTip(
            "Outline dark vessels on the mean image. Look at every outline: take out what is wrong."
        )
        self.vessels.clicked.connect(self.vesselsRequested)
        bar.addWidget(self.vessels)
        self.list = QVBoxLayout()
        self.list.setSpacing(0)
        self.found = theme.label("", "muted", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addLayout(self.list)
        layout.addWidget(self.found)
        self.set_regions((), (0, 0))
        self.set_findings(None)

    def set_tool(self, name: str) -> None:
        """Show which tool is in the hand; empty: none."""
        for key, button in self.tools.items():
            button.setChecked(key == name)

    def set_regions(self, regions: Sequence[Region], shape: tuple[int, int]) -> None:
        """List regions, with their size on an image (H, W)."""
        self._regions = tuple(regions)
        while (item := self.list.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()  # until it is deleted it would show through
                widget.deleteLater()
        if len(self._regions) > _MOST_LISTED:
            n_px = int(rasterise(self._regions, shape).sum())
            text = f"{len(self._regions)} regions, {words.count(n_px, 'pixel')}"
            self.list.addWidget(self._row(text, None))
            return
        for index, region in enumerate(self._regions):
            n_px = int(np.count_nonzero(rasterise((region,), shape)))
            name = {"polygon": "Outline"}.get(region.shape, region.shape.capitalize())
            verb = "" if region.kind == "exclude" else ", kept"
            self.list.addWidget(self._row(f"{name}, {words.count(n_px, 'pixel')}{verb}", index))

    def set_findings(self, findings: Findings | None) -> None:
        """Say how many bad pixels were found."""
        if findings is None:
            self.found.setText("")
        else:
            parts = [
                f"{findings.count(reason):,} {name}"
                for reason, name in (
                    (Excluded.DEAD, "dead"),
                    (Excluded.HOT, "hot"),
                    (Excluded.SATURATED, "saturated"),
                    (Excluded.FILE, "by the mask file"),
                )
                if findings.count(reason)
            ]
            self.found.setText(
                f"Pixels left out: {', '.join(parts)}" if parts else "No bad pixels were found."
            )
        self.found.setVisible(bool(self.found.text()))

    def _row(self, text: str, index: int | None) -> QWidget:
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(theme.label(text), 1)
        remove = QToolButton()
        theme.set_icon(remove, "trash", "muted")
        remove.setToolTip("Use these pixels again" if index is not None else "Remove all regions")
        remove.setAccessibleName(remove.toolTip())
        remove.clicked.connect(lambda: self._remove(index))
        row.addWidget(remove)
        return box

    def _remove(self, index: int | None) -> None:
        if index is None:
            self.regionsChanged.emit((), "Remove all regions")
            return
        kept = (*self._regions[:index], *self._regions[index + 1 :])
        self.regionsChanged.emit(kept, "Remove a region")
