"""What aligning a movie has given so far, so that an interrupted run can go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(eq=False)
class Aligned:
    """Results of the frames up to ``n_done``; grows while the movie is aligned.

    Attributes
    ----------
    n_done : int
    shifts : (T, P, 2) float32
        (dy, dx) px added to each frame.
    before, after : (T,) float32
        Correlation of each frame with the template.
    sum_before, sum_after : (H, W) float64
        Sums over frames.
    covered : (H, W) bool
        Pixels that had data in every frame.
    """

    n_done: int
    shifts: NDArray[np.float32]
    before: NDArray[np.float32]
    after: NDArray[np.float32]
    sum_before: NDArray[np.float64]
    sum_after: NDArray[np.float64]
    covered: NDArray[np.bool_]

    @classmethod
    def none_of(cls, shape: tuple[int, int, int], n_patches: int) -> Aligned:
        """Nothing of a movie (T, H, W) yet."""
        n_frames, height, width = shape
        return cls(
            n_done=0,
            shifts=np.zeros((n_frames, n_patches, 2), np.float32),
            before=np.zeros(n_frames, np.float32),
            after=np.zeros(n_frames, np.float32),
            sum_before=np.zeros((height, width)),
            sum_after=np.zeros((height, width)),
            covered=np.ones((height, width), bool),
        )


class Journal(Protocol):
    """Keeps what was aligned where it survives an interruption."""

    def restore(self, blank: Aligned) -> Aligned:
        """Return what an interrupted run has left, or ``blank``."""

    def note(self, aligned: Aligned) -> None:
        """Keep the present state, if the last one kept is old enough."""
