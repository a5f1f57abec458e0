"""Footprints and background images: non-negative regression of every pixel on the traces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from scipy import ndimage, sparse

from caiman_gui.core.parallel import thread_map
from caiman_gui.core.sources.cleanup import stacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.sources.passes import Products
    from caiman_gui.core.task import TaskContext

#: Rounds of coordinate descent per pixel.
_ROUNDS = 20
_PIECE = 8192  # pixels per piece of work


@njit(cache=True, nogil=True)
def solve_pixels(
    first: int,
    last: int,
    indptr: NDArray[np.int32],
    owners: NDArray[np.int32],
    products: NDArray[np.float64],
    penalty: NDArray[np.float64],
    gram: NDArray[np.float64],
    cross: NDArray[np.float64],
    background_products: NDArray[np.float64],
    background_gram: NDArray[np.float64],
    weights: NDArray[np.float64],
    images: NDArray[np.float64],
) -> None:
    """Minimise ``|y - sum_k x_k r_k - sum_m b_m f_m|^2 / 2 + sum_k penalty_k x_k`` per pixel.

    All x and b are >= 0. Entries of pixel p are indptr[p] ... indptr[p+1]; weights and images
    hold the start and receive the solution.
    """
    n_background = background_gram.shape[0]
    for p in range(first, last):
        begin, end = indptr[p], indptr[p + 1]
        for _ in range(_ROUNDS):
            for i in range(begin, end):
                k = owners[i]
                if gram[k, k] <= 0.0:
                    weights[i] = 0.0
                    continue
                rest = products[i] - penalty[i]
                for j in range(begin, end):
                    rest -= gram[k, owners[j]] * weights[j]
                for m in range(n_background):
                    rest -= cross[k, m] * images[m, p]
                weights[i] = max(weights[i] + rest / gram[k, k], 0.0)
            for m in range(n_background):
                if background_gram[m, m] <= 0.0:
                    images[m, p] = 0.0
                    continue
                rest = background_products[m, p]
                for j in range(begin, end):
                    rest -= cross[owners[j], m] * weights[j]
                for n in range(n_background):
                    rest -= background_gram[m, n] * images[n, p]
                images[m, p] = max(images[m, p] + rest / background_gram[m, m], 0.0)
            if begin == end and n_background <= 1:
                break


def update_footprints(
    products: Products,
    *,
    support: sparse.csr_matrix,
    regressors: NDArray[np.float32],
    images: NDArray[np.float32],
    traces: NDArray[np.float32],
    noise: NDArray[np.float32],
    sparsity: float,
    n_threads: int,
    ctx: TaskContext,
) -> tuple[sparse.csr_matrix, NDArray[np.float32]]:
    """Fit footprints and background images to the products of one pass.

    Parameters
    ----------
    products : Products
    support : (K, P) CSR
        Pixels each component may use, with the present weights.
    regressors : (K, T) float32
        Zero-mean traces the products were made with.
    images, traces : (nb, P), (nb, T) float32
        Background; the traces have zero mean.
    noise : (P,) float32
        Noise standard deviation of a sample.
    sparsity : float
        Weights below this many of their own standard deviations are pulled to zero.
    n_threads : int
    ctx : TaskContext

    Returns
    -------
    footprints : (K, P) CSR
        Weights in units of movie per regressor, on the support.
    images : (nb, P) float32
    """
    n_components, n_pixels = support.shape
    r = regressors.astype(np.float64)
    f = traces.astype(np.float64)
    gram, cross, background_gram = r @ r.T, r @ f.T, f @ f.T
    owner = np.repeat(np.arange(n_components, dtype=np.int32), np.diff(support.indptr))
    order = np.lexsort((owner, support.indices))
    pixel = support.indices[order]
    indptr = np.searchsorted(pixel, np.arange(n_pixels + 1)).astype(np.int32)
    owners = owner[order]
    at_pixel = products.at_support[order]
    penalty = sparsity * noise[pixel].astype(np.float64) * np.sqrt(gram[owners, owners])
    weights = support.data[order].astype(np.float64)
    new_images = images.astype(np.float64)

    def work(first: int) -> None:
        solve_pixels(
            first, min(first + _PIECE, n_pixels), indptr, owners, at_pixel, penalty, gram, cross,
            products.background_images, background_gram, weights, new_images,
        )  # fmt: skip

    for _ in thread_map(work, range(0, n_pixels, _PIECE), n_threads=n_threads, ctx=ctx):
        pass
    out = support.copy().astype(np.float32)
    out.data[order] = weights.astype(np.float32)
    return out, new_images.astype(np.float32)


def dilated(
    footprints: sparse.csr_matrix, trusted: NDArray[np.bool_], radius: int
) -> sparse.csr_matrix:
    """Let the stored entries cover all trusted (H, W) pixels within ``radius``; zeros there."""
    height, width = trusted.shape
    offsets = np.arange(-radius, radius + 1)
    disc = offsets[:, None] ** 2 + offsets[None] ** 2 <= radius * radius
    pixels, weights = [], []
    for k in range(footprints.shape[0]):
        part = slice(footprints.indptr[k], footprints.indptr[k + 1])
        values = footprints.data[part]
        rows, cols = np.divmod(footprints.indices[part][values > 0], width)
        values = values[values > 0]
        if rows.size:
            top, left = max(rows.min() - radius, 0), max(cols.min() - radius, 0)
            bottom = min(rows.max() + radius + 1, height)
            right = min(cols.max() + radius + 1, width)
            box = np.zeros((bottom - top, right - left), np.float32)
            box[rows - top, cols - left] = values
            grown = ndimage.binary_dilation(box > 0, disc) & trusted[top:bottom, left:right]
            r, c = np.nonzero(grown)
            pixels.append((r + top) * width + c + left)
            weights.append(box[r, c])
        else:
            pixels.append(rows)
            weights.append(values)
    return stacked(pixels, weights, footprints.shape[1])
