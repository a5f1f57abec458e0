"""Files dropped onto the window: what they are, and what will happen to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from PySide6.QtCore import QMimeData

MOVIE_SUFFIXES = (".tif", ".tiff", ".btf")
PROJECT_SUFFIX = ".cgproj"


@dataclass(frozen=True, slots=True)
class Dropped:
    """Sorted files: movies in natural order, projects, and what cannot be used."""

    movies: tuple[Path, ...] = ()
    projects: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts ``day2`` before ``day10``."""
    parts: list[tuple[int, str]] = []
    digits = ""
    for char in path.name.lower() + "\0":
        if char.isdigit():
            digits += char
            continue
        if digits:
            parts.append((int(digits), ""))
            digits = ""
        parts.append((-1, char))
    return parts


def sort_files(paths: Iterable[Path]) -> Dropped:
    """Tell movies, projects and others apart; folders stand for the movies in them."""
    found: list[Path] = []
    for path in paths:
        found.extend(path.iterdir() if path.is_dir() else (path,))
        if path.is_dir():
            found = [p for p in found if not p.is_dir()]
    movies = sorted((p for p in found if p.suffix.lower() in MOVIE_SUFFIXES), key=natural_key)
    projects = [p for p in found if p.suffix.lower() == PROJECT_SUFFIX]
    others = [p for p in found if p not in movies and p not in projects]
    return Dropped(tuple(movies), tuple(projects), tuple(others))


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
