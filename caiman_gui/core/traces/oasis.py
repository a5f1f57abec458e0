"""Deconvolution of calcium traces with OASIS (Friedrich, Zhou & Paninski 2017).

The model is y = b + c + noise with c[t] = g c[t-1] + s[t] and s >= 0. Minimised is
||y - b - c||^2 / 2 + lambda * sum(s), where lambda is set so that the residual has just the noise
level; the baseline b is optimised with it. A pool is a run of frames in which c only decays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: The residual variance may miss the noise variance by this share.
TOLERANCE = 1e-5
MAX_ROUNDS = 60
MAX_NEWTON = 12
#: A trace without any noise is treated as if it had this share of its standard deviation.
MIN_NOISE = 1e-3


class Deconvolution(NamedTuple):
    """Result of ``deconvolve``.

    Attributes
    ----------
    calcium : (T,) float64
        Denoised trace b + c; it includes the decay of what came before the first frame.
    activity : (T,) float64
        s, the jump of c at each frame; the first frame is 0.
    ar : tuple of float
        g.
    baseline, initial, sparsity : float
        b, c[0] and lambda.
    """

    calcium: NDArray[np.float64]
    activity: NDArray[np.float64]
    ar: tuple[float, ...]
    baseline: float
    initial: float
    sparsity: float


def deconvolve(
    trace: NDArray[Any], *, noise: float, ar: Sequence[float], s_min: float | None = None
) -> Deconvolution:
    """Find the sparsest activity that explains a trace up to its noise.

    Parameters
    ----------
    trace : (T,) array
        Raw trace, finite.
    noise : float
        Its noise standard deviation.
    ar : sequence of one float
        Decay per frame g, 0 < g < 1.
    s_min : float, optional
        Instead of the sparse solution, one without shrinkage in which every event is at least
        this many noise standard deviations; the baseline is that of the sparse solution.

    Returns
    -------
    Deconvolution
    """
    values = np.asarray(trace, dtype=np.float64)
    g = float(ar[0])
    deviation = float(values.std()) if values.size else 0.0
    if deviation <= 1e-9 * float(np.abs(values).max(initial=0.0)):  # constant but for rounding
        level = float(values.mean()) if values.size else 0.0
        zeros = np.zeros_like(values)
        return Deconvolution(zeros + level, zeros, (g,), level, 0.0, 0.0)
    sigma = max(float(noise), MIN_NOISE * deviation)
    calcium, activity, baseline, sparsity = _constrained(values, g, sigma * sigma)
    if s_min is not None:
        calcium, activity = solve_fixed(
            values, g=g, baseline=baseline, sparsity=0.0, s_min=s_min * sigma
        )
        sparsity = 0.0
    initial = float(calcium[0])
    return Deconvolution(calcium + baseline, activity, (g,), baseline, initial, sparsity)


def solve_fixed(
    trace: NDArray[Any], *, g: float, baseline: float, sparsity: float, s_min: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Solve for a given baseline and sparsity.

    Parameters
    ----------
    trace : (T,) array
    g, baseline, sparsity : float
    s_min : float
        Smallest event, in units of the trace.

    Returns
    -------
    calcium, activity : (T,) float64
        c without the baseline, and s.
    """
    values = np.ascontiguousarray(trace, dtype=np.float64)
    pools = np.empty((3, values.size))
    starts = np.empty(values.size, np.int64)
    shift = baseline + sparsity * (1 - g)
    n = _pool(values, shift, baseline + sparsity, g, s_min, pools, starts)
    calcium, activity = np.zeros_like(values), np.zeros_like(values)
    _unpool(n, g, s_min, pools, starts, calcium, activity)
    return calcium, activity


@njit(cache=True, nogil=True)
def _pool(
    y: NDArray[np.float64],
    shift: float,
    last_shift: float,
    g: float,
    s_min: float,
    pools: NDArray[np.float64],
    starts: NDArray[np.int64],
) -> int:
    """Merge neighbouring frames until no jump between pools is below ``s_min``.

    ``pools`` holds, for each of the n pools returned, its first value, its weight and the decay
    over its length; ``starts`` its first frame. The last frame has its own shift: there the
    penalty is not made up for by the next frame.
    """
    value, weight, decay = pools[0], pools[1], pools[2]
    n = 0
    for t in range(y.size):
        value[n] = y[t] - (last_shift if t == y.size - 1 else shift)
        weight[n] = 1.0
        decay[n] = g
        starts[n] = t
        while n > 0 and value[n - 1] * decay[n - 1] + s_min > value[n]:
            d = decay[n - 1]
            total = weight[n - 1] + weight[n] * d * d
            value[n - 1] = (value[n - 1] * weight[n - 1] + value[n] * weight[n] * d) / total
            weight[n - 1] = total
            # numbers too small for normal floating point would be slow, and add nothing
            decay[n - 1] = d * decay[n] if d * decay[n] > 1e-150 else 0.0
            n -= 1
        n += 1
    return n


