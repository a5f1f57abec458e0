"""A recording as it is after its preparation, made frame by frame when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from caiman_gui.core.prepare.fill import PixelFill
from caiman_gui.core.prepare.lines import copy_lines, line_taps, move_odd_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.prepare.plan import Preparation

#: Bytes of recorded frames that are read at once.
RUN_BYTES = 16 * 2**20


class PreparedMovie:
    """A lazy movie (T', H', W'). Thread-safe.

    Bad pixels are filled, lines are lined up, then frames are cropped, then binned in space and
    in time. Sums are float64, so that a frame is the same however it is asked for.

    Parameters
    ----------
    movie : Movie (T, H, W)
        As recorded.
    preparation : Preparation
    fill : (H, W) bool or None
        Recorded pixels that become the mean of the good ones around (see ``PixelFill``), for
        dead and hot ones: they would hold still while the rest moves. Other excluded pixels are
        left as they are: every step is told which they are.

    Raises
    ------
    DataError
        If nothing is left of the movie.
    """

    def __init__(
        self, movie: Movie, preparation: Preparation, fill: NDArray[np.bool_] | None = None
    ) -> None:
        self._movie = movie
        self._plan = preparation
        self._shape = preparation.shape(movie.shape)
        self._rows, self._cols = preparation.window(movie.shape)
        if fill is not None and fill.shape != movie.shape[1:]:
            raise ValueError(f"a movie of {movie.shape[1:]} px, but a mask of {fill.shape} px")
        self._fill = PixelFill(fill) if fill is not None and fill.any() else None

    @property
    def shape(self) -> tuple[int, int, int]:
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._plan.dtype(self._movie.dtype)

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1, clipped to the movie, as (n, H', W'), contiguous."""
        start = min(max(start, 0), self._shape[0])
        stop = min(max(stop, start), self._shape[0])
        if self._plan.keeps_samples:
            return self._copied(start, stop)
        return self._averaged(start, stop)

    def close(self) -> None:
        """Close the recording, if it can be closed."""
        close = getattr(self._movie, "close", None)
        if close is not None:
            close()

    def _copied(self, start: int, stop: int) -> NDArray[np.generic]:
        """Take samples as they are."""
        out = np.empty((stop - start, *self._shape[1:]), self.dtype)
        first = self._plan.trim_start_frames
        offset = int(self._plan.scan_phase_px)
        filled = 0
        for frames in self._runs(first + start, first + stop):
            part, lines = out[filled : filled + len(frames)], frames[:, self._rows]
            filled += len(frames)
            if offset == 0:
                part[...] = lines[:, :, self._cols]
                continue
            for parity in (0, 1):
                is_odd = (self._plan.crop_top_px + parity) % 2
                moved = offset if is_odd else 0
                copy_lines(lines[:, parity::2], part[:, parity::2], moved, self._cols.start)
        return out

    def _averaged(self, start: int, stop: int) -> NDArray[np.generic]:
        """Take means over bins, of lines moved by parts of a pixel."""
        plan = self._plan
        out = np.empty((stop - start, *self._shape[1:]), np.float32)
        total = np.zeros(self._shape[1:])
        buffer = np.empty((self._rows.stop - self._rows.start, self._movie.shape[2]), np.float32)
        has_bins = plan.bin_px > 1 or plan.bin_frames > 1
        n_added, n_done = 0, 0
        first = plan.trim_start_frames
        for frames in self._runs(first + start * plan.bin_frames, first + stop * plan.bin_frames):
            for frame in frames:
                self._line_up(frame, buffer)
                if not has_bins:
                    out[n_done] = buffer[:, self._cols]
                    n_done += 1
                    continue
                add_bins(buffer, self._cols.start, plan.bin_px, total)
                n_added += 1
                if n_added == plan.bin_frames:
                    np.divide(total, n_added * plan.bin_px**2, out=out[n_done], casting="same_kind")
                    total[:] = 0
                    n_added, n_done = 0, n_done + 1
        return out

    def _line_up(self, frame: NDArray[Any], buffer: NDArray[np.float32]) -> None:
        """Copy the rows that are used, with their odd lines moved, into ``buffer`` (h, W)."""
        offset, first_odd = self._plan.scan_phase_px, 1 - self._plan.crop_top_px % 2
        with np.errstate(over="ignore"):  # becomes infinite, which is told where it is used
            np.copyto(buffer, frame[self._rows], casting="unsafe")
        if offset == 0:
            return
        if offset.is_integer():
            odd = buffer[first_odd::2]
            copy_lines(odd.copy(), odd, int(offset))
        else:
            taps, whole = line_taps(offset)
            move_odd_lines(buffer, first_odd, whole, taps)

    def _runs(self, start: int, stop: int) -> Iterator[NDArray[np.generic]]:
        """Read recorded frames, a few at a time."""
        _, height, width = self._movie.shape
        step = max(1, RUN_BYTES // (height * width * self._movie.dtype.itemsize))
        for begin in range(start, stop, step):
            frames = self._movie.frames(begin, min(begin + step, stop))
            yield frames if self._fill is None else self._fill.apply(frames)


@njit(cache=True, nogil=True)
def add_bins(frame: NDArray[np.float32], left: int, size: int, total: NDArray[np.float64]) -> None:
    """Add the sums over squares of a frame (h*size, W), from column ``left``, to (h, w)."""
    height, width = total.shape
    line = np.empty(width * size)
    for i in range(height):
        line[:] = 0
        for row in range(i * size, (i + 1) * size):
            source = frame[row, left : left + line.size]
            for j in range(line.size):
                line[j] += source[j]
        target = total[i]
        if size == 1:
            for j in range(width):
                target[j] += line[j]
        elif size == 2:  # the usual size, written out: twice as fast
            for j in range(width):
                target[j] += line[2 * j] + line[2 * j + 1]
        else:
            for j in range(width):
                for k in range(size):
                    target[j] += line[j * size + k]
