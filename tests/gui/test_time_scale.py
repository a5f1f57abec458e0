"""Times of frames, places in words, and what is due when."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.gui.play_clock import PlayClock
from caiman_gui.gui.time_scale import TimeScale, time_text


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("375", 374),
        ("frame 375", 374),
        ("#1", 0),
        ("99999", 8999),
        ("0", None),
        ("12.5 s", 375),
        ("12,5s", 375),
        ("12.5", 375),
        (",5", 15),
        ("500 ms", 15),
        ("2 min", 3600),
        ("1:30", 2700),
        ("0:01:30.5", 2715),
        ("9:00:00", 8999),
        ("50 %", 4500),
        (" 7 ", 6),
        ("", None),
        ("-3", None),
        ("soon", None),
        ("1:x", None),
        ("1e3", None),
    ],
)
def test_a_place_is_read_from_words(text, index) -> None:
    assert TimeScale(9000, 30.0).parse(text) == index


def test_times_are_told_in_the_unit_that_suits_the_length() -> None:
    assert TimeScale(100, 20.0).text(25) == "1.25 s"
    assert TimeScale(9000, 30.0).text(375) == "0:12.50"
    assert time_text(3723.256, is_long=True) == "1:02:03.26"
    assert time_text(59.999, is_long=True) == "1:00.00"


def test_time_stamps_decide_which_frame_it_is() -> None:
    times = TimeScale(4, 10.0, np.array([5.0, 5.1, 6.0, 6.1]))
    assert not times.is_even
    assert [times.frame(s) for s in (0, 0.05, 0.1, 0.9, 1, 1.19, 1.21)] == [0, 0, 1, 1, 2, 3, 4]
    assert [times.nearest(s) for s in (0.4, 0.7, 50)] == [1, 2, 3]
    assert times.seconds(2) == pytest.approx(1.0)
    assert times.duration_s == pytest.approx(1.1)
    assert times.parse("1 s") == 2


def test_time_stamps_of_another_number_are_not_used() -> None:
    assert TimeScale(5, 10.0, np.array([0.0, 1.0])).is_even
    assert TimeScale(0, 10.0, np.array([])).duration_s == 0


def test_an_empty_movie_has_its_first_frame() -> None:
    assert TimeScale(0, 10.0).parse("3 s") == 0


def test_frames_are_due_by_the_clock() -> None:
    clock, times = PlayClock(), TimeScale(9000, 30.0)
    clock.start(100)
    assert [clock.frame(s, times) for s in (0, 0.02, 0.04, 1.0)] == [100, 100, 101, 130]
    clock.speed = 0.1
    assert clock.frame(1.0, times) == 103


def test_at_high_speed_the_step_is_fixed() -> None:
    clock, times = PlayClock(), TimeScale(9000, 30.0)
    clock.speed = 16.0
    due = [clock.frame(tick / 60, times) for tick in range(100)]
    assert set(np.diff(due)) == {8}


def test_dropped_frames_are_waited_for() -> None:
    clock = PlayClock()
    times = TimeScale(4, 10.0, np.array([0.0, 0.1, 1.0, 1.1]))
    clock.start(1)
    assert [clock.frame(s, times) for s in (0, 0.5, 0.89, 0.9, 2)] == [1, 1, 1, 2, 4]
