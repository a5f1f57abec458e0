"""Garbage collection in the UI thread only."""

from __future__ import annotations

import gc
import time

from PySide6.QtCore import QObject, QTimer, Slot

_INTERVAL_MS = 500
#: A full collection looks at every object, which takes some 50 ms: no more often than this.
FULL_EVERY_S = 60.0


class MainThreadCollector(QObject):
    """Runs Python's cyclic collector from a timer of the UI thread, and nowhere else.

    Left to itself the collector runs in whatever thread happens to allocate. If a worker's turn
    destroys a widget that was part of a reference cycle, Qt crashes.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self._on_timeout)
        self._last_full = 0.0

    def start(self) -> None:
        """Take over from the automatic collector."""
        gc.disable()
        gc.freeze()  # what is there now, modules above all, stays to the end
        self._last_full = time.monotonic()
        self._timer.start()

    def stop(self) -> None:
        """Collect once more, and give the automatic collector its work back."""
        self._timer.stop()
        gc.unfreeze()
        gc.collect()
        gc.enable()

    @Slot()
    def _on_timeout(self) -> None:
        counts, limits = gc.get_count(), gc.get_threshold()
        now = time.monotonic()
        if counts[2] > limits[2] and now - self._last_full >= FULL_EVERY_S:
            self._last_full = now
            gc.collect()
        elif counts[1] > limits[1]:
            gc.collect(1)
        elif counts[0] > limits[0]:
            gc.collect(0)
