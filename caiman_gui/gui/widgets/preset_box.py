"""A choice of presets: values of several parameters that belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from caiman_gui.gui import presets
from caiman_gui.gui.widgets.param_row import ChoiceBox
from caiman_gui.params.run import PRESET_TITLES

if TYPE_CHECKING:
    from caiman_gui.params.run import RunParams


class PresetBox(QWidget):
    """Shows which preset the parameters are, and lets another be taken.

    Signals
    -------
    chosen : str
        Name of a preset.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = ChoiceBox()
        self.box.setAccessibleName("Preset")
        self.box.setToolTip("Sets all parameters that go with a kind of recording at once")
        for name, title in PRESET_TITLES.items():
            self.box.addItem(title, name)
        self.box.activated.connect(self._on_activated)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)

    def set_params(self, params: RunParams) -> None:
        """Show the preset that these parameters are, or that they are the user's own."""
        name = presets.fitting(params)
        own = self.box.findData("")
        if name is None:
            if own < 0:
                self.box.addItem("Own values", "")
            self.box.setCurrentIndex(self.box.findData(""))
            return
        if own >= 0:
            self.box.removeItem(own)
        self.box.setCurrentIndex(self.box.findData(name))

    def _on_activated(self, index: int) -> None:
        name = self.box.itemData(index)
        if name:
            self.chosen.emit(name)