@njit(cache=True, nogil=True)
def _unpool(
    n: int,
    g: float,
    s_min: float,
    pools: NDArray[np.float64],
    starts: NDArray[np.int64],
    calcium: NDArray[np.float64],
    activity: NDArray[np.float64],
) -> None:
    """Write c and s from the pools; the first frame has no jump."""
    before = 0.0
    for i in range(n):
        stop = starts[i + 1] if i + 1 < n else calcium.size
        value = max(pools[0, i], 0.0)
        if i > 0 and value < s_min:
            value = 0.0
        for t in range(starts[i], stop):
            calcium[t] = value
            activity[t] = 0.0
            value = value * g if value > 1e-150 else 0.0
        if i > 0:
            activity[starts[i]] = max(calcium[starts[i]] - g * before, 0.0)
        before = calcium[stop - 1]


@njit(cache=True, nogil=True)
def _fit_sparsity(
    y: NDArray[np.float64],
    u: float,
    sparsity: float,
    g: float,
    pools: NDArray[np.float64],
    starts: NDArray[np.int64],
    c: NDArray[np.float64],
    s: NDArray[np.float64],
) -> tuple[float, float]:
    """Find the b and lambda that belong to u = b + lambda (1 - g); leave c and s in place.

    The last frame is shifted by b + lambda = u + g lambda, so c depends on lambda, and lambda on
    c through b = mean(y - c). Newton's steps: only the last pool moves, by a known slope.
    """
    scale = np.abs(y - u).max()
    baseline = u
    for _ in range(MAX_NEWTON):
        n = _pool(y, u, u + g * sparsity, g, 0.0, pools, starts)
        _unpool(n, g, 0.0, pools, starts, c, s)
        baseline = float(np.mean(y - c))
        wanted = max((u - baseline) / (1 - g), 0.0)
        if abs(wanted - sparsity) * (1 - g) <= 1e-9 * scale:
            break
        decay = pools[2, n - 1]
        slope = decay * (1 - decay) / (pools[1, n - 1] * (1 - g) ** 2 * y.size)
        if c[-1] <= 0.0:
            slope = 0.0
        sparsity += (wanted - sparsity) / (1 + slope)
    return baseline, (u - baseline) / (1 - g) if u > baseline else 0.0


@njit(cache=True, nogil=True)
def _constrained(
    y: NDArray[np.float64], g: float, variance: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Find baseline and sparsity so that the residual has the noise variance.

    c depends on both only through u = b + lambda (1 - g), but for the last frame. For a given u
    the best b is the mean of y - c, so one number is sought; the residual grows with it.
    """
    size = y.size
    pools = np.empty((3, size))
    starts = np.empty(size, np.int64)
    c, s = np.zeros(size), np.zeros(size)
    mean_y = y.mean()
    baseline, sparsity = mean_y, 0.0
    spread = np.mean((y - mean_y) ** 2)
    if spread <= variance:
        return c, s, baseline, 0.0
    # No lower than the data reach: with too small a noise level the baseline would run away below
    # them, where c can follow every frame.
    low = y.min() - np.sqrt(variance)
    baseline, sparsity = _fit_sparsity(y, low, sparsity, g, pools, starts, c, s)
    f_low = np.mean((y - c - baseline) ** 2) - variance
    if f_low >= 0:
        return c, s, baseline, sparsity
    high, f_high = y.max(), spread - variance  # there c is zero
    u = mean_y
    side = 0
    for _ in range(MAX_ROUNDS):
        baseline, sparsity = _fit_sparsity(y, u, sparsity, g, pools, starts, c, s)
        f = np.mean((y - c - baseline) ** 2) - variance
        if abs(f) <= TOLERANCE * variance or high - low <= 1e-12 * (abs(high) + abs(low)):
            break
        # regula falsi, Illinois variant: an end that stays twice counts half
        if f < 0:
            low, f_low = u, f
            f_high = f_high / 2 if side == -1 else f_high
            side = -1
        else:
            high, f_high = u, f
            f_low = f_low / 2 if side == 1 else f_low
            side = 1
        u = (low * f_high - high * f_low) / (f_high - f_low)
    return c, s, baseline, sparsity
