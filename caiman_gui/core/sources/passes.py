"""One pass over the movie: all products with it that footprints, traces and background need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from caiman_gui.core.movie import pixel_blocks
from caiman_gui.core.parallel import thread_map

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy import sparse

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

_PIECE = 8  # components per piece of work
_PIXEL_PIECE = 4096  # pixels per piece of work


@dataclass(frozen=True, eq=False)
class Products:
    """Products of the movie Y (pixels x frames), minus each pixel's mean, with a model.

    Attributes
    ----------
    at_support : (nnz,) float64
        ``Y r'`` of each component's regressor r, at the stored pixels of its footprint.
    background_images : (nb, P) float64
        ``Y f'``.
    through_footprints : (K, T) float32
        ``A Y``.
    through_background : (nb, T) float64
        ``b Y``.
    """

    at_support: NDArray[np.float64]
    background_images: NDArray[np.float64]
    through_footprints: NDArray[np.float32]
    through_background: NDArray[np.float64]


@njit(cache=True, nogil=True, fastmath=True)
def project_block(
    block: NDArray[np.float32],
    mean: NDArray[np.float32],
    indptr: NDArray[np.int32],
    pixels: NDArray[np.int32],
    weights: NDArray[np.float32],
    regressors: NDArray[np.float32],
    first: int,
    last: int,
    at_support: NDArray[np.float64],
    traces: NDArray[np.float32],
    start: int,
) -> None:
    """Add one block (P, n) to the products of components first ... last-1, in place.

    It begins at frame ``start``. Layouts are the same however many blocks there are, so that
    this is compiled once.
    """
    n_frames = block.shape[1]
    for k in range(first, last):
        regressor = regressors[k]
        trace = np.zeros(n_frames, np.float32)
        for i in range(indptr[k], indptr[k + 1]):
            row = block[pixels[i]]
            offset = mean[pixels[i]]
            weight = weights[i]
            total = np.float32(0.0)
            for t in range(n_frames):
                value = row[t] - offset
                total += value * regressor[t]
                trace[t] += weight * value
            at_support[i] += total
        for t in range(n_frames):
            traces[k, start + t] = trace[t]


@njit(cache=True, nogil=True, fastmath=True)
def project_background(
    block: NDArray[np.float32],
    mean: NDArray[np.float32],
    images: NDArray[np.float32],
    traces: NDArray[np.float32],
    first: int,
    last: int,
    yf: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Add one block (P, n) to ``Y f'`` of pixels first ... last-1; return their ``b Y``."""
    n_background, n_frames = traces.shape
    out = np.zeros((n_background, n_frames), np.float32)
    for p in range(first, last):
        row = block[p]
        for m in range(n_background):
            weight = images[m, p]
            total = np.float32(0.0)
            for t in range(n_frames):
                value = row[t] - mean[p]
                total += value * traces[m, t]
                out[m, t] += weight * value
            yf[m, p] += total
    return out


def collect(
    movie: Movie,
    *,
    mean: NDArray[np.float32],
    footprints: sparse.csr_matrix,
    regressors: NDArray[np.float32],
    images: NDArray[np.float32],
    traces: NDArray[np.float32],
    n_threads: int,
    n_ahead: int,
    ctx: TaskContext,
    message: str,
) -> Products:
    """Walk once through a movie and collect its products with the model.

    Parameters
    ----------
    movie : Movie
    mean : (P,) float32
        Subtracted from every frame.
    footprints : (K, P) CSR
        Stored entries, explicit zeros included, are the pixels of interest.
    regressors : (K, T) float32
        Traces for ``at_support``; their mean should be zero.
    images, traces : (nb, P), (nb, T) float32
        Background.
    n_threads, n_ahead : int
        Threads, and blocks of the movie read early.
    ctx : TaskContext
    message : str
        For the progress bar.
    """
    n_components, n_frames = regressors.shape
    n_pixels = footprints.shape[1]
    at_support = np.zeros(footprints.nnz)
    through = np.zeros((n_components, n_frames), np.float32)
    yf = np.zeros((len(images), n_pixels))
    by = np.zeros((len(images), n_frames))
    indptr, pixels = footprints.indptr.astype(np.int32), footprints.indices.astype(np.int32)
    weights = footprints.data.astype(np.float32)
    for start, block in pixel_blocks(movie, ctx=ctx, message=message, n_ahead=n_ahead):
        frames = slice(start, start + block.shape[1])
        part = np.ascontiguousarray(regressors[:, frames])

        def work(
            first: int,
            block: NDArray[np.float32] = block,
            part: NDArray[np.float32] = part,
            start: int = start,
        ) -> None:
            last = min(first + _PIECE, n_components)
            project_block(
                block, mean, indptr, pixels, weights, part, first, last, at_support, through, start
            )

        pieces = range(0, n_components, _PIECE)
        for _ in thread_map(work, pieces, n_threads=n_threads, ctx=ctx):
            pass
        background = np.ascontiguousarray(traces[:, frames])

        def work_background(
            first: int,
            block: NDArray[np.float32] = block,
            part: NDArray[np.float32] = background,
        ) -> NDArray[np.float32]:
            last = min(first + _PIXEL_PIECE, n_pixels)
            return np.asarray(project_background(block, mean, images, part, first, last, yf))

        pieces = range(0, n_pixels, _PIXEL_PIECE)
        for share in thread_map(work_background, pieces, n_threads=n_threads, ctx=ctx):
            by[:, frames] += share
    return Products(at_support, yf, through, by)
