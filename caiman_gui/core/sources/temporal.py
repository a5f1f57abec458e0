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
    fit = _Fit(
        products, gram, n_components, start.copy(), start_background.astype(np.float64),
        n_threads, ctx,
    )  # fmt: skip
    fit.descend(_FREE_ROUNDS, np.full(n_components, -np.inf))
    base = baselines(fit.traces)
    residual = np.empty_like(fit.traces)
    fit.descend(_BOUND_ROUNDS, base, residual)
    for trace, level in zip(fit.traces, base, strict=True):
        trace -= level
    background = fit.background - fit.background.mean(axis=1, keepdims=True)
    return Traces(fit.traces, residual, background.astype(np.float32))


class _Fit:
    """Descent on all frames, some frames at a time: nothing else of the size of all traces.

    Parameters
    ----------
    products : Products
    gram : (K + nb, K + nb) CSR float64
        ``[A b][A b]'``.
    n_components : int
    traces : (K, T) float32
        Where the descent starts; changed in place.
    background : (nb, T) float64
        Likewise.
    n_threads : int
    ctx : TaskContext
    """

    def __init__(
        self,
        products: Products,
        gram: sparse.csr_matrix,
        n_components: int,
        traces: NDArray[np.float32],
        background: NDArray[np.float64],
        n_threads: int,
        ctx: TaskContext,
    ) -> None:
        self.traces, self.background = traces, background
        self._products, self._gram, self._n_components = products, gram, n_components
        dense = gram[n_components:, n_components:].toarray()
        empty = np.zeros((0, 0))
        self._inverse = np.linalg.pinv(dense, hermitian=True) if dense.size else empty
        self._indptr, self._others = gram.indptr.astype(np.int32), gram.indices.astype(np.int32)
        self._n_threads, self._ctx = n_threads, ctx

    def descend(
        self,
        rounds: int,
        lower: NDArray[np.float64],
        residual: NDArray[np.float32] | None = None,
    ) -> None:
        """Go some rounds; fill ``residual`` (K, T) with what is left of the raw traces."""
        n_frames, n_components = self.traces.shape[1], self._n_components
        own = self._gram.diagonal()[:n_components, None]
        own = np.where(own > 0, own, 1)

        def work(first: int) -> None:
            now = slice(first, min(first + _PIECE, n_frames))
            target = np.vstack(
                [self._products.through_footprints[:, now],
                 self._products.through_background[:, now]]
            ).astype(np.float64)  # fmt: skip
            traces = np.vstack([self.traces[:, now], self.background[:, now]]).astype(np.float64)
            solve_frames(
                0, traces.shape[1], rounds, n_components, self._indptr, self._others,
                self._gram.data, self._inverse, target, lower, traces,
            )  # fmt: skip
            self.traces[:, now] = traces[:n_components]
            self.background[:, now] = traces[n_components:]
            if residual is not None:
                left = target[:n_components] - self._gram[:n_components] @ traces
                residual[:, now] = left / own

        pieces = range(0, n_frames, _PIECE)
        for _ in thread_map(work, pieces, n_threads=self._n_threads, ctx=self._ctx):
            pass


def baselines(traces: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the (K,) levels without activity: a low quantile, corrected for noise."""
    if traces.size == 0:
        return np.zeros(len(traces))
    levels = [np.quantile(trace, _QUANTILE) + _QUANTILE_Z * noise_level(trace) for trace in traces]
    return np.array(levels, np.float64)


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
    active = np.zeros(raw.shape, np.float32)
    noise = np.zeros(len(raw), np.float32)
    if raw.size == 0:
        return active, noise
    width = decay_frames / 4.0
    for k, trace in enumerate(raw):
        smooth = ndimage.gaussian_filter1d(trace, width, mode="nearest") if width > 0.3 else trace
        # The lower half of a baseline at zero is pure noise, slow contamination included.
        below = np.minimum(smooth, 0).astype(np.float64)
        count = max(int(np.count_nonzero(below)), 1)
        noise[k] = np.sqrt(float(below @ below) / count)
        active[k] = np.where(smooth > _ACTIVE_Z * noise[k], smooth, 0)
    return active, noise
