"""The timeline: moving, choosing the range that is played, trimming, and what is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from caiman_gui.gui.time_scale import TimeScale
from caiman_gui.gui.widgets.timeline import RANGE_PX, Timeline

if TYPE_CHECKING:
    from PySide6.QtGui import QImage
    from pytestqt.qtbot import QtBot


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    line = Timeline()
    qtbot.addWidget(line)
    line.resize(616, line.height())
    line.show()
    line.set_movie(TimeScale(601, 20.0))
    return line


def _drag(qtbot: QtBot, line: Timeline, start: int, end: int, y: int) -> None:
    button = Qt.MouseButton.LeftButton
    qtbot.mousePress(line, button, pos=QPoint(round(line.x_of(start)), y))
    qtbot.mouseMove(line, QPoint(round(line.x_of(end)), y))
    qtbot.mouseRelease(line, button, pos=QPoint(round(line.x_of(end)), y))


def _picture(line: Timeline) -> QImage:
    return line.grab().toImage()


def test_a_drag_moves_the_place(qtbot: QtBot, timeline: Timeline) -> None:
    _drag(qtbot, timeline, 100, 450, 10)
    assert timeline.value() == 450
    assert not timeline.isSliderDown()
    assert timeline.is_whole


def test_keys_move_it_too(qtbot: QtBot, timeline: Timeline) -> None:
    steps = [
        (Qt.Key.Key_Right, 1), (Qt.Key.Key_PageDown, 11), (Qt.Key.Key_PageUp, 1),
        (Qt.Key.Key_End, 600), (Qt.Key.Key_Home, 0),
    ]  # fmt: skip
    for key, value in steps:
        qtbot.keyClick(timeline, key)
        assert timeline.value() == value


def test_the_grips_choose_what_is_played(qtbot: QtBot, timeline: Timeline) -> None:
    y = timeline.height() - RANGE_PX // 2
    told: list[tuple[int, int]] = []
    timeline.rangeChosen.connect(lambda *span: told.append(span))
    _drag(qtbot, timeline, 0, 200, y)
    _drag(qtbot, timeline, 600, 300, y)
    assert timeline.played == (200, 300)
    assert told[-1] == (200, 300)
    _drag(qtbot, timeline, 200, 500, y)
    assert timeline.played == (300, 300)
    qtbot.mouseDClick(timeline, Qt.MouseButton.LeftButton, pos=QPoint(100, y))
    assert timeline.is_whole
    timeline.set_range(-5, 9999)
    assert timeline.played == (0, 600)


def test_trimming_is_told_when_the_bar_is_let_go(qtbot: QtBot, timeline: Timeline) -> None:
    told: list[tuple[int, int]] = []
    timeline.trimChanged.connect(lambda *span: told.append(span))
    _drag(qtbot, timeline, 0, 50, 10)
    assert told == []
    timeline.set_trim(0, 600)
    assert told == []
    _drag(qtbot, timeline, 0, 120, 10)
    _drag(qtbot, timeline, 600, 400, 10)
    assert told == [(120, 600), (120, 400)]
    assert timeline.trim == (120, 400)
    timeline.set_movie(TimeScale(10, 20.0))
    assert timeline.trim is None


def test_trace_marks_and_pictures_are_drawn(timeline: Timeline) -> None:
    plain, height = _picture(timeline), timeline.height()
    values = np.sin(np.arange(601) / 20).astype(np.float32)
    values[100:120] = np.nan
    timeline.set_trace(values)
    with_trace = _picture(timeline)
    assert with_trace != plain
    timeline.set_trace(values[::10], np.arange(0, 601, 10))
    assert _picture(timeline) != plain
    timeline.set_marks([300, 301])
    with_marks = _picture(timeline)
    timeline.set_thumbnails([(0, np.eye(20)), (300, np.ones((20, 30), np.uint16))])
    assert timeline.height() > height
    assert with_marks != with_trace
    timeline.set_trace(None)
    timeline.set_marks([])
    timeline.set_thumbnails([])
    assert timeline.height() == height
    assert _picture(timeline) == plain


@pytest.mark.parametrize("n_frames", [0, 1, 2])
def test_the_shortest_of_movies_are_drawn(timeline: Timeline, n_frames: int) -> None:
    timeline.set_movie(TimeScale(n_frames, 20.0))
    timeline.set_trace(np.ones(n_frames))
    assert not _picture(timeline).isNull()
    assert timeline.isEnabled() == (n_frames > 0)
    assert timeline.frame_at(300) in (0, 1)


def test_the_time_under_the_pointer_is_shown(qtbot: QtBot, timeline: Timeline) -> None:
    plain = _picture(timeline)
    qtbot.mouseMove(timeline, QPoint(300, 12))
    qtbot.waitUntil(lambda: _picture(timeline) != plain)
