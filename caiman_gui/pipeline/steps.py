"""The steps of the pipeline, and the keys that tell whether a result is up to date."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from caiman_gui.core.prepare.plan import Preparation
from caiman_gui.errors import ParameterError
from caiman_gui.params.run import RunParams

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    inputs: Callable[[ProjectState], dict[str, Any]]


def _prepare_inputs(state: ProjectState) -> dict[str, Any]:
    wanted = state.params.prepare
    return {
        "scan_phase": wanted.scan_phase == "auto",
        "bad_pixels": wanted.exclude_bad_pixels,
        "scan_phase_px": wanted.scan_phase_px if wanted.scan_phase == "given" else 0.0,
        "file": wanted.exclude_file,
    }


def _motion_inputs(state: ProjectState) -> dict[str, Any]:
    params = state.params
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


def _summary_inputs(state: ProjectState) -> dict[str, Any]:
    params = state.params
    filtered = uses_filter(params)
    return {
        "filter": filtered,
        "neuron_diameter_px": params.sources.neuron_diameter_px if filtered else None,
    }


def _source_inputs(state: ProjectState) -> dict[str, Any]:
    return {
        **state.params.sources.model_dump(),
        "kind": state.params.recording.kind,
        "decay_time_s": state.decay_time_s,
    }


def _quality_inputs(state: ProjectState) -> dict[str, Any]:
    return {"decay_time_s": state.decay_time_s}  # thresholds are applied at once


def _trace_inputs(state: ProjectState) -> dict[str, Any]:
    return {**state.params.traces.model_dump(), "kind": state.params.recording.kind}


STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("prepare", "Preparation", 1, (), (), False, _prepare_inputs),
        Step("motion", "Motion correction", 2, (), ("prepare",), False, _motion_inputs),
        Step("summary", "Summary images", 2, (), ("prepare", "motion"), False, _summary_inputs),
        Step("sources", "Sources", 2, ("summary",), (), True, _source_inputs),
        Step("quality", "Quality", 2, ("sources",), (), True, _quality_inputs),
        Step("traces", "Traces", 2, ("sources",), (), True, _trace_inputs),
    )
}
#: The steps of a whole run. Preparation is measured where the parameters ask for it.
STEP_NAMES: tuple[str, ...] = tuple(name for name in STEPS if name != "prepare")


def step_named(name: str) -> Step:
    """Return a step by name.

    Raises
    ------
    ParameterError
        If there is no such step.
    """
    if name not in STEPS:
        raise ParameterError(f"Unknown step: {name}", f"The steps are {', '.join(STEPS)}.", "")
    return STEPS[name]


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the steps named, each once, in the order in which they run."""
    wanted = {step_named(name).name for name in names}
    return tuple(name for name in STEPS if name in wanted)


def with_preparation(names: Iterable[str], state: ProjectState) -> tuple[str, ...]:
    """Return the steps named, in order, after the measuring that they need and that is not done."""
    wanted = set(in_order(names))
    if needs_findings(state.params) and status("prepare", state) is not StepStatus.DONE:
        wanted.add("prepare")
    return in_order(wanted)


def needs_findings(params: RunParams) -> bool:
    """Whether something has to be measured on the recording before it can be prepared."""
    wanted = params.prepare
    return wanted.scan_phase == "auto" or wanted.exclude_bad_pixels or bool(wanted.exclude_file)


def upstream(name: str, state: ProjectState) -> tuple[str, ...]:
    """Return the steps whose results a step reads; a motion step never run is left out."""
    step = step_named(name)
    used = {"motion": "motion" in state.steps, "prepare": needs_findings(state.params)}
    return (*step.needs, *(other for other in step.uses if used[other]))


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


def movie_key(state: ProjectState) -> str:
    """Key of the prepared movie, from which the name of its working copy is made."""
    content = {
        "recording": state.recording.fingerprint if state.recording is not None else "",
        "fill": actual_key("prepare", state) if needs_findings(state.params) else "",
        **_input(STEPS["motion"], state),
    }
    return _hash(content)


def _hash(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _input(step: Step, state: ProjectState) -> dict[str, Any]:
    """Return what is read of the recording and done to it; empty if it is taken as it is."""
    read = state.params.recording.model_dump(include={"channel", "plane", "dataset", "axes"})
    content = {**read, **state.params.raw.model_dump()}
    defaults = RunParams()
    usual = {**defaults.recording.model_dump(), **defaults.raw.model_dump()}
    content = {name: value for name, value in content.items() if value != usual[name]}
    if step.name != "prepare":
        done = asdict(state.preparation)
        if state.params.prepare.scan_phase != "given":
            done["scan_phase_px"] = 0.0  # measured: the key of the step before tells it
        content |= {k: v for k, v in done.items() if v != getattr(Preparation(), k)}
        if state.regions:
            content["regions"] = [region.to_dict() for region in state.regions]
    return {"input": content} if content else {}


def _key(name: str, state: ProjectState, before: dict[str, str]) -> str:
    step = step_named(name)
    content = {
        "step": step.name,
        "version": step.version,
        "inputs": step.inputs(state),
        "frame_rate_hz": state.frame_rate_hz if step.uses_frame_rate else None,
        "upstream": before,
        "recording": state.recording.fingerprint if state.recording is not None else "",
        **_input(step, state),
    }
    return _hash(content)
