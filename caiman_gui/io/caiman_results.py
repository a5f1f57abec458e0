"""Result files in the layout of CaImAn 1.12, written; reading is in ``caiman_reader``.

CaImAn numbers pixels in Fortran order (row + column * rows) and keeps footprints as the columns
of a CSC matrix. Text becomes an attribute, and None the scalar text ``NoneType``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui import __version__
from caiman_gui.hdf5 import write_hdf5
from caiman_gui.io.caiman_params import caiman_params
from caiman_gui.io.caiman_reader import CaimanResults, read_caiman_results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import h5py
    from numpy.typing import NDArray

    from caiman_gui.core.results import ComponentSet, Label, MotionResult, SummaryImages
    from caiman_gui.params.run import RunParams

__all__ = ["CaimanResults", "read_caiman_results", "write_caiman_results"]

#: Part of CaImAn's layout that belongs to its working state; always None here.
_UNUSED = (
    "A_thr", "Ab", "Ab_dense", "AtA", "AtY_buf", "CC", "CY", "C_on", "Cf", "OASISinstances", "R",
    "W", "Yr_buf", "b0", "discarded_components", "ind_new", "mn", "noisyC", "psx", "rho_buf", "sv",
    "vr",
)  # fmt: skip


def write_caiman_results(
    path: Path,
    *,
    components: ComponentSet,
    accepted: Mapping[int, bool],
    labels: Mapping[int, Label],
    summary: SummaryImages | None,
    motion: MotionResult | None,
    params: RunParams,
    frame_rate_hz: float,
    movie_paths: Sequence[Path],
) -> None:
    """Write a result file that CaImAn and its followers open.

    Parameters
    ----------
    path : Path
        Replaced at once when complete.
    components : ComponentSet
        May be empty.
    accepted : mapping
        Component id -> accepted; empty if nothing was decided.
    labels : mapping
        Component id -> manual label.
    summary, motion : optional
        Give ``Cn`` and ``sn``, and ``shifts``.

    Raises
    ------
    ResourceError
        If the file cannot be written.
    """
    height, width = components.fov_shape
    estimates = _traces(components) | _footprints(components)
    estimates |= _decisions(components, accepted, labels)
    estimates |= {"dims": np.array([height, width]), "shifts": _shifts(motion)}
    if summary is not None and summary.correlation.shape == (height, width):
        estimates["Cn"] = summary.correlation
        estimates["sn"] = summary.noise.ravel(order="F")
    groups = caiman_params(
        params, dims=(height, width), frame_rate_hz=frame_rate_hz, movie_paths=movie_paths
    )
    needed = 20 * len(components) * components.n_frames
    with write_hdf5(path, needed_bytes=needed) as file:
        _write(file, "written_by", f"caiman-gui {__version__}")
        _write(file, "dims", np.array([height, width]))
        _write(file, "dview", None)
        _write(file, "skip_refinement", False)
        _write(file, "remove_very_bad_comps", False)
        _write(file, "component_ids", np.array(components.ids, np.int64))
        _write(file, "estimates", dict.fromkeys((*_UNUSED, "sn")) | estimates)
        _write(file, "params", groups)


def _traces(components: ComponentSet) -> dict[str, Any]:
    items, order = components.items, max([len(item.ar) for item in components.items] or [1])
    g = np.zeros((len(items), max(order, 1)))
    for row, item in zip(g, items, strict=True):
        row[: len(item.ar)] = item.ar
    has_dff = any(item.dff_kind == "dff" for item in items)
    noise = np.array([item.noise for item in items], np.float64)
    return {
        "C": components.matrix("trace"),
        "S": components.matrix("activity"),
        "YrA": components.matrix("residual"),
        "F_dff": components.matrix("dff") if has_dff else None,
        "g": g,
        "bl": np.array([item.baseline for item in items], np.float64),
        "c1": np.array([item.initial for item in items], np.float64),
        "neurons_sn": np.nan_to_num(noise),
        "lam": np.array([item.sparsity for item in items], np.float64),
        "nr": len(items),
    }


def _footprints(components: ComponentSet) -> dict[str, Any]:
    height, width = components.fov_shape
    data, indices, counts = [np.zeros(0, np.float32)], [np.zeros(0, np.int32)], [0]
    for item in components.items:
        rows, columns = np.divmod(item.pixels, width)
        pixels = (rows + columns * height).astype(np.int32)
        order = np.argsort(pixels)
        data.append(item.weights[order])
        indices.append(pixels[order])
        counts.append(pixels.size)
    images, has_background = components.background_images, len(components.background_images) > 0
    centers = [item.center(width) for item in components.items]
    return {
        "A": {
            "data": np.concatenate(data),
            "indices": np.concatenate(indices),
            "indptr": np.cumsum(counts).astype(np.int32),
            "shape": np.array([height * width, len(components)]),
        },
        "center": np.array(centers, np.float64).reshape(-1, 2),
        "b": to_fortran(images, (height, width)).T if has_background else None,
        "f": components.background_traces if has_background else None,
    }


def _decisions(
    components: ComponentSet, accepted: Mapping[int, bool], labels: Mapping[int, Label]
) -> dict[str, Any]:
    kept = np.array([accepted.get(i, False) for i in components.ids], bool)
    given = [labels.get(i) for i in components.ids]
    snr, rval = components.metric("snr"), components.metric("rval")
    cnn, eccentricity = components.metric("cnn"), components.metric("eccentricity")
    has_quality, has_cnn = np.isfinite(snr).any(), np.isfinite(cnn).any()
    out: dict[str, Any] = {
        "SNR_comp": np.nan_to_num(snr, nan=0.0) if has_quality else None,
        "r_values": np.nan_to_num(rval, nan=-1.0) if has_quality else None,
        "cnn_preds": np.nan_to_num(cnn, nan=0.0) if has_cnn else np.zeros(0),
        "ecc": eccentricity if np.isfinite(eccentricity).any() else None,
        "idx_components": np.flatnonzero(kept) if accepted else None,
        "idx_components_bad": np.flatnonzero(~kept) if accepted else None,
        "accepted_list": np.array([i for i, label in enumerate(given) if label == "accept"], int),
        "rejected_list": np.array([i for i, label in enumerate(given) if label == "reject"], int),
    }
    unsure = [i for i, label in enumerate(given) if label == "unsure"]
    return out | ({"uncertain_list": np.array(unsure)} if unsure else {})


def _shifts(motion: MotionResult | None) -> NDArray[np.float64]:
    """Rigid (T, 2), piecewise (2, T, P); CaImAn stores corrections to add, as we do."""
    if motion is None:
        return np.zeros(0)
    shifts = motion.shifts.astype(np.float64)
    return shifts[:, 0] if motion.is_rigid else shifts.transpose(2, 0, 1)


def to_fortran(images: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Renumber pixels (n, H*W) from C order to Fortran order."""
    return images.reshape(-1, *shape).transpose(0, 2, 1).reshape(len(images), -1)


def _write(group: h5py.Group, name: str, value: Any) -> None:
    """Write one value by the rules of the layout."""
    if isinstance(value, dict):
        inner = group.create_group(name)
        for key, item in value.items():
            _write(inner, key, item)
    elif isinstance(value, str):
        group.attrs[name] = value
    elif value is None:
        group[name] = "NoneType"
    elif isinstance(value, list) and value and isinstance(value[0], str):
        group[name] = np.array([text.encode() for text in value])
    else:
        group[name] = np.asarray(value)
