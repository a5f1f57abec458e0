"""What OME-Zarr and other attributes say about a movie in a Zarr store."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from caiman_gui.io.array_axes import letters_of, split_letters
from caiman_gui.io.conventions import (
    PIXEL_SIZE_NAMES,
    RATE_NAMES,
    is_pixel_size,
    is_rate,
    matching,
    micrometres_in,
    seconds_in,
)
from caiman_gui.io.reader import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeGuard

    from caiman_gui.io.zarr_store import Node

_AXES = ("axes", "dimension_order", "dim_order", "axis_order")


@dataclass(frozen=True, slots=True)
class Multiscale:
    """The finest level of an OME-Zarr image.

    Attributes
    ----------
    version : str
        Of OME-Zarr; empty if it does not say.
    path : str
        Of the array, inside the store.
    labels, units : tuple of str
        Name and unit of each axis; empty where not given.
    scale : tuple of float
        Step along each axis in its unit; empty if not given.
    channels : tuple of str
        Names of the channels; empty if not given.
    """

    version: str
    path: str
    labels: tuple[str, ...]
    units: tuple[str, ...]
    scale: tuple[float, ...]
    channels: tuple[str, ...]

    @property
    def frame_rate(self) -> Fact[float] | None:
        """Hz, from the step in time if it has a unit."""
        step = self._step("T", seconds_in)
        rate = 1 / step if step else None
        return Fact(rate, "OME-Zarr scale of the time axis") if is_rate(rate) else None

    @property
    def pixel_size(self) -> Fact[float] | None:
        """µm, from the step along columns if it has a unit."""
        size = self._step("X", micrometres_in)
        return Fact(size, "OME-Zarr scale of the x axis") if is_pixel_size(size) else None

    def _step(self, letter: str, size_of: Callable[[str], float | None]) -> float | None:
        for label, unit, step in zip(self.labels, self.units, self.scale, strict=False):
            if letters_of([label, "y", "x"]) == f"{letter}YX" or label.lower() == letter.lower():
                size = size_of(unit)
                return step * size if size else None
        return None


def multiscale_of(node: Node) -> Multiscale | None:
    """Read the OME-Zarr metadata of a group; None if it has none that makes sense."""
    ome = node.attributes.get("ome", node.attributes)
    images = ome.get("multiscales") if isinstance(ome, dict) else None
    image = images[0] if isinstance(images, list) and images else None
    if not isinstance(image, dict):
        return None
    levels = image.get("datasets")
    level = levels[0] if isinstance(levels, list) and levels else None
    path = level.get("path") if isinstance(level, dict) else None
    parts = path.split("/") if isinstance(path, str) else [".."]
    if ".." in parts or not isinstance(level, dict):
        return None
    named = image.get("axes")
    axes = named if isinstance(named, list) else []
    return Multiscale(
        version=str(image.get("version") or ome.get("version") or "")[:20],
        path="/".join(part for part in [*node.path.split("/"), *parts] if part not in ("", ".")),
        labels=tuple(_word(axis, "name") for axis in axes),
        units=tuple(_word(axis, "unit") for axis in axes),
        scale=_scale(level, image, len(axes)),
        channels=_channels(ome),
    )


def stated(
    nodes: Sequence[Node],
    names: tuple[str, ...],
    is_plausible: Callable[[object], TypeGuard[float]],
) -> Fact[float] | None:
    """First plausible number of one of the names in the attributes, the nearest node first."""
    for node in nodes:
        for name in matching(list(node.attributes), names):
            value = node.attributes[name]
            number = float(value) if isinstance(value, int | float) else None
            if is_plausible(number):
                return Fact(number, f"Zarr attribute {name} of /{node.path}")
    return None


def frame_rate(nodes: Sequence[Node]) -> Fact[float] | None:
    """Frame rate in Hz from the attributes of the array and the groups above it."""
    return stated(nodes, RATE_NAMES, is_rate)


def pixel_size(nodes: Sequence[Node]) -> Fact[float] | None:
    """Pixel size in µm, as the frame rate."""
    return stated(nodes, PIXEL_SIZE_NAMES, is_pixel_size)


def axis_letters(node: Node) -> str | None:
    """Letters for the axes as the array names them; "" if it does not, None if it is no movie."""
    candidates = [node.labels]
    for name in _AXES:
        value = node.attributes.get(name)
        if isinstance(value, str):
            candidates.append(split_letters(value))
        elif isinstance(value, list):
            candidates.append([item if isinstance(item, str) else "" for item in value])
    for labels in candidates:
        if len(labels) == len(node.shape) and any(labels):
            letters = letters_of(labels)
            if letters != "":
                return letters
    return ""


def _scale(level: dict[str, Any], image: dict[str, Any], n_axes: int) -> tuple[float, ...]:
    """Product of the scale of the level and that of the whole image."""
    factors = []
    for place in (level, image):
        steps = place.get("coordinateTransformations")
        for step in steps if isinstance(steps, list) else []:
            scale = step.get("scale") if isinstance(step, dict) else None
            if not isinstance(scale, list) or len(scale) != n_axes:
                continue
            if all(isinstance(value, int | float) for value in scale):
                factors.append([float(value) for value in scale])
    return tuple(prod(values) for values in zip(*factors, strict=True)) if factors else ()


def _channels(ome: dict[str, Any]) -> tuple[str, ...]:
    omero = ome.get("omero")
    listed = omero.get("channels") if isinstance(omero, dict) else None
    return tuple(_word(item, "label") for item in listed) if isinstance(listed, list) else ()


def _word(item: Any, key: str) -> str:
    """Return the text under a key, or the item itself where older versions have only a name."""
    value = item.get(key) if isinstance(item, dict) else item if key == "name" else ""
    return value if isinstance(value, str) else ""
