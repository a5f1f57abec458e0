"""Give single bad pixels the mean of the good ones around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: How far good pixels may lie away; what lies deeper in a bad area stays as it is.
REACH_PX = 2


class PixelFill:
    """Knows from which pixels each bad one is filled.

    A bad pixel becomes the mean of the good ones among its 8 neighbours, or, if there is none,
    of those up to 2 px away; integers are rounded. Where there is none either it stays as it
    is: a large area has nothing to be filled from.

    Parameters
    ----------
    bad : (H, W) bool
    """

    def __init__(self, bad: NDArray[np.bool_]) -> None:
        self._shape = bad.shape
        left = bad & ndimage.binary_dilation(~bad, _box(REACH_PX))  # the rest stays as it is
        targets, sources, counts = [], [], []
        for reach in range(1, REACH_PX + 1):
            rows, cols = np.nonzero(left)
            near, is_good = _around(bad, rows, cols, reach)
            n_good = is_good.sum(axis=1)
            found = n_good > 0
            targets.append((rows * bad.shape[1] + cols)[found])
            sources.append(near[is_good])
            counts.append(n_good[found])
            left[rows[found], cols[found]] = False
        self._targets, self._sources = np.concatenate(targets), np.concatenate(sources)
        self._counts = np.concatenate(counts)
        self._starts = np.cumsum(self._counts) - self._counts

    def apply(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Return frames (n, H, W) of the same type with the bad pixels filled; a copy."""
        if frames.shape[1:] != self._shape:
            raise ValueError(f"frames of {frames.shape[1:]} px, but a mask of {self._shape} px")
        filled = np.array(frames, order="C")
        if self._targets.size == 0:
            return filled
        for frame in filled.reshape(len(filled), -1):
            total = np.add.reduceat(frame[self._sources].astype(np.float64), self._starts)
            mean = total / self._counts
            frame[self._targets] = np.rint(mean) if frame.dtype.kind in "iub" else mean
        return filled


def _box(reach: int) -> NDArray[np.bool_]:
    return np.ones((2 * reach + 1, 2 * reach + 1), bool)


def _around(
    bad: NDArray[np.bool_], rows: NDArray[np.intp], cols: NDArray[np.intp], reach: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the numbers of all pixels around some (K, m), and which of them are good."""
    height, width = bad.shape
    steps = np.argwhere(_box(reach)) - reach
    near_rows, near_cols = rows[:, None] + steps[:, 0], cols[:, None] + steps[:, 1]
    inside = (near_rows >= 0) & (near_rows < height) & (near_cols >= 0) & (near_cols < width)
    near = np.where(inside, near_rows * width + near_cols, 0)
    return near, inside & ~bad.reshape(-1)[near]
