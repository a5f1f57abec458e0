"""Scale bar, time and label on a picture, readable on any background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from caiman_gui.io.canvas import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.clip_style import ClipStyle

_FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Letters are drawn this much larger and then shrunk, which smooths them.
_OVERSAMPLE = 4
#: Height of capitals in px; smaller ones cannot be read.
_SMALLEST, _LARGEST = 7, 48
#: How dark the rim round letters and bar is.
_HALO = 0.85
#: OpenCV 5 writes any letter, its predecessors only ASCII.
_HAS_ALL_LETTERS = hasattr(cv2, "FontFace")


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text at its place.

    Attributes
    ----------
    text : str
    x, y : int
        Left end of the baseline, in px of the picture.
    width : int
    """

    text: str
    x: int
    y: int
    width: int


@dataclass(frozen=True, slots=True)
class Bar:
    """The scale bar: a filled rectangle in px of the picture, with its length in words."""

    x: int
    y: int
    width: int
    height: int
    words: Words


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything on a picture goes; None for what was not wanted or found no room.

    Attributes
    ----------
    capitals : int
        Height of capital letters in px.
    label, time : Words or None
    bar : Bar or None
    left_out : tuple of str
        What was wanted but found no room.
    """

    capitals: int
    label: Words | None
    time: Words | None
    bar: Bar | None
    left_out: tuple[str, ...]


@lru_cache(maxsize=64)
def lay_out(shape: tuple[int, int], style: ClipStyle, time: str) -> Layout:
    """Find places for the overlays of one picture.

    Parameters
    ----------
    shape : (H, W)
        Of the frames, before cropping and scaling.
    style : ClipStyle
    time : str
        What will be written as time; empty: none. Only its length matters.
    """
    height, width = style.picture_shape(shape)
    capitals = min(max(_SMALLEST, round(0.02 * min(height, width) + 3)), _LARGEST)
    margin = max(2, round(0.7 * capitals))
    left_out = []
    label = None
    if style.label:
        text = fitted(style.label, capitals, width - 2 * margin)
        label = Words(text, margin, margin + capitals, text_width(text, capitals))
        if not _fits(label, capitals, height, width):
            label = None
            left_out.append("label")
    bar = _bar(shape, style, capitals, margin) if style.show_scale_bar else None
    if style.show_scale_bar and bar is None:
        left_out.append("scale bar")
    stamp = None
    if style.show_time and time:
        stamp = Words(time, margin, height - margin, text_width(time, capitals))
        if not _fits(stamp, capitals, height, width) or _collides(stamp, label, bar, capitals):
            stamp = None
            left_out.append("time")
    return Layout(capitals, label, stamp, bar, tuple(left_out))


def draw(picture: NDArray[np.uint8], layout: Layout, time: str, *, is_dark: bool) -> None:
    """Draw the overlays into a picture (h, w, 3), in place.

    Parameters
    ----------
    picture : (h, w, 3) uint8
    layout : Layout
    time : str
        What the time stamp says now.
    is_dark : bool
        Black letters with a white rim instead of white ones with a black rim.
    """
    inks = (0, 255) if is_dark else (255, 0)
    if layout.label is not None:
        _write(picture, layout.label.text, layout.label, layout.capitals, inks)
    if layout.bar is not None:
        bar = layout.bar
        rim = _rim(layout.capitals)
        ink = np.zeros((bar.height + 2 * rim, bar.width + 2 * rim), np.uint8)
        ink[rim : rim + bar.height, rim : rim + bar.width] = 255
        _write(picture, bar.words.text, bar.words, layout.capitals, inks)
        # Last, so that no tail of a letter changes how long the bar looks.
        _stamp(picture, ink, (bar.y - rim, bar.x - rim), rim, inks)
    if layout.time is not None:
        _write(picture, time, layout.time, layout.capitals, inks)


def text_width(words: str, capitals: int) -> int:
    """Width of a line of text in px, whose capitals are ``capitals`` px high."""
    scale, thickness = _pen(capitals)
    (width, _), _ = cv2.getTextSize(_spelt(words), _FONT, scale, thickness)
    return -(-int(width) // _OVERSAMPLE)


def fitted(words: str, capitals: int, width: int) -> str:
    """Shorten a line at its end until it is at most ``width`` px wide."""
    if text_width(words, capitals) <= width:
        return words
    for keep in range(len(words) - 1, 0, -1):
        short = words[:keep].rstrip() + "..."
        if text_width(short, capitals) <= width:
            return short
    return words


def _bar(shape: tuple[int, int], style: ClipStyle, capitals: int, margin: int) -> Bar | None:
    height, width = style.picture_shape(shape)
    length, text = style.bar_length(shape)
    bar_width = max(1, round(length * style.scale))
    bar_height = max(2, round(0.3 * capitals))
    words_width = text_width(text, capitals)
    block = max(bar_width, words_width)
    gap = max(2, round(0.55 * capitals))
    top = height - margin - bar_height
    right = width - margin
    words = Words(text, right - block + (block - words_width) // 2, top - gap, words_width)
    bar_x = right - block + (block - bar_width) // 2
    if bar_x < 0 or not _fits(words, capitals, height, width):
        return None
    return Bar(bar_x, top, bar_width, bar_height, words)


def _fits(words: Words, capitals: int, height: int, width: int) -> bool:
    below = round(0.3 * capitals)  # tails of letters such as g
    return (
        words.x >= 0
        and words.x + words.width <= width
        and words.y - capitals >= 0
        and words.y + min(below, 2) <= height
    )


def _collides(time: Words, label: Words | None, bar: Bar | None, capitals: int) -> bool:
    gap = capitals // 2
    if label is not None and time.y - capitals < label.y + gap:
        return True
    return bar is not None and time.x + time.width + gap > min(bar.x, bar.words.x)


def _write(
    picture: NDArray[np.uint8], text: str, place: Words, capitals: int, inks: tuple[int, int]
) -> None:
    rim = _rim(capitals)
    ink, baseline = _letters(text, capitals, rim)
    _stamp(picture, ink, (place.y - baseline, place.x - rim), rim, inks)


@lru_cache(maxsize=64)
def _letters(text: str, capitals: int, rim: int) -> tuple[NDArray[np.uint8], int]:
    """Opacity (h, w) of a line of text with ``rim`` px free all round, and its baseline's row."""
    scale, thickness = _pen(capitals)
    width = text_width(text, capitals) + 2 * rim + 1
    baseline = rim + round(1.4 * capitals)
    height = baseline + round(0.5 * capitals) + rim
    large = np.zeros((height * _OVERSAMPLE, width * _OVERSAMPLE), np.uint8)
    place = (rim * _OVERSAMPLE, baseline * _OVERSAMPLE)
    cv2.putText(large, _spelt(text), place, _FONT, scale, 255, thickness, cv2.LINE_AA)
    ink = np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    ink.flags.writeable = False
    return ink, baseline


