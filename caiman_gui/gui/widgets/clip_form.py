"""The form of the export dialog: what, which frames, how fast, and how it looks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.app.clip_job import SIZES, ClipChoices, automatic_size, picture_shape
from caiman_gui.gui import theme
from caiman_gui.gui.time_scale import TimeScale
from caiman_gui.gui.widgets.clip_fields import NumberField, RangeField
from caiman_gui.gui.widgets.param_row import ChoiceBox
from caiman_gui.io.clip_style import CLIP_FORMATS, FRAME_FORMATS

if TYPE_CHECKING:
    from caiman_gui.app.clip_job import ClipSource

_LABEL_WIDTH_PX = 104
#: Rows that only clips have, and those that only drawn formats have; others are hidden.
_OF_CLIPS = ("Frames", "Range", "Speed", "Every n-th")
_OF_DRAWN = ("Speed", "Size", "Scale bar", "Show")
_MOST_AVERAGED = 1000
_UNIT_WIDTH_PX = 48
_ADJUST = ChoiceBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon


class ClipForm(QWidget):
    """Edits ClipChoices for one source.

    Parameters
    ----------
    source : ClipSource
    choices : ClipChoices
        What is shown at first.

    Signals
    -------
    edited
        Other choices, or a field that cannot be used.
    """

    edited = Signal()

    def __init__(self, source: ClipSource, choices: ClipChoices) -> None:
        super().__init__()
        self._source = source
        self._initial = choices
        self._scale = TimeScale(source.shape[0], source.frame_rate_hz, source.times_s)
        self._rows: dict[str, tuple[QWidget, QWidget]] = {}
        self._build_what()
        self._build_frames()
        self._build_look()
        self._lay_out()
        self._show(choices)
        self._connect()
        self._on_edited()

    # ------------------------------------------------------------------ build
    def _build_what(self) -> None:
        self.clip = QToolButton()
        self.clip.setText("Clip")
        self.frame = QToolButton()
        self.frame.setText(f"Frame {self._source.frame + 1:,}")
        self._what = QButtonGroup(self)
        for button in (self.clip, self.frame):
            button.setCheckable(True)
            self._what.addButton(button)
        self.clip.setEnabled(self._source.shape[0] > 1)
        self.views = {view.name: QCheckBox(view.name) for view in self._source.views}
        self.form = ChoiceBox()
        self.explanation = theme.label("", "muted", wrap=True)
        self.explanation.setAlignment(Qt.AlignmentFlag.AlignTop)
        # Two lines always, so that the rows below stay where they are.
        self.explanation.setMinimumHeight(2 * self.explanation.fontMetrics().lineSpacing() + 2)

    def _build_frames(self) -> None:
        source = self._source
        self.span = ChoiceBox()
        self.span.addItem(f"All {source.shape[0]:,}", "all")
        if source.played is not None:
            first, last = source.played
            self.span.addItem(f"Played range, {first + 1:,} to {last + 1:,}", "played")
        self.span.addItem("From … to …", "part")
        self.range = RangeField(self._scale)
        tip = "How fast the clip runs: 1 × as recorded. Click the unit to type frames per second."
        self.speed = NumberField("Speed", tip, 1e-3, 1e4)
        self.speed_unit = QToolButton()
        self.speed_unit.setText("×")
        self.speed_unit.setProperty("role", "unit")
        self.speed_unit.setAccessibleName("Unit of the speed")
        self.speed_unit.setToolTip("Click to type frames per second")
        tip = "2: only every second frame is taken; the speed stays the same"
        most = max(1, source.shape[0] - 1)
        self.step = NumberField("Every n-th frame", tip, 1, most, is_whole=True)
        tip = "Each picture is the mean of so many frames around its own, against noise"
        self.average = NumberField("Average", tip, 1, _MOST_AVERAGED, is_whole=True)

    def _build_look(self) -> None:
        self.zoom = ChoiceBox()
        self.area = ChoiceBox()
        self.area.addItem("Whole field", False)
        if self._source.visible is not None:
            _, _, height, width = self._source.visible
            self.area.addItem(f"As zoomed, {width} × {height} px", True)
        self.bar = QCheckBox()
        self.bar.setAccessibleName("Scale bar")
        unit = "px" if self._source.pixel_size_um is None else "µm"
        tip = "Length of the scale bar; empty: a round length of about a fifth of the width"
        if self._source.pixel_size_um is None:
            tip += ". In pixels, since the pixel size is not known"
        self.bar_length = NumberField(
            "Length of the scale bar", tip, 1e-3, 1e6, placeholder="Automatic"
        )
        self.bar_unit = theme.label(unit, "muted")
        self.time = QCheckBox("Time")
        self.time.setToolTip("Write the time of each frame into the lower left corner")
        self.labels = QCheckBox("Names of the views" if len(self.views) > 1 else "Name of the view")
        self.labels.setToolTip("Write what each picture shows into its upper left corner")

    def _lay_out(self) -> None:
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnMinimumWidth(0, _LABEL_WIDTH_PX)
        self._grid.setColumnStretch(1, 1)
        self._row("Export", _beside(self.clip, self.frame))
        if len(self.views) > 1:
            self._row("Views", _below(*self.views.values()))
        self._row("Format", self.form)
        self._grid.addWidget(self.explanation, self._grid.rowCount(), 1)
        self._row("Frames", self.span)
        self._row("Range", self.range, "")
        self._row("Speed", _with_unit(self.speed_unit, self.speed))
        self._row("Every n-th", _with_unit(theme.label("frame", "muted"), self.step))
        self._row("Average", _with_unit(theme.label("frames", "muted"), self.average))
        if self.area.count() > 1:
            self._row("Area", self.area)
        self._row("Size", self.zoom)
        self._row("Scale bar", _with_unit(self.bar_unit, self.bar, self.bar_length))
        self._row("Show", _below(self.time, self.labels))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._grid)
        layout.addStretch(1)

    def _row(self, name: str, editor: QWidget, title: str | None = None) -> None:
        label = theme.label(name if title is None else title)
        if isinstance(editor, ChoiceBox):
            editor.setAccessibleName(name)
            editor.setMinimumContentsLength(8)
            editor.setSizeAdjustPolicy(_ADJUST)
            label.setBuddy(editor)
        line = self._grid.rowCount()
        is_high = isinstance(editor.layout(), QVBoxLayout)
        place = Qt.AlignmentFlag.AlignTop if is_high else Qt.AlignmentFlag.AlignVCenter
        self._grid.addWidget(label, line, 0, place)
        self._grid.addWidget(editor, line, 1)
        self._rows[name] = (label, editor)

    def _connect(self) -> None:
        self._what.buttonClicked.connect(self._on_what)
        for box in (self.form, self.span, self.area, self.zoom):
            box.activated.connect(self._on_edited)
        for flag in (*self.views.values(), self.bar, self.time, self.labels):
            flag.clicked.connect(self._on_edited)
        for field in (self.speed, self.step, self.average, self.bar_length, self.range):
            field.edited.connect(self._on_edited)
        self.speed_unit.clicked.connect(self._on_speed_unit)

    # ---------------------------------------------------------------- choices
    def _show(self, choices: ClipChoices) -> None:
        (self.clip if choices.is_clip else self.frame).setChecked(True)
        for name, box in self.views.items():
            box.setChecked(not choices.views or name in choices.views)
        self._fill_formats(choices)
        self.span.setCurrentIndex(max(0, self.span.findData(choices.span)))
        self.range.set_range(choices.first, choices.last)
        self.speed.set_value(choices.speed)
        self.step.set_value(min(choices.step, max(1, self._source.shape[0] - 1)))
        self.average.set_value(choices.average_frames)
        self.area.setCurrentIndex(max(0, self.area.findData(choices.is_visible_only)))
        self.bar.setChecked(choices.has_bar)
        self.bar_length.set_value(choices.bar_um)
        self.time.setChecked(choices.has_time)
        self.labels.setChecked(choices.has_labels)
        self._fill_sizes(choices)

    @property
    def choices(self) -> ClipChoices:
        """What is chosen; fields that cannot be used count as they were before."""
        first, last = self.range.range
        form = str(self.form.currentData())
        is_clip = self.clip.isChecked()
        return replace(
            self._initial, is_clip=is_clip, span=str(self.span.currentData()), first=first,
            last=last, speed=self.speed.value or 1.0, step=int(self.step.value or 1),
            average_frames=int(self.average.value or 1), views=self._chosen_views(),
            clip_form=form if is_clip else self._initial.clip_form,
            frame_form=self._initial.frame_form if is_clip else form,
            size=self.zoom.currentData(), is_visible_only=bool(self.area.currentData()),
            has_bar=self.bar.isChecked(), bar_um=self.bar_length.value,
            has_time=self.time.isChecked(), has_labels=self.labels.isChecked(),
        )  # fmt: skip

    @property
    def problem(self) -> str:
        """Why nothing can be exported; empty if all is well."""
        if not any(box.isChecked() for box in self.views.values()):
            return "Choose at least one view."
        fields = [self.average, *([self.speed, self.step] if self.clip.isChecked() else [])]
        if self.bar.isChecked():
            fields.append(self.bar_length)
        problems = [field.problem for field in fields]
        if self.clip.isChecked() and self.span.currentData() == "part":
            problems.append(self.range.problem)
        return next((problem for problem in problems if problem), "")

    def _chosen_views(self) -> tuple[str, ...]:
        chosen = tuple(name for name, box in self.views.items() if box.isChecked())
        return () if len(chosen) == len(self.views) else chosen

    def _fill_formats(self, choices: ClipChoices) -> None:
        self.form.clear()
        for name, form in (CLIP_FORMATS if choices.is_clip else FRAME_FORMATS).items():
            self.form.addItem(form.title, name)
        self.form.setCurrentIndex(max(0, self.form.findData(choices.form)))

    def _fill_sizes(self, choices: ClipChoices) -> None:
        self.zoom.clear()
        for size in (None, *SIZES):
            height, width = picture_shape(self._source, replace(choices, size=size))
            shown = automatic_size(self._source, choices) if size is None else size
            auto = "Auto " if size is None else ""
            self.zoom.addItem(f"{auto}{shown:g}×, {width:,} × {height:,} px", size)
        self.zoom.setCurrentIndex(max(0, self.zoom.findData(choices.size)))

    # --------------------------------------------------------------- reactions
    @Slot()
    def _on_what(self) -> None:
        # The form is still filled with the other kind's formats: remember which was chosen.
        was_clip = self.form.findData("mp4") >= 0
        form = str(self.form.currentData())
        self._initial = replace(
            self._initial,
            clip_form=form if was_clip else self._initial.clip_form,
            frame_form=self._initial.frame_form if was_clip else form,
            is_clip=self.clip.isChecked(),
        )
        self._fill_formats(self._initial)
        self._on_edited()

    @Slot()
    def _on_speed_unit(self) -> None:
        is_fps = self.speed_unit.text() == "×"
        self.speed_unit.setText("fps" if is_fps else "×")
        other = "times real time" if is_fps else "frames per second"
        self.speed_unit.setToolTip(f"Click to type {other}")
        self._on_edited()
        self.speed.set_value(self.speed.value)

    @Slot()
    def _on_edited(self) -> None:
        choices = self.choices
        self._fill_sizes(choices)
        is_fps = self.speed_unit.text() == "fps"
        self.speed.set_factor(self._source.frame_rate_hz / choices.step if is_fps else 1.0)
        self.explanation.setText(choices.format.explanation)
        for name, (label, editor) in self._rows.items():
            is_shown = choices.is_clip or name not in _OF_CLIPS
            is_shown = is_shown and (choices.format.is_drawn or name not in _OF_DRAWN)
            is_shown = is_shown and (name != "Range" or choices.span == "part")
            label.setVisible(is_shown)
            editor.setVisible(is_shown)
        self.bar_length.setEnabled(choices.has_bar)
        self.edited.emit()


def _beside(*widgets: QWidget) -> QWidget:
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    return box


def _with_unit(unit: QWidget, *editors: QWidget) -> QWidget:
    room = QWidget()
    room.setFixedWidth(_UNIT_WIDTH_PX)
    inner = QHBoxLayout(room)
    inner.setContentsMargins(0, 0, 0, 0)
    inner.addWidget(unit)
    inner.addStretch(1)
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    for editor in editors:
        layout.addWidget(editor)
    layout.addWidget(room)
    return box


def _below(*widgets: QWidget) -> QWidget:
    box = QWidget()
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget in widgets:
        layout.addWidget(widget)
    return box
