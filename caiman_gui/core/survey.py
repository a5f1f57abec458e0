"""A quick look through a recording: its course, its range, and what seems to be wrong with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from scipy import ndimage

from caiman_gui.core.checks import FEW_FRAMES
from caiman_gui.core.prepare.frozen import freeze_arrays
from caiman_gui.core.prepare.levels import LevelCounter, saturation_level
from caiman_gui.core.prepare.sampling import affordable_frames, sample_runs, sampled_images
from caiman_gui.core.task import NULL_CONTEXT, TaskContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie

#: Bytes of frames that are looked at, whatever the length: a few seconds for slow formats.
BUDGET_BYTES = 256 * 2**20
MOST_FRAMES = 2000
N_BINS = 256
#: A frame is a flash or a gap if its brightness is so many times that of the others, or more.
BRIGHT, DARK = 1.5, 0.5

_RUN, _LEAST_FRAMES = 8, 16
_THUMBNAIL_PX = 96
_JUMP = 8.0  # in standard deviations of the usual brightness from its course
_WORTH_TELLING = 1e-5  # share of the samples
_FEW_BITS = 5
_MESSAGE = "Looking through the recording"


@dataclass(frozen=True, eq=False)
class Survey:
    """What a sample of the frames of a recording shows.

    Attributes
    ----------
    sampled_frames : (n,) int64
        Which frames were looked at, ascending.
    mean_intensity : (n,) float64
        Mean of each of them.
    minimum, maximum : float
        Smallest and largest sample.
    histogram : (256,) int64
        Samples in each bin, of all or an even part of them.
    bin_edges : (257,) float64
        Whole numbers apart where the samples are whole numbers.
    saturation_level : float or None
        The limit of the detector; None if no sample reaches it.
    saturated_share, negative_share, missing_share : float
        Shares of the samples at that limit, below 0, and that are no number: 0 ... 1.
    n_constant_frames : int
        Frames looked at in which all samples are the same.
    n_repeated_frames : int
        Frames looked at that equal the one right before.
    dark_frames, bright_frames : (k,) int64
        Frames looked at whose brightness jumps: shutter closed or frame lost; light leaked in.
    bit_depth : int or None
        Bits needed for the levels that occur, such as 12; None for real numbers.
    thumbnails : tuple of (int, (h, w) uint8)
        Frame and small picture, all with one contrast.
    """

    sampled_frames: NDArray[np.int64]
    mean_intensity: NDArray[np.float64]
    minimum: float
    maximum: float
    histogram: NDArray[np.int64]
    bin_edges: NDArray[np.float64]
    saturation_level: float | None
    saturated_share: float
    negative_share: float
    missing_share: float
    n_constant_frames: int
    n_repeated_frames: int
    dark_frames: NDArray[np.int64]
    bright_frames: NDArray[np.int64]
    bit_depth: int | None
    thumbnails: tuple[tuple[int, NDArray[np.uint8]], ...]

    def __post_init__(self) -> None:
        freeze_arrays(self)


def survey(
    movie: Movie,
    *,
    ctx: TaskContext = NULL_CONTEXT,
    n_thumbnails: int = 12,
    budget_bytes: int = BUDGET_BYTES,
) -> Survey:
    """Look at up to 2000 frames spread over a recording, in short runs.

    Parameters
    ----------
    movie : Movie (T, H, W)
        As recorded.
    ctx : TaskContext
    n_thumbnails : int
        At most so many small pictures.
    budget_bytes : int
        Of frames that are read. Which frames those are depends on nothing else, so that a second
        look sees the same.

    Returns
    -------
    Survey
    """
    n_frames, height, width = movie.shape
    wanted = affordable_frames(movie, budget_bytes, MOST_FRAMES, least=_LEAST_FRAMES)
    runs = sample_runs(n_frames, wanted, _RUN)
    sampled = np.array([f for start, stop in runs for f in range(start, stop)], np.int64)
    pictured = _spread(sampled, n_thumbnails)
    look = _Look(movie.dtype, sampled.size * height * width, width)
    for frame, follows, image in sampled_images(movie, runs, ctx, _MESSAGE):
        look.add(image, follows)
        if frame in pictured:
            look.picture(frame, image)
    ctx.progress(1, 1, _MESSAGE)
    return _summarise(look, sampled, movie.dtype)


def _spread(frames: NDArray[np.int64], count: int) -> set[int]:
    """Choose some of the frames evenly."""
    if frames.size == 0 or count < 1:
        return set()
    places = np.linspace(0, frames.size - 1, min(count, frames.size))
    return {int(frame) for frame in frames[np.rint(places).astype(int)]}


class _Look:
    """What is gathered frame by frame."""

    def __init__(self, dtype: np.dtype[Any], n_samples: int, row_length: int) -> None:
        self.means: list[float] = []
        self.minimum, self.maximum = math.inf, -math.inf
        self.n_samples = self.n_negative = self.n_missing = 0
        self.n_constant = self.n_repeated = 0
        self.levels = LevelCounter(dtype, n_samples, row_length)
        self.pictures: list[tuple[int, NDArray[np.float32]]] = []
        self._may_be_negative = dtype.kind in "if"
        self._may_be_missing = dtype.kind == "f"
        self._last: NDArray[Any] | None = None

    def add(self, image: NDArray[Any], follows: bool) -> None:
        """Add a frame (H, W), and whether it comes right after the one before."""
        self.levels.add(image)
        self.n_samples += image.size
        if follows and self._last is not None:
            self.n_repeated += bool(np.array_equal(image, self._last))
        self._last = image
        if self._may_be_missing:
            image = image[np.isfinite(image)]
            self.n_missing += self._last.size - image.size
        if image.size == 0:
            self.means.append(math.nan)
            return
        lowest, highest = float(image.min()), float(image.max())
        self.means.append(float(image.mean(dtype=np.float64)))
        self.minimum, self.maximum = min(self.minimum, lowest), max(self.maximum, highest)
        self.n_constant += lowest == highest
        if self._may_be_negative and lowest < 0:
            self.n_negative += int(np.count_nonzero(image < 0))

    def picture(self, frame: int, image: NDArray[Any]) -> None:
        """Keep a small picture of a frame."""
        height, width = image.shape
        scale = min(1.0, _THUMBNAIL_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        with np.errstate(over="ignore"):
            real = np.nan_to_num(image.astype(np.float32), posinf=0, neginf=0)
        small = cv2.resize(real, size, interpolation=cv2.INTER_AREA)
        self.pictures.append((frame, np.asarray(small, np.float32)))


def _summarise(look: _Look, sampled: NDArray[np.int64], dtype: np.dtype[Any]) -> Survey:
    levels, counts = look.levels.levels()
    limit = saturation_level(levels, counts, dtype)
    n_counted = max(1, int(counts.sum()))
    histogram, edges = _histogram(levels, counts)
    means = np.array(look.means, np.float64)
    dark, bright = _jumps(means, levels, counts)
    has_levels = levels.size > 0
    return Survey(
        sampled_frames=sampled,
        mean_intensity=means,
        minimum=look.minimum if has_levels else math.nan,
        maximum=look.maximum if has_levels else math.nan,
        histogram=histogram,
        bin_edges=edges,
        saturation_level=limit,
        saturated_share=0.0 if limit is None else int(counts[-1]) / n_counted,
        negative_share=look.n_negative / max(1, look.n_samples),
        missing_share=look.n_missing / max(1, look.n_samples),
        n_constant_frames=look.n_constant,
        n_repeated_frames=look.n_repeated,
        dark_frames=sampled[dark],
        bright_frames=sampled[bright],
        bit_depth=_bit_depth(levels),
        thumbnails=_with_one_contrast(look.pictures),
    )


def _histogram(
    levels: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Histogram (256,) and its edges (257,); bins of whole numbers are whole numbers wide."""
    if levels.size == 0:
        return np.zeros(N_BINS, np.int64), np.linspace(0, 1, N_BINS + 1)
    low, high = float(levels[0]), float(levels[-1])
    if _are_whole(levels):
        step = max(1.0, math.ceil((high + 1 - low) / N_BINS))
        edges = low + step * np.arange(N_BINS + 1, dtype=np.float64)
    else:
        edges = np.linspace(low, high if high > low else low + 1, N_BINS + 1, dtype=np.float64)
    found, _ = np.histogram(levels, edges, weights=counts)
    return np.rint(found).astype(np.int64), edges


