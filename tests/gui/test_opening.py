"""What comes with a recording that is opened: parameters, masks, messages, odd names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile
from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeDialogs
    from pytestqt.qtbot import QtBot

    from caiman_gui.gui.main_window import MainWindow


def _open(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.ctx.projects.opened, timeout=10_000):
        window.files.open_paths([path])
    qtbot.waitUntil(lambda: not window.ctx.tasks.tasks, timeout=5_000)


def test_a_mask_file_is_chosen_and_undone(
    qtbot: QtBot, window: MainWindow, dialogs: FakeDialogs, movie_file: Path, tmp_path: Path
) -> None:
    _open(qtbot, window, movie_file)
    mask = np.zeros((32, 48), np.uint8)
    mask[:, :8] = 1
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, mask)
    dialogs.opened = [path]
    masks = window.tabs["load"].masks  # type: ignore[attr-defined]
    qtbot.mouseClick(masks.file, Qt.MouseButton.LeftButton)
    assert dialogs.asked[-1] == "open mask"
    document = window.ctx.document
    qtbot.waitUntil(lambda: document.state.excluded is not None, timeout=10_000)
    np.testing.assert_array_equal(document.state.excluded, mask > 0)
    qtbot.waitUntil(lambda: not window.ctx.tasks.tasks)
    assert window.toasts.toasts == []  # the tab says it in place
    document.undo_stack.undo()
    assert document.state.excluded is None


def test_messages_about_what_was_open_go_with_it(
    qtbot: QtBot, window: MainWindow, movie_file: Path
) -> None:
    _open(qtbot, window, movie_file)
    window.toasts.show("Parameters were taken from a.json", "Edit > Undo takes them back.")
    _open(qtbot, window, movie_file)
    assert window.toasts.toasts == []


def test_parameters_dropped_with_a_movie_are_taken_after_it(
    qtbot: QtBot, window: MainWindow, movie_file: Path, tmp_path: Path
) -> None:
    params = tmp_path / "params.json"
    params.write_text('{"motion": {"max_shift_px": 7}}')
    window.files.open_paths([movie_file, params])
    document = window.ctx.document
    qtbot.waitUntil(lambda: document.state.params.motion.max_shift_px == 7)
    assert document.state.recording.paths == (movie_file,)  # type: ignore[union-attr]
    document.undo_stack.undo()
    _open(qtbot, window, movie_file)  # they are not taken once more
    assert document.state.params.motion.max_shift_px != 7


def test_names_of_files_are_no_mark_up(qtbot: QtBot, window: MainWindow, movie_file: Path) -> None:
    path = movie_file.with_name("a & <b>b.tif")
    path.write_bytes(movie_file.read_bytes())
    _open(qtbot, window, path)
    assert window.recording_label.textFormat() == Qt.TextFormat.PlainText
