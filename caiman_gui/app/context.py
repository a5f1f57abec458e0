"""All services of the program, built once and handed to every view."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from caiman_gui.app.document import Document, Topic
from caiman_gui.app.frames import FrameLoader
from caiman_gui.app.projects import ProjectService
from caiman_gui.app.recordings import RecordingService
from caiman_gui.app.reporter import Reporter
from caiman_gui.app.selection import Selection
from caiman_gui.app.settings import Settings
from caiman_gui.app.surveys import SurveyService
from caiman_gui.app.tasks import TaskRunner
from caiman_gui.app.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from caiman_gui.core.movie import Movie
    from caiman_gui.project.model import ProjectState


class AppContext(QObject):
    """The services, and the few lines that tie them together."""

    def __init__(
        self, settings: Settings, log_tail: Callable[[], Sequence[str]] | None = None
    ) -> None:
        super().__init__()
        self.settings = settings
        self.reporter = Reporter(self, log_tail)
        self.tasks = TaskRunner(self)
        self.document = Document(self)
        self.selection = Selection(self)
        self.frames = FrameLoader(self)
        self.projects = ProjectService(
            self.document, self.tasks, self.reporter, self.settings, self
        )
        self.workflow = Workflow(self.document, self.tasks, self.reporter, self.settings, self)
        self.surveys = SurveyService(self.document, self.tasks, self)
        self.recordings = RecordingService(self.document, self.tasks, self.reporter, self)
        self._shown: dict[str, object] = {}
        self._is_closed = False
        self.document.changed.connect(self._on_changed)
        self.document.replaced.connect(self._on_replaced)
        self.frames.failed.connect(self.reporter.report)

    def close(self, timeout_ms: int = 10_000) -> bool:
        """Stop all work, wait for it, and keep the preferences.

        Returns
        -------
        bool
            Whether everything has ended within the time.
        """
        if self._is_closed:
            return True
        self._is_closed = True
        is_done = self.tasks.shutdown(timeout_ms)
        is_done = self.frames.close(timeout_ms) and is_done
        self.projects.close()
        self.settings.save()
        self.reporter.remove_hooks()
        self.document.undo_stack.clear()  # the commands hold old states, often large
        return is_done

    @Slot(object)
    def _on_changed(self, topics: Topic) -> None:
        if topics & (Topic.RECORDING | Topic.MOTION | Topic.STEPS | Topic.COMPONENTS):
            self._feed_frames()
        if topics & (Topic.RECORDING | Topic.COMPONENTS):
            state = self.document.state
            n_frames = state.shape[0] if state.recording is not None else None
            ids = state.components.ids if state.components is not None else ()
            self.selection.limit(n_frames, ids)

    @Slot()
    def _on_replaced(self) -> None:
        self.selection.select(None)
        self.selection.set_frame(0)

    def _feed_frames(self) -> None:
        state, workspace = self.document.state, self.document.workspace
        recording = state.recording
        record = state.steps.get("motion")
        has_file = record is not None and bool(record.file) and workspace is not None
        path = workspace.path(record.file) if has_file and workspace and record else None
        read = prepared = modelled = None
        if recording is not None:
            read = (recording.paths, state.params.recording, state.params.raw)
            fill = state.findings if state.params.prepare.exclude_bad_pixels else None
            prepared = (*read, state.preparation, _Same(fill))
            if state.components is not None:
                modelled = (path or prepared, _Same(state.components))
        self._feed("recorded", read, partial(_open_recorded, state))
        self._feed("raw", prepared, partial(_open_raw, state))
        self._feed("corrected", path, partial(_open_corrected, path))
        for source in ("model", "background", "residual"):
            self._feed(source, modelled, partial(_open_modelled, source, state, path))

    def _feed(self, source: str, place: Any, opener: Callable[[], Movie]) -> None:
        """Let the frames of a source come from elsewhere, if ``place`` says that it is another."""
        if place == self._shown.get(source):
            return
        self._shown[source] = place
        if place is None:
            self.frames.set_movie(source, None)
        else:
            self.frames.set_opener(source, opener)


def build_context(
    settings: Settings | None = None, log_tail: Callable[[], Sequence[str]] | None = None
) -> AppContext:
    """Build all services; ``close`` of the result ends them."""
    return AppContext(settings if settings is not None else Settings.load(), log_tail)


class _Same:
    """Compares results that have no value to compare by what they are."""

    def __init__(self, thing: object) -> None:
        self._thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other._thing is self._thing

    def __hash__(self) -> int:
        return id(self._thing)


def _open_recorded(state: ProjectState) -> Movie:
    from caiman_gui.io.movie import open_movie
    from caiman_gui.pipeline.workspace import read_choice, require_recording

    return open_movie(require_recording(state).paths, read_choice(state.params))


def _open_raw(state: ProjectState) -> Movie:
    from caiman_gui.pipeline.workspace import prepared

    return prepared(_open_recorded(state), state)


def _open_modelled(source: str, state: ProjectState, corrected: Path | None) -> Movie:
    """Open what the components explain of the movie, or what they leave."""
    from caiman_gui.core import model_movie

    assert state.components is not None
    if source == "model":
        return model_movie.ModelMovie(state.components)
    if source == "background":
        return model_movie.BackgroundMovie(state.components)
    movie = _open_corrected(corrected) if corrected is not None else _open_raw(state)
    return model_movie.ResidualMovie(movie, state.components)


def _open_corrected(path: Path | None) -> Movie:
    from caiman_gui.io.store import StoredMovie

    assert path is not None
    return StoredMovie(path)
