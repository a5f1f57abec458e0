"""Components that are pieces or copies of one cell become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Footprints overlap when their cosine is above this.
LEAST_OVERLAP = 0.05
#: Two cells never lie as close as this (cosine): they are one, seen at two places when motion is
#: left, and so active in turns.
SAME_PLACE = 0.6
_ROUNDS = 8


def groups_to_merge(
    footprints: sparse.csr_matrix, active: NDArray[np.float32], *, merge_corr: float
) -> list[NDArray[np.intp]]:
    """Find groups of overlapping components whose activity correlates, or that coincide.

    Parameters
    ----------
    footprints : (K, P) CSR
        Unit norm.
    active : (K, T) float32
        Traces without their noise.
    merge_corr : float
        Least correlation of a pair.

    Returns
    -------
    list of arrays
        Component numbers of each group of at least two; linked pairs chain together.
    """
    overlap = sparse.triu(footprints @ footprints.T, k=1).tocoo()
    keep = overlap.data > LEAST_OVERLAP
    first, second = overlap.row[keep], overlap.col[keep]
    corr = _correlations(active, first, second)
    linked = (corr > merge_corr) | _closest_pairs(first, second, overlap.data[keep])
    graph = sparse.coo_matrix(
        (np.ones(int(linked.sum())), (first[linked], second[linked])), shape=overlap.shape
    )
    count, label = connected_components(graph, directed=False)
    sizes = np.bincount(label, minlength=count)
    return [np.flatnonzero(label == group) for group in np.flatnonzero(sizes > 1)]


def _correlations(
    active: NDArray[np.float32], first: NDArray[np.int32], second: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Pearson correlation (n,) of pairs of traces (K, T), in memory for a few traces."""
    mean = active.mean(axis=1, keepdims=True)

    def product(one: int, other: int) -> float:
        a, b = active[one] - mean[one], active[other] - mean[other]
        return float(np.einsum("j,j->", a, b, dtype=np.float64))

    norm = np.sqrt([product(k, k) for k in range(len(active))])
    pairs = np.array([product(i, j) for i, j in zip(first.tolist(), second.tolist(), strict=True)])
    corr: NDArray[np.float64] = pairs / np.maximum(norm[first] * norm[second], 1e-30)
    return corr


def _closest_pairs(
    first: NDArray[np.int32], second: NDArray[np.int32], cosine: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Mark pairs in the same place, each component in one pair at most: no chains across cells."""
    chosen = np.zeros(cosine.size, np.bool_)
    taken: set[int] = set()
    for i in np.argsort(-cosine, kind="stable"):
        if cosine[i] <= SAME_PLACE:
            break
        pair = {int(first[i]), int(second[i])}
        if not pair & taken:
            chosen[i] = True
            taken |= pair
    return chosen


def merge_group(
    footprints: sparse.csr_matrix, traces: NDArray[np.float32]
) -> tuple[sparse.csr_matrix, NDArray[np.float32]]:
    """Best non-negative rank-1 approximation of ``sum_k a_k c_k'``.

    Parameters
    ----------
    footprints : (n, P) CSR
    traces : (n, T) float32

    Returns
    -------
    footprint : (1, P) CSR
        Unit norm.
    trace : (T,) float32
    """
    energy = np.asarray(footprints.multiply(footprints).sum(axis=1)).ravel()
    weight = np.sqrt(energy * (traces.astype(np.float64) ** 2).sum(axis=1))
    image = footprints.T @ weight
    trace = traces[int(np.argmax(weight))].astype(np.float64)
    for _ in range(_ROUNDS):
        norm = float(image @ image)
        if norm <= 0:
            break
        trace = np.maximum((footprints @ image) @ traces / norm, 0)
        square = float(trace @ trace)
        if square <= 0:
            break
        image = np.maximum(footprints.T @ (traces @ trace) / square, 0)
    norm = max(float(np.sqrt(image @ image)), 1e-30)
    return sparse.csr_matrix(image / norm, dtype=np.float32), (trace * norm).astype(np.float32)
