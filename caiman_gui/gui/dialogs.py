"""Everything that asks or tells in a window of its own; tests put a fake in its place."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

import caiman_gui
from caiman_gui.gui import resources, theme
from caiman_gui.gui.widgets.manual_view import ManualView
from caiman_gui.io.formats import IMAGE_SUFFIXES, MOVIE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QShowEvent

    from caiman_gui.app.reporter import UserMessage
    from caiman_gui.app.tasks import TaskRunner
    from caiman_gui.params.recording import RawParams

Answer = Literal["save", "discard", "cancel"]
_PATTERNS = " ".join(f"*{suffix}" for suffix in (*MOVIE_SUFFIXES, *IMAGE_SUFFIXES))
_MOVIES = f"Movies ({_PATTERNS});;All files (*)"
_PROJECTS = "caiman_gui projects (*.cgproj)"
_MASKS = "Images (*.tif *.tiff *.png *.npy);;All files (*)"


class Dialogs:
    """Asks for files and decisions, and shows errors, over one parent window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self._parent = parent

    def ask_open(
        self, kind: Literal["movie", "folder", "project", "mask"], folder: str
    ) -> list[Path]:
        """Return the files or the folder to open; empty if the user changed their mind."""
        if kind == "folder":
            name = QFileDialog.getExistingDirectory(
                self._parent, "Open a folder that holds one recording", folder
            )
            return [Path(name)] if name else []
        if kind == "movie":
            names, _ = QFileDialog.getOpenFileNames(self._parent, "Open movie", folder, _MOVIES)
            return [Path(name) for name in names]
        title, kinds = ("Mask file", _MASKS) if kind == "mask" else ("Open project", _PROJECTS)
        name, _ = QFileDialog.getOpenFileName(self._parent, title, folder, kinds)
        return [Path(name)] if name else []

    def ask_save(self, title: str, suggested: Path, suffix: str) -> Path | None:
        """Return where to save, with the suffix; None if the user changed their mind."""
        pattern = f"*{suffix}"
        name, _ = QFileDialog.getSaveFileName(
            self._parent, title, str(suggested), f"{pattern} ({pattern});;All files (*)"
        )
        if not name:
            return None
        path = Path(name)
        return path if path.suffix else path.with_name(path.name + suffix)

    def ask_unsaved(self, name: str) -> Answer:
        """Ask what happens to unsaved changes."""
        box = QMessageBox(self._parent)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setWindowTitle("Unsaved changes")
        box.setText(f"<b>Save your work on “{html.escape(name)}”?</b>")
        box.setInformativeText(
            "Without saving, what was done since the last save is lost. "
            "The movie itself is never changed."
        )
        kinds = QMessageBox.StandardButton
        box.setStandardButtons(kinds.Save | kinds.Discard | kinds.Cancel)
        box.setDefaultButton(kinds.Save)
        answers: dict[int, Answer] = {int(kinds.Save): "save", int(kinds.Discard): "discard"}
        return answers.get(box.exec(), "cancel")

    def ask_yes(self, title: str, text: str, yes: str) -> bool:
        """Ask for one decision, named on the button."""
        box = QMessageBox(self._parent)
        box.setWindowTitle(title)
        box.setText(f"<b>{title}</b>")
        box.setInformativeText(text)
        button = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Not now", QMessageBox.ButtonRole.RejectRole)
        box.exec()
        return box.clickedButton() is button

    def show_error(self, message: UserMessage) -> None:
        """Show an error with its way out; does not wait."""
        ErrorDialog(message, self._parent).open()

    def ask_raw(
        self,
        paths: Sequence[Path],
        tasks: TaskRunner,
        on_chosen: Callable[[Sequence[Path], RawParams], None],
    ) -> None:
        """Ask how frames lie in files of which no reader knows the format; does not wait."""
        from caiman_gui.gui.raw_dialog import RawDialog

        dialog = RawDialog(paths, tasks, self._parent)
        dialog.chosen.connect(lambda raw: on_chosen(paths, raw))
        dialog.open()

    def about(self) -> None:
        """Show what this program is; does not wait."""
        AboutDialog(self._parent).open()

    def tutorial(self) -> None:
        """Show the tutorial; does not wait."""
        TutorialDialog(self._parent).show()

    def shortcuts(self, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
        """Show the keys, by group; does not wait."""
        ShortcutSheet(groups, self._parent).open()


class _Sheet(QDialog):
    """A dialog that is deleted when closed."""

    def __init__(self, title: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(24, 24, 24, 16)
        self.body.setSpacing(8)

    def add_close(self, *others: QPushButton) -> None:
        """Add the row of buttons."""
        close = QPushButton("Close")
        close.setProperty("primary", True)
        close.setDefault(True)
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.setContentsMargins(0, 16, 0, 0)
        for other in others:
            other.setAutoDefault(False)
            row.addWidget(other)
        row.addStretch(1)
        row.addWidget(close)
        close.setFocus()
        self.body.addLayout(row)


class ErrorDialog(_Sheet):
    """What failed, why, what to do; the report behind Details."""

    def __init__(self, message: UserMessage, parent: QWidget | None = None) -> None:
        super().__init__(message.title, parent)
        self._report = message.report or f"{message.title}\n{message.detail}\n{message.hint}"
        self.setMinimumWidth(480)
        mark = QLabel()
        mark.setPixmap(
            resources.pixmap("error", theme.current().danger, 32, self.devicePixelRatioF())
        )
        words = QVBoxLayout()
        words.setSpacing(8)
        for text, role in ((message.title, "heading"), (message.detail, ""), (message.hint, "")):
            if text:
                line = theme.label(text, role, wrap=True)
                line.setTextFormat(Qt.TextFormat.PlainText)
                line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                words.addWidget(line)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(words, 1)
        self.body.addLayout(top)
        self.report_view = QPlainTextEdit(self._report)
        self.report_view.setReadOnly(True)
        self.report_view.setMinimumHeight(200)
        self.report_view.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.report_view.hide()
        self.body.addWidget(self.report_view)
        self.details = QPushButton("Details")
        self.details.setCheckable(True)
        self.details.toggled.connect(self._on_details)
        self.copy = QPushButton("Copy report")
        self.copy.clicked.connect(self._on_copy)
        theme.set_icon(self.copy, "copy")
        self.add_close(self.details, self.copy)

    def _on_details(self, shown: bool) -> None:
        self.report_view.setVisible(shown)
        self.adjustSize()

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._report)
        self.copy.setText("Copied")


class AboutDialog(_Sheet):
    """The name, the version, the licence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("About caiman_gui", parent)
        self.setFixedWidth(440)
        mark = QLabel()
        mark.setPixmap(resources.app_pixmap(72, self.devicePixelRatioF()))
        name = theme.label("caiman_gui", "number")
        version = theme.label(f"Version {caiman_gui.__version__}", "muted")
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addStretch(1)
        words.addWidget(name)
        words.addWidget(version)
        words.addStretch(1)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(mark)
        top.addLayout(words, 1)
        self.body.addLayout(top)
        text = (
            "From a raw calcium-imaging movie to reviewed cells, traces and activity, "
            "without writing code.\n\nMethods: NoRMCorre (Pnevmatikakis & Giovannucci 2017), "
            "CNMF (Pnevmatikakis et al. 2016), OASIS (Friedrich, Zhou & Paninski 2017). "
            "Please cite them with your results.\n\nFree software under the BSD licence."
        )
        self.body.addWidget(theme.label(text, wrap=True))
        self.add_close()


class TutorialDialog(_Sheet):
    """The tutorial, to read beside the work."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Tutorial", parent)
        self.setModal(False)
        self.text = ManualView(resources.tutorial(), resources.tutorial_folder())
        self.body.setContentsMargins(0, 0, 16, 16)
        self.body.addWidget(self.text, 1)
        self.add_close()
        self.resize(self.sizeHint())  # a dialog left alone takes two thirds of the screen at most


