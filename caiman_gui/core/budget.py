"""The memory budget: how much may be in memory at once, whatever the length of a movie.

A budget is what a step may take on top of what the program holds already. It decides how many
pieces of work are in memory at the same time and whether something is kept or read again, never
how the pieces are cut: results are the same for every budget and every number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caiman_gui.core.movie import frames_per_block

if TYPE_CHECKING:
    from collections.abc import Callable

#: What steps hold of a movie of any length, since it decides about results: the sample that a
#: template is made from (as stored), a piece whose noise is measured, the binned movie.
SAMPLE_BYTES, NOISE_BYTES, BINNED_BYTES = 128 * 2**20, 256 * 2**20, 256 * 2**20
#: Budget of callers that name none.
DEFAULT_BYTES = 2 * 2**30
#: What working on one trace takes, in copies of it as float64.
TRACE_COPIES = 24


def pieces_in_memory(memory_bytes: int, piece_bytes: int, *, held_bytes: int = 0, most: int) -> int:
    """Return how many pieces of work may be in memory at once, from 1 to ``most``.

    Parameters
    ----------
    memory_bytes : int
        The budget.
    piece_bytes : int
        What one piece takes while it is worked on, copies included.
    held_bytes : int
        What is held all the time besides.
    most : int
        More pieces than this are of no use.
    """
    left = max(0, memory_bytes - held_bytes)
    return max(1, min(most, left // max(1, piece_bytes)))


@dataclass(frozen=True, slots=True)
class Needs:
    """What a step takes in memory, by estimate and without the traces that are its result.

    Attributes
    ----------
    least_bytes : int
        With a smaller budget than this the step takes this nevertheless.
    most_bytes : int
        A larger budget is of no use.
    """

    least_bytes: int
    most_bytes: int

    def within(self, memory_bytes: int) -> int:
        """Return what the step will take with a budget."""
        return min(max(memory_bytes, self.least_bytes), self.most_bytes)


def needs_of(step: str, shape: tuple[int, int, int], *, n_threads: int = 1) -> Needs:
    """Estimate what a step takes.

    Parameters
    ----------
    step : {"motion", "summary", "sources", "quality", "traces"}
    shape : (T, H, W)
    n_threads : int
    """
    return _NEEDS[step](shape, n_threads)


def _motion(shape: tuple[int, int, int], n_threads: int) -> Needs:
    image, _, movie = _sizes(shape)
    batch = max(image, min(16 * image, 4 * 2**20))
    bins = min(movie, max(SAMPLE_BYTES, 10 * image))
    thread = 10 * batch + 8 * image
    least = bins + 24 * image + thread
    sample = min(movie, max(SAMPLE_BYTES, 40 * image))
    return Needs(least, least + sample + (n_threads - 1) * thread)


def _summary(shape: tuple[int, int, int], n_threads: int) -> Needs:
    image, block, movie = _sizes(shape)
    noise = min(movie, max(NOISE_BYTES, 32 * image))
    rows = min(noise, 36 * noise // shape[1])
    least = 48 * image + 3 * block + rows
    return Needs(least, least + 2 * block + noise)


def _sources(shape: tuple[int, int, int], n_threads: int) -> Needs:
    image, block, movie = _sizes(shape)
    binned = min(movie, max(BINNED_BYTES, 40 * image))
    thread = min(binned, max(16 * 2**20, binned // 16))
    least = binned + 24 * image + max(3 * block, thread)
    return Needs(least, least + max(4 * block, binned + (n_threads - 1) * thread))


def _quality(shape: tuple[int, int, int], n_threads: int) -> Needs:
    _, block, _ = _sizes(shape)
    trace = TRACE_COPIES * 8 * shape[0]
    return Needs(3 * block + trace, 5 * block + n_threads * trace)


def _traces(shape: tuple[int, int, int], n_threads: int) -> Needs:
    trace = TRACE_COPIES * 8 * shape[0]
    return Needs(trace, n_threads * trace)


def _sizes(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Bytes of an image, of a block of frames and of the movie, as float32."""
    n_frames, height, width = shape
    image = 4 * height * width
    return image, image * min(n_frames, frames_per_block(height, width)), image * n_frames


_NEEDS: dict[str, Callable[[tuple[int, int, int], int], Needs]] = {
    "motion": _motion,
    "summary": _summary,
    "sources": _sources,
    "quality": _quality,
    "traces": _traces,
}
