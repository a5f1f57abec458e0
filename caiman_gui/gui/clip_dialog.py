"""Exports a clip or a frame: what, how fast, in which look, with the first picture live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.app.clip_job import (
    chosen_views,
    make_job,
    make_spec,
    picture_shape,
    require_possible,
    starting_choices,
)
from caiman_gui.app.clip_preview import Preview, PreviewMaker
from caiman_gui.errors import CaimanGuiError
from caiman_gui.gui import theme, words
from caiman_gui.gui.widgets.clip_form import ClipForm
from caiman_gui.gui.widgets.clip_picture import ClipPicture

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtGui import QHideEvent

    from caiman_gui.app.clip_job import ClipChoices, ClipSource
    from caiman_gui.app.tasks import Task, TaskRunner
    from caiman_gui.gui.dialogs import Dialogs

#: A preview is made when nothing was changed for this long.
_SETTLE_MS = 60
_SIDE_PX = 360
#: GIFs above this size are slow to open and refused by many programs.
_LARGE_GIF_BYTES = 25e6


class ClipDialog(QDialog):
    """Asks what is exported; what comes of it is not its concern.

    Parameters
    ----------
    source : ClipSource
    tasks : TaskRunner
        Previews are made off the UI thread.
    dialogs : Dialogs
        Asks for the file.
    folder : Path
        Suggested for the file.
    former : ClipChoices, optional
        What was chosen last time.

    Signals
    -------
    chosen : ClipJob
    remembered : ClipChoices
        The dialog was closed, by whatever button, with these.
    """

    chosen = Signal(object)
    remembered = Signal(object)

    def __init__(
        self,
        source: ClipSource,
        tasks: TaskRunner,
        dialogs: Dialogs,
        folder: Path,
        former: ClipChoices | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export clip or frame")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._source = source
        self._tasks = tasks
        self._dialogs = dialogs
        self._folder = folder
        self._maker = PreviewMaker(source)
        self._task: Task | None = None
        self._is_stale = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._preview)
        self.form = ClipForm(source, starting_choices(source, former))
        self.picture = ClipPicture()
        self.summary = theme.label("", "muted", wrap=True)
        self.summary.setMinimumHeight(2 * self.summary.fontMetrics().lineSpacing())
        self.summary.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.error = theme.label("", "error", wrap=True)
        self._build()
        self.form.edited.connect(self._on_edited)
        self._on_edited()
        self._settle.stop()
        self._preview()

    def _build(self) -> None:
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(_SIDE_PX)
        inner = QWidget()
        inner.setObjectName("page")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 12, 0)
        column.addWidget(self.form)
        scroll.setWidget(inner)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(self.picture, 1)
        left.addWidget(self.summary)
        left.addWidget(self.error)
        top = QHBoxLayout()
        top.setSpacing(24)
        top.addLayout(left, 1)
        top.addWidget(scroll)
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Save | kinds.Cancel)
        self.export = self.buttons.button(kinds.Save)
        self.export.setText("Export …")
        self.export.setProperty("primary", True)
        self.export.setDefault(True)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 16)
        layout.setSpacing(16)
        layout.addLayout(top, 1)
        layout.addWidget(self.buttons)
        self.resize(980, 640)

    @property
    def choices(self) -> ClipChoices:
        """What is chosen now."""
        return self.form.choices

    # ---------------------------------------------------------------- export
    def accept(self) -> None:
        """Ask for the file, and hand over what is to be done; stay if there is none."""
        if not self.export.isEnabled():
            return
        choices = self.choices
        path = self._ask_path(choices)
        if path is not None:
            self.chosen.emit(make_job(self._source, choices, path))
            super().accept()

    def _ask_path(self, choices: ClipChoices) -> Path | None:
        suffix = choices.format.suffix
        first = make_spec(self._source, choices).first
        tail = "-clip" if choices.is_clip else f"-frame{first + 1}"
        suggested = self._folder / f"{self._source.name}{tail}{suffix}"
        title = f"Export: {choices.format.title}"
        path = self._dialogs.ask_save(title, suggested, suffix)
        if path is None or path.suffix.lower() in (suffix, f"{suffix}f"):  # .tiff as well
            return path
        path = path.with_name(path.name + suffix)  # its programs go by the suffix
        text = f"{path} is there already."
        if path.exists() and not self._dialogs.ask_yes("Replace the file?", text, "Replace"):
            return None
        return path

    def done(self, result: int) -> None:
        """Close, and stop what is still being read."""
        self._stop()
        self.remembered.emit(self.choices)
        super().done(result)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._stop()

    def _stop(self) -> None:
        self._settle.stop()
        self._is_stale = False
        if self._task is not None:
            self._task.cancel()

    # --------------------------------------------------------------- preview
    @Slot()
    def _on_edited(self) -> None:
        problem = self._problem()
        self.error.setText(problem)
        self.error.setVisible(bool(problem))
        self.export.setEnabled(not problem)
        self._show_summary(None)
        if problem:
            self._settle.stop()
        else:
            self._settle.start()

    def _problem(self) -> str:
        if self.form.problem:
            return self.form.problem
        try:
            require_possible(self._source, self.choices)
        except CaimanGuiError as exc:
            return f"{exc.title}. {exc.detail} {exc.hint}"
        return ""

    @Slot()
    def _preview(self) -> None:
        if self._task is not None:
            self._is_stale = True
            self._task.cancel()
            return
        maker, choices = self._maker, self.choices
        self._task = self._tasks.submit(
            "Preview of the export",
            lambda task: maker.make(choices, task),
            lane="preview",
            is_quiet=True,
        )
        self._task.succeeded.connect(self._on_preview)
        self._task.failed.connect(self._on_failed)
        self._task.finished.connect(self._on_finished)

    @Slot(object)
    def _on_preview(self, preview: Preview) -> None:
        self.picture.set_picture(preview.picture)
        self._show_summary(preview.n_bytes)

    @Slot(object)
    def _on_failed(self, exc: Exception) -> None:
        title = exc.title if isinstance(exc, CaimanGuiError) else "The frame cannot be read"
        self.picture.set_words(title)

    @Slot()
    def _on_finished(self) -> None:
        self._task = None
        if self._is_stale:
            self._is_stale = False
            self._preview()

    def _show_summary(self, n_bytes: float | None) -> None:
        choices = self.choices
        height, width = picture_shape(self._source, choices)
        parts = [f"{width:,} × {height:,} px"]
        n_views = len(chosen_views(self._source, choices))
        if choices.form == "tiff" and n_views > 1:
            parts.append(words.count(n_views, "channel"))
        if choices.is_clip:
            spec = make_spec(self._source, choices)
            parts.insert(0, words.count(len(spec.frames), "frame"))
            if choices.format.is_drawn:
                seconds = f"{spec.duration_s:.3g} s" if spec.duration_s < 60 else ""
                length = seconds or words.duration(spec.duration_s)
                parts.insert(1, f"{length} at {words.number(spec.playback_fps)} frames/s")
            if spec.step > choices.step:
                limit = f"{choices.format.max_fps:.0f}"
                parts.append(f"1 frame in {spec.step}, since it plays at most {limit} a second")
        if n_bytes is not None:
            large = choices.form == "gif" and n_bytes > _LARGE_GIF_BYTES
            hint = "; that is much for a GIF: choose MP4, a smaller size or fewer frames"
            about = "" if choices.form.startswith("tiff") else "about "
            parts.append(f"{about}{words.size(n_bytes)}{hint if large else ''}")
        self.summary.setText(" · ".join(parts))
