"""Names and units by which files of many origins state a frame rate or a pixel size."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Names of the frame rate, Hz, and of the side of a pixel, µm, as ``plain_name`` gives them.
RATE_NAMES = ("fr", "framerate", "frameratehz", "fps", "fs", "samplingrate", "samplerate",
              "imagingrate", "volumerate")  # fmt: skip
PIXEL_SIZE_NAMES = ("pixelsizeum", "umperpixel", "umperpx", "umpx", "micronsperpixel",
                    "micronperpixel", "pixelsizemicrons", "pixelsizemicrometers")  # fmt: skip

_SECONDS = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "µs": 1e-6, "us": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
    "ns": 1e-9, "nanosecond": 1e-9, "nanoseconds": 1e-9,
    "min": 60.0, "minute": 60.0, "minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
}  # fmt: skip
_MICROMETRES = {
    "µm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6,
    "micrometer": 1.0, "micrometers": 1.0, "micrometre": 1.0, "micrometres": 1.0,
    "nanometer": 1e-3, "nanometers": 1e-3, "nanometre": 1e-3, "nanometres": 1e-3,
    "millimeter": 1e3, "millimeters": 1e3, "millimetre": 1e3, "millimetres": 1e3,
    "centimeter": 1e4, "centimeters": 1e4, "centimetre": 1e4, "centimetres": 1e4,
    "meter": 1e6, "meters": 1e6, "metre": 1e6, "metres": 1e6,
}  # fmt: skip
_MAX_RATE_HZ, _MAX_PIXEL_UM = 100_000, 10_000
_ESCAPED_MU = re.compile(r"\\u00b5|\u03bc")  # ImageJ's escape, and the Greek letter


def matching(found: Sequence[str], wanted: Iterable[str]) -> list[str]:
    """Names of ``found`` that are one of the wanted, in the order of those."""
    plain = {plain_name(name): name for name in reversed(found)}
    return [plain[want] for want in wanted if want in plain]


def plain_name(name: str) -> str:
    """Return a name in lower case without blanks, _ and -."""
    return re.sub(r"[\s_-]", "", name.lower())


def seconds_in(unit: str) -> float | None:
    """Seconds in one of a unit of time; None if it is unknown or not given."""
    return _SECONDS.get(_plain(unit))


def micrometres_in(unit: str) -> float | None:
    """µm in one of a unit of length; None if it is unknown or not given."""
    return _MICROMETRES.get(_plain(unit))


def is_rate(value: object) -> TypeGuard[float]:
    """Whether a number can be a frame rate in Hz."""
    return isinstance(value, int | float) and math.isfinite(value) and 0 < value <= _MAX_RATE_HZ


def is_pixel_size(value: object) -> TypeGuard[float]:
    """Whether a number can be the side of a pixel in µm."""
    return isinstance(value, int | float) and math.isfinite(value) and 0 < value <= _MAX_PIXEL_UM


def _plain(unit: str) -> str:
    return _ESCAPED_MU.sub("µ", unit.strip().lower())
