"""The lazy movie that every algorithm reads, and how it is walked through in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from caiman_gui.core.checks import require_finite
from caiman_gui.core.task import NULL_CONTEXT, TaskContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: Bytes of float32 that a block of frames takes where frames are of usual size.
BLOCK_BYTES = 16 * 2**20
#: Fewer frames than this make a block too short for work along time, more gain nothing.
LEAST_BLOCK, LONGEST_BLOCK = 8, 256


@runtime_checkable
class Movie(Protocol):
    """A recording of shape (T, H, W), read block by block. Thread-safe."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, H, W)."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the stored samples."""

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W), which the caller may not change."""


class ArrayMovie:
    """A movie that already is an array (T, H, W)."""

    def __init__(self, array: NDArray[np.generic]) -> None:
        if array.ndim != 3:
            raise ValueError(f"a movie has axes (T, H, W); this array has shape {array.shape}")
        self._array = array

    @property
    def shape(self) -> tuple[int, int, int]:
        n_frames, height, width = self._array.shape
        return n_frames, height, width

    @property
    def dtype(self) -> np.dtype:
        return self._array.dtype

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        return self._array[start:stop]


def frames_per_block(height: int, width: int) -> int:
    """Frames in a block: 16 MiB of float32, but 8 to 256 frames.

    It depends on nothing but the size of a frame, never on memory or threads: sums are taken
    block by block, so that another length would change the last digits of results.
    """
    fitting = BLOCK_BYTES // (4 * height * width)
    return int(min(LONGEST_BLOCK, max(LEAST_BLOCK, fitting)))


def block_length(movie: Movie) -> int:
    """Frames in a block of a movie: those it stores together, if it stores blocks."""
    _, height, width = movie.shape
    stored = getattr(movie, "block_frames", None)
    return int(stored) if stored is not None else frames_per_block(height, width)


def frame_blocks(
    movie: Movie,
    *,
    ctx: TaskContext = NULL_CONTEXT,
    message: str = "",
    block_frames: int | None = None,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Walk through a movie in order.

    Yields
    ------
    start : int
        Index of the first frame of the block.
    block : (n, H, W) float32
        Always an own, contiguous copy.
    """
    n_frames = movie.shape[0]
    step = block_frames or block_length(movie)
    for start in range(0, n_frames, step):
        ctx.check()
        ctx.progress(start, n_frames, message)
        with np.errstate(over="ignore"):  # becomes infinite; found below
            frames = np.array(movie.frames(start, min(start + step, n_frames)), dtype=np.float32)
        require_finite(frames, start)
        yield start, frames
    ctx.progress(n_frames, n_frames, message)


def pixel_blocks(
    movie: Movie,
    *,
    ctx: TaskContext = NULL_CONTEXT,
    message: str = "",
    block_frames: int | None = None,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Walk through a movie pixel by pixel within each block, as demixing needs it.

    Yields
    ------
    start : int
        Index of the first frame of the block.
    block : (H*W, n) float32
        Pixels in C order; each row is one pixel's samples, contiguous.
    """
    stored = getattr(movie, "pixel_block", None)
    n_frames, height, width = movie.shape
    step = block_frames or getattr(movie, "block_frames", None) or block_length(movie)
    for start in range(0, n_frames, step):
        ctx.check()
        ctx.progress(start, n_frames, message)
        stop = min(start + step, n_frames)
        if stored is not None and step == getattr(movie, "block_frames", None):
            yield start, stored(start, stop)
        else:
            with np.errstate(over="ignore"):
                frames = np.asarray(movie.frames(start, stop), dtype=np.float32)
            require_finite(frames, start)
            yield start, np.ascontiguousarray(frames.reshape(stop - start, height * width).T)
    ctx.progress(n_frames, n_frames, message)
