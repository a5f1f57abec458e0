"""What a clip shows and how: plain values, checked once, without any heavy library."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from caiman_gui.errors import ParameterError
from caiman_gui.io.color_tables import COLOR_MAPS

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Without a length asked for, the scale bar takes at most this share of the width.
_BAR_SHARE = 0.25
#: The largest size in which a picture is made (H.264 and GIF end not far above).
MAX_SIDE_PX = 16_384
#: Space between pictures side by side.
GAP_PX = 4


@dataclass(frozen=True, slots=True)
class ClipStyle:
    """How one movie is shown.

    Attributes
    ----------
    low, high : float
        Values shown in the first and in the last colour.
    gamma : float
        A value at the share x of the way from ``low`` to ``high`` is shown in the colour at
        ``x ** gamma``: below 1 the dim becomes brighter.
    color_map : str
        One of ``COLOR_MAPS``.
    scale : float
        Pixels of the picture per pixel of the movie. Enlarged pixels stay square.
    crop : (top, left, height, width) or None
        In pixels of the movie; None: all of it.
    show_scale_bar : bool
    scale_bar_um : float or None
        Length of the scale bar, in µm, or in pixels while the pixel size is not known. None: a
        round length of about a fifth of the width.
    pixel_size_um : float or None
    show_time : bool
    time_decimals : int
    label : str
        Written in the upper left corner; empty: nothing.
    average_frames : int
        Each picture is the mean of so many frames about its own.
    smooth_px : float
        Width of the Gaussian that smoothes each picture; 0: none. Original values are not
        smoothed.
    """

    low: float
    high: float
    gamma: float = 1.0
    color_map: str = "grey"
    scale: float = 1.0
    crop: tuple[int, int, int, int] | None = None
    show_scale_bar: bool = True
    scale_bar_um: float | None = None
    pixel_size_um: float | None = None
    show_time: bool = True
    time_decimals: int = 1
    label: str = ""
    average_frames: int = 1
    smooth_px: float = 0.0

    def __post_init__(self) -> None:
        positive = {
            "gamma": self.gamma,
            "scale": self.scale,
            "scale_bar_um": self.scale_bar_um,
            "pixel_size_um": self.pixel_size_um,
            "average_frames": self.average_frames,
        }
        for name, value in positive.items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, not {value}")
        if not 0 <= self.smooth_px < math.inf:
            raise ValueError(f"smooth_px must not be negative, as {self.smooth_px} is")
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(f"levels must be finite, not {self.low} and {self.high}")
        if self.color_map not in COLOR_MAPS:
            raise ValueError(f"no colour map {self.color_map!r}; there are {list(COLOR_MAPS)}")
        if self.crop is not None and (min(self.crop[:2]) < 0 or min(self.crop[2:]) < 1):
            raise ValueError(f"a crop is (top, left, height, width), not {self.crop}")

    def cropped_shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Return (height, width) of what is left of a frame of this shape.

        Raises
        ------
        ValueError
            If the crop reaches beyond the frame.
        """
        if self.crop is None:
            return shape
        top, left, height, width = self.crop
        if top + height > shape[0] or left + width > shape[1]:
            raise ValueError(f"the crop {self.crop} reaches beyond a frame of {shape}")
        return height, width

    def picture_shape(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Return (height, width) in px of the picture of a frame of this shape."""
        height, width = self.cropped_shape(shape)
        return max(1, round(height * self.scale)), max(1, round(width * self.scale))

    def bar_length(self, shape: tuple[int, int]) -> tuple[float, str]:
        """Return the length of the scale bar in pixels of the movie, and its words."""
        unit_px = 1.0 if self.pixel_size_um is None else 1.0 / self.pixel_size_um
        width = self.cropped_shape(shape)[1] / unit_px
        length = self.scale_bar_um or round_length(width * _BAR_SHARE)
        if self.pixel_size_um is None:
            return length * unit_px, f"{length:g} px"
        for unit, size in (("mm", 1e3), ("µm", 1.0)):
            if length >= size:
                return length * unit_px, f"{length / size:g} {unit}"
        return length * unit_px, f"{length * 1e3:g} nm"


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """Which frames a clip has, and how fast they follow each other.

    Attributes
    ----------
    first, last : int
        Frames of the movie, counted from 0; both are in the clip.
    step : int
        Only every so manyth frame is taken.
    playback_fps : float
        Pictures per second.
    """

    first: int
    last: int
    step: int = 1
    playback_fps: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            raise ValueError(f"a clip cannot go from frame {self.first} to frame {self.last}")
        if self.step < 1:
            raise ValueError(f"step must be at least 1, not {self.step}")
        if not 0 < self.playback_fps < math.inf:
            raise ValueError(f"playback_fps must be a positive number, not {self.playback_fps}")

    @classmethod
    def at_speed(
        cls, first: int, last: int, step: int, *, speed: float, frame_rate_hz: float
    ) -> ClipSpec:
        """Make a clip that runs ``speed`` times as fast as what was recorded."""
        return cls(first, last, step, frame_rate_hz * speed / step)

    @property
    def frames(self) -> range:
        """Frames of the movie, in order."""
        return range(self.first, self.last + 1, self.step)

    @property
    def duration_s(self) -> float:
        """How long the clip plays."""
        return len(self.frames) / self.playback_fps

    def limited(self, max_fps: float | None) -> ClipSpec:
        """Leave out frames until no more than ``max_fps`` a second are left, at the same speed."""
        if max_fps is None or self.playback_fps <= max_fps:
            return self
        factor = math.ceil(self.playback_fps / max_fps - 1e-9)
        return replace(self, step=self.step * factor, playback_fps=self.playback_fps / factor)


@dataclass(frozen=True, slots=True)
class ClipFormat:
    """A kind of file for clips or single frames.

    Attributes
    ----------
    title, suffix, explanation : str
    max_fps : float or None
        No more pictures a second are written; None: as many as wanted.
    is_drawn : bool
        Colours and overlays as shown; otherwise the values of the movie themselves.
    """

    title: str
    suffix: str
    explanation: str
    max_fps: float | None = None
    is_drawn: bool = True


CLIP_FORMATS = {
    "mp4": ClipFormat(
        "MP4 video", ".mp4", "For talks and web pages: small, and plays everywhere.", 60.0
    ),
    "gif": ClipFormat(
        "GIF animation", ".gif", "Plays by itself in slides and web pages; large files.", 50.0
    ),
    "avi": ClipFormat(
        "AVI video (MJPEG)", ".avi", "For ImageJ and older programs; larger than MP4.", 60.0
    ),
    "tiff": ClipFormat(
        "TIFF, original values",
        ".tif",
        "The values themselves, with frame rate and pixel size; opens in Fiji.",
        is_drawn=False,
    ),
    "tiff-rgb": ClipFormat(
        "TIFF, as shown", ".tif", "Colours, scale bar and time, without any loss; opens in Fiji."
    ),
}

FRAME_FORMATS = {
    "png": ClipFormat("PNG picture", ".png", "As shown, with scale bar and time."),
    "svg": ClipFormat(
        "SVG drawing", ".svg", "For figures: words, scale bar and outlines can be edited."
    ),
    "png16": ClipFormat(
        "PNG, original values (16 bit)",
        ".png",
        "The values themselves, if whole numbers up to 65,535.",
        is_drawn=False,
    ),
    "tiff": ClipFormat(
        "TIFF, original values",
        ".tif",
        "The values themselves, with the pixel size; opens in Fiji.",
        is_drawn=False,
    ),
}


def round_length(upper: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20 ... (and their tenths) that is not above ``upper``."""
    power = 10.0 ** math.floor(math.log10(upper))
    for factor in (5.0, 2.0, 1.0):
        if factor * power <= upper * (1 + 1e-9):
            return float(f"{factor * power:.6g}")
    return float(f"{power:.6g}")


def panes_shape(shapes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return (height, width) of pictures of these shapes side by side."""
    widths = sum(width for _, width in shapes) + GAP_PX * (len(shapes) - 1)
    return max(height for height, _ in shapes), widths


def require_drawable(shapes: Sequence[tuple[int, int]], styles: Sequence[ClipStyle]) -> None:
    """Refuse pictures that are too large to be made, or smaller than their scale bar.

    Raises
    ------
    ParameterError
        Saying which size or length, and the limit.
    """
    for shape, style in zip(shapes, styles, strict=True):
        length, words = style.bar_length(shape)
        width = style.cropped_shape(shape)[1]
        if style.show_scale_bar and length > width:
            raise ParameterError(
                "The scale bar is too long",
                f"A bar of {words} takes {length:.0f} px; the picture is {width} px wide.",
                "Choose a shorter one, or leave the length empty.",
            )
    pictures = [style.picture_shape(shape) for shape, style in zip(shapes, styles, strict=True)]
    height, width = panes_shape(pictures)
    if max(height, width) > MAX_SIDE_PX:
        raise ParameterError(
            "The picture would be too large",
            f"It would have {width:,} x {height:,} px; at most {MAX_SIDE_PX:,} px are possible "
            "on each side.",
            "Choose a smaller size, or fewer views side by side.",
        )


def time_text(time_s: float, *, longest_s: float | None = None, decimals: int = 1) -> str:
    """Write a time as ``12.3 s``, or as ``m:ss.s`` when the longest time of a clip is a minute.

    Parameters
    ----------
    time_s : float
        Before a stimulus it may be negative.
    longest_s : float, optional
        Decides the form for a whole clip, so that it does not change on the way.
    decimals : int
    """
    rounded = round(abs(float(time_s)), decimals)
    sign = "-" if time_s < 0 and rounded > 0 else ""
    longest = max(abs(time_s), abs(longest_s or 0.0))
    if longest < 60:
        return f"{sign}{rounded:.{decimals}f} s"
    minutes, seconds = divmod(rounded, 60)
    width = 2 if decimals == 0 else 3 + decimals
    if longest < 3600:
        return f"{sign}{minutes:.0f}:{seconds:0{width}.{decimals}f}"
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours:.0f}:{minutes:02.0f}:{seconds:0{width}.{decimals}f}"


def time_decimals(interval_s: float) -> int:
    """Return how many decimals tell two pictures apart that are ``interval_s`` apart."""
    return 1 if interval_s >= 0.05 else 2 if interval_s >= 0.005 else 3
