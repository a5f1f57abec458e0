"""Fields of the export dialog: one number, and a range of frames typed as frames or times."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.param_row import NumberEdit

if TYPE_CHECKING:
    from caiman_gui.gui.time_scale import TimeScale


class NumberField(NumberEdit):
    """A number within bounds; the arrow keys step it.

    Parameters
    ----------
    name, tip : str
    lowest, highest : float
    is_whole : bool
    placeholder : str
        What an empty field means; without it a number is needed.

    Signals
    -------
    edited
        Another valid value, or one that is not.
    """

    edited = Signal()

    def __init__(
        self, name: str, tip: str, lowest: float, highest: float, *,
        is_whole: bool = False, placeholder: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self._bounds = lowest, highest
        self._is_whole = is_whole
        self._factor = 1.0
        self.value: float | None = None
        self.problem = ""
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setPlaceholderText(placeholder)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.textEdited.connect(self._on_typed)
        self.editingFinished.connect(self._on_finished)
        self.stepped.connect(self._on_stepped)

    def set_value(self, value: float | None) -> None:
        """Show a value; nothing is emitted."""
        self.value = value
        self._show()

    def set_factor(self, factor: float) -> None:
        """Show the value times this, in another unit; the value itself stays."""
        self._factor = factor
        if not self.hasFocus() or not self.isModified():
            self._show()

    def _show(self) -> None:
        self.setText("" if self.value is None else f"{self.value * self._factor:.6g}")
        self._tell("")

    def _tell(self, problem: str) -> None:
        self.problem = problem
        theme.restyle(self, "invalid", bool(problem))

    def _on_typed(self, text: str) -> None:
        value, problem = self._parse(text)
        if not problem:
            self.value = value
        self._tell(problem)
        self.edited.emit()

    def _on_finished(self) -> None:
        if self.problem:  # what was valid last is in force, and is shown again
            self._show()
            self.edited.emit()

    def _on_stepped(self, steps: int) -> None:
        shown = (self.value or 0.0) * self._factor
        # A step is the next place of the number: 0.25 -> 0.26, 4 -> 5, 120 -> 130.
        unit = 1.0 if self._is_whole else 10.0 ** (math.floor(math.log10(max(shown, 1e-3))) - 1)
        value = float(f"{(shown + steps * max(unit, 1.0 if shown >= 2 else 0.0)):.6g}")
        self.setText(f"{value:.6g}")
        if self._parse(self.text())[1]:
            self._show()
            return
        self._on_typed(self.text())

    def _parse(self, text: str) -> tuple[float | None, str]:
        text = text.strip().replace(",", ".")
        name = self.accessibleName()
        if not text:
            return None, "" if self.placeholderText() else f"{name}: a number is needed."
        try:
            number = float(text)
        except ValueError:
            return None, f"{name}: “{text}” is not a number."
        lowest, highest = (bound * self._factor for bound in self._bounds)
        if not lowest * (1 - 1e-9) <= number <= highest * (1 + 1e-9):
            return None, f"{name}: must be {lowest:.4g} to {highest:,.7g}."
        if self._is_whole and number != int(number):
            return None, f"{name}: a whole number is needed."
        return number / self._factor, ""


class RangeField(QWidget):
    """First and last frame; both can be typed as frames or as times.

    Signals
    -------
    edited
    """

    edited = Signal()

    def __init__(self, scale: TimeScale) -> None:
        super().__init__()
        self._scale = scale
        self.range = (0, max(0, scale.n_frames - 1))
        self.problem = ""
        self.first = self._edit("First frame")
        self.last = self._edit("Last frame")
        self.times = theme.label("", "muted")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.first, 1)
        row.addWidget(theme.label("to", "muted"))
        row.addWidget(self.last, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.times)
        self.set_range(*self.range)

    def _edit(self, name: str) -> QLineEdit:
        edit = QLineEdit()
        edit.setAccessibleName(name)
        edit.setToolTip(f"{name}, as a number (375) or as a time (12.5 s, 1:30)")
        edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        edit.textEdited.connect(self._on_typed)
        edit.editingFinished.connect(self._on_finished)
        return edit

    def set_range(self, first: int, last: int) -> None:
        """Show a range, counted from 0, both frames included; nothing is emitted."""
        self.range = (first, last)
        self.first.setText(f"{first + 1}")
        self.last.setText(f"{last + 1}")
        self._tell("", None)

    def _on_typed(self, _text: str) -> None:
        places = [self._scale.parse(edit.text()) for edit in (self.first, self.last)]
        wrong: QLineEdit | None = None
        problem = ""
        for edit, place in zip((self.first, self.last), places, strict=True):
            if place is None:
                wrong, problem = edit, f"“{edit.text()}” is no frame and no time."
        first, last = places
        if first is not None and last is not None:
            if first > last:
                wrong, problem = self.last, "The last frame lies before the first."
            else:
                self.range = (first, last)
        self._tell(problem, wrong)
        self.edited.emit()

    def _on_finished(self) -> None:
        self.set_range(*self.range)
        self.edited.emit()

    def _tell(self, problem: str, wrong: QLineEdit | None) -> None:
        self.problem = problem
        for edit in (self.first, self.last):
            theme.restyle(edit, "invalid", edit is wrong)
        first, last = (self._scale.text(index) for index in self.range)
        self.times.setText(f"{first} to {last}")
