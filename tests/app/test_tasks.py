"""Tasks: exactly one outcome, real progress, prompt cancelling, nothing left at the end."""

from __future__ import annotations

import threading
import time

import pytest
from PySide6.QtCore import QObject, QThread, Slot

from caiman_gui.app.tasks import Progress, RemainingTime, TaskRunner
from caiman_gui.core.task import Cancelled
from caiman_gui.errors import DataError


class Listener(QObject):
    """Writes down the outcome signals of a task, and the thread they arrive in."""

    def __init__(self, task) -> None:
        super().__init__()
        self.events = []
        self.progress = []
        self.notes = []
        self.threads = set()
        task.succeeded.connect(self.on_succeeded)
        task.failed.connect(self.on_failed)
        task.cancelled.connect(self.on_cancelled)
        task.finished.connect(self.on_finished)
        task.progressed.connect(self.progress.append)
        task.note.connect(self.notes.append)

    def _add(self, event) -> None:
        self.events.append(event)
        self.threads.add(QThread.currentThread())

    @Slot(object)
    def on_succeeded(self, value) -> None:
        self._add(("succeeded", value))

    @Slot(object)
    def on_failed(self, exc) -> None:
        self._add(("failed", exc))

    @Slot()
    def on_cancelled(self) -> None:
        self._add(("cancelled", None))

    @Slot()
    def on_finished(self) -> None:
        self._add(("finished", None))

    @property
    def names(self):
        return [name for name, _ in self.events]


@pytest.fixture
def runner(qapp):
    runner = TaskRunner()
    yield runner
    assert runner.shutdown(5000)


def _wait_for_stop(task):
    while True:
        task.check()
        threading.Event().wait(0.005)


def test_success_arrives_in_the_ui_thread(runner, qtbot) -> None:
    task = runner.submit("Add", lambda task: 1 + 1)
    seen = Listener(task)
    with qtbot.waitSignal(runner.taskFinished):
        pass
    assert seen.events == [("succeeded", 2), ("finished", None)]
    assert seen.threads == {QThread.currentThread()}
    assert task.is_finished
    assert not task.is_running
    assert runner.tasks == ()


def test_work_runs_in_another_thread(runner, qtbot) -> None:
    task = runner.submit("Where", lambda task: threading.get_ident())
    seen = Listener(task)
    qtbot.waitUntil(lambda: "finished" in seen.names)
    assert seen.events[0][1] != threading.get_ident()


def test_failure_carries_the_exception(runner, qtbot) -> None:
    error = DataError("Constant", "No change", "Check the shutter")

    def work(task):
        raise error

    seen = Listener(runner.submit("Fail", work))
    qtbot.waitUntil(lambda: "finished" in seen.names)
    assert seen.events == [("failed", error), ("finished", None)]


def test_cancelled(runner, qtbot) -> None:
    task = runner.submit("Endless", _wait_for_stop)
    seen = Listener(task)
    qtbot.waitUntil(lambda: task.is_running)
    task.cancel()
    qtbot.waitUntil(lambda: "finished" in seen.names)
    assert seen.names == ["cancelled", "finished"]


def test_cancel_after_the_work_but_before_the_result_counts(runner, qtbot) -> None:
    def work(task):
        task.cancel()
        return "too late"

    seen = Listener(runner.submit("Late", work))
    qtbot.waitUntil(lambda: "finished" in seen.names)
    assert seen.names == ["cancelled", "finished"]


def test_tasks_wait_in_line_and_can_leave_it(runner, qtbot) -> None:
    first = runner.submit("First", _wait_for_stop)
    second = runner.submit("Second", lambda task: "ran")
    third = runner.submit("Third", lambda task: "ran")
    seen = {task.title: Listener(task) for task in (first, second, third)}
    qtbot.waitUntil(lambda: first.is_running)
    assert [task.title for task in runner.tasks] == ["First", "Second", "Third"]
    second.cancel()
    assert seen["Second"].names == ["cancelled", "finished"], "a waiting task ends at once"
    assert runner.tasks == (first, third)
    first.cancel()
    qtbot.waitUntil(lambda: "finished" in seen["Third"].names)
    assert seen["Third"].events[0] == ("succeeded", "ran")


def test_cancelled_before_the_event_loop_comes_round(runner, qtbot) -> None:
    ran = []
    task = runner.submit("Never", lambda task: ran.append(1))
    seen = Listener(task)
    task.cancel()
    with qtbot.waitSignal(runner.submit("Next", lambda task: None).finished):
        pass
    assert seen.names == ["cancelled", "finished"]
    assert ran == []


@pytest.mark.parametrize("lane", ["files", "preview"])
def test_saving_and_looking_do_not_wait_for_a_run(runner, qtbot, lane) -> None:
    run = runner.submit("Run", _wait_for_stop)
    qtbot.waitUntil(lambda: run.is_running)
    seen = Listener(runner.submit("Quick", lambda task: "done", lane=lane))
    qtbot.waitUntil(lambda: "finished" in seen.names)
    assert seen.events[0] == ("succeeded", "done")
    assert run.is_running
    assert runner.current is run
    run.cancel()
    qtbot.waitUntil(lambda: run.is_finished)


