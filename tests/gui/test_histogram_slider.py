from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from caiman_gui.gui.widgets.histogram_slider import HistogramSlider


@pytest.fixture
def slider(qtbot):
    widget = HistogramSlider("Low", "High", decimals=2)
    qtbot.addWidget(widget)
    widget.resize(316, 100)
    widget.set_data(np.linspace(0, 10, 1000, dtype=np.float32), (0.0, 10.0))
    widget.set_range(2.0, 8.0)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def at(slider, value):
    return QPoint(round(slider.strip.x_of(value)), 20)


def test_dragging_the_lower_handle_is_live_and_ends_once(slider, qtbot):
    seen, ended = [], []
    slider.rangeChanged.connect(lambda low, high: seen.append((low, high)))
    slider.rangeChangeFinished.connect(lambda: ended.append(True))
    qtbot.mousePress(slider.strip, Qt.MouseButton.LeftButton, pos=at(slider, 2.0))
    for value in (3.0, 4.0, 5.0):
        qtbot.mouseMove(slider.strip, at(slider, value))
    qtbot.mouseRelease(slider.strip, Qt.MouseButton.LeftButton, pos=at(slider, 5.0))
    assert slider.low == pytest.approx(5.0, abs=0.05)
    assert slider.high == 8.0
    assert len(seen) >= 3
    assert ended == [True]


def test_handles_never_cross(slider, qtbot):
    qtbot.mousePress(slider.strip, Qt.MouseButton.LeftButton, pos=at(slider, 8.0))
    qtbot.mouseMove(slider.strip, at(slider, 0.5))
    qtbot.mouseRelease(slider.strip, Qt.MouseButton.LeftButton, pos=at(slider, 0.5))
    assert slider.low == 2.0
    assert slider.high == 2.0


def test_typing_a_number_is_one_edit(slider, qtbot):
    box = slider.boxes["high"]
    box.selectAll()
    with qtbot.waitSignals([slider.rangeChanged, slider.rangeChangeFinished]):
        qtbot.keyClicks(box, "9.25")
        qtbot.keyClick(box, Qt.Key.Key_Return)
    assert slider.high == 9.25


def test_arrow_keys_move_the_handle_in_focus(slider, qtbot):
    slider.strip.setFocus()
    qtbot.keyClick(slider.strip, Qt.Key.Key_Right)
    assert 2.0 < slider.low < 2.2
    qtbot.keyClick(slider.strip, Qt.Key.Key_PageUp)
    assert slider.low > 2.4


def test_set_range_is_silent_and_the_axis_grows_to_the_handle(slider, qtbot):
    with qtbot.assertNotEmitted(slider.rangeChanged):
        slider.set_range(1.0, 25.0)
    assert slider.high == 25.0
    assert slider.strip.x_of(25.0) <= slider.strip.width()
    assert slider.strip.x_of(10.0) < slider.strip.x_of(25.0)


@pytest.mark.parametrize(
    "values", [np.zeros(0), np.full(5, np.nan), np.ones((3, 3)), np.array([np.inf, 1.0, 2.0])]
)
def test_odd_data_is_painted(slider, values):
    slider.set_data(values.astype(np.float32))
    slider.grab()
