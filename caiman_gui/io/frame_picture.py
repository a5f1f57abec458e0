"""One frame, or several side by side, as a picture for slides and figures, or as its values."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import cv2
import numpy as np

from caiman_gui.errors import ParameterError
from caiman_gui.files import atomic_path
from caiman_gui.io.clip_outline import OUTLINE_PX
from caiman_gui.io.clip_overlay import lay_out
from caiman_gui.io.clip_render import (
    GAP_BRIGHTNESS,
    has_dark_ink,
    plain_picture,
    render_panes,
    time_words,
)
from caiman_gui.io.clip_style import GAP_PX, panes_shape, require_drawable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.clip_outline import Outline
    from caiman_gui.io.clip_overlay import Layout, Words
    from caiman_gui.io.clip_style import ClipStyle

#: Height of capitals as a share of the size of the letters, in Arial and its like.
_CAPITALS = 0.716
_GAP = f"#{GAP_BRIGHTNESS:02x}{GAP_BRIGHTNESS:02x}{GAP_BRIGHTNESS:02x}"


def write_frame(
    path: Path,
    frames: Sequence[NDArray[Any]],
    styles: Sequence[ClipStyle],
    *,
    form: str = "",
    time_s: float | None = None,
    outlines: Sequence[Sequence[Outline]] = (),
) -> None:
    """Write one frame of each movie, side by side.

    Parameters
    ----------
    path : Path
        Replaced at once when complete.
    frames : sequence of (H, W)
    styles : sequence of ClipStyle
        One per frame. For original values only the crop and the pixel size matter.
    form : str
        A key of ``FRAME_FORMATS``; empty: by the suffix of the path.
    time_s : float, optional
        When they were taken.
    outlines : sequence, optional
        Those of each frame; drawn in PNG, paths that can be edited in SVG.

    Raises
    ------
    ParameterError
        If such a picture cannot be made, or its values do not fit into a PNG.
    ResourceError
        If the disk is full or may not be written.
    """
    form = form or path.suffix.lower().lstrip(".").replace("tiff", "tif").replace("tif", "tiff")
    if form == "png":
        content = _png(render_panes(frames, styles, time_s, outlines=outlines)[..., ::-1])
    elif form == "svg":
        content = svg_text(frames, styles, time_s=time_s, outlines=outlines).encode()
    elif form == "png16":
        content = _png(_small_values(frames, styles))
    elif form == "tiff":
        _write_values(path, frames, styles)
        return
    else:
        raise ParameterError(
            "Unknown kind of picture", f"{path.name} is none of PNG, SVG and TIFF.", "Choose one."
        )
    with atomic_path(path, needed_bytes=len(content)) as temporary:
        temporary.write_bytes(content)


def svg_text(
    frames: Sequence[NDArray[Any]],
    styles: Sequence[ClipStyle],
    *,
    time_s: float | None = None,
    outlines: Sequence[Sequence[Outline]] = (),
) -> str:
    """Return a drawing of frames side by side; words, scale bar and outlines can be edited."""
    require_drawable([_shape(frame) for frame in frames], styles)
    pairs = list(zip(frames, styles, strict=True))
    height, width = panes_shape([style.picture_shape(_shape(frame)) for frame, style in pairs])
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
    ]
    if len(pairs) > 1:
        parts.append(f'<rect width="{width}" height="{height}" fill="{_GAP}"/>')
    left = 0
    for number, (frame, style) in enumerate(pairs):
        lines = outlines[number] if outlines else ()
        parts += [f'<g transform="translate({left} 0)">', *_svg_pane(frame, style, time_s, lines)]
        parts.append("</g>")
        left += style.picture_shape(_shape(frame))[1] + GAP_PX
    return "\n".join([*parts, "</svg>", ""])


def _svg_pane(
    frame: NDArray[Any], style: ClipStyle, time_s: float | None, outlines: Sequence[Outline]
) -> list[str]:
    height, width = style.picture_shape(_shape(frame))
    data = base64.b64encode(_png(plain_picture(frame, style)[..., ::-1])).decode()
    parts = [
        f'<image width="{width}" height="{height}" xlink:href="data:image/png;base64,{data}"/>'
    ]
    for outline in outlines:
        points = " ".join(f"{x:.2f},{y:.2f}" for x, y in outline.placed(style))
        parts.append(
            f'<polygon points="{points}" fill="none" stroke="{outline.color}" '
            f'stroke-width="{OUTLINE_PX}" stroke-linejoin="round"/>'
        )
    words = "" if time_s is None else time_words(time_s, style, None)
    return parts + _svg_overlays(lay_out(_shape(frame), style, words), has_dark_ink(style))


def _svg_overlays(layout: Layout, is_dark: bool) -> list[str]:
    ink, rim = ("#000000", "#ffffff") if is_dark else ("#ffffff", "#000000")
    halo = max(1.0, layout.capitals / 7)
    # Each is drawn twice, rim first: few programs know how to paint a rim below a letter.
    looks = (
        f'fill="{rim}" stroke="{rim}" stroke-width="{2 * halo:.2f}" stroke-linejoin="round"',
        f'fill="{ink}"',
    )
    parts = []
    if layout.bar is not None:
        bar = layout.bar
        place = f'x="{bar.x}" y="{bar.y}" width="{bar.width}" height="{bar.height}"'
        parts += [f"<rect {place} {look}/>" for look in looks]
        parts += [_svg_words(bar.words, "middle", look, layout.capitals) for look in looks]
    for words in (layout.label, layout.time):
        if words is not None:
            parts += [_svg_words(words, "start", look, layout.capitals) for look in looks]
    return parts


def _svg_words(words: Words, anchor: str, look: str, capitals: int) -> str:
    x = words.x if anchor == "start" else words.x + words.width / 2
    return (
        f'<text x="{x:g}" y="{words.y}" text-anchor="{anchor}" {look} '
        'font-family="Arial, Helvetica, sans-serif" font-weight="bold" '
        f'font-size="{capitals / _CAPITALS:.2f}">{_xml(words.text)}</text>'
    )


def _xml(words: str) -> str:
    return escape("".join(letter for letter in words if letter.isprintable()))


def _png(image: NDArray[Any]) -> bytes:
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(image))
    return bytes(encoded.tobytes())


def _small_values(frames: Sequence[NDArray[Any]], styles: Sequence[ClipStyle]) -> NDArray[Any]:
    """Return the values side by side, as 8 or 16 bit."""
    parts = [_cropped(frame, style) for frame, style in zip(frames, styles, strict=True)]
    for part in parts:
        fits = (part >= 0) & (part <= 65_535) & (part == np.rint(part))
        if not fits.all():
            raise ParameterError(
                "These values do not fit into a PNG",
                "It holds whole numbers from 0 to 65,535; this frame has the value "
                f"{float(part[~fits][0]):.6g}.",
                "Choose TIFF, which holds any value.",
            )
    is_small = all(part.dtype == np.uint8 for part in parts)
    height = max(part.shape[0] for part in parts)
    padded = [np.pad(part, ((0, height - part.shape[0]), (0, 0))) for part in parts]
    return np.concatenate(padded, axis=1).astype(np.uint8 if is_small else np.uint16)


def _write_values(path: Path, frames: Sequence[NDArray[Any]], styles: Sequence[ClipStyle]) -> None:
    from caiman_gui.core.movie import ArrayMovie
    from caiman_gui.io.clip import write_clip
    from caiman_gui.io.clip_style import ClipSpec

    movies = [ArrayMovie(np.asarray(frame)[None]) for frame in frames]
    write_clip(movies, path, ClipSpec(0, 0), styles, np.zeros(1), form="tiff")


def _cropped(frame: NDArray[Any], style: ClipStyle) -> NDArray[Any]:
    top, left = style.crop[:2] if style.crop is not None else (0, 0)
    height, width = style.cropped_shape(_shape(frame))
    return np.asarray(frame)[top : top + height, left : left + width]


def _shape(frame: NDArray[Any]) -> tuple[int, int]:
    return int(frame.shape[0]), int(frame.shape[1])
