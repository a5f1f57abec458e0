"""The Load tab, from an empty window to a corrected frame rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from conftest import write_movie
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QToolButton, QWidget

from caiman_gui.app.topics import Topic
from caiman_gui.gui.presets import change_microscope
from caiman_gui.gui.tabs.load_tab import LoadTab
from caiman_gui.gui.widgets.drop import sort_files
from caiman_gui.params.recording import RecordingParams
from caiman_gui.params.run import RunParams

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from caiman_gui.app.context import AppContext


@pytest.fixture
def tab(qtbot: QtBot, ctx: AppContext) -> LoadTab:
    found = LoadTab(ctx)
    qtbot.addWidget(found)
    found.resize(1200, 700)
    found.show()
    return found


def _facts(tab: LoadTab) -> str:
    return " ".join(label.text() for label in tab.facts.findChildren(QLabel) if label.isVisible())


def test_empty_it_offers_ways_in(qtbot: QtBot, tab: LoadTab) -> None:
    assert tab.status == "empty"
    assert tab.content.currentWidget() is tab.empty
    assert tab.welcome.button is not None
    with qtbot.waitSignal(tab.openRequested):
        qtbot.mouseClick(tab.welcome.button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(tab.demoRequested):
        qtbot.mouseClick(tab.demo_button, Qt.MouseButton.LeftButton)
    assert not tab.go_on.isVisible()


def test_recent_files_are_one_click_away(
    qtbot: QtBot, tab: LoadTab, ctx: AppContext, tmp_path: Path
) -> None:
    ctx.settings.add_recent(tmp_path / "day1.tif")
    tab.show_recent()
    button = next(b for b in tab.recent.findChildren(QPushButton) if b.text() == "day1.tif")
    with qtbot.waitSignal(tab.recentRequested) as seen:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert seen.args == [(tmp_path / "day1.tif",)]


def test_an_opened_movie_is_shown_with_what_it_says(
    qtbot: QtBot, tab: LoadTab, movie_file: Path, open_movie: Callable[[Path], None]
) -> None:
    open_movie(movie_file)
    assert tab.status == "done"
    qtbot.waitUntil(lambda: tab.movie.shown_frame == 0)
    facts = _facts(tab)
    for part in ("40", "32 × 48 px", "uint16", "2 s", "20 Hz (ImageJ finterval)"):
        assert part in facts
    edit = tab.params.editor("frame_rate_hz")
    assert isinstance(edit, QLineEdit)
    assert (edit.text(), edit.placeholderText()) == ("", "20 (file)")


def test_the_frame_rate_can_be_corrected_and_undone(
    qtbot: QtBot,
    tab: LoadTab,
    ctx: AppContext,
    movie_file: Path,
    open_movie: Callable[[Path], None],
) -> None:
    open_movie(movie_file)
    edit = tab.params.editor("frame_rate_hz")
    qtbot.keyClicks(edit, "10")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert ctx.document.state.params.recording == RecordingParams(frame_rate_hz=10)
    qtbot.waitUntil(lambda: "10 Hz (set by you)" in _facts(tab))
    ctx.document.undo_stack.undo()
    assert tab.params.model == RecordingParams()


def test_continue_goes_to_motion_correction(
    qtbot: QtBot, tab: LoadTab, movie_file: Path, open_movie: Callable[[Path], None]
) -> None:
    open_movie(movie_file)
    with qtbot.waitSignal(tab.requestTab) as seen:
        qtbot.mouseClick(tab.go_on, Qt.MouseButton.LeftButton)
    assert seen.args == ["motion"]


def test_files_can_be_reordered_and_removed(
    qtbot: QtBot, tab: LoadTab, ctx: AppContext, tmp_path: Path
) -> None:
    paths = [write_movie(tmp_path / f"part{i}.tif", 12) for i in (1, 2)]
    with qtbot.waitSignal(ctx.projects.opened, timeout=10_000):
        ctx.projects.open_movies(paths)
    assert tab.files.paths() == paths
    with qtbot.waitSignal(tab.pathsRequested) as seen:
        qtbot.mouseClick(tab.files.down, Qt.MouseButton.LeftButton)
    assert seen.args == [paths[::-1]]
    with qtbot.waitSignal(tab.pathsRequested) as seen:
        qtbot.mouseClick(tab.files.remove, Qt.MouseButton.LeftButton)
    assert seen.args == [[paths[1]]]
    qtbot.waitUntil(lambda: not ctx.tasks.tasks)


def test_too_short_a_movie_is_said(
    qtbot: QtBot, tab: LoadTab, movie_file: Path, open_movie: Callable[[Path], None]
) -> None:
    open_movie(movie_file)
    assert tab.notes_card.isVisible()
    assert "only 40 frames" in tab.notes.text()


def test_dropped_files_are_told_apart(tmp_path: Path) -> None:
    for name in ("day10.tif", "day2.TIF", "mine.json"):
        (tmp_path / name).touch()
    frames = tmp_path / "frames"
    frames.mkdir()
    found = sort_files([*tmp_path.iterdir()])
    assert [p.name for p in found.movies] == ["day2.TIF", "day10.tif", "frames"]
    assert [p.name for p in found.parameters] == ["mine.json"]
    assert found.projects == ()
    project = frames / "a.cgproj"
    project.touch()
    assert sort_files([frames]).projects == (project,)


def test_another_microscope_brings_its_parameters_as_one_step(
    qtbot: QtBot, tab: LoadTab, ctx: AppContext
) -> None:
    told = []
    ctx.reporter.message.connect(told.append)
    ctx.document.set_params(ctx.document.state.params.with_value("motion.max_shift_px", 20.0))
    before = ctx.document.state.params
    box = tab.params.editor("kind")
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    params = ctx.document.state.params
    assert params.recording.kind == "one-photon"
    assert params.recording.decay_time_s == 0.6
    assert params.sources.neuron_diameter_px == 13.0
    assert params.motion.max_shift_px == 20.0
    assert "Neuron diameter 10 → 13 px" in told[-1].detail
    ctx.document.undo_stack.undo()
    assert ctx.document.state.params == before
    assert box.currentData() == "two-photon"


def test_what_was_set_by_hand_survives_another_microscope() -> None:
    own = RunParams().with_value("sources.neuron_diameter_px", 7.0)
    changed, words = change_microscope(own, "one-photon")
    assert changed.sources.neuron_diameter_px == 7.0
    assert not any("Neuron diameter" in word for word in words)
    assert change_microscope(changed, "two-photon")[0] == own


def test_tab_goes_from_the_files_to_the_pencils(
    qtbot: QtBot, tab: LoadTab, movie_file: Path, open_movie: Callable[[Path], None]
) -> None:
    open_movie(movie_file)
    tab.refresh(Topic.PARAMS)  # the pencils are made anew

    def passed() -> list[str]:
        names: list[str] = []
        widget: QWidget = tab.files
        while widget is not tab.preset:
            widget = widget.nextInFocusChain()
            if widget.isVisible() and isinstance(widget, QToolButton):
                names.append(widget.accessibleName())
        return [name for name in names if name.endswith("yourself")]

    wanted = [f"Set the {name} yourself" for name in ("frame rate", "pixel size")]
    qtbot.waitUntil(lambda: passed()[:2] == wanted)
