"""Which components are more than noise: by trace, size and shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.sources.temporal import active_part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.sources.model import Model

#: Least peak of the smoothed trace, in its noise.
LEAST_PEAK = 5.0
#: Least area, as a share of a disc of the neuron diameter.
LEAST_AREA = 0.2


def trustworthy(model: Model, *, diameter_px: float, decay_frames: float) -> NDArray[np.intp]:
    """Numbers of the components with clear activity and a footprint of plausible size."""
    active, noise = active_part(model.raw, decay_frames=decay_frames)
    peak = active.max(axis=1, initial=0) / np.maximum(noise, 1e-30)
    area = np.diff(model.footprints.indptr)
    disc = np.pi / 4 * diameter_px**2
    return np.flatnonzero((peak >= LEAST_PEAK) & (area >= LEAST_AREA * disc))
