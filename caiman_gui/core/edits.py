"""Edits of components and labels. Pure: every edit returns a new object."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.results import Component

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from caiman_gui.core.results import ComponentSet, Label

#: Rounds of the rank-1 fit; it hardly changes after a few.
ROUNDS = 10


def merge(components: ComponentSet, ids: Iterable[int]) -> ComponentSet:
    """Make one component of several, which it replaces; it comes last, with a new id.

    Footprint and trace are the best non-negative rank-1 approximation of the sum of the members'
    ``footprint x raw trace`` (Pnevmatikakis et al. 2016). The raw trace of the new component is
    that sum seen through its footprint.

    Parameters
    ----------
    components : ComponentSet
    ids : iterable of int
        At least two different ones.

    Returns
    -------
    ComponentSet
        The new component has no activity, dF/F and metrics yet. Its id is the set's ``next_id``.

    Raises
    ------
    ValueError
        For fewer than two ids or an unknown one.
    """
    wanted = _known(components, ids)
    if len(wanted) < 2:
        raise ValueError(f"merging needs at least two components, not {len(wanted)}")
    members = [item for item in components.items if item.id in wanted]
    pixels, matrix = _on_union(members)
    raw = np.stack([item.raw for item in members]).astype(np.float64)
    footprint, trace = _rank_one(matrix, raw)
    seen = (footprint @ matrix) @ raw
    # backgrounds are shared, not added: that of a mixture of footprints is the same mixture
    mixture = np.linalg.lstsq(matrix, footprint, rcond=1e-4)[0]
    background = mixture @ np.stack([item.background for item in members])
    inside = footprint > 0
    made = Component(
        id=components.next_id,
        pixels=pixels[inside],
        weights=footprint[inside].astype(np.float32),
        trace=trace.astype(np.float32),
        residual=(seen - trace).astype(np.float32),
        activity=np.zeros(components.n_frames, np.float32),
        background=background.astype(np.float32),
        origin="merged",
        parents=tuple(item.id for item in members),
    )
    kept = [item for item in components.items if item.id not in wanted]
    return components.with_items([*kept, made], next_id=components.next_id + 1)


def delete(components: ComponentSet, ids: Iterable[int]) -> ComponentSet:
    """Remove components; their ids are never used again.

    Raises
    ------
    ValueError
        For an unknown id.
    """
    gone = _known(components, ids)
    return components.with_items(item for item in components.items if item.id not in gone)


def set_labels(
    labels: Mapping[int, Label], ids: Iterable[int], label: Label | None
) -> Mapping[int, Label]:
    """Label some components by hand, or take their labels away.

    Parameters
    ----------
    labels : mapping of int to Label
        Labels so far; not changed.
    ids : iterable of int
    label : {"accept", "reject", "unsure"} or None
        None: back to the automatic decision.

    Returns
    -------
    mapping of int to Label
        Read-only.
    """
    out = dict(labels)
    for component_id in ids:
        if label is None:
            out.pop(component_id, None)
        else:
            out[component_id] = label
    return MappingProxyType(out)


def _known(components: ComponentSet, ids: Iterable[int]) -> set[int]:
    wanted = set(ids)
    unknown = sorted(wanted - set(components.ids))
    if unknown:
        raise ValueError(f"there is no component {', '.join(map(str, unknown))}")
    return wanted


def _on_union(
    members: Sequence[Component],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Pixels (n,) of any member, and the footprints (n, k) on them."""
    pixels = np.unique(np.concatenate([item.pixels for item in members]))
    matrix = np.zeros((pixels.size, len(members)))
    for column, item in enumerate(members):
        matrix[np.searchsorted(pixels, item.pixels), column] = item.weights
    return pixels.astype(np.int32), matrix


def _rank_one(
    matrix: NDArray[np.float64], raw: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Non-negative footprint (n,) of unit norm and trace (T,) of ``matrix @ raw``."""
    energy = np.linalg.norm(raw, axis=1)
    if not energy.any():  # nothing to weigh by
        energy = np.ones(len(raw))
    footprint = _unit(matrix @ energy)
    trace = np.maximum((footprint @ matrix) @ raw, 0)
    for _ in range(ROUNDS):
        if not trace.any():
            break
        updated = np.maximum(matrix @ (raw @ trace), 0)
        if not updated.any():
            break
        footprint = _unit(updated)
        trace = np.maximum((footprint @ matrix) @ raw, 0)
    return footprint, trace


def _unit(footprint: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = float(np.linalg.norm(footprint))
    return footprint / norm if norm > 0 else footprint
