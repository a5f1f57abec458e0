"""Tables that any spreadsheet opens: one of components, one of traces."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.io.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.core.results import Component, ComponentSet, Decision

COMPONENT_COLUMNS = (
    "id", "center_row_px", "center_column_px", "size_px", "snr", "rval", "cnn", "eccentricity",
    "accepted", "label", "reason",
)  # fmt: skip
#: Pixels above this share of the largest weight count for the size, as in published scores.
SIZE_THRESHOLD = 0.2
_ROWS_AT_ONCE = 256


def write_components_csv(
    path: Path, components: ComponentSet, decisions: Mapping[int, Decision]
) -> None:
    """Write one row a component; unknown values are left empty.

    Raises
    ------
    ResourceError
        If the file cannot be written.
    """
    width = components.fov_shape[1]
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COMPONENT_COLUMNS)
        for item in components.items:
            row, column = item.center(width)
            decision = decisions.get(item.id)
            metrics = item.metrics
            values = [row, column, None, metrics.snr, metrics.rval, metrics.cnn]
            texts = [_number(value) for value in (*values, metrics.eccentricity)]
            texts[2] = str(_size(item))
            if decision is None:
                words = ["", "", ""]
            else:
                words = [str(int(decision.accepted)), decision.label or "", decision.reason]
            writer.writerow([str(item.id), *texts, *words])


def write_traces_csv(
    path: Path,
    components: ComponentSet,
    accepted_ids: Collection[int],
    times_s: NDArray[np.float64],
) -> None:
    """Write time in s, then one column an accepted component, named by its id.

    A column is dF/F where that is defined, else the raw trace.

    Parameters
    ----------
    times_s : (T,) float64
        When each frame was recorded.

    Raises
    ------
    ResourceError
        If the file cannot be written.
    """
    wanted = set(accepted_ids)
    items = [item for item in components.items if item.id in wanted]
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        file.write(",".join(["time_s", *(str(item.id) for item in items)]) + "\n")
        traces = [table_trace(item) for item in items]
        for start in range(0, components.n_frames, _ROWS_AT_ONCE):
            stop = min(start + _ROWS_AT_ONCE, components.n_frames)
            for time, *values in zip(
                times_s[start:stop].tolist(),
                *(trace[start:stop].tolist() for trace in traces),
                strict=True,
            ):
                file.write(f"{time:.6f}")
                file.writelines(f",{value:.6g}" for value in values)
                file.write("\n")


def table_trace(item: Component) -> NDArray[np.float32]:
    """Return dF/F of a component where that is defined, else its raw trace."""
    return item.dff if item.dff is not None and item.dff_kind == "dff" else item.raw


def _size(item: Component) -> int:
    if item.weights.size == 0:
        return 0
    return int(np.count_nonzero(item.weights > SIZE_THRESHOLD * item.weights.max()))


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.4g}"
