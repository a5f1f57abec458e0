"""The steps of the pipeline, and the keys that tell whether a result is up to date."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from caiman_gui.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from caiman_gui.params.run import RunParams
    from caiman_gui.project.model import ProjectState


class StepStatus(Enum):
    """Where a step stands: not run, up to date, or something before it changed."""

    EMPTY = "empty"
    DONE = "done"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the pipeline.

    Attributes
    ----------
    name, title : str
        Name in files and options; words for the user.
    version : int
        Raised when the same inputs would give another result than before.
    needs : tuple of str
        Steps whose result this one reads and which must have been run.
    uses : tuple of str
        Steps whose result is read where there is one.
    uses_frame_rate : bool
        Whether the frame rate in force enters the result.
    inputs : callable
        The parameters that enter the result, and no others.
    """

    name: str
    title: str
    version: int
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    uses_frame_rate: bool
    inputs: Callable[[RunParams], dict[str, Any]]


def _motion_inputs(params: RunParams) -> dict[str, Any]:
    values = params.motion.model_dump()
    if params.motion.mode == "rigid":
        for name in ("patch_size_px", "patch_overlap_px", "max_deviation_px"):
            del values[name]
    return values


def uses_filter(params: RunParams) -> bool:
    """Whether correlation and peak-to-noise are computed after the neuron-sized filter."""
    if params.summary.spatial_filter == "auto":
        return params.recording.kind == "one-photon"
    return params.summary.spatial_filter == "neuron"


def _summary_inputs(params: RunParams) -> dict[str, Any]:
    filtered = uses_filter(params)
    return {
        "filter": filtered,
        "neuron_diameter_px": params.sources.neuron_diameter_px if filtered else None,
    }


def _source_inputs(params: RunParams) -> dict[str, Any]:
    return {
        **params.sources.model_dump(),
        "kind": params.recording.kind,
        "decay_time_s": params.recording.decay_time_s,
    }


def _quality_inputs(params: RunParams) -> dict[str, Any]:
    return {"decay_time_s": params.recording.decay_time_s}  # thresholds are applied at once


def _trace_inputs(params: RunParams) -> dict[str, Any]:
    return {**params.traces.model_dump(), "kind": params.recording.kind}


STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("motion", "Motion correction", 1, (), (), False, _motion_inputs),
        Step("summary", "Summary images", 1, (), ("motion",), False, _summary_inputs),
        Step("sources", "Sources", 1, ("summary",), (), True, _source_inputs),
        Step("quality", "Quality", 1, ("sources",), (), True, _quality_inputs),
        Step("traces", "Traces", 1, ("sources",), (), True, _trace_inputs),
    )
}
STEP_NAMES: tuple[str, ...] = tuple(STEPS)


def step_named(name: str) -> Step:
    """Return a step by name.

    Raises
    ------
    ParameterError
        If there is no such step.
    """
    if name not in STEPS:
        raise ParameterError(f"Unknown step: {name}", f"The steps are {', '.join(STEP_NAMES)}.", "")
    return STEPS[name]


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the steps named, each once, in the order in which they run."""
    wanted = {step_named(name).name for name in names}
    return tuple(name for name in STEP_NAMES if name in wanted)


def upstream(name: str, state: ProjectState) -> tuple[str, ...]:
    """Return the steps whose results a step reads; a motion step never run is left out."""
    step = step_named(name)
    return (*step.needs, *(other for other in step.uses if other in state.steps))


def step_key(name: str, state: ProjectState) -> str:
    """Key that a step has when it and everything before it is up to date.

    It hashes the step's name and version, the parameters that enter its result, the frame rate
    where it matters, the keys of the steps before it, and the recording.
    """
    return _key(name, state, {other: step_key(other, state) for other in upstream(name, state)})


def actual_key(name: str, state: ProjectState) -> str:
    """Key of the result a step would give now, from the results that are really there."""
    before = {
        other: state.steps[other].key if other in state.steps else ""
        for other in upstream(name, state)
    }
    return _key(name, state, before)


def status(name: str, state: ProjectState) -> StepStatus:
    """Tell whether a step was run, and whether its result still fits parameters and inputs."""
    record = state.steps.get(step_named(name).name)
    if record is None:
        return StepStatus.EMPTY
    return StepStatus.DONE if record.key == step_key(name, state) else StepStatus.STALE


def _key(name: str, state: ProjectState, before: dict[str, str]) -> str:
    step = step_named(name)
    content = {
        "step": step.name,
        "version": step.version,
        "inputs": step.inputs(state.params),
        "frame_rate_hz": state.frame_rate_hz if step.uses_frame_rate else None,
        "upstream": before,
        "recording": state.recording.fingerprint if state.recording is not None else "",
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
