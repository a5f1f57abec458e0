"""The whole path with real clicks and keys: open the demo, run all, reject one, undo, save, export.

Runs offscreen here, and once more in a real window through test_real_window.py.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import h5py
import pytest
from PySide6.QtCore import Qt

from caiman_gui.app.context import build_context
from caiman_gui.gui import theme
from caiman_gui.gui.main_window import MainWindow
from caiman_gui.pipeline.outputs import EXPORT_FORMATS
from caiman_gui.pipeline.steps import STEP_NAMES, StepStatus, status

if TYPE_CHECKING:
    from pathlib import Path

RUN_MS = 180_000


class ScriptedDialogs:
    """Answers every question as the script wants, and fails on an error message."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.to_open: list[Path] = []
        self.save_as = folder / "session.cgproj"

    def ask_open(self, kind: str, folder: str = "") -> list[Path]:
        return self.to_open

    def ask_save(self, *args: object, **kwargs: object) -> Path:
        return self.save_as

    def ask_yes(self, *args: object, **kwargs: object) -> bool:
        return True

    def ask_unsaved(self, *args: object, **kwargs: object) -> str:
        return "discard"

    def show_error(self, message: object) -> None:
        pytest.fail(f"an error was shown: {message}")

    def shortcuts(self, groups: object) -> None:
        pass

    def about(self) -> None:
        pass

    def tutorial(self) -> None:
        pass


@pytest.fixture
def window(qtbot, qapp, tmp_path):
    ctx = build_context()
    theme.apply(qapp, "dark")
    window = MainWindow(ctx, ScriptedDialogs(tmp_path))
    qtbot.addWidget(window)
    window.show()
    with qtbot.waitActive(window, timeout=20_000):
        window.activateWindow()
    yield window
    window.close()
    assert ctx.close()


@pytest.mark.slow
@pytest.mark.timeout(360)
def test_from_the_demo_recording_to_exported_cells(qtbot, window, tmp_path):
    ctx = window.ctx
    document = ctx.document

    window.actions_by_key["open_demo"].trigger()
    qtbot.waitUntil(lambda: document.state.recording is not None, timeout=RUN_MS)

    with qtbot.waitSignal(ctx.workflow.runFinished, timeout=RUN_MS) as finished:
        qtbot.mouseClick(window.run_all_button, Qt.MouseButton.LeftButton)
    assert finished.args == [True]
    assert all(status(name, document.state) is StepStatus.DONE for name in STEP_NAMES)
    accepted = document.accepted_ids
    assert len(accepted) >= 15

    window.show_tab("review")
    review = window.tabs["review"]
    ctx.selection.select(accepted[0])
    review.setFocus()
    qtbot.keyClick(review, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: document.state.labels.get(accepted[0]) == "reject")
    assert accepted[0] not in document.accepted_ids
    assert document.decisions[accepted[0]].reason.startswith("rejected by you")

    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: accepted[0] not in document.state.labels)
    assert document.accepted_ids == accepted
    ctx.selection.select(accepted[1])
    review.setFocus()
    qtbot.keyClick(review, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: document.state.labels.get(accepted[1]) == "reject")
    kept = document.accepted_ids

    with qtbot.waitSignal(document.saved, timeout=RUN_MS):
        window.actions_by_key["save"].trigger()
    assert not document.is_dirty
    assert (tmp_path / "session.cgproj").is_file()

    window.dialogs.to_open = [tmp_path / "session.cgproj"]
    with qtbot.waitSignal(document.replaced, timeout=RUN_MS):
        window.actions_by_key["open_project"].trigger()
    assert document.accepted_ids == kept
    assert document.state.labels == {accepted[1]: "reject"}
    assert all(status(name, document.state) is StepStatus.DONE for name in STEP_NAMES)

    export(qtbot, window, "caiman", tmp_path / "cells.hdf5")
    with h5py.File(tmp_path / "cells.hdf5", "r") as file:
        assert file["estimates/idx_components"].shape == (len(kept),)
    export(qtbot, window, "csv", tmp_path / "traces.csv")
    with (tmp_path / "traces.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert len(head) == 1 + len(kept)
    assert len(rows) == document.state.recording.n_frames


def export(qtbot, window, name, path):
    """Choose a format in File > Export and wait for the file."""
    window.dialogs.save_as = path
    title = EXPORT_FORMATS[name].title
    window.menus.export.aboutToShow.emit()
    action = next(a for a in window.menus.export.actions() if title in a.text())
    action.trigger()
    qtbot.waitUntil(path.is_file, timeout=RUN_MS)
