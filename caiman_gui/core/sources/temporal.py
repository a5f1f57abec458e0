"""Traces of components and background: non-negative regression of every frame on footprints."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba import njit
from scipy import ndimage, sparse

from caiman_gui.core.noise import noise_level
from caiman_gui.core.parallel import thread_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.sources.passes import Products
    from caiman_gui.core.task import TaskContext

#: Rounds of coordinate descent without and with the lower bound.
_FREE_ROUNDS, _BOUND_ROUNDS = 8, 8
_PIECE = 512  # frames per piece of work
#: The baseline is read at this quantile, where noise alone lies this many deviations too low.
_QUANTILE, _QUANTILE_Z = 0.2, 0.8416
#: A sample counts as activity above this many noise deviations of the smoothed trace.
_ACTIVE_Z = 2.0


class Traces(NamedTuple):
    """Result of a temporal update."""

    #: (K, T) float32, >= 0, baseline at zero.
    components: NDArray[np.float32]
    #: (K, T) float32, what is left of the raw trace.
    residual: NDArray[np.float32]
    #: (nb, T) float32, zero mean.
    background: NDArray[np.float32]


@njit(cache=True, nogil=True)
def solve_frames(
    first: int,
    last: int,
    rounds: int,
    n_components: int,
    indptr: NDArray[np.int32],
    others: NDArray[np.int32],
    gram: NDArray[np.float64],
    background_inverse: NDArray[np.float64],
    products: NDArray[np.float64],
    lower: NDArray[np.float64],
    traces: NDArray[np.float64],
) -> None:
    """Coordinate descent over components, exact for the background, on frames first ... last-1.

    ``others`` and ``gram`` are the CSR rows of [A b][A b]'. Component k stays >= lower[k].
    """
    n_all = products.shape[0]
    n_background = n_all - n_components
    rest = np.empty((max(n_background, 1), last - first))
    for _ in range(rounds):
        for k in range(n_components):
            own = 0.0
            line = rest[0]
            line[:] = products[k, first:last]
            for i in range(indptr[k], indptr[k + 1]):
                if others[i] == k:
                    own = gram[i]
                else:
                    line -= gram[i] * traces[others[i], first:last]
            if own > 0.0:
                for t in range(last - first):
                    traces[k, first + t] = max(line[t] / own, lower[k])
        for m in range(n_background):
            k = n_components + m
            rest[m] = products[k, first:last]
            for i in range(indptr[k], indptr[k + 1]):
                if others[i] < n_components:
                    rest[m] -= gram[i] * traces[others[i], first:last]
        for m in range(n_background):
            for t in range(last - first):
                value = 0.0
                for n in range(n_background):
                    value += background_inverse[m, n] * rest[n, t]
                traces[n_components + m, first + t] = value


def update_traces(
    products: Products,
    *,
    footprints: sparse.csr_matrix,
    images: NDArray[np.float32],
    start: NDArray[np.float32],
    start_background: NDArray[np.float32],
    n_threads: int,
    ctx: TaskContext,
) -> Traces:
    """Fit all traces to the products of one pass.

    Parameters
    ----------
    products : Products
    footprints : (K, P) CSR
        The footprints the products were made with.
    images : (nb, P) float32
    start, start_background : (K, T), (nb, T) float32
        Where the descent starts.
    n_threads : int
    ctx : TaskContext
    """
    n_components = footprints.shape[0]
    both = sparse.vstack([footprints, sparse.csr_matrix(images)], format="csr").astype(np.float64)
    gram = sparse.csr_matrix(both @ both.T)
    gram.sort_indices()
    dense = gram[n_components:, n_components:].toarray()
    inverse = np.linalg.pinv(dense, hermitian=True) if dense.size else np.zeros((0, 0))
    target = np.vstack([products.through_footprints, products.through_background])
    traces = np.vstack([start, start_background]).astype(np.float64)
    indptr, others = gram.indptr.astype(np.int32), gram.indices.astype(np.int32)
    n_frames = target.shape[1]

    def descend(rounds: int, lower: NDArray[np.float64]) -> None:
        def work(first: int) -> None:
            last = min(first + _PIECE, n_frames)
            solve_frames(
                first, last, rounds, n_components, indptr, others, gram.data, inverse, target,
                lower, traces,
            )  # fmt: skip

        for _ in thread_map(work, range(0, n_frames, _PIECE), n_threads=n_threads, ctx=ctx):
            pass

    descend(_FREE_ROUNDS, np.full(n_components, -np.inf))
    base = baselines(traces[:n_components])
    descend(_BOUND_ROUNDS, base)
    fitted = traces[:n_components]
    own = gram.diagonal()[:n_components]
    left = (target[:n_components] - gram[:n_components] @ traces) / np.where(own > 0, own, 1)[
        :, None
    ]
    background = traces[n_components:]
    return Traces(
        (fitted - base[:, None]).astype(np.float32),
        left.astype(np.float32),
        (background - background.mean(axis=1, keepdims=True)).astype(np.float32),
    )


def baselines(traces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (K,) levels without activity: a low quantile, corrected for noise."""
    if traces.size == 0:
        return np.zeros(len(traces))
    noise = noise_level(traces).astype(np.float64)
    low: NDArray[np.float64] = np.quantile(traces, _QUANTILE, axis=1)
    return low + _QUANTILE_Z * noise


def active_part(
    raw: NDArray[np.float32], *, decay_frames: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smooth raw traces over a part of a transient and keep what stands out of the noise.

    Parameters
    ----------
    raw : (K, T) float32
        Baseline at zero.
    decay_frames : float

    Returns
    -------
    active : (K, T) float32
        Smoothed trace, zero where it is within the noise.
    noise : (K,) float32
        Noise standard deviation of the smoothed trace.
    """
    if raw.size == 0:
        return raw.copy(), np.zeros(len(raw), np.float32)
    width = decay_frames / 4.0
    smooth = ndimage.gaussian_filter1d(raw, width, axis=1, mode="nearest") if width > 0.3 else raw
    centered = np.minimum(smooth, 0)
    # The lower half of a baseline at zero is pure noise, slow contamination included.
    below = np.maximum((centered < 0).sum(axis=1), 1)
    noise = np.sqrt((centered.astype(np.float64) ** 2).sum(axis=1) / below).astype(np.float32)
    active = np.where(smooth > _ACTIVE_Z * noise[:, None], smooth, 0).astype(np.float32)
    return active, noise
