"""Which array, channel and plane of the files are read, where they leave a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QGridLayout, QLineEdit, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.param_row import ChoiceBox

if TYPE_CHECKING:
    from caiman_gui.project.model import RecordingRef

_NAME_PX = 128
_AXES_HELP = (
    "Meaning of each axis of the array: T time, Y rows, X columns, C channel, Z plane.\n"
    "Change it where the picture looks turned or the time line makes no sense."
)


class ReadingPanel(QWidget):
    """Offers only what the recording leaves open; hidden when that is nothing.

    Signals
    -------
    chosen : dict
        Parameters of the group ``recording`` that should change.
    """

    chosen = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.dataset = ChoiceBox()
        self.axes = QLineEdit()
        self.channel = ChoiceBox()
        self.plane = ChoiceBox()
        for box in (self.dataset, self.channel, self.plane):
            # Long names of arrays must not make the column wider than it is.
            box.setMinimumContentsLength(8)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnMinimumWidth(0, _NAME_PX)
        grid.setColumnStretch(1, 1)
        self._rows: dict[str, tuple[QWidget, QWidget]] = {}
        for row, (name, title, editor, tip) in enumerate(
            (
                ("dataset", "Dataset", self.dataset, "Array inside the file that is the movie"),
                ("axes", "Axis order", self.axes, _AXES_HELP),
                ("channel", "Channel", self.channel, "Which channel is analysed"),
                ("plane", "Plane", self.plane, "Which imaging plane is analysed"),
            )
        ):
            label = theme.label(title)
            label.setFixedWidth(_NAME_PX)
            editor.setToolTip(tip)
            editor.setAccessibleName(title)
            grid.addWidget(label, row, 0)
            grid.addWidget(editor, row, 1)
            self._rows[name] = (label, editor)
        self.dataset.activated.connect(lambda _: self._on_dataset())
        self.channel.activated.connect(lambda i: self.chosen.emit({"channel": i + 1}))
        self.plane.activated.connect(lambda i: self.chosen.emit({"plane": i + 1}))
        self.axes.editingFinished.connect(self._on_axes)
        self._shown_axes = ""

    @property
    def has_choice(self) -> bool:
        """Whether the recording leaves anything open."""
        return any(not editor.isHidden() for _, editor in self._rows.values())

    def set_recording(self, recording: RecordingRef, channel: int, plane: int) -> None:
        """Show what a recording leaves open, and what is read of it."""
        self.dataset.clear()
        for item in recording.datasets:
            size = " × ".join(str(side) for side in item.shape)
            self.dataset.addItem(f"{item.path}  ({size}, {item.dtype})", item.path)
        self.dataset.setCurrentIndex(max(0, self.dataset.findData(recording.dataset)))
        self._shown_axes = recording.axes
        self.axes.setText(recording.axes)
        self.channel.clear()
        for index, name in enumerate(recording.channels, start=1):
            self.channel.addItem(f"{index}: {name}" if name else str(index))
        self.channel.setCurrentIndex(channel - 1)
        self.plane.clear()
        self.plane.addItems(
            [f"{i} of {recording.n_planes}" for i in range(1, recording.n_planes + 1)]
        )
        self.plane.setCurrentIndex(plane - 1)
        shown = {
            "dataset": len(recording.datasets) > 1,
            "axes": bool(recording.datasets) or recording.format.startswith("NumPy"),
            "channel": len(recording.channels) > 1,
            "plane": recording.n_planes > 1,
        }
        for name, widgets in self._rows.items():
            for widget in widgets:
                widget.setVisible(shown[name])

    def _on_dataset(self) -> None:
        # Axes, channel and plane belonged to the array that was read before.
        path = self.dataset.currentData()
        self.chosen.emit({"dataset": path, "axes": "", "channel": 1, "plane": 1})

    def _on_axes(self) -> None:
        typed = "".join(self.axes.text().upper().split())
        if typed and typed != self._shown_axes:
            self._shown_axes = typed
            self.chosen.emit({"axes": typed})
