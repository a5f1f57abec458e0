"""The export dialog, clicked through as a user does, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QWidget

from caiman_gui.app.clip_job import ClipChoices, ClipSource, ClipView, make_job
from caiman_gui.app.tasks import TaskRunner
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.task import NULL_CONTEXT
from caiman_gui.errors import InputError
from caiman_gui.gui.clip_dialog import ClipDialog
from caiman_gui.gui.clip_export import ClipExporter
from caiman_gui.gui.clip_source import shown_source, visible_part
from caiman_gui.gui.time_scale import TimeScale
from caiman_gui.gui.widgets.color_maps import COLOR_MAPS, lookup_table
from caiman_gui.gui.widgets.movie_view import MovieView
from caiman_gui.io import color_tables
from caiman_gui.io.clip_style import CLIP_FORMATS, FRAME_FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

    from caiman_gui.app.clip_job import ClipJob
    from caiman_gui.app.context import AppContext

N, H, W, RATE = 80, 48, 64, 20.0
VALUES = np.random.default_rng(0).integers(0, 1000, (N, H, W)).astype(np.uint16)


class Reader:
    def open(self) -> ArrayMovie:
        return ArrayMovie(VALUES)

    def close(self) -> None:
        pass


class Broken(Reader):
    def open(self) -> ArrayMovie:
        raise InputError("The movie is gone", "It was moved.", "Locate it.")


def make_source(**values: Any) -> ClipSource:
    view = ClipView("Raw", Reader, 0, 1000)
    other = ClipView("Corrected", Reader, 0, 1000, color_map="viridis")
    source = ClipSource(
        (view, other), (N, H, W), np.arange(N) / RATE, RATE, frame=4, pixel_size_um=1.0, name="day1"
    )
    return replace(source, **values)


Opened = tuple[ClipDialog, list["ClipJob"]]


@pytest.fixture
def tasks(qapp: Any) -> Iterator[TaskRunner]:
    runner = TaskRunner()
    yield runner
    assert runner.shutdown()


@pytest.fixture
def open_dialog(
    qtbot: QtBot, tasks: TaskRunner, dialogs: Any, tmp_path: Path
) -> Callable[..., Opened]:
    """Return a function that opens the dialog and waits for its first preview."""

    def opener(source: ClipSource, former: ClipChoices | None = None) -> Opened:
        dialog = ClipDialog(source, tasks, dialogs, tmp_path, former)
        qtbot.addWidget(dialog)
        jobs: list[ClipJob] = []
        dialog.chosen.connect(jobs.append)
        dialog.open()
        settled(qtbot, dialog)
        return dialog, jobs

    return opener


def settled(qtbot: QtBot, dialog: ClipDialog) -> None:
    """Wait until the preview shows what is chosen."""
    qtbot.waitUntil(lambda: not dialog._settle.isActive() and dialog._task is None)


def click(qtbot: QtBot, widget: QWidget) -> None:
    middle = widget.rect().center()
    place = QPoint(10, middle.y()) if isinstance(widget, QCheckBox) else middle
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=place)


def choose(box: QComboBox, data: object) -> None:
    index = box.findData(data)
    assert index >= 0
    box.setCurrentIndex(index)
    box.activated.emit(index)


def type_into(qtbot: QtBot, edit: Any, text: str) -> None:
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, text)


def press_export(qtbot: QtBot, dialog: ClipDialog) -> None:
    click(qtbot, dialog.export)


def test_sensible_choices_are_made_already(
    qtbot: QtBot, open_dialog: Callable[..., Opened], dialogs: Any, tmp_path: Path
) -> None:
    dialog, jobs = open_dialog(make_source())
    dialogs.saved = tmp_path / "x.mp4"
    assert dialog.picture.image.width() == 8 * W * 2 + 4
    assert "80 frames · 4 s at 20 frames/s" in dialog.summary.text()
    assert "about" in dialog.summary.text()
    press_export(qtbot, dialog)
    assert not dialog.isVisible()
    (job,) = jobs
    assert (job.form, job.is_clip, list(job.spec.frames)) == ("mp4", True, list(range(N)))
    assert [style.label for style in job.styles] == ["Raw", "Corrected"]
    assert dialogs.asked == ["Export: MP4 video"]


def test_the_dialog_stays_when_no_file_was_named(
    qtbot: QtBot, open_dialog: Callable[..., Opened], dialogs: Any
) -> None:
    dialog, jobs = open_dialog(make_source())
    press_export(qtbot, dialog)
    assert dialog.isVisible()
    assert dialogs.asked == ["Export: MP4 video"]
    assert not jobs
    click(qtbot, dialog.buttons.button(dialog.buttons.StandardButton.Cancel))
    assert not dialog.isVisible()
    assert not jobs


def test_everything_can_be_chosen(
    qtbot: QtBot, open_dialog: Callable[..., Opened], dialogs: Any, tmp_path: Path
) -> None:
    dialog, jobs = open_dialog(make_source(visible=(4, 5, 30, 40)))
    form = dialog.form
    click(qtbot, form.views["Corrected"])
    choose(form.form, "gif")
    choose(form.span, "part")
    type_into(qtbot, form.range.first, "11")
    type_into(qtbot, form.range.last, "1.5 s")
    type_into(qtbot, form.speed, "0.5")
    type_into(qtbot, form.step, "2")
    type_into(qtbot, form.average, "4")
    choose(form.area, False)
    choose(form.zoom, 3.0)
    type_into(qtbot, form.bar_length, "20")
    click(qtbot, form.time)
    click(qtbot, form.labels)
    settled(qtbot, dialog)
    assert form.range.times.text() == "0.50 s to 1.50 s"
    assert dialog.picture.image.width() == 3 * W
    assert dialog.summary.text().startswith("11 frames · 2.2 s at 5 frames/s · 192 × 144 px")
    dialogs.saved = tmp_path / "x.gif"
    press_export(qtbot, dialog)
    (job,) = jobs
    (style,) = job.styles
    assert (job.spec.first, job.spec.last, job.spec.step) == (10, 30, 2)
    assert job.spec.playback_fps == 5.0
    assert (style.average_frames, style.scale, style.scale_bar_um) == (4, 3.0, 20.0)
    assert (style.show_time, style.label, style.crop) == (False, "", None)


def test_speed_can_be_typed_in_frames_per_second(
    qtbot: QtBot, open_dialog: Callable[..., Opened]
) -> None:
    dialog, _ = open_dialog(make_source())
    click(qtbot, dialog.form.speed_unit)
    assert dialog.form.speed.text() == "20"
    type_into(qtbot, dialog.form.speed, "50")
    assert dialog.choices.speed == 2.5
    type_into(qtbot, dialog.form.step, "2")
    assert "at 25 frames/s" in dialog.summary.text()  # the speed stays
    click(qtbot, dialog.form.speed_unit)
    assert dialog.form.speed.text() == "2.5"
    settled(qtbot, dialog)


def test_arrow_keys_step_numbers(qtbot: QtBot, open_dialog: Callable[..., Opened]) -> None:
    dialog, _ = open_dialog(make_source())
    for edit, key, value in (
        (dialog.form.average, Qt.Key.Key_Up, 2),
        (dialog.form.average, Qt.Key.Key_Down, 1),
        (dialog.form.average, Qt.Key.Key_Down, 1),
        (dialog.form.speed, Qt.Key.Key_Down, 0.9),
        (dialog.form.speed, Qt.Key.Key_Up, 0.91),
    ):
        qtbot.keyClick(edit, key)
        assert edit.value == pytest.approx(value)
    settled(qtbot, dialog)


def test_rows_without_effect_are_not_shown(
    qtbot: QtBot, open_dialog: Callable[..., Opened]
) -> None:
    dialog, _ = open_dialog(make_source())
    form = dialog.form
    assert form.speed.isVisible()
    assert not form.range.isVisible()
    choose(form.form, "tiff")
    assert not form.speed.isVisible()
    assert not form.bar.isVisible()
    assert form.step.isVisible()
    assert "2 channels" in dialog.summary.text()
    click(qtbot, form.frame)
    assert not form.span.isVisible()
    assert [form.form.itemData(i) for i in range(form.form.count())] == list(FRAME_FORMATS)
    choose(form.form, "svg")
    click(qtbot, form.clip)
    assert [form.form.itemData(i) for i in range(form.form.count())] == list(CLIP_FORMATS)
    assert form.form.currentData() == "tiff"
    click(qtbot, form.frame)
    assert form.form.currentData() == "svg"
    assert "words" in form.explanation.text()
    settled(qtbot, dialog)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("speed", "0", "Speed: must be"),
        ("speed", "fast", "“fast” is not a number"),
        ("step", "1.5", "a whole number is needed"),
        ("average", "", "a number is needed"),
        ("average", "nan", "must be 1 to 1,000"),
        ("bar_length", "900", "The scale bar is too long"),
    ],
)
def test_what_cannot_be_used_is_said_and_not_exported(
    qtbot: QtBot,
    open_dialog: Callable[..., Opened],
    dialogs: Any,
    field: str,
    text: str,
    words: str,
) -> None:
    dialog, jobs = open_dialog(make_source())
    dialogs.saved = Path("never.mp4")
    edit = getattr(dialog.form, field)
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClick(edit, Qt.Key.Key_Backspace)
    qtbot.keyClicks(edit, text)
    assert words in dialog.error.text()
    assert not dialog.export.isEnabled()
    dialog.accept()
    assert not jobs
    edit.selectAll()
    qtbot.keyClicks(edit, "2")
    assert not dialog.error.text()
    assert dialog.export.isEnabled()
    settled(qtbot, dialog)


def test_a_range_must_go_forward(qtbot: QtBot, open_dialog: Callable[..., Opened]) -> None:
    dialog, _ = open_dialog(make_source())
    form = dialog.form
    choose(form.span, "part")
    type_into(qtbot, form.range.first, "30")
    type_into(qtbot, form.range.last, "20")
    assert "lies before the first" in dialog.error.text()
    type_into(qtbot, form.range.last, "what")
    assert "no frame and no time" in dialog.error.text()
    qtbot.keyClick(form.range.last, Qt.Key.Key_Tab)
    assert (form.range.first.text(), form.range.last.text()) == ("30", "80")
    assert dialog.export.isEnabled()
    settled(qtbot, dialog)


def test_no_view_is_nothing_to_export(qtbot: QtBot, open_dialog: Callable[..., Opened]) -> None:
    dialog, _ = open_dialog(make_source())
    for box in dialog.form.views.values():
        click(qtbot, box)
    assert dialog.error.text() == "Choose at least one view."
    assert not dialog.export.isEnabled()


def test_large_gifs_are_advised_against(
    qtbot: QtBot, open_dialog: Callable[..., Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("caiman_gui.gui.clip_dialog._LARGE_GIF_BYTES", 5e6)
    dialog, _ = open_dialog(make_source())
    choose(dialog.form.form, "gif")
    choose(dialog.form.zoom, 8.0)
    settled(qtbot, dialog)
    assert "choose MP4" in dialog.summary.text()


def test_frames_left_out_are_told(qtbot: QtBot, open_dialog: Callable[..., Opened]) -> None:
    dialog, _ = open_dialog(make_source())
    type_into(qtbot, dialog.form.speed, "8")
    assert "1 frame in 3, since it plays at most 60 a second" in dialog.summary.text()
    settled(qtbot, dialog)


def test_a_movie_that_cannot_be_read_is_told_in_place(
    qtbot: QtBot, open_dialog: Callable[..., Opened]
) -> None:
    dialog, _ = open_dialog(make_source(views=(ClipView("Raw", Broken, 0, 1),)))
    assert dialog.picture.image.isNull()
    assert dialog.picture._words == "The movie is gone"


def test_recordings_of_one_frame(qtbot: QtBot, open_dialog: Callable[..., Opened]) -> None:
    source = make_source(shape=(1, H, W), times_s=np.zeros(1), frame=0)
    dialog, _ = open_dialog(source)
    assert not dialog.form.clip.isEnabled()
    assert dialog.form.frame.isChecked()
    assert not dialog.picture.image.isNull()


def test_other_suffixes_get_the_right_one(
    qtbot: QtBot, open_dialog: Callable[..., Opened], dialogs: Any, tmp_path: Path
) -> None:
    dialog, jobs = open_dialog(make_source())
    dialogs.saved = tmp_path / "day.1"
    (tmp_path / "day.1.mp4").write_text("old")
    press_export(qtbot, dialog)
    assert dialogs.asked[-1] == "Replace the file?"
    assert not jobs
    dialogs.yes = True
    press_export(qtbot, dialog)
    assert jobs[0].path == tmp_path / "day.1.mp4"


@pytest.fixture
def exporter(qtbot: QtBot, ctx: AppContext, dialogs: Any) -> tuple[ClipExporter, list[Any]]:
    """Return an exporter over a window, and the messages it shows."""
    window = QWidget()
    qtbot.addWidget(window)
    told: list[Any] = []
    return ClipExporter(ctx, dialogs, lambda *words: told.append(words), window), told


def test_an_export_is_written_and_told(
    qtbot: QtBot, exporter: tuple[ClipExporter, list[Any]], dialogs: Any, tmp_path: Path
) -> None:
    clips, told = exporter
    shown: list[Path] = []
    clips.show_folder = shown.append
    dialog = clips.open(make_source(), protected=[tmp_path / "raw.tif"])
    settled(qtbot, dialog)
    choose(dialog.form.form, "tiff")
    click(qtbot, dialog.form.views["Corrected"])
    dialogs.saved = tmp_path / "out.tif"
    settled(qtbot, dialog)
    press_export(qtbot, dialog)
    qtbot.waitUntil(lambda: bool(told))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tif"), VALUES)
    title, detail, level, (words, deed) = told[0]
    assert (title, level, words) == ("Clip exported", "info", "Show in folder")
    assert detail.startswith("out.tif\n80 frames, ")
    deed()
    assert shown == [tmp_path]


def test_a_frame_is_written_and_told(
    qtbot: QtBot, exporter: tuple[ClipExporter, list[Any]], dialogs: Any, tmp_path: Path
) -> None:
    clips, told = exporter
    dialog = clips.open(make_source())
    click(qtbot, dialog.form.frame)
    dialogs.saved = tmp_path / "out.png"
    settled(qtbot, dialog)
    press_export(qtbot, dialog)
    qtbot.waitUntil(lambda: bool(told))
    assert told[0][:2] == ("Frame exported", "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_choices_are_remembered(qtbot: QtBot, exporter: tuple[ClipExporter, list[Any]]) -> None:
    clips, _ = exporter
    first = clips.open(make_source())
    choose(first.form.form, "gif")
    type_into(qtbot, first.form.speed, "4")
    settled(qtbot, first)
    first.reject()
    second = clips.open(make_source())
    assert (second.choices.clip_form, second.choices.speed) == ("gif", 4.0)
    settled(qtbot, second)
    second.reject()


@pytest.mark.parametrize("name", ["raw.tif", "project.cgdata/x.tif"])
def test_the_recording_is_never_written_over(
    qtbot: QtBot, ctx: AppContext, exporter: tuple[ClipExporter, list[Any]], dialogs: Any,
    tmp_path: Path, name: str,
) -> None:  # fmt: skip
    clips, told = exporter
    messages: list[Any] = []
    ctx.reporter.message.connect(messages.append)
    dialog = clips.open(
        make_source(), protected=[tmp_path / "raw.tif", tmp_path / "project.cgdata"]
    )
    choose(dialog.form.form, "tiff")
    dialogs.saved = tmp_path / name
    settled(qtbot, dialog)
    press_export(qtbot, dialog)
    assert "would replace a part of the project" in messages[0].title
    assert not told
    assert not ctx.tasks.tasks


def test_failures_are_told(
    qtbot: QtBot, ctx: AppContext, exporter: tuple[ClipExporter, list[Any]], dialogs: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    clips, told = exporter
    (tmp_path / "file").write_text("")
    messages: list[Any] = []
    ctx.reporter.message.connect(messages.append)
    dialog = clips.open(make_source())
    dialogs.saved = tmp_path / "file" / "out.mp4"
    settled(qtbot, dialog)
    press_export(qtbot, dialog)
    qtbot.waitUntil(lambda: bool(messages))
    assert messages[0].title == "The folder cannot be made"
    assert not told


@pytest.fixture
def movie_view(
    qtbot: QtBot, ctx: AppContext, movie_file: Path, open_movie: Callable[[Path], None]
) -> MovieView:
    """Return a view of a movie of 40 frames of 32 x 48 px."""
    open_movie(movie_file)
    view = MovieView(ctx, "raw", with_player=False)
    qtbot.addWidget(view)
    view.resize(600, 400)
    view.show()
    view.reload()
    qtbot.waitUntil(lambda: view.shown_frame == 0)
    return view


def test_what_a_view_shows_can_be_exported(
    qtbot: QtBot, ctx: AppContext, movie_view: MovieView, movie_file: Path, tmp_path: Path
) -> None:
    scale = TimeScale(40, 20.0)
    movie_view.view.set_levels(100, 900)
    movie_view.view.set_color_map("magma")
    movie_view.view.set_gamma(0.5)
    movie_view.set_averaging(4, 1.0)
    source = shown_source(
        ctx.frames, [movie_view, movie_view], scale, played=(0, 39), pixel_size_um=2.0, name="a"
    )
    assert source is not None
    assert source.shape == (40, 32, 48)
    assert (source.played, source.visible, source.frame) == (None, None, 0)
    assert (source.average_frames, source.smooth_px) == (4, 1.0)
    view = source.views[0]
    assert (view.name, view.low, view.high) == ("Raw", 100, 900)
    assert (view.gamma, view.color_map) == (0.5, "magma")
    choices = ClipChoices(clip_form="tiff", views=("Raw",))
    make_job(replace(source, views=(view,)), choices, tmp_path / "c.tif").run(NULL_CONTEXT)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.tif"), tifffile.imread(movie_file))


def test_what_is_zoomed_into_can_be_exported(ctx: AppContext, movie_view: MovieView) -> None:
    movie_view.view.view.setRange(xRange=(10, 20), yRange=(5, 11), padding=0)
    source = shown_source(ctx.frames, [movie_view], TimeScale(40, 20.0), played=(3, 9))
    assert source is not None
    assert source.visible is not None
    top, left, height, width = source.visible
    assert top <= 5
    assert left <= 10
    assert top + height >= 11
    assert left + width >= 20
    assert height * width < 32 * 48 / 2
    assert source.played == (3, 9)


def test_nothing_is_shown_yet(qtbot: QtBot, ctx: AppContext) -> None:
    view = MovieView(ctx, "raw", with_player=False)
    qtbot.addWidget(view)
    assert shown_source(ctx.frames, [view], TimeScale(40, 20.0)) is None
    assert visible_part(view.view) is None


def test_colours_are_those_of_the_window() -> None:
    assert color_tables.COLOR_MAPS == COLOR_MAPS
    for name in COLOR_MAPS:
        table = lookup_table(name)
        shown = table if table is not None else np.repeat(np.arange(256)[:, None], 3, axis=1)
        assert np.abs(shown.astype(int) - color_tables.color_table(name)).max() <= 2
