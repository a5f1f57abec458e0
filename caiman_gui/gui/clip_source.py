"""What the views of the window show, as something that can be exported."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from caiman_gui.app.clip_job import ClipSource, ClipView
from caiman_gui.app.frames import SOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from caiman_gui.app.frames import FrameLoader
    from caiman_gui.gui.time_scale import TimeScale
    from caiman_gui.gui.widgets.image_view import ImageView
    from caiman_gui.gui.widgets.movie_view import MovieView

#: A smaller part than this share of the field counts as zoomed into.
_WHOLE = 0.98


def shown_source(
    loader: FrameLoader,
    movies: Sequence[MovieView],
    scale: TimeScale,
    *,
    played: tuple[int, int] | None = None,
    pixel_size_um: float | None = None,
    name: str = "movie",
) -> ClipSource | None:
    """Return what some views show, side by side.

    Parameters
    ----------
    loader : FrameLoader
        Gives each export a reader of its own.
    movies : sequence of MovieView
        The first one counts; others join it if their frames have the same size.
    scale : TimeScale
        When the frames were taken.
    played : (first, last), optional
        The range that is played in a loop, both frames included.
    pixel_size_um : float, optional
    name : str
        Of the recording.

    Returns
    -------
    ClipSource or None
        None as long as nothing is shown.
    """
    shown = [movie for movie in movies if movie.view.image is not None]
    if not shown or not scale.n_frames:
        return None
    first = shown[0]
    assert first.view.image is not None
    height, width = first.view.image.shape
    views = []
    for movie in shown:
        image = movie.view.image
        if image is not None and image.shape == (height, width):
            title = SOURCES.get(movie.source, movie.source.capitalize())
            reader = partial(loader.own_reader, movie.source)
            look = (*movie.view.levels, movie.view.gamma, movie.view.color_map)
            views.append(ClipView(title, reader, *look))
    average, sigma_px = first.averaging
    return ClipSource(
        tuple(views), (scale.n_frames, height, width), scale.all_seconds(), scale.frame_rate_hz,
        frame=min(first.selection.frame, scale.n_frames - 1),
        played=played if played != (0, scale.n_frames - 1) else None,
        visible=visible_part(first.view), pixel_size_um=pixel_size_um,
        average_frames=average, smooth_px=sigma_px, name=name,
    )  # fmt: skip


def visible_part(view: ImageView) -> tuple[int, int, int, int] | None:
    """Return (top, left, height, width) of the pixels in sight; None if that is (nearly) all."""
    if view.image is None:
        return None
    height, width = view.image.shape[:2]
    sight = view.view.viewRect()
    top, bottom = max(0, math.floor(sight.top())), min(height, math.ceil(sight.bottom()))
    left, right = max(0, math.floor(sight.left())), min(width, math.ceil(sight.right()))
    if bottom <= top or right <= left:
        return None
    if (bottom - top) * (right - left) >= _WHOLE * height * width:
        return None
    return top, left, bottom - top, right - left
