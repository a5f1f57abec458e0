"""The lazy movie that every algorithm reads, and how it is walked through in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from caiman_gui.core.checks import require_finite
from caiman_gui.core.parallel import read_ahead
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


def block_bytes(movie: Movie) -> int:
    """Bytes of one block of a movie as float32."""
    n_frames, height, width = movie.shape
    return 4 * min(block_length(movie), n_frames) * height * width


def frame_blocks(
    movie: Movie,
    *,
    ctx: TaskContext = NULL_CONTEXT,
    message: str = "",
    block_frames: int | None = None,
    n_ahead: int = 0,
    first: int = 0,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Walk through a movie in order.

    Parameters
    ----------
    movie : Movie
    ctx : TaskContext
    message : str
        For the progress bar.
    block_frames : int, optional
        Another length than that of ``block_length``.
    n_ahead : int
        Blocks that are read meanwhile by another thread.
    first : int
        Frame at which to begin.

    Yields
    ------
    start : int
        Index of the first frame of the block.
    block : (n, H, W) float32
        Always an own, contiguous copy.
    """
    n_frames = movie.shape[0]
    step = block_frames or block_length(movie)

    def read(start: int) -> tuple[int, NDArray[np.float32]]:
        with np.errstate(over="ignore"):  # becomes infinite; found below
            frames = np.array(movie.frames(start, min(start + step, n_frames)), dtype=np.float32)
        require_finite(frames, start)
        return start, frames

    starts = range(first, n_frames, step)
    for start, frames in read_ahead(read, starts, n_ahead=n_ahead, ctx=ctx):
        ctx.progress(start, n_frames, message)
        yield start, frames
    ctx.progress(n_frames, n_frames, message)


def pixel_blocks(
    movie: Movie, *, ctx: TaskContext = NULL_CONTEXT, message: str = "", n_ahead: int = 0
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Walk through a movie pixel by pixel within each block, as demixing needs it.

    Parameters
    ----------
    movie : Movie
    ctx : TaskContext
    message : str
        For the progress bar.
    n_ahead : int
        Blocks that are read meanwhile by another thread.

    Yields
    ------
    start : int
        Index of the first frame of the block.
    block : (H*W, n) float32
        Pixels in C order; each row is one pixel's samples, contiguous.
    """
    n_frames = movie.shape[0]
    step = block_length(movie)

    def read(start: int) -> tuple[int, NDArray[np.float32]]:
        return start, pixel_block(movie, start, min(start + step, n_frames))

    for start, block in read_ahead(read, range(0, n_frames, step), n_ahead=n_ahead, ctx=ctx):
        ctx.progress(start, n_frames, message)
        yield start, block
    ctx.progress(n_frames, n_frames, message)


def pixel_block(movie: Movie, start: int, stop: int) -> NDArray[np.float32]:
    """Read one block (H*W, n) of a movie, whose limits are those of ``block_length``.

    Raises
    ------
    DataError
        If it has missing values.
    """
    n_frames, height, width = stop - start, *movie.shape[1:]
    stored = getattr(movie, "pixel_block", None)
    if stored is not None:
        block: NDArray[np.float32] = stored(start, stop)
        if not getattr(movie, "is_finite", True):
            require_finite(block.T.reshape(n_frames, height, width), start)
        return block
    with np.errstate(over="ignore"):  # becomes infinite; found below
        frames = np.asarray(movie.frames(start, stop), dtype=np.float32)
    require_finite(frames, start)
    import cv2

    block = cv2.transpose(frames.reshape(n_frames, height * width))  # numpy takes twice as long
    return block
