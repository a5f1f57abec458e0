"""All services of the program, built once and handed to every view."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from caiman_gui.app.document import Document, Topic
from caiman_gui.app.frames import FrameLoader
from caiman_gui.app.projects import ProjectService
from caiman_gui.app.reporter import Reporter
from caiman_gui.app.selection import Selection
from caiman_gui.app.settings import Settings
from caiman_gui.app.tasks import TaskRunner
from caiman_gui.app.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from caiman_gui.core.movie import Movie


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
        self._shown: dict[str, object] = {"raw": None, "corrected": None}
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
        if topics & (Topic.RECORDING | Topic.MOTION | Topic.STEPS):
            self._feed_frames()
        if topics & (Topic.RECORDING | Topic.COMPONENTS):
            state = self.document.state
            n_frames = state.recording.n_frames if state.recording is not None else None
            ids = state.components.ids if state.components is not None else ()
            self.selection.limit(n_frames, ids)

    @Slot()
    def _on_replaced(self) -> None:
        self.selection.select(None)
        self.selection.set_frame(0)

    def _feed_frames(self) -> None:
        state, workspace = self.document.state, self.document.workspace
        recording = state.recording
        self._feed("raw", recording.paths if recording is not None else None, _open_raw)
        record = state.steps.get("motion")
        has_file = record is not None and bool(record.file) and workspace is not None
        path = workspace.path(record.file) if has_file and workspace and record else None
        self._feed("corrected", path, _open_corrected)

    def _feed(self, source: str, place: Any, opener: Callable[[Any], Movie]) -> None:
        if place == self._shown[source]:
            return
        self._shown[source] = place
        if place is None:
            self.frames.set_movie(source, None)
        else:
            self.frames.set_opener(source, partial(opener, place))


def build_context(
    settings: Settings | None = None, log_tail: Callable[[], Sequence[str]] | None = None
) -> AppContext:
    """Build all services; ``close`` of the result ends them."""
    return AppContext(settings if settings is not None else Settings.load(), log_tail)


def _open_raw(paths: tuple[Path, ...]) -> Movie:
    from caiman_gui.io.movie import open_movie

    return open_movie(paths)


def _open_corrected(path: Path) -> Movie:
    from caiman_gui.io.corrected import CorrectedMovie

    return CorrectedMovie(path)
