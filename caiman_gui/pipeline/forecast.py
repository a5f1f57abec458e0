"""What a step will need, said before it is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caiman_gui.core.movie import BLOCK_BYTES
from caiman_gui.pipeline.steps import step_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from caiman_gui.project.model import ProjectState, RecordingRef

#: Program and libraries themselves.
_PROGRAM_BYTES = 250 * 2**20
#: A pixel of a block costs its sample and its shifted, filtered or transposed copies.
_COPIES = 4
#: Components assumed before any were found: one for this many pixels.
_PIXELS_PER_COMPONENT = 1_000


@dataclass(frozen=True, slots=True)
class Forecast:
    """Upper estimates for one run of a step.

    Attributes
    ----------
    memory_bytes : int
        Of the whole process.
    disk_bytes : int
        New files.
    seconds : float or None
        From the last run on this recording; None before the first.
    """

    memory_bytes: int
    disk_bytes: int
    seconds: float | None


def forecast(state: ProjectState, step: str) -> Forecast:
    """Forecast memory, disk and time of a step; zeros without a recording.

    Parameters
    ----------
    step : str
        One of STEP_NAMES.
    """
    name = step_named(step).name
    recording = state.recording
    if recording is None:
        return Forecast(0, 0, None)
    record = state.steps.get(name)
    samples = recording.n_frames * recording.height * recording.width
    return Forecast(
        memory_bytes=_PROGRAM_BYTES + _MEMORY[name](state, recording),
        disk_bytes=4 * samples if name == "motion" else 0,
        seconds=record.seconds if record is not None and record.seconds > 0 else None,
    )


def _blocks(state: ProjectState, recording: RecordingRef) -> int:
    movie_bytes = 4 * recording.n_frames * recording.height * recording.width
    return _COPIES * min(movie_bytes, 2 * BLOCK_BYTES)


def _component_traces(state: ProjectState, recording: RecordingRef) -> int:
    """Bytes of trace, residual, activity, background, dF/F and F0 of every component."""
    if state.components is not None:
        count = len(state.components)
    else:
        count = min(
            state.params.sources.max_components,
            recording.height * recording.width // _PIXELS_PER_COMPONENT + 1,
        )
    return 6 * 4 * count * recording.n_frames


def _sources(state: ProjectState, recording: RecordingRef) -> int:
    return _blocks(state, recording) + 2 * _component_traces(state, recording)


_MEMORY: dict[str, Callable[[ProjectState, RecordingRef], int]] = {
    "motion": _blocks,
    "summary": _blocks,
    "sources": _sources,
    "quality": _sources,
    "traces": _component_traces,
}
