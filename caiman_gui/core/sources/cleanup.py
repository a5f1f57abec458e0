"""Footprints made tidy: smooth, in one piece, without specks and holes, of unit norm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Pixels below this share of the maximum do not belong to the cell.
LEAST_SHARE = 0.15
_NEIGHBOURS = np.ones((3, 3), bool)


def clean_image(image: NDArray[np.float32], least_share: float) -> NDArray[np.float32]:
    """Return a footprint image (h, w) smoothed by a 3 x 3 median and cut to its main piece."""
    smooth = ndimage.median_filter(image, size=3, mode="constant")
    top = smooth.max(initial=0.0)
    if top <= 0:
        return np.zeros_like(image)
    labels, count = ndimage.label(smooth > least_share * top)
    if count > 1:
        energy = ndimage.sum_labels(smooth**2, labels, np.arange(1, count + 1))
        piece = labels == 1 + int(np.argmax(energy))
    else:
        piece = labels > 0
    piece = ndimage.binary_fill_holes(piece)
    return np.where(piece, smooth, 0).astype(np.float32)


def clean_footprints(
    footprints: sparse.csr_matrix, fov_shape: tuple[int, int]
) -> tuple[sparse.csr_matrix, NDArray[np.float64]]:
    """Clean every footprint on its bounding box.

    Parameters
    ----------
    footprints : (K, P) CSR
    fov_shape : (H, W)

    Returns
    -------
    footprints : (K, P) CSR float32
        Unit L2 norm; empty rows where nothing was left.
    scale : (K,) float64
        Norm that was divided out; 0 for empty rows.
    """
    width = fov_shape[1]
    pixels, weights, scale = [], [], np.zeros(footprints.shape[0])
    for k in range(footprints.shape[0]):
        part = slice(footprints.indptr[k], footprints.indptr[k + 1])
        image, top, left = boxed(footprints.indices[part], footprints.data[part], fov_shape)
        image = clean_image(image, LEAST_SHARE)
        row, col = np.nonzero(image)
        values = image[row, col]
        scale[k] = np.sqrt(float(values.astype(np.float64) @ values))
        pixels.append((row + top) * width + col + left)
        weights.append(values / max(scale[k], 1e-30))
    return stacked(pixels, weights, footprints.shape[1]), scale


def stacked(
    pixels: Sequence[NDArray[np.integer]], weights: Sequence[NDArray[np.floating]], n_pixels: int
) -> sparse.csr_matrix:
    """Return a (K, P) CSR float32 matrix from pixels and weights of each row; zeros are kept."""
    indptr = np.cumsum([0, *(part.size for part in pixels)]).astype(np.int32)
    return sparse.csr_matrix(
        (
            np.concatenate([np.zeros(0), *weights]).astype(np.float32),
            np.concatenate([np.zeros(0, np.int32), *pixels]).astype(np.int32),
            indptr,
        ),
        shape=(len(pixels), n_pixels),
    )


def boxed(
    pixels: NDArray[np.int32], weights: NDArray[np.float32], fov_shape: tuple[int, int]
) -> tuple[NDArray[np.float32], int, int]:
    """Return a footprint as an image on its bounding box, and the box's first row and column."""
    if pixels.size == 0:
        return np.zeros((1, 1), np.float32), 0, 0
    rows, cols = np.divmod(pixels, fov_shape[1])
    top, left = int(rows.min()), int(cols.min())
    image = np.zeros((int(rows.max()) - top + 1, int(cols.max()) - left + 1), np.float32)
    image[rows - top, cols - left] = weights
    return image, top, left
