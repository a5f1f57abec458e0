"""Which components are more than noise, neuropil or leftover motion: by trace and by size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.noise import noise_level
from caiman_gui.core.sources.temporal import active_part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.sources.model import Model

#: Least peak of the smoothed trace, in its noise.
LEAST_PEAK = 5.0
#: Least and largest area, as shares of a disc of the neuron diameter.
LEAST_AREA, LARGEST_AREA = 0.3, 3.5
#: Calcium rises faster than it falls: least energy of upward over downward steps.
LEAST_ASYMMETRY = 1.4
#: Transients shorter than this many frames are too short to see their shape.
_SHAPE_FRAMES = 3.0
_STEP_Z, _STEP_ENERGY = 2.5, 5.0


def trustworthy(model: Model, *, diameter_px: float, decay_frames: float) -> NDArray[np.intp]:
    """Return the numbers of components with transients and a footprint of plausible size."""
    raw = model.raw
    active, noise = active_part(raw, decay_frames=decay_frames)
    peak = active.max(axis=1, initial=0) / np.maximum(noise, 1e-30)
    area = np.diff(model.footprints.indptr) / (np.pi / 4 * diameter_px**2)
    keep = (peak >= LEAST_PEAK) & (area >= LEAST_AREA) & (area <= LARGEST_AREA)
    if decay_frames >= _SHAPE_FRAMES:
        keep &= step_asymmetry(raw, decay_frames=decay_frames) >= LEAST_ASYMMETRY
    return np.flatnonzero(keep)


def step_asymmetry(raw: NDArray[np.float32], *, decay_frames: float) -> NDArray[np.float64]:
    """(K,) energy of clear upward steps over that of downward ones.

    A step is the difference of the means over the next and over the last half decay time.
    Transients give well over 1, slow or symmetric signals (neuropil, motion) and noise do not.
    """
    width = max(1, round(decay_frames / 2))
    if raw.shape[1] <= 2 * width or raw.size == 0:
        return np.ones(len(raw))
    return np.array([_asymmetry_of(trace, width) for trace in raw])


def _asymmetry_of(raw: NDArray[np.float32], width: int) -> float:
    """Step asymmetry of one trace (T,), between means over ``width`` frames."""
    sums = np.cumsum(np.pad(raw, (1, 0)), dtype=np.float64)
    means = (sums[width:] - sums[:-width]) / width
    steps = means[width:] - means[:-width]
    noise = float(noise_level(raw)) * np.sqrt(2 / width)
    steps /= max(noise, 1e-30)
    up = float((np.maximum(steps - _STEP_Z, 0) ** 2).sum())
    down = float((np.maximum(-steps - _STEP_Z, 0) ** 2).sum())
    return up / (_STEP_ENERGY + down)
