"""What is known about each frame and pixel of a recording before it is processed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Excluded(IntFlag):
    """Why a pixel is left out."""

    DEAD = 1
    HOT = 2
    SATURATED = 4
    FILE = 8


@dataclass(frozen=True, eq=False)
class Findings:
    """What was measured on a recording so that it can be prepared.

    Attributes
    ----------
    scan_phase_px : float
        How far odd lines have to be moved to the right; 0 if it was not measured.
    scan_phase_confidence : float
        0 ... 1: how certain it is that lines are shifted at all.
    excluded : (H, W) uint8
        Flags of ``Excluded``, as recorded; 0 for pixels that can be used.
    """

    scan_phase_px: float
    scan_phase_confidence: float
    excluded: NDArray[np.uint8]

    def __post_init__(self) -> None:
        object.__setattr__(self, "scan_phase_px", float(self.scan_phase_px))
        object.__setattr__(self, "scan_phase_confidence", float(self.scan_phase_confidence))
        if self.excluded.ndim != 2 or self.excluded.dtype != np.uint8:
            raise ValueError(
                f"excluded is an image of uint8, not {self.excluded.dtype} of shape "
                f"{self.excluded.shape}"
            )
        self.excluded.setflags(write=False)

    def count(self, reason: Excluded) -> int:
        """Pixels left out for one reason."""
        return int(np.count_nonzero(self.excluded & reason))


@dataclass(frozen=True, eq=False)
class FrameTimes:
    """When each frame was recorded.

    Attributes
    ----------
    seconds : (T,) float64
        Not decreasing; the first need not be 0.
    """

    seconds: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.seconds.ndim != 1 or self.seconds.dtype != np.float64:
            raise ValueError(f"times have the shape {self.seconds.shape}, {self.seconds.dtype}")
        if not (np.isfinite(self.seconds).all() and (np.diff(self.seconds) >= 0).all()):
            raise ValueError("times run backwards or are no numbers")
        self.seconds.setflags(write=False)
