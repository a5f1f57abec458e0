"""Checks on the data that come before any arithmetic, with words a user understands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie

#: Fewer frames than this hold no activity that could be separated from noise.
MIN_FRAMES = 10
#: Below this many frames the results are shown with a warning.
FEW_FRAMES = 200
MIN_SIDE_PX = 8
#: Squares and products of larger samples would leave the range of the numbers used.
LARGEST_SAMPLE = 1e12


def require_usable(movie: Movie) -> None:
    """Refuse a movie that is too short or too small for any step.

    Raises
    ------
    DataError
        Naming the size and the limit.
    """
    n_frames, height, width = movie.shape
    if n_frames < MIN_FRAMES:
        raise DataError(
            "The movie is too short",
            f"It has {n_frames} frame{'s' if n_frames != 1 else ''}; at least {MIN_FRAMES} "
            "are needed to tell activity from noise.",
            "Check that the file holds a time series and not a single image or a z-stack.",
        )
    if min(height, width) < MIN_SIDE_PX:
        raise DataError(
            "The field of view is too small",
            f"It is {height} x {width} px; each side needs at least {MIN_SIDE_PX} px.",
            "Check the order of the axes in the file: (time, row, column) is expected.",
        )


def require_finite(block: NDArray[Any], start: int) -> None:
    """Refuse frames with NaN, infinite or absurdly large values.

    Parameters
    ----------
    block : (n, H, W) array
    start : int
        Index of its first frame, for the message.

    Raises
    ------
    DataError
        Naming the first such frame and how many there are in this block.
    """
    if block.dtype.kind not in "fc":
        return
    with np.errstate(invalid="ignore", over="ignore"):  # opposite infinities; found below
        total = float(block.sum(dtype=np.float64))
        if math.isfinite(total):
            if abs(total) > LARGEST_SAMPLE * block.size:
                raise _too_large(block, start)
            return
    bad = np.flatnonzero(~np.isfinite(block).all(axis=(1, 2)))
    if bad.size == 0:
        return
    more = f", and {bad.size - 1} more up to frame {start + int(bad[-1])}" if bad.size > 1 else ""
    raise DataError(
        "The movie has missing values",
        f"Frame {start + int(bad[0])} holds NaN or infinite samples{more}.",
        "Remove these frames or fill them in (for instance with the frame before), "
        "then open the movie again.",
    )


def _too_large(block: NDArray[Any], start: int) -> DataError:
    sizes = np.abs(block).max(axis=(1, 2))
    worst = int(np.argmax(sizes))
    return DataError(
        "The movie has values too large to work with",
        f"Frame {start + worst} holds a sample of size {float(sizes[worst]):.3g}; "
        f"at most {LARGEST_SAMPLE:g} is possible.",
        "Check that the file was read with the right type and byte order, or scale the movie.",
    )


def require_contrast(std: NDArray[Any]) -> None:
    """Refuse a movie in which nothing changes over time.

    Parameters
    ----------
    std : array
        Standard deviation over time of each pixel.

    Raises
    ------
    DataError
        If no pixel ever changes.
    """
    if not np.any(std > 0):
        raise DataError(
            "The movie is constant",
            "Every pixel has the same value in every frame, so there is nothing to find.",
            "Check that the right file and channel were chosen, and that the shutter was open.",
        )
