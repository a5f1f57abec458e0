"""Runs the steps on the open document and puts each result in place as it arrives."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal, Slot

from caiman_gui.app.commands import counted
from caiman_gui.app.document import Document, Topic
from caiman_gui.app.results import merge_result, step_result

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from caiman_gui.app.reporter import Reporter
    from caiman_gui.app.settings import Settings
    from caiman_gui.app.tasks import Task, TaskRunner
    from caiman_gui.pipeline.runner import Workspace
    from caiman_gui.project.model import ProjectState

logger = logging.getLogger(__name__)


class Workflow(QObject):
    """The steps of the open document, one run at a time.

    A run works on the state at its start. Parameters and labels changed meanwhile stay as they
    are; results take their place among them, each as one step of undo.
    """

    #: Name of the step that begins, and of the step whose result is in place.
    stepRunning = Signal(str)
    stepFinished = Signal(str)
    #: Whether all steps were done (not failed, not cancelled).
    runFinished = Signal(bool)
    #: Whether a run is going on.
    busyChanged = Signal(bool)
    #: (n, 2) centres (row, column) of the sources found so far.
    centresFound = Signal(object)
    _stepBegun = Signal(object, str)
    _stepDone = Signal(object, str, object)

    def __init__(
        self,
        document: Document,
        tasks: TaskRunner,
        reporter: Reporter,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._tasks = tasks
        self._reporter = reporter
        self._settings = settings
        self._task: Task | None = None
        self._base: ProjectState | None = None
        self._is_ok = False
        self._running_step: str | None = None
        queued = Qt.ConnectionType.QueuedConnection
        self._stepBegun.connect(self._on_step_begun, queued)
        self._stepDone.connect(self._on_step_done, queued)
        document.replaced.connect(self.cancel)

    @property
    def is_running(self) -> bool:
        """Whether a run or a merge is queued or going on."""
        return self._task is not None

    @property
    def running_step(self) -> str | None:
        """Name of the step being run."""
        return self._running_step

    def run(self, step_names: Sequence[str], *, force: bool = False) -> Task | None:
        """Run steps in their order; those up to date are skipped unless ``force``.

        Returns
        -------
        Task or None
            None, with a message to the user, if it cannot be started now.
        """
        place = self._ready()
        if place is None:
            return None
        state, workspace = place
        names = tuple(step_names)
        n_threads, memory_bytes = self._budget()

        def work(task: Task) -> object:
            from caiman_gui.pipeline.runner import run_steps

            return run_steps(
                names,
                state,
                workspace=workspace,
                n_threads=n_threads,
                memory_bytes=memory_bytes,
                ctx=task,
                on_found=task.publish,
                on_step=lambda name, new: self._tell_done(task, name, new),
                on_start=lambda name: self._tell_begun(task, name),
                force=force,
            )

        task = self._begin(_run_title(names), work, state)
        task.note.connect(self.centresFound)
        task.succeeded.connect(self._on_run_succeeded)
        return task

    def merge(self, ids: Collection[int]) -> Task | None:
        """Make one component of several; None, with a message, if it cannot be done now."""
        chosen = tuple(ids)
        if len(chosen) < 2:
            self._reporter.tell(
                "Nothing to merge", "", "Select two or more components first.", "warning"
            )
            return None
        place = self._ready()
        if place is None:
            return None
        state, workspace = place
        n_threads, _ = self._budget()

        def work(task: Task) -> object:
            from caiman_gui.pipeline.edits import merge_components

            return merge_components(state, chosen, workspace, task, n_threads=n_threads)

        task = self._begin(f"Merge {counted(len(chosen))}", work, state)
        task.succeeded.connect(self._on_merged)
        return task

    def export(self, format_name: str, path: Path) -> Task | None:
        """Write results of the document in one of the formats of ``EXPORT_FORMATS``."""
        workspace = self._document.workspace
        state = self._document.state
        if workspace is None or state.recording is None:
            self._reporter.tell(
                "Nothing to export", "No movie is open.", "Open a movie first.", "warning"
            )
            return None

        def work(task: Task) -> object:
            from caiman_gui.pipeline.outputs import export

            export(format_name, state, path, workspace, task)
            return path

        task = self._tasks.submit(f"Export {path.name}", work, lane="files")
        task.failed.connect(self._reporter.report)
        task.succeeded.connect(self._on_exported)
        return task

    @Slot()
    def cancel(self) -> None:
        """Stop the run, if there is one. What is finished stays."""
        if self._task is not None:
            self._task.cancel()

    def _ready(self) -> tuple[ProjectState, Workspace] | None:
        if self._task is not None:
            self._reporter.tell(
                "Another run is going on",
                f"“{self._task.title}” has not finished yet.",
                "Wait for it, or cancel it in the status bar, then start again.",
                "warning",
            )
            return None
        workspace = self._document.workspace
        if workspace is None or self._document.state.recording is None:
            self._reporter.tell("No movie is open", "", "Open a movie first.", "warning")
            return None
        return self._document.state, workspace

    def _budget(self) -> tuple[int, int | None]:
        from caiman_gui.core.parallel import cpu_count

        memory = self._settings.memory_gib
        return self._settings.n_threads or cpu_count(), int(memory * 2**30) if memory else None

    def _begin(self, title: str, work: Callable[[Task], object], state: ProjectState) -> Task:
        task = self._tasks.submit(title, work)
        self._task, self._base, self._is_ok = task, state, False
        task.failed.connect(self._reporter.report)
        task.finished.connect(self._on_finished)
        self.busyChanged.emit(True)
        return task

    def _tell_begun(self, task: Task, name: str) -> None:
        task.check()
        self._stepBegun.emit(task, name)

    def _tell_done(self, task: Task, name: str, state: ProjectState) -> None:
        task.check()
        self._stepDone.emit(task, name, state)

    @Slot(object, str)
    def _on_step_begun(self, task: Task, name: str) -> None:
        if task is self._task:
            self._running_step = name
            self.stepRunning.emit(name)

    @Slot(object, str, object)
    def _on_step_done(self, task: Task, name: str, new: ProjectState) -> None:
        if task is not self._task or self._base is None:
            return
        document, base = self._document, self._base
        if not document.state.is_same_movie(base):
            logger.info("The result of %s is dropped: the movie is another one now", name)
            task.cancel()
            return
        self._base = new
        if new is not base:
            from caiman_gui.pipeline.steps import STEPS

            result = step_result(name, document.state, new)
            if name == "prepare":  # it is measured whenever parameters ask for it
                document.amend(result.state, result.topics)
            else:
                document.edit(STEPS[name].title, result.state, result.topics)
            if result.note:
                self._reporter.tell(f"{STEPS[name].title} done", result.note, "", "warning")
        self._running_step = None
        self.stepFinished.emit(name)

    @Slot(object)
    def _on_run_succeeded(self, _state: object) -> None:
        self._is_ok = True

    @Slot(object)
    def _on_merged(self, new: ProjectState) -> None:
        current, base = self._document.state, self._base
        if base is None or current.components is not base.components:
            self._reporter.tell(
                "The components were not merged",
                "They were changed by another edit while the merged one was being computed.",
                "Merge them again.",
                "warning",
            )
            return
        self._is_ok = True
        self._document.edit(
            "Merge components",
            merge_result(current, base, new),
            Topic.COMPONENTS | Topic.LABELS | Topic.STEPS,
        )

    @Slot(object)
    def _on_exported(self, path: Path) -> None:
        self._reporter.tell("Exported", str(path))

    @Slot()
    def _on_finished(self) -> None:
        is_ok = self._is_ok
        self._task = self._base = self._running_step = None
        self.busyChanged.emit(False)
        self.runFinished.emit(is_ok)


def _run_title(names: tuple[str, ...]) -> str:
    from caiman_gui.pipeline.steps import STEPS

    return STEPS[names[0]].title if len(names) == 1 else "Run all steps"
