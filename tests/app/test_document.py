"""The document: one writer, undo without limit, and an honest dirty flag."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_states import component, state, summary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caiman_gui.app import commands
from caiman_gui.app.document import Document, Topic
from caiman_gui.pipeline.workspace import Workspace

WORKSPACE = Workspace(Path("/nowhere"))


@pytest.fixture
def document(qapp):
    document = Document()
    document.reset(state(1, 2, 3), None, WORKSPACE)
    return document


def test_an_edit_is_undone_and_redone(document) -> None:
    seen = []
    document.changed.connect(seen.append)
    before = document.state
    after = before.with_(summary=summary())
    document.edit("Summary images", after, Topic.SUMMARY)
    assert document.state is after
    document.undo_stack.undo()
    assert document.state is before
    document.undo_stack.redo()
    assert document.state is after
    assert seen == [Topic.SUMMARY] * 3
    assert document.undo_stack.undoText() == "Summary images"


def test_an_edit_that_changes_nothing_is_no_step(document) -> None:
    document.edit("Nothing", document.state, Topic.ALL)
    document.set_params(document.state.params)
    document.set_labels([1], None)
    assert document.undo_stack.count() == 0


def test_a_slider_drag_is_one_step(document) -> None:
    before = document.state
    for value in (2.6, 2.7, 3.0):
        document.set_params(document.state.params.with_value("quality.min_snr", value))
    assert document.undo_stack.count() == 1
    assert document.undo_stack.undoText() == "Change trace SNR, upper"
    document.set_params(document.state.params.with_value("quality.rval_thr", 0.5))
    assert document.undo_stack.count() == 2
    document.undo_stack.undo()
    document.undo_stack.undo()
    assert document.state is before


def test_a_drag_long_after_is_a_step_of_its_own(document, monkeypatch) -> None:
    now = [100.0]
    monkeypatch.setattr(commands.time, "monotonic", lambda: now[0])
    for value, at in ((2.6, 100.0), (2.7, 101.5), (2.8, 103.0), (2.9, 106.0)):
        now[0] = at
        document.set_params(document.state.params.with_value("quality.min_snr", value))
    assert document.undo_stack.count() == 2


def test_several_parameters_at_once_never_merge(document) -> None:
    for diameter in (11.0, 12.0):
        params = document.state.params.with_values(
            {"sources": {"neuron_diameter_px": diameter, "min_pnr": diameter}}
        )
        document.set_params(params)
    assert document.undo_stack.count() == 2
    assert document.undo_stack.undoText() == "Change parameters"


def test_thresholds_touch_the_decisions(document) -> None:
    seen = []
    document.changed.connect(seen.append)
    document.set_params(document.state.params.with_value("quality.min_snr", 9.0))
    document.set_params(document.state.params.with_value("motion.max_shift_px", 9))
    assert Topic.LABELS in seen[0]
    assert Topic.LABELS not in seen[1]


def test_labels_are_one_step_with_a_record(document) -> None:
    document.set_labels([1, 3], "reject")
    assert document.state.labels == {1: "reject", 3: "reject"}
    assert document.undo_stack.undoText() == "Reject 2 components"
    assert document.state.history[-1].action == "reject"
    assert document.state.history[-1].ids_in == (1, 3)
    assert not document.decisions[1].accepted
    document.set_labels([3], None)
    assert document.state.labels == {1: "reject"}
    assert document.undo_stack.undoText() == "Clear decision on #3"
    document.undo_stack.undo()
    document.undo_stack.undo()
    assert document.state.labels == {}
    assert document.state.history == ()


def test_delete_takes_labels_along_and_keeps_the_others(document) -> None:
    document.set_labels([1, 2], "accept")
    kept = document.state.components.by_id(2)
    document.delete_components([1, 99])
    assert document.state.components.ids == (2, 3)
    assert document.state.components.by_id(2) is kept, "untouched components are shared"
    assert document.state.labels == {2: "accept"}
    assert document.undo_stack.undoText() == "Delete 1 component"
    document.undo_stack.undo()
    assert document.state.components.ids == (1, 2, 3)


def test_decisions_are_computed_once_for_the_same_inputs(document, monkeypatch) -> None:
    import caiman_gui.core.quality as quality

    calls = []
    real = quality.decide
    monkeypatch.setattr(quality, "decide", lambda *a, **k: calls.append(1) or real(*a, **k))
    first = document.decisions
    assert document.decisions is first
    document.edit("Summary", document.state.with_(summary=summary()), Topic.SUMMARY)
    assert document.decisions is first
    assert len(calls) == 1
    document.set_labels([2], "reject")
    assert document.accepted_ids == (1, 3)
    document.set_params(
        document.state.params.with_values({"quality": {"min_snr": 50.0, "rval_thr": 1.0}})
    )
    assert document.accepted_ids == ()
    assert len(calls) == 3


def test_decisions_after_labels_are_those_made_from_scratch(document) -> None:
    from caiman_gui.core.quality import decide

    def fresh() -> dict:
        state = document.state
        return decide(state.components, params=state.params.quality, labels=state.labels)

    assert document.decisions == fresh()
    document.set_labels([2, 3], "reject")
    assert document.decisions == fresh()
    document.set_labels([3], None)
    document.set_labels([1], "unsure")
    assert document.decisions == fresh()
    document.undo_stack.setIndex(0)
    assert document.decisions == fresh()
    assert list(document.decisions) == list(document.state.components.ids)


def test_no_components_no_decisions(qapp) -> None:
    assert Document().decisions == {}


def test_dirty_until_saved_or_undone(document, tmp_path) -> None:
    told = []
    document.dirtyChanged.connect(told.append)
    assert not document.is_dirty
    document.set_labels([1], "accept")
    assert document.is_dirty
    document.undo_stack.undo()
    assert not document.is_dirty
    document.undo_stack.redo()
    with_path = tmp_path / "p.cgproj"
    document.mark_saved(document.state, with_path, WORKSPACE)
    assert not document.is_dirty
    assert document.path == with_path
    document.undo_stack.undo()
    assert document.is_dirty, "the file now holds something else"
    assert told == [True, False, True, False, True]


def test_an_edit_made_while_saving_stays_unsaved(document, tmp_path) -> None:
    document.set_labels([1], "accept")
    being_saved = document.state
    document.set_labels([2], "accept")
    document.mark_saved(being_saved, tmp_path / "p.cgproj", WORKSPACE)
    assert document.is_dirty


def test_a_drag_never_merges_across_a_save(document, tmp_path) -> None:
    document.set_params(document.state.params.with_value("quality.min_snr", 3.0))
    document.mark_saved(document.state, tmp_path / "p.cgproj", WORKSPACE)
    document.set_params(document.state.params.with_value("quality.min_snr", 4.0))
    assert document.is_dirty
    document.undo_stack.undo()
    assert not document.is_dirty
    assert document.state.params.quality.min_snr == 3.0


def test_reset_forgets_the_past(document) -> None:
    told = []
    document.replaced.connect(lambda: told.append(document.state))
    document.set_labels([1], "accept")
    other = state(7)
    document.reset(other, None, WORKSPACE)
    assert told == [other]
    assert document.undo_stack.count() == 0
    assert not document.is_dirty


def test_recovered_work_is_unsaved_from_the_start(document) -> None:
    document.reset(state(7), None, WORKSPACE, is_clean=False)
    assert document.is_dirty


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("label"),
                st.sets(st.sampled_from([1, 2, 3]), min_size=1),
                st.sampled_from(["accept", "reject", "unsure", None]),
            ),
            st.tuples(st.just("delete"), st.sets(st.sampled_from([1, 2, 3]), min_size=1)),
            st.tuples(st.just("snr"), st.floats(0, 10)),
        ),
        max_size=12,
    )
)
def test_undoing_everything_gives_the_very_first_state(document, edits) -> None:
    first = state(1, 2, 3)
    document.reset(first, None, WORKSPACE)
    for edit in edits:
        if edit[0] == "label":
            document.set_labels(edit[1], edit[2])
        elif edit[0] == "delete":
            document.delete_components(edit[1])
        else:
            document.set_params(document.state.params.with_value("quality.min_snr", edit[1]))
    last = document.state
    while document.undo_stack.canUndo():
        document.undo_stack.undo()
    assert document.state is first
    while document.undo_stack.canRedo():
        document.undo_stack.redo()
    assert document.state is last


def test_memory_is_shared_between_steps_of_undo(document) -> None:
    traces = {item.id: item.trace for item in document.state.components.items}
    document.delete_components([1])
    replaced = document.state.components.updated({2: component(2, snr=1.0)})
    document.edit("Re-measure", document.state.with_(components=replaced), Topic.COMPONENTS)
    assert document.state.components.by_id(3).trace is traces[3]


def test_what_follows_from_an_edit_is_undone_with_it(document) -> None:
    before = document.state
    document.set_params(before.params.with_value("quality.min_snr", 3.0))
    measured = document.state.with_(summary=summary())
    document.amend(measured, Topic.SUMMARY)
    assert document.state is measured
    assert document.undo_stack.count() == 1
    document.undo_stack.undo()
    assert document.state is before
    document.undo_stack.redo()
    assert document.state is measured


def test_what_is_found_out_after_an_undo_leaves_what_can_be_redone(document) -> None:
    document.set_params(document.state.params.with_value("quality.min_snr", 3.0))
    after = document.state
    document.undo_stack.undo()
    found = document.state.with_(summary=summary())
    document.amend(found, Topic.SUMMARY)
    document.undo_stack.redo()
    assert document.state is after
    document.undo_stack.undo()
    assert document.state is found
