"""The template: what the frames are aligned with, made from a sample of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from caiman_gui.core.checks import require_contrast, require_finite
from caiman_gui.core.motion.apply import apply_shifts
from caiman_gui.core.motion.piecewise import PiecewiseRegistrar
from caiman_gui.core.motion.rigid import NoiseSpectrum, RigidRegistrar
from caiman_gui.core.parallel import thread_map
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.params.motion import MotionParams

#: The sample holds at most this many frames and bytes (as stored), but always some frames.
SAMPLE_FRAMES = 1000
SAMPLE_BYTES = 128 * 2**20
SAMPLE_LEAST = 40
#: All rounds but the last make do with this many of its frames.
EARLY_FRAMES = 320
#: Frames that tell where the middle of the motion is.
CENTRE_FRAMES = 160
#: Frames averaged before the median over bins: the mean removes noise, the median activity.
BIN_FRAMES = 8
#: Rounds before those the user asked for: the first template is blurred by the motion itself.
START_ROUNDS = 2
#: Frames from which the spectrum of the noise is taken.
NOISE_FRAMES = 64
#: Samples registered at a time: some 30 ms of work, between two looks at the cancel button.
BATCH_SAMPLES = 2**20


class Registrar(Protocol):
    """Measures shifts against one template."""

    centers: NDArray[np.float32]
    patch_size: tuple[int, int]

    def shifts(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the corrections (n, P, 2) in px to add to frames (n, H, W)."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A template and what measures shifts against it."""

    template: NDArray[np.float32]
    registrar: Registrar


