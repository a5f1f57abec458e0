"""One row of a parameter form: name, editor, unit, and the reason when a value cannot be used."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QWidget,
)

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QPaintEvent, QWheelEvent

    from caiman_gui.params.base import FieldSpec

#: Room for the frame, padding and scroll bar of an open list.
_LIST_MARGIN_PX = 40
#: Room for the longest unit, so that all editors end below each other.
_UNIT_PX = 52
_UNITS = {"_px": "µm", "_frames": "s"}


class NumberEdit(QLineEdit):
    """A line for a number; the arrow keys step it."""

    stepped = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        coarse = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.stepped.emit(step * (10 if coarse else 1))


class ChoiceBox(QComboBox):
    """A choice that the wheel does not change by accident while the column is scrolled.

    The list is as wide as its longest text; the box itself shows the beginning.
    """

    def showPopup(self) -> None:
        texts = (self.itemText(index) for index in range(self.count()))
        wanted = max((self.fontMetrics().horizontalAdvance(text) for text in texts), default=0)
        self.view().setMinimumWidth(max(self.width(), wanted + _LIST_MARGIN_PX))
        super().showPopup()

    def shown_text(self, room_px: int) -> str:
        """Return the words of the choice, or as much of them as fits: first what is explained."""
        text, metrics = self.currentText(), self.fontMetrics()
        if metrics.horizontalAdvance(text) <= room_px:
            return text
        name = text.partition(": ")[0].partition(" (")[0]
        return metrics.elidedText(name, Qt.TextElideMode.ElideRight, room_px)

    def paintEvent(self, _event: QPaintEvent) -> None:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        part = QStyle.SubControl.SC_ComboBoxEditField
        kind = QStyle.ComplexControl.CC_ComboBox
        room = self.style().subControlRect(kind, option, part, self).width()
        option.currentText = self.shown_text(room)
        painter = QStylePainter(self)
        painter.drawComplexControl(kind, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class ParamRow(QObject):
    """Editor of one parameter.

    The value is handed on only when it is valid; until then the last valid one stays in force
    and the reason is shown below the editor.
    """

    edited = Signal(str, object)

    def __init__(self, spec: FieldSpec, parent: QWidget) -> None:
        super().__init__(parent)
        self.spec = spec
        self._value: Any = spec.default
        self._scale: float | None = None  # physical units per pixel or frame
        self._in_twin = False
        self._is_enabled = True
        self._placeholder = "Automatic"
        title = spec.title
        self.label = theme.label(title, wrap=True)
        self.error = theme.label("", "error", wrap=True)
        self.error.hide()
        self.editor = self._build_editor()
        self.editor.setAccessibleName(title)
        self.editor.setObjectName(spec.name)
        self.label.setBuddy(self.editor)
        self.unit = QToolButton()
        self.unit.setProperty("role", "unit")
        self.unit.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.unit.clicked.connect(self._on_unit_clicked)
        self.reset = QToolButton()
        self.reset.setProperty("role", "tiny")
        self.reset.setFixedSize(20, 20)
        self.reset.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.set_icon(self.reset, "reset", "accent_text")
        self.reset.clicked.connect(self._on_reset)
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        tip = tooltip(spec)
        self.label.setToolTip(tip)
        self.editor.setToolTip(tip)
        self.set_value(spec.default)

    # ------------------------------------------------------------------ build
    def _build_editor(self) -> QWidget:
        if self.spec.kind == "flag":
            flag = QCheckBox()
            flag.clicked.connect(self._on_flag)
            return flag
        if self.spec.kind == "choice":
            box = ChoiceBox()
            for choice in self.spec.choices:
                box.addItem(self.spec.labels.get(str(choice), str(choice)), choice)
            box.activated.connect(self._on_choice)
            box.setMinimumContentsLength(8)
            adjust = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            box.setSizeAdjustPolicy(adjust)
            return box
        edit = NumberEdit()
        edit.setPlaceholderText(self._placeholder if self.spec.is_optional else "")
        edit.textEdited.connect(self._on_typed)
        edit.editingFinished.connect(self._on_finished)
        if self.spec.kind in ("int", "float"):
            edit.stepped.connect(self._on_stepped)
            edit.setAlignment(Qt.AlignmentFlag.AlignRight)
        return edit

    def editor_box(self) -> QWidget:
        """Return editor, unit and reset side by side."""
        box = QWidget()
        layout = QHBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.editor, 1)
        if self.spec.unit:
            self.unit.setFixedWidth(_UNIT_PX)
            layout.addWidget(self.unit)
        layout.addWidget(self.reset)
        return box

    # ------------------------------------------------------------------ value
    @property
    def value(self) -> Any:
        """The last valid value."""
        return self._value

    def set_value(self, value: Any) -> None:
        """Show a valid value; nothing is emitted."""
        self._value = value
        self.set_error("")
        if isinstance(self.editor, QCheckBox):
            self.editor.setChecked(bool(value))
        elif isinstance(self.editor, QComboBox):
            self.editor.setCurrentIndex(self.editor.findData(value))
        elif isinstance(self.editor, QLineEdit):
            self.editor.setText(self._to_text(value))
        self._show_difference()
        self._show_unit()

    def set_placeholder(self, text: str) -> None:
        """Say what is used while an optional value is left empty."""
        self._placeholder = text
        if isinstance(self.editor, QLineEdit) and self.spec.is_optional:
            self.editor.setPlaceholderText(text)

    def set_scale(self, scale: float | None) -> None:
        """Tell how many µm a pixel, or seconds a frame, has; None: not known."""
        self._scale = scale
        if scale is None:
            self._in_twin = False
        if isinstance(self.editor, QLineEdit) and not self.editor.hasFocus():
            self.editor.setText(self._to_text(self._value))
        self._show_unit()

    def set_enabled(self, enabled: bool) -> None:
        """Grey the row out while it has no effect."""
        self._is_enabled = enabled
        self.label.setEnabled(enabled)
        self.editor.setEnabled(enabled)
        self._show_unit()

    def set_error(self, reason: str) -> None:
        """Mark the editor red with a reason; empty: all is well."""
        self.error.setText(reason)
        self.error.setVisible(bool(reason))
        if isinstance(self.editor, QLineEdit):
            theme.restyle(self.editor, "invalid", bool(reason))

    # --------------------------------------------------------------- reactions
    def _on_flag(self, checked: bool) -> None:
        self._commit(checked)

    def _on_choice(self, _index: int) -> None:
        if isinstance(self.editor, QComboBox):
            self._commit(self.editor.currentData())

    def _on_typed(self, text: str) -> None:
        self.set_error(self._parse(text)[1])

    def _on_finished(self) -> None:
        if not isinstance(self.editor, QLineEdit):
            return
        if self.editor.text() == self._to_text(self._value):
            self.set_error("")
            return
        value, reason = self._parse(self.editor.text())
        self.set_error(reason)
        if not reason:
            self._commit(value)

    def _on_stepped(self, steps: int) -> None:
        base = self._value if self._value is not None else self.spec.default
        if base is None:
            return
        value = base + steps * self._step(base)
        lower, upper = self.spec.minimum, self.spec.maximum
        at_limit = self.spec.exclusive_minimum and value == lower
        if at_limit or (lower is not None and value < lower):
            return
        if upper is not None and value > upper:
            return
        self._commit(int(value) if self.spec.kind == "int" else float(f"{value:.6g}"))

    def _on_reset(self) -> None:
        self._commit(self.spec.default)

    def _on_unit_clicked(self) -> None:
        if self._scale is not None and self.spec.twin is not None:
            self._in_twin = not self._in_twin
            self.set_value(self._value)

    def _commit(self, value: Any) -> None:
        changed = value != self._value
        self.set_value(value)
        if changed:
            self.edited.emit(self.spec.name, value)

    # ------------------------------------------------------------------ words
    def _step(self, value: float) -> float:
        if self.spec.kind == "int":
            return 1 if abs(value) < 100 else 10 ** (int(math.log10(abs(value))) - 1)
        size = abs(value) or 1.0
        return float(10.0 ** (math.floor(math.log10(size)) - 1)) if size < 10 else 1.0

    def _to_text(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if self._in_twin and self._scale:
            return f"{value * self._scale:.3g}"
        return str(value) if self.spec.kind == "int" else f"{value:.6g}"

    def _parse(self, text: str) -> tuple[Any, str]:
        text = text.strip().replace(",", ".")
        if not text:
            return None, "" if self.spec.is_optional else "A value is needed."
        if self.spec.kind == "text":
            return text, ""
        try:
            number = float(text)
        except ValueError:
            return None, f"“{text}” is not a number."
        if not math.isfinite(number):
            return None, f"“{text}” is not a finite number."
        if self._in_twin and self._scale:
            number /= self._scale
            number = round(number) if self.spec.kind == "int" else number
        if self.spec.kind == "int":
            if number != int(number):
                return None, "A whole number is needed."
            number = int(number)
        return number, self._out_of_range(number)

    def _out_of_range(self, number: float) -> str:
        spec = self.spec
        factor = self._scale if self._in_twin and self._scale else 1.0
        unit = self.unit.text()
        below = spec.minimum is not None and (
            number <= spec.minimum if spec.exclusive_minimum else number < spec.minimum
        )
        above = spec.maximum is not None and number > spec.maximum
        if not (below or above):
            return ""
        if below and spec.minimum is not None:
            word = "more than" if spec.exclusive_minimum else "at least"
            return f"Must be {word} {spec.minimum * factor:.4g} {unit}".rstrip() + "."
        limit = (spec.maximum or 0) * factor
        shown = f"{limit:,.0f}" if limit >= 1000 else f"{limit:.4g}"
        return f"Must be at most {shown} {unit}".rstrip() + "."

    def _show_difference(self) -> None:
        differs = self._value != self.spec.default
        self.reset.setVisible(differs)
        default = self._default_words()
        self.reset.setToolTip(f"Changed. Click to reset to {default}.")
        self.reset.setAccessibleName(f"Reset {self.spec.title} to {default}")

    def _default_words(self) -> str:
        value = self.spec.default
        if self.spec.kind == "choice":
            return self.spec.labels.get(str(value), str(value))
        if value is None:
            return self._placeholder.lower()
        if self.spec.kind == "flag":
            return "on" if value else "off"
        return f"{value} {self.spec.unit}".rstrip()

    def _show_unit(self) -> None:
        unit = self.spec.unit
        twin = next((u for s, u in _UNITS.items() if self.spec.name.endswith(s)), "")
        can_switch = bool(self._scale and twin and self._is_enabled)
        self.unit.setText(twin if self._in_twin else unit)
        self.unit.setEnabled(can_switch)
        other = unit if self._in_twin else twin
        self.unit.setToolTip(f"Click to type in {other}." if can_switch else "")


def tooltip(spec: FieldSpec) -> str:
    """Return what is known about a parameter: meaning, range, either side, CaImAn's name."""
    lines = [f"<b>{spec.title}</b><br>{spec.help}"]
    if spec.minimum is not None and spec.maximum is not None and spec.kind in ("int", "float"):
        bracket = "above " if spec.exclusive_minimum else ""
        limits = f"{bracket}{spec.minimum:,g} to {spec.maximum:,g} {spec.unit}"
        lines.append(f"Range: {limits.rstrip()}")
    if spec.too_small:
        lines.append(f"Too small: {spec.too_small}.")
    if spec.too_large:
        lines.append(f"Too large: {spec.too_large}.")
    if spec.caiman:
        lines.append(f"In CaImAn: {spec.caiman}")
    return "<br>".join(lines)
