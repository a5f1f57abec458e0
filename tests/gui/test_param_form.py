"""The form made from a parameter model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QWidget

from caiman_gui.gui.widgets.param_form import ParamForm
from caiman_gui.gui.widgets.param_row import ChoiceBox, tooltip
from caiman_gui.params.base import field_specs
from caiman_gui.params.motion import MotionParams
from caiman_gui.params.recording import RecordingParams
from caiman_gui.params.run import GROUPS
from caiman_gui.params.traces import TraceParams

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def _form(qtbot: QtBot, model: type, group: str) -> ParamForm:
    form = ParamForm(model, group)
    qtbot.addWidget(form)
    form.show()
    return form


def _type(qtbot: QtBot, form: ParamForm, name: str, text: str) -> None:
    edit = form.editor(name)
    assert isinstance(edit, QLineEdit)
    edit.setFocus()
    edit.selectAll()
    if text:
        qtbot.keyClicks(edit, text)
    else:
        qtbot.keyClick(edit, Qt.Key.Key_Backspace)
    qtbot.keyClick(edit, Qt.Key.Key_Return)


@pytest.mark.parametrize("group", list(GROUPS))
def test_every_visible_parameter_has_an_editor(qtbot: QtBot, group: str) -> None:
    form = _form(qtbot, GROUPS[group], group)
    wanted = [s.name for s in field_specs(GROUPS[group], group) if s.tier != "hidden"]
    assert sorted(form.rows) == sorted(wanted)


def test_a_typed_value_gives_a_new_model(qtbot: QtBot) -> None:
    form = _form(qtbot, MotionParams, "motion")
    with qtbot.waitSignal(form.valueChanged) as seen:
        _type(qtbot, form, "max_shift_px", "20")
    assert seen.args == [MotionParams(max_shift_px=20)]


def test_a_wrong_value_says_why_and_the_last_valid_one_stays(qtbot: QtBot) -> None:
    form = _form(qtbot, MotionParams, "motion")
    form.valueChanged.connect(lambda _model: pytest.fail("a wrong value was handed on"))
    row = form.rows["max_shift_px"]
    _type(qtbot, form, "max_shift_px", "0")
    assert row.error.isVisible()
    assert row.error.text() == "Must be at least 1 px."
    assert form.model == MotionParams()
    _type(qtbot, form, "max_shift_px", "2.5")
    assert row.error.text() == "A whole number is needed."
    _type(qtbot, form, "max_shift_px", "many")
    assert row.error.text() == "“many” is not a number."
    _type(qtbot, form, "max_shift_px", "")
    assert row.error.text() == "A value is needed."


def test_the_error_goes_when_the_value_is_right_again(qtbot: QtBot) -> None:
    form = _form(qtbot, MotionParams, "motion")
    _type(qtbot, form, "max_shift_px", "9999")
    assert form.rows["max_shift_px"].error.text() == "Must be at most 500 px."
    _type(qtbot, form, "max_shift_px", "30")
    assert not form.rows["max_shift_px"].error.isVisible()
    assert form.model == MotionParams(max_shift_px=30)


def test_arrow_keys_step_within_the_limits(qtbot: QtBot) -> None:
    form = _form(qtbot, MotionParams, "motion")
    form.set_model(MotionParams(max_shift_px=2))
    edit = form.editor("max_shift_px")
    qtbot.keyClick(edit, Qt.Key.Key_Down)
    assert form.model == MotionParams(max_shift_px=1)
    qtbot.keyClick(edit, Qt.Key.Key_Down)
    assert form.model == MotionParams(max_shift_px=1)
    qtbot.keyClick(edit, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    assert form.model == MotionParams(max_shift_px=11)


def test_reset_shows_only_for_a_changed_value(qtbot: QtBot) -> None:
    form = _form(qtbot, MotionParams, "motion")
    reset = form.rows["max_shift_px"].reset
    assert not reset.isVisible()
    form.set_model(MotionParams(max_shift_px=5))
    assert reset.isVisible()
    with qtbot.waitSignal(form.valueChanged):
        qtbot.mouseClick(reset, Qt.MouseButton.LeftButton)
    assert form.model == MotionParams()
    assert not reset.isVisible()


def test_expert_parameters_are_behind_more(qtbot: QtBot) -> None:
    form = _form(qtbot, MotionParams, "motion")
    assert not form.editor("highpass_px").isVisible()
    qtbot.mouseClick(form.more, Qt.MouseButton.LeftButton)
    assert form.editor("highpass_px").isVisible()


def test_a_choice_enables_what_depends_on_it(qtbot: QtBot) -> None:
    form = _form(qtbot, MotionParams, "motion")
    assert not form.editor("patch_size_px").isEnabled()
    box = form.editor("mode")
    assert isinstance(box, QComboBox)
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert form.model == MotionParams(mode="piecewise")
    assert form.editor("patch_size_px").isEnabled()


def test_a_number_choice_keeps_its_type(qtbot: QtBot) -> None:
    form = _form(qtbot, TraceParams, "traces")
    box = form.editor("ar_order")
    assert isinstance(box, QComboBox)
    assert box.currentText() == "AR(1): instant rise, exponential decay"
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert form.model == TraceParams(ar_order=0)


def test_an_empty_optional_value_is_none(qtbot: QtBot) -> None:
    form = _form(qtbot, RecordingParams, "recording")
    form.set_placeholder("frame_rate_hz", "30 (assumed)")
    _type(qtbot, form, "frame_rate_hz", "15")
    assert form.model == RecordingParams(frame_rate_hz=15)
    _type(qtbot, form, "frame_rate_hz", "")
    assert form.model == RecordingParams()
    edit = form.editor("frame_rate_hz")
    assert isinstance(edit, QLineEdit)
    assert edit.placeholderText() == "30 (assumed)"


def test_lengths_can_be_typed_in_micrometres(qtbot: QtBot) -> None:
    form = _form(qtbot, MotionParams, "motion")
    row = form.rows["max_shift_px"]
    assert not row.unit.isEnabled()
    form.set_scale(2.0, None)
    qtbot.mouseClick(row.unit, Qt.MouseButton.LeftButton)
    edit = form.editor("max_shift_px")
    assert isinstance(edit, QLineEdit)
    assert (edit.text(), row.unit.text()) == ("24", "µm")
    _type(qtbot, form, "max_shift_px", "10")
    assert form.model == MotionParams(max_shift_px=5)
    _type(qtbot, form, "max_shift_px", "0.5")
    assert row.error.text() == "Must be at least 2 µm."


def test_durations_can_be_typed_in_seconds(qtbot: QtBot) -> None:
    form = _form(qtbot, TraceParams, "traces")
    form.set_scale(None, 20.0)
    row = form.rows["baseline_window_frames"]
    qtbot.mouseClick(row.unit, Qt.MouseButton.LeftButton)
    _type(qtbot, form, "baseline_window_frames", "30")
    assert form.model == TraceParams(baseline_window_frames=600)


def test_set_model_emits_nothing(qtbot: QtBot) -> None:
    form = _form(qtbot, MotionParams, "motion")
    form.valueChanged.connect(lambda _model: pytest.fail("set_model emitted"))
    form.set_model(MotionParams(mode="piecewise", max_shift_px=7))
    assert form.model == MotionParams(mode="piecewise", max_shift_px=7)


def test_the_tooltip_tells_range_sides_and_caimans_name() -> None:
    spec = next(s for s in field_specs(MotionParams, "motion") if s.name == "max_shift_px")
    text = tooltip(spec)
    for part in ("1 to 500 px", "fast movements are cut off", "motion.max_shifts"):
        assert part in text


def test_no_part_of_a_form_is_ever_a_window_of_its_own(qtbot: QtBot) -> None:
    shown = []

    class Watch(QObject):
        def eventFilter(self, target: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Show and isinstance(target, QWidget):
                shown.append(target)
            return False

    app = QApplication.instance()
    watch = Watch()
    app.installEventFilter(watch)
    form = ParamForm(MotionParams, "motion")
    app.removeEventFilter(watch)
    qtbot.addWidget(form)
    assert not shown


def test_a_long_choice_is_shown_by_its_beginning(qtbot: QtBot) -> None:
    form = ParamForm(TraceParams, "traces")
    qtbot.addWidget(form)
    form.resize(300, 200)
    form.show()
    box = form.editor("ar_order")
    assert isinstance(box, ChoiceBox)
    assert box.shown_text(400) == "AR(1): instant rise, exponential decay"
    assert box.shown_text(100) == "AR(1)"
    box.showPopup()
    width = box.fontMetrics().horizontalAdvance(box.currentText())
    assert box.view().minimumWidth() > width
    box.hidePopup()
