"""The window as a whole: tabs, menus, messages, opening, saving, closing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QPushButton

from caiman_gui.app.reporter import UserMessage
from caiman_gui.gui.clip_dialog import ClipDialog
from caiman_gui.gui.main_window import TABS, MainWindow
from caiman_gui.gui.widgets.drop import DropTarget
from caiman_gui.params.recording import RawParams
from caiman_gui.pipeline.outputs import EXPORT_FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import FakeDialogs
    from pytestqt.qtbot import QtBot

    from caiman_gui.app.context import AppContext


def _open(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.ctx.projects.opened, timeout=10_000):
        window.files.open_paths([path])
    qtbot.waitUntil(lambda: not window.ctx.tasks.tasks, timeout=5_000)


def _edit(window: MainWindow) -> None:
    document = window.ctx.document
    document.set_params(document.state.params.with_value("motion.max_shift_px", 9))


def _titles(window: MainWindow) -> list[str]:
    bar = window.tab_widget
    return [bar.tabText(i) for i in range(bar.count())]


def test_the_tabs_are_the_workflow(window: MainWindow) -> None:
    assert list(window.tabs) == [name for name, _ in TABS]
    assert len(_titles(window)) == 6
    assert _titles(window)[:5] == ["Load", "Motion correction", "Inspect", "Extract", "Review"]
    for index in range(6):
        assert window.tab_widget.tabToolTip(index).endswith("not yet")
        assert not window.tab_widget.tabIcon(index).isNull()


def test_pictures_take_most_of_the_smallest_common_window(window: MainWindow) -> None:
    window.resize(1280, 800)
    for name in window.tabs:
        window.show_tab(name)
        tab = window.tabs[name]
        assert tab.content.width() >= 0.7 * window.width(), name
    assert window.width() == 1280
    assert window.height() == 800


@pytest.mark.parametrize("index", range(6))
def test_a_key_goes_to_each_tab(qtbot: QtBot, window: MainWindow, index: int) -> None:
    window.activateWindow()
    key = Qt.Key(Qt.Key.Key_1.value + index)
    qtbot.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
    assert window.tab_widget.currentIndex() == index


def test_without_a_movie_only_opening_is_offered(window: MainWindow) -> None:
    actions = window.actions_by_key
    assert actions["open_movie"].isEnabled()
    for key in ("save", "save_as", "run_step", "run_all", "cancel"):
        assert not actions[key].isEnabled(), key
    assert not window.run_all_button.isEnabled()
    assert not window.menus.export.isEnabled()


def test_open_movie_from_the_menu(
    qtbot: QtBot, window: MainWindow, dialogs: FakeDialogs, movie_file: Path
) -> None:
    dialogs.opened = [movie_file]
    with qtbot.waitSignal(window.ctx.projects.opened, timeout=10_000):
        window.actions_by_key["open_movie"].trigger()
    assert dialogs.asked == ["open movie"]
    assert window.windowTitle().startswith("tiny.tif")
    assert "32 × 48 px, 40 frames at 20 Hz" in window.recording_label.text()
    assert window.tab_widget.tabToolTip(0) == "Load: done"
    qtbot.waitUntil(window.run_all_button.isEnabled)
    window.menus.recent.aboutToShow.emit()
    assert [a.text() for a in window.menus.recent.actions()] == ["tiny.tif"]


def test_an_assumed_frame_rate_is_called_so(window, qtbot, tmp_path):
    path = tmp_path / "bare.tif"
    tifffile.imwrite(path, np.zeros((12, 16, 20), np.uint16))
    with qtbot.waitSignal(window.ctx.projects.opened):
        window.files.open_paths([path])
    assert window.recording_label.text().endswith("at 30 Hz (assumed)")


def test_a_movie_can_be_dropped_anywhere(
    qtbot: QtBot, window: MainWindow, movie_file: Path
) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(movie_file))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(300, 300), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    target = window.findChild(DropTarget)
    assert target is not None
    assert target.shade.isVisible()
    drop = QDropEvent(QPointF(300, 300), Qt.DropAction.CopyAction, mime, buttons, keys)
    with qtbot.waitSignal(window.ctx.projects.opened, timeout=10_000):
        QApplication.sendEvent(window, drop)
    assert not target.shade.isVisible()


def test_what_cannot_be_opened_is_said(
    qtbot: QtBot, window: MainWindow, dialogs: FakeDialogs, tmp_path: Path
) -> None:
    window.files.open_paths([tmp_path / "gone.tif"])
    qtbot.waitUntil(lambda: bool(dialogs.errors))
    assert dialogs.errors[0].title == "The file does not exist"
    assert window.ctx.document.state.recording is None


def test_of_an_unknown_format_the_geometry_is_asked(
    qtbot: QtBot, window: MainWindow, dialogs: FakeDialogs, tmp_path: Path
) -> None:
    movie = np.arange(20 * 12 * 16, dtype=np.uint16).reshape(20, 12, 16)
    (tmp_path / "frames.raw").write_bytes(movie.tobytes())
    dialogs.raw = RawParams(width_px=16, height_px=12)
    with qtbot.waitSignal(window.ctx.projects.opened, timeout=10_000):
        window.files.open_paths([tmp_path / "frames.raw"])
    assert dialogs.asked == ["raw frames.raw"]
    assert window.ctx.document.state.shape == (20, 12, 16)
    assert not dialogs.errors
    qtbot.waitUntil(lambda: not window.ctx.tasks.tasks)


def test_dropped_parameters_are_taken_over_and_undone(
    qtbot: QtBot, window: MainWindow, movie_file: Path, tmp_path: Path
) -> None:
    _open(qtbot, window, movie_file)
    (tmp_path / "mine.json").write_text('{"motion": {"max_shift_px": 21}}')
    window.files.open_paths([tmp_path / "mine.json"])
    assert window.ctx.document.state.params.motion.max_shift_px == 21
    window.ctx.document.undo_stack.undo()
    assert window.ctx.document.state.params.motion.max_shift_px == 12


def test_a_clip_is_asked_for_what_the_tab_shows(
    qtbot: QtBot, window: MainWindow, movie_file: Path
) -> None:
    window.show_tab("review")
    window.clips.open(window.current_tab)
    assert window.toasts.toasts[-1].title.text() == "There is no movie here to export"
    window.show_tab("load")
    _open(qtbot, window, movie_file)
    load = window.tabs["load"]
    qtbot.waitUntil(lambda: load.players()[0][0].shown_frame == 0)
    window.actions_by_key["export_clip"].trigger()
    dialog = window.findChild(ClipDialog)
    assert dialog is not None
    assert dialog.isVisible()
    dialog.close()
    qtbot.waitUntil(lambda: not window.ctx.tasks.tasks)


def test_undo_and_redo_name_what_they_do(
    qtbot: QtBot, window: MainWindow, movie_file: Path
) -> None:
    _open(qtbot, window, movie_file)
    _edit(window)
    undo, redo = window.menus.by_name["Edit"].actions()
    assert undo.text() == "Undo Change largest shift"
    window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert window.ctx.document.state.params.motion.max_shift_px == 12
    assert redo.isEnabled()


def test_save_as_then_save(
    qtbot: QtBot, window: MainWindow, dialogs: FakeDialogs, movie_file: Path, tmp_path: Path
) -> None:
    _open(qtbot, window, movie_file)
    _edit(window)
    assert window.isWindowModified()
    dialogs.saved = tmp_path / "day1.cgproj"
    with qtbot.waitSignal(window.ctx.document.saved, timeout=10_000):
        window.actions_by_key["save"].trigger()
    assert (tmp_path / "day1.cgproj").is_file()
    assert not window.isWindowModified()
    assert window.windowTitle().startswith("day1")
    qtbot.waitUntil(lambda: not window.ctx.projects.is_saving, timeout=5_000)
    dialogs.asked.clear()
    window.ctx.document.undo_stack.undo()
    with qtbot.waitSignal(window.ctx.document.saved, timeout=10_000):
        window.actions_by_key["save"].trigger()
    assert dialogs.asked == []
    qtbot.waitUntil(lambda: not window.ctx.tasks.tasks, timeout=5_000)


def test_every_format_can_be_exported(window: MainWindow) -> None:
    for _ in range(2):
        window.menus.export.aboutToShow.emit()
    shown = [action.text() for action in window.menus.export.actions()]
    assert shown == [f"{found[0]} …" for found in EXPORT_FORMATS.values()]


def test_unsaved_changes_are_asked_for(
    qtbot: QtBot, window: MainWindow, dialogs: FakeDialogs, movie_file: Path
) -> None:
    _open(qtbot, window, movie_file)
    _edit(window)
    dialogs.unsaved = "cancel"
    assert not window.close()
    assert window.isVisible()
    assert dialogs.asked == ["unsaved tiny.tif"]
    dialogs.unsaved = "discard"
    assert window.close()
    assert not window.isVisible()


def test_saving_at_the_end_is_waited_for(
    qtbot: QtBot, window: MainWindow, dialogs: FakeDialogs, movie_file: Path, tmp_path: Path
) -> None:
    _open(qtbot, window, movie_file)
    _edit(window)
    dialogs.unsaved = "save"
    dialogs.saved = tmp_path / "end.cgproj"
    window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert (tmp_path / "end.cgproj").is_file()
    assert not window.ctx.document.is_dirty


def test_closing_during_a_run_cancels_and_waits(
    qtbot: QtBot, window: MainWindow, movie_file: Path
) -> None:
    _open(qtbot, window, movie_file)
    ran: list[str] = []

    def endless(task: Any) -> None:
        ran.append("began")
        while True:
            task.check()

    task = window.ctx.tasks.submit("Endless", endless)
    qtbot.waitUntil(lambda: ran == ["began"])
    assert not window.close()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=10_000)
    assert task.is_cancelled


def test_an_error_is_a_dialog_and_a_warning_a_toast(
    window: MainWindow, dialogs: FakeDialogs
) -> None:
    window.ctx.reporter.tell("Frame rate assumed", "30 Hz", level="warning")
    assert window.toasts.toasts[0].title.text() == "Frame rate assumed"
    assert dialogs.errors == []
    message = UserMessage("The disk is full", "day1", "Free some space.")
    window.ctx.reporter.message.emit(message)
    assert dialogs.errors == [message]
    assert window.last_message.text() == "The disk is full"


def test_a_run_shows_ring_progress_and_result(
    qtbot: QtBot, window: MainWindow, movie_file: Path
) -> None:
    _open(qtbot, window, movie_file)
    window.show_tab("motion")
    seen: list[str] = []
    window.ctx.workflow.stepRunning.connect(
        lambda _name: seen.append(window.tab_widget.tabToolTip(1))
    )
    with qtbot.waitSignal(window.ctx.workflow.runFinished, timeout=60_000):
        window.actions_by_key["run_step"].trigger()
    assert seen == ["Motion correction: running"]
    assert window.tab_widget.tabToolTip(1) == "Motion correction: done"
    titles = [toast.title.text() for toast in window.toasts.toasts]
    assert "Motion correction finished" in titles
    go_on = window.toasts.toasts[-1].findChild(QPushButton)
    assert go_on is not None
    qtbot.mouseClick(go_on, Qt.MouseButton.LeftButton)
    assert window.current_tab is window.tabs["inspect"]
    qtbot.waitUntil(window.actions_by_key["run_all"].isEnabled)


def test_the_theme_changes_and_is_remembered(window: MainWindow) -> None:
    assert window.actions_by_key["theme_dark"].isChecked()
    window.actions_by_key["theme_light"].trigger()
    assert window.ctx.settings.theme == "light"
    app = QApplication.instance()
    assert app is not None
    assert app.property("themeName") == "light"
    window.actions_by_key["theme_dark"].trigger()


def test_the_log_opens_and_closes(qtbot: QtBot, window: MainWindow) -> None:
    assert not window.log_dock.isVisible()
    qtbot.mouseClick(window.log_button, Qt.MouseButton.LeftButton)
    assert window.log_dock.isVisible()
    qtbot.mouseClick(window.log_button, Qt.MouseButton.LeftButton)
    assert not window.log_dock.isVisible()


def test_question_mark_shows_the_sheet(
    qtbot: QtBot, window: MainWindow, dialogs: FakeDialogs
) -> None:
    window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_Question)
    assert len(dialogs.sheets) == 1


def test_size_and_splitters_are_remembered(
    qtbot: QtBot, ctx: AppContext, dialogs: FakeDialogs, dark: None
) -> None:
    first = MainWindow(ctx, dialogs)  # type: ignore[arg-type]
    qtbot.addWidget(first)
    first.resize(960, 650)  # as narrow as it gets: the screen of the tests is small
    first.show()
    qtbot.waitExposed(first)
    first.close()
    second = MainWindow(ctx, dialogs)  # type: ignore[arg-type]
    qtbot.addWidget(second)
    assert (second.width(), second.height()) == (960, 650)


def test_the_demo_is_one_click_away(
    qtbot: QtBot, window: MainWindow, open_movie: Callable[[Path], None]
) -> None:
    load = window.tabs["load"]
    with qtbot.waitSignal(window.ctx.projects.opened, timeout=60_000):
        qtbot.mouseClick(load.demo_button, Qt.MouseButton.LeftButton)  # type: ignore[attr-defined]
    recording = window.ctx.document.state.recording
    assert recording is not None
    assert (recording.n_frames, recording.height, recording.width) == (1000, 128, 128)
    assert recording.frame_rate_hz == pytest.approx(20)


def test_menus_can_be_reached_with_alt(window):
    titles = [action.text() for action in window.menuBar().actions()]
    assert titles == ["&File", "&Edit", "&View", "&Run", "&Help"]


def test_an_offer_goes_when_the_user_has_gone_on(window):
    window.toasts.show("Motion correction finished", action=("Go to Inspect", lambda: None))
    window.toasts.show("Saved")
    window.show_tab("inspect")
    assert [toast.title.text() for toast in window.toasts.toasts] == ["Saved"]
