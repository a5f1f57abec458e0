"""Start of the graphical program."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_log_path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

import caiman_gui
from caiman_gui import logs
from caiman_gui.gui import resources, theme

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)


def log_folder() -> Path:
    """Return where log files lie; the variable CAIMAN_GUI_LOG_DIR overrides it."""
    override = os.environ.get("CAIMAN_GUI_LOG_DIR")
    return Path(override) if override else user_log_path("caiman_gui", appauthor=False)


def start_logging() -> logs.MemoryHandler:
    """Send log records to memory and, if the folder can be written, to a file."""
    path = log_folder() / "caiman_gui.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return logs.setup_logging("warning", path)
    except OSError as exc:
        handler = logs.setup_logging("warning")
        logger.warning("No log file can be written in %s: %s", path.parent, exc)
        return handler


def make_application(argv: Sequence[str]) -> QApplication:
    """Return the QApplication, with name and icon."""
    app = QApplication(list(argv))
    app.setApplicationName("caiman_gui")
    app.setApplicationDisplayName("caiman_gui")
    app.setApplicationVersion(caiman_gui.__version__)
    app.setDesktopFileName("caiman_gui")
    app.setWindowIcon(resources.app_icon())
    return app


def main(paths: Sequence[Path] = ()) -> int:
    """Show the window, open what was given, and run until it is closed.

    Parameters
    ----------
    paths : sequence of Path
        Movies of one recording, or a project.

    Returns
    -------
    int
        Exit code.
    """
    handler = start_logging()
    app = make_application(sys.argv[:1])
    from caiman_gui.app.collector import MainThreadCollector
    from caiman_gui.app.context import build_context
    from caiman_gui.app.warm_up import KernelWarmUp
    from caiman_gui.gui.main_window import MainWindow

    ctx = build_context(log_tail=lambda: handler.lines()[-100:])
    theme.apply(app, ctx.settings.theme)
    ctx.reporter.install_hooks()
    window = MainWindow(ctx, log=handler)
    window.show()
    opening = (
        partial(window.files.open_paths, list(paths)) if paths else window.files.offer_recovery
    )
    QTimer.singleShot(0, window, opening)
    collector = MainThreadCollector(app)
    collector.start()
    kernels = KernelWarmUp(window)
    QTimer.singleShot(0, window, kernels.start)
    try:
        return app.exec()
    finally:
        kernels.close()
        ctx.reporter.remove_hooks()
        ctx.close()
        logs.close_logging()
        # The window goes here, in this thread, while Qt still lives.
        del window
        collector.stop()
