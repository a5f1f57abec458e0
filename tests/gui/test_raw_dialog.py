"""Bare frames: suggestions, a preview at once, and the geometry as it is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt

from caiman_gui.gui.raw_dialog import RawDialog
from caiman_gui.params.recording import RawParams

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from caiman_gui.app.context import AppContext

SHAPE = (12, 40, 56)


def smooth_movie() -> np.ndarray:
    rng = np.random.default_rng(4)
    rows, cols = np.mgrid[: SHAPE[1], : SHAPE[2]]
    scene = 900 + 500 * np.sin(rows / 5) * np.cos(cols / 7)
    return (scene + rng.normal(0, 30, SHAPE)).astype(np.uint16)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "frames.dat").write_bytes(smooth_movie().tobytes())
    return tmp_path / "frames.dat"


@pytest.fixture
def dialog(qtbot: QtBot, ctx: AppContext, file: Path) -> RawDialog:
    found = RawDialog([file], ctx.tasks)
    found.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(found)
    found.show()
    return found


def test_a_likely_size_is_proposed_and_previewed(qtbot: QtBot, dialog: RawDialog) -> None:
    assert not dialog.open_button.isEnabled()
    qtbot.waitUntil(lambda: dialog.view.image is not None, timeout=10_000)
    assert dialog.raw == RawParams(width_px=56, height_px=40)
    np.testing.assert_array_equal(dialog.view.image, smooth_movie()[0])
    assert dialog.status.text() == "12 frames of this size."
    with qtbot.waitSignal(dialog.chosen) as seen:
        qtbot.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    assert seen.args == [dialog.raw]


def test_what_is_typed_is_previewed_and_what_does_not_fit_is_said(
    qtbot: QtBot, dialog: RawDialog
) -> None:
    qtbot.waitUntil(lambda: dialog.view.image is not None, timeout=10_000)
    for name, text in (("width_px", "28"), ("height_px", "20")):
        edit = dialog.form.editor(name)
        edit.clear()
        qtbot.keyClicks(edit, text)
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.status.text() == "48 frames of this size.")
    assert dialog.view.image.shape == (20, 28)
    assert dialog.isVisible()
    edit = dialog.form.editor("height_px")
    edit.clear()
    qtbot.keyClicks(edit, "60000")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.view.image is None)
    assert not dialog.open_button.isEnabled()
    assert "frames.dat" in dialog.status.text()
