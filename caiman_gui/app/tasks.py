"""Long work off the UI thread: visible, with real progress, and stoppable at any time."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal, Slot

from caiman_gui.core.task import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: Deep recursion inside compiled kernels needs more than the platform's default (512 kB on macOS).
STACK_BYTES = 16 * 2**20
PROGRESS_INTERVAL_S = 0.05
NOTE_INTERVAL_S = 0.1
#: No remaining time is told before this; it would be a guess.
SETTLE_S = 1.0
#: Time over which the recent speed is measured.
RECENT_S = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is.

    Attributes
    ----------
    fraction : float
        0 ... 1, never falling.
    message : str
        What is being done.
    elapsed_s : float
    remaining_s : float or None
        None as long as nothing sensible can be said.
    """

    fraction: float
    message: str
    elapsed_s: float
    remaining_s: float | None


class RemainingTime:
    """Estimates the time left from the overall and the recent speed, whichever way they differ."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque([(0.0, 0.0)])

    def update(self, elapsed_s: float, fraction: float) -> float | None:
        """Take one more sample and return the seconds left, or None if they cannot be told."""
        self._samples.append((elapsed_s, fraction))
        while len(self._samples) > 2 and self._samples[1][0] <= elapsed_s - RECENT_S:
            self._samples.popleft()
        if elapsed_s < SETTLE_S or fraction <= 0.0:
            return None
        overall = fraction / elapsed_s
        then, done_then = self._samples[0]
        recent = (fraction - done_then) / max(elapsed_s - then, 1e-9)
        # The mean of both speeds: a stage of another pace counts, a short stall does not.
        return (1.0 - fraction) / (0.5 * (overall + recent))


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of a piece of work: a value, or the exception that ended it."""

    value: T | None = None
    error: Exception | None = None


def attempt(work: Callable[[], T]) -> Outcome[T]:
    """Run some work and catch whatever it raises: the one broad except of the program."""
    try:
        return Outcome(value=work())
    except Exception as exc:  # noqa: BLE001 - a thread has nobody above it to tell
        return Outcome(error=exc)


class Task(QObject):
    """One piece of long work. It is also the TaskContext which that work is given.

    Exactly one of ``succeeded``, ``failed`` and ``cancelled`` is emitted, and then ``finished``.
    """

    progressed = Signal(object)
    note = Signal(object)
    succeeded = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    finished = Signal()
    #: To the runner, which knows whether the task is still waiting, and lets go of it.
    cancelRequested = Signal(object)
    ended = Signal(object)

    def __init__(
        self, title: str, work: Callable[[Task], object], *, is_quiet: bool = False
    ) -> None:
        super().__init__()
        self.title = title
        self.is_quiet = is_quiet
        self._work: Callable[[Task], object] | None = work
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._started_at: float | None = None
        self._is_finished = False
        self._latest = Progress(0.0, "", 0.0, None)
        self._remaining = RemainingTime()
        self._progress_at = self._note_at = -1.0

    @property
    def latest(self) -> Progress:
        """The progress told last."""
        return self._latest

    @property
    def is_running(self) -> bool:
        """Whether the work has begun and not ended."""
        return self._started_at is not None and not self._is_finished

    @property
    def is_finished(self) -> bool:
        """Whether the outcome is known."""
        return self._is_finished

    @property
    def is_cancelled(self) -> bool:
        """Whether the user asked to stop."""
        return self._stop.is_set()

    def cancel(self) -> None:
        """Ask the work to stop. Returns at once; may be called from any thread."""
        if not self._stop.is_set():
            self._stop.set()
            self._tell("cancelRequested", self)

    def check(self) -> None:
        """Raise Cancelled if the user asked to stop."""
        if self._stop.is_set():
            raise Cancelled

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Tell how far it is; passed on at most 20 times a second."""
        now = time.monotonic()
        with self._lock:
            fraction = min(max(done / total, 0.0), 1.0) if total > 0 else 1.0
            fraction = max(fraction, self._latest.fraction)
            if now - self._progress_at < PROGRESS_INTERVAL_S:
                return
            self._progress_at = now
            elapsed = now - (self._started_at if self._started_at is not None else now)
            self._latest = Progress(
                fraction,
                message or self._latest.message,
                elapsed,
                self._remaining.update(elapsed, fraction),
            )
        self._tell("progressed", self._latest)

    def publish(self, value: object) -> None:
        """Show an intermediate result as ``note``; at most 10 a second, the others are dropped."""
        now = time.monotonic()
        with self._lock:
            if now - self._note_at < NOTE_INTERVAL_S:
                return
            self._note_at = now
        self._tell("note", value)

    def run(self) -> None:
        """Do the work, in the thread of a pool, and tell what came of it."""
        self._started_at = time.monotonic()
        outcome = attempt(self._do)
        self._work = None  # whatever the work refers to is let go here, not at some later time
        self._finish(outcome)

    def withdraw(self) -> None:
        """End a task that never began, as cancelled."""
        self._work = None
        self._finish(Outcome(error=Cancelled()))

    def _do(self) -> object:
        self.check()
        assert self._work is not None
        result = self._work(self)
        self.check()
        return result

    def _finish(self, outcome: Outcome[object]) -> None:
        self._is_finished = True
        if isinstance(outcome.error, Cancelled):
            self._tell("cancelled")
        elif outcome.error is not None:
            self._tell("failed", outcome.error)
        else:
            elapsed = time.monotonic() - (self._started_at or time.monotonic())
            self._latest = Progress(1.0, self._latest.message, elapsed, 0.0)
            self._tell("progressed", self._latest)
            self._tell("succeeded", outcome.value)
        self._tell("finished")
        self._tell("ended", self)

    def _tell(self, signal: str, *args: object) -> None:
        try:
            getattr(self, signal).emit(*args)
        except RuntimeError:  # the program is quitting and Qt has taken the object down
            logger.debug("%s of %r came after the end", signal, self.title)


class _Job(QRunnable):
    """Carries a task into a pool. Not deleted by the pool: Python owns it."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.setAutoDelete(False)
        self._task = task

    def run(self) -> None:
        self._task.run()


