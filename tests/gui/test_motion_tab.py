"""The Motion correction tab: before, during and after a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLabel

from caiman_gui.core.results import MotionResult
from caiman_gui.gui.tabs.motion_tab import MotionTab, metrics_of, patch_outlines
from caiman_gui.params.motion import MotionParams

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from caiman_gui.app.context import AppContext


@pytest.fixture
def tab(qtbot: QtBot, ctx: AppContext) -> MotionTab:
    found = MotionTab(ctx)
    qtbot.addWidget(found)
    found.resize(1200, 700)
    found.show()
    return found


@pytest.fixture
def loaded(
    qtbot: QtBot, tab: MotionTab, movie_file: Path, open_movie: Callable[[Path], None]
) -> MotionTab:
    open_movie(movie_file)
    qtbot.waitUntil(lambda: tab.raw.shown_frame == 0)
    return tab


def _result(shifts: np.ndarray) -> MotionResult:
    n_frames, n_patches, _ = shifts.shape
    image = np.zeros((32, 48), np.float32)
    centers = np.array([[8.0, 8.0], [8.0, 24.0], [24.0, 8.0], [24.0, 24.0]])[:n_patches]
    return MotionResult(
        shifts=shifts,
        patch_centers_px=centers.astype(np.float32),
        patch_size_px=np.array([16, 16], np.float32),
        template=image,
        correlation=np.full(n_frames, 0.9, np.float32),
        correlation_before=np.full(n_frames, 0.5, np.float32),
        mean_before=image,
        mean_after=image,
        valid=np.ones_like(image),
    )


def test_without_a_movie_it_says_where_to_get_one(qtbot: QtBot, tab: MotionTab) -> None:
    assert tab.content.currentWidget() is tab.no_movie
    assert not tab.run_button.isEnabled()
    assert tab.forecast_label.text() == "Open a movie first."
    button = tab.no_movie.button
    assert button is not None
    with qtbot.waitSignal(tab.requestTab) as seen:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert seen.args == ["load"]


def test_before_a_run_the_need_is_met_in_place(qtbot: QtBot, loaded: MotionTab) -> None:
    assert loaded.right.currentWidget() is loaded.no_result
    assert loaded.run_button.isEnabled()
    assert loaded.forecast_label.text().startswith("Forecast: ")
    assert not loaded.metrics_card.isVisible()
    assert loaded.status == "empty"


def test_a_run_shows_the_corrected_movie(qtbot: QtBot, loaded: MotionTab, ctx: AppContext) -> None:
    with qtbot.waitSignal(ctx.workflow.runFinished, timeout=60_000) as seen:
        qtbot.mouseClick(loaded.run_button, Qt.MouseButton.LeftButton)
    assert seen.args == [True]
    assert loaded.status == "done"
    assert loaded.right.currentWidget() is loaded.corrected
    qtbot.waitUntil(lambda: loaded.corrected.shown_frame == 0)
    assert loaded.metrics_card.isVisible()
    texts = [label.text() for label in loaded.metrics.findChildren(QLabel)]
    assert "Largest shift" in texts
    assert loaded.run_button.text() == "Run again"
    ctx.selection.set_frame(7)
    qtbot.waitUntil(lambda: loaded.corrected.shown_frame == loaded.raw.shown_frame == 7)
    assert loaded.shifts.cursor_line.value() == pytest.approx(7 / 20)
    loaded.shifts.frameChosen.emit(3)
    assert ctx.selection.frame == 3
    ctx.document.undo_stack.undo()
    assert loaded.right.currentWidget() is loaded.no_result
    assert loaded.status == "empty"


def test_another_setting_makes_it_out_of_date(
    qtbot: QtBot, loaded: MotionTab, ctx: AppContext
) -> None:
    with qtbot.waitSignal(ctx.workflow.runFinished, timeout=60_000):
        qtbot.mouseClick(loaded.run_button, Qt.MouseButton.LeftButton)
    assert loaded.form is not None
    edit = loaded.form.editor("max_shift_px")
    qtbot.keyClick(edit, Qt.Key.Key_Up)
    assert ctx.document.state.params.motion == MotionParams(max_shift_px=13)
    assert loaded.status == "stale"
    assert loaded.forecast_label.text().startswith("Out of date")


def test_a_run_can_be_cancelled(qtbot: QtBot, loaded: MotionTab, ctx: AppContext) -> None:
    task = ctx.workflow.run(("motion",))
    assert task is not None
    with qtbot.waitSignal(ctx.workflow.runFinished, timeout=20_000) as seen:
        task.cancel()
    assert seen.args == [False]
    assert loaded.status == "empty"
    assert not loaded.cancel_button.isVisible()


def test_hidden_it_waits_with_redrawing(
    qtbot: QtBot, tab: MotionTab, movie_file: Path, open_movie: Callable[[Path], None]
) -> None:
    tab.hide()
    open_movie(movie_file)
    assert tab.content.currentWidget() is tab.no_movie
    tab.show()
    assert tab.content.currentWidget() is tab.views


def test_numbers_of_a_known_result() -> None:
    shifts = np.zeros((10, 1, 2), np.float32)
    shifts[0, 0] = (-6, 2)
    rows = {name: value for name, value, _ in metrics_of(_result(shifts), max_shift_px=6)}
    assert rows == {
        "Mean correlation": "0.500 → 0.900",
        "Largest shift": "6 px",
        "Frames at the limit": "10 %",
    }


def test_patches_are_drawn_where_they_are() -> None:
    result = _result(np.zeros((5, 4, 2), np.float32))
    x, y = patch_outlines(result.patch_centers_px, result.patch_size_px)
    assert (len(x), len(y)) == (32, 32)
    assert (x.min(), x.max(), y.min(), y.max()) == (0, 32, 0, 32)


def test_a_piecewise_result_offers_its_patches(
    qtbot: QtBot, loaded: MotionTab, ctx: AppContext
) -> None:
    from caiman_gui.app.topics import Topic

    state = ctx.document.state.with_(motion=_result(np.zeros((40, 4, 2), np.float32)))
    ctx.document.edit("Motion correction", state, Topic.MOTION)
    assert loaded.show_grid.isVisible()
    box = loaded.show_grid
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    assert loaded.grid.isVisible()
