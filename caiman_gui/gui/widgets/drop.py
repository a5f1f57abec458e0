"""Files dropped onto the window: what they are, and what will happen to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.io.natural import natural_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtCore import QMimeData

PROJECT_SUFFIX = ".cgproj"
PARAMS_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Dropped:
    """Sorted paths: movies (files in natural order, folders), projects, parameter files."""

    movies: tuple[Path, ...] = ()
    projects: tuple[Path, ...] = ()
    parameters: tuple[Path, ...] = ()


def sort_files(paths: Iterable[Path]) -> Dropped:
    """Tell movies, projects and parameters apart; a folder stands for the project in it.

    Whether a file really is a movie shows when it is opened: its content tells, not its name.
    """
    movies: list[Path] = []
    projects: list[Path] = []
    parameters: list[Path] = []
    for path in paths:
        suffix = path.suffix.lower()
        inside = list(path.glob(f"*{PROJECT_SUFFIX}")) if path.is_dir() else []
        if inside:
            projects += sorted(inside, key=natural_key)
        elif suffix == PROJECT_SUFFIX:
            projects.append(path)
        elif suffix == PARAMS_SUFFIX:
            parameters.append(path)
        else:
            movies.append(path)
    movies.sort(key=natural_key)
    return Dropped(tuple(movies), tuple(projects), tuple(parameters))


def local_paths(mime: QMimeData) -> list[Path]:
    """Return the files of a drag."""
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


class DropTarget(QObject):
    """Lets files be dropped anywhere on a widget and shades it meanwhile.

    Signals
    -------
    dropped : object
        The list of paths.
    """

    dropped = Signal(object)

    def __init__(self, host: QWidget, text: str = "Drop to open") -> None:
        super().__init__(host)
        self._host = host
        host.setAcceptDrops(True)
        host.installEventFilter(self)
        self.shade = QFrame(host)
        self.shade.setObjectName("dropShade")
        layout = QVBoxLayout(self.shade)
        label = theme.label(text, "number")
        label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(label)
        self.shade.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.DragEnter and local_paths(event.mimeData()):  # type: ignore[attr-defined]
            event.acceptProposedAction()  # type: ignore[attr-defined]
            self.shade.setGeometry(self._host.rect())
            self.shade.raise_()
            self.shade.show()
            return True
        if kind == QEvent.Type.DragLeave:
            self.shade.hide()
        elif kind == QEvent.Type.Drop:
            self.shade.hide()
            event.acceptProposedAction()  # type: ignore[attr-defined]
            self.dropped.emit(local_paths(event.mimeData()))  # type: ignore[attr-defined]
            return True
        return False
