"""From what a user chooses in the export dialog to a clip or a picture. No Qt here."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from caiman_gui.io.clip_style import (
    CLIP_FORMATS,
    FRAME_FORMATS,
    ClipSpec,
    ClipStyle,
    panes_shape,
    require_drawable,
    time_decimals,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext
    from caiman_gui.io.clip import ClipResult
    from caiman_gui.io.clip_outline import Outline
    from caiman_gui.io.clip_style import ClipFormat

#: Sizes to choose from, besides the automatic one.
SIZES = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 8.0)
#: The automatic size is the smallest whose shorter side has so many px.
_COMFORTABLE_PX = 240
#: And whose longer side, all views together, has at most so many.
_MOST_PX = 1920


class MovieSource(Protocol):
    """Opens a movie for one thread, and closes what it opened, as often as wanted."""

    def open(self) -> Movie:
        """Return the movie."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True)
class ClipView:
    """One view of the window that can be exported.

    Attributes
    ----------
    name : str
        Such as ``Raw``.
    reader : callable
        Returns another MovieSource for each use. It is called in the UI thread, what it returns
        opens the movie in another one.
    low, high, gamma, color_map
        As the window shows it.
    outlines : tuple of Outline
        Drawn over single frames.
    """

    name: str
    reader: Callable[[], MovieSource]
    low: float
    high: float
    gamma: float = 1.0
    color_map: str = "grey"
    outlines: tuple[Outline, ...] = ()


@dataclass(frozen=True)
class ClipSource:
    """What there is to export, as the window shows it when the dialog opens.

    Attributes
    ----------
    views : tuple of ClipView
        At least one; all of the same length and shape.
    shape : (T, H, W)
    times_s : (T,) float
        When each frame was taken.
    frame_rate_hz : float
    frame : int
        The one that is shown.
    played : (first, last) or None
        The range that is played in a loop, both included; None: all.
    visible : (top, left, height, width) or None
        What is zoomed into; None: the whole field.
    pixel_size_um : float or None
    average_frames : int
    smooth_px : float
        As the window shows the movie.
    name : str
        Of the recording, for the name of the file.
    """

    views: tuple[ClipView, ...]
    shape: tuple[int, int, int]
    times_s: NDArray[np.float64]
    frame_rate_hz: float
    frame: int = 0
    played: tuple[int, int] | None = None
    visible: tuple[int, int, int, int] | None = None
    pixel_size_um: float | None = None
    average_frames: int = 1
    smooth_px: float = 0.0
    name: str = "movie"


@dataclass(frozen=True)
class ClipChoices:
    """What the user chose.

    Attributes
    ----------
    is_clip : bool
        A clip; otherwise the frame that is shown.
    span : {"all", "played", "part"}
        All frames, those of the loop, or ``first`` ... ``last``.
    first, last : int
        Counted from 0, both included.
    clip_form, frame_form : str
        Keys of CLIP_FORMATS and FRAME_FORMATS.
    speed : float
        Times as fast as recorded.
    step : int
        Only every so manyth frame.
    average_frames : int
    views : tuple of str
        Names of those shown side by side; empty: all.
    size : float or None
        Pixels of the picture per pixel of the movie; None: automatic.
    is_visible_only : bool
        Only the part that is zoomed into.
    has_bar, has_time, has_labels : bool
    bar_um : float or None
        None: automatic.
    """

    is_clip: bool = True
    span: str = "all"
    first: int = 0
    last: int = 0
    clip_form: str = "mp4"
    frame_form: str = "png"
    speed: float = 1.0
    step: int = 1
    average_frames: int = 1
    views: tuple[str, ...] = ()
    size: float | None = None
    is_visible_only: bool = False
    has_bar: bool = True
    bar_um: float | None = None
    has_time: bool = True
    has_labels: bool = True

    @property
    def form(self) -> str:
        """Key of the format that counts now."""
        return self.clip_form if self.is_clip else self.frame_form

    @property
    def format(self) -> ClipFormat:
        """The format that counts now."""
        return CLIP_FORMATS[self.clip_form] if self.is_clip else FRAME_FORMATS[self.frame_form]


@dataclass(frozen=True)
class ClipJob:
    """One export, with all it needs; it is run in another thread.

    Attributes
    ----------
    path : Path
    readers : tuple of MovieSource
    styles : tuple of ClipStyle
    outlines : tuple of tuples of Outline
        Over a single frame of each view.
    spec : ClipSpec
        For a single frame, that one.
    form : str
    is_clip : bool
    times_s : (T,) float
    """

    path: Path
    readers: tuple[MovieSource, ...]
    styles: tuple[ClipStyle, ...]
    outlines: tuple[tuple[Outline, ...], ...]
    spec: ClipSpec
    form: str
    is_clip: bool
    times_s: NDArray[np.float64]

    def run(self, ctx: TaskContext) -> ClipResult | None:
        """Write the file. Returns what was written; None for a single frame."""
        with opened(self.readers) as movies:
            if self.is_clip:
                from caiman_gui.io.clip import write_clip

                return write_clip(
                    movies, self.path, self.spec, self.styles, self.times_s, form=self.form, ctx=ctx
                )
            self._write_frame(movies, ctx)
        return None

    def _write_frame(self, movies: Sequence[Movie], ctx: TaskContext) -> None:
        from caiman_gui.io.clip_source import clip_frames
        from caiman_gui.io.frame_picture import write_frame

        frames = [
            next(clip_frames(movie, self.spec.frames, style.average_frames, ctx))
            for movie, style in zip(movies, self.styles, strict=True)
        ]
        write_frame(
            self.path, frames, self.styles, form=self.form,
            time_s=float(self.times_s[self.spec.first]),
            outlines=self.outlines,
        )  # fmt: skip


