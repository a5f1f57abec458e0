"""Masks of excluded pixels, taken from the recorded image to the prepared one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.prepare.plan import Preparation


def prepared_mask(mask: NDArray[np.bool_], preparation: Preparation) -> NDArray[np.bool_]:
    """Excluded pixels of the prepared image.

    A prepared pixel is excluded if any of the recorded pixels it is the mean of is: one hot
    pixel spoils its whole bin. Lines are not moved: the mask belongs to the image with its lines
    lined up, as it is shown.

    Parameters
    ----------
    mask : (H, W) bool
        True for excluded pixels of the recorded image.
    preparation : Preparation

    Returns
    -------
    (H', W') bool

    Raises
    ------
    DataError
        If nothing is left of the image.
    """
    n_frames = preparation.trim_start_frames + preparation.trim_end_frames + preparation.bin_frames
    rows, cols = preparation.window((n_frames, *mask.shape))
    inside = np.asarray(mask, bool)[rows, cols]
    size = preparation.bin_px
    height, width = inside.shape[0] // size, inside.shape[1] // size
    bins = inside.reshape(height, size, width, size)
    return np.asarray(bins.any(axis=(1, 3)), np.bool_)
