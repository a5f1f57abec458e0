"""What is left out of a recording and what is averaged, in numbers."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from caiman_gui.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Place = TypeVar("Place", float, "NDArray[Any]")

#: Lines of a bidirectional scan are never further apart.
MAX_SCAN_PHASE_PX = 64.0
_COUNTS = (
    "trim_start_frames", "trim_end_frames", "crop_top_px", "crop_bottom_px", "crop_left_px",
    "crop_right_px",
)  # fmt: skip
_BINS = ("bin_px", "bin_frames")


class _Words(NamedTuple):
    """What an axis counts, and what its two ends are called."""

    what: str
    first: str
    last: str


_FRAMES = _Words("frames", "at the start", "at the end")
_ROWS = _Words("rows", "at the top", "at the bottom")
_COLUMNS = _Words("columns", "on the left", "on the right")


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is done to a recording, in this order: lines are lined up, cropped, binned.

    A pixel's coordinates are those of its centre: the recorded image reaches from -0.5 to
    H - 0.5. Of bins that are not complete, at the bottom, on the right and at the end, nothing
    is used.

    Attributes
    ----------
    trim_start_frames, trim_end_frames : int
        Frames left out.
    crop_top_px, crop_bottom_px, crop_left_px, crop_right_px : int
        Rows and columns left out on each side.
    bin_px : int
        So many by so many pixels become one, their mean.
    bin_frames : int
        So many frames become one, their mean.
    scan_phase_px : float
        How far odd lines (1, 3, 5 ... of the recorded image) are moved to the right.

    Raises
    ------
    ValueError
        Naming the value and the limit, if one makes no sense.
    """

    trim_start_frames: int = 0
    trim_end_frames: int = 0
    crop_top_px: int = 0
    crop_bottom_px: int = 0
    crop_left_px: int = 0
    crop_right_px: int = 0
    bin_px: int = 1
    bin_frames: int = 1
    scan_phase_px: float = 0.0

    def __post_init__(self) -> None:
        for name in (*_COUNTS, *_BINS):
            value = operator.index(getattr(self, name))
            least = 1 if name in _BINS else 0
            if value < least:
                raise ValueError(f"{name} is {value}; it cannot be less than {least}")
            object.__setattr__(self, name, value)
        phase = float(self.scan_phase_px)
        if not abs(phase) <= MAX_SCAN_PHASE_PX:
            raise ValueError(
                f"scan_phase_px is {phase:g}; it lies within {MAX_SCAN_PHASE_PX:g} px of 0"
            )
        object.__setattr__(self, "scan_phase_px", phase)

    @property
    def is_identity(self) -> bool:
        """Whether nothing is done."""
        return self == Preparation()

    @property
    def keeps_samples(self) -> bool:
        """Whether every sample of the prepared movie is one of the recording, unchanged."""
        return self.bin_px == 1 and self.bin_frames == 1 and self.scan_phase_px.is_integer()

    def dtype(self, recorded: np.dtype[Any]) -> np.dtype[Any]:
        """Type of the prepared samples: as recorded where samples are kept, else float32."""
        return recorded.newbyteorder("=") if self.keeps_samples else np.dtype(np.float32)

    # ------------------------------------------------------------ frames
    def shape(self, recorded_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """(T, H, W) of the prepared movie.

        Raises
        ------
        DataError
            If nothing is left of the frames, rows or columns of the recording.
        """
        n_frames, height, width = recorded_shape
        return (
            _left(n_frames, self.trim_start_frames, self.trim_end_frames, self.bin_frames, _FRAMES),
            _left(height, self.crop_top_px, self.crop_bottom_px, self.bin_px, _ROWS),
            _left(width, self.crop_left_px, self.crop_right_px, self.bin_px, _COLUMNS),
        )

    def recorded_frames(self, index: int) -> range:
        """Return the recorded frames of which the prepared frame ``index`` is the mean."""
        first = self.trim_start_frames + index * self.bin_frames
        return range(first, first + self.bin_frames)

    def prepared_frame(self, recorded_index: int) -> int:
        """Return the prepared frame that a recorded frame goes into.

        It is below 0 or not below the number of prepared frames where that one is left out.
        """
        return (recorded_index - self.trim_start_frames) // self.bin_frames

    def times(self, recorded_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Time of each prepared frame: the mean of those of its recorded frames.

        Parameters
        ----------
        recorded_s : (T,) float64
            Time of each recorded frame, in s.

        Returns
        -------
        (T',) float64
        """
        n_frames, _, _ = self.shape((len(recorded_s), *self._smallest_field()))
        first = self.trim_start_frames
        used = np.asarray(recorded_s, np.float64)[first : first + n_frames * self.bin_frames]
        return np.asarray(used.reshape(n_frames, self.bin_frames).mean(axis=1), np.float64)

    def times_at_rate(self, rate_hz: float, n_recorded: int) -> NDArray[np.float64]:
        """Time (T',) of each prepared frame in s, with recorded frame 0 at 0 s.

        Parameters
        ----------
        rate_hz : float
            Recorded frames per second.
        n_recorded : int
            Number of recorded frames.
        """
        if not (math.isfinite(rate_hz) and rate_hz > 0):
            raise ValueError(f"the frame rate is {rate_hz:g} Hz; it must be above 0")
        n_frames, _, _ = self.shape((n_recorded, *self._smallest_field()))
        first = self.trim_start_frames + (self.bin_frames - 1) / 2
        return (first + self.bin_frames * np.arange(n_frames, dtype=np.float64)) / rate_hz

    # ------------------------------------------------------------ pixels
    def window(self, recorded_shape: tuple[int, int, int]) -> tuple[slice, slice]:
        """Rows and columns of the recorded image that are used."""
        _, height, width = self.shape(recorded_shape)
        top, left = self.crop_top_px, self.crop_left_px
        return (
            slice(top, top + height * self.bin_px),
            slice(left, left + width * self.bin_px),
        )

    def to_recorded(self, row: Place, col: Place) -> tuple[Place, Place]:
        """Where (row, col) of the prepared image lies in the recorded one."""
        middle = (self.bin_px - 1) / 2
        return (
            self.crop_top_px + row * self.bin_px + middle,
            self.crop_left_px + col * self.bin_px + middle,
        )

    def from_recorded(self, row: Place, col: Place) -> tuple[Place, Place]:
        """Where (row, col) of the recorded image lies in the prepared one, inside or not."""
        middle = (self.bin_px - 1) / 2
        return (
            (row - self.crop_top_px - middle) / self.bin_px,
            (col - self.crop_left_px - middle) / self.bin_px,
        )

    def _smallest_field(self) -> tuple[int, int]:
        return (
            self.crop_top_px + self.crop_bottom_px + self.bin_px,
            self.crop_left_px + self.crop_right_px + self.bin_px,
        )


def _left(recorded: int, before: int, after: int, bin_size: int, words: _Words) -> int:
    """Complete bins that are left along one axis; DataError if there is none."""
    left = (recorded - before - after) // bin_size
    if left >= 1:
        return left
    has_bins = bin_size > 1
    raise DataError(
        f"Nothing is left of the {words.what} of the movie",
        f"It has {recorded} {words.what}; {before} are left out {words.first} and {after} "
        f"{words.last}" + (f", and a bin takes {bin_size}." if has_bins else "."),
        f"Leave out fewer {words.what}" + (", or use smaller bins." if has_bins else "."),
    )
