"""Move frames by given shifts, with cubic interpolation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class FrameSink(Protocol):
    """Takes the corrected movie, block after block in order, without gaps."""

    def write(self, start: int, frames: NDArray[np.float32]) -> None:
        """Store frames (n, H, W), of which the first is frame ``start`` of the movie."""


def apply_shifts(
    frames: NDArray[np.float32], shifts: NDArray[np.float32], centers: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Align frames; borders repeat the outermost pixels, and values stay within each frame's.

    Parameters
    ----------
    frames : (n, H, W) float32
    shifts : (n, P, 2) float32
        (dy, dx) in px to add, at each patch centre; P = 1 moves the frame as a whole.
    centers : (P, 2) float32
        (row, column) of the patch centres, a full grid in C order. Between them shifts are
        interpolated linearly, beyond the outermost they stay the same.

    Returns
    -------
    (n, H, W) float32
    """
    out = np.empty(frames.shape, np.float32)
    if shifts.shape[1] == 1:
        for target, frame, shift in zip(out, frames, shifts[:, 0], strict=True):
            target[:] = _translate(frame, float(shift[0]), float(shift[1]))
    else:
        field = ShiftField(centers, (frames.shape[1], frames.shape[2]))
        for target, frame, shift in zip(out, frames, shifts, strict=True):
            target[:] = _remap(frame, *field.sources(shift))
    low, high = frames.min(axis=(1, 2)), frames.max(axis=(1, 2))
    np.clip(out, low[:, None, None], high[:, None, None], out=out)
    return out


class ShiftField:
    """Spreads the shifts of a grid of patches over all pixels.

    Parameters
    ----------
    centers : (P, 2) float32
        (row, column) of the patch centres, a full grid in C order.
    shape : (H, W)
    """

    def __init__(self, centers: NDArray[np.float32], shape: tuple[int, int]) -> None:
        rows, cols = np.unique(centers[:, 0]), np.unique(centers[:, 1])
        if rows.size * cols.size != len(centers):
            raise ValueError(f"{len(centers)} patch centres do not form a full grid")
        self._grid = (rows.size, cols.size)
        self._rows = _linear(rows, shape[0])
        self._cols = _linear(cols, shape[1])
        self._y = np.arange(shape[0], dtype=np.float32)[:, None]
        self._x = np.arange(shape[1], dtype=np.float32)[None, :]

    def spread(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Interpolate values (P,) to an image (H, W)."""
        grid = values.reshape(self._grid)
        first, second, share = self._rows
        tall = grid[first] * (1 - share[:, None]) + grid[second] * share[:, None]
        first, second, share = self._cols
        return np.asarray(tall[:, first] * (1 - share) + tall[:, second] * share, np.float32)

    def sources(
        self, shift: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return where (row, column) each pixel (H, W) of an aligned frame comes from."""
        return self._y - self.spread(shift[:, 0]), self._x - self.spread(shift[:, 1])

    def covered(self, shifts: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return the pixels (H, W) that have data in every frame of shifts (n, P, 2)."""
        inside = np.ones((self._y.size, self._x.size), bool)
        if shifts.shape[1] == 1:  # the two extremes cover less than all frames between them
            shifts = np.stack([shifts.min(axis=0), shifts.max(axis=0)])
        for shift in shifts:
            row, col = self.sources(shift)
            inside &= (row >= 0) & (row <= self._y.size - 1)
            inside &= (col >= 0) & (col <= self._x.size - 1)
        return inside


def _linear(
    centers: NDArray[np.float32], side: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Neighbouring grid numbers of each pixel, and the share of the second one."""
    place = np.interp(np.arange(side), centers, np.arange(centers.size))
    first = np.minimum(place.astype(np.intp), max(centers.size - 2, 0))
    second = np.minimum(first + 1, centers.size - 1)
    return first, second, (place - first).astype(np.float32)


def _remap(
    frame: NDArray[np.float32], rows: NDArray[np.float32], cols: NDArray[np.float32]
) -> NDArray[np.float32]:
    moved: NDArray[np.float32] = cv2.remap(
        frame, cols, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return moved


def _translate(frame: NDArray[np.float32], dy: float, dx: float) -> NDArray[np.float32]:
    """Move a frame as a whole: whole pixels by copying, the rest by four taps per axis."""
    height, width = frame.shape
    whole_y, whole_x = math.floor(dy), math.floor(dx)
    rows = np.clip(np.arange(-2, height + 2) - whole_y, 0, height - 1)
    cols = np.clip(np.arange(-2, width + 2) - whole_x, 0, width - 1)
    moved = frame[rows][:, cols]
    if dy != whole_y or dx != whole_x:
        moved = cv2.sepFilter2D(moved, -1, _taps(dx - whole_x), _taps(dy - whole_y))
    result: NDArray[np.float32] = moved[2 : 2 + height, 2 : 2 + width]
    return result


def _taps(fraction: float) -> NDArray[np.float32]:
    """Cubic convolution weights (5,) that move samples by 0 ... 1 px towards higher indices.

    Keys 1981, with slope -0.5: exact for polynomials up to the second degree.
    """
    near = np.abs(np.arange(-2, 3) + fraction)
    inner = (1.5 * near - 2.5) * near**2 + 1
    outer = ((-0.5 * near + 2.5) * near - 4) * near + 2
    taps = np.where(near <= 1, inner, np.where(near < 2, outer, 0))
    return taps.astype(np.float32)
