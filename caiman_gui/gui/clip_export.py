"""Opens the export dialog, runs what it asks for, and tells when it is done."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices

from caiman_gui.errors import ParameterError
from caiman_gui.gui import words
from caiman_gui.gui.clip_dialog import ClipDialog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtWidgets import QWidget

    from caiman_gui.app.clip_job import ClipChoices, ClipJob, ClipSource
    from caiman_gui.app.context import AppContext
    from caiman_gui.gui.dialogs import Dialogs
    from caiman_gui.io.clip import ClipResult

    #: Title, detail, level, and the words and the deed of a button.
    Notify = Callable[[str, str, str, tuple[str, Callable[[], object]] | None], object]

logger = logging.getLogger(__name__)


class ClipExporter(QObject):
    """Exports clips and frames of one window.

    Parameters
    ----------
    ctx : AppContext
    dialogs : Dialogs
    notify : callable
        Such as ``ToastStack.show``.
    window : QWidget
        The dialog opens over it.
    """

    def __init__(self, ctx: AppContext, dialogs: Dialogs, notify: Notify, window: QWidget) -> None:
        super().__init__(window)
        self._ctx = ctx
        self._dialogs = dialogs
        self._notify = notify
        self._window = window
        self._former: ClipChoices | None = None
        self._protected: tuple[Path, ...] = ()
        #: Shows a folder in the file manager; tests look at what it is given.
        self.show_folder: Callable[[Path], object] = _show_folder

    def open(self, source: ClipSource, protected: Sequence[Path] = ()) -> ClipDialog:
        """Open the dialog; does not wait.

        Parameters
        ----------
        source : ClipSource
        protected : sequence of Path
            Files and folders that are never written over: the recording and the project.
        """
        self._protected = tuple(protected)
        folder = Path(self._ctx.settings.last_folder or Path.home())
        dialog = ClipDialog(
            source, self._ctx.tasks, self._dialogs, folder, self._former, self._window
        )
        dialog.remembered.connect(self._on_remembered)
        dialog.chosen.connect(self._on_chosen)
        dialog.open()
        return dialog

    @Slot(object)
    def _on_remembered(self, choices: ClipChoices) -> None:
        self._former = choices

    @Slot(object)
    def _on_chosen(self, job: ClipJob) -> None:
        target = job.path.resolve()
        own = {path.resolve() for path in self._protected}
        if target in own or own & set(target.parents):
            self._ctx.reporter.report(
                ParameterError(
                    "The export would replace a part of the project",
                    f"{job.path} belongs to the recording or to the project.",
                    "Choose another name or folder.",
                )
            )
            return
        what = "clip" if job.is_clip else "frame"
        task = self._ctx.tasks.submit(
            f"Export {what} {job.path.name}", lambda task: (job, job.run(task)), lane="files"
        )
        task.succeeded.connect(self._on_written)
        task.failed.connect(self._ctx.reporter.report)

    @Slot(object)
    def _on_written(self, done: tuple[ClipJob, ClipResult | None]) -> None:
        job, result = done
        path = job.path
        lines = [path.name]
        if result is not None:
            facts = f"{words.count(result.n_frames, 'frame')}, {words.size(result.n_bytes)}"
            lines += [facts, *result.notes]
        logger.info("Exported %s %s", path, " ".join(lines[1:]))
        level = "warning" if result is not None and result.notes else "info"
        title = "Clip exported" if job.is_clip else "Frame exported"
        show = ("Show in folder", lambda: self.show_folder(path.parent))
        self._notify(title, "\n".join(lines), level, show)


def _show_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
