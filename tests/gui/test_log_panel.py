"""The log panel and the messages in the corner."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton, QWidget

from caiman_gui.gui.widgets.log_panel import LogPanel
from caiman_gui.gui.widgets.toast import ToastStack
from caiman_gui.logs import MemoryHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

logger = logging.getLogger("caiman_gui.test_log_panel")


@pytest.fixture
def handler() -> Iterator[MemoryHandler]:
    found = MemoryHandler()
    level = logger.level
    logger.addHandler(found)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield found
    logger.removeHandler(found)
    logger.setLevel(level)
    logger.propagate = True


@pytest.fixture
def panel(qtbot: QtBot, handler: MemoryHandler) -> Iterator[LogPanel]:
    widget = LogPanel(handler)
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    widget.detach()


def test_new_records_appear(qtbot: QtBot, panel: LogPanel) -> None:
    logger.info("Aligned %d frames", 40)
    qtbot.waitUntil(lambda: "Aligned 40 frames" in panel.view.toPlainText())


def test_warnings_are_counted(qtbot: QtBot, panel: LogPanel) -> None:
    with qtbot.waitSignal(panel.warningsChanged) as seen:
        logger.warning("The frame rate is assumed")
    assert seen.args == [1]


def test_the_level_filters(qtbot: QtBot, panel: LogPanel) -> None:
    logger.info("quiet")
    logger.warning("loud")
    panel.level.setFocus()
    qtbot.keyClick(panel.level, Qt.Key.Key_Down)
    assert panel.level.currentText() == "Warnings"
    assert "loud" in panel.view.toPlainText()
    assert "quiet" not in panel.view.toPlainText()


def test_copy_puts_the_text_on_the_clipboard(qtbot: QtBot, panel: LogPanel) -> None:
    logger.info("to be copied")
    qtbot.mouseClick(panel.copy_button, Qt.MouseButton.LeftButton)
    assert "to be copied" in QGuiApplication.clipboard().text()


def test_without_a_handler_it_is_empty(qtbot: QtBot) -> None:
    panel = LogPanel(None)
    qtbot.addWidget(panel)
    panel.refresh()
    assert panel.text() == ""


def test_a_toast_can_be_closed_and_acted_on(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    host.resize(800, 600)
    host.show()
    stack = ToastStack(host)
    called: list[str] = []
    toast = stack.show("Finished", "in 3 s", "info", ("Show", lambda: called.append("shown")))
    assert toast.geometry().right() < host.width()
    assert toast.geometry().bottom() < host.height()
    button = next(b for b in toast.findChildren(QPushButton) if b.text() == "Show")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert called == ["shown"]
    assert stack.toasts == []


def test_toasts_stack_and_the_oldest_goes(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    host.resize(800, 600)
    host.show()
    stack = ToastStack(host)
    toasts = [stack.show(f"Message {i}", level="warning") for i in range(6)]
    assert stack.toasts == toasts[2:]
    bottoms = [toast.y() for toast in stack.toasts]
    assert bottoms == sorted(bottoms)
    stack.clear()
    assert stack.toasts == []


def test_toasts_leave_a_player_free(qtbot: QtBot) -> None:
    host, player = QWidget(), QWidget()
    player.setParent(host)
    qtbot.addWidget(host)
    host.resize(800, 600)
    player.setGeometry(0, 480, 800, 100)
    host.show()
    stack = ToastStack(host, above=lambda: player)
    toast = stack.show("Finished")
    assert toast.geometry().bottom() < player.y()
    player.hide()
    stack.place()
    assert toast.geometry().bottom() > player.y()
    stack.clear()