@contextmanager
def opened(readers: Sequence[MovieSource]) -> Iterator[list[Movie]]:
    """Open movies, and close them afterwards."""
    with ExitStack() as stack:
        movies = []
        for reader in readers:
            stack.callback(reader.close)
            movies.append(reader.open())
        yield movies


def starting_choices(source: ClipSource, former: ClipChoices | None = None) -> ClipChoices:
    """Return what the dialog begins with: the former choices, as far as they fit this source."""
    span = "played" if source.played is not None else "all"
    first, last = source.played or (0, source.shape[0] - 1)
    names = {view.name for view in source.views}
    choices = former or ClipChoices(has_labels=len(names) > 1)
    return replace(
        choices, span=span, first=first, last=last, average_frames=source.average_frames,
        views=tuple(name for name in choices.views if name in names),
        is_visible_only=source.visible is not None,
        is_clip=choices.is_clip and source.shape[0] > 1,
        bar_um=choices.bar_um if source.pixel_size_um is not None else None,
    )  # fmt: skip


def chosen_views(source: ClipSource, choices: ClipChoices) -> tuple[ClipView, ...]:
    """Return the views that are exported, in the order of the window."""
    found = tuple(view for view in source.views if view.name in choices.views)
    return found or source.views


def make_spec(source: ClipSource, choices: ClipChoices) -> ClipSpec:
    """Return the frames of an export, and their speed."""
    if not choices.is_clip:
        return ClipSpec(source.frame, source.frame)
    first, last = {
        "all": (0, source.shape[0] - 1),
        "played": source.played or (0, source.shape[0] - 1),
    }.get(choices.span, (choices.first, choices.last))
    spec = ClipSpec.at_speed(
        first, last, choices.step, speed=choices.speed, frame_rate_hz=source.frame_rate_hz
    )
    return spec.limited(choices.format.max_fps)


def make_styles(source: ClipSource, choices: ClipChoices) -> tuple[ClipStyle, ...]:
    """Return how each view is shown; scale bar and time stand in the first one only.

    Original values have neither, nor any other size; their labels are names of channels.
    """
    crop = source.visible if choices.is_visible_only else None
    is_drawn = choices.format.is_drawn
    size = (choices.size or automatic_size(source, choices)) if is_drawn else 1.0
    has_label = choices.has_labels or not is_drawn
    interval = choices.step / source.frame_rate_hz
    return tuple(
        ClipStyle(
            view.low, view.high, view.gamma, view.color_map, scale=size, crop=crop,
            show_scale_bar=choices.has_bar and is_drawn and number == 0,
            scale_bar_um=choices.bar_um, pixel_size_um=source.pixel_size_um,
            show_time=choices.has_time and is_drawn and number == 0,
            time_decimals=time_decimals(interval), label=view.name if has_label else "",
            average_frames=choices.average_frames,
            smooth_px=source.smooth_px if is_drawn else 0.0,
        )
        for number, view in enumerate(chosen_views(source, choices))
    )  # fmt: skip


def automatic_size(source: ClipSource, choices: ClipChoices) -> float:
    """Return a size that can be looked at: not tiny, and not beyond a usual screen."""
    crop = source.visible if choices.is_visible_only else None
    height, width = crop[2:] if crop is not None else source.shape[1:]
    width *= len(chosen_views(source, choices))
    fitting = [size for size in SIZES if max(height, width) * size <= _MOST_PX]
    large = [size for size in SIZES if min(height, width) * size >= _COMFORTABLE_PX]
    wanted = max(1.0, large[0] if large else SIZES[-1])
    return max((size for size in fitting if size <= wanted), default=SIZES[0])


def picture_shape(source: ClipSource, choices: ClipChoices) -> tuple[int, int]:
    """Return (height, width) in px of what is written."""
    styles = make_styles(source, choices)
    if not choices.format.is_drawn:
        return styles[0].cropped_shape(source.shape[1:])
    return panes_shape([style.picture_shape(source.shape[1:]) for style in styles])


def require_possible(source: ClipSource, choices: ClipChoices) -> None:
    """Refuse choices of which nothing can be made.

    Raises
    ------
    ParameterError
    """
    if choices.format.is_drawn:
        styles = make_styles(source, choices)
        require_drawable([source.shape[1:]] * len(styles), styles)


def make_job(source: ClipSource, choices: ClipChoices, path: Path) -> ClipJob:
    """Return the export that was chosen, into a file."""
    views = chosen_views(source, choices)
    return ClipJob(
        path, tuple(view.reader() for view in views), make_styles(source, choices),
        tuple(view.outlines for view in views), make_spec(source, choices), choices.form,
        choices.is_clip, source.times_s,
    )  # fmt: skip
