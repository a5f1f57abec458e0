"""Find how far the odd lines of a bidirectional scan lie beside the even ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import fft, linalg, ndimage

from caiman_gui.core.parallel import thread_map
from caiman_gui.core.prepare.frozen import freeze_arrays
from caiman_gui.core.prepare.lines import correct_scan_phase
from caiman_gui.core.prepare.sampling import affordable_frames, sample_runs
from caiman_gui.core.task import NULL_CONTEXT, TaskContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie

#: Offsets are looked for up to this far.
MAX_OFFSET_PX = 12.0
#: A smaller offset is not worth the blur and the uneven noise of interpolated lines.
LEAST_OFFSET_PX = 0.25
#: Correcting is recommended from this confidence on.
LEAST_CONFIDENCE = 0.95

_SEGMENTS, _MOST_FRAMES, _BUDGET_BYTES = 16, 480, 256 * 2**20
_READ_BYTES, _IMAGE_BYTES = 16 * 2**20, 128 * 2**20
_BANDS = 16  # groups of lines
#: Half of the groups, in 15 balanced ways: each pair of groups is split as often as any other.
_HALVES = linalg.hadamard(_BANDS)[1:] > 0
_MIN_ROWS, _MIN_COLS = 8, 16
#: Finest detail that counts, in cycles per px: finer detail is distorted by sampling.
_FINEST = 0.4
#: Coarsest detail that counts, in cycles per line: shading is not moved with the lines.
_COARSEST = 3
_STEP_PX = 0.05
_LEAST_ERROR_PX = 0.02  # of the method itself
_LARGEST_ERROR_PX = 0.5  # beyond, the offset is a guess


@dataclass(frozen=True, eq=False)
class ScanPhase:
    """How far odd lines have to be moved, and how certain that is.

    Attributes
    ----------
    offset_px : float
        To be moved to the right; 0 where nothing can be told.
    standard_error_px : float
        Of the offset; infinite where nothing can be told.
    confidence : float
        0 ... 1: how certain it is that the lines are further apart than 0.25 px, so that
        correcting helps.
    correlation_before, correlation_after : float
        Of odd lines with the even ones around, as recorded and when moved.
    by_segment_px : (S,) float64
        The offset within each segment of the movie; NaN where nothing can be told.
    segment_frames : (S, 2) int
        First and last frame, exclusive, of each segment.
    """

    offset_px: float
    standard_error_px: float
    confidence: float
    correlation_before: float
    correlation_after: float
    by_segment_px: NDArray[np.float64]
    segment_frames: NDArray[np.int_]

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @property
    def is_warranted(self) -> bool:
        """Whether correcting helps."""
        return self.confidence >= LEAST_CONFIDENCE

    @property
    def correction_px(self) -> float:
        """The offset to correct: 0 unless correcting helps."""
        return self.offset_px if self.is_warranted else 0.0


class _Spectra(NamedTuple):
    """Sums over lines: of the cross-spectrum, and of the power of even and odd lines."""

    cross: NDArray[np.complex128]
    even: NDArray[np.float64]
    odd: NDArray[np.float64]
    n_lines: NDArray[np.int_]

    def summed(self, axis: int) -> _Spectra:
        """Sum over an axis."""
        return _Spectra(*(part.sum(axis=axis) for part in self))

    def chosen(self, pieces: NDArray[np.bool_]) -> _Spectra:
        """Keep some of the pieces along the first axis."""
        cross, even, odd, n_lines = self
        return _Spectra(cross[pieces], even[pieces], odd[pieces], n_lines[pieces])

    def piece(self, index: int) -> _Spectra:
        """Return one piece of the first axis."""
        return _Spectra(*(part[index] for part in self))


def estimate_scan_phase(
    movie: Movie, *, ctx: TaskContext = NULL_CONTEXT, n_threads: int = 1
) -> ScanPhase:
    """Measure the offset between odd and even lines on frames spread over the movie.

    The lines of the mean images of up to 16 segments are compared with the mean of the lines
    above and below by their cross-spectrum, as in phase correlation (Kuglin & Hines 1975); each
    frequency counts by its coherence, the maximum likelihood weight for a delay (Knapp & Carter
    1976). The means of every column over the even and over the odd lines are taken away first:
    borders, bright columns and the distorted turns of a resonant scan hold still and would
    speak for 0. The error is the spread over balanced halves of the lines (McCarthy 1969).

    Parameters
    ----------
    movie : Movie (T, H, W)
        As recorded, line 0 being the first of the scan or any other even one.
    ctx : TaskContext
    n_threads : int
        The result does not depend on it.

    Returns
    -------
    ScanPhase
    """
    n_frames, height, width = movie.shape
    n_segments = max(2, min(_SEGMENTS, _IMAGE_BYTES // max(1, 4 * height * width)))
    wanted = affordable_frames(movie, _BUDGET_BYTES, _MOST_FRAMES, least=n_segments)
    runs = sample_runs(n_frames, wanted, max(1, -(-wanted // n_segments)))
    frames = np.array(runs, int).reshape(-1, 2)
    if height < _MIN_ROWS or width < _MIN_COLS or not runs:
        return _unknown(frames)
    images: list[NDArray[np.float32]] = []
    for image in thread_map(partial(_mean_image, movie, ctx), runs, n_threads=n_threads, ctx=ctx):
        images.append(image)
        ctx.progress(len(images), len(runs) + 1, "Measuring the scan phase")
    images = _with_mean(images)
    if images[0].shape[1] < _MIN_COLS:
        return _unknown(frames)
    search = _Search(images[0].shape[1])
    found = search.estimate(_all_spectra(images, 0, n_threads, ctx), frames)
    moved = round(found.offset_px)
    if moved == 0:
        return found
    # Again, from near 0: the ends of the lines hold still and pull larger offsets towards it.
    return search.estimate(_all_spectra(images, moved, n_threads, ctx), frames, moved)


def _mean_image(movie: Movie, ctx: TaskContext, run: tuple[int, int]) -> NDArray[np.float32]:
    """Mean (H, W) of some frames; missing samples count as 0."""
    _, height, width = movie.shape
    total = np.zeros((height, width))
    step = max(1, _READ_BYTES // (height * width * movie.dtype.itemsize))
    for first in range(*run, step):
        ctx.check()
        frames = movie.frames(first, min(first + step, run[1]))
        total += np.nan_to_num(frames, posinf=0, neginf=0).sum(axis=0, dtype=np.float64)
    return (total / (run[1] - run[0])).astype(np.float32)


def _with_mean(images: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Leave out blank columns at either side, and append the mean of all images."""
    mean = np.asarray(np.mean(images, axis=0, dtype=np.float64), np.float32)
    spread = mean.std(axis=0)
    seen = np.flatnonzero(spread > 0.1 * np.median(spread))
    if seen.size == 0:
        return [*images, mean]
    inside = slice(int(seen[0]), int(seen[-1]) + 1)
    return [image[:, inside] for image in (*images, mean)]


