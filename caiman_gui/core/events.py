"""Events of a component, and what the movie shows during them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from caiman_gui.core.budget import pieces_in_memory
from caiman_gui.core.movie import block_bytes, block_length, pixel_block
from caiman_gui.core.parallel import read_ahead, thread_map

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.results import ComponentSet
    from caiman_gui.core.task import TaskContext

#: Events used for the spatial correlation, the highest ones first.
MAX_EVENTS = 10
#: An event rises above this share of the range of the trace.
EVENT_LEVEL = 0.3
#: Neighbours whose footprints overlap more than this (cosine) spoil each other's events.
OVERLAP = 0.1
MIN_SUPPORT_PX = 3
#: Quiet frames are looked for in this many lengths of an event before it: the noise of their
#: mean adds to that of the event.
QUIET = 3
#: Fewer quiet frames than this before the events make no baseline.
MIN_FRAMES = 5
_CHUNK = 16  # components per piece of work


def event_peaks(trace: NDArray[Any], *, min_gap: int) -> NDArray[np.int64]:
    """Frames of the highest local maxima of a trace, at most ``MAX_EVENTS``.

    Parameters
    ----------
    trace : (T,) array
        Smooth enough that noise hardly makes peaks of its own.
    min_gap : int
        Of two nearer peaks only the higher one counts.
    """
    low, high = float(trace.min()), float(trace.max())
    edge = np.concatenate(([-np.inf], trace, [-np.inf]))
    is_peak = (trace > edge[:-2]) & (trace >= edge[2:])
    found = np.flatnonzero(is_peak & (trace > low + EVENT_LEVEL * (high - low)))
    kept: list[int] = []
    for t in found[np.argsort(-trace[found], kind="stable")]:
        if all(abs(t - other) >= min_gap for other in kept):
            kept.append(int(t))
            if len(kept) == MAX_EVENTS:
                break
    return np.array(sorted(kept), dtype=np.int64)


def matched(raw: NDArray[Any], *, event_frames: int) -> NDArray[np.float64]:
    """Filter a trace (T,) with the shape of a transient that starts at the frame in question.

    The highest samples of a dim cell are noise; the highest ones of this trace are its events.
    It is made of the raw trace, so that it does not matter whether that was deconvolved before.
    """
    values = np.asarray(raw, dtype=np.float64)
    length = min(3 * event_frames, values.size)
    decay = np.exp(-np.arange(length) / event_frames)
    padded = np.pad(values, (0, length - 1), mode="edge")
    out: NDArray[np.float64] = np.correlate(padded, decay / decay.sum(), mode="valid")
    return out


def spatial_correlations(
    components: ComponentSet,
    movie: Movie,
    wanted: Sequence[int],
    *,
    frame_rate_hz: float,
    event_frames: int,
    n_threads: int,
    memory_bytes: int,
    ctx: TaskContext,
) -> list[float]:
    """Pearson correlation of each footprint with the movie while the component is active.

    Unlike CaImAn's r value, the mean over the event frames is taken relative to the mean over the
    quiet frames just before, so that the resting brightness does not count, and the events of all
    overlapping neighbours are left out. Only blocks of the movie with such frames are read.

    Parameters
    ----------
    components : ComponentSet
    movie : Movie (T, H, W)
    wanted : sequence of int
        Places of the components to measure.
    frame_rate_hz : float
        The event frames are those from 1/6 s before to 5/6 s after a peak.
    event_frames : int
        Of two peaks nearer than this only the higher one counts.
    n_threads, memory_bytes : int
    ctx : TaskContext

    Returns
    -------
    list of float
        0 without any event or with too small a support, NaN for a footprint without shape.
    """
    weights = _frame_weights(
        components, wanted, frame_rate_hz=frame_rate_hz, event_frames=event_frames, ctx=ctx
    )
    items = [components.items[i] for i in wanted]
    frame_at = np.cumsum([0, *(len(frames) for frames, _ in weights)])
    frames = np.concatenate([np.zeros(0, np.int64), *(f for f, _ in weights)])
    values = np.concatenate([np.zeros(0), *(v for _, v in weights)])
    pixel_at = np.cumsum([0, *(item.pixels.size for item in items)])
    pixels = np.concatenate([np.zeros(0, np.int32), *(item.pixels for item in items)])
    image = np.zeros(pixels.size)
    for start, block in _needed_blocks(movie, frames, memory_bytes, ctx):

        def work(k: int, start: int = start, block: NDArray[np.float32] = block) -> None:
            stop = min(k + _CHUNK, len(items))
            _add_frames(block, start, k, stop, pixel_at, pixels, frame_at, frames, values, image)

        for _ in thread_map(work, range(0, len(items), _CHUNK), n_threads=n_threads, ctx=ctx):
            pass
    return [
        _correlation(image[a:b], item.weights) if len(f) else 0.0
        for item, a, b, (f, _) in zip(items, pixel_at[:-1], pixel_at[1:], weights, strict=True)
    ]


def _correlation(image: NDArray[np.float64], footprint: NDArray[np.float32]) -> float:
    """Pearson on the support; 0 where that is too small, NaN for a footprint without shape."""
    inside = footprint > 0
    if np.count_nonzero(inside) < MIN_SUPPORT_PX:
        return 0.0
    x = image[inside] - image[inside].mean()
    y = footprint[inside] - footprint[inside].mean(dtype=np.float64)
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else math.nan


def _frame_weights(
    components: ComponentSet,
    wanted: Sequence[int],
    *,
    frame_rate_hz: float,
    event_frames: int,
    ctx: TaskContext,
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Frames of each wanted component and what each counts in its mean image."""
    n_frames = components.n_frames
    before = min(-2, math.floor(-5 / 30 * frame_rate_hz))
    after = max(5, math.ceil(25 / 30 * frame_rate_hz))
    footprints = components.footprints()
    overlaps = (footprints[list(wanted)] @ footprints.T).tocsr() if wanted else footprints[:0]
    peaks: dict[int, NDArray[np.int64]] = {}

    def smooth(index: int) -> NDArray[np.float64]:
        return matched(components.items[index].raw, event_frames=event_frames)

    def active(index: int) -> NDArray[np.bool_]:
        if index not in peaks:
            peaks[index] = event_peaks(smooth(index), min_gap=event_frames)
        return _windows(peaks[index], before, after, n_frames)

    out = []
    for row, index in enumerate(wanted):
        ctx.check()
        part = slice(overlaps.indptr[row], overlaps.indptr[row + 1])
        near = overlaps.indices[part][overlaps.data[part] > OVERLAP]
        spoiled = np.zeros(n_frames, np.bool_)
        for other in near[near != index]:
            spoiled |= active(int(other))
        event = active(index)
        if np.any(event & ~spoiled):
            event = event & ~spoiled
        quiet = _windows(peaks[index], before - QUIET * (after - before), before, n_frames)
        quiet &= ~spoiled & ~active(index)
        if int(quiet.sum()) < MIN_FRAMES:
            quiet = _quietest(smooth(index), event)
        out.append(_as_weights(event, quiet))
    return out


