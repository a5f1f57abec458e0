"""The HDF5 files of a project, one for each kind of result, named by their content.

A part is a flat set of arrays. Its name carries a hash of them, so that an unchanged result is
never written twice, and damage is noticed when it is read.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import h5py
import numpy as np

from caiman_gui import __version__
from caiman_gui.core.findings import Findings, FrameTimes
from caiman_gui.core.results import Component, ComponentSet, Metrics, MotionResult, SummaryImages
from caiman_gui.hdf5 import open_hdf5, write_hdf5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

Flat = TypeVar("Flat", MotionResult, SummaryImages, Findings, FrameTimes)

#: Name of an array -> how to make it, so that only one large array is in memory at a time.
Arrays = dict[str, "Callable[[], NDArray[Any]]"]

_AXES = {
    "FrameTimes": "seconds (frame)",
    "Findings": "excluded (row, column): 1 dead, 2 hot, 4 saturated, 8 by a mask file",
    "MotionResult": "shifts (frame, patch, (dy, dx)) px added to a frame; images (row, column)",
    "SummaryImages": "images (row, column)",
    "ComponentSet": (
        "traces (component, frame); footprints CSR (component, pixel = row * width + column): "
        "weights, pixels, pixels_start; background_images (component, pixel)"
    ),
}
_MATRICES = ("trace", "residual", "activity", "background")
_SCALARS = ("noise", "baseline", "initial", "sparsity")
_METRICS = tuple(field.name for field in fields(Metrics))
_HINT = "Open an older copy of the project, or run the step again in a new project."


def part_arrays(
    result: MotionResult | SummaryImages | ComponentSet | Findings | FrameTimes,
) -> Arrays:
    """Return the arrays that hold a result."""
    if isinstance(result, ComponentSet):
        return _component_arrays(result)
    return {field.name: _constant(getattr(result, field.name)) for field in fields(type(result))}


def write_part(folder: Path, prefix: str, result: Any) -> tuple[str, bool]:
    """Write a result into ``folder`` unless the very same is there already.

    Returns
    -------
    name : str
        Name of the file.
    is_new : bool
        Whether it was written now.
    """
    arrays = part_arrays(result)
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        _add_to_digest(digest, name, arrays[name]())
    file_name = f"{prefix}-{digest.hexdigest()}.h5"
    if (folder / file_name).is_file():
        return file_name, False
    with write_hdf5(folder / file_name) as file:
        file.attrs["format"] = f"caiman-gui {type(result).__name__}"
        file.attrs["written_by"] = f"caiman-gui {__version__}"
        file.attrs["axes"] = _AXES[type(result).__name__]
        for name, make in arrays.items():
            file[name] = make()
    return file_name, True


def read_motion_part(path: Path) -> MotionResult:
    """Read a motion result; InputError if the file is missing or damaged."""
    return _read_flat(path, MotionResult)


def read_summary_part(path: Path) -> SummaryImages:
    """Read summary images; InputError if the file is missing or damaged."""
    return _read_flat(path, SummaryImages)


def read_times_part(path: Path) -> FrameTimes:
    """Read the times of frames; InputError if the file is missing or damaged."""
    return _read_flat(path, FrameTimes)


def read_findings_part(path: Path) -> Findings:
    """Read scan phase and bad pixels; InputError if the file is missing or damaged."""
    return _read_flat(path, Findings)


def read_components_part(path: Path) -> ComponentSet:
    """Read components; InputError if the file is missing or damaged."""
    with open_hdf5(path, "data file of the project", _HINT) as file:
        return _build_components(_read_checked(file, path))


def _read_flat(path: Path, kind: type[Flat]) -> Flat:
    """Read a result whose attributes are arrays."""
    with open_hdf5(path, "data file of the project", _HINT) as file:
        arrays = _read_checked(file, path)
        return kind(**{field.name: arrays[field.name] for field in fields(kind)})  # type: ignore[arg-type]


def _read_checked(file: h5py.File, path: Path) -> dict[str, NDArray[Any]]:
    """Read every array, and compare them with the hash in the name of the file."""
    digest = hashlib.blake2b(digest_size=16)
    arrays = {}
    for name in sorted(file):
        item = file[name]
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiubS":
            raise ValueError(f"{name} is not an array of numbers")
        arrays[name] = np.asarray(item[()])
        _add_to_digest(digest, name, arrays[name])
    if not path.stem.endswith(f"-{digest.hexdigest()}"):
        raise ValueError("its content does not fit to the checksum in its name")
    return arrays


def _add_to_digest(digest: Any, name: str, array: NDArray[Any]) -> None:
    array = np.ascontiguousarray(array).reshape(array.shape)
    digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
    digest.update(array.reshape(-1).view(np.uint8).data)


def _component_arrays(components: ComponentSet) -> Arrays:
    items = components.items
    arrays: Arrays = {name: _constant(value) for name, value in _small_arrays(components).items()}
    for name in _MATRICES:
        arrays[name] = _matrix(components, name)
    for name in ("dff", "f0"):
        having = [item for item in items if getattr(item, name) is not None]
        arrays[f"has_{name}"] = _constant([getattr(item, name) is not None for item in items], bool)
        arrays[name] = _matrix(components.with_items(having), name)
    return arrays


def _small_arrays(components: ComponentSet) -> Mapping[str, NDArray[Any]]:
    items = components.items
    out: dict[str, NDArray[Any]] = {
        "ids": np.array(components.ids, np.int64),
        "next_id": np.array(components.next_id, np.int64),
        "fov_shape": np.array(components.fov_shape, np.int64),
        "n_frames": np.array(components.n_frames, np.int64),
        "background_images": components.background_images,
        "background_traces": components.background_traces,
        "dff_kind": np.array([item.dff_kind.encode() for item in items], "S16"),
        "origin": np.array([item.origin.encode() for item in items], "S32"),
    }
    for name in _SCALARS:
        out[name] = np.array([getattr(item, name) for item in items], np.float64)
    for name in _METRICS:
        out[name] = components.metric(name)
    _add_ragged(out, "pixels", [item.pixels for item in items], np.int32)
    out["weights"] = _joined([item.weights for item in items], np.float32)
    _add_ragged(out, "ar", [item.ar for item in items], np.float64)
    _add_ragged(out, "parents", [item.parents for item in items], np.int64)
    return out


def _add_ragged(
    out: dict[str, NDArray[Any]], name: str, rows: list[Any], dtype: type[np.generic]
) -> None:
    out[name] = _joined(rows, dtype)
    out[f"{name}_start"] = np.cumsum([0, *(len(row) for row in rows)], dtype=np.int64)


def _joined(rows: Iterable[Any], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *(np.asarray(row, dtype) for row in rows)])


def _build_components(arrays: dict[str, NDArray[Any]]) -> ComponentSet:
    n_frames, height, width = (int(n) for n in (arrays["n_frames"], *arrays["fov_shape"]))
    ids = arrays["ids"].astype(np.int64)
    shape = (len(ids), n_frames)
    for name in _MATRICES:
        _require_shape(arrays, name, shape)
    pixels, parents = _ragged(arrays, "pixels", len(ids)), _ragged(arrays, "parents", len(ids))
    _require_shape(arrays, "weights", arrays["pixels"].shape)
    arrays["weights_start"] = arrays["pixels_start"]
    weights, ar = _ragged(arrays, "weights", len(ids)), _ragged(arrays, "ar", len(ids))
    inside = arrays["pixels"]
    if inside.size and not 0 <= inside.min() <= inside.max() < height * width:
        raise ValueError("footprints lie outside the field of view")
    columns: dict[str, Any] = {
        "id": ids.tolist(),
        "pixels": pixels,
        "weights": weights,
        "ar": [tuple(row.tolist()) for row in ar],
        "parents": [tuple(row.tolist()) for row in parents],
        "dff_kind": [text.decode() for text in arrays["dff_kind"]],
        "origin": [text.decode() for text in arrays["origin"]],
        "metrics": _build_metrics(arrays, len(ids)),
    }
    columns |= {name: arrays[name] for name in _MATRICES}
    columns |= {name: arrays[name].astype(float).tolist() for name in _SCALARS}
    columns |= {name: _optional_rows(arrays, name, shape) for name in ("dff", "f0")}
    rows = zip(*columns.values(), strict=True)
    items = tuple(Component(**dict(zip(columns, row, strict=True))) for row in rows)
    n_background = len(arrays["background_images"])
    _require_shape(arrays, "background_images", (n_background, height * width))
    _require_shape(arrays, "background_traces", (n_background, n_frames))
    return ComponentSet(
        items=items,
        fov_shape=(height, width),
        n_frames=n_frames,
        background_images=arrays["background_images"],
        background_traces=arrays["background_traces"],
        next_id=int(arrays["next_id"]),
    )


def _build_metrics(arrays: dict[str, NDArray[Any]], count: int) -> list[Metrics]:
    values = np.array([arrays[name] for name in _METRICS], np.float64).reshape(len(_METRICS), count)
    return [Metrics(*row) for row in values.T.tolist()]


def _optional_rows(
    arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, int]
) -> list[NDArray[Any] | None]:
    has = arrays[f"has_{name}"].astype(bool)
    _require_shape(arrays, f"has_{name}", shape[:1])
    _require_shape(arrays, name, (int(has.sum()), shape[1]))
    rows = iter(arrays[name])
    return [next(rows) if there else None for there in has]


def _ragged(arrays: dict[str, NDArray[Any]], name: str, count: int) -> list[NDArray[Any]]:
    starts, values = arrays[f"{name}_start"], arrays[name]
    good = starts.shape == (count + 1,) and starts[0] == 0 and starts[-1] == len(values)
    if not good or (np.diff(starts) < 0).any():
        raise ValueError(f"{name}_start is no list of places")
    return np.split(values, starts[1:-1]) if count else []


def _require_shape(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> None:
    if arrays[name].shape != shape:
        raise ValueError(f"{name} has the shape {arrays[name].shape} instead of {shape}")


def _constant(value: Any, dtype: Any = None) -> Callable[[], NDArray[Any]]:
    array = np.asarray(value, dtype)
    return lambda: array


def _matrix(components: ComponentSet, name: str) -> Callable[[], NDArray[Any]]:
    return lambda: components.matrix(name)
