"""The table of actions: complete, without clashes, and the source of the sheet."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QWidget

from caiman_gui.gui import resources
from caiman_gui.gui.actions import (
    ACTIONS,
    MENUS,
    build_actions,
    enable_actions,
    shortcut_groups,
)

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def test_no_key_and_no_shortcut_is_used_twice() -> None:
    for values in ([s.key for s in ACTIONS], [s.shortcut for s in ACTIONS if s.shortcut]):
        twice = [value for value, n in Counter(values).items() if n > 1]
        assert not twice


@pytest.mark.parametrize("spec", ACTIONS, ids=lambda spec: spec.key)
def test_every_action_can_be_shown(spec: object) -> None:
    assert spec.menu in MENUS  # type: ignore[attr-defined]
    assert not spec.icon or resources.icon_path(spec.icon).is_file()  # type: ignore[attr-defined]
    if spec.shortcut:  # type: ignore[attr-defined]
        assert not QKeySequence(spec.shortcut).isEmpty()  # type: ignore[attr-defined]


def test_an_action_calls_its_handler(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    called: list[str] = []
    handlers = {s.key: (lambda key=s.key: called.append(key)) for s in ACTIONS}
    actions = build_actions(host, handlers)
    for spec in ACTIONS:
        actions[spec.key].trigger()
    assert called == [s.key for s in ACTIONS]


def test_what_cannot_be_done_is_grey(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    actions = build_actions(host, {s.key: (lambda: None) for s in ACTIONS})
    enable_actions(actions, has_recording=False, is_busy=False)
    assert actions["open_movie"].isEnabled()
    assert not actions["save"].isEnabled()
    assert not actions["run_all"].isEnabled()
    enable_actions(actions, has_recording=True, is_busy=False)
    assert actions["save"].isEnabled()
    assert actions["run_all"].isEnabled()
    assert not actions["cancel"].isEnabled()
    enable_actions(actions, has_recording=True, is_busy=True)
    assert not actions["run_all"].isEnabled()
    assert actions["cancel"].isEnabled()


def test_the_sheet_lists_every_shortcut() -> None:
    shown = {keys for _, rows in shortcut_groups() for keys, _ in rows}
    assert {s.shortcut for s in ACTIONS if s.shortcut} <= shown
    assert "Ctrl+Z" in shown