def _windows(peaks: NDArray[np.int64], first: int, last: int, n_frames: int) -> NDArray[np.bool_]:
    """(T,) mask of frames first ... last-1 around each peak."""
    mask = np.zeros(n_frames, np.bool_)
    for peak in peaks:
        mask[max(0, peak + first) : max(0, peak + last)] = True
    return mask


def _quietest(trace: NDArray[np.float64], event: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """As many of the lowest frames outside the events as there are event frames."""
    rank = np.argsort(np.where(event, np.inf, trace), kind="stable")
    count = min(int(event.sum()), int((~event).sum()))
    quiet = np.zeros(trace.size, np.bool_)
    quiet[rank[:count]] = True
    return quiet


def _as_weights(
    event: NDArray[np.bool_], quiet: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    n_event, n_quiet = int(event.sum()), int(quiet.sum())
    value = event / max(1, n_event) - quiet / max(1, n_quiet)
    frames = np.flatnonzero(value) if event.any() else np.zeros(0, np.int64)
    return frames, value[frames]


def _needed_blocks(
    movie: Movie, frames: NDArray[np.int64], memory_bytes: int, ctx: TaskContext
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (start, (H*W, n) float32) for blocks that hold a needed frame; others stay unread."""
    n_frames, step = movie.shape[0], block_length(movie)
    starts = np.unique(frames // step) * step

    def read(start: int) -> tuple[int, NDArray[np.float32]]:
        return start, pixel_block(movie, start, min(start + step, n_frames))

    n_ahead = pieces_in_memory(memory_bytes, 5 * block_bytes(movie), most=2) - 1
    for start, block in read_ahead(read, starts.tolist(), n_ahead=n_ahead, ctx=ctx):
        ctx.progress(start, n_frames)
        yield start, block
    ctx.progress(n_frames, n_frames)


@njit(cache=True, nogil=True)
def _add_frames(
    block: NDArray[np.float32],
    start: int,
    first: int,
    last: int,
    pixel_at: NDArray[np.int64],
    pixels: NDArray[np.int32],
    frame_at: NDArray[np.int64],
    frames: NDArray[np.int64],
    values: NDArray[np.float64],
    image: NDArray[np.float64],
) -> None:
    """Add the weighted frames of a block (H*W, n) to the images of components first ... last-1."""
    stop = start + block.shape[1]
    for k in range(first, last):
        mine = frames[frame_at[k] : frame_at[k + 1]]
        lo = frame_at[k] + np.searchsorted(mine, start)
        hi = frame_at[k] + np.searchsorted(mine, stop)
        if lo == hi:
            continue
        for i in range(pixel_at[k], pixel_at[k + 1]):
            total = 0.0
            for j in range(lo, hi):
                total += values[j] * block[pixels[i], frames[j] - start]
            image[i] += total
