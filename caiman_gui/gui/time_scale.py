"""Frames and seconds of a recording: which belongs to which, and both in words."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Recordings longer than this are told in minutes and seconds.
_LONG_S = 120.0
_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 1e-3, "min": 60.0, "m": 60.0, "h": 3600.0}
_FRAME = re.compile(r"(?:#|f|fr|frame)?\s*(\d+)", re.IGNORECASE)
_DECIMAL = re.compile(r"\d+[.,]\d*|[.,]\d+")
_TIME = re.compile(r"(\d+(?:[.,]\d*)?|[.,]\d+)\s*(s|sec|ms|min|m|h)", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d*)?)")
_SHARE = re.compile(r"(\d+(?:[.,]\d*)?)\s*%")


class TimeScale:
    """When each frame was taken, in seconds after the first.

    Parameters
    ----------
    n_frames : int
    frame_rate_hz : float
    times_s : (T,) array of float, optional
        Time stamps, not decreasing; without them frames are evenly spaced.
    """

    def __init__(
        self,
        n_frames: int,
        frame_rate_hz: float,
        times_s: NDArray[np.float64] | None = None,
    ) -> None:
        self.n_frames = n_frames
        self.frame_rate_hz = frame_rate_hz
        self._times: NDArray[np.float64] | None = None
        if times_s is not None and len(times_s) == n_frames > 0:
            self._times = np.asarray(times_s, np.float64) - times_s[0]

    @property
    def duration_s(self) -> float:
        """From the first to the last frame."""
        return self.seconds(max(0, self.n_frames - 1))

    @property
    def is_even(self) -> bool:
        """Whether frames are evenly spaced, as far as is known."""
        return self._times is None

    def seconds(self, index: int) -> float:
        """Return when a frame was taken."""
        if self._times is None:
            return index / self.frame_rate_hz
        return float(self._times[min(max(index, 0), self.n_frames - 1)])

    def all_seconds(self) -> NDArray[np.float64]:
        """Return when each frame was taken, (T,)."""
        if self._times is None:
            return np.arange(self.n_frames) / self.frame_rate_hz
        return self._times

    def frame(self, seconds: float) -> int:
        """Return the frame that was the newest at a time; may lie past the end."""
        if self._times is None:
            return math.floor(seconds * self.frame_rate_hz + 1e-9)
        if seconds >= self._times[-1] + 1 / self.frame_rate_hz:  # the last lasts as long as others
            return self.n_frames
        return int(np.searchsorted(self._times, seconds + 1e-9, side="right")) - 1

    def nearest(self, seconds: float) -> int:
        """Return the frame nearest to a time, within the recording."""
        before = min(max(self.frame(seconds), 0), max(0, self.n_frames - 1))
        after = min(before + 1, max(0, self.n_frames - 1))
        is_after = self.seconds(after) - seconds < seconds - self.seconds(before)
        return after if is_after else before

    def text(self, index: int) -> str:
        """Return the time of a frame: ``12.50 s``, or ``3:07.25`` in long recordings."""
        return time_text(self.seconds(index), is_long=self.duration_s >= _LONG_S)

    def parse(self, text: str) -> int | None:
        """Return the frame that a text means, or None.

        ``375``, ``frame 375`` and ``#375`` are frames counted from 1; ``12.5``, ``12 s``, ``1:30``
        and ``2 min`` are times; ``50 %`` is a share of the recording. What lies past the end is
        the last frame.
        """
        text = text.strip()
        last = max(0, self.n_frames - 1)
        if match := _FRAME.fullmatch(text):
            number = int(match[1])
            return min(number - 1, last) if number > 0 else None
        if match := _SHARE.fullmatch(text):
            return min(round(_number(match[1]) / 100 * last), last)
        if _DECIMAL.fullmatch(text):  # no frame has a fraction: the box shows seconds
            return self.nearest(_number(text))
        if match := _TIME.fullmatch(text):
            return self.nearest(_number(match[1]) * _UNITS[match[2].lower()])
        if match := _CLOCK.fullmatch(text):
            hours, minutes, seconds = (_number(part or "0") for part in match.groups())
            return self.nearest(3600 * hours + 60 * minutes + seconds)
        return None


def time_text(seconds: float, *, is_long: bool = False) -> str:
    """Return ``12.50 s``; long: ``0:12.50``, ``1:02:03.25``."""
    if not is_long:
        return f"{seconds:.2f} s"
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest / 100:05.2f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def _number(text: str) -> float:
    return float(text.replace(",", "."))
