"""Runs steps on a project state: from one immutable state to the next."""

from __future__ import annotations

import contextlib
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext
from caiman_gui.errors import CaimanGuiError, DataError, ParameterError, ResourceError
from caiman_gui.pipeline.forecast import forecast
from caiman_gui.pipeline.measure import Meter, default_memory_bytes, size_text
from caiman_gui.pipeline.step_work import WORK, Job, movie_file
from caiman_gui.pipeline.steps import (
    STEP_NAMES,
    STEPS,
    StepStatus,
    actual_key,
    status,
    step_key,
    step_named,
    with_preparation,
)
from caiman_gui.pipeline.warnings import warnings
from caiman_gui.pipeline.workspace import (
    Workspace,
    current_movie,
    open_recording,
    require_enough_left,
    require_recording,
)
from caiman_gui.project.model import StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

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
        Threads to use; fewer are taken where the memory budget is small.
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
        If ``ctx`` was stopped. Of a movie what is written so far is kept beside, under another
        name: the same step goes on from there.
    """
    step = step_named(name)
    require_recording(state)
    require_enough_left(state)
    _require_upstream(name, state)
    key = actual_key(name, state)
    if not force and _is_present(name, key, state, workspace):
        logger.info("%s: up to date, skipped", step.title)
        return state
    ctx.check()
    ctx.progress(0, 1, step.title)
    budget = memory_bytes if memory_bytes is not None else default_memory_bytes()
    _warn_of_memory(name, state, budget)
    _keep_opencv_single_threaded()
    file = movie_file(name, key, state, workspace)
    if file:
        workspace.prepare()
        workspace.drop_unfinished(but=file)
    with _named_errors(step.title, state, workspace), Meter() as meter:
        changes = WORK[name](Job(state, workspace, key, file, n_threads, budget, ctx, on_found))
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
    needed = forecast(state, name, memory_bytes=budget).least_bytes
    if needed > budget:
        logger.warning(
            "%s may need %s of memory, whatever the budget; it is %s",
            STEPS[name].title, size_text(needed), size_text(budget),
        )  # fmt: skip


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
