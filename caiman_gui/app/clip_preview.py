"""The first picture of a clip, as it will look, and how much space all will need."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from caiman_gui.app.clip_job import chosen_views, make_spec, make_styles, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from caiman_gui.app.clip_job import ClipChoices, ClipSource
    from caiman_gui.core.task import TaskContext
    from caiman_gui.io.clip_style import ClipStyle

#: Frames kept, so that another look at the same one needs no reading.
_KEPT = 8
#: Bytes of a video per byte of its first picture as JPEG or PNG, from measured clips.
_PER_JPEG = {"mp4": 0.4, "avi": 0.9}
_PER_PNG = {"gif": 0.45, "svg": 4 / 3}
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Preview:
    """One picture (h, w, 3), and the expected size of the file."""

    picture: NDArray[np.uint8]
    n_bytes: float


class PreviewMaker:
    """Makes previews of one source. Built in the UI thread, used in one other at a time.

    Parameters
    ----------
    source : ClipSource
    """

    def __init__(self, source: ClipSource) -> None:
        self._source = source
        self._readers = {view.name: view.reader() for view in source.views}
        self._frames: OrderedDict[tuple[str, int, int], NDArray[Any]] = OrderedDict()

    def make(self, choices: ClipChoices, ctx: TaskContext) -> Preview:
        """Return the first picture of what was chosen."""
        from caiman_gui.io.clip_render import render_panes

        source = self._source
        spec, styles = make_spec(source, choices), make_styles(source, choices)
        views = chosen_views(source, choices)
        frames = []
        for view, style in zip(views, styles, strict=True):
            ctx.check()
            frames.append(self._frame(view.name, spec.first, style.average_frames, ctx))
        has_outlines = choices.format.is_drawn and not choices.is_clip
        outlines = [view.outlines for view in views] if has_outlines else ()
        times = source.times_s
        longest = max(abs(float(times[spec.first])), abs(float(times[spec.last])))
        time_s = float(times[spec.first])
        if not choices.format.is_drawn:
            styles = tuple(replace(style, label="") for style in styles)
        picture = render_panes(frames, styles, time_s, longest, outlines)
        n_bytes = len(spec.frames) * _bytes_of_one(choices, picture, frames, styles)
        return Preview(picture, n_bytes)

    def _frame(self, name: str, index: int, n_average: int, ctx: TaskContext) -> NDArray[Any]:
        from caiman_gui.io.clip_source import clip_frames

        key = (name, index, n_average)
        if key not in self._frames:
            with opened([self._readers[name]]) as (movie,):
                # A copy: what is read may lie in a file that is closed now.
                frame = next(clip_frames(movie, range(index, index + 1), n_average, ctx)).copy()
            self._frames[key] = frame
        self._frames.move_to_end(key)
        while len(self._frames) > _KEPT:
            self._frames.popitem(last=False)
        return self._frames[key]


def _bytes_of_one(
    choices: ClipChoices,
    picture: NDArray[np.uint8],
    frames: Sequence[NDArray[Any]],
    styles: Sequence[ClipStyle],
) -> float:
    """Estimate the space of one frame from its picture; drawn ones within a factor of about two."""
    import cv2

    if not choices.format.is_drawn:
        shapes = [
            style.cropped_shape(frame.shape) for frame, style in zip(frames, styles, strict=True)
        ]
        sizes = zip(frames, shapes, strict=True)
        return float(sum(frame.itemsize * height * width for frame, (height, width) in sizes))
    if choices.form == "tiff-rgb":
        return float(picture.nbytes)
    if choices.form in _PER_JPEG:
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        _, encoded = cv2.imencode(".jpg", picture[..., ::-1], quality)
        return float(encoded.size * _PER_JPEG[choices.form])
    _, encoded = cv2.imencode(".png", picture[..., ::-1])
    return float(encoded.size * _PER_PNG.get(choices.form, 1.0))
