"""Runs steps on a project state: from one immutable state to the next."""

from __future__ import annotations

import contextlib
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.checks import require_usable
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext
from caiman_gui.errors import CaimanGuiError, DataError, ParameterError, ResourceError
from caiman_gui.pipeline.forecast import forecast
from caiman_gui.pipeline.measure import Meter, default_memory_bytes, size_text
from caiman_gui.pipeline.steps import (
    STEP_NAMES,
    STEPS,
    StepStatus,
    actual_key,
    status,
    step_key,
    step_named,
    uses_filter,
    with_preparation,
)
from caiman_gui.pipeline.warnings import warnings
from caiman_gui.pipeline.workspace import (
    Workspace,
    current_movie,
    open_recording,
    raw_movie,
    require_recording,
)
from caiman_gui.project.model import StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from caiman_gui.core.results import ComponentSet
    from caiman_gui.project.model import ProjectState

__all__ = [
    "STEPS",
    "STEP_NAMES",
    "StepStatus",
    "Workspace",
    "current_movie",
    "open_recording",
    "run_step",
    "run_steps",
    "status",
    "step_key",
    "warnings",
]

logger = logging.getLogger(__name__)

#: Threads beyond this share of the memory budget would hold more blocks than fit.
_BYTES_PER_THREAD = 256 * 2**20
#: Share of the progress bar for each step, from the time they usually take.
_SHARES = {
    "prepare": 5.0,
    "motion": 30.0,
    "summary": 10.0,
    "sources": 45.0,
    "quality": 10.0,
    "traces": 5.0,
}


