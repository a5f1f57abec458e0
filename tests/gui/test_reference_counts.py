"""Guard against PySide6 builds that lose references (6.12.0 on Python 3.10 and 3.11).

Each emit there drops one reference to True, each Python override called from C++ one to None,
and the process dies after about a thousand. A short test suite does not notice.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent

REPEATS = 5000
#: Other code may hold or drop a few; a leak is one per call.
SLACK = 200


class _Source(QObject):
    fired = Signal(bool)


class _Canvas(QWidget):
    paints = 0

    def paintEvent(self, event: QPaintEvent) -> None:
        self.paints += 1


def _counts() -> tuple[int, int]:
    return sys.getrefcount(True), sys.getrefcount(None)


def test_emitting_keeps_reference_counts(qapp):
    source, received = _Source(), []
    source.fired.connect(received.append)
    before = _counts()
    for _ in range(REPEATS):
        source.fired.emit(True)
    n = len(received)
    received.clear()
    after = _counts()
    assert n == REPEATS
    assert all(abs(a - b) < SLACK for a, b in zip(after, before, strict=True)), (before, after)


def test_repainting_keeps_reference_counts(qtbot):
    canvas = _Canvas()
    qtbot.addWidget(canvas)
    canvas.show()
    qtbot.waitUntil(lambda: canvas.paints > 0)
    start, before = canvas.paints, _counts()
    for _ in range(REPEATS):
        canvas.repaint()
    after = _counts()
    assert canvas.paints - start == REPEATS
    assert all(abs(a - b) < SLACK for a, b in zip(after, before, strict=True)), (before, after)
