"""A one-photon movie without its glow: every frame minus a wide Gaussian average of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie


class HighpassMovie:
    """A movie seen through a spatial high-pass. Computed when read; nothing is stored.

    Parameters
    ----------
    movie : Movie
    sigma_px : float
        Standard deviation of the Gaussian whose average is subtracted.
    """

    def __init__(self, movie: Movie, sigma_px: float) -> None:
        self._movie = movie
        self._sigma = sigma_px

    @property
    def shape(self) -> tuple[int, int, int]:
        return self._movie.shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        return np.dtype(np.float32)

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return filtered frames start ... stop-1 as (n, H, W)."""
        frames = np.array(self._movie.frames(start, stop), dtype=np.float32)
        for frame in frames:
            frame -= wide_average(frame, self._sigma)
        return frames


def wide_average(frame: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Gaussian average of a frame (H, W); wide ones are computed on a coarser grid."""
    height, width = frame.shape
    step = max(1, int(sigma_px / 3))
    if step == 1:
        out: NDArray[np.float32] = cv2.GaussianBlur(
            frame, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT
        )
        return out
    size = (max(2, round(width / step)), max(2, round(height / step)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(
        small,
        (0, 0),
        sigmaX=sigma_px * size[0] / width,
        sigmaY=sigma_px * size[1] / height,
        borderType=cv2.BORDER_REFLECT,
    )
    out = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return out