class _Lane:
    """A thread of its own and the tasks that wait for it."""

    def __init__(self, parent: QObject) -> None:
        self.pool = QThreadPool(parent)
        self.pool.setMaxThreadCount(1)
        self.pool.setStackSize(STACK_BYTES)
        self.waiting: list[Task] = []
        self.running: tuple[Task, _Job] | None = None

    @property
    def tasks(self) -> list[Task]:
        """The running task first, then those waiting."""
        return [self.running[0], *self.waiting] if self.running is not None else [*self.waiting]


class TaskRunner(QObject):
    """Runs tasks one after the other; those waiting can be seen and cancelled.

    There are three lanes, so that neither saving nor a quick look need wait for a long run:
    ``compute``, ``files`` and ``preview``.
    """

    taskQueued = Signal(object)
    taskStarted = Signal(object)
    taskFinished = Signal(object)
    _startRequested = Signal()
    _released = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lanes = {name: _Lane(self) for name in ("compute", "files", "preview")}
        self._ended: set[Any] = set()
        self._is_shut = False
        queued = Qt.ConnectionType.QueuedConnection
        self._startRequested.connect(self._start_next, queued)
        self._released.connect(self._on_released, queued)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Tasks running and waiting, without quiet ones."""
        return tuple(task for task in self._all() if not task.is_quiet)

    @property
    def current(self) -> Task | None:
        """The task to show: the first that is running."""
        return next((task for task in self.tasks if task.is_running), None)

    def submit(
        self,
        title: str,
        work: Callable[[Task], object],
        *,
        lane: Literal["compute", "files", "preview"] = "compute",
        is_quiet: bool = False,
    ) -> Task:
        """Queue some work. It starts after control returns to Qt, so connect to the task now.

        Parameters
        ----------
        title : str
            What is being done, for the status bar.
        work : callable
            Gets the task as its context; runs in another thread; its result is emitted.
        lane : {"compute", "files", "preview"}
            Tasks of one lane run one after the other.
        is_quiet : bool
            Not shown to the user, such as an autosave.
        """
        if self._is_shut:
            raise RuntimeError(f"{title!r} was submitted after shutdown")
        task = Task(title, work, is_quiet=is_quiet)
        task.ended.connect(self._on_ended)
        task.cancelRequested.connect(self._on_cancel_requested)
        self._lanes[lane].waiting.append(task)
        if not is_quiet:
            self.taskQueued.emit(task)
        self._startRequested.emit()
        return task

    def cancel_all(self) -> None:
        """Ask every task to stop; those waiting end at once."""
        for task in reversed(self._all()):
            task.cancel()

    def shutdown(self, timeout_ms: int = 10_000) -> bool:
        """Cancel everything, take nothing more and wait.

        Returns
        -------
        bool
            Whether all work has ended within the time.
        """
        self._is_shut = True
        self.cancel_all()
        until = time.monotonic() + timeout_ms / 1000
        is_done = True
        for lane in self._lanes.values():
            left_ms = max(0, round(1000 * (until - time.monotonic())))
            is_done = lane.pool.waitForDone(left_ms) and is_done
        if not is_done:
            titles = [task.title for task in self._all()]
            logger.warning("Still running after %d ms: %s", timeout_ms, titles)
        return is_done

    def _all(self) -> list[Task]:
        return [task for lane in self._lanes.values() for task in lane.tasks]

    @Slot()
    def _start_next(self) -> None:
        for lane in self._lanes.values():
            if lane.running is not None or not lane.waiting or self._is_shut:
                continue
            task = lane.waiting.pop(0)
            job = _Job(task)
            lane.running = task, job
            if not task.is_quiet:
                self.taskStarted.emit(task)
            lane.pool.start(job)

    @Slot(object)
    def _on_cancel_requested(self, task: Task) -> None:
        for lane in self._lanes.values():
            if task in lane.waiting:
                lane.waiting.remove(task)
                task.withdraw()

    @Slot(object)
    def _on_ended(self, task: Task) -> None:
        kept: Any = (task,)
        for lane in self._lanes.values():
            if lane.running is not None and lane.running[0] is task:
                # The thread may still be on its way out of run(): let go only when it has left,
                # or the last reference would be dropped in a foreign thread.
                lane.pool.waitForDone()
                kept, lane.running = lane.running, None
        self._ended.add(kept)
        if not task.is_quiet:
            self.taskFinished.emit(task)
        self._released.emit(task)
        self._startRequested.emit()

    @Slot(object)
    def _on_released(self, task: Task) -> None:
        # One turn of the event loop later: every receiver has had its signals by now.
        self._ended = {kept for kept in self._ended if kept[0] is not task}
