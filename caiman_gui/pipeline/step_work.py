"""What each step does with a project state: opens the movie it needs and calls the algorithm."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.checks import require_usable
from caiman_gui.core.task import SubContext
from caiman_gui.errors import InputError
from caiman_gui.pipeline.steps import STEPS, movie_key, uses_filter
from caiman_gui.pipeline.workspace import (
    current_movie,
    prepared_file,
    raw_movie,
    require_unchanged,
    working_movie,
)
from caiman_gui.project.model import CORRECTED_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.core.results import ComponentSet
    from caiman_gui.core.task import TaskContext
    from caiman_gui.pipeline.workspace import Workspace
    from caiman_gui.project.model import ProjectState

#: Share of the progress of summary images for storing the movie, where it is not stored yet.
_STORE_SHARE = 0.4
#: One part in so many of the memory is for writing while frames are corrected.
_STORE_PART = 4


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One run of a step.

    Attributes
    ----------
    state : ProjectState
    workspace : Workspace
    key : str
        Of the result.
    file : str
        Name of the movie to write; empty if the step writes none.
    n_threads, memory_bytes : int
        What it may use.
    ctx : TaskContext
    on_found : callable or None
        Gets the centres (n, 2) found so far while sources are searched.
    """

    state: ProjectState
    workspace: Workspace
    key: str
    file: str
    n_threads: int
    memory_bytes: int
    ctx: TaskContext
    on_found: Callable[[NDArray[Any]], None] | None = None


def movie_file(name: str, key: str, state: ProjectState, workspace: Workspace) -> str:
    """Name of the movie that a step writes; empty if it writes none.

    A corrected movie gets a name that is not in use: an older state, or a viewer, may still read
    the older one. Without motion correction, the first step that reads all frames keeps them.
    """
    if name == "summary" and "motion" not in state.steps:
        return prepared_file(state)
    if name != "motion":
        return ""
    file, count = f"{CORRECTED_PREFIX}{key}.cgm", 1
    while workspace.path(file).exists():
        count += 1
        file = f"{CORRECTED_PREFIX}{key}-{count}.cgm"
    return file


def _prepare(job: Job) -> dict[str, Any]:
    from caiman_gui.pipeline.preparation import run_preparation

    return run_preparation(job.state, job.n_threads, job.ctx)


def _motion(job: Job) -> dict[str, Any]:
    from caiman_gui.core.motion import correct_motion
    from caiman_gui.io.motion_journal import MotionJournal
    from caiman_gui.io.store_writer import StoreWriter

    path = job.workspace.path(job.file)
    key = _key_with_mask(job)
    for_store = job.memory_bytes // _STORE_PART
    with (
        raw_movie(job.state) as movie,
        StoreWriter(
            path, movie.shape, key=key, resume=True, memory_bytes=for_store, ctx=job.ctx
        ) as sink,
    ):
        require_usable(movie)
        journal = MotionJournal(path, key, sink)
        motion = correct_motion(
            movie,
            params=job.state.params.motion,
            sink=sink,
            journal=journal,
            excluded=job.state.excluded,
            n_threads=job.n_threads,
            memory_bytes=job.memory_bytes - for_store,
            ctx=job.ctx,
        )
        job.ctx.check()
        try:
            require_unchanged(job.state)
        except InputError:
            sink.abort()  # nothing of it can be gone on with
            journal.remove()
            raise
        sink.commit()
    journal.remove()
    return {"motion": motion}


def _key_with_mask(job: Job) -> str:
    """Return the key of a corrected movie: one begun with another mask is not gone on with."""
    excluded = job.state.excluded
    if excluded is None:
        return job.key
    return hashlib.sha256(job.key.encode() + excluded.tobytes()).hexdigest()[: len(job.key)]


def _summary(job: Job) -> dict[str, Any]:
    from caiman_gui.core.summary import summarise

    state, ctx = job.state, job.ctx
    if job.file and not job.workspace.is_whole(job.file):
        _store(job, SubContext(ctx, 0.0, _STORE_SHARE, "Storing the movie"))
        ctx = SubContext(ctx, _STORE_SHARE, 1.0, STEPS["summary"].title)
    opened = (
        working_movie(job.workspace, job.file) if job.file else current_movie(state, job.workspace)
    )
    with opened as movie:
        require_usable(movie)
        images = summarise(
            movie,
            use_filter=uses_filter(state.params),
            neuron_diameter_px=state.params.sources.neuron_diameter_px,
            excluded=state.excluded,
            n_threads=job.n_threads,
            memory_bytes=job.memory_bytes,
            ctx=ctx,
        )
    return {"summary": images}


def _store(job: Job, ctx: TaskContext) -> None:
    """Write the working copy of a movie that is not corrected; goes on with an unfinished one."""
    from caiman_gui.io.convert import convert

    with raw_movie(job.state) as movie:
        require_usable(movie)
        convert(
            movie,
            job.workspace.path(job.file),
            key=movie_key(job.state),
            memory_bytes=job.memory_bytes,
            ctx=ctx,
        )
    try:
        require_unchanged(job.state)
    except InputError:
        job.workspace.path(job.file).unlink(missing_ok=True)
        raise


def _sources(job: Job) -> dict[str, Any]:
    from caiman_gui.core.sources import extract_sources

    state = job.state
    assert state.summary is not None  # the runner has made sure of it
    with current_movie(state, job.workspace) as movie:
        found = extract_sources(
            movie,
            params=state.params.sources,
            kind=state.params.recording.kind,
            frame_rate_hz=state.frame_rate_hz,
            decay_time_s=state.decay_time_s,
            summary=state.summary,
            excluded=state.excluded,
            n_threads=job.n_threads,
            memory_bytes=job.memory_bytes,
            ctx=job.ctx,
            on_found=job.on_found,
        )
    # metrics and traces belonged to the components that are replaced
    steps = {k: v for k, v in state.steps.items() if k not in ("quality", "traces")}
    labels = state.labels if _same_footprints(state.components, found) else {}
    return {"components": found, "steps": steps, "labels": labels}


def _quality(job: Job) -> dict[str, Any]:
    from caiman_gui.core.quality import measure_quality

    state = job.state
    assert state.components is not None
    with current_movie(state, job.workspace) as movie:
        measured = measure_quality(
            state.components,
            movie,
            frame_rate_hz=state.frame_rate_hz,
            decay_time_s=state.decay_time_s,
            n_threads=job.n_threads,
            memory_bytes=job.memory_bytes,
            ctx=job.ctx,
        )
    return {"components": measured}


def _traces(job: Job) -> dict[str, Any]:
    from caiman_gui.core.traces import process_traces

    state = job.state
    assert state.components is not None
    processed = process_traces(
        state.components,
        params=state.params.traces,
        frame_rate_hz=state.frame_rate_hz,
        is_one_photon=state.params.recording.kind == "one-photon",
        n_threads=job.n_threads,
        memory_bytes=job.memory_bytes,
        ctx=job.ctx,
    )
    return {"components": processed}


#: Step -> what it does; each returns the attributes of the state that change.
WORK: dict[str, Callable[[Job], dict[str, Any]]] = {
    "prepare": _prepare,
    "motion": _motion,
    "summary": _summary,
    "sources": _sources,
    "quality": _quality,
    "traces": _traces,
}


def _same_footprints(old: ComponentSet | None, new: ComponentSet) -> bool:
    if old is None or old.ids != new.ids:
        return False
    return all(
        np.array_equal(a.pixels, b.pixels) and np.array_equal(a.weights, b.weights)
        for a, b in zip(old.items, new.items, strict=True)
    )
