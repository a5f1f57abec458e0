"""Surroundings of every test: private folders, no display, and nothing left behind."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
from pathlib import Path

# Before Qt or numba is imported by anything.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "caiman-gui-test-numba"))
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # as the program does itself

import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the tests of whole paths, so that they can be chosen or left out."""
    for item in items:
        if "/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(autouse=True)
def private_folders(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep settings, sessions and logs of the developer out of the tests, and theirs out of his."""
    home = tmp_path_factory.mktemp("home")
    for name in ("CONFIG", "DATA", "LOG"):
        folder = home / name.lower()
        folder.mkdir()
        monkeypatch.setenv(f"CAIMAN_GUI_{name}_DIR", str(folder))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the shared test recordings; the test is skipped where they are absent."""
    folder = Path(os.environ.get("CAIMAN_GUI_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("the shared test recordings are not here (CAIMAN_GUI_TEST_DATA)")
    return folder


@pytest.fixture(autouse=True)
def nothing_left_running(request: pytest.FixtureRequest):
    """Fail a test that leaves a thread, a running timer or a window behind."""
    before = set(threading.enumerate())
    app, windows = _windows(request)
    if app is not None:
        gc.disable()  # a worker thread must not destroy widgets; see app/collector.py
    yield
    if app is not None:
        gc.collect()
        gc.enable()
    leaked = []
    if app is not None:
        leaked += _left_windows(app, windows)
        leaked += _left_timers(app)
    for thread in set(threading.enumerate()) - before:
        if thread.daemon and not thread.name.startswith(("core", "Thread")):
            continue
        thread.join(5)
        if thread.is_alive():
            leaked.append(f"thread {thread.name}")
    assert not leaked, f"left behind: {', '.join(leaked)}"


def _windows(request: pytest.FixtureRequest) -> tuple[object | None, set[int]]:
    if not {"qtbot", "qapp"} & set(request.fixturenames):
        return None, set()
    app = request.getfixturevalue("qapp")
    return app, {id(w) for w in app.topLevelWidgets()}


def _left_windows(app: object, before: set[int]) -> list[str]:
    from PySide6.QtCore import QCoreApplication, QEvent

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    return [
        f"window {type(w).__name__} {w.objectName()!r}"
        for w in app.topLevelWidgets()  # type: ignore[attr-defined]
        if id(w) not in before and w.isVisible()
    ]


def _left_timers(app: object) -> list[str]:
    from PySide6.QtCore import QTimer

    found = []
    for widget in app.topLevelWidgets():  # type: ignore[attr-defined]
        if widget.isVisible():
            continue
        found += [t for t in widget.findChildren(QTimer) if t.isActive() and not t.isSingleShot()]
    return [f"timer {t.objectName() or t.interval()} of {type(t.parent()).__name__}" for t in found]
