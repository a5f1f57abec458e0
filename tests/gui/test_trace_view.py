from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from caiman_gui.gui.widgets.trace_view import Line, TraceView, format_value

N = 2000


def wave(n=N):
    return np.sin(np.arange(n) / 50).astype(np.float32)


@pytest.fixture
def view(qtbot):
    widget = TraceView("Trace", "a.u.")
    qtbot.addWidget(widget)
    widget.resize(800, 240)
    widget.set_frame_rate(20.0)
    activity = np.zeros(N, np.float32)
    activity[[100, 700]] = 2.0, 1.0
    widget.set_lines(
        (
            Line("raw", wave() + 1, "raw"),
            Line("denoised", wave(), "denoised"),
            Line("activity", activity, "activity", base=-1.0),
        )
    )
    widget.show_all()
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def place(view, seconds):
    box = view.plot.getViewBox()
    scene = box.mapViewToScene(QPointF(seconds, 0.0))
    return view.plot.mapFromScene(scene)


def test_a_click_sets_the_frame(view, qtbot):
    with qtbot.waitSignal(view.frameClicked) as signal:
        qtbot.mouseClick(view.plot.viewport(), Qt.MouseButton.LeftButton, pos=place(view, 50.0))
    assert signal.args[0] == pytest.approx(1000, abs=5)


def test_activity_is_drawn_as_stems_on_its_base(view):
    x, y = view._items[2].getOriginalDataset()
    np.testing.assert_allclose(x, [5, 5, 35, 35])
    np.testing.assert_allclose(y, [-1, 1, -1, 0])
    view.center_on(100, 10.0)
    shown = view._items[2].getData()
    assert len(shown[0]) == 4


def test_center_on_keeps_within_the_recording(view):
    view.center_on(0, 10.0)
    low, high = view.plot.getViewBox().viewRange()[0]
    assert (low, high) == (pytest.approx(0.0), pytest.approx(10.0))
    view.center_on(N, 10.0)
    assert view.plot.getViewBox().viewRange()[0][1] == pytest.approx((N - 1) / 20)
    view.center_on(5, 1e6)
    assert view.plot.getViewBox().viewRange()[0][0] == pytest.approx(0.0, abs=2.1)


def test_linked_views_share_the_time_window(view, qtbot):
    other = TraceView("Other")
    qtbot.addWidget(other)
    other.resize(800, 240)
    other.set_frame_rate(20.0)
    other.set_lines((Line("dF/F", wave(), "dff"),))
    other.link_x(view)
    other.show()
    view.center_on(1000, 20.0)
    qtbot.waitUntil(
        lambda: other.plot.getViewBox().viewRange()[0][0] == pytest.approx(40.0, abs=0.5)
    )


def test_value_under_the_pointer_is_told_in_seconds(view):
    box = view.plot.getViewBox()
    view._on_hovered(box.mapViewToScene(QPointF(10.0, 0.0)))
    assert "10.00 s (frame 200)" in view._value.text()
    assert "raw" in view._value.text()
    view._on_hovered(QPointF(-50.0, -50.0))
    assert view._value.text() == ""


def test_frame_cursor_follows(view):
    view.set_frame(400)
    assert view._cursor.value() == pytest.approx(20.0)
    view.set_frame_rate(40.0)
    assert view._cursor.value() == pytest.approx(10.0)


def test_no_lines_and_one_frame_are_shown(view):
    view.set_lines(())
    view.grab()
    view.set_lines((Line("raw", np.ones(1, np.float32), "raw"),))
    view.show_all()
    view.grab()
    assert view.n_frames == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (12.345, "12.3"), (1234.5, "1,234"), (0.001234, "0.00123"),
     (float("nan"), "–"), (1e9, "1.00e+09")],
)  # fmt: skip
def test_values_have_three_digits(value, text):
    assert format_value(value) == text


def test_closing_leaves_the_plot_in_one_piece(qtbot):
    view = TraceView("Trace")
    qtbot.addWidget(view)
    view.plot.close()
    assert view.plot.plotItem is not None
    assert view.plot.viewport() is not None
