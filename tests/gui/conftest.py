"""What tests of the window share: a context, tiny movies and dialogs that answer by themselves."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from caiman_gui.app.context import AppContext, build_context
from caiman_gui.gui import theme
from caiman_gui.gui.main_window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

FRAME_RATE_HZ = 20.0


class FakeDialogs:
    """Answers as told, and remembers what it was asked and told."""

    def __init__(self) -> None:
        self.opened: list[Path] = []
        self.saved: Path | None = None
        self.unsaved = "cancel"
        self.yes = False
        self.raw: Any = None
        self.asked: list[str] = []
        self.errors: list[Any] = []
        self.sheets: list[Any] = []

    def ask_open(self, kind: str, _folder: str) -> list[Path]:
        self.asked.append(f"open {kind}")
        return self.opened

    def ask_save(self, title: str, _suggested: Path, _suffix: str) -> Path | None:
        self.asked.append(title)
        return self.saved

    def ask_unsaved(self, name: str) -> str:
        self.asked.append(f"unsaved {name}")
        return self.unsaved

    def ask_yes(self, title: str, _text: str, _yes: str) -> bool:
        self.asked.append(title)
        return self.yes

    def ask_raw(self, paths: Any, _tasks: Any, on_chosen: Any) -> None:
        self.asked.append(f"raw {paths[0].name}")
        if self.raw is not None:
            on_chosen(paths, self.raw)

    def show_error(self, message: Any) -> None:
        self.errors.append(message)

    def about(self) -> None:
        self.asked.append("about")

    def tutorial(self) -> None:
        self.asked.append("tutorial")

    def shortcuts(self, groups: Any) -> None:
        self.sheets.append(groups)


@pytest.fixture
def dialogs() -> FakeDialogs:
    return FakeDialogs()


@pytest.fixture
def ctx(qtbot: QtBot, private_folders: None) -> Iterator[AppContext]:
    """Return all services, with private folders; ended after the test."""
    context = build_context()
    yield context
    assert context.close()
    # Windows of this test are cycles of references. Were they left to the collector, it could
    # destroy them in the thread of a later task, or after Qt has gone: both crash.
    gc.collect()


@pytest.fixture
def dark(qapp: Any) -> Iterator[None]:
    """Apply the dark theme, and take the style away afterwards."""
    theme.apply(qapp, "dark")
    yield
    qapp.setStyleSheet("")


@pytest.fixture
def window(qtbot: QtBot, ctx: AppContext, dialogs: FakeDialogs, dark: None) -> Iterator[MainWindow]:
    """Return the main window, shown; its tasks end with the test."""
    found = MainWindow(ctx, dialogs)  # type: ignore[arg-type]
    qtbot.addWidget(found)
    found.show()
    qtbot.waitExposed(found)
    yield found
    dialogs.unsaved = "discard"
    ctx.tasks.cancel_all()
    qtbot.waitUntil(lambda: not ctx.tasks.tasks, timeout=10_000)
    found.close()


@pytest.fixture
def movie_file(tmp_path: Path) -> Path:
    """Return a TIFF of 40 frames of 32 x 48 px at 20 Hz, a bright spot that moves by 1 px."""
    return write_movie(tmp_path / "tiny.tif")


@pytest.fixture
def open_movie(qtbot: QtBot, ctx: AppContext) -> Callable[[Path], None]:
    """Return a function that opens a movie and waits until it is in the document."""

    def opener(path: Path) -> None:
        with qtbot.waitSignal(ctx.projects.opened, timeout=10_000):
            ctx.projects.open_movies([path])
        qtbot.waitUntil(lambda: not ctx.tasks.tasks, timeout=5_000)

    return opener


def write_movie(path: Path, n_frames: int = 40) -> Path:
    """Write a small movie with known motion, structure everywhere and a frame rate."""
    rng = np.random.default_rng(3)
    scene = np.cumsum(rng.normal(0, 1, (40, 56)), axis=1)
    scene = (scene - scene.min()) * 80 + 100
    movie = np.empty((n_frames, 32, 48), np.uint16)
    for index in range(n_frames):
        dy, dx = (index // 10) % 2, (index // 5) % 2
        noise = rng.normal(0, 5, (32, 48))
        movie[index] = scene[4 + dy : 36 + dy, 4 + dx : 52 + dx] + noise
    tifffile.imwrite(
        path, movie, imagej=True, metadata={"axes": "TYX", "finterval": 1 / FRAME_RATE_HZ}
    )
    return path
