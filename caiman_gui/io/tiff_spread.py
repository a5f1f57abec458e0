"""Plain frames that have to be picked from what lies between, or whose bytes are swapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from caiman_gui.io.plain import PlainFrames

#: Read at a time, and picked from while it is in the cache of the processor.
_CHUNK_BYTES: Final = 2**20


@dataclass(frozen=True, slots=True)
class Spread:
    """How the samples of one frame lie in a file.

    Attributes
    ----------
    dtype : numpy.dtype
        In the byte order of the file.
    pixel_bytes : int
        From one pixel to the next; more than a sample where there are several of them.
    height, width : int
    """

    dtype: np.dtype
    pixel_bytes: int
    height: int
    width: int

    @property
    def row_bytes(self) -> int:
        """From one row to the next."""
        return self.width * self.pixel_bytes


def read_spread(
    file: PlainFrames,
    offsets: NDArray[np.int64],
    images: NDArray[np.generic],
    spread: Spread,
    first: int,
) -> None:
    """Fill images (n, H, W) in native order.

    Parameters
    ----------
    file : PlainFrames
    offsets : (n,) int64
        Of the first sample of each frame.
    images : (n, H, W)
        Filled.
    spread : Spread
    first : int
        Number of the first frame, for messages.
    """
    # The last pixel has no others of its own behind it that are needed.
    used = spread.height * spread.row_bytes - spread.pixel_bytes + spread.dtype.itemsize
    if used > _CHUNK_BYTES:
        _read_in_bands(file, offsets, images, spread, first)
        return
    scratch = np.empty(_CHUNK_BYTES, np.uint8)
    for begin, n_frames, step in _stretches(offsets, used):
        length = (n_frames - 1) * step + used
        file.read(offsets[begin : begin + 1], scratch[None, :length], first + begin)
        images[begin : begin + n_frames] = np.ndarray(
            (n_frames, spread.height, spread.width),
            spread.dtype,
            scratch,
            strides=(step, spread.row_bytes, spread.pixel_bytes),
        )


def _stretches(offsets: NDArray[np.int64], used: int) -> Iterator[tuple[int, int, int]]:
    """Yield first frame, number of frames and their distance of what is read by one call."""
    steps = np.diff(offsets)
    begin = 0
    while begin < len(offsets):
        step = int(steps[begin]) if begin < len(steps) else 0
        n_frames = 1
        if used <= step <= 2 * used:
            most = 1 + max(0, (_CHUNK_BYTES - used) // step)
            ahead = steps[begin : begin + most - 1] != step
            n_frames = 1 + (int(np.argmax(ahead)) if ahead.any() else len(ahead))
        yield begin, n_frames, step
        begin += n_frames


def _read_in_bands(
    file: PlainFrames,
    offsets: NDArray[np.int64],
    images: NDArray[np.generic],
    spread: Spread,
    first: int,
) -> None:
    """Read frames that are larger than what is read at a time, some rows at once."""
    n_rows = max(1, _CHUNK_BYTES // spread.row_bytes)
    scratch = np.empty(n_rows * spread.row_bytes, np.uint8)
    for number, offset in enumerate(offsets.tolist()):
        for row in range(0, spread.height, n_rows):
            band = images[number, row : row + n_rows]
            unused = spread.pixel_bytes - spread.dtype.itemsize
            length = len(band) * spread.row_bytes - unused
            at = np.array([offset + row * spread.row_bytes], np.int64)
            file.read(at, scratch[None, :length], first + number)
            band[...] = np.ndarray(
                band.shape, spread.dtype, scratch, strides=(spread.row_bytes, spread.pixel_bytes)
            )
