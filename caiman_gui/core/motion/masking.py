"""Excluded regions, made blank for registration so that they neither pull nor hold a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.motion.template import Registrar

#: A region is filled from a rim of this share of its size, within these limits in pixels.
_RIM_SHARE, _RIM_LEAST, _RIM_MOST = 0.5, 4, 32


@dataclass(frozen=True, eq=False)
class _Patch:
    """The surroundings of one connected region, and what is known of them."""

    rows: slice
    cols: slice
    excluded: NDArray[np.bool_]
    good: NDArray[np.float32]
    weight: NDArray[np.float32]
    sigma: float

    @property
    def n_good(self) -> int:
        """Pixels that are not excluded."""
        return int(self.good.size - self.excluded.sum())


class RegionFill:
    """Replaces excluded regions by a smooth continuation of what surrounds them.

    The fill follows the brightness of each frame and has no edges: constant values would leave
    an outline that stays where it is and holds the frame in place.

    Parameters
    ----------
    excluded : (H, W) bool
    """

    def __init__(self, excluded: NDArray[np.bool_]) -> None:
        self._patches: list[_Patch] = []
        labels, _ = ndimage.label(excluded, np.ones((3, 3)))
        for found in ndimage.find_objects(labels):
            size = min(s.stop - s.start for s in found)
            rim = int(np.clip(_RIM_SHARE * size, _RIM_LEAST, _RIM_MOST))
            rows, cols = (
                slice(max(s.start - 2 * rim, 0), min(s.stop + 2 * rim, side))
                for s, side in zip(found, excluded.shape, strict=True)
            )
            inside = excluded[rows, cols]
            good = (~inside).astype(np.float32)
            sigma = rim / 2 + 1.0
            self._patches.append(
                _Patch(rows, cols, inside, good, np.maximum(_blur(good, sigma), 1e-6), sigma)
            )

    def apply(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return frames (n, H, W) with the regions filled; a copy if there are any."""
        if not self._patches:
            return frames
        out = np.array(frames, dtype=np.float32)
        for frame in out:
            for patch in self._patches:
                view = frame[patch.rows, patch.cols]
                # Deep inside, where no rim reaches, the mean of the rim remains.
                level = np.float32((view * patch.good).sum() / max(1.0, patch.n_good))
                rim = _blur((view - level) * patch.good, patch.sigma) / patch.weight
                share = np.minimum(patch.weight * 4, 1)
                view[patch.excluded] = (level + rim * share)[patch.excluded]
        return out


class MaskedRegistrar:
    """A registrar that does not look at excluded regions.

    Parameters
    ----------
    registrar : Registrar
        Made from a template that was filled in the same way.
    fill : RegionFill
    """

    def __init__(self, registrar: Registrar, fill: RegionFill) -> None:
        self._registrar = registrar
        self._fill = fill
        self.centers = registrar.centers
        self.patch_size = registrar.patch_size

    def shifts(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the corrections (n, P, 2) in px to add to frames (n, H, W)."""
        return self._registrar.shifts(self._fill.apply(frames))


def _blur(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    blurred: NDArray[np.float32] = cv2.GaussianBlur(
        image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
    )
    return blurred
