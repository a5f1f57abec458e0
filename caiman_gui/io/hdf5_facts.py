"""What attributes and small datasets beside a movie in HDF5 say about it, by convention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import h5py
import numpy as np

from caiman_gui.io.array_axes import letters_of, split_letters
from caiman_gui.io.conventions import (
    PIXEL_SIZE_NAMES,
    RATE_NAMES,
    is_pixel_size,
    is_rate,
    matching,
)
from caiman_gui.io.hdf5_walk import attribute, resolve, value
from caiman_gui.io.reader import Fact
from caiman_gui.io.refusals import DAMAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AXES = ("axes", "dimension_order", "dim_order", "axis_order", "_ARRAY_DIMENSIONS", "axistags")
_MAX_NAMES = 200


def axis_letters(dataset: Any) -> tuple[str | None, str]:
    """Letters for the axes of a dataset as it names them, and where it does.

    The letters are "" if it names none, None if their names mean something else than a movie.
    """
    for labels, source in _label_lists(dataset):
        if len(labels) == dataset.ndim and any(labels):
            letters = letters_of(labels)
            if letters != "":
                return letters, source
    return "", ""


def _label_lists(dataset: Any) -> Iterator[tuple[list[str], str]]:
    labels = attribute(dataset, "DIMENSION_LABELS")
    if isinstance(labels, list):
        yield labels, "DIMENSION_LABELS"
    for name in _AXES:
        stated = attribute(dataset, name)
        if isinstance(stated, str):
            stated = split_letters(stated)
        if isinstance(stated, list):
            yield stated, f"attribute {name}"
    try:
        scales = [_scale_name(axis) for axis in dataset.dims]
    except DAMAGE:
        return
    yield scales, "dimension scales"


def _scale_name(axis: Any) -> str:
    """Name of the scale attached to an axis, as netCDF has them; empty if there is none."""
    return str(axis[0].name).rpartition("/")[2] if len(axis) else ""


def frame_rate(file: h5py.File, path: str, word: str = "HDF5 dataset") -> Fact[float] | None:
    """Frame rate in Hz from the dataset, the groups above it, or a dataset beside it.

    Parameters
    ----------
    file : h5py.File
    path : str
        Of the dataset.
    word : str
        For a dataset as the source, such as "MATLAB variable".
    """
    return _stated(file, path, RATE_NAMES, word, is_rate)


def pixel_size(file: h5py.File, path: str, word: str = "HDF5 dataset") -> Fact[float] | None:
    """Pixel size in µm, stated as the frame rate is."""
    sizes = attribute(resolve(file, path), "element_size_um")
    if isinstance(sizes, np.ndarray) and sizes.ndim == 1 and len(sizes) in (2, 3):
        side = float(sizes[-1])  # slowest axis first: z, y, x
        if is_pixel_size(side):
            return Fact(side, f"HDF5 attribute element_size_um of {path}")
    return _stated(file, path, PIXEL_SIZE_NAMES, word, is_pixel_size)


def channel_names(dataset: Any, n_channels: int) -> tuple[str, ...]:
    """Names of the channels, empty ones where the dataset has none."""
    names = attribute(dataset, "channel_names")
    if isinstance(names, list) and len(names) == n_channels:
        return tuple(names)
    return ("",) * n_channels


def _stated(
    file: h5py.File,
    path: str,
    names: tuple[str, ...],
    word: str,
    is_plausible: Callable[[object], TypeGuard[float]],
) -> Fact[float] | None:
    """First plausible number of one of the names, the nearest to the dataset first."""
    parts = path.strip("/").split("/")
    for depth in range(len(parts), -1, -1):
        place = "/" + "/".join(parts[:depth])
        item = resolve(file, place) if depth else file
        if item is None:
            continue
        for name in matching(_attribute_names(item), names):
            number = _number(attribute(item, name))
            if is_plausible(number):
                where = f" of {place}" if depth else ""
                return Fact(number, f"HDF5 attribute {name}{where}")
        if isinstance(item, h5py.Group):
            for name in matching(_first_names(item), names):
                inner = f"{place.rstrip('/')}/{name}"
                number = _number(value(resolve(file, inner)))
                if is_plausible(number):
                    return Fact(number, f"{word} {inner}")
    return None


def _attribute_names(item: Any) -> list[str]:
    try:
        return [name for name in list(item.attrs)[:_MAX_NAMES] if isinstance(name, str)]
    except DAMAGE:
        return []


def _first_names(group: h5py.Group) -> list[str]:
    names: list[str] = []

    def keep(name: bytes) -> bool | None:
        names.append(name.decode("utf-8", "replace"))
        return True if len(names) >= _MAX_NAMES else None

    try:
        group.id.links.iterate(keep)
    except DAMAGE:
        return names
    return names


def _number(found: Any) -> float | None:
    """Return the number, also out of an array of one, as MATLAB has them."""
    if isinstance(found, np.ndarray) and found.size == 1:
        return float(found.ravel()[0])
    return found if isinstance(found, float) else None
