from __future__ import annotations

import pytest
from pipeline_fakes import a_state, recording

from caiman_gui.errors import ParameterError
from caiman_gui.pipeline.steps import (
    STEP_NAMES,
    StepStatus,
    actual_key,
    in_order,
    status,
    step_key,
)
from caiman_gui.project.model import ProjectState, StepRecord


def all_done(state: ProjectState) -> ProjectState:
    """Pretend that every step was run on the state as it is."""
    for name in STEP_NAMES:
        steps = {**state.steps, name: StepRecord(actual_key(name, state))}
        state = state.with_(steps=steps)
    return state


def changed_statuses(state: ProjectState, path: str, value: object) -> set[str]:
    """Steps that are out of date after one parameter changed."""
    other = state.with_(params=state.params.with_value(path, value))
    return {name for name in STEP_NAMES if status(name, other) is StepStatus.STALE}


def test_nothing_was_run_at_first():
    assert {status(name, a_state()) for name in STEP_NAMES} == {StepStatus.EMPTY}


def test_everything_is_done_after_all_steps():
    state = all_done(a_state())
    assert {status(name, state) for name in STEP_NAMES} == {StepStatus.DONE}
    assert all(state.steps[name].key == step_key(name, state) for name in STEP_NAMES)


@pytest.mark.parametrize(
    ("path", "value", "stale"),
    [
        ("motion.max_shift_px", 7, {"motion", "summary", "sources", "quality", "traces"}),
        ("sources.max_components", 3, {"sources", "quality", "traces"}),
        ("sources.min_corr", 0.5, {"sources", "quality", "traces"}),
        ("recording.frame_rate_hz", 11.0, {"sources", "quality", "traces"}),
        ("recording.decay_time_s", 1.1, {"sources", "quality", "traces"}),
        ("traces.ar_order", 0, {"traces"}),
        ("summary.spatial_filter", "neuron", {"summary", "sources", "quality", "traces"}),
    ],
)
def test_a_parameter_makes_exactly_the_later_steps_stale(path, value, stale):
    assert changed_statuses(all_done(a_state()), path, value) == stale


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("quality.min_snr", 9.0),
        ("quality.rval_thr", 0.1),
        ("quality.use_ecc", True),
        ("motion.patch_size_px", 99),  # has no effect while the model is rigid
        ("recording.pixel_size_um", 2.0),
        ("recording.frame_rate_hz", 20.0),  # what the file says too
        ("summary.spatial_filter", "none"),  # what "auto" means for two-photon
    ],
)
def test_what_does_not_enter_a_result_makes_nothing_stale(path, value):
    assert changed_statuses(all_done(a_state()), path, value) == set()


def test_another_recording_makes_everything_stale():
    state = all_done(a_state()).with_(recording=recording(fingerprint="other"))
    assert {status(name, state) for name in STEP_NAMES} == {StepStatus.STALE}


def test_the_place_of_the_file_does_not_matter(tmp_path):
    state = all_done(a_state()).with_(recording=recording(paths=(tmp_path / "moved.tif",)))
    assert {status(name, state) for name in STEP_NAMES} == {StepStatus.DONE}


def test_motion_correction_run_later_makes_the_rest_stale():
    state = a_state()
    for name in ("summary", "sources"):
        state = state.with_(steps={**state.steps, name: StepRecord(actual_key(name, state))})
    assert status("sources", state) is StepStatus.DONE
    state = state.with_(steps={**state.steps, "motion": StepRecord(actual_key("motion", state))})
    assert status("summary", state) is StepStatus.STALE
    assert status("sources", state) is StepStatus.STALE


def test_a_step_run_on_a_stale_result_stays_stale():
    state = all_done(a_state())
    state = state.with_(params=state.params.with_value("motion.max_shift_px", 3))
    record = StepRecord(actual_key("sources", state))  # motion was not run again
    state = state.with_(steps={**state.steps, "sources": record})
    assert status("sources", state) is StepStatus.STALE


def test_steps_come_in_order_and_once():
    assert in_order(["traces", "motion", "traces"]) == ("motion", "traces")
    with pytest.raises(ParameterError, match="Unknown step: deconvolve"):
        in_order(["deconvolve"])
