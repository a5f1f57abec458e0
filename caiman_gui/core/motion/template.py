"""The template: what the frames are aligned with, made from a sample of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from caiman_gui.core.budget import DEFAULT_BYTES
from caiman_gui.core.motion.apply import apply_shifts
from caiman_gui.core.motion.masking import MaskedRegistrar, RegionFill
from caiman_gui.core.motion.piecewise import PiecewiseRegistrar
from caiman_gui.core.motion.rigid import NoiseSpectrum, RigidRegistrar
from caiman_gui.core.motion.sample import Sample, bin_length
from caiman_gui.core.parallel import thread_map
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.params.motion import MotionParams

if TYPE_CHECKING:
    Maker = Callable[[NDArray[np.float32], MotionParams, NoiseSpectrum | None], "Registrar"]

#: All rounds but the last make do with this many of its frames.
EARLY_FRAMES = 320
#: Frames that tell where the middle of the motion is.
CENTRE_FRAMES = 160
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
    movie: Movie,
    *,
    params: MotionParams,
    excluded: NDArray[np.bool_] | None = None,
    n_threads: int = 1,
    memory_bytes: int = DEFAULT_BYTES,
    ctx: TaskContext = NULL_CONTEXT,
) -> Reference:
    """Align a sample of frames with their own median, again and again.

    Parameters
    ----------
    movie : Movie (T, H, W)
    params : MotionParams
    excluded : (H, W) bool, optional
        Pixels that are not looked at.
    n_threads, memory_bytes : int
    ctx : TaskContext

    Raises
    ------
    DataError
        If the sample is constant over time or has missing values.
    """
    n_rigid = START_ROUNDS + params.template_iterations
    n_fine = params.template_iterations if params.mode == "piecewise" else 0
    rounds: list[Maker] = [*[_rigid] * n_rigid, *[_piecewise] * n_fine]
    if excluded is not None and excluded.any():
        fill = RegionFill(excluded)
        rounds = [partial(_masked, make, fill) for make in rounds]
    message = "Making the template"
    sample = Sample.of(movie, memory_bytes, ctx)
    few = sample.thinned(EARLY_FRAMES)
    template, noise = _median(_bin_means(few, ctx), ctx), None
    for number, make in enumerate(rounds):
        is_last = number + 1 == len(rounds)
        stage = SubContext(ctx, number / len(rounds), (number + 1) / len(rounds))
        registrar = _centre(make(template, params, noise), few, n_threads, ctx)
        used = sample if is_last else few
        aligned = _align(used, registrar, n_threads, stage, message)
        template = _median(aligned.bins, ctx)
        some = _moved(used, aligned.some, registrar)
        noise = NoiseSpectrum(some, template, ctx=ctx)
        del aligned
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


def _centre(registrar: Registrar, sample: Sample, n_threads: int, ctx: TaskContext) -> _Centred:
    """Measure some frames of the sample to know the middle of their shifts."""
    frames = sample.thinned(CENTRE_FRAMES)
    length = batch_length(*sample.fov_shape)

    def measure(start: int) -> NDArray[np.float32]:
        return registrar.shifts(frames.read(start, start + length))

    starts = range(0, len(frames), length)
    shifts = np.concatenate(list(thread_map(measure, starts, n_threads=n_threads, ctx=ctx)))
    return _Centred(registrar, shifts.mean(axis=0))


@dataclass(frozen=True, eq=False)
class _Alignment:
    """Means of bins (b, H, W), and the shifts (P, 2) of some places in the sample."""

    bins: NDArray[np.float32]
    some: list[tuple[int, NDArray[np.float32]]]


def _rigid(
    template: NDArray[np.float32], params: MotionParams, noise: NoiseSpectrum | None
) -> Registrar:
    return RigidRegistrar(
        template,
        max_shift_px=params.max_shift_px,
        noise=noise,
        highpass_px=params.highpass_px,
    )


def _masked(
    make: Maker,
    fill: RegionFill,
    template: NDArray[np.float32],
    params: MotionParams,
    noise: NoiseSpectrum | None,
) -> Registrar:
    return MaskedRegistrar(make(fill.apply(template[None])[0], params, noise), fill)


def _piecewise(
    template: NDArray[np.float32], params: MotionParams, noise: NoiseSpectrum | None
) -> Registrar:
    return PiecewiseRegistrar(template, params=params, noise=noise)


def _bin_means(sample: Sample, ctx: TaskContext) -> NDArray[np.float32]:
    """Mean of each bin of consecutive frames; a shorter last bin is left out."""
    length = bin_length(len(sample))
    means = []
    for start in range(0, len(sample) - length + 1, length):
        ctx.check()
        means.append(sample.read(start, start + length).mean(axis=0))
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
    sample: Sample, registrar: Registrar, n_threads: int, ctx: TaskContext, message: str
) -> _Alignment:
    """Register and move the whole sample, keeping only means of bins and a few shifts."""
    length = bin_length(len(sample))
    count = len(sample) // length * length
    every = max(1, count // NOISE_FRAMES)
    step = min(length, batch_length(*sample.fov_shape))
    pieces = [
        (start, min(start + step, bin_start + length))
        for bin_start in range(0, count, length)
        for start in range(bin_start, bin_start + length, step)
    ]

    def align(piece: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        frames = sample.read(*piece)
        shifts = registrar.shifts(frames)
        return apply_shifts(frames, shifts, registrar.centers).sum(axis=0), shifts

    bins = np.zeros((count // length, *sample.fov_shape), np.float32)
    some: list[tuple[int, NDArray[np.float32]]] = []
    results = thread_map(align, pieces, n_threads=n_threads, ctx=ctx)
    for (start, stop), (total, shifts) in zip(pieces, results, strict=True):
        ctx.progress(stop, count, message)
        bins[start // length] += total / length
        some.extend((at, shifts[at - start]) for at in range(start, stop) if at % every == 0)
    return _Alignment(bins, some)


def _moved(
    sample: Sample, some: list[tuple[int, NDArray[np.float32]]], registrar: Registrar
) -> Iterator[NDArray[np.float32]]:
    """Yield single frames of the sample, moved once more: cheaper than to keep them."""
    for place, shifts in some:
        yield apply_shifts(sample.read(place, place + 1), shifts[None], registrar.centers)[0]
