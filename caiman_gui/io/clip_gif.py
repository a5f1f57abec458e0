"""The 256 colours of an animation, chosen from the colour maps in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.io.color_tables import color_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Greys for words and their rims, besides the colours of the maps.
_N_GREYS = 16
#: Colours are looked up in steps of 4 of 256 brightnesses.
_BITS = 6


class Palette:
    """At most 256 colours that stand for all others.

    Movies in grey only are kept exactly; others within a few of 256 steps.

    Parameters
    ----------
    color_maps : sequence of str

    Attributes
    ----------
    colors : (256, 3) uint8
    """

    def __init__(self, color_maps: Sequence[str]) -> None:
        names = tuple(dict.fromkeys(color_maps))
        self._is_grey = all(name in ("grey", "inverted") for name in names)
        self.colors = _colors(names)
        self._nearest = None if self._is_grey else _nearest(self.colors)

    @property
    def argb(self) -> NDArray[np.uint8]:
        """The colours (256, 4) as alpha, red, green, blue."""
        return np.insert(self.colors, 0, 255, axis=1)

    def indices(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the nearest colour (h, w) of every pixel of a picture (h, w, 3)."""
        if self._nearest is None:
            return np.ascontiguousarray(picture[..., 0])
        cell = (picture >> (8 - _BITS)).astype(np.int32)
        return np.take(
            self._nearest, (cell[..., 0] << 2 * _BITS) | (cell[..., 1] << _BITS) | cell[..., 2]
        )


def _colors(names: Sequence[str]) -> NDArray[np.uint8]:
    ramp = np.arange(256, dtype=np.uint8)
    if all(name in ("grey", "inverted") for name in names):
        return np.stack([ramp, ramp, ramp], 1)
    each = (256 - _N_GREYS) // len(names)
    parts = [color_table(name)[np.linspace(0, 255, each).round().astype(int)] for name in names]
    level = np.linspace(0, 255, 256 - each * len(names)).round().astype(np.uint8)
    return np.concatenate([*parts, np.stack([level, level, level], 1)])


def _nearest(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Nearest colour of each of the cells into which red, green and blue are divided."""
    n_cells = 2**_BITS
    middle = ((np.arange(n_cells) + 0.5) * 2 ** (8 - _BITS)).astype(np.float32)
    points = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), -1)
    target = colors.astype(np.float32)
    lengths = (target**2).sum(1)
    found = [np.argmin(lengths - 2 * (plane.reshape(-1, 3) @ target.T), axis=1) for plane in points]
    return np.concatenate(found).astype(np.uint8)
