"""Reading result files of CaImAn (any that ``CNMF.save`` wrote, online ones too)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from scipy import sparse

from caiman_gui.core.results import Component, ComponentSet, Metrics
from caiman_gui.hdf5 import open_hdf5, read_array, require_array

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.core.results import Label

_LISTS: tuple[tuple[str, Label], ...] = (
    ("accepted_list", "accept"),
    ("rejected_list", "reject"),
    ("uncertain_list", "unsure"),
)


@dataclass(frozen=True, eq=False)
class CaimanResults:
    """What a result file holds.

    Attributes
    ----------
    components : ComponentSet
    accepted : mapping or None
        Component id -> accepted by thresholds; None if the file holds no decision.
    labels : mapping
        Component id -> manual label.
    correlation : (H, W) float32 or None
        The image ``Cn``, if it was attached.
    shifts : (T, 2) float32 or None
        Rigid shifts added to the frames, if any.
    frame_rate_hz : float or None
    notes : tuple of str
        What was left out, in plain words.
    """

    components: ComponentSet
    accepted: Mapping[int, bool] | None
    labels: Mapping[int, Label]
    correlation: NDArray[np.float32] | None
    shifts: NDArray[np.float32] | None
    frame_rate_hz: float | None
    notes: tuple[str, ...] = ()


def read_caiman_results(path: Path) -> CaimanResults:
    """Read components, decisions and images of a CaImAn result file.

    Raises
    ------
    InputError
        If it is missing, damaged, or holds no two-dimensional result.
    """
    hint = "Choose a file that CaImAn saved (cnm.save), or save it there again."
    with open_hdf5(path, "result file", hint) as file:
        if not isinstance(file.get("estimates"), h5py.Group):
            raise ValueError("it holds no group 'estimates'")
        return _read(file, file["estimates"])


def _read(file: h5py.File, group: h5py.Group) -> CaimanResults:
    components = _read_components(file, group)
    ids, shape = components.ids, components.fov_shape
    kept, notes = read_array(group, "idx_components"), []
    accepted = None
    if kept is not None:
        inside = {int(i) for i in kept.ravel() if 0 <= i < len(ids)}
        accepted = MappingProxyType({i: n in inside for n, i in enumerate(ids)})
    labels: dict[int, Label] = {}
    for name, label in _LISTS:
        marked = read_array(group, name)
        for number in marked.ravel() if marked is not None else ():
            if 0 <= number < len(ids):
                labels[ids[int(number)]] = label
    discarded = group.get("discarded_components")
    if isinstance(discarded, h5py.Group) and isinstance(discarded.get("A"), h5py.Group):
        count = require_array(discarded["A"], "shape", (2,))[1]
        if count:
            notes.append(f"{int(count)} components discarded in CaImAn were left out.")
    if isinstance(group.get("W"), h5py.Group):
        notes.append("The ring background of a one-photon result was left out.")
    image, shifts = read_array(group, "Cn"), read_array(group, "shifts")
    rate = read_array(file["params/data"], "fr") if "params/data" in file else None
    return CaimanResults(
        components=components,
        accepted=accepted,
        labels=MappingProxyType(labels),
        correlation=_float(image) if image is not None and image.shape == shape else None,
        shifts=_float(shifts) if shifts is not None and shifts.ndim == 2 else None,
        frame_rate_hz=float(rate) if rate is not None and rate.ndim == 0 and rate > 0 else None,
        notes=tuple(notes),
    )


def _read_components(file: h5py.File, group: h5py.Group) -> ComponentSet:
    dims = read_array(file, "dims")
    dims = read_array(group, "dims") if dims is None else dims
    if dims is None or dims.shape != (2,) or min(dims) < 1:
        raise ValueError("it holds no two-dimensional field of view (dims)")
    height, width = int(dims[0]), int(dims[1])
    footprints = _read_footprints(group["A"], height * width)
    n_components = footprints.shape[1]
    trace = _float(require_array(group, "C", (None, None))[:n_components])
    if len(trace) != n_components:
        raise ValueError(f"{n_components} footprints, but {len(trace)} traces (C)")
    shape = trace.shape
    images, times = _read_background(group, height, width, shape[1])
    numbers = read_array(file, "component_ids")
    ids = range(n_components)
    if (
        numbers is not None
        and len(set(numbers.tolist())) == n_components
        and min(numbers, default=0) >= 0
    ):
        ids = numbers.tolist()
    read = _Rows(group, shape)
    items = tuple(
        _component(int(i), n, footprints, trace[n], read, (height, width), images, times)
        for n, i in enumerate(ids)
    )
    return ComponentSet(
        items=items,
        fov_shape=(height, width),
        n_frames=shape[1],
        background_images=images,
        background_traces=times,
        next_id=max((item.id for item in items), default=-1) + 1,
    )


class _Rows:
    """Rows and values of one component each, where a dataset has the right size."""

    def __init__(self, group: h5py.Group, shape: tuple[int, int]) -> None:
        n_components, n_frames = shape
        self._n_frames = n_frames
        self._matrices: dict[str, NDArray[Any]] = {}
        for name in ("S", "YrA", "F_dff"):
            value = read_array(group, name)
            if value is not None and value.shape == shape:
                self._matrices[name] = _float(value)
        self._vectors: dict[str, NDArray[Any]] = {}
        for name in (
            "bl", "c1", "neurons_sn", "lam", "SNR_comp", "r_values", "cnn_preds", "ecc", "g",
        ):  # fmt: skip
            value = read_array(group, name)
            if value is not None and value.shape[:1] == (n_components,):
                self._vectors[name] = value.astype(np.float64)

    def row(self, name: str, number: int) -> NDArray[np.float32]:
        if name not in self._matrices:
            return np.zeros(self._n_frames, np.float32)
        row: NDArray[np.float32] = self._matrices[name][number]
        return row

    def has(self, name: str) -> bool:
        return name in self._matrices

    def value(self, name: str, number: int, missing: float) -> float:
        values = self._vectors.get(name)
        return float(values[number]) if values is not None and values.ndim == 1 else missing

    def ar(self, number: int) -> tuple[float, ...]:
        values = self._vectors.get("g")
        if values is None or values.ndim != 2:
            return ()
        return tuple(float(g) for g in values[number] if g)


def _component(
    component_id: int,
    number: int,
    footprints: sparse.csc_matrix,
    trace: NDArray[np.float32],
    read: _Rows,
    shape: tuple[int, int],
    images: NDArray[np.float32],
    times: NDArray[np.float32],
) -> Component:
    """Build one component; its footprint gets unit norm, its traces the scale it had."""
    first, last = footprints.indptr[number : number + 2]
    columns, rows = np.divmod(footprints.indices[first:last], shape[0])
    pixels = rows * shape[1] + columns
    weights = np.clip(footprints.data[first:last], 0, None)
    order = np.argsort(pixels)
    pixels, weights = pixels[order], weights[order]
    norm = float(np.linalg.norm(weights))
    scale = norm if norm > 0 else 1.0
    weights = _float(weights / scale)
    nan = float("nan")
    return Component(
        id=component_id,
        pixels=pixels.astype(np.int32),
        weights=weights,
        trace=trace * np.float32(scale),
        residual=read.row("YrA", number) * np.float32(scale),
        activity=read.row("S", number) * np.float32(scale),
        background=_float((images[:, pixels] @ weights) @ times),
        dff=read.row("F_dff", number) if read.has("F_dff") else None,
        dff_kind="dff" if read.has("F_dff") else "",
        ar=read.ar(number),
        noise=read.value("neurons_sn", number, nan) * scale,
        baseline=read.value("bl", number, 0.0) * scale,
        initial=read.value("c1", number, 0.0) * scale,
        sparsity=read.value("lam", number, 0.0) * scale,
        metrics=Metrics(
            snr=read.value("SNR_comp", number, nan),
            rval=read.value("r_values", number, nan),
            cnn=read.value("cnn_preds", number, nan),
            eccentricity=read.value("ecc", number, nan),
        ),
        origin="imported",
    )


def _read_footprints(group: h5py.Group, n_pixels: int) -> sparse.csc_matrix:
    shape = require_array(group, "shape", (2,))
    if int(shape[0]) != n_pixels:
        raise ValueError(f"A has {int(shape[0])} rows for {n_pixels} pixels")
    parts = [require_array(group, name, (None,)) for name in ("data", "indices", "indptr")]
    if len(parts[2]) != int(shape[1]) + 1:
        raise ValueError("A/indptr does not fit to A/shape")
    matrix = sparse.csc_matrix((parts[0], parts[1], parts[2]), shape=(n_pixels, int(shape[1])))
    matrix.check_format(full_check=True)
    matrix.sum_duplicates()
    return matrix


def _read_background(
    group: h5py.Group, height: int, width: int, n_frames: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Low-rank background (nb, H*W) in C order and (nb, T); empty if it is of another kind."""
    b, f = read_array(group, "b"), read_array(group, "f")
    fits = (
        b is not None
        and f is not None
        and b.ndim == f.ndim == 2
        and b.shape == (height * width, len(f))
        and f.shape[1] == n_frames
    )
    if b is None or f is None or not fits:
        return np.zeros((0, height * width), np.float32), np.zeros((0, n_frames), np.float32)
    images = b.T.reshape(-1, width, height).transpose(0, 2, 1).reshape(len(f), -1)
    return _float(images), _float(f)


def _float(array: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):  # damaged numbers become infinite
        return np.ascontiguousarray(array, dtype=np.float32)
