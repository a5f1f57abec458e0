"""Give single bad pixels the mean of the good ones around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

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
        targets, sources = [], []
        for row, col in np.argwhere(bad).tolist():
            found = _good_near(bad, row, col)
            if found.size:
                targets.append(row * bad.shape[1] + col)
                sources.append(found)
        self._targets = np.array(targets, np.intp)
        counts = np.array([found.size for found in sources], np.intp)
        self._sources = np.concatenate(sources) if sources else np.empty(0, np.intp)
        self._starts = np.cumsum(counts) - counts
        self._counts = counts

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


def _good_near(bad: NDArray[np.bool_], row: int, col: int) -> NDArray[np.intp]:
    """Numbers of the nearest good pixels around one, possibly none."""
    for reach in range(1, REACH_PX + 1):
        top, left = max(row - reach, 0), max(col - reach, 0)
        good = np.argwhere(~bad[top : row + reach + 1, left : col + reach + 1])
        if len(good):
            return np.asarray((good[:, 0] + top) * bad.shape[1] + good[:, 1] + left, np.intp)
    return np.empty(0, np.intp)