def batch_length(height: int, width: int) -> int:
    """Frames registered at a time; depends on nothing but their size, as results must."""
    return max(1, min(16, BATCH_SAMPLES // (height * width)))


def build_reference(
    movie: Movie, *, params: MotionParams, n_threads: int = 1, ctx: TaskContext = NULL_CONTEXT
) -> Reference:
    """Align a sample of frames with their own median, again and again.

    Raises
    ------
    DataError
        If the sample is constant over time or has missing values.
    """
    n_rigid = START_ROUNDS + params.template_iterations
    n_fine = params.template_iterations if params.mode == "piecewise" else 0
    rounds = [_rigid] * n_rigid + [_piecewise] * n_fine
    message = "Making the template"
    sample = _read_sample(movie, ctx)
    few = sample[:: -(-len(sample) // EARLY_FRAMES)]
    template, noise = _median(_bin_means(few, ctx), ctx), None
    for number, make in enumerate(rounds):
        is_last = number + 1 == len(rounds)
        stage = SubContext(ctx, number / len(rounds), (number + 1) / len(rounds))
        registrar = _centre(make(template, params, noise), few, n_threads, ctx)
        aligned = _align(sample if is_last else few, registrar, n_threads, stage, message)
        template = _median(aligned.bins, ctx)
        noise = NoiseSpectrum(aligned.some, template, ctx=ctx)
    last = rounds[-1](template, params, noise)
    return Reference(template, _centre(last, few, n_threads, ctx))


class _Centred:
    """A registrar whose shifts average to 0 over the sample, at each patch.

    Without this a small constant error would move the template a little in every round.
    """

    def __init__(self, registrar: Registrar, middle: NDArray[np.float32]) -> None:
        self._registrar = registrar
        self._middle = middle
        self.centers = registrar.centers
        self.patch_size = registrar.patch_size

    def shifts(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._registrar.shifts(frames) - self._middle


def _centre(
    registrar: Registrar, sample: NDArray[Any], n_threads: int, ctx: TaskContext
) -> _Centred:
    """Measure some frames of the sample to know the middle of their shifts."""
    frames = sample[:: -(-len(sample) // CENTRE_FRAMES)]
    length = batch_length(*frames.shape[1:])

    def measure(start: int) -> NDArray[np.float32]:
        return registrar.shifts(frames[start : start + length].astype(np.float32))

    starts = range(0, len(frames), length)
    shifts = np.concatenate(list(thread_map(measure, starts, n_threads=n_threads, ctx=ctx)))
    return _Centred(registrar, shifts.mean(axis=0))


@dataclass(frozen=True, eq=False)
class _Alignment:
    """Means of bins (b, H, W) and some single frames (H, W) of the sample."""

    bins: NDArray[np.float32]
    some: list[NDArray[np.float32]]


def _rigid(
    template: NDArray[np.float32], params: MotionParams, noise: NoiseSpectrum | None
) -> Registrar:
    return RigidRegistrar(
        template,
        max_shift_px=params.max_shift_px,
        noise=noise,
        highpass_px=params.highpass_px,
    )


def _piecewise(
    template: NDArray[np.float32], params: MotionParams, noise: NoiseSpectrum | None
) -> Registrar:
    return PiecewiseRegistrar(template, params=params, noise=noise)


def _read_sample(movie: Movie, ctx: TaskContext) -> NDArray[Any]:
    """Read frames spread evenly over the movie, as stored (n, H, W)."""
    n_frames, height, width = movie.shape
    fitting = SAMPLE_BYTES // (height * width * movie.dtype.itemsize)
    count = min(n_frames, SAMPLE_FRAMES, max(SAMPLE_LEAST, fitting))
    chosen = np.arange(count) * n_frames // count
    sample = np.empty((count, height, width), movie.dtype)
    is_constant = True
    for place, index in enumerate(chosen):
        ctx.check()
        frame = movie.frames(int(index), int(index) + 1)
        require_finite(frame, int(index))
        sample[place] = frame[0]
        is_constant = is_constant and bool((frame[0] == sample[0]).all())
    if is_constant:
        require_contrast(np.zeros(1))
    return sample


def _bin_length(count: int) -> int:
    return max(1, min(BIN_FRAMES, count // 5))


def _bin_means(frames: NDArray[Any], ctx: TaskContext) -> NDArray[np.float32]:
    """Mean of each bin of consecutive frames; a shorter last bin is left out."""
    length = _bin_length(len(frames))
    means = []
    for start in range(0, len(frames) - length + 1, length):
        ctx.check()
        means.append(frames[start : start + length].mean(axis=0, dtype=np.float32))
    return np.stack(means)


def _median(bins: NDArray[np.float32], ctx: TaskContext) -> NDArray[np.float32]:
    """Median over bins (b, H, W), some rows at a time."""
    template = np.empty(bins.shape[1:], np.float32)
    step = max(1, 2**20 // (len(bins) * bins.shape[2]))
    for row in range(0, bins.shape[1], step):
        ctx.check()
        template[row : row + step] = np.median(bins[:, row : row + step], axis=0)
    return template


def _align(
    sample: NDArray[Any], registrar: Registrar, n_threads: int, ctx: TaskContext, message: str
) -> _Alignment:
    """Register and move the whole sample, keeping only means of bins and a few frames."""
    length = _bin_length(len(sample))
    count = len(sample) // length * length
    every = max(1, count // NOISE_FRAMES)
    step = min(length, batch_length(*sample.shape[1:]))
    pieces = [
        (start, min(start + step, bin_start + length))
        for bin_start in range(0, count, length)
        for start in range(bin_start, bin_start + length, step)
    ]

    def align(piece: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        start, stop = piece
        frames = sample[start:stop].astype(np.float32)
        moved = apply_shifts(frames, registrar.shifts(frames), registrar.centers)
        return moved.sum(axis=0), moved[(-start) % every :: every]

    bins = np.zeros((count // length, *sample.shape[1:]), np.float32)
    some: list[NDArray[np.float32]] = []
    results = thread_map(align, pieces, n_threads=n_threads, ctx=ctx)
    for (start, stop), (total, kept) in zip(pieces, results, strict=True):
        ctx.progress(stop, count, message)
        bins[start // length] += total / length
        some.extend(kept)
    return _Alignment(bins, some)
