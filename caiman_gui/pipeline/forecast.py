"""What a step will need, said before it is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.budget import Needs, needs_of
from caiman_gui.pipeline.measure import default_memory_bytes
from caiman_gui.pipeline.steps import step_named

if TYPE_CHECKING:
    from caiman_gui.project.model import ProjectState

#: Program and libraries themselves.
_PROGRAM_BYTES = 250 * 2**20
#: Frames looked at at a time while bad pixels and the scan phase are measured, and copies.
_PREPARE_BYTES = 64 * 2**20
_HOLDS_TRACES = ("sources", "quality", "traces")
#: Components assumed before any were found: one for this many pixels.
_PIXELS_PER_COMPONENT = 1_000


@dataclass(frozen=True, slots=True)
class Forecast:
    """Upper estimates for one run of a step.

    Attributes
    ----------
    memory_bytes : int
        Of the program while the step runs, without what earlier steps have left behind.
    least_bytes : int
        What it takes however small the budget is.
    disk_bytes : int
        New files.
    seconds : float or None
        From the last run on this recording; None before the first.
    """

    memory_bytes: int
    least_bytes: int
    disk_bytes: int
    seconds: float | None


def forecast(
    state: ProjectState, step: str, *, memory_bytes: int | None = None, n_threads: int = 1
) -> Forecast:
    """Forecast memory, disk and time of a step; zeros without a recording.

    Parameters
    ----------
    step : str
        One of STEPS.
    memory_bytes, n_threads : int
        The budget, by default half of what is free, and the threads.
    """
    name = step_named(step).name
    recording = state.recording
    if recording is None:
        return Forecast(0, 0, 0, None)
    record = state.steps.get(name)
    shape = state.shape
    needs = Needs(_PREPARE_BYTES, _PREPARE_BYTES)
    if name != "prepare":
        needs = needs_of(name, shape, n_threads=n_threads)
    budget = memory_bytes if memory_bytes is not None else default_memory_bytes()
    held = _PROGRAM_BYTES + (_trace_bytes(state, shape) if name in _HOLDS_TRACES else 0)
    return Forecast(
        memory_bytes=held + needs.within(budget),
        least_bytes=held + needs.least_bytes,
        disk_bytes=store_bytes(state) if _writes_movie(name, state) else 0,
        seconds=record.seconds if record is not None and record.seconds > 0 else None,
    )


def store_bytes(state: ProjectState) -> int:
    """Bytes of the working copy of the prepared movie; 0 without a recording."""
    from caiman_gui.io.store_format import space_needed

    if state.recording is None:
        return 0
    return space_needed(state.shape, dtype=state.preparation.dtype(np.dtype(state.recording.dtype)))


def _writes_movie(name: str, state: ProjectState) -> bool:
    return name == "motion" or (name == "summary" and "motion" not in state.steps)


def _trace_bytes(state: ProjectState, shape: tuple[int, int, int]) -> int:
    """Bytes of trace, residual, activity, background, dF/F and F0 of every component, twice."""
    if state.components is not None:
        count = len(state.components)
    else:
        count = min(
            state.params.sources.max_components,
            shape[1] * shape[2] // _PIXELS_PER_COMPONENT + 1,
        )
    return 2 * 6 * 4 * count * shape[0]