def _are_whole(levels: NDArray[np.float64]) -> bool:
    return bool((np.abs(levels) < 2**31).all() and (levels == np.rint(levels)).all())


def _bit_depth(levels: NDArray[np.float64]) -> int | None:
    """Bits that the levels which occur need, at the step in which they come."""
    if levels.size < 2 or not _are_whole(levels):
        return None
    steps = np.diff(levels).astype(np.int64)
    step = int(np.gcd.reduce(steps))
    return (int(levels[-1] - levels[0]) // step).bit_length()


def _jumps(
    means: NDArray[np.float64], levels: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which frames (n,) are far darker or brighter than those around them in time.

    Brightness is counted from the darkest pixels: an offset of the detector is no light.
    """
    known = np.isfinite(means)
    if known.sum() < _LEAST_FRAMES:
        return np.zeros(means.size, bool), np.zeros(means.size, bool)
    filled = np.where(known, means, np.median(means[known]))
    window = max(15, min(501, means.size // 8)) | 1
    course = ndimage.median_filter(filled, window, mode="mirror")
    change = filled - course
    spread = 1.4826 * float(np.median(np.abs(change)))
    share = np.cumsum(counts) / counts.sum()
    floor = float(levels[np.searchsorted(share, 0.001)])
    usual, light = np.maximum(course - floor, 0), filled - floor
    far = known & (np.abs(change) > _JUMP * spread) & (usual > 0)
    return (
        _sudden(filled, change, far & (light < DARK * usual)),
        _sudden(filled, change, far & (light > BRIGHT * usual)),
    )


def _sudden(
    means: NDArray[np.float64], change: NDArray[np.float64], far: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Keep runs of frames that begin or end at once, not those at the top of a slow wave."""
    runs, count = ndimage.label(far)
    steps = np.abs(np.diff(means, prepend=means[0], append=means[-1]))  # before each frame
    kept = np.zeros_like(far)
    for (run,) in ndimage.find_objects(runs, count):
        if max(steps[run.start], steps[run.stop]) > 0.5 * np.abs(change[run]).max():
            kept[run] = True
    return kept


def _with_one_contrast(
    pictures: list[tuple[int, NDArray[np.float32]]],
) -> tuple[tuple[int, NDArray[np.uint8]], ...]:
    """Turn small pictures into bytes, from the darkest 1 % to the brightest 0.5 %."""
    if not pictures:
        return ()
    low, high = np.percentile(np.concatenate([p.ravel() for _, p in pictures]), (1, 99.5))
    scale = 255 / max(float(high - low), 1e-12)
    return tuple(
        (frame, np.clip((picture - low) * scale, 0, 255).astype(np.uint8))
        for frame, picture in pictures
    )


def survey_warnings(survey: Survey, n_frames: int) -> tuple[str, ...]:
    """Tell what a survey gives reason to be careful about, a sentence or two for each.

    Parameters
    ----------
    survey : Survey
    n_frames : int
        That are left after trimming and binning.
    """
    found = []
    if n_frames < FEW_FRAMES:
        found.append(
            f"The movie has only {n_frames} frame{'s' if n_frames != 1 else ''}: results from so "
            "few frames are uncertain."
        )
    if survey.missing_share > 0:
        found.append(
            f"{_percent(survey.missing_share)} of the samples are no numbers (NaN or infinite). "
            "Frames that hold such samples cannot be processed: fill them in or leave them out."
        )
    if survey.saturation_level is not None and survey.saturated_share > _WORTH_TELLING:
        found.append(
            f"{_percent(survey.saturated_share)} of the samples are saturated: they are at "
            f"{survey.saturation_level:g}, the limit of the detector. What was brighter is lost, "
            "and cells are cut off there. prepare.exclude_bad_pixels leaves out pixels that are "
            "saturated often."
        )
    if survey.negative_share > _WORTH_TELLING:
        found.append(_negative(survey))
    if survey.bit_depth is not None and survey.bit_depth <= _FEW_BITS:
        found.append(
            f"The samples take at most {2**survey.bit_depth} different levels "
            f"({survey.bit_depth} bits): small changes of brightness are lost between them."
        )
    return (*found, *_odd_frames(survey))


def _negative(survey: Survey) -> str:
    share, least = _percent(survey.negative_share), f"{survey.minimum:g}"
    if survey.minimum <= -(2**14) and survey.maximum >= 2**14 and survey.bit_depth == 16:
        return (
            f"{share} of the samples are below 0, down to {least}. Where the brightest places "
            "look darkest, samples without a sign were stored as signed ones: export the movie "
            "as unsigned 16-bit integers."
        )
    return (
        f"{share} of the samples are below 0, down to {least}: an offset was subtracted from them. "
        "That does not disturb finding cells, but dF/F is wrong where the baseline is near 0."
    )


def _odd_frames(survey: Survey) -> list[str]:
    """Tell of frames that are blank, copies, or of another brightness."""
    looked = f"of the {survey.sampled_frames.size} frames looked at"
    found = []
    if survey.n_constant_frames:
        found.append(
            f"{survey.n_constant_frames} {looked} are blank: all their samples are the same."
        )
    if survey.n_repeated_frames:
        found.append(
            f"{survey.n_repeated_frames} {looked} are copies of the frame before: a lost frame "
            "may have been filled in."
        )
    for frames, what, why in (
        (survey.dark_frames, "darker", "the shutter was closed, or they are not complete"),
        (survey.bright_frames, "brighter", "light leaked in, or a lamp was switched on"),
    ):
        if frames.size:
            found.append(
                f"{frames.size} {looked} are suddenly much {what} than the others, the first is "
                f"frame {int(frames[0]) + 1}: perhaps {why}. If they lie at the start or the end, "
                "prepare.trim_start_frames and prepare.trim_end_frames leave them out."
            )
    return found


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.2g} %" if percent < 9.95 else f"{percent:.0f} %"
