"""Asks how frames lie in a file without a header, and shows at once what that looks like."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.gui import theme, words
from caiman_gui.gui.widgets.image_view import ImageView
from caiman_gui.gui.widgets.param_form import ParamForm
from caiman_gui.gui.widgets.param_row import ChoiceBox
from caiman_gui.params.recording import RawParams

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QKeyEvent

    from caiman_gui.app.tasks import Task, TaskRunner
    from caiman_gui.io.reader import RawGeometry

#: A preview is made when nothing was typed for this long.
_SETTLE_MS = 150
_PREVIEW_PX = (480, 400)


class RawDialog(QDialog):
    """Width, height, type and so on, with suggestions and a preview of the first frame.

    Parameters
    ----------
    paths : sequence of Path
        The files; the first is previewed.
    tasks : TaskRunner
        Reads off the UI thread.

    Signals
    -------
    chosen : RawParams
    """

    chosen = Signal(object)

    def __init__(
        self, paths: Sequence[Path], tasks: TaskRunner, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Raw data")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._path = Path(paths[0])
        self._tasks = tasks
        self._task: Task | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._preview)
        self._build(len(paths))
        self._find = tasks.submit(
            "Look at raw data", partial(_suggest, self._path), lane="preview", is_quiet=True
        )
        self._find.succeeded.connect(self._on_suggested)
        self._preview()

    def _build(self, n_files: int) -> None:
        more = f" and {words.count(n_files - 1, 'other file')}" if n_files > 1 else ""
        self.suggestions = ChoiceBox()
        self.suggestions.setAccessibleName("Suggestions")
        self.suggestions.addItem("Looking for likely sizes …", None)
        self.suggestions.setEnabled(False)
        self.suggestions.activated.connect(self._on_suggestion)
        self.form = ParamForm(RawParams, "raw")
        self.form.more.hide()
        self.form.expert.show()
        self.form.valueChanged.connect(self._on_edited)
        self.view = ImageView()
        self.view.setMinimumSize(*_PREVIEW_PX)
        self.status = theme.label("", "muted", wrap=True)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        self.open_button = self.buttons.button(QDialogButtonBox.StandardButton.Open)
        self.open_button.setProperty("primary", True)
        self.open_button.setEnabled(False)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(theme.label(f"{self._path.name}{more}", "heading", wrap=True))
        column.addWidget(
            theme.label(
                "The format is not known. If the file holds bare frames one after the other, "
                "say how large they are: the picture on the left must look like the tissue.",
                "muted",
                wrap=True,
            )
        )
        column.addWidget(self.suggestions)
        column.addWidget(self.form)
        column.addWidget(self.status)
        column.addStretch(1)
        side = QWidget()
        side.setLayout(column)
        side.setFixedWidth(340)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(self.view, 1)
        top.addWidget(side)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 16)
        layout.setSpacing(16)
        layout.addLayout(top, 1)
        layout.addWidget(self.buttons)

    @property
    def raw(self) -> RawParams:
        """Geometry as typed."""
        model = self.form.model
        assert isinstance(model, RawParams)
        return model

    def accept(self) -> None:
        """Hand over the geometry."""
        self.chosen.emit(self.raw)
        super().accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)  # Return ends the typing of a number, nothing else

    def done(self, result: int) -> None:
        """Close, and stop what is still being read."""
        self._settle.stop()
        self._find.cancel()
        if self._task is not None:
            self._task.cancel()
        super().done(result)

    @Slot(object)
    def _on_suggested(self, found: tuple[RawGeometry, ...]) -> None:
        self.suggestions.clear()
        self.suggestions.addItem("Suggestions" if found else "No likely size was found", None)
        for item in found:
            text = f"{item.width_px} wide × {item.height_px} high, {item.dtype}"
            self.suggestions.addItem(text, item)
        self.suggestions.setEnabled(bool(found))
        if found and not self.raw.width_px:
            self.suggestions.setCurrentIndex(1)
            self._on_suggestion(1)

    @Slot(int)
    def _on_suggestion(self, index: int) -> None:
        item = self.suggestions.itemData(index)
        if item is None:
            return
        self.form.set_model(
            RawParams(
                width_px=item.width_px,
                height_px=item.height_px,
                dtype=item.dtype,
                byte_order="big" if item.is_big_endian else "little",
                header_bytes=item.header_bytes,
                gap_bytes=item.gap_bytes,
            )
        )
        self._settle.start()

    @Slot(object)
    def _on_edited(self, _model: Any) -> None:
        self._settle.start()

    @Slot()
    def _preview(self) -> None:
        if self._task is not None:
            self._task.cancel()
        raw = self.raw
        if not (raw.width_px and raw.height_px):
            self._show(None, "Width and height are missing.")
            return
        self._task = self._tasks.submit(
            "Preview raw data", partial(_first_frame, self._path, raw), lane="preview",
            is_quiet=True,
        )  # fmt: skip
        self._task.succeeded.connect(self._on_preview)
        self._task.failed.connect(self._on_failed)

    @Slot(object)
    def _on_preview(self, result: tuple[RawParams, int, Any]) -> None:
        raw, n_frames, frame = result
        if raw == self.raw:
            self._show(frame, f"{words.count(n_frames, 'frame')} of this size.")

    @Slot(object)
    def _on_failed(self, exc: Exception) -> None:
        self._show(None, getattr(exc, "detail", str(exc)))

    def _show(self, frame: Any, text: str) -> None:
        self.view.set_image(frame)
        self.status.setText(text)
        self.open_button.setEnabled(frame is not None)


def _suggest(path: Path, _task: Task) -> object:
    from caiman_gui.io.raw_guess import suggest_geometries

    return suggest_geometries(path)


def _first_frame(path: Path, raw: RawParams, _task: Task) -> object:
    from caiman_gui.io.formats import open_reader
    from caiman_gui.params.run import RunParams
    from caiman_gui.pipeline.workspace import read_choice

    reader = open_reader(path, read_choice(RunParams().model_copy(update={"raw": raw})))
    try:
        return raw, reader.shape[0], reader.frames(0, 1)[0]
    finally:
        reader.close()
