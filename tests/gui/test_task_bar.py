"""The running task in the status bar."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt

from caiman_gui.app.tasks import Task, TaskRunner
from caiman_gui.gui.widgets.task_bar import MemoryMeter, TaskBar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot


@pytest.fixture
def tasks(qtbot: QtBot) -> Iterator[TaskRunner]:
    runner = TaskRunner()
    yield runner
    assert runner.shutdown(5_000)


@pytest.fixture
def bar(qtbot: QtBot, tasks: TaskRunner) -> TaskBar:
    widget = TaskBar(tasks)
    qtbot.addWidget(widget)
    widget.show()
    return widget


class _Work:
    """Reports progress, then waits until it is let go or cancelled."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.began = threading.Event()

    def __call__(self, task: Task) -> str:
        task.progress(1, 4, "Aligning frames")
        self.began.set()
        while not self.go.wait(0.005):
            task.check()
        return "done"


def test_idle_shows_no_bar(bar: TaskBar) -> None:
    assert bar.text.text() == "Ready"
    assert not bar.bar.isVisible()
    assert not bar.cancel.isVisible()
    assert not bar.queue.isVisible()


def test_progress_is_shown_as_it_is(qtbot: QtBot, bar: TaskBar, tasks: TaskRunner) -> None:
    work = _Work()
    task = tasks.submit("Motion correction", work)
    qtbot.waitUntil(lambda: bar.bar.value() == 250)
    assert bar.text.text() == "Aligning frames"
    assert bar.left.text() == "25%"
    assert bar.cancel.isVisible()
    with qtbot.waitSignal(task.finished):
        work.go.set()
    qtbot.waitUntil(lambda: bar.task is None)
    assert bar.text.text() == "Motion correction: finished"
    assert not bar.bar.isVisible()


def test_cancel_stops_the_task(qtbot: QtBot, bar: TaskBar, tasks: TaskRunner) -> None:
    work = _Work()
    task = tasks.submit("Motion correction", work)
    qtbot.waitUntil(work.began.is_set)
    qtbot.waitUntil(bar.cancel.isVisible)
    with qtbot.waitSignal(task.cancelled):
        qtbot.mouseClick(bar.cancel, Qt.MouseButton.LeftButton)
        assert bar.text.text() == "Stopping …"
        assert not bar.cancel.isEnabled()
    qtbot.waitUntil(lambda: bar.task is None)
    assert bar.text.text() == "Cancelled"


def test_a_failure_is_not_called_finished(qtbot: QtBot, bar: TaskBar, tasks: TaskRunner) -> None:
    def fail(_task: Task) -> None:
        raise ValueError("broken")

    with qtbot.waitSignal(tasks.taskFinished):
        tasks.submit("Open day1.tif", fail)
    qtbot.waitUntil(lambda: bar.text.text() == "Open day1.tif: failed")


def test_waiting_tasks_can_be_taken_out(qtbot: QtBot, bar: TaskBar, tasks: TaskRunner) -> None:
    work = _Work()
    first = tasks.submit("First", work)
    qtbot.waitUntil(work.began.is_set)
    second = tasks.submit("Second", _Work())
    qtbot.waitUntil(bar.queue.isVisible)
    assert bar.queue.text() == "1 waiting"
    menu = bar.queue_menu()
    assert [a.text() for a in menu.actions()] == ["Cancel “Second”"]
    with qtbot.waitSignal(second.cancelled):
        menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: not bar.queue.isVisible())
    with qtbot.waitSignal(first.finished):
        work.go.set()
    qtbot.waitUntil(lambda: bar.task is None)


def test_memory_is_told_against_the_budget(qtbot: QtBot) -> None:
    meter = MemoryMeter(8 * 10**9)
    qtbot.addWidget(meter)
    assert meter.label.text().endswith("/ 8 GB")
    tight = MemoryMeter(1)
    qtbot.addWidget(tight)
    assert tight.label.property("role") == "warning"
