"""How good each component is, and whether it is accepted.

The window decides at every move of a slider, so nothing slow to import is needed for that.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.budget import DEFAULT_BYTES, TRACE_COPIES, pieces_in_memory
from caiman_gui.core.parallel import thread_map
from caiman_gui.core.results import Decision
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.results import Component, ComponentSet, Label
    from caiman_gui.params.quality import QualityParams

#: CaImAn divides the noise level by this hidden factor; kept so that thresholds mean the same.
SIGMA_FACTOR = 3.0
#: Baseline under the SNR: windows per trace, longest window in frames, percentile.
SNR_BASELINE = (5, 800, 8.0)


def measure_quality(
    components: ComponentSet,
    movie: Movie,
    *,
    frame_rate_hz: float,
    decay_time_s: float,
    n_threads: int = 1,
    memory_bytes: int = DEFAULT_BYTES,
    ctx: TaskContext = NULL_CONTEXT,
    only: Collection[int] | None = None,
) -> ComponentSet:
    """Measure trace SNR, spatial correlation and elongation, in one pass over the movie.

    Parameters
    ----------
    components : ComponentSet
    movie : Movie (T, H, W)
        The movie the components were found in.
    frame_rate_hz, decay_time_s : float
        Their product is the length of an event in frames.
    n_threads, memory_bytes : int
        Threads to use, and the memory budget. The result depends on neither.
    ctx : TaskContext
    only : collection of int, optional
        Ids to measure; the others keep their metrics.

    Returns
    -------
    ComponentSet
        In which ``metrics`` are filled; ``cnn`` stays as it was.
    """
    from caiman_gui.core.events import spatial_correlations

    wanted = [i for i, item in enumerate(components.items) if only is None or item.id in only]
    length = max(1, math.ceil(frame_rate_hz * decay_time_s))
    first = SubContext(ctx, 0.0, 0.2, "Trace quality")

    def snr_of(index: int) -> float:
        return trace_snr(components.items[index].raw, event_frames=length)

    snr: list[float] = []
    at_once = pieces_in_memory(memory_bytes, TRACE_COPIES * 8 * components.n_frames, most=n_threads)
    for value in thread_map(snr_of, wanted, n_threads=at_once, ctx=ctx):
        snr.append(value)
        first.progress(len(snr), len(wanted))
    rval = spatial_correlations(
        components, movie, wanted, frame_rate_hz=frame_rate_hz, event_frames=length,
        n_threads=n_threads, memory_bytes=memory_bytes,
        ctx=SubContext(ctx, 0.2, 1.0, "Spatial quality"),
    )  # fmt: skip
    changed: dict[int, Component] = {}
    for index, s, r in zip(wanted, snr, rval, strict=True):
        item = components.items[index]
        elongation = eccentricity(item.pixels, item.weights, components.fov_shape[1])
        metrics = replace(item.metrics, snr=s, rval=r, eccentricity=elongation)
        changed[item.id] = replace(item, metrics=metrics)
    return components.updated(changed)


def trace_snr(raw: NDArray[Any], *, event_frames: int) -> float:
    """Signal-to-noise ratio of the least likely event, with CaImAn's definition (SNR_comp).

    The trace less its running baseline is expressed in units of 3 noise levels above its mode;
    an SNR of s means that its log probability, averaged over the best window of ``event_frames``
    (shorter ones at the start count as if they were full), is that of a value s.

    Parameters
    ----------
    raw : (T,) array
    event_frames : int
        Frame rate x decay time, rounded up.

    Returns
    -------
    float
        Always finite; 0 for a trace that never changes.
    """
    from scipy.special import log_ndtr, ndtri_exp

    from caiman_gui.core.noise import noise_level

    values = np.asarray(raw, dtype=np.float64)
    n_frames = values.size
    # the lowest samples of a falling window lie at its end: the second round takes what is left
    values = values - _baseline(values)
    values -= _baseline(values)
    mode = half_sample_mode(values)
    below = values[values < mode]
    sigma = math.sqrt(float(np.mean((mode - below) ** 2))) if below.size else 0.0
    if sigma == 0:  # most samples equal: the mode is the minimum
        sigma = float(noise_level(values))
    if sigma == 0 or not math.isfinite(sigma):
        return 0.0
    log_p = log_ndtr(-(values - mode) / (SIGMA_FACTOR * sigma))
    sums = np.cumsum(log_p)
    n = max(1, min(event_frames, n_frames))
    sums[n:] -= sums[:-n].copy()
    return float(-ndtri_exp(sums.min() / n))


def _baseline(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the running percentile, continued by a line where the window leaves the trace.

    A reflected trace would put the start of a bleaching recording above its own baseline.
    """
    from caiman_gui.core.traces.baseline import running_percentile

    parts, longest, percentile = SNR_BASELINE
    window = max(1, min(values.size // parts, longest))
    base = running_percentile(values, window_frames=window, percentile=percentile)
    half = window // 2
    if half > 0:
        steps = np.arange(half, 0, -1) / half
        base[:half] = base[half] + (base[half] - base[2 * half]) * steps
        base[-half:] = base[-half - 1] + (base[-half - 1] - base[-2 * half - 1]) * steps[::-1]
    return base


def half_sample_mode(values: NDArray[Any]) -> float:
    """Mode of a sample: the shortest interval that holds half of it, again and again.

    Parameters
    ----------
    values : (n,) array, n >= 1
    """
    points = np.sort(np.asarray(values, dtype=np.float64))
    while points.size > 3:
        half = -(-points.size // 2)
        start = int(np.argmin(points[half - 1 :] - points[: points.size - half + 1]))
        points = points[start : start + half]
    if points.size == 3:
        points = points[:2] if points[1] - points[0] < points[2] - points[1] else points[1:]
    return float(points.mean())


def eccentricity(pixels: NDArray[Any], weights: NDArray[Any], width: int) -> float:
    """Longest over shortest axis of a footprint, from its second moments; 1 for a disc.

    Parameters
    ----------
    pixels, weights : (n,) arrays
        C-order pixel numbers and non-negative weights.
    width : int
        Of the field in pixels.

    Returns
    -------
    float
        NaN for an empty footprint.
    """
    mass = np.asarray(weights, dtype=np.float64)
    if mass.sum() <= 0:
        return math.nan
    points = np.stack(np.divmod(np.asarray(pixels), width)).astype(np.float64)
    points -= (points @ mass / mass.sum())[:, None]
    # a pixel is a square of variance 1/12, so that a line one pixel wide has a width
    moments = (points * mass) @ points.T / mass.sum() + np.eye(2) / 12
    small, large = np.linalg.eigvalsh(moments)
    return math.sqrt(float(large / small))


def passes(
    snr: NDArray[Any],
    rval: NDArray[Any],
    cnn: NDArray[Any],
    eccentricity: NDArray[Any],
    *,
    params: QualityParams,
) -> NDArray[np.bool_]:
    """Apply the rule: at least one upper threshold reached, and no lower one failed.

    A measure that is NaN (not measured) reaches no upper threshold and fails no lower one.

    Parameters
    ----------
    snr, rval, cnn, eccentricity : (K,) arrays
    params : QualityParams

    Returns
    -------
    (K,) bool
    """
    high = (rval >= params.rval_thr) | (snr > params.min_snr)
    low = (rval <= params.rval_lowest) | (snr <= params.snr_lowest)
    if params.use_cnn:
        high |= cnn >= params.min_cnn_thr
        low |= cnn <= params.cnn_lowest
    if params.use_ecc:
        low |= eccentricity >= params.max_ecc
    return np.asarray(high & ~low, dtype=np.bool_)


def decide(
    components: ComponentSet, *, params: QualityParams, labels: Mapping[int, Label]
) -> dict[int, Decision]:
    """Decide which components are kept, and say why. A manual label wins.

    The label "unsure" neither accepts nor rejects: the automatic decision stays.

    Parameters
    ----------
    components : ComponentSet
    params : QualityParams
    labels : mapping of int to Label
        By id.

    Returns
    -------
    dict of int to Decision
        By id, in order of the components.
    """
    automatic = passes(
        components.metric("snr"), components.metric("rval"), components.metric("cnn"),
        components.metric("eccentricity"), params=params,
    )  # fmt: skip
    out = {}
    for item, accepted in zip(components.items, automatic.tolist(), strict=True):
        label = labels.get(item.id)
        kept = accepted
        if label == "accept":
            kept, reason = True, "accepted by you"
        elif label == "reject":
            kept, reason = False, "rejected by you"
        else:
            reason = _reason(item, accepted, params)
            if label == "unsure":
                reason = f"marked unsure by you; automatic: {reason}"
        out[item.id] = Decision(accepted=kept, automatic=accepted, label=label, reason=reason)
    return out


def _reason(item: Component, accepted: bool, params: QualityParams) -> str:
    """Say in words what the rule found."""
    m = item.metrics
    upper = [
        ("SNR", m.snr, params.min_snr, m.snr > params.min_snr, "above", "not above"),
        ("spatial correlation", m.rval, params.rval_thr, m.rval >= params.rval_thr, "reaches",
         "below"),
    ]  # fmt: skip
    lower = [
        ("SNR", m.snr, params.snr_lowest, m.snr <= params.snr_lowest),
        ("spatial correlation", m.rval, params.rval_lowest, m.rval <= params.rval_lowest),
    ]
    if params.use_cnn:
        reached = m.cnn >= params.min_cnn_thr
        upper.append(("shape", m.cnn, params.min_cnn_thr, reached, "reaches", "below"))
        lower.append(("shape", m.cnn, params.cnn_lowest, m.cnn <= params.cnn_lowest))
    if accepted:
        return " and ".join(_phrase(n, v, limit, yes) for n, v, limit, met, yes, _ in upper if met)
    words = [_phrase(n, v, limit, "at or below") for n, v, limit, failed in lower if failed]
    if params.use_ecc and m.eccentricity >= params.max_ecc:
        words.append(_phrase("elongation", m.eccentricity, params.max_ecc, "at or above"))
    return ", ".join(words or [_phrase(n, v, limit, no) for n, v, limit, _, _, no in upper])


def _phrase(name: str, value: float, limit: float, relation: str) -> str:
    """Say ``SNR 3.1 above 2.5``, with as many digits as the difference needs."""
    if math.isnan(value):
        return f"{name} not measured"
    text = f"{value:.1f}" if name in ("SNR", "elongation") else f"{value:.2f}"
    for digits in range(2, 6):
        if value == limit or float(text) != limit:
            break
        text = f"{value:.{digits}f}"
    return f"{name} {text} {relation} {limit:g}"
