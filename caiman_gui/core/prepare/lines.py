"""Move the odd lines of frames sideways, as a bidirectional scan needs it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray


def correct_scan_phase(
    frames: NDArray[Any],
    offset_px: float,
    *,
    first_row: int = 0,
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Move odd lines to the right by the full offset; even lines stay where they are.

    Whole pixels are copied. Other offsets are interpolated along the line by cubic convolution
    (Keys 1981), which keeps the mean of the samples but may overshoot their range a little.
    Beyond its ends a line repeats its outermost sample.

    Parameters
    ----------
    frames : (..., H, W) array
    offset_px : float
        Positive moves to the right.
    first_row : int
        Number of the uppermost line in the recorded image, which tells odd from even.
    out : (..., H, W) array or None
        Where the result goes; may be ``frames`` itself. Its type must hold the result.

    Returns
    -------
    (..., H, W) array
        Of the type of ``frames`` for whole pixels, else float32.
    """
    if not math.isfinite(offset_px):
        raise ValueError(f"lines cannot be moved by {offset_px} px")
    is_whole = float(offset_px).is_integer()
    if out is None:
        out = np.empty(frames.shape, frames.dtype if is_whole else np.float32)
    elif not is_whole and out.dtype != np.float32:
        raise ValueError(f"lines moved by {offset_px:g} px are float32, not {out.dtype}")
    if out is not frames:
        with np.errstate(over="ignore"):  # becomes infinite, which is told where it is used
            out[...] = frames
    if is_whole:
        odd = out[..., 1 - first_row % 2 :: 2, :]
        copy_lines(odd.copy(), odd, int(offset_px))
    else:
        taps, whole = line_taps(offset_px)
        plane = (out.shape[-2], out.shape[-1])
        for index in np.ndindex(out.shape[:-2]):
            frame = np.ascontiguousarray(out[index]).reshape(plane)
            move_odd_lines(frame, 1 - first_row % 2, whole, taps)
            out[index] = frame
    return out


def copy_lines(lines: NDArray[Any], out: NDArray[Any], offset: int, left: int = 0) -> None:
    """Write lines (..., W), moved by whole pixels, into ``out`` (..., w), from column ``left`` on.

    ``out`` may not share memory with ``lines``.
    """
    width, first = lines.shape[-1], left - offset  # where the first sample comes from
    start = min(max(first, 0), width)
    stop = max(min(first + out.shape[-1], width), start)
    before, after = start - first, stop - first
    if start == stop:  # moved out of sight
        out[...] = lines[..., :1] if first < 0 else lines[..., -1:]
        return
    out[..., before:after] = lines[..., start:stop]
    out[..., :before] = lines[..., :1]
    out[..., after:] = lines[..., -1:]


def line_taps(offset_px: float) -> tuple[NDArray[np.float32], int]:
    """Weights of four neighbours, and the place of the second of them.

    Returns
    -------
    taps : (4,) float32
        Keys 1981 with slope -0.5; exact for polynomials up to the second degree.
    whole : int
        A sample comes from between ``whole`` and ``whole + 1`` px to its right.
    """
    whole = math.floor(-offset_px)
    near = np.abs(np.arange(-1, 3) - (-offset_px - whole))
    inner = (1.5 * near - 2.5) * near**2 + 1
    outer = ((-0.5 * near + 2.5) * near - 4) * near + 2
    return np.where(near <= 1, inner, outer).astype(np.float32), whole


@njit(cache=True, nogil=True)
def move_odd_lines(
    frame: NDArray[np.float32], first_odd: int, whole: int, taps: NDArray[np.float32]
) -> None:
    """Interpolate every second line of a frame (H, W) in place."""
    height, width = frame.shape
    line = np.empty(width + 3, np.float32)
    a, b, c, d = taps[0], taps[1], taps[2], taps[3]
    for row in range(first_odd, height, 2):
        for col in range(width + 3):
            line[col] = frame[row, min(max(col + whole - 1, 0), width - 1)]
        for col in range(width):
            frame[row, col] = (
                a * line[col] + b * line[col + 1] + c * line[col + 2] + d * line[col + 3]
            )
