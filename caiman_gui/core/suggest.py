"""Suggestions to the user, taken from the data: thresholds, merges, and what to look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.results import ComponentSet
    from caiman_gui.params.quality import QualityParams

#: Noise standard deviations above the noise mode from which a pixel may hold a cell. The search
#: itself tells cells from noise; the thresholds spare it the rest of the field, and a pixel of a
#: dim cell stands out of the noise by little.
SIGMAS = 2.0
#: The same for peak-to-noise: the peak of a long trace has a heavier tail on the upper side.
PEAK_SIGMAS = 3.0
#: Pixels looked at; more do not change the estimate.
SAMPLE = 262_144
#: Footprints that share less than this (cosine) are not one cell.
MIN_OVERLAP = 0.1


class Thresholds(NamedTuple):
    """Least correlation and least peak-to-noise of a pixel in which a cell may start."""

    min_corr: float
    min_pnr: float


class MergeCandidate(NamedTuple):
    """A neighbour that may be the same cell: its id, and how well the traces correlate."""

    id: int
    correlation: float


class PixelDensity(NamedTuple):
    """How many pixels have which correlation and peak-to-noise.

    Attributes
    ----------
    counts : (n_bins, n_bins) float32
        ``log(1 + pixels)``; rows by peak-to-noise, columns by correlation, both rising.
    corr_span, pnr_span : (low, high)
        Values at the outer edges.
    """

    counts: NDArray[np.float32]
    corr_span: tuple[float, float]
    pnr_span: tuple[float, float]


def pixel_density(
    correlation: NDArray[np.float32], pnr: NDArray[np.float32], *, n_bins: int
) -> PixelDensity:
    """Count pixels by their pair of values; the 0.1 % most extreme are put into the outer bins."""
    corr_span, pnr_span = _span(correlation), _span(pnr)
    x = np.clip(np.nan_to_num(correlation.ravel().astype(np.float64)), *corr_span)
    y = np.clip(np.nan_to_num(pnr.ravel().astype(np.float64)), *pnr_span)
    counts, _, _ = np.histogram2d(y, x, n_bins, range=(pnr_span, corr_span))
    return PixelDensity(np.log1p(counts).astype(np.float32), corr_span, pnr_span)


def _span(image: NDArray[np.float32]) -> tuple[float, float]:
    known = image[np.isfinite(image)]
    low, high = (float(v) for v in np.percentile(known, [0.1, 99.9])) if known.size else (0.0, 1.0)
    return (low, high) if high > low else (low, low + 1.0)


def suggest_thresholds(correlation: NDArray[np.float32], pnr: NDArray[np.float32]) -> Thresholds:
    """Thresholds at the upper edge of the noise of both images, low enough for dim cells.

    Most pixels hold no cell. Their values pile up around a mode, and only noise lies below it,
    so the spread on that side tells the spread of the noise:
    ``threshold = mode + n * sqrt(mean((x - mode)^2 for x < mode))``, n = 2 for the correlation
    and 3 for peak-to-noise, which is a largest value and so has a heavier tail above.

    Parameters
    ----------
    correlation, pnr : (H, W) float32

    Returns
    -------
    Thresholds
        Rounded up to 0.01 and 0.1; correlation within 0 ... 0.95, peak-to-noise at least 0.
    """
    min_corr = np.ceil(noise_edge(correlation, SIGMAS) * 100) / 100
    min_pnr = np.ceil(noise_edge(pnr, PEAK_SIGMAS) * 10) / 10
    return Thresholds(float(np.clip(min_corr, 0.0, 0.95)), float(max(min_pnr, 0.0)))


def noise_edge(image: NDArray[Any], sigmas: float) -> float:
    """Value ``sigmas`` above the noise of an image (any shape); NaN is ignored."""
    values = np.asarray(image, np.float64).ravel()
    values = np.sort(values[np.isfinite(values)][:: max(values.size // SAMPLE, 1)])
    if values.size < 3:
        return float(values[-1]) if values.size else 0.0
    # The mode: the middle of the shortest interval that holds a quarter of the values.
    width = max(values.size // 4, 2)
    start = int(np.argmin(values[width - 1 :] - values[: values.size - width + 1]))
    mode = float(np.median(values[start : start + width]))
    below = values[values < mode]
    spread = float(np.sqrt(np.mean((below - mode) ** 2))) if below.size else 0.0
    return mode + sigmas * spread


def merge_candidates(
    components: ComponentSet, component_id: int, *, min_corr: float
) -> tuple[MergeCandidate, ...]:
    """Neighbours that overlap a component and are active together with it.

    Parameters
    ----------
    components : ComponentSet
    component_id : int
    min_corr : float
        Least Pearson correlation of the denoised traces.

    Returns
    -------
    tuple of MergeCandidate
        Highest correlation first.
    """
    this = components.by_id(component_id)
    if not this.pixels.size:
        return ()
    first, last = this.pixels[0], this.pixels[-1]
    found = []
    for item in components.items:
        if item.id == component_id or not item.pixels.size:
            continue
        if item.pixels[0] > last or item.pixels[-1] < first:
            continue
        _, mine, theirs = np.intersect1d(
            this.pixels, item.pixels, assume_unique=True, return_indices=True
        )
        if mine.size and float(this.weights[mine] @ item.weights[theirs]) >= MIN_OVERLAP:
            value = _pearson(this.trace, item.trace)
            if value >= min_corr:
                found.append(MergeCandidate(item.id, value))
    return tuple(sorted(found, key=lambda c: -c.correlation))


def doubt(components: ComponentSet, params: QualityParams) -> NDArray[np.float64]:
    """How far each component is from the border between accepted and rejected.

    Both measures are scaled by their spread over the components. The rule accepts if one upper
    threshold is reached and no lower one is failed, so the distance is
    ``min(max(snr - upper, r - upper), snr - lower, r - lower)``.

    Returns
    -------
    (K,) float64
        0 = on the border: look at this first. Infinite if nothing was measured.
    """
    snr, rval = components.metric("snr"), components.metric("rval")
    snr_scale, rval_scale = _spread(snr), _spread(rval)
    upper = np.fmax((snr - params.min_snr) / snr_scale, (rval - params.rval_thr) / rval_scale)
    lower = np.fmin((snr - params.snr_lowest) / snr_scale, (rval - params.rval_lowest) / rval_scale)
    distance = np.abs(np.fmin(upper, lower))
    return np.where(np.isnan(distance), np.inf, distance)


def _spread(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    if known.size < 2:
        return 1.0
    low, high = np.percentile(known, [25, 75])
    return float(high - low) or 1.0


def _pearson(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    x, y = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm > 0 else 0.0
