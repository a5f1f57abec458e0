"""Opening and saving, off the UI thread; autosave and what a crash has left."""

from __future__ import annotations

import logging
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from caiman_gui.app.document import Document, Topic
from caiman_gui.app.project_files import (
    adopt_files,
    drop_copies,
    is_same_recording,
    require_same_movie,
    with_found,
    write_autosave,
    write_project,
)
from caiman_gui.app.sessions import LayeredWorkspace, Recoverable, Session, recoverable
from caiman_gui.errors import CaimanGuiError, UnknownFormatError
from caiman_gui.params.run import RunParams
from caiman_gui.project.model import ProjectState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from caiman_gui.app.reporter import Reporter
    from caiman_gui.app.settings import Settings
    from caiman_gui.app.tasks import Task, TaskRunner
    from caiman_gui.pipeline.workspace import Looked
    from caiman_gui.project.store import LoadedProject

logger = logging.getLogger(__name__)

#: The document is autosaved this long after the last change.
AUTOSAVE_MS = 30_000
SUFFIX = ".cgproj"


class ProjectService(QObject):
    """Puts movies and projects into the document, and the document onto the disk."""

    #: A movie or a project is in place.
    opened = Signal()
    #: Paths of the movies that a project refers to and that are not there.
    moviesMissing = Signal(object)
    autosaved = Signal(object)
    #: Paths of a recording of which no reader knows the format.
    formatUnknown = Signal(object)

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
        self.session = Session()
        self._opening: Task | None = None
        self._saving: Task | None = None
        self._autosaved_state: ProjectState | None = None
        self._adopted: Path | None = None
        self._wanted: tuple[Path, ...] = ()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(AUTOSAVE_MS)
        self._timer.timeout.connect(self.autosave)
        document.changed.connect(self._on_edited)
        document.dirtyChanged.connect(self._on_edited)

    @property
    def is_saving(self) -> bool:
        """Whether the project is being written."""
        return self._saving is not None

    def open_movies(self, paths: Sequence[Path], params: RunParams | None = None) -> Task:
        """Begin a new project with movie files, in this order. Unsaved work is not asked for.

        Parameters
        ----------
        params : RunParams, optional
            With which the project begins; they also say what is read of the files.
        """
        params = params if params is not None else RunParams()
        files = tuple(Path(path).absolute() for path in paths)

        def work(_task: Task) -> object:
            from caiman_gui.pipeline.workspace import look_at

            return files, params, look_at(files, params)

        task = self._open(f"Open {files[0].name}", work, self._on_movies_refused)
        task.succeeded.connect(self._on_movies_opened)
        self._wanted = files
        return task

    def open_project(self, path: Path) -> Task:
        """Open a project file. Unsaved work of the present one is not asked for."""
        file = Path(path).absolute()

        def work(_task: Task) -> object:
            from caiman_gui.project.store import load_project

            return file, load_project(file)

        task = self._open(f"Open {file.name}", work)
        task.succeeded.connect(self._on_project_opened)
        return task

    def save(self, path: Path | None = None) -> Task | None:
        """Write the project; edits made while it is written stay unsaved.

        Returns
        -------
        Task or None
            None, with a message, if there is nothing to save or no place for it.
        """
        document = self._document
        workspace = document.workspace
        if document.state.recording is None or workspace is None:
            self._reporter.tell("Nothing to save", "No movie is open.", "", "warning")
            return None
        target = path if path is not None else document.path
        if target is None or (document.is_read_only and target == document.path):
            self._reporter.tell(
                "The project needs another name",
                f"{target} was written by a newer version of the program."
                if target is not None
                else "It was never saved.",
                "Use “Save as”.",
                "warning",
            )
            return None
        if self._saving is not None:
            self._reporter.tell("The project is being saved already", "", "", "info")
            return None
        target = target.absolute()
        if target.suffix != SUFFIX:
            target = target.with_name(target.name + SUFFIX)
        task = self._tasks.submit(
            f"Save {target.name}",
            partial(write_project, document.state, target, self._layered()),
            lane="files",
        )
        self._saving = task
        task.succeeded.connect(self._on_saved)
        task.failed.connect(self._on_save_failed)
        task.finished.connect(self._on_save_finished)
        return task

    def relocate(self, paths: Sequence[Path]) -> Task:
        """Tell where the movies of the open project lie now: all of them, or those missing."""
        chosen = tuple(Path(path).absolute() for path in paths)
        recording, params = self._document.state.recording, self._document.state.params

        def work(_task: Task) -> object:
            from caiman_gui.pipeline.workspace import open_recording

            files = with_found(recording.paths, chosen) if recording is not None else chosen
            require_same_movie(recording, open_recording(files, params))
            return files

        task = self._tasks.submit(f"Open {chosen[0].name}", work, lane="files")
        task.succeeded.connect(self._on_relocated)
        task.failed.connect(self._reporter.report)
        return task

    def recoverable(self) -> tuple[Recoverable, ...]:
        """List what sessions that crashed have left, newest first."""
        return recoverable()

    def recover(self, item: Recoverable) -> Task:
        """Open what a crashed session has left; it counts as unsaved."""
        workspace = self.session.new_workspace(
            item.project.with_suffix(".cgdata") if item.project is not None else None
        )

        def work(_task: Task) -> object:
            from caiman_gui.project.store import load_project

            loaded = load_project(item.autosave)
            adopt_files(item.autosave.parent, workspace)
            return item, loaded, workspace

        task = self._open(f"Recover {item.title}", work)
        task.succeeded.connect(self._on_recovered)
        return task

    def discard(self, item: Recoverable) -> None:
        """Remove what a crashed session has left."""
        shutil.rmtree(item.autosave.parent, ignore_errors=True)

    @Slot()
    def autosave(self) -> None:
        """Write unsaved work into the session's folder, where it survives a crash."""
        document = self._document
        state = document.state
        if (
            not self._settings.autosave
            or not document.is_dirty
            or state.recording is None
            or state is self._autosaved_state
            or self._saving is not None
        ):
            return
        title = document.path.stem if document.path is not None else state.recording.name
        task = self._tasks.submit(
            "Autosave",
            partial(write_autosave, state, self.session, title, document.path),
            lane="files",
            is_quiet=True,
        )
        task.succeeded.connect(self._on_autosaved)
        task.failed.connect(self._on_autosave_failed)

    def close(self) -> None:
        """Stop the autosave and remove what the session wrote; all tasks have ended before."""
        self._timer.stop()
        self.session.close()
        self._drop_adopted()

    def _open(
        self,
        title: str,
        work: Callable[[Task], object],
        on_failed: Callable[[Exception], None] | None = None,
    ) -> Task:
        if self._opening is not None:
            self._opening.cancel()  # the newest wish counts
        task = self._tasks.submit(title, work, lane="files")
        self._opening = task
        task.failed.connect(on_failed if on_failed is not None else self._reporter.report)
        return task

    @Slot(object)
    def _on_movies_refused(self, exc: Exception) -> None:
        if isinstance(exc, UnknownFormatError):
            self.formatUnknown.emit(self._wanted)
        else:
            self._reporter.report(exc)

    @Slot(object)
    def _on_movies_opened(self, result: tuple[tuple[Path, ...], RunParams, Looked]) -> None:
        files, params, looked = result
        recording = looked.recording
        self._place(looked.into(ProjectState(params=params)), None, self.session.new_workspace())
        self._settings.add_recent(*files)
        if recording.notes:
            self._reporter.tell(f"{recording.name} was opened", "\n".join(recording.notes))
        self.opened.emit()

    @Slot(object)
    def _on_project_opened(self, result: tuple[Path, LoadedProject]) -> None:
        path, loaded = result
        workspace = self.session.new_workspace(loaded.data_dir)
        self._place(loaded.state, path, workspace, is_read_only=loaded.read_only)
        self._settings.add_recent(path)
        self._tell_about(loaded)

    @Slot(object)
    def _on_recovered(self, result: tuple[Recoverable, LoadedProject, LayeredWorkspace]) -> None:
        item, loaded, workspace = result
        self._place(loaded.state, item.project, workspace, is_clean=False)
        self._adopted = item.autosave.parent
        self._tell_about(loaded)

    def _place(
        self,
        state: ProjectState,
        path: Path | None,
        workspace: LayeredWorkspace,
        *,
        is_clean: bool = True,
        is_read_only: bool = False,
    ) -> None:
        self._opening = None
        self._autosaved_state = None
        self.session.discard_autosave()
        self._document.reset(state, path, workspace, is_clean=is_clean, is_read_only=is_read_only)

    def _tell_about(self, loaded: LoadedProject) -> None:
        for note in loaded.notes:
            self._reporter.tell("About this project", note, "", "warning")
        self.opened.emit()
        if loaded.missing:
            self.moviesMissing.emit(loaded.missing)

    @Slot(object)
    def _on_saved(self, result: tuple[ProjectState, Path]) -> None:
        state, path = result
        workspace = self._layered()
        saved = LayeredWorkspace(workspace.folder, path.with_suffix(".cgdata"))
        if is_same_recording(state, self._document.state):
            self._document.mark_saved(state, path, saved)
            self._settings.add_recent(path)
            self.session.discard_autosave()
            self._drop_adopted()
            assert saved.saved is not None
            self._tasks.submit(
                "Tidy",
                partial(drop_copies, saved.folder, saved.saved),
                lane="files",
                is_quiet=True,
            )

    @Slot(object)
    def _on_save_failed(self, exc: Exception) -> None:
        if self._opening is not None:
            self._opening.cancel()  # it would take the place of work that is not saved
        self._reporter.report(exc)

    @Slot()
    def _on_save_finished(self) -> None:
        self._saving = None

    @Slot(object)
    def _on_relocated(self, files: tuple[Path, ...]) -> None:
        from caiman_gui.project.store import relocate

        state = self._document.state
        if state.recording is not None:
            new = relocate(state, state.recording.paths, files)
            self._document.edit("Locate the movie", new, Topic.RECORDING)

    @Slot(object)
    def _on_autosaved(self, state: ProjectState) -> None:
        if self._document.is_dirty:
            self._autosaved_state = state
            self._drop_adopted()
        else:
            self.session.discard_autosave()
        self.autosaved.emit(self.session.autosave_path)

    @Slot(object)
    def _on_autosave_failed(self, exc: Exception) -> None:
        reason = exc.detail if isinstance(exc, CaimanGuiError) else str(exc)
        self._reporter.tell(
            "Unsaved work could not be kept safe", reason, "Save the project now.", "warning"
        )

    @Slot(object)
    @Slot(bool)
    def _on_edited(self, _what: object) -> None:
        # The stack counts an edit only after `changed`, so both signals are needed to know.
        if self._document.is_dirty and self._settings.autosave:
            self._timer.start()
        else:
            self._timer.stop()

    def _layered(self) -> LayeredWorkspace:
        workspace = self._document.workspace
        assert workspace is not None
        if isinstance(workspace, LayeredWorkspace):
            return workspace
        return LayeredWorkspace(workspace.folder, None)

    def _drop_adopted(self) -> None:
        if self._adopted is not None:
            shutil.rmtree(self._adopted, ignore_errors=True)
            self._adopted = None