def run_step(
    name: str,
    state: ProjectState,
    *,
    workspace: Workspace,
    n_threads: int,
    memory_bytes: int | None = None,
    ctx: TaskContext = NULL_CONTEXT,
    on_found: Callable[[NDArray[Any]], None] | None = None,
    force: bool = False,
) -> ProjectState:
    """Run one step and return the state that holds its result.

    Parameters
    ----------
    name : str
        One of STEP_NAMES.
    state : ProjectState
        Never changed.
    workspace : Workspace
        Where the corrected movie goes.
    n_threads : int
        Threads to use; fewer are taken where the memory budget holds no more blocks.
    memory_bytes : int, optional
        Memory budget; by default half of what is free.
    on_found : callable, optional
        Gets the centres (n, 2) found so far while sources are searched.
    force : bool
        Run it even if its result is up to date.

    Returns
    -------
    ProjectState
        The very object given if the result was up to date already.

    Raises
    ------
    CaimanGuiError
        ResourceError for memory and disk, NoResultError if nothing was found, and so on.
    Cancelled
        If ``ctx`` was stopped. Nothing unfinished is left on disk.
    """
    step = step_named(name)
    require_recording(state)
    _require_upstream(name, state)
    key = actual_key(name, state)
    if not force and _is_present(name, key, state, workspace):
        logger.info("%s: up to date, skipped", step.title)
        return state
    ctx.check()
    ctx.progress(0, 1, step.title)
    budget = memory_bytes if memory_bytes is not None else default_memory_bytes()
    _warn_of_memory(name, state, budget)
    threads = max(1, min(n_threads, budget // _BYTES_PER_THREAD))
    _keep_opencv_single_threaded()
    file = _new_movie_file(workspace, key) if name == "motion" else ""
    with _named_errors(step.title, state, workspace), Meter() as meter:
        if name == "motion":
            workspace.prepare()
            changes = _run_motion(state, workspace, file, threads, ctx)
        elif name == "sources":
            changes = _run_sources(state, workspace, threads, ctx, on_found)
        else:
            changes = _RUN[name](state, workspace, threads, ctx)
    ctx.check()
    record = StepRecord(
        key=key,
        file=file,
        seconds=meter.seconds,
        cpu_seconds=meter.cpu_seconds,
        peak_rss_bytes=meter.peak_rss_bytes,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    logger.info(
        "%s: %.2f s, %.2f s of processor time, peak memory %s",
        step.title, meter.seconds, meter.cpu_seconds, size_text(meter.peak_rss_bytes),
    )  # fmt: skip
    ctx.progress(1, 1, step.title)
    steps = {**changes.pop("steps", state.steps), name: record}
    return state.with_(**changes, steps=steps)


def run_steps(
    names: Iterable[str],
    state: ProjectState,
    *,
    workspace: Workspace,
    n_threads: int,
    memory_bytes: int | None = None,
    ctx: TaskContext = NULL_CONTEXT,
    on_found: Callable[[NDArray[Any]], None] | None = None,
    on_step: Callable[[str, ProjectState], None] | None = None,
    on_start: Callable[[str], None] | None = None,
    force: bool = False,
) -> ProjectState:
    """Run several steps in order; those that are up to date are skipped.

    Parameters
    ----------
    on_step : callable, optional
        Called with the name and the new state after each step, also after a skipped one (then
        with the state it got before). What it was given stays valid when a later step fails.
    on_start : callable, optional
        Called with the name before each step.
    """
    ordered = with_preparation(names, state)
    total = sum(_SHARES[name] for name in ordered)
    done = 0.0
    started = time.perf_counter()
    for name in ordered:
        if on_start is not None:
            on_start(name)
        part = SubContext(ctx, done / total, (done + _SHARES[name]) / total, STEPS[name].title)
        state = run_step(
            name,
            state,
            workspace=workspace,
            n_threads=n_threads,
            memory_bytes=memory_bytes,
            ctx=part,
            on_found=on_found,
            force=force,
        )
        done += _SHARES[name]
        if on_step is not None:
            on_step(name, state)
    logger.info("%s done in %.1f s", ", ".join(ordered), time.perf_counter() - started)
    return state


def _run_prepare(
    state: ProjectState, workspace: Workspace, n_threads: int, ctx: TaskContext
) -> dict[str, Any]:
    from caiman_gui.pipeline.preparation import run_preparation

    return run_preparation(state, n_threads, ctx)


def _run_motion(
    state: ProjectState, workspace: Workspace, file: str, n_threads: int, ctx: TaskContext
) -> dict[str, Any]:
    from caiman_gui.core.motion import correct_motion
    from caiman_gui.io.store_writer import StoreWriter

    with raw_movie(state) as movie, StoreWriter(workspace.path(file), movie.shape) as sink:
        require_usable(movie)
        motion = correct_motion(
            movie, params=state.params.motion, sink=sink, n_threads=n_threads, ctx=ctx
        )
        ctx.check()
        sink.commit()
    return {"motion": motion}


def _run_summary(
    state: ProjectState, workspace: Workspace, n_threads: int, ctx: TaskContext
) -> dict[str, Any]:
    from caiman_gui.core.summary import summarise

    with current_movie(state, workspace) as movie:
        require_usable(movie)
        images = summarise(
            movie,
            use_filter=uses_filter(state.params),
            neuron_diameter_px=state.params.sources.neuron_diameter_px,
            n_threads=n_threads,
            ctx=ctx,
        )
    return {"summary": images}


def _run_sources(
    state: ProjectState,
    workspace: Workspace,
    n_threads: int,
    ctx: TaskContext,
    on_found: Callable[[NDArray[Any]], None] | None,
) -> dict[str, Any]:
    from caiman_gui.core.sources import extract_sources

    assert state.summary is not None  # _require_upstream
    with current_movie(state, workspace) as movie:
        found = extract_sources(
            movie,
            params=state.params.sources,
            kind=state.params.recording.kind,
            frame_rate_hz=state.frame_rate_hz,
            decay_time_s=state.decay_time_s,
            summary=state.summary,
            n_threads=n_threads,
            ctx=ctx,
            on_found=on_found,
        )
    # metrics and traces belonged to the components that are replaced
    steps = {k: v for k, v in state.steps.items() if k not in ("quality", "traces")}
    labels = state.labels if _same_footprints(state.components, found) else {}
    return {"components": found, "steps": steps, "labels": labels}


def _run_quality(
    state: ProjectState, workspace: Workspace, n_threads: int, ctx: TaskContext
) -> dict[str, Any]:
    from caiman_gui.core.quality import measure_quality

    assert state.components is not None
    with current_movie(state, workspace) as movie:
        measured = measure_quality(
            state.components,
            movie,
            frame_rate_hz=state.frame_rate_hz,
            decay_time_s=state.decay_time_s,
            n_threads=n_threads,
            ctx=ctx,
        )
    return {"components": measured}


def _run_traces(
    state: ProjectState, workspace: Workspace, n_threads: int, ctx: TaskContext
) -> dict[str, Any]:
    from caiman_gui.core.traces import process_traces

    assert state.components is not None
    processed = process_traces(
        state.components,
        params=state.params.traces,
        frame_rate_hz=state.frame_rate_hz,
        is_one_photon=state.params.recording.kind == "one-photon",
        n_threads=n_threads,
        ctx=ctx,
    )
    return {"components": processed}


_RUN = {
    "prepare": _run_prepare,
    "summary": _run_summary,
    "quality": _run_quality,
    "traces": _run_traces,
}


def _new_movie_file(workspace: Workspace, key: str) -> str:
    """Name that is not in use: an older state, or a viewer, may still read the older movie."""
    file, count = f"motion-{key}.cgm", 1
    while workspace.path(file).exists():
        count += 1
        file = f"motion-{key}-{count}.cgm"
    return file


def _require_upstream(name: str, state: ProjectState) -> None:
    for other in STEPS[name].needs:
        missing = state.summary is None if other == "summary" else state.components is None
        if missing:
            raise ParameterError(
                f"{STEPS[name].title} cannot run yet",
                f"This step reads the result of the step '{other}', which was not run.",
                f"Run '{other}' too.",
            )


def _is_present(name: str, key: str, state: ProjectState, workspace: Workspace) -> bool:
    record = state.steps.get(name)
    if record is None or record.key != key:
        return False
    return not record.file or workspace.is_whole(record.file)


def _warn_of_memory(name: str, state: ProjectState, budget: int) -> None:
    needed = forecast(state, name).memory_bytes
    if needed > budget:
        logger.warning(
            "%s may need %s of memory, the budget is %s",
            STEPS[name].title, size_text(needed), size_text(budget),
        )  # fmt: skip


def _same_footprints(old: ComponentSet | None, new: ComponentSet) -> bool:
    if old is None or old.ids != new.ids:
        return False
    return all(
        np.array_equal(a.pixels, b.pixels) and np.array_equal(a.weights, b.weights)
        for a, b in zip(old.items, new.items, strict=True)
    )


def _keep_opencv_single_threaded() -> None:
    """Use one thread inside OpenCV, so that results do not depend on their number."""
    import cv2

    cv2.setNumThreads(1)


@contextlib.contextmanager
def _named_errors(title: str, state: ProjectState, workspace: Workspace) -> Iterator[None]:
    """Say which movie is unsuitable, and turn what the system refuses into words."""
    try:
        yield
    except DataError as exc:
        name = state.recording.name if state.recording is not None else ""
        raise DataError(exc.title, f"{name}: {exc.detail}", exc.hint) from exc
    except CaimanGuiError:
        raise
    except MemoryError as exc:
        raise ResourceError(
            f"{title}: not enough memory",
            str(exc) or "The system refused to give more memory.",
            "Close other programs, use fewer threads, or crop or bin the movie.",
        ) from exc
    except OSError as exc:
        place = exc.filename or workspace.folder
        raise ResourceError(
            f"{title}: a file could not be read or written",
            f"{place}: {exc.strerror or exc}.",
            "Check free space, permissions, and that the disk is still connected.",
        ) from exc
