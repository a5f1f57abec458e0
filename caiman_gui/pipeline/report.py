"""What a run did and cost, as ``report.json`` tells it."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from caiman_gui import __version__
from caiman_gui.core.parallel import cpu_count
from caiman_gui.pipeline.steps import STEPS, StepStatus, status
from caiman_gui.pipeline.warnings import warnings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from caiman_gui.core.results import Decision
    from caiman_gui.project.model import ProjectState


def decisions_of(state: ProjectState) -> Mapping[int, Decision]:
    """Decide on every component of a state, by its thresholds and labels."""
    if state.components is None or not len(state.components):
        return {}
    from caiman_gui.core.quality import decide

    return decide(state.components, params=state.params.quality, labels=state.labels)


def make_report(
    state: ProjectState,
    *,
    skipped: Collection[str],
    n_threads: int,
    memory_bytes: int,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the content of ``report.json``.

    Parameters
    ----------
    skipped : collection of str
        Steps whose earlier result was up to date.
    n_threads, memory_bytes : int
        As used.
    notes : sequence of str
        Warnings from outside the state, such as parameters that could not be taken over.
    """
    accepted = sum(decision.accepted for decision in decisions_of(state).values())
    return {
        "program": "caiman_gui",
        "version": __version__,
        "python": platform.python_version(),
        "parameters": state.params.model_dump(),
        "recording": _recording(state),
        "steps": [
            {
                "name": name,
                "seconds": round(state.steps[name].seconds, 3),
                "cpu_seconds": round(state.steps[name].cpu_seconds, 3),
                "peak_rss_bytes": state.steps[name].peak_rss_bytes,
                "skipped": name in skipped,
            }
            for name in STEPS
            if name in state.steps
        ],
        "counts": {
            "components": len(state.components) if state.components is not None else 0,
            "accepted": int(accepted),
        },
        "machine": {
            "cpus": cpu_count(),
            "threads": n_threads,
            "memory_budget_bytes": memory_bytes,
            "system": platform.platform(),
        },
        "warnings": list(dict.fromkeys((*warnings(state), *_outdated(state), *notes))),
    }


def _outdated(state: ProjectState) -> list[str]:
    """One sentence if some results do not fit to the parameters or to other results."""
    titles = [STEPS[name].title for name in STEPS if status(name, state) is StepStatus.STALE]
    if not titles:
        return []
    return [
        f"Out of date: {', '.join(titles)}. Parameters or earlier results have changed since; "
        "run these steps again."
    ]


def _recording(state: ProjectState) -> dict[str, Any]:
    recording = state.recording
    if recording is None:
        return {}
    return {
        "files": [path.name for path in recording.paths],
        "shape": list(recording.shape),
        "prepared_shape": list(state.shape),
        "format": recording.format,
        "dtype": recording.dtype,
        "fingerprint": recording.fingerprint,
        "frame_rate_hz": state.frame_rate_hz,
        "frame_rate_source": state.frame_rate_source,
        "pixel_size_um": state.pixel_size_um,
        "decay_time_s": state.decay_time_s,
        "decay_time_source": state.decay_time_source,
        "timestamps": recording.times_source,
        "dropped_frames": sum(count for _, count in recording.dropped),
        "scan_phase_px": state.preparation.scan_phase_px,
        "excluded_pixels": int(state.excluded.sum()) if state.excluded is not None else 0,
    }
