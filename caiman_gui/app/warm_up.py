"""Starts the compilation of the kernels in a process of its own, once for each version."""

from __future__ import annotations

import logging
import sys

from PySide6.QtCore import QObject, QProcess, Slot

logger = logging.getLogger(__name__)

_END_MS = 2000


class KernelWarmUp(QObject):
    """Compiles in the background, where it cannot make the window stutter.

    Compiling holds the interpreter's lock, so a thread of this process would not do.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.setStandardOutputFile(QProcess.nullDevice())
        self._process.setStandardErrorFile(QProcess.nullDevice())
        self._process.finished.connect(self._on_finished)

    @property
    def is_running(self) -> bool:
        """Whether the compiler is at work."""
        return self._process.state() != QProcess.ProcessState.NotRunning

    @Slot()
    def start(self) -> None:
        """Start compiling, unless it was done before."""
        from caiman_gui.pipeline.warm_up import is_warm

        if self.is_running or is_warm():
            return
        is_bundled = getattr(sys, "frozen", False)
        arguments = ["warm-up"] if is_bundled else ["-m", "caiman_gui", "warm-up"]
        self._process.start(sys.executable, arguments)

    def close(self) -> None:
        """Stop compiling and wait for the end of it. The next start begins again."""
        if self.is_running:
            self._process.kill()
            self._process.waitForFinished(_END_MS)

    @Slot(int)
    def _on_finished(self, code: int) -> None:
        logger.info("kernels compiled (exit code %d)", code)
