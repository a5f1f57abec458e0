"""Colour maps of images. None of them is a rainbow: equal steps of value look equal."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QImage, QPixmap

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Name -> what the user reads.
COLOR_MAPS = {
    "grey": "Grey",
    "inverted": "Inverted grey",
    "green": "Green",
    "viridis": "Viridis",
    "magma": "Magma",
}


@lru_cache(maxsize=64)
def lookup_table(name: str, gamma: float = 1.0) -> NDArray[np.uint8] | None:
    """Return the (256, 3) table of a colour map; None for plain grey.

    Parameters
    ----------
    name : str
        One of COLOR_MAPS.
    gamma : float
        Exponent applied to the share of the range between black and white; below 1 it lifts
        what is dark.
    """
    if name == "grey" and gamma == 1.0:
        return None
    share = np.linspace(0, 1, 256) ** gamma
    if name in ("viridis", "magma"):
        table: NDArray[np.uint8] = pg.colormap.get(name).getLookupTable(nPts=1024, alpha=False)
        table = table[np.rint(1023 * share).astype(int)]
    else:
        table = np.repeat(np.rint(255 * share).astype(np.uint8)[:, None], 3, axis=1)
        if name == "inverted":
            table = 255 - table
        elif name == "green":
            table[:, [0, 2]] = 0
    table.flags.writeable = False
    return table


def swatch(name: str, width_px: int, height_px: int) -> QPixmap:
    """Return a strip of a colour map, from its darkest value at the left."""
    table = lookup_table(name)
    if table is None:
        table = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    row = np.ascontiguousarray(table[None])
    image = QImage(row.data, 256, 1, 768, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy()).scaled(width_px, height_px)
