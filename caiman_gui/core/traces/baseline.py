"""Running baseline of a trace, and dF/F."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Up to this window the percentile is computed at every frame.
EXACT_WINDOW = 512
#: In longer windows it is computed this often per window, and interpolated in between.
KNOTS_PER_WINDOW = 16


def running_percentile(
    trace: NDArray[Any], *, window_frames: int, percentile: float
) -> NDArray[np.float64]:
    """Percentile in a window centred at each frame.

    Parameters
    ----------
    trace : (T,) array
    window_frames : int
        From T on, one percentile of the whole trace is taken.
    percentile : float
        0 ... 100, interpolated between samples as ``numpy.percentile`` does.

    Returns
    -------
    (T,) float64
        Beyond its ends the trace is reflected. In windows longer than ``EXACT_WINDOW`` the value
        is exact at knots a sixteenth of a window apart and linear in between.
    """
    values = np.asarray(trace, dtype=np.float64)
    n_frames = values.size
    if n_frames == 0:
        return values
    window = max(1, int(window_frames))
    if window >= n_frames:
        return np.full(n_frames, np.percentile(values, percentile))
    before = window // 2
    padded = np.pad(values, (before, window - 1 - before), mode="symmetric")
    if window <= EXACT_WINDOW:
        exact: NDArray[np.float64] = _sliding_percentile(padded, window, percentile / 100)
        return exact
    n_knots = -(-n_frames * KNOTS_PER_WINDOW // window) + 1
    knots = np.linspace(0, n_frames - 1, n_knots).round().astype(np.int64)
    levels = [np.percentile(padded[k : k + window], percentile) for k in knots]
    return np.interp(np.arange(n_frames), knots, levels)


@njit(cache=True, nogil=True)
def _sliding_percentile(
    padded: NDArray[np.float64], window: int, fraction: float
) -> NDArray[np.float64]:
    """Percentile of each run of ``window`` samples, from a window kept sorted."""
    n = padded.size - window + 1
    out = np.empty(n)
    ordered = np.sort(padded[:window])
    position = fraction * (window - 1)
    low = min(int(position), window - 1)
    high = min(low + 1, window - 1)
    share = position - low
    for t in range(n):
        out[t] = ordered[low] + share * (ordered[high] - ordered[low])
        if t + 1 == n:
            break
        new = padded[t + window]
        i = np.searchsorted(ordered, padded[t])  # the sample that leaves
        while i + 1 < window and ordered[i + 1] < new:
            ordered[i] = ordered[i + 1]
            i += 1
        while i > 0 and ordered[i - 1] > new:
            ordered[i] = ordered[i - 1]
            i -= 1
        ordered[i] = new
    return out


class Relative(NamedTuple):
    """A trace relative to its baseline.

    Attributes
    ----------
    values : (T,) float32
        dF/F, or F - baseline where the former is not defined.
    f0 : (T,) float32
        What it was divided by; for a detrended trace, what was subtracted.
    kind : {"dff", "detrended"}
    """

    values: NDArray[np.float32]
    f0: NDArray[np.float32]
    kind: str


def delta_f_over_f(
    raw: NDArray[Any],
    background: NDArray[Any] | None,
    *,
    window_frames: int,
    percentile: float,
) -> Relative:
    """Relative change of fluorescence of a component.

    ``(F - Fd) / (Df + Fd)`` with the running percentile Fd of the raw trace F and Df of the
    background under the footprint: demixing moved the resting light of a cell into the background.

    Parameters
    ----------
    raw : (T,) array
        Raw trace F, in units of the unit-norm footprint.
    background : (T,) array or None
        Background under the footprint, in the same units. None (one-photon, where it is no true
        F0): the detrended trace F - Fd is returned.
    window_frames, percentile
        Of the baseline, see ``running_percentile``.

    Returns
    -------
    Relative
        Detrended also where the denominator is not positive in every frame, for instance because
        a camera offset was subtracted twice: dF/F would have no meaning.
    """
    fluorescence = np.asarray(raw, dtype=np.float64)
    own = running_percentile(fluorescence, window_frames=window_frames, percentile=percentile)
    change = fluorescence - own
    if background is not None:
        rest = own + running_percentile(
            background, window_frames=window_frames, percentile=percentile
        )
        # a denominator that is nothing but rounding counts as zero
        if rest.size and rest.min() > 1e-6 * np.abs(fluorescence).max():
            relative = (change / rest).astype(np.float32)
            return Relative(relative, rest.astype(np.float32), "dff")
    return Relative(change.astype(np.float32), own.astype(np.float32), "detrended")
