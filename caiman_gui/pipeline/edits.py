"""Edits of components that need more than arithmetic on the set: the movie, and the record."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from caiman_gui.core.parallel import cpu_count
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext
from caiman_gui.errors import CaimanGuiError, DataError
from caiman_gui.pipeline.workspace import Workspace, current_movie
from caiman_gui.project.model import HistoryEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from caiman_gui.core.results import ComponentSet
    from caiman_gui.project.model import ProjectState


def merge_components(
    state: ProjectState,
    ids: Sequence[int],
    workspace: Workspace,
    ctx: TaskContext = NULL_CONTEXT,
    *,
    n_threads: int | None = None,
) -> ProjectState:
    """Make one component of several; only the new one is deconvolved and measured.

    Traces and quality are computed if these steps were run before. Without the movie, for
    instance because its disk is not connected, the new component has no quality measures.

    Parameters
    ----------
    ids : sequence of int
        Components to merge, at least two.

    Raises
    ------
    DataError
        If there are fewer than two different ones, or one does not exist.
    """
    from caiman_gui.core.edits import merge

    components = _require_components(state, ids, least=2)
    threads = n_threads or cpu_count()
    merged = merge(components, ids)
    new_id = components.next_id
    if "traces" in state.steps:
        merged = _with_traces(state, merged, new_id, threads, SubContext(ctx, 0.0, 0.3))
    if "quality" in state.steps:
        merged = _with_quality(state, merged, new_id, workspace, threads, SubContext(ctx, 0.3, 1.0))
    return _edited(state, merged, "merge", tuple(ids), (new_id,))


def delete_components(state: ProjectState, ids: Sequence[int]) -> ProjectState:
    """Remove components for good (rejecting keeps them).

    Raises
    ------
    DataError
        If one does not exist.
    """
    from caiman_gui.core.edits import delete

    components = _require_components(state, ids, least=1)
    return _edited(state, delete(components, ids), "delete", tuple(ids), ())


def _with_traces(
    state: ProjectState, components: ComponentSet, new_id: int, n_threads: int, ctx: TaskContext
) -> ComponentSet:
    from caiman_gui.core.traces import process_traces

    return process_traces(
        components,
        params=state.params.traces,
        frame_rate_hz=state.frame_rate_hz,
        is_one_photon=state.params.recording.kind == "one-photon",
        n_threads=n_threads,
        ctx=ctx,
        only=(new_id,),
    )


def _with_quality(
    state: ProjectState,
    components: ComponentSet,
    new_id: int,
    workspace: Workspace,
    n_threads: int,
    ctx: TaskContext,
) -> ComponentSet:
    from caiman_gui.core.quality import measure_quality

    with contextlib.ExitStack() as stack:
        try:
            movie = stack.enter_context(current_movie(state, workspace))
        except CaimanGuiError:
            return components
        return measure_quality(
            components,
            movie,
            frame_rate_hz=state.frame_rate_hz,
            decay_time_s=state.decay_time_s,
            n_threads=n_threads,
            ctx=ctx,
            only=(new_id,),
        )


def _require_components(state: ProjectState, ids: Sequence[int], *, least: int) -> ComponentSet:
    components = state.components
    if components is None:
        raise DataError("There are no components", "Sources were not extracted yet.", "")
    missing = sorted(set(ids) - set(components.ids))
    if missing:
        raise DataError(
            "There is no such component", f"Not in this project: {missing}.", "Select others."
        )
    if len(set(ids)) < least:
        raise DataError(
            "Too few components are selected",
            f"{len(set(ids))} selected; at least {least} are needed.",
            "Select more: hold Ctrl while you click.",
        )
    return components


def _edited(
    state: ProjectState,
    components: ComponentSet,
    action: str,
    ids_in: tuple[int, ...],
    ids_out: tuple[int, ...],
) -> ProjectState:
    kept = set(components.ids)
    entry = HistoryEntry(action, ids_in, ids_out, datetime.now(UTC).isoformat(timespec="seconds"))
    return state.with_(
        components=components,
        labels={i: label for i, label in state.labels.items() if i in kept},
        history=(*state.history, entry),
    )
