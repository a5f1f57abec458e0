"""Open, save, export, close: what the File menu does, with its questions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices

from caiman_gui.gui import words
from caiman_gui.gui.widgets.drop import PROJECT_SUFFIX, sort_files
from caiman_gui.params.run import RunParams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QMenu, QWidget

    from caiman_gui.app.context import AppContext
    from caiman_gui.app.tasks import Task
    from caiman_gui.gui.dialogs import Dialogs
    from caiman_gui.params.recording import RawParams


class FileCommands(QObject):
    """Asks what has to be asked, then lets the app layer do it.

    Attributes
    ----------
    is_closing : bool
        The user wants to leave; the window closes as soon as the last task has ended.
    """

    def __init__(self, ctx: AppContext, dialogs: Dialogs, parent: QWidget) -> None:
        super().__init__(parent)
        self._ctx = ctx
        self._dialogs = dialogs
        self._window = parent
        self.is_closing = False
        self._saving: Task | None = None
        ctx.projects.moviesMissing.connect(self._on_missing)
        ctx.projects.formatUnknown.connect(self._on_unknown)
        ctx.projects.opened.connect(self._on_opened)
        #: A parameter file that came with the movies being opened.
        self._parameters: Path | None = None

    def connect_load_tab(self, tab: Any) -> None:
        """Wire the buttons of the Load tab."""
        tab.openRequested.connect(self.open_movie)
        tab.demoRequested.connect(self.open_demo)
        tab.addRequested.connect(self.add_movies)
        tab.folderRequested.connect(self.open_folder)
        tab.maskRequested.connect(self.choose_mask)
        tab.pathsRequested.connect(self.reorder_movies)
        tab.recentRequested.connect(self._on_recent)

    # ------------------------------------------------------------------- open
    @Slot()
    def open_movie(self) -> None:
        """Ask for movies and open them as one recording."""
        self.open_paths(self._dialogs.ask_open("movie", self._ctx.settings.last_folder))

    @Slot()
    def open_folder(self) -> None:
        """Ask for a folder that holds a recording and open it."""
        self.open_paths(self._dialogs.ask_open("folder", self._ctx.settings.last_folder))

    @Slot()
    def open_project(self) -> None:
        """Ask for a project and open it."""
        self.open_paths(self._dialogs.ask_open("project", self._ctx.settings.last_folder))

    @Slot()
    def add_movies(self) -> None:
        """Ask for more files of the same recording."""
        more = self._dialogs.ask_open("movie", self._ctx.settings.last_folder)
        recording = self._ctx.document.state.recording
        if more and recording is not None:
            self.reorder_movies([*recording.paths, *more])

    @Slot()
    def choose_mask(self) -> None:
        """Ask for an image that says which pixels are left out."""
        found = self._dialogs.ask_open("mask", self._ctx.settings.last_folder)
        if found:
            self._ctx.recordings.leave_out(found[0])

    @Slot(object)
    def reorder_movies(self, paths: Sequence[Path]) -> None:
        """Take these files, in this order, as the recording, and keep the parameters."""
        self._parameters = None
        if self._may_replace():
            self._ctx.projects.open_movies(list(paths), self._ctx.document.state.params)

    @Slot(object)
    def _on_unknown(self, paths: Sequence[Path]) -> None:
        self._dialogs.ask_raw(paths, self._ctx.tasks, self._on_raw)

    def _on_raw(self, paths: Sequence[Path], raw: RawParams) -> None:
        """Open bare frames as the user has described them."""
        params = RunParams().model_copy(update={"raw": raw})
        self._ctx.projects.open_movies(list(paths), params)

    @Slot(object)
    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open whatever these files are: a project, or the movies of one recording."""
        if not paths:
            return
        found = sort_files(paths)
        self._parameters = None
        if found.projects:
            if self._may_replace():
                self._ctx.projects.open_project(found.projects[0])
        elif found.movies:
            if self._may_replace():
                self._parameters = next(iter(found.parameters), None)
                self._ctx.projects.open_movies(list(found.movies))
        else:
            self._take_parameters(found.parameters[0])

    @Slot()
    def _on_opened(self) -> None:
        path, self._parameters = self._parameters, None
        if path is not None:
            self._take_parameters(path)

    def _take_parameters(self, path: Path) -> None:
        """Take the parameters of a JSON file over, ours or CaImAn's, as one edit."""
        from caiman_gui.errors import CaimanGuiError
        from caiman_gui.params.caiman_names import read_params_file

        document = self._ctx.document
        try:
            params, notes = read_params_file(path, document.state.params)
            document.require_usable(params)
        except CaimanGuiError as exc:
            self._ctx.reporter.report(exc)
            return
        document.set_params(params, f"Take parameters from {path.name}")
        self._ctx.reporter.tell(
            f"Parameters were taken from {path.name}",
            "\n".join(notes),
            "Edit > Undo takes them back.",
        )

    @Slot()
    def open_demo(self) -> None:
        """Make the demo recording, the first time, and open it."""
        if not self._may_replace():
            return
        from caiman_gui.gui.demo import demo_file

        self._parameters = None

        task = self._ctx.tasks.submit("Making the demo recording", demo_file)
        task.succeeded.connect(self._on_demo)
        task.failed.connect(self._ctx.reporter.report)

    @Slot(object)
    def _on_demo(self, path: Path) -> None:
        self._ctx.projects.open_movies([path])

    @Slot(object)
    def _on_missing(self, paths: Sequence[Path]) -> None:
        names = ", ".join(path.name for path in paths)
        text = (
            f"The project was made with {names}, which is no longer in {paths[0].parent}. "
            "The results can be looked at without it; playing and running need it."
        )
        if self._dialogs.ask_yes("The movie was not found", text, "Locate the movie …"):
            found = self._dialogs.ask_open("movie", self._ctx.settings.last_folder)
            if found:
                self._ctx.projects.relocate(found)

    def offer_recovery(self) -> None:
        """Ask whether to take up what a session that crashed has left."""
        for item in self._ctx.projects.recoverable()[:1]:
            text = (
                f"The program did not end properly. Unsaved work on “{item.title}” of "
                f"{item.when:%d %B, %H:%M} was kept."
            )
            if self._dialogs.ask_yes("Recover unsaved work?", text, "Recover"):
                self._ctx.projects.recover(item)

    @Slot(object)
    def _on_recent(self, paths: tuple[Path, ...]) -> None:
        gone = [path for path in paths if not path.exists()]
        if not gone:
            self.open_paths(paths)
            return
        self._ctx.settings.remove_recent(*paths)
        self._ctx.reporter.tell(
            "File not found",
            f"{gone[0]} was moved or deleted.",
            "It was taken off the list.",
            "warning",
        )

    def fill_recent(self, menu: QMenu) -> None:
        """List the recent files."""
        menu.clear()
        for paths in self._ctx.settings.recent:
            action = menu.addAction(words.of_files(paths).replace("&", "&&"))
            action.setToolTip("\n".join(map(str, paths)))
            action.triggered.connect(lambda _=False, p=paths: self._on_recent(p))
        if menu.isEmpty():
            menu.addAction("Nothing opened yet").setEnabled(False)

    # ------------------------------------------------------------------- save
    @Slot()
    def save(self) -> bool:
        """Save where the project lies, or ask where. Returns whether saving has begun."""
        document = self._ctx.document
        if document.path is None or document.is_read_only:
            return self.save_as()
        return self._save(document.path)

    @Slot()
    def save_as(self) -> bool:
        """Ask where to save. Returns whether saving has begun."""
        suggested = self._suggested(PROJECT_SUFFIX)
        path = self._dialogs.ask_save("Save project", suggested, PROJECT_SUFFIX)
        return path is not None and self._save(path)

    def _save(self, path: Path) -> bool:
        self._saving = self._ctx.projects.save(path)
        if self._saving is not None:
            self._saving.failed.connect(self._on_save_failed)
        return self._saving is not None

    @Slot(object)
    def _on_save_failed(self, _exc: object) -> None:
        # Nothing was written: the window stays, so that another place can be chosen.
        self.is_closing = False

    def fill_export(self, menu: QMenu) -> None:
        """List the formats, once."""
        if not menu.isEmpty():
            return
        from caiman_gui.pipeline.outputs import EXPORT_FORMATS

        for name, found in EXPORT_FORMATS.items():
            action = menu.addAction(f"{found[0]} …")
            action.triggered.connect(lambda _=False, n=name: self.export(n))

    def export(self, name: str) -> None:
        """Ask where, then write one format."""
        from caiman_gui.pipeline.outputs import EXPORT_FORMATS

        title, suffix = EXPORT_FORMATS[name][:2]
        suggested = self._suggested(suffix, f"-{name}")
        path = self._dialogs.ask_save(f"Export: {title}", suggested, suffix)
        if path is not None:
            self._ctx.workflow.export(name, path)

    def save_text(self, title: str, name: str, text: str) -> None:
        """Ask where, then write a text."""
        from caiman_gui.errors import ResourceError
        from caiman_gui.io.atomic import write_text_atomic

        folder = Path(self._ctx.settings.last_folder or Path.home())
        path = self._dialogs.ask_save(title, folder / name, Path(name).suffix)
        if path is None:
            return
        try:
            write_text_atomic(path, text)
        except ResourceError as exc:
            self._ctx.reporter.report(exc)

    def _suggested(self, suffix: str, tail: str = "") -> Path:
        document = self._ctx.document
        if document.path is not None:
            return document.path.with_name(document.path.stem + tail + suffix)
        recording = document.state.recording
        folder = Path(self._ctx.settings.last_folder or Path.home())
        if recording is None:
            return folder / f"untitled{suffix}"
        return folder / f"{recording.paths[0].stem}{tail}{suffix}"

    # ------------------------------------------------------------------ close
    def window_title(self) -> str:
        """Return the title of the window."""
        return f"{self._name()}[*] - caiman_gui"

    def _name(self) -> str:
        document = self._ctx.document
        if document.path is not None:
            return document.path.stem
        recording = document.state.recording
        return recording.name if recording is not None else "No recording"

    def _may_replace(self) -> bool:
        document = self._ctx.document
        if not document.is_dirty or document.state.recording is None:
            return True
        answer = self._dialogs.ask_unsaved(self._name())
        if answer == "save":
            return self.save()
        return answer == "discard"

    def may_close(self) -> bool:
        """Ask about unsaved changes, stop what runs; False: not (yet)."""
        if not self.is_closing and not self._may_replace():
            return False
        running = self._ctx.tasks.tasks
        self.is_closing = bool(running)
        for task in running:
            if task is not self._saving:
                task.cancel()
        return not running

    @Slot()
    def open_log_folder(self) -> None:
        """Show the folder of log files in the file manager."""
        from caiman_gui.gui.application import log_folder

        folder = log_folder()
        os.makedirs(folder, exist_ok=True)
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
