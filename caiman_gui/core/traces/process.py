"""From raw traces to denoised ones, activity and dF/F."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.budget import DEFAULT_BYTES, TRACE_COPIES, pieces_in_memory
from caiman_gui.core.noise import noise_level
from caiman_gui.core.parallel import thread_map
from caiman_gui.core.task import NULL_CONTEXT, TaskContext
from caiman_gui.core.traces.ar import estimate_ar
from caiman_gui.core.traces.baseline import delta_f_over_f
from caiman_gui.core.traces.oasis import Deconvolution, deconvolve
from caiman_gui.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection

    from caiman_gui.core.results import Component, ComponentSet
    from caiman_gui.params.traces import TraceParams


def process_traces(
    components: ComponentSet,
    *,
    params: TraceParams,
    frame_rate_hz: float,
    is_one_photon: bool,
    n_threads: int = 1,
    memory_bytes: int = DEFAULT_BYTES,
    ctx: TaskContext = NULL_CONTEXT,
    only: Collection[int] | None = None,
) -> ComponentSet:
    """Deconvolve the raw trace of each component and express it relative to its baseline.

    It always starts from the raw trace, so doing it twice changes nothing but rounding.

    Parameters
    ----------
    components : ComponentSet
    params : TraceParams
    frame_rate_hz : float
        Above 0. Windows are given in frames, so it only is checked.
    is_one_photon : bool
        Then the background is no true F0, and traces are only detrended.
    n_threads, memory_bytes : int
        Threads to use, and the memory budget; the traces, which are the result, come on top of
        it. The result depends on neither.
    ctx : TaskContext
    only : collection of int, optional
        Ids to process; the others stay as they are.

    Returns
    -------
    ComponentSet
        With ``trace``, ``residual``, ``activity``, ``ar``, ``noise``, ``baseline``, ``initial``,
        ``sparsity``, ``dff``, ``f0`` and ``dff_kind``. ``f0`` is what ``dff`` was divided by, or
        for a detrended trace what was subtracted.

    Raises
    ------
    DataError
        If a trace holds NaN or infinite values.
    """
    if not (frame_rate_hz > 0 and math.isfinite(frame_rate_hz)):
        raise ValueError(f"frame rate {frame_rate_hz} Hz")
    wanted = [item for item in components.items if only is None or item.id in only]

    def work(item: Component) -> Component:
        return _process(item, params, is_one_photon)

    changed: dict[int, Component] = {}
    ctx.progress(0, len(wanted), "Traces")
    at_once = pieces_in_memory(memory_bytes, TRACE_COPIES * 8 * components.n_frames, most=n_threads)
    for item in thread_map(work, wanted, n_threads=at_once, ctx=ctx):
        changed[item.id] = item
        ctx.progress(len(changed), len(wanted), "Traces")
    return components.updated(changed)


def _process(item: Component, params: TraceParams, is_one_photon: bool) -> Component:
    raw = item.raw
    if not np.isfinite(raw).all() or not np.isfinite(item.background).all():
        raise DataError(
            "A trace has missing values",
            f"The trace of component {item.id} holds NaN or infinite samples.",
            "Delete this component, or find the components again.",
        )
    noise = float(noise_level(raw))
    relative = delta_f_over_f(
        raw,
        None if is_one_photon else item.background,
        window_frames=params.baseline_window_frames,
        percentile=params.baseline_percentile,
    )
    if params.ar_order == 0:
        zeros = np.zeros(raw.size)
        result = Deconvolution(raw.astype(np.float64), zeros, (), 0.0, 0.0, 0.0)
    else:
        ar = estimate_ar(raw, noise, fudge_factor=params.fudge_factor)
        result = deconvolve(raw, noise=noise, ar=ar, s_min=params.s_min)
    trace = result.calcium.astype(np.float32)
    return replace(
        item,
        trace=trace,
        residual=raw - trace,
        activity=result.activity.astype(np.float32),
        ar=result.ar,
        noise=noise,
        baseline=result.baseline,
        initial=result.initial,
        sparsity=result.sparsity,
        dff=relative.values,
        f0=relative.f0,
        dff_kind=relative.kind,
    )
