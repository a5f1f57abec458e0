"""Frames become pictures: levels, colours, zoom, and what is drawn over them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from caiman_gui.io.clip_outline import draw_outline
from caiman_gui.io.clip_overlay import draw, lay_out
from caiman_gui.io.clip_style import GAP_PX, panes_shape, require_drawable, time_text
from caiman_gui.io.color_tables import color_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from caiman_gui.io.clip_outline import Outline
    from caiman_gui.io.clip_style import ClipStyle

#: Between pictures side by side, and below those that are less high.
GAP_BRIGHTNESS = 64


def color_indices(
    frame: NDArray[Any], low: float, high: float, gamma: float = 1.0
) -> NDArray[np.uint8]:
    """Return which of 256 colours each pixel has.

    Parameters
    ----------
    frame : (H, W)
        Pixels that are no number count as the lowest value.
    low, high : float
        Values of the first and of the last colour; all below and above have these colours too.
    gamma : float

    Returns
    -------
    (H, W) uint8
        ``255 * x ** gamma``, rounded, x = (value - low) / (high - low) within 0 ... 1.
    """
    frame = np.asarray(frame)
    if frame.dtype.kind in "iu" and frame.dtype.itemsize <= 2:
        return np.take(_index_table(frame.dtype.str, low, high, gamma), _unsigned(frame))
    return _indices(frame, low, high, gamma)


def render_frame(
    frame: NDArray[Any],
    style: ClipStyle,
    time_s: float | None = None,
    longest_s: float | None = None,
    outlines: Sequence[Outline] = (),
) -> NDArray[np.uint8]:
    """Make the picture of one frame.

    Parameters
    ----------
    frame : (H, W)
    style : ClipStyle
    time_s, longest_s : float, optional
        Time of this frame, and the latest time of a clip, which decides between seconds and
        minutes. None: no time is written.
    outlines : sequence of Outline

    Returns
    -------
    (h, w, 3) uint8
        Red, green, blue. What has no room in a very small picture is left out.

    Raises
    ------
    ParameterError
        If the picture would become too large, or the scale bar is longer than the picture.
    """
    shape = (int(frame.shape[0]), int(frame.shape[1]))
    require_drawable([shape], [style])
    picture = plain_picture(frame, style)
    for outline in outlines:
        draw_outline(picture, outline, style)
    words = "" if time_s is None else time_words(time_s, style, longest_s)
    draw(picture, lay_out(shape, style, _widest(words)), words, is_dark=has_dark_ink(style))
    return picture


def render_panes(
    frames: Sequence[NDArray[Any]],
    styles: Sequence[ClipStyle],
    time_s: float | None = None,
    longest_s: float | None = None,
    outlines: Sequence[Sequence[Outline]] = (),
) -> NDArray[np.uint8]:
    """Make one picture of several frames side by side, each in its own style and outlines.

    Returns
    -------
    (h, w, 3) uint8
        As high as the highest of them.
    """
    shapes = [(int(f.shape[0]), int(f.shape[1])) for f in frames]
    require_drawable(shapes, styles)
    lines = outlines or [()] * len(frames)
    pictures = [
        render_frame(frame, style, time_s, longest_s, each)
        for frame, style, each in zip(frames, styles, lines, strict=True)
    ]
    return side_by_side(pictures)


def plain_picture(frame: NDArray[Any], style: ClipStyle) -> NDArray[np.uint8]:
    """Return the picture (h, w, 3) of a frame with nothing drawn over it."""
    shape = (int(frame.shape[0]), int(frame.shape[1]))
    height, width = style.picture_shape(shape)
    if style.smooth_px > 0:
        smooth = cv2.GaussianBlur(np.asarray(frame, np.float32), (0, 0), style.smooth_px)
        frame = np.asarray(smooth, np.float32)
    if style.crop is not None:
        top, left, n_rows, n_columns = style.crop
        frame = frame[top : top + n_rows, left : left + n_columns]
    indices = color_indices(frame, style.low, style.high, style.gamma)
    if indices.shape != (height, width):
        method = cv2.INTER_AREA if style.scale < 1 else cv2.INTER_NEAREST_EXACT
        indices = np.asarray(cv2.resize(indices, (width, height), interpolation=method), np.uint8)
    table = np.array(color_table(style.color_map)).reshape(256, 1, 3)
    return np.asarray(cv2.applyColorMap(np.ascontiguousarray(indices), table), np.uint8)


def side_by_side(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Join pictures (h, w, 3) from left to right."""
    if len(pictures) == 1:
        return pictures[0]
    height, width = panes_shape([(p.shape[0], p.shape[1]) for p in pictures])
    joined = np.full((height, width, 3), GAP_BRIGHTNESS, np.uint8)
    left = 0
    for picture in pictures:
        joined[: picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + GAP_PX
    return joined


def has_dark_ink(style: ClipStyle) -> bool:
    """Whether words are black on white: where the colour map begins bright."""
    return int(color_table(style.color_map)[0].max()) > 127


def time_words(time_s: float, style: ClipStyle, longest_s: float | None) -> str:
    """Return what the time stamp of a style says."""
    return time_text(time_s, longest_s=longest_s, decimals=style.time_decimals)


def left_out(
    shapes: Sequence[tuple[int, int]],
    styles: Sequence[ClipStyle],
    time_s: float | None,
    longest_s: float | None,
) -> tuple[str, ...]:
    """Return what was wanted but finds no room in pictures so small, each once."""
    found: dict[str, None] = {}
    for shape, style in zip(shapes, styles, strict=True):
        words = "" if time_s is None else time_words(time_s, style, longest_s)
        found.update(dict.fromkeys(lay_out(shape, style, _widest(words)).left_out))
    return tuple(found)


@lru_cache(maxsize=8)
def _index_table(dtype: str, low: float, high: float, gamma: float) -> NDArray[np.uint8]:
    """Return the colour of every value of a small integer type, by its bits read as unsigned."""
    info = np.iinfo(dtype)
    values = np.arange(info.max - info.min + 1) + info.min
    return np.roll(_indices(values, low, high, gamma), info.min)


def _unsigned(frame: NDArray[Any]) -> NDArray[Any]:
    native = np.ascontiguousarray(frame, frame.dtype.newbyteorder("="))
    return native.view(f"u{frame.dtype.itemsize}")


def _indices(values: NDArray[Any], low: float, high: float, gamma: float) -> NDArray[np.uint8]:
    span = high - low if high > low else max(abs(low) * 1e-6, 1e-6)
    with np.errstate(invalid="ignore", over="ignore"):
        share = (np.asarray(values, np.float64) - low) / span
    np.nan_to_num(share, copy=False, nan=0.0, posinf=1.0, neginf=0.0)
    np.clip(share, 0.0, 1.0, out=share)
    if gamma != 1.0:
        share **= gamma
    share *= 255.0
    return np.rint(share).astype(np.uint8)


def _widest(words: str) -> str:
    """Return the words with their digits alike: all times of a clip share one layout."""
    return "".join("0" if letter.isdigit() else letter for letter in words)
