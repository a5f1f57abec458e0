"""Garbage collection in the UI thread only."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, Slot

_INTERVAL_MS = 500


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

    def start(self) -> None:
        """Take over from the automatic collector."""
        gc.disable()
        self._timer.start()

    def stop(self) -> None:
        """Collect once more, and give the automatic collector its work back."""
        self._timer.stop()
        gc.collect()
        gc.enable()

    @Slot()
    def _on_timeout(self) -> None:
        counts, limits = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > limits[generation]:
                gc.collect(generation)
                return
