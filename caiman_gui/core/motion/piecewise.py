"""One shift per patch, near the shift of the whole frame (NoRMCorre)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.motion.rigid import (
    Correlator,
    NoiseSpectrum,
    RigidRegistrar,
    find_displacement,
    flatten,
    limit_reach,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.params.motion import MotionParams

#: Soft edge of a patch, as a share of its side.
PATCH_TAPER = 0.3


@dataclass(frozen=True, eq=False)
class PatchGrid:
    """Overlapping patches that cover a field.

    Attributes
    ----------
    rows, cols : (gy,) and (gx,) int
        First row and column of the patches; the last ones end at the border.
    size : (int, int)
        Height and width of every patch in px.
    """

    rows: NDArray[np.int_]
    cols: NDArray[np.int_]
    size: tuple[int, int]

    @classmethod
    def over(cls, shape: tuple[int, int], patch_px: int, overlap_px: int) -> PatchGrid:
        """Lay a grid over a field (H, W); patches larger than the field shrink to it."""
        size = (min(patch_px, shape[0]), min(patch_px, shape[1]))
        rows, cols = (_starts(n, s, overlap_px) for n, s in zip(shape, size, strict=True))
        return cls(rows, cols, size)

    @property
    def shape(self) -> tuple[int, int]:
        """Patches per column and per row."""
        return self.rows.size, self.cols.size

    @property
    def centers(self) -> NDArray[np.float32]:
        """(P, 2) row and column of the patch centres, C order."""
        rows = self.rows + (self.size[0] - 1) / 2
        cols = self.cols + (self.size[1] - 1) / 2
        grid = np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1)
        return grid.reshape(-1, 2).astype(np.float32)

    def cut(self, image: NDArray[np.float32], offset: tuple[int, int]) -> NDArray[np.float32]:
        """Cut all patches (P, h, w) out of an image (H, W), each moved by an offset.

        What lies outside is filled with the nearest pixels.
        """
        rows = self.rows[:, None] + np.arange(self.size[0]) + offset[0]
        cols = self.cols[:, None] + np.arange(self.size[1]) + offset[1]
        rows = np.clip(rows, 0, image.shape[0] - 1).ravel()
        cols = np.clip(cols, 0, image.shape[1] - 1).ravel()
        patches = image[rows][:, cols].reshape(
            self.rows.size, self.size[0], self.cols.size, self.size[1]
        )
        cut: NDArray[np.float32] = patches.transpose(0, 2, 1, 3).reshape(-1, *self.size)
        return cut


class PiecewiseRegistrar:
    """Measures the shift of each patch of frames.

    ``centers`` (P, 2) float32 and ``patch_size`` (int, int) describe the patches in px.

    Parameters
    ----------
    template : (H, W) float32
    params : MotionParams
    noise : NoiseSpectrum, optional
    """

    def __init__(
        self,
        template: NDArray[np.float32],
        *,
        params: MotionParams,
        noise: NoiseSpectrum | None = None,
    ) -> None:
        height, width = template.shape
        self._highpass_px = params.highpass_px
        self._grid = PatchGrid.over((height, width), params.patch_size_px, params.patch_overlap_px)
        self.centers = self._grid.centers
        self.patch_size = self._grid.size
        self._rigid = RigidRegistrar(
            template,
            max_shift_px=params.max_shift_px,
            noise=noise,
            highpass_px=params.highpass_px,
        )
        patch_height, patch_width = self._grid.size
        self._deviation = (
            limit_reach(params.max_deviation_px, patch_height),
            limit_reach(params.max_deviation_px, patch_width),
        )
        # One px more, because the search starts at the rounded shift of the frame.
        reach = (
            limit_reach(self._deviation[0] + 1, patch_height),
            limit_reach(self._deviation[1] + 1, patch_width),
        )
        self._correlator = Correlator(
            self._grid.cut(flatten(template[None], params.highpass_px)[0], (0, 0)),
            reach=reach,
            taper_px=(PATCH_TAPER * patch_height, PATCH_TAPER * patch_width),
            noise=noise,
        )

    def shifts(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the corrections (n, P, 2) in px to add to frames (n, H, W)."""
        flat = flatten(frames, self._highpass_px)
        whole = -self._rigid.shifts_of_flat(flat)[:, 0].astype(np.float64)
        limit = np.array(self._deviation)
        out = np.empty((len(frames), len(self.centers), 2), np.float32)
        for target, frame, middle in zip(out, flat, whole, strict=True):
            start = np.rint(middle)
            patches = self._grid.cut(frame, (int(start[0]), int(start[1])))
            planes = self._correlator.planes(patches[None])[0]
            planes += self._correlator.prior(tuple(start - middle), self._deviation)
            deviation = find_displacement(planes) + start - middle
            target[:] = -(middle + np.clip(deviation, -limit, limit))
        return out


def _starts(side: int, patch: int, overlap: int) -> NDArray[np.int_]:
    """First pixels of patches along an axis; the last patch ends at the border."""
    stride = max(patch - overlap, patch // 4, 1)
    return np.append(np.arange(0, side - patch, stride), side - patch)
