"""The Load tab with the mouse: crop, trim, regions, presets, channels, and what is shown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QLabel, QToolButton

from caiman_gui.core.prepare.regions import Region
from caiman_gui.gui.tabs.load_tab import LoadTab

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from caiman_gui.app.context import AppContext
    from caiman_gui.gui.widgets.image_view import ImageView


@pytest.fixture
def tab(qtbot: QtBot, ctx: AppContext, dark: None) -> LoadTab:
    found = LoadTab(ctx)
    qtbot.addWidget(found)
    found.resize(1280, 800)
    found.show()
    return found


@pytest.fixture
def opened(
    qtbot: QtBot, tab: LoadTab, movie_file: Path, open_movie: Callable[[Path], None]
) -> LoadTab:
    """Return the tab with the movie of 40 frames of 32 x 48 px."""
    open_movie(movie_file)
    qtbot.waitUntil(lambda: tab.movie.shown_frame == 0)
    return tab


def drag(
    qtbot: QtBot, view: ImageView, start: tuple[float, float], *stops: tuple[float, float]
) -> None:
    """Press at a (row, column) of the image, move on, and let go at the last place."""
    viewport = view.viewport()

    def place(row: float, col: float) -> QPointF:
        scene = view.view.mapViewToScene(QPointF(col + 0.5, row + 0.5))
        return view.mapFromScene(scene)

    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(viewport, left, pos=place(*start))
    for row, col in stops:
        qtbot.mouseMove(viewport, place(row, col))
    qtbot.mouseRelease(viewport, left, pos=place(*stops[-1]))


def texts(tab: LoadTab) -> str:
    return " ".join(label.text() for label in tab.findChildren(QLabel) if label.isVisible())


def test_a_rectangle_drawn_on_the_image_is_left_out(
    qtbot: QtBot, opened: LoadTab, ctx: AppContext
) -> None:
    qtbot.mouseClick(opened.masks.tools["rectangle"], Qt.MouseButton.LeftButton)
    assert opened.view.regions.tool == "rectangle"
    drag(qtbot, opened.view.recorded.view, (4, 6), (8, 9), (12, 16))
    (region,) = ctx.document.state.regions
    assert region.shape == "rectangle"
    np.testing.assert_allclose(region.points, [(4, 6), (12, 16)], atol=0.6)
    excluded = ctx.document.state.excluded
    assert excluded is not None
    assert 60 <= excluded.sum() <= 110
    qtbot.waitUntil(lambda: "Rectangle" in texts(opened))
    remove = next(
        b for b in opened.masks.findChildren(QToolButton)
        if b.toolTip() == "Use these pixels again" and b.isVisible()
    )  # fmt: skip
    qtbot.mouseClick(remove, Qt.MouseButton.LeftButton)
    assert ctx.document.state.regions == ()
    ctx.document.undo_stack.undo()
    assert ctx.document.state.regions == (region,)


def test_a_freehand_line_becomes_an_outline(qtbot: QtBot, opened: LoadTab, ctx: AppContext) -> None:
    qtbot.mouseClick(opened.masks.tools["freehand"], Qt.MouseButton.LeftButton)
    drag(qtbot, opened.view.recorded.view, (5, 5), (5, 20), (20, 20), (20, 5), (6, 5))
    (region,) = ctx.document.state.regions
    assert region.shape == "polygon"
    assert len(region.points) >= 4
    qtbot.keyClick(opened.view.recorded.view, Qt.Key.Key_Escape)
    assert opened.view.regions.tool == ""
    assert not opened.masks.tools["freehand"].isChecked()


def test_the_crop_is_dragged_and_taken_back(qtbot: QtBot, opened: LoadTab, ctx: AppContext) -> None:
    qtbot.mouseClick(opened.view.crop_button, Qt.MouseButton.LeftButton)
    roi = opened.view.crop.roi
    assert roi.isVisible()
    roi.setPos((6, 4), finish=False)
    roi.setSize((30, 20))
    wanted = ctx.document.state.params.prepare
    assert (wanted.crop_top_px, wanted.crop_left_px) == (4, 6)
    assert (wanted.crop_bottom_px, wanted.crop_right_px) == (8, 12)
    assert ctx.document.state.shape == (40, 20, 30)
    assert "20 × 30 px" in opened.outcome.text()
    qtbot.mouseClick(opened.view.whole_button, Qt.MouseButton.LeftButton)
    assert ctx.document.state.shape == (40, 32, 48)


def test_a_crop_too_small_to_work_with_is_not_taken(opened: LoadTab, ctx: AppContext) -> None:
    opened.view.crop.set_editable(True)
    opened.view.crop.roi.setSize((3, 3))
    assert ctx.document.state.shape == (40, 32, 48)
    assert opened.view.crop.margins == (0, 0, 0, 0)


def test_trimming_on_the_time_line_and_in_the_form_agree(opened: LoadTab, ctx: AppContext) -> None:
    player = opened.view.recorded.player
    assert player is not None
    player.timeline.trimChanged.emit(5, 34)
    assert ctx.document.state.shape[0] == 30
    assert opened.prepare.model.trim_start_frames == 5
    assert player.timeline.trim == (5, 34)
    ctx.document.undo_stack.undo()
    assert player.timeline.trim == (0, 39)


def test_the_prepared_movie_can_be_looked_at(
    qtbot: QtBot, opened: LoadTab, ctx: AppContext, movie_file: Path
) -> None:
    params = ctx.document.state.params.with_values(
        {"prepare": {"crop_top_px": 8, "bin_px": 2, "trim_start_frames": 3}}
    )
    ctx.document.set_params(params)
    qtbot.mouseClick(opened.view.switch.buttons[1], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened.view.prepared.shown_frame == 0)
    shown = opened.view.prepared.view.image
    frame = tifffile.imread(movie_file)[3, 8:].astype(np.float64)
    expected = frame.reshape(12, 2, 24, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(shown, expected, rtol=1e-5)
    assert not opened.view.crop_button.isEnabled()


def test_parameters_that_leave_nothing_are_not_taken(
    qtbot: QtBot, opened: LoadTab, ctx: AppContext
) -> None:
    told = []
    ctx.reporter.message.connect(told.append)
    edit = opened.prepare.editor("trim_start_frames")
    edit.clear()
    qtbot.keyClicks(edit, "40")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert ctx.document.state.shape == (40, 32, 48)
    assert told[-1].title == "Nothing is left of the frames of the movie"


def test_a_preset_sets_linked_parameters_as_one_step(
    qtbot: QtBot, opened: LoadTab, ctx: AppContext
) -> None:
    before = ctx.document.state.params
    box = opened.preset.box
    assert box.currentData() == "2p"
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    params = ctx.document.state.params
    assert params.recording.kind == "one-photon"
    assert params.sources.neuron_diameter_px == 13.0
    assert box.currentData() == "1p"
    ctx.document.set_params(params.with_value("sources.neuron_diameter_px", 11.0))
    assert box.currentText() == "Own values"
    ctx.document.undo_stack.undo()
    ctx.document.undo_stack.undo()
    assert ctx.document.state.params == before
    assert box.currentData() == "2p"


def test_the_pencil_leads_to_the_field(qtbot: QtBot, opened: LoadTab) -> None:
    opened.activateWindow()
    pencil = next(
        b for b in opened.facts.findChildren(QToolButton)
        if b.toolTip() == "Set the frame rate yourself"
    )  # fmt: skip
    qtbot.mouseClick(pencil, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(opened.params.editor("frame_rate_hz").hasFocus)


def test_another_channel_is_read_as_one_step(
    qtbot: QtBot,
    tab: LoadTab,
    ctx: AppContext,
    open_movie: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    movie = np.random.default_rng(0).integers(0, 99, (30, 2, 20, 24)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "two.tif", movie, imagej=True, metadata={"axes": "TCYX"})
    open_movie(tmp_path / "two.tif")
    assert tab.reading_card.isVisible()
    assert tab.reading.channel.count() == 2
    with qtbot.waitSignal(ctx.document.changed):
        tab.reading.channel.setFocus()
        qtbot.keyClick(tab.reading.channel, Qt.Key.Key_Down)
    assert ctx.document.state.params.recording.channel == 2
    qtbot.waitUntil(
        lambda: (
            tab.movie.view.image is not None and np.array_equal(tab.movie.view.image, movie[0, 1])
        )
    )
    ctx.document.undo_stack.undo()
    assert ctx.document.state.params.recording.channel == 1
    qtbot.waitUntil(lambda: np.array_equal(tab.movie.view.image, movie[0, 0]))


def test_another_dataset_and_axis_order_are_read(
    qtbot: QtBot,
    tab: LoadTab,
    ctx: AppContext,
    open_movie: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["green"] = np.zeros((30, 20, 24), np.uint16) + np.arange(24, dtype=np.uint16)
        file["red"] = np.ones((12, 20, 24), np.uint16)
    open_movie(tmp_path / "m.h5")
    assert tab.reading.dataset.count() == 2
    other = 1 - tab.reading.dataset.currentIndex()
    with qtbot.waitSignal(ctx.document.changed):
        tab.reading.dataset.setCurrentIndex(other)
        tab.reading.dataset.activated.emit(other)
    assert ctx.document.state.recording is not None
    assert ctx.document.state.recording.dataset == "/red"
    assert ctx.document.state.shape == (12, 20, 24)
    tab.reading.axes.setText("YTX")
    with qtbot.waitSignal(ctx.document.changed):
        tab.reading.axes.editingFinished.emit()
    assert ctx.document.state.shape == (20, 12, 24)


def test_what_cannot_be_read_leaves_the_choice_as_it_was(
    qtbot: QtBot,
    tab: LoadTab,
    ctx: AppContext,
    open_movie: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    told = []
    ctx.reporter.message.connect(told.append)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["green"] = np.zeros((30, 20, 24), np.uint16)
    open_movie(tmp_path / "m.h5")
    before = ctx.document.state
    tab.reading.axes.setText("TTX")
    tab.reading.axes.editingFinished.emit()
    qtbot.waitUntil(lambda: bool(told) and told[-1].level == "error")
    assert ctx.document.state is before
    assert tab.reading.axes.text() == "TYX"


def test_bad_pixels_are_looked_for_as_soon_as_it_is_asked(
    qtbot: QtBot,
    tab: LoadTab,
    ctx: AppContext,
    open_movie: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    movie = np.random.default_rng(0).poisson(80, (100, 40, 48)).astype(np.uint16)
    movie[:, 9, 11] = 0
    tifffile.imwrite(tmp_path / "m.tif", movie)
    open_movie(tmp_path / "m.tif")
    with qtbot.waitSignal(ctx.workflow.runFinished, timeout=20_000):
        tab.prepare.editor("exclude_bad_pixels").setFocus()
        qtbot.keyClick(tab.prepare.editor("exclude_bad_pixels"), Qt.Key.Key_Space)
    assert ctx.document.state.bad_pixels is not None
    assert ctx.document.state.bad_pixels[9, 11]
    assert "1 dead" in tab.masks.found.text()


def test_the_survey_draws_the_course_and_warns(
    qtbot: QtBot,
    tab: LoadTab,
    ctx: AppContext,
    open_movie: Callable[[Path], None],
    tmp_path: Path,
) -> None:
    movie = np.random.default_rng(0).poisson(200, (400, 24, 32)).astype(np.int16)
    movie[:, :6] = 32767
    tifffile.imwrite(tmp_path / "m.tif", movie)
    with qtbot.waitSignal(ctx.surveys.surveyed, check_params_cb=lambda s: s is not None):
        open_movie(tmp_path / "m.tif")
    assert "saturated" in tab.notes.text()


def test_what_is_left_out_shows_on_the_prepared_movie_at_the_same_moment(
    qtbot: QtBot, opened: LoadTab, ctx: AppContext
) -> None:
    ctx.document.set_regions((Region("exclude", "rectangle", ((4.0, 6.0), (12.0, 16.0))),), "x")
    wanted = {"prepare": {"trim_start_frames": 4, "bin_frames": 2}}
    ctx.document.set_params(ctx.document.state.params.with_values(wanted))
    as_recorded, as_prepared = opened.view.switch.buttons
    opened.view.selection.set_frame(11)
    qtbot.mouseClick(as_prepared, Qt.MouseButton.LeftButton)
    assert ctx.selection.frame == 3
    marked = opened.view.excluded.marked
    assert marked is not None
    np.testing.assert_array_equal(marked, ctx.document.state.excluded)
    qtbot.mouseClick(as_recorded, Qt.MouseButton.LeftButton)
    assert opened.view.selection.frame == 11
    qtbot.mouseClick(as_prepared, Qt.MouseButton.LeftButton)
    ctx.selection.set_frame(6)
    qtbot.mouseClick(as_recorded, Qt.MouseButton.LeftButton)
    assert opened.view.selection.frame == 16


def test_another_recording_begins_at_its_beginning(
    qtbot: QtBot, opened: LoadTab, open_movie: Callable[[Path], None], movie_file: Path
) -> None:
    opened.view.selection.set_frame(9)
    qtbot.mouseClick(opened.view.switch.buttons[1], Qt.MouseButton.LeftButton)
    other = movie_file.with_name("other.tif")
    other.write_bytes(movie_file.read_bytes())
    open_movie(other)
    assert opened.view.current is opened.view.recorded
    assert opened.view.selection.frame == 0
    assert opened.view.switch.buttons[0].isChecked()


def test_the_time_line_knows_a_recording_that_is_opened_again(
    qtbot: QtBot, opened: LoadTab, ctx: AppContext, open_movie: Callable[[Path], None],
    movie_file: Path,
) -> None:  # fmt: skip
    player = opened.view.recorded.player
    assert player is not None
    qtbot.waitUntil(lambda: ctx.surveys.survey is not None)
    height = player.timeline.height()
    open_movie(movie_file)
    assert player.timeline.height() == height


def test_long_names_of_arrays_do_not_widen_the_column(
    qtbot: QtBot, tab: LoadTab, open_movie: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "arrays.h5"
    with h5py.File(path, "w") as file:
        for name in ("a" * 80, "b" * 80):
            file[name] = np.zeros((30, 8, 9), np.uint16)
    open_movie(path)
    qtbot.waitUntil(lambda: tab.reading_card.isVisible())
    inner = tab.side_scroll.widget()
    assert inner is not None
    assert inner.minimumSizeHint().width() <= tab.side_scroll.viewport().width()


def test_a_measured_preparation_can_be_undone(
    qtbot: QtBot, opened: LoadTab, ctx: AppContext
) -> None:
    params = ctx.document.state.params.with_value("prepare.exclude_bad_pixels", True)
    ctx.document.set_params(params, "Bad pixels")
    qtbot.waitUntil(lambda: ctx.document.state.findings is not None, timeout=10_000)
    qtbot.waitUntil(lambda: not ctx.tasks.tasks)
    ctx.document.undo_stack.undo()
    assert not ctx.document.state.params.prepare.exclude_bad_pixels
    assert not ctx.document.undo_stack.canUndo()
    ctx.document.undo_stack.redo()
    assert ctx.document.state.findings is not None
