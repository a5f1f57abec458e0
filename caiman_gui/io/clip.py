"""A part of one movie, or of several side by side, written as video, animation or TIFF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.task import NULL_CONTEXT
from caiman_gui.errors import ParameterError
from caiman_gui.files import atomic_path
from caiman_gui.io.clip_render import left_out, render_panes
from caiman_gui.io.clip_source import clip_frames
from caiman_gui.io.clip_style import CLIP_FORMATS, panes_shape, require_drawable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext
    from caiman_gui.io.clip_style import ClipSpec, ClipStyle

#: Room for the directory of one frame in a TIFF.
_DIRECTORY_BYTES = 512
#: Wider or higher videos are refused by many players.
_PLAYABLE_PX = 4096
_MESSAGE = "Writing the clip"


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What was written.

    Attributes
    ----------
    path : Path
    n_frames : int
    width, height : int
        In px of the file.
    fps : float
        Pictures per second; for original values, frames per second of the recording.
    codec : str
        ``libx264``, ``mpeg4``, ``mjpeg``, ``gif``, or the kind of TIFF.
    n_bytes : int
    notes : tuple of str
        What a user should know: something was left out, another codec was used.
    """

    path: Path
    n_frames: int
    width: int
    height: int
    fps: float
    codec: str
    n_bytes: int
    notes: tuple[str, ...] = ()


