"""Which frames of a long movie are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

#: Bytes of frames that are read at once.
READ_BYTES = 8 * 2**20


def affordable_frames(movie: Movie, budget_bytes: int, most: int, least: int = 1) -> int:
    """Frames that together take at most ``budget_bytes`` as recorded, within limits."""
    n_frames, height, width = movie.shape
    frame_bytes = max(1, height * width * movie.dtype.itemsize)
    return min(n_frames, max(least, min(most, budget_bytes // frame_bytes)))


def sample_runs(n_frames: int, n_wanted: int, run_frames: int) -> tuple[tuple[int, int], ...]:
    """Spread runs of neighbouring frames evenly over a movie, its first and last included.

    Frames are read in runs because many formats read neighbours far faster than single ones.

    Parameters
    ----------
    n_frames : int
        Length of the movie.
    n_wanted : int
        About so many frames in all; a movie that is not longer is looked at as a whole.
    run_frames : int
        Length of a run.

    Returns
    -------
    tuple of (start, stop)
        Ascending and without overlap.
    """
    if n_wanted >= n_frames:
        starts = range(0, n_frames, run_frames)
        return tuple((start, min(start + run_frames, n_frames)) for start in starts)
    run = min(run_frames, n_wanted)
    n_runs = max(1, n_wanted // run)
    if n_runs == 1:
        start = (n_frames - run) // 2
        return ((start, start + run),)
    last = n_frames - run
    return tuple((i * last // (n_runs - 1), i * last // (n_runs - 1) + run) for i in range(n_runs))


def sampled_images(
    movie: Movie, runs: Sequence[tuple[int, int]], ctx: TaskContext, message: str = ""
) -> Iterator[tuple[int, bool, NDArray[Any]]]:
    """Read the frames of some runs one after the other.

    Yields
    ------
    frame : int
    follows : bool
        Whether it comes right after the one before.
    image : (H, W) array
        As recorded; not to be changed.
    """
    _, height, width = movie.shape
    step = max(1, READ_BYTES // max(1, height * width * movie.dtype.itemsize))
    done, total, last = 0, sum(stop - start for start, stop in runs), -2
    for start, stop in runs:
        for first in range(start, stop, step):
            frames = movie.frames(first, min(first + step, stop))
            for frame, image in enumerate(frames, start=first):
                ctx.check()
                ctx.progress(done, total, message)
                yield frame, frame == last + 1, image
                done, last = done + 1, frame
