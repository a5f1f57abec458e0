"""What attributes and small datasets beside a movie in HDF5 say about it, by convention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from caiman_gui.io.array_axes import letters_of, split_letters
from caiman_gui.io.conventions import (
    PIXEL_SIZE_NAMES,
    RATE_NAMES,
    is_pixel_size,
    is_rate,
    matching,
)
from caiman_gui.io.h5.file import Group
from caiman_gui.io.hdf5_walk import attribute, value
from caiman_gui.io.reader import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from caiman_gui.io.h5.file import File

_AXES = ("axes", "dimension_order", "dim_order", "axis_order", "_ARRAY_DIMENSIONS", "axistags")
_MAX_NAMES = 200


def axis_letters(file: File, path: str, n_axes: int, paths: Mapping[int, str]) -> str | None:
    """Letters for the axes of a dataset as it names them.

    Parameters
    ----------
    file : File
    path : str
        Of the dataset.
    n_axes : int
    paths : mapping of int to str
        Path of each object by its address.

    Returns
    -------
    str or None
        Empty if it names none, None if their names mean something else than a movie.
    """
    for labels in _label_lists(file, path, paths):
        if len(labels) == n_axes and any(labels):
            letters = letters_of(labels)
            if letters != "":
                return letters
    return ""


def _label_lists(file: File, path: str, paths: Mapping[int, str]) -> Iterator[list[str]]:
    for name in ("DIMENSION_LABELS", *_AXES):
        stated = attribute(file, path, name)
        labels = split_letters(stated) if isinstance(stated, str) else stated
        if isinstance(labels, list) and all(isinstance(label, str) for label in labels):
            yield labels
    scales = attribute(file, path, "DIMENSION_LIST")  # as netCDF has them
    if isinstance(scales, list):
        yield [_last_name(paths, item) for item in scales]


def _last_name(paths: Mapping[int, str], scales: Any) -> str:
    """Name of the first scale of an axis; empty if it has none."""
    first = scales[0] if isinstance(scales, list) and scales else None
    return paths.get(first, "").rpartition("/")[2] if isinstance(first, int) else ""


def frame_rate(file: File, path: str, *, is_matlab: bool = False) -> Fact[float] | None:
    """Frame rate in Hz from the dataset, the groups above it, or a dataset beside it.

    Parameters
    ----------
    file : File
    path : str
        Of the dataset.
    is_matlab : bool
        Whether the source is called as MATLAB calls it.
    """
    return _stated(file, path, RATE_NAMES, is_rate, is_matlab)


def pixel_size(file: File, path: str, *, is_matlab: bool = False) -> Fact[float] | None:
    """Pixel size in µm, stated as the frame rate is."""
    sizes = attribute(file, path, "element_size_um")
    if isinstance(sizes, np.ndarray) and sizes.ndim == 1 and len(sizes) in (2, 3):
        side = float(sizes[-1])  # slowest axis first: z, y, x
        if is_pixel_size(side):
            return Fact(side, f"HDF5 attribute element_size_um of {path}")
    return _stated(file, path, PIXEL_SIZE_NAMES, is_pixel_size, is_matlab)


def channel_names(file: File, path: str, n_channels: int) -> tuple[str, ...]:
    """Names of the channels, empty ones where the dataset has none."""
    names = attribute(file, path, "channel_names")
    if isinstance(names, list) and len(names) == n_channels:
        return tuple(str(name) for name in names)
    return ("",) * n_channels


def _stated(
    file: File,
    path: str,
    names: tuple[str, ...],
    is_plausible: Callable[[object], TypeGuard[float]],
    is_matlab: bool,
) -> Fact[float] | None:
    """First plausible number of one of the names, the nearest to the dataset first."""
    parts = path.strip("/").split("/")
    for depth in range(len(parts), -1, -1):
        place = "/" + "/".join(parts[:depth])
        item = file.get(place)
        if item is None:
            continue
        attributes = file.attributes(item)
        for name in matching(list(attributes), names):
            number = _number(attributes[name])
            if is_plausible(number):
                where = f" of {place}" if depth else ""
                return Fact(number, f"HDF5 attribute {name}{where}")
        if isinstance(item, Group):
            for name in matching(file.names(item, _MAX_NAMES), names):
                inner = f"{place.rstrip('/')}/{name}"
                number = _number(value(file, inner))
                if is_plausible(number):
                    variable = f"MATLAB variable {inner[1:].replace('/', '.')}"
                    return Fact(number, variable if is_matlab else f"HDF5 dataset {inner}")
    return None


def _number(found: Any) -> float | None:
    """Return the number, also out of an array of one, as MATLAB has them."""
    if isinstance(found, np.ndarray) and found.size == 1:
        return float(found.ravel()[0])
    return found if isinstance(found, float) else None