def _all_spectra(
    images: list[NDArray[np.float32]], moved_px: int, n_threads: int, ctx: TaskContext
) -> _Spectra:
    """Spectra (S + 1, B, F) of all images, with their odd lines moved by whole pixels."""
    parts = thread_map(partial(_spectra, moved_px), images, n_threads=n_threads, ctx=ctx)
    return _Spectra(*(np.stack(part) for part in zip(*parts, strict=True)))


def _spectra(moved_px: int, image: NDArray[np.float32]) -> _Spectra:
    """Spectra (B, F) of the lines of one image, in groups of lines from top to bottom."""
    even, odd = _lines(correct_scan_phase(image, moved_px) if moved_px else image)
    groups = np.arange(len(odd)) * _BANDS // len(odd)
    window = _taper(image.shape[1])
    spectrum_even = fft.rfft(even * window, axis=1)
    spectrum_odd = fft.rfft(odd * window, axis=1)
    cross = np.zeros((_BANDS, spectrum_odd.shape[1]), np.complex128)
    power_even, power_odd = np.zeros(cross.shape), np.zeros(cross.shape)
    np.add.at(cross, groups, spectrum_even.conj() * spectrum_odd)
    np.add.at(power_even, groups, np.abs(spectrum_even) ** 2)
    np.add.at(power_odd, groups, np.abs(spectrum_odd) ** 2)
    return _Spectra(cross, power_even, power_odd, np.bincount(groups, minlength=_BANDS))


