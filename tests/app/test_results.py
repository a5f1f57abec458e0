"""A result that took its time meets a state that was edited meanwhile."""

from __future__ import annotations

from app_states import component, components, motion, state, summary

from caiman_gui.app.results import merge_result, step_result
from caiman_gui.app.topics import Topic
from caiman_gui.core.results import Metrics
from caiman_gui.project.model import HistoryEntry, StepRecord


def _measured(result_set, snr):
    from dataclasses import replace

    items = tuple(replace(item, metrics=Metrics(snr=snr)) for item in result_set.items)
    return result_set.with_items(items)


def test_parameters_changed_meanwhile_stay() -> None:
    base = state()
    new = base.with_(motion=motion(), steps={"motion": StepRecord("m1")})
    current = base.with_(params=base.params.with_value("quality.min_snr", 7.0))
    result = step_result("motion", current, new)
    assert result.state.motion is new.motion
    assert result.state.params.quality.min_snr == 7.0
    assert result.state.steps["motion"].key == "m1"
    assert result.topics == Topic.MOTION | Topic.STEPS


def test_other_records_stay() -> None:
    base = state(1)
    new = base.with_(summary=summary(), steps={**base.steps, "summary": StepRecord("u1")})
    assert set(step_result("summary", base, new).state.steps) == {"sources", "summary"}


def test_new_components_clear_labels_and_what_was_measured() -> None:
    current = state(1, 2).with_(
        labels={1: "reject"},
        steps={n: StepRecord(n) for n in ("summary", "sources", "quality", "traces")},
    )
    new = current.with_(
        components=components(1, 2, 3),
        labels={},
        steps={"summary": StepRecord("summary"), "sources": StepRecord("s2")},
    )
    result = step_result("sources", current, new)
    assert result.state.labels == {}
    assert result.state.components is new.components
    assert set(result.state.steps) == {"summary", "sources"}


def test_the_same_components_again_keep_the_labels() -> None:
    base = state(1, 2).with_(labels={1: "reject"})
    current = base.with_(labels={1: "reject", 2: "accept"})
    new = base.with_(components=components(1, 2))
    assert step_result("sources", current, new).state.labels == {1: "reject", 2: "accept"}


def test_labels_given_while_measuring_stay() -> None:
    base = state(1, 2)
    new = base.with_(components=_measured(base.components, 9.0), steps={"quality": StepRecord("q")})
    current = base.with_(labels={2: "reject"})
    result = step_result("quality", current, new)
    assert result.state.labels == {2: "reject"}
    assert [item.metrics.snr for item in result.state.components.items] == [9.0, 9.0]
    assert result.note == ""


def test_a_component_deleted_while_measuring_does_not_come_back() -> None:
    base = state(1, 2)
    new = base.with_(components=_measured(base.components, 9.0), steps={"quality": StepRecord("q")})
    current = base.with_(components=base.components.with_items(base.components.items[1:]))
    result = step_result("quality", current, new)
    assert result.state.components.ids == (2,)
    assert result.state.components.items[0].metrics.snr == 9.0


def test_a_component_made_while_measuring_is_kept_and_said() -> None:
    base = state(1, 2)
    new = base.with_(components=_measured(base.components, 9.0), steps={"quality": StepRecord("q")})
    merged = base.components.with_items([*base.components.items, component(3)], next_id=4)
    result = step_result("quality", base.with_(components=merged), new)
    assert result.state.components.ids == (1, 2, 3)
    assert "1 of the components" in result.note


def test_measures_of_components_that_were_undone_are_dropped() -> None:
    base = state(1, 2)
    new = base.with_(components=_measured(base.components, 9.0), steps={"quality": StepRecord("q")})
    current = state(7, 8)
    result = step_result("quality", current, new)
    assert result.state is current
    assert "are gone" in result.note
    assert step_result("quality", state(), new).state.components is None


def test_merging_keeps_labels_given_meanwhile() -> None:
    base = state(1, 2, 3)
    entry = HistoryEntry("merge", (1, 2), (4,), "now")
    new = base.with_(components=components(3, 4), history=(entry,))
    current = base.with_(labels={1: "accept", 3: "reject"})
    merged = merge_result(current, base, new)
    assert merged.labels == {3: "reject"}
    assert merged.history == (entry,)
    assert merged.components.ids == (3, 4)
