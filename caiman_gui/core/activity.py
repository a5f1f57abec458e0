"""Activity of many cells at a glance: the population raster, events and peaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.task import NULL_CONTEXT, TaskContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from caiman_gui.core.results import Component

#: Share of the largest values of a cell that are shown as full.
FULL_PERCENTILE = 99.8


def activity_raster(
    components: Sequence[Component], *, n_bins: int, ctx: TaskContext = NULL_CONTEXT
) -> NDArray[np.float32]:
    """Activity of each cell in time bins, scaled so that quiet and bright cells both show.

    Parameters
    ----------
    components : sequence of Component
    n_bins : int
        Columns of the result, at most the number of frames.

    Returns
    -------
    (K, n_bins) float32
        Largest activity in each bin over the cell's own highest level, 0 ... 1.
    """
    n_frames = components[0].activity.size if components else 0
    n_bins = max(min(n_bins, n_frames), 0)
    out = np.zeros((len(components), n_bins), np.float32)
    if not n_bins:
        return out
    edges = (np.arange(n_bins) * n_frames) // n_bins
    for row, item in zip(out, components, strict=True):
        ctx.check()
        row[:] = np.maximum.reduceat(item.activity, edges)
        events = row[row > 0]
        if events.size:
            np.minimum(row / np.percentile(events, FULL_PERCENTILE), 1.0, out=row)
    return out


def count_events(activity: NDArray[np.float32]) -> int:
    """Return the number of events in an activity trace (T,): runs of frames above zero."""
    is_active = activity > 0
    if not is_active.size:
        return 0
    return int(is_active[0]) + int(np.count_nonzero(is_active[1:] & ~is_active[:-1]))


def peak_frame(component: Component) -> int:
    """Frame of the highest point of the denoised trace."""
    return int(np.argmax(component.trace)) if component.trace.size else 0