def write_clip(
    movies: Sequence[Movie],
    path: Path,
    spec: ClipSpec,
    styles: Sequence[ClipStyle],
    times_s: NDArray[np.float64],
    *,
    form: str = "",
    ctx: TaskContext = NULL_CONTEXT,
) -> ClipResult:
    """Write a clip, in bounded memory whatever its length.

    Parameters
    ----------
    movies : sequence of Movie
        Shown side by side; as TIFF of original values, they become channels.
    path : Path
        Appears when complete; cancelling leaves nothing, and an older file untouched.
    spec : ClipSpec
        Which frames. A format that plays fewer pictures a second than asked for gets fewer, at
        the same speed.
    styles : sequence of ClipStyle
        One per movie. For original values only crop, averaging and pixel size matter.
    times_s : (T,) float
        When each frame was taken.
    form : str
        A key of ``CLIP_FORMATS``; empty: by the suffix of the path.
    ctx : TaskContext

    Returns
    -------
    ClipResult

    Raises
    ------
    ParameterError
        If the frames are not in the movies, or such a picture cannot be made.
    ResourceError
        If the disk is full or may not be written.
    """
    form = form or _form_of(path)
    spec = spec.limited(CLIP_FORMATS[form].max_fps)
    _require_frames(movies, spec, times_s)
    notes: list[str] = []
    if form == "tiff":
        plan = _values_plan(movies, spec, styles, times_s, ctx)
    else:
        shapes = [(movie.shape[1], movie.shape[2]) for movie in movies]
        require_drawable(shapes, styles)
        pictures = _Pictures(movies, spec, styles, times_s, ctx)
        omitted = left_out(shapes, styles, pictures.longest_s, pictures.longest_s)
        notes += [f"The picture is too small for the {words}." for words in omitted]
        plan = _drawn_plan(form, pictures)
    with atomic_path(path, needed_bytes=plan.needed_bytes) as temporary:
        codec = plan.write(temporary)
        n_bytes = temporary.stat().st_size
    notes += _notes(form, codec, plan.shape)
    height, width = plan.shape
    return ClipResult(path, len(spec.frames), width, height, plan.fps, codec, n_bytes, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one format is written, known before it begins."""

    write: Callable[[Path], str]
    shape: tuple[int, int]
    fps: float
    needed_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Pictures:
    """The pictures of a clip, made one by one."""

    movies: Sequence[Movie]
    spec: ClipSpec
    styles: Sequence[ClipStyle]
    times_s: NDArray[np.float64]
    ctx: TaskContext

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) of each."""
        pairs = zip(self.movies, self.styles, strict=True)
        return panes_shape([style.picture_shape(movie.shape[1:]) for movie, style in pairs])

    @property
    def longest_s(self) -> float:
        """The time with the most digits."""
        return float(np.max(np.abs(self.times_s[[self.spec.frames[0], self.spec.frames[-1]]])))

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        frames, longest_s = self.spec.frames, self.longest_s
        sources = [
            clip_frames(movie, frames, style.average_frames, self.ctx)
            for movie, style in zip(self.movies, self.styles, strict=True)
        ]
        for done, (index, *panes) in enumerate(zip(frames, *sources, strict=True)):
            self.ctx.check()
            self.ctx.progress(done, len(frames), _MESSAGE)
            yield render_panes(panes, self.styles, float(self.times_s[index]), longest_s)
        self.ctx.progress(len(frames), len(frames), _MESSAGE)


def _drawn_plan(form: str, pictures: _Pictures) -> _Plan:
    shape, n_pictures, fps = pictures.shape, len(pictures.spec.frames), pictures.spec.playback_fps
    if form == "tiff-rgb":
        from caiman_gui.io.clip_tiff import write_rgb_tiff

        def write(temporary: Path) -> str:
            return write_rgb_tiff(temporary, pictures, n_pictures, shape, fps)

        return _Plan(write, shape, fps, n_pictures * (shape[0] * shape[1] * 3 + _DIRECTORY_BYTES))

    from caiman_gui.io.clip_video import open_video

    color_maps = [style.color_map for style in pictures.styles]

    def encode(temporary: Path) -> str:
        with open_video(
            temporary, form, shape, fps, n_frames=n_pictures, color_maps=color_maps
        ) as video:
            for picture in pictures:
                video.add(picture)
            return video.codec

    # Colour is stored for 2 x 2 pixels: an odd side gets one more row or column.
    even = shape if form == "gif" else (shape[0] + shape[0] % 2, shape[1] + shape[1] % 2)
    return _Plan(encode, even, fps)


def _values_plan(
    movies: Sequence[Movie],
    spec: ClipSpec,
    styles: Sequence[ClipStyle],
    times_s: NDArray[np.float64],
    ctx: TaskContext,
) -> _Plan:
    from caiman_gui.io.clip_tiff import TiffFacts, tiff_dtype, write_tiff

    shapes = {
        style.cropped_shape(movie.shape[1:]) for movie, style in zip(movies, styles, strict=True)
    }
    if len(shapes) > 1:
        sizes = " and ".join(f"{width} x {height} px" for height, width in sorted(shapes))
        raise ParameterError(
            "The views do not have the same size",
            f"In one TIFF all views must; these have {sizes}.",
            "Choose one view, or write them one by one.",
        )
    shape = shapes.pop()
    means = [np.dtype(np.float32)] if any(style.average_frames > 1 for style in styles) else []
    dtype = tiff_dtype([*(np.dtype(movie.dtype) for movie in movies), *means])
    interval_s = _interval(times_s, spec)
    facts = TiffFacts(
        (len(spec.frames), len(movies), *shape),
        dtype,
        interval_s,
        styles[0].pixel_size_um,
        tuple(style.label for style in styles),
        (styles[0].low, styles[0].high),
    )

    def frames() -> Iterator[NDArray[Any]]:
        sources = [
            clip_frames(movie, spec.frames, style.average_frames, ctx)
            for movie, style in zip(movies, styles, strict=True)
        ]
        for done, panes in enumerate(zip(*sources, strict=True)):
            ctx.check()
            ctx.progress(done, len(spec.frames), _MESSAGE)
            for pane, style in zip(panes, styles, strict=True):
                top, left, *_ = style.crop or (0, 0)
                yield pane[top : top + shape[0], left : left + shape[1]]
        ctx.progress(len(spec.frames), len(spec.frames), _MESSAGE)

    def write(temporary: Path) -> str:
        return write_tiff(temporary, frames(), facts)

    return _Plan(write, shape, 1 / interval_s if interval_s else 0.0, facts.n_bytes)


def _notes(form: str, codec: str, shape: tuple[int, int]) -> list[str]:
    notes = []
    if codec == "mpeg4":
        notes.append("H.264 is not available here: MPEG-4 was used, which needs more space.")
    if form == "mp4" and max(shape) > _PLAYABLE_PX:
        notes.append(f"Many players show at most {_PLAYABLE_PX:,} px; a smaller size is safer.")
    return notes


def _interval(times_s: NDArray[np.float64], spec: ClipSpec) -> float | None:
    """Seconds from one frame of a clip to the next; None if that cannot be told."""
    first, last, n_frames = spec.frames[0], spec.frames[-1], len(spec.frames)
    if n_frames == 1:  # what would follow, had the clip another frame
        first, last = max(0, first - 1), min(len(times_s) - 1, first + 1)
        n_frames = last - first + 1
    seconds = float(times_s[last] - times_s[first])
    return seconds / (n_frames - 1) if n_frames > 1 and seconds > 0 else None


def _require_frames(movies: Sequence[Movie], spec: ClipSpec, times_s: NDArray[np.float64]) -> None:
    n_frames = min(len(times_s), *(movie.shape[0] for movie in movies))
    if spec.last >= n_frames:
        raise ParameterError(
            "The clip ends after the movie",
            f"It was to end with frame {spec.last + 1:,}; the movie has {n_frames:,}.",
            "Choose an earlier last frame.",
        )


def _form_of(path: Path) -> str:
    suffix = path.suffix.lower().replace(".tiff", ".tif")
    for name, form in CLIP_FORMATS.items():
        if form.suffix == suffix:
            return name
    known = ", ".join(dict.fromkeys(form.suffix for form in CLIP_FORMATS.values()))
    raise ParameterError(
        "Unknown kind of clip", f"{path.name} has none of the suffixes {known}.", "Choose one."
    )