def _stamp(
    picture: NDArray[np.uint8],
    ink: NDArray[np.uint8],
    corner: tuple[int, int],
    rim: int,
    inks: tuple[int, int],
) -> None:
    """Lay letters with a rim over a part of a picture, as far as they lie inside.

    Parameters
    ----------
    ink : (h, w) uint8
        Opacity of the letters.
    corner : (row, column)
        Where its upper left corner goes.
    inks : (letters, rim)
        Brightness of both.
    """
    (height, width), (top, left) = picture.shape[:2], corner
    rows = slice(max(0, top), min(height, top + ink.shape[0]))
    columns = slice(max(0, left), min(width, left + ink.shape[1]))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    halo = cv2.GaussianBlur(cv2.dilate(ink, kernel), (0, 0), max(0.5, rim / 2))
    part = picture[rows, columns].astype(np.float32)
    for mask, strength, brightness in ((halo, _HALO, inks[1]), (ink, 1.0, inks[0])):
        inside = mask[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
        part += (brightness - part) * (inside[..., None].astype(np.float32) * (strength / 255))
    picture[rows, columns] = np.rint(part).astype(np.uint8)


def _rim(capitals: int) -> int:
    return max(1, round(capitals / 7))


@lru_cache(maxsize=16)
def _pen(capitals: int) -> tuple[float, int]:
    """Scale and thickness with which OpenCV writes capitals of this height, oversampled."""
    probe = np.zeros((200, 200), np.uint8)
    cv2.putText(probe, "H", (20, 150), _FONT, 4.0, 255, 4, cv2.LINE_AA)
    high = int(np.count_nonzero(probe.max(axis=1) > 127))
    wanted = capitals * _OVERSAMPLE
    return 4.0 * wanted / high, max(1, round(wanted / 11))


def _spelt(words: str) -> str:
    return words if _HAS_ALL_LETTERS else plain(words)
