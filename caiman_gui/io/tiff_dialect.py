"""What the programs that write TIFF say in it: the common form, ImageJ's and tifffile's."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from caiman_gui.io.tiff_ifd import Directory
    from caiman_gui.io.tiff_kind import PageKind

#: Seconds in a unit of time, µm in a unit of length, as the formats spell them.
SECONDS: Final = {
    "": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3,
    "µs": 1e-6, "us": 1e-6, "min": 60.0, "h": 3600.0,
}  # fmt: skip
MICROMETRES: Final = {
    "µm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "micrometre": 1.0,
    "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6,
}  # fmt: skip
_X_RESOLUTION, _RESOLUTION_UNIT, _DATE_TIME = 282, 296, 306
_CENTIMETRE = 3
_MAX_AXES = 16
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*"([^"]*)"')

Candidates = tuple[tuple[float | None, str], ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """What is known of a file before its description is read.

    Attributes
    ----------
    name : str
        Of the file, for notes.
    first : Directory
        Tags of the first page.
    kind : PageKind
    numbers : (n_pages,) int64
        Places of the pages of this kind among all pages.
    """

    name: str
    first: Directory
    kind: PageKind
    numbers: NDArray[np.int64]

    @property
    def n_pages(self) -> int:
        """Pages that have a directory."""
        return len(self.numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """What the description of a file says; nothing where it is silent.

    Attributes
    ----------
    format : str
        Such as "ImageJ"; empty for a plain TIFF.
    axes : str
        Of the pages, the slowest first: T, Z, C; other letters have no known meaning.
    sizes : tuple of int
        Of the axes.
    table : (T, Z, C) int64 or None
        Which page holds which image, -1 where none does; instead of axes and sizes.
    declared : int
        Images that it speaks of; 0 if it does not.
    is_contiguous : bool
        Whether images may follow the first one without directories of their own.
    channels : tuple of str
    rates, pixel_sizes : tuple of (float or None, str)
        Hz and µm, and where they are said; the first plausible one counts.
    is_rate_wish : bool
        Whether the rate is what was asked for, which the times of the frames tell better.
    recorded : tuple of (str, str)
        ISO 8601, and where it is said.
    stamp : function of a directory, or None
        Seconds at which a page was recorded, None if it does not say.
    stamps : (n_pages,) float64 or None
        The same for all pages, where the file has them together.
    stamp_source : str
    notes : tuple of str
    """

    format: str = ""
    axes: str = ""
    sizes: tuple[int, ...] = ()
    table: NDArray[np.int64] | None = None
    declared: int = 0
    is_contiguous: bool = False
    channels: tuple[str, ...] = ()
    rates: Candidates = ()
    is_rate_wish: bool = False
    pixel_sizes: Candidates = ()
    recorded: tuple[tuple[str, str], ...] = ()
    stamp: Callable[[Directory], float | None] | None = None
    stamps: NDArray[np.float64] | None = None
    stamp_source: str = ""
    notes: tuple[str, ...] = ()


def read_imagej(text: str, opened: Opened) -> Dialect:
    """Read the description that ImageJ writes; ``order`` names the fastest axis first."""
    meta = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        meta[key.strip()] = value.strip()
    counts = {
        letter: max(1, whole(meta.get(name)))
        for letter, name in (("T", "frames"), ("Z", "slices"), ("C", "channels"))
    }
    if counts["C"] == opened.kind.samples:  # the channels are samples of a pixel
        counts["C"] = 1
    order = meta.get("order", "czt").upper()
    axes = order[::-1] if sorted(order) == ["C", "T", "Z"] else "TZC"
    images = whole(meta.get("images"))
    declared = max(images, prod(counts.values()))
    is_named = prod(counts.values()) > 1
    seconds = SECONDS.get(meta.get("tunit", "").lower())
    unit = meta.get("unit", "").lower().replace("\\u00b5", "µ").replace("μ", "µ")
    micrometres = MICROMETRES.get(unit)
    per_unit = _ratio(opened.first, _X_RESOLUTION)
    return Dialect(
        format="ImageJ",
        axes=axes if is_named else "",
        sizes=tuple(counts[letter] for letter in axes) if is_named else (),
        declared=declared,
        is_contiguous=True,
        rates=(
            (inverse(number(meta.get("finterval")), seconds), "ImageJ finterval"),
            (number(meta.get("fps")), "ImageJ fps"),
        ),
        pixel_sizes=(
            (inverse(per_unit, 1 / micrometres if micrometres else None), "ImageJ resolution"),
        ),
    )


def read_shaped(text: str, opened: Opened) -> Dialect:
    """Read the shape that tifffile writes.

    Raises
    ------
    ValueError
        If the text is no such description.
    """
    meta = json.loads(text)
    shape = tuple(int(n) for n in meta["shape"])
    axes = str(meta.get("axes", ""))
    if not shape or len(shape) > _MAX_AXES or min(shape) < 1:
        raise ValueError(text[:100])
    axes = axes.upper() if len(axes) == len(shape) else "Q" * len(shape)
    image = opened.kind.image_shape
    while len(shape) > len(image) and shape[-1] == 1 and shape[-len(image) :] != image:
        shape, axes = shape[:-1], axes[:-1]
    n_leading = len(shape) - len(image)
    is_understood = n_leading >= 0 and shape[n_leading:] == image
    declared = prod(shape) // prod(image)
    return Dialect(
        axes=axes[:n_leading] if is_understood else "",
        sizes=shape[:n_leading] if is_understood else (),
        declared=declared,
        is_contiguous=True,
        rates=((number(meta.get("frame_rate_hz")), "TIFF description"),),
        pixel_sizes=((number(meta.get("pixel_size_um")), "TIFF description"),),
    )


def tag_pixel_sizes(first: Directory) -> Candidates:
    """Return the pixel size by the resolution of the image; in inches it is a printer's."""
    if first.number(_RESOLUTION_UNIT, 0) != _CENTIMETRE:
        return ()
    return ((inverse(_ratio(first, _X_RESOLUTION), 1e-4), "TIFF resolution"),)


def tag_recorded(first: Directory) -> tuple[tuple[str, str], ...]:
    """Return the date and time of the first page in ISO 8601."""
    text = first.text(_DATE_TIME).strip()
    date, _, time = text.partition(" ")
    if len(text) != 19 or date.count(":") != 2 or time.count(":") != 2 or date.startswith("0000"):
        return ()
    return ((f"{date.replace(':', '-')}T{time}", "TIFF DateTime"),)


def counted(n: int, word: str) -> str:
    """Return "1 frame", "2 frames"."""
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def number(value: Any) -> float | None:
    """Return a real number, None if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def whole(value: Any) -> int:
    """Return a whole number, 0 if it is none."""
    real = number(value)
    return int(real) if real is not None and math.isfinite(real) else 0


def inverse(value: float | None, unit: float | None) -> float | None:
    """Return 1 / (value * unit)."""
    if value is None or unit is None or not value * unit:
        return None
    return 1 / (value * unit)


def product(value: float | None, unit: float | None) -> float | None:
    """Return value * unit."""
    return None if value is None or unit is None else value * unit


def attributes(element: str) -> Mapping[str, str]:
    """Return the attributes of an XML element; regular, since damaged XML has to be read too."""
    pairs = _ATTRIBUTE.findall(element)
    return {name: value.replace("μ", "µ") for name, value in pairs}


def _ratio(first: Directory, tag: int) -> float | None:
    if tag not in first:
        return None
    values = first.array(tag)
    if values.ndim != 2 or not len(values) or not values[0, 1]:
        return None
    return float(values[0, 0]) / float(values[0, 1])
