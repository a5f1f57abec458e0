"""The running task in the status bar: what, how far, how long still, and a way to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QMenu, QProgressBar, QPushButton, QToolButton, QWidget

from caiman_gui.gui import theme, words

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent, QShowEvent

    from caiman_gui.app.tasks import Progress, Task, TaskRunner

_MEMORY_INTERVAL_MS = 2_000
_STEPS = 1_000
_MOST_CHARACTERS = 72


class TaskBar(QWidget):
    """Shows the current task of a TaskRunner; hidden parts when there is none.

    Signals
    -------
    runningChanged : bool
        Whether anything is running or waiting.
    """

    runningChanged = Signal(bool)

    def __init__(self, tasks: TaskRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._task: Task | None = None
        self._has_failed = False
        self.text = theme.label("Ready", "muted")
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(160)
        self.bar.setAccessibleName("Progress of the current task")
        self.left = theme.label("", "muted")
        self.queue = QToolButton()
        self.queue.setToolTip("Waiting tasks")
        self.queue.clicked.connect(self._on_queue)
        self.cancel = QPushButton("Cancel")
        self.cancel.setProperty("flat", True)
        self.cancel.setToolTip("Stop the current task")
        theme.set_icon(self.cancel, "close")
        self.cancel.clicked.connect(self._on_cancel)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.setSpacing(8)
        for item in (self.text, self.bar, self.left, self.cancel, self.queue):
            layout.addWidget(item)
        layout.addStretch(1)
        tasks.taskQueued.connect(self._on_queue_changed)
        tasks.taskStarted.connect(self._on_started)
        tasks.taskFinished.connect(self._on_finished)
        self._show_idle()

    @property
    def task(self) -> Task | None:
        """The task shown."""
        return self._task

    @Slot(object)
    def _on_started(self, task: Task) -> None:
        self._task = task
        self._has_failed = False
        task.progressed.connect(self._on_progress)
        task.failed.connect(self._on_failed)
        self._show_text(task.title)
        self.bar.setValue(0)
        self.left.setText("")
        self.cancel.setText("Cancel")
        self.cancel.setEnabled(True)
        for item in (self.bar, self.left, self.cancel):
            item.show()
        self._show_queue()
        self.runningChanged.emit(True)

    @Slot(object)
    def _on_progress(self, progress: Progress) -> None:
        if self._task is None or self._task.is_cancelled:
            return
        self._show_text(progress.message or self._task.title)
        self.bar.setValue(round(progress.fraction * _STEPS))
        percent = f"{progress.fraction:.0%}"
        if progress.remaining_s is not None and progress.fraction < 1:
            percent += f" · {words.duration(progress.remaining_s)} left"
        self.left.setText(percent)

    @Slot(object)
    def _on_finished(self, task: Task) -> None:
        if task is self._task:
            self._task = None
            self._show_idle(self._outcome(task))
        self._show_queue()
        if not self._tasks.tasks:
            self.runningChanged.emit(False)

    @Slot(object)
    def _on_failed(self, _exc: object) -> None:
        self._has_failed = True

    def _outcome(self, task: Task) -> str:
        if task.is_cancelled:
            return "Cancelled"
        return f"{task.title}: {'failed' if self._has_failed else 'finished'}"

    def _show_text(self, text: str) -> None:
        self.text.setText(words.shortened(text, _MOST_CHARACTERS))

    @Slot(object)
    def _on_queue_changed(self, _task: object) -> None:
        self._show_queue()
        self.runningChanged.emit(True)

    @Slot()
    def _on_cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self.text.setText("Stopping …")
            self.cancel.setEnabled(False)

    def queue_menu(self) -> QMenu:
        """Return a menu that lists waiting tasks; choosing one cancels it."""
        menu = QMenu(self)
        for task in self._waiting():
            menu.addAction(f"Cancel “{task.title}”", task.cancel)
        return menu

    @Slot()
    def _on_queue(self) -> None:
        menu = self.queue_menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.queue.mapToGlobal(self.queue.rect().topLeft()))

    def _waiting(self) -> tuple[Task, ...]:
        return tuple(task for task in self._tasks.tasks if task is not self._task)

    def _show_queue(self) -> None:
        n_waiting = len(self._waiting())
        self.queue.setText(f"{n_waiting} waiting")
        self.queue.setVisible(n_waiting > 0)

    def _show_idle(self, text: str = "Ready") -> None:
        self._show_text(text)
        for item in (self.bar, self.left, self.cancel):
            item.hide()
        self._show_queue()


class MemoryMeter(QWidget):
    """Memory of this process against the budget, looked up every two seconds.

    Parameters
    ----------
    budget_bytes : int
        What the steps may use.
    """

    def __init__(self, budget_bytes: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._budget = budget_bytes
        self.label = theme.label("", "muted")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.addWidget(self.label)
        self._timer = QTimer(self)
        self._timer.setInterval(_MEMORY_INTERVAL_MS)
        self._timer.timeout.connect(self.look)
        self.look()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    @Slot()
    def look(self) -> None:
        """Read the memory in use and show it."""
        import psutil

        used = psutil.Process().memory_info().rss
        self.label.setText(f"Memory {words.size(used)} / {words.size(self._budget)}")
        self.label.setToolTip("Memory used by this program, and what its steps may use in all.")
        over = used > self._budget
        theme.restyle(self.label, "role", "warning" if over else "muted")