def test_quiet_tasks_are_not_shown(runner, qtbot) -> None:
    shown = []
    runner.taskStarted.connect(shown.append)
    task = runner.submit("Autosave", lambda task: 1, is_quiet=True)
    assert runner.tasks == ()
    with qtbot.waitSignal(task.finished):
        pass
    assert shown == []


def test_progress_never_falls_and_is_not_too_frequent(runner, qtbot) -> None:
    def work(task):
        start = time.monotonic()
        while (passed := time.monotonic() - start) < 0.5:
            task.progress(passed, 0.5, "Counting")
            task.progress(passed / 2, 0.5)  # an older value must not move the bar back
        return None

    seen = Listener(runner.submit("Count", work))
    qtbot.waitUntil(lambda: "finished" in seen.names)
    fractions = [p.fraction for p in seen.progress]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) <= 13, "20 a second at most"
    assert all(p.remaining_s is None for p in seen.progress[:-1]), "no guess in the first second"
    assert {p.message for p in seen.progress} == {"Counting"}


def test_notes_are_passed_on_at_most_ten_times_a_second(runner, qtbot) -> None:
    def work(task):
        start = time.monotonic()
        n = 0
        while time.monotonic() - start < 0.35:
            task.publish(n)
            n += 1
        return n

    seen = Listener(runner.submit("Notes", work))
    qtbot.waitUntil(lambda: "finished" in seen.names)
    assert seen.notes[0] == 0
    assert len(seen.notes) <= 5


def test_shutdown_while_running_leaves_nothing(qtbot) -> None:
    runner = TaskRunner()
    task = runner.submit("Endless", _wait_for_stop)
    waiting = Listener(runner.submit("Waiting", lambda task: None))
    qtbot.waitUntil(lambda: task.is_running)
    assert runner.shutdown(5000)
    assert task.is_finished
    assert waiting.names == ["cancelled", "finished"]
    with pytest.raises(RuntimeError, match="after shutdown"):
        runner.submit("Too late", lambda task: None)


def test_quitting_with_a_task_running_is_no_crash() -> None:
    import subprocess
    import sys

    code = """
import sys, threading
from PySide6.QtCore import QCoreApplication, QTimer
app = QCoreApplication([])
from caiman_gui.app.context import build_context
ctx = build_context()
def work(task):
    while True:
        task.progress(1, 2)
        task.check()
        threading.Event().wait(0.002)
task = ctx.tasks.submit("Endless", work)
task.progressed.connect(lambda p: app.quit())
app.exec()
print("closed", ctx.close(5000))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "closed True", "")


def test_shutdown_tells_when_work_does_not_stop(qtbot) -> None:
    runner = TaskRunner()
    gate = threading.Event()
    task = runner.submit("Deaf", lambda task: gate.wait(10))
    qtbot.waitUntil(lambda: task.is_running)
    assert not runner.shutdown(50)
    gate.set()
    assert runner.shutdown(5000)


def test_many_tasks_each_get_their_outcome(runner, qtbot) -> None:
    seen = [Listener(runner.submit(f"{i}", lambda task, i=i: i)) for i in range(100)]
    qtbot.waitUntil(lambda: all("finished" in s.names for s in seen))
    assert [s.events[0] for s in seen] == [("succeeded", i) for i in range(100)]


def test_the_work_is_let_go_when_done(runner, qtbot) -> None:
    import weakref

    class Big:
        pass

    big = Big()
    gone = weakref.ref(big)
    task = runner.submit("Hold", lambda task, big=big: None)
    del big
    with qtbot.waitSignal(task.finished):
        pass
    assert gone() is None


def test_remaining_time_of_steady_work() -> None:
    estimate = RemainingTime()
    assert estimate.update(0.5, 0.05) is None
    for second in range(1, 9):
        left = estimate.update(float(second), second / 10)
    assert left == pytest.approx(2.0, rel=0.01)


def test_remaining_time_survives_a_stall_and_follows_a_change_of_pace() -> None:
    estimate = RemainingTime()
    for second in range(1, 31):
        estimate.update(float(second), second / 100)
    stalled = estimate.update(45.0, 0.30)
    assert stalled is not None
    assert 100 < stalled < 220
    for second in range(46, 61):
        left = estimate.update(float(second), 0.30 + (second - 45) * 0.04)
    assert left == pytest.approx(4.0, rel=0.5)


def test_no_remaining_time_without_progress() -> None:
    assert RemainingTime().update(100.0, 0.0) is None


def test_check_raises_only_after_cancel(runner) -> None:
    task = runner.submit("x", lambda task: None)
    task.check()
    task.cancel()
    with pytest.raises(Cancelled):
        task.check()
    assert task.latest == Progress(0.0, "", 0.0, None)
