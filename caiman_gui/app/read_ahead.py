"""Which frames to read before anybody asks: while playing, those that come next."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of one run; a wish for another place waits for it to end.
RUN_BYTES = 4 * 2**20
#: Most frames of one run, and seconds that it may take, as far as can be told beforehand.
RUN_FRAMES, RUN_S = 64, 0.012
#: Wishes further apart than this, in seconds or frames, are no playing.
_PAUSE_S, _STRIDE = 0.5, 512


class ReadAhead:
    """Watches the wishes for one source and tells the run to read next.

    Two wishes in a row that go on from the one before are taken as playing. The step is what the
    last few have in common, since at high speed only every so many frames are shown.
    """

    def __init__(self) -> None:
        self._last = 0
        self._last_s = -math.inf
        self._steps: deque[int] = deque(maxlen=4)
        self._seconds_per_frame = 0.0

    @property
    def is_playing(self) -> bool:
        """Whether the wishes go on and on."""
        return len(self._steps) >= 2

    @property
    def step(self) -> int:
        """Frames from one wish to the next."""
        return math.gcd(*self._steps) if self._steps else 1

    def note(self, index: int, now_s: float) -> None:
        """Take a wish into account; one for another place ends all reading ahead."""
        step = index - self._last
        if 0 < step <= _STRIDE and now_s - self._last_s <= _PAUSE_S:
            self._steps.append(step)
        else:
            self._steps.clear()
        self._last, self._last_s = index, now_s

    def forget(self) -> None:
        """Wait for new wishes."""
        self._steps.clear()

    def note_speed(self, n_frames: int, seconds: float) -> None:
        """Learn how long a run of some frames took."""
        if n_frames:
            now = seconds / n_frames
            was = self._seconds_per_frame or now
            self._seconds_per_frame = 0.5 * (was + now)

    def run_length(self, frame_bytes: int, ahead_bytes: int) -> int:
        """Frames that one run may have so that it stays short."""
        by_bytes = min(RUN_BYTES, ahead_bytes) // max(1, frame_bytes)
        by_time = RUN_S / self._seconds_per_frame if self._seconds_per_frame else 1
        return int(max(1, min(RUN_FRAMES, by_bytes, by_time)))

    def next_run(
        self, has: Callable[[int], bool], n_frames: int, frame_bytes: int, ahead_bytes: int
    ) -> range | None:
        """Return the run to read now, or None if enough is there.

        Parameters
        ----------
        has : callable
            Whether the frame of an index is known already.
        n_frames : int
            Length of the movie.
        frame_bytes : int
        ahead_bytes : int
            Memory that frames not yet shown may take.
        """
        if not self.is_playing:
            return None
        step, length = self.step, self.run_length(frame_bytes, ahead_bytes)
        n_ahead = max(2, min(256, ahead_bytes // max(1, frame_bytes)))
        end = min(n_frames, self._last + 1 + n_ahead * step)
        wanted = range(self._last + step, end, step)
        first = next((i for i, index in enumerate(wanted) if not has(index)), None)
        if first is None:
            return None
        missing = wanted[first:]
        # Reading in runs: a single frame is only fetched when little is left, or at the end.
        if len(missing) < length and first > n_ahead // 2 and end < n_frames:
            return None
        known = next((i for i, index in enumerate(missing) if has(index)), len(missing))
        return missing[: min(known, length)]
