"""What is read of the open recording, and what is looked for in it on request."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from caiman_gui.app.topics import Topic

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.app.document import Document
    from caiman_gui.app.reporter import Reporter
    from caiman_gui.app.tasks import Task, TaskRunner
    from caiman_gui.params.run import RunParams
    from caiman_gui.pipeline.workspace import Looked
    from caiman_gui.project.model import ProjectState


class RecordingService(QObject):
    """Reads the files of the open recording again, off the UI thread."""

    def __init__(
        self,
        document: Document,
        tasks: TaskRunner,
        reporter: Reporter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._tasks = tasks
        self._reporter = reporter
        self._task: Task | None = None

    def read_again(self, params: RunParams) -> Task | None:
        """Read another channel, plane or array, as one edit that can be undone.

        Parameters
        ----------
        params : RunParams
            With which it is read, and which are then in force.
        """
        state = self._document.state
        if state.recording is None:
            return None
        if self._task is not None:
            self._task.cancel()  # the newest wish counts
        task = self._tasks.submit(
            f"Read {state.recording.name}", partial(_look_again, state, params), lane="files"
        )
        self._task = task
        task.succeeded.connect(self._on_read_again)
        task.failed.connect(self._reporter.report)
        return task

    def leave_out(self, mask_file: Path) -> None:
        """Leave out the pixels a mask file names; choosing it once more reads it once more."""
        document = self._document
        state = document.state
        text = f"Leave out what {mask_file.name} says"
        if state.params.prepare.exclude_file != str(mask_file):
            params = state.params.with_value("prepare.exclude_file", str(mask_file))
            document.set_params(params, text)
        elif state.findings is not None:  # the file may have been edited
            fresh = state.without_results().with_(findings=None, steps={})
            document.edit(text, fresh, Topic.ALL)

    def suggest_vessels(self) -> Task | None:
        """Look for dark vessels; the task gives the reading it is about and the regions."""
        state = self._document.state
        if state.recording is None:
            return None
        task = self._tasks.submit("Look for vessels", partial(_vessels, state), lane="preview")
        task.failed.connect(self._reporter.report)
        return task

    @Slot(object)
    def _on_read_again(self, result: tuple[ProjectState, RunParams, Looked]) -> None:
        before, params, looked = result
        self._task = None
        current = self._document.state
        if current.recording is not before.recording:
            return  # another movie was opened meanwhile
        recording = looked.recording
        state = looked.into(current).with_(params=params, findings=None)
        if recording.shape[1:] != before.shape[1:]:
            state = state.with_(regions=())
        self._document.edit("Read another part of the file", state.without_results(), Topic.ALL)
        if recording.notes:
            self._reporter.tell(f"{recording.name} was read", "\n".join(recording.notes))


def _look_again(state: ProjectState, params: RunParams, _task: Task) -> object:
    from caiman_gui.pipeline.workspace import look_at, require_frames

    assert state.recording is not None
    looked = look_at(state.recording.paths, params)
    require_frames(looked.into(state).with_(params=params))
    return state, params, looked


def _vessels(state: ProjectState, task: Task) -> object:
    from caiman_gui.pipeline.preparation import suggest_vessels

    return state.reading, suggest_vessels(state, task)