class ShortcutSheet(_Sheet):
    """All keys in two columns."""

    def __init__(
        self,
        groups: Sequence[tuple[str, Sequence[tuple[str, str]]]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__("Keyboard shortcuts", parent)
        columns = QHBoxLayout()
        columns.setSpacing(40)
        sides = (QVBoxLayout(), QVBoxLayout())
        heights = [0, 0]
        for title, rows in groups:
            side = heights.index(min(heights))
            heights[side] += len(rows) + 2
            sides[side].addWidget(_key_table(title, rows))
        for side_layout in sides:
            side_layout.setSpacing(16)
            side_layout.addStretch(1)
            columns.addLayout(side_layout)
        inner = QWidget()
        inner.setObjectName("page")
        inner.setLayout(columns)
        self.keys = QScrollArea()
        self.keys.setWidgetResizable(True)
        self.keys.setWidget(inner)
        self.keys.setMinimumSize(720, 520)
        self.body.addWidget(self.keys, 1)
        self.add_close()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        inner = self.keys.widget()
        assert inner is not None
        # Only now are the fonts those of the style sheet: no text is cut off.
        bar = self.keys.verticalScrollBar().sizeHint().width()
        self.keys.setMinimumWidth(inner.minimumSizeHint().width() + bar)


def _key_table(title: str, rows: Sequence[tuple[str, str]]) -> QWidget:
    box = QWidget()
    grid = QGridLayout(box)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(4)
    grid.addWidget(theme.label(title, "heading"), 0, 0, 1, 2)
    for index, (keys, text) in enumerate(rows, start=1):
        grid.addWidget(theme.label(keys, "key"), index, 0, Qt.AlignmentFlag.AlignLeft)
        grid.addWidget(theme.label(text), index, 1)
    grid.setColumnStretch(1, 1)
    grid.setColumnMinimumWidth(0, 128)
    return box
