"""What the files say: name, value, and where each value comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QToolButton, QWidget

from caiman_gui.gui import theme, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from caiman_gui.project.model import ProjectState

_NAME_PX = 104
#: Parameters that overrule what the files say.
_EDITABLE = ("frame_rate_hz", "pixel_size_um", "indicator", "decay_time_s")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; ``edit`` names the parameter that overrules it, ``tip`` explains."""

    name: str
    value: str
    source: str = ""
    edit: str = ""
    tip: str = ""


class FactsTable(QWidget):
    """Shows facts; a pencil leads to the field that overrules one.

    Signals
    -------
    editRequested : str
        Name of a parameter of the group ``recording``.
    """

    editRequested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(4)
        self._grid.setHorizontalSpacing(8)
        self._grid.setColumnMinimumWidth(0, _NAME_PX)
        self._grid.setColumnStretch(1, 1)
        # Made once: Tab comes to new buttons after all others of the window.
        self._pencils = {name: self._pencil(name) for name in _EDITABLE}

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show other facts."""
        while (item := self._grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()  # until it is deleted it would show through
                if widget not in self._pencils.values():
                    widget.deleteLater()
        top = Qt.AlignmentFlag.AlignTop
        for row, line in enumerate(lines):
            self._grid.addWidget(theme.label(line.name, "muted"), row, 0, top)
            text = f"{line.value} ({line.source})" if line.source else line.value
            role = "warning" if line.source == "assumed" else ""
            value = theme.label(words.breakable(text), role, wrap=True)
            value.setToolTip(line.tip)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(value, row, 1)
            if line.edit:
                pencil = self._pencils[line.edit]
                pencil.setToolTip(f"Set the {line.name.lower()} yourself")
                pencil.setAccessibleName(pencil.toolTip())
                self._grid.addWidget(pencil, row, 2, top)
                pencil.show()

    def _pencil(self, name: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("role", "tiny")
        theme.set_icon(button, "pencil", "muted")
        button.clicked.connect(lambda: self.editRequested.emit(name))
        button.hide()
        return button


def recording_lines(state: ProjectState) -> list[Line]:
    """Return what is known about the recording of a state."""
    recording = state.recording
    if recording is None:
        return []
    size = state.recorded_pixel_size_um
    is_given = state.params.recording.pixel_size_um is not None
    indicator = state.indicator
    lines = [
        Line("Format", recording.format or "not known"),
        Line("Frames", f"{recording.n_frames:,}"),
        Line(
            "Field of view",
            _field(recording.height, recording.width, size),
            tip="Height × width",
        ),
        Line("Stored as", recording.dtype),
        Line("Duration", words.duration(recording.n_frames / state.recorded_rate_hz)),
        Line(
            "Frame rate",
            f"{words.number(state.recorded_rate_hz)} Hz",
            state.frame_rate_source,
            "frame_rate_hz",
        ),
        Line(
            "Pixel size",
            f"{words.number(size)} µm" if size else "not known",
            "set by you" if is_given else recording.pixel_size_source,
            "pixel_size_um",
        ),
        Line(
            "Indicator",
            indicator.name if indicator is not None else recording.indicator or "not known",
            "set by you"
            if state.params.recording.indicator != "unknown"
            else recording.indicator_source,
            "indicator",
        ),
        Line(
            "Decay time",
            f"{words.number(state.decay_time_s)} s",
            state.decay_time_source,
            "decay_time_s",
        ),
    ]
    if recording.times_source:
        missing = sum(count for _, count in recording.dropped)
        text = f"{words.count(missing, 'frame')} missing" if missing else "no frame missing"
        lines.append(Line("Timestamps", text, recording.times_source))
    if recording.recorded:
        lines.append(Line("Recorded", recording.recorded.replace("T", " ")))
    return lines


def _field(height: int, width: int, pixel_size_um: float | None) -> str:
    text = f"{height:,} × {width:,} px"
    if not pixel_size_um:
        return text
    return f"{text}, {height * pixel_size_um:,.0f} × {width * pixel_size_um:,.0f} µm"
