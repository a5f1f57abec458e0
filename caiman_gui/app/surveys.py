"""A quick look at every recording that is opened: its course, its brightness, what looks wrong."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from caiman_gui.app.topics import Topic

if TYPE_CHECKING:
    from caiman_gui.app.document import Document
    from caiman_gui.app.tasks import Task, TaskRunner
    from caiman_gui.core.survey import Survey
    from caiman_gui.project.model import ProjectState

logger = logging.getLogger(__name__)


class SurveyService(QObject):
    """Surveys the open recording in the background, each once.

    Signals
    -------
    surveyed : Survey or None
        None as soon as another recording is open; the survey when it is there.
    """

    surveyed = Signal(object)

    def __init__(
        self, document: Document, tasks: TaskRunner, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._document = document
        self._tasks = tasks
        self._reading: tuple[object, ...] = ()
        self._survey: Survey | None = None
        self._task: Task | None = None
        document.changed.connect(self._on_changed)

    @property
    def survey(self) -> Survey | None:
        """Survey of the open recording; None as long as it is not known."""
        return self._survey

    @Slot(object)
    def _on_changed(self, topics: Topic) -> None:
        state = self._document.state
        if not topics & Topic.RECORDING or state.reading == self._reading:
            return
        self._reading = state.reading
        self._survey = None
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self.surveyed.emit(None)
        if state.recording is None or not all(path.exists() for path in state.recording.paths):
            return
        self._task = self._tasks.submit(
            "Look through the recording", partial(_survey, state), lane="preview", is_quiet=True
        )
        self._task.succeeded.connect(self._on_surveyed)
        self._task.failed.connect(self._on_failed)

    @Slot(object)
    def _on_surveyed(self, result: tuple[tuple[object, ...], Survey]) -> None:
        reading, survey = result
        if reading == self._reading:
            self._task = None
            self._survey = survey
            self.surveyed.emit(survey)

    @Slot(object)
    def _on_failed(self, exc: Exception) -> None:
        # Whoever reads these frames next tells the user; this look is only a courtesy.
        logger.warning("The recording could not be looked through: %s", exc)


def _survey(state: ProjectState, task: Task) -> object:
    from caiman_gui.core.survey import survey
    from caiman_gui.pipeline.workspace import recorded_movie

    with recorded_movie(state) as movie:
        return state.reading, survey(movie, ctx=task)
