"""The samples of a decoded video frame, as they were stored: no conversion of colours.

Of a picture stored as brightness and colour (YUV) the brightness is taken, of one stored as red,
green and blue one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: In this order: most indicators are green, so the first channel is the one usually wanted.
COLOURS = ("green", "red", "blue")
#: Where the samples lie: their number for each pixel, and the place of green, red and blue.
_PACKED_RGB = {
    "rgb24": (3, 1, 0, 2), "bgr24": (3, 1, 2, 0),
    "rgba": (4, 1, 0, 2), "rgb0": (4, 1, 0, 2), "bgra": (4, 1, 2, 0), "bgr0": (4, 1, 2, 0),
    "argb": (4, 2, 1, 3), "0rgb": (4, 2, 1, 3), "abgr": (4, 2, 3, 1), "0bgr": (4, 2, 3, 1),
    "rgb48le": (3, 1, 0, 2), "rgb48be": (3, 1, 0, 2),
    "bgr48le": (3, 1, 2, 0), "bgr48be": (3, 1, 2, 0),
    "rgba64le": (4, 1, 0, 2), "rgba64be": (4, 1, 0, 2),
    "bgra64le": (4, 1, 2, 0), "bgra64be": (4, 1, 2, 0),
}  # fmt: skip
#: Brightness between other samples: their number for each pixel, and its place.
_PACKED_GREY = {
    "yuyv422": (2, 0), "yvyu422": (2, 0), "uyvy422": (2, 1),
    "ya8": (2, 0), "ya16le": (2, 0), "ya16be": (2, 0),
}  # fmt: skip
#: Less than 8 bit: the only pictures that are converted, by FFmpeg.
_COARSE = {
    "monow": "gray", "monob": "gray", "rgb8": "rgb24", "bgr8": "rgb24",
    "rgb4_byte": "rgb24", "bgr4_byte": "rgb24",
    "rgb565le": "rgb24", "rgb565be": "rgb24", "bgr565le": "rgb24", "bgr565be": "rgb24",
    "rgb555le": "rgb24", "rgb555be": "rgb24", "bgr555le": "rgb24", "bgr555be": "rgb24",
    "rgb444le": "rgb24", "rgb444be": "rgb24", "bgr444le": "rgb24", "bgr444be": "rgb24",
}  # fmt: skip
_MIDDLE = 2  # of 256: how far colour may be from none and still be rounding


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """Where the samples of a picture lie.

    Attributes
    ----------
    dtype : np.dtype
        As stored.
    places : tuple of (plane, samples per pixel, place among them)
        One for grey pictures; for others one each for green, red and blue.
    """

    dtype: np.dtype
    places: tuple[tuple[int, int, int], ...]


@lru_cache(maxsize=64)
def pixel_layout(name: str) -> PixelLayout | None:
    """Return where samples lie in FFmpeg's pixel format, or None if that is not known here."""
    from av.video.format import VideoFormat

    pixel_format = VideoFormat(name, 16, 16)
    bits = pixel_format.components[0].bits
    kind = "u1" if bits <= 8 else "u2"
    if "f32" in name or "f16" in name:
        kind = "f4" if "f32" in name else "f2"
    dtype: np.dtype = np.dtype((">" if pixel_format.is_big_endian else "<") + kind)
    if name in _PACKED_RGB:
        step, *places = _PACKED_RGB[name]
        return PixelLayout(dtype, tuple((0, step, place) for place in places))
    if name.startswith("gbr"):
        return PixelLayout(dtype, ((0, 1, 0), (2, 1, 0), (1, 1, 0)))
    if name in _PACKED_GREY:
        return PixelLayout(dtype, ((0, *_PACKED_GREY[name]),))
    if name.startswith(("gray", "yuv", "nv")) and (
        pixel_format.is_planar or len(pixel_format.components) == 1
    ):
        return PixelLayout(dtype, ((0, 1, 0),))
    return None


def samples_of(frame: Any) -> list[NDArray[np.generic]] | None:
    """Return the samples of a frame, each (H, W): grey alone, or green, red and blue.

    They are views of the frame's memory, or None if its pixel format is not known here.
    """
    name = frame.format.name
    if name == "pal8":
        return _through_palette(frame)
    if name in _COARSE:
        frame = frame.reformat(format=_COARSE[name])
        name = frame.format.name
    layout = pixel_layout(name)
    if layout is None:
        return None
    return [_samples(frame, layout.dtype, *place) for place in layout.places]


def colours_differ(samples: list[NDArray[np.generic]]) -> bool:
    """Tell whether a picture of red, green and blue is more than a grey one."""
    return any(not np.array_equal(samples[0], other) for other in samples[1:])


def has_colour(frame: Any) -> bool:
    """Tell whether a picture stored as brightness and colour (YUV) has any colour."""
    pixel_format = frame.format
    if not pixel_format.name.startswith("yuv") or len(frame.planes) < 3:
        return False
    layout = pixel_layout(pixel_format.name)
    if layout is None or layout.dtype.kind == "f":
        return False
    bits = pixel_format.components[0].bits
    none, slack = 1 << (bits - 1), _MIDDLE << (bits - 8)
    for number in (1, 2):
        plane = _samples(frame, layout.dtype, number, 1, 0).astype(np.int32)
        if np.abs(plane - none).max(initial=0) > slack:
            return True
    return False


def _samples(frame: Any, dtype: np.dtype, number: int, step: int, place: int) -> Any:
    plane = frame.planes[number]
    line = abs(plane.line_size)
    rows = np.frombuffer(plane, np.uint8).reshape(-1, line)
    if plane.line_size < 0:  # stored from the bottom up
        rows = rows[::-1]
    used = rows[:, : plane.width * step * dtype.itemsize].view(dtype)
    return used[:, place::step]


def _through_palette(frame: Any) -> list[NDArray[np.generic]]:
    places = _samples(frame, np.dtype("u1"), 0, 1, 0)
    palette = np.frombuffer(frame.planes[1], np.uint32)  # 0xAARRGGBB
    green, red, blue = ((palette >> shift & 255).astype(np.uint8) for shift in (8, 16, 0))
    if np.array_equal(green, red) and np.array_equal(green, blue):
        return [green[places]]
    return [green[places], red[places], blue[places]]
