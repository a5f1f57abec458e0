"""One selection for all views."""

from __future__ import annotations

import pytest

from caiman_gui.app.selection import Selection


@pytest.fixture
def selection(qapp):
    return Selection()


def test_selecting_tells_once(selection) -> None:
    seen = []
    selection.componentChanged.connect(seen.append)
    selection.select(3)
    selection.select(3)
    selection.select(None)
    assert seen == [3, None]
    assert selection.component_ids == ()


def test_several_at_a_time_the_last_is_current(selection) -> None:
    selection.select_many([4, 2, 4, 7])
    assert selection.component_ids == (4, 2, 7)
    assert selection.current_id == 7
    selection.select_many([4, 2, 7], current=2)
    assert selection.current_id == 2


def test_toggle_adds_and_takes_out(selection) -> None:
    selection.select(1)
    selection.toggle(5)
    assert selection.component_ids == (1, 5)
    assert selection.current_id == 5
    selection.toggle(5)
    assert selection.component_ids == (1,)
    assert selection.current_id == 1


def test_frames_stay_within_the_movie(selection) -> None:
    seen = []
    selection.frameChanged.connect(seen.append)
    selection.limit(100, ())
    selection.set_frame(500)
    selection.set_frame(-3)
    assert seen == [99, 0]
    selection.set_frame(50)
    selection.limit(10, ())
    assert selection.frame == 9


def test_components_that_are_gone_are_dropped(selection) -> None:
    selection.select_many([1, 2, 3])
    selection.limit(None, [2, 1])
    assert selection.component_ids == (1, 2)
    assert selection.current_id == 2