def _lines(image: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of the even lines above and below each odd one, and the odd lines: (n, W) each."""
    flat = image.astype(np.float64)
    for parity in (0, 1):  # what holds still in every line, before it can spread
        flat[parity::2] -= np.median(flat[parity::2], axis=0)
    reach = 6 * _spread(flat)
    flat = np.clip(flat, -reach, reach)
    flat -= ndimage.uniform_filter(flat, image.shape[1] // 4 | 1, mode="nearest")
    flat = np.tanh(flat / (3 * _spread(flat)))  # no bright spot decides alone
    for parity in (0, 1):
        flat[parity::2] -= flat[parity::2].mean(axis=0)
    odd = flat[1:-1:2]
    even = (flat[0:-2:2] + flat[2::2]) / 2
    return even - even.mean(axis=1, keepdims=True), odd - odd.mean(axis=1, keepdims=True)


def _spread(image: NDArray[np.float64]) -> float:
    """Return the standard deviation of most samples around 0; never 0 itself."""
    few = image.ravel()[:: max(1, image.size // 50_000)]
    return 1.4826 * float(np.median(np.abs(few))) or float(image.std()) or 1.0


def _taper(width: int) -> NDArray[np.float64]:
    """Window that leaves out the turns of the scan at either end of a line."""
    ends = np.minimum(np.arange(width) + 0.5, width - 0.5 - np.arange(width))
    phase = np.clip((ends - width / 32) / (width / 10), 0, 1)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * phase), np.float64)


class _Search:
    """Looks for the offset at which the weighted phases of all frequencies agree best."""

    def __init__(self, width: int) -> None:
        frequency = fft.rfftfreq(width)
        self._band = (frequency >= _COARSEST / width) & (frequency <= _FINEST)
        self._frequency = frequency[self._band]
        reach = min(MAX_OFFSET_PX, width / 6)
        n_steps = int(reach / _STEP_PX)
        self._offsets = _STEP_PX * np.arange(-n_steps, n_steps + 1)
        self._turns = np.exp(-2j * np.pi * np.outer(self._offsets, self._frequency))

    def estimate(self, pieces: _Spectra, frames: NDArray[np.int_], moved: int = 0) -> ScanPhase:
        """Combine the spectra (S + 1, B, F) of lines that were moved already.

        The mean of all images is the better one where there is much noise, the single ones where
        there is motion: the smaller error decides.
        """
        n_segments = len(frames)
        segments = pieces.chosen(np.arange(n_segments + 1) < n_segments)
        ways = [segments.summed(0), pieces.piece(n_segments)]
        error, offset, way = min(
            (*self._with_error(bands), index) for index, bands in enumerate(ways)
        )
        if error > _LARGEST_ERROR_PX:
            return _unknown(frames)
        whole, by_segment = ways[way].summed(0), segments.summed(1)
        single = [self._best(by_segment.piece(i), whole) for i in range(n_segments)]
        total = offset + moved
        return ScanPhase(
            offset_px=total,
            standard_error_px=error,
            confidence=_normal((abs(total) - LEAST_OFFSET_PX) / error),
            correlation_before=self._correlation(whole, -moved),
            correlation_after=self._correlation(whole, offset),
            by_segment_px=np.array([math.nan if s is None else s + moved for s in single]),
            segment_frames=frames,
        )

    def _with_error(self, bands: _Spectra) -> tuple[float, float]:
        """Return the standard error and the offset of groups of lines (B, F)."""
        offset = self._best(bands.summed(0))
        if offset is None:
            return math.inf, 0.0
        halves = [self._best(bands.chosen(half).summed(0)) for half in _HALVES]
        off = [MAX_OFFSET_PX if half is None else half - offset for half in halves]
        return math.hypot(float(np.sqrt(np.mean(np.square(off)))), _LEAST_ERROR_PX), offset

    def _best(self, spectra: _Spectra, weights_from: _Spectra | None = None) -> float | None:
        """Offset in px; None where odd and even lines have nothing in common."""
        weights = self._weights(weights_from or spectra)
        cross = spectra.cross[self._band]
        size = np.abs(cross)
        phases = weights * np.divide(cross, size, out=np.zeros_like(cross), where=size > 0)
        score = (self._turns @ phases).real
        best = int(np.argmax(score))
        if score[best] <= 0:
            return None
        if 0 < best < len(score) - 1:
            left, middle, right = score[best - 1 : best + 2]
            bend = left - 2 * middle + right
            shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
            return float(self._offsets[best] + _STEP_PX * shift)
        return float(self._offsets[best])

    def _weights(self, spectra: _Spectra) -> NDArray[np.float64]:
        """Weight of each frequency by the coherence: c / (1 - c)."""
        power = spectra.even[self._band] * spectra.odd[self._band]
        size = np.abs(spectra.cross[self._band]) ** 2
        coherence = np.divide(size, power, out=np.zeros_like(size), where=power > 0)
        by_chance = 1 / max(1.0, float(spectra.n_lines))
        coherence = np.clip(coherence - 2 * by_chance, 0, 0.98)
        return np.asarray(coherence / (1 - coherence), np.float64)

    def _correlation(self, spectra: _Spectra, offset: float) -> float:
        """Pearson correlation of odd lines, moved by ``offset``, with the even ones."""
        turn = np.exp(-2j * np.pi * self._frequency * offset)
        together = float((spectra.cross[self._band] * turn).real.sum())
        power = float(spectra.even[self._band].sum() * spectra.odd[self._band].sum())
        return together / math.sqrt(power) if power > 0 else 0.0


def _normal(x: float) -> float:
    """Share of a normal distribution below x standard deviations."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def _unknown(frames: NDArray[np.int_]) -> ScanPhase:
    return ScanPhase(0.0, math.inf, 0.0, 0.0, 0.0, np.full(len(frames), math.nan), frames)
