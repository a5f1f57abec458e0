"""Decay of the calcium indicator, from the autocovariance of a trace."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Autocovariances used besides the first, in frames.
LAGS = 5
#: Taken where the estimate would not decay at all, or would swing.
CLAMP = (0.15, 0.95)


def estimate_ar(
    trace: NDArray[Any], noise: float, *, fudge_factor: float, lags: int = LAGS
) -> tuple[float, ...]:
    """Estimate the coefficient g of an AR(1) process seen through white noise.

    Least squares on ``xc(k + 1) = g xc(k)``, from whose first term the noise variance is taken
    (Pnevmatikakis et al. 2016). Values outside 0 ... 1 are replaced by fixed ones.

    Parameters
    ----------
    trace : (T,) array
        Raw trace.
    noise : float
        Its noise standard deviation.
    fudge_factor : float
        Multiplies the result, which noise biases towards 1.
    lags : int

    Returns
    -------
    tuple of one float
        Decay per frame, above 0 and below 1.
    """
    values = np.asarray(trace, dtype=np.float64)
    values = values - values.mean()
    n_frames = values.size
    count = max(1, min(lags + 1, n_frames - 1))
    covariance = np.array(
        [values[: n_frames - k] @ values[k:] / n_frames for k in range(min(count + 1, n_frames))]
    )
    earlier, later = covariance[:-1].copy(), covariance[1:]
    if earlier.size:
        earlier[0] -= noise**2
    scale = float(earlier @ earlier)
    g = float(earlier @ later) / scale if scale > 0 else 0.0
    low, high = CLAMP
    g = high if g >= 1 else low if g <= 0 else g
    return (g * fudge_factor,)


def time_constant_s(ar: Sequence[float], frame_rate_hz: float) -> float:
    """Decay time constant in seconds of an AR(1) coefficient; NaN without one."""
    if not ar or not 0 < ar[0] < 1:
        return math.nan
    return -1.0 / (math.log(ar[0]) * frame_rate_hz)
