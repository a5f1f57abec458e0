"""Which frame is due: told by the clock, so that a slow disk drops frames and stretches no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from caiman_gui.gui.time_scale import TimeScale

#: Redraws in a second while playing.
REDRAW_HZ = 60.0


class PlayClock:
    """Turns seconds since the start of playing into a frame.

    Attributes
    ----------
    speed : float
        Times the speed of the recording.
    """

    def __init__(self) -> None:
        self.speed = 1.0
        self._start = 0

    def start(self, frame: int) -> None:
        """Begin at a frame, now."""
        self._start = frame

    def frame(self, elapsed_s: float, times: TimeScale) -> int:
        """Return the frame due after some time; it may lie past the end.

        Where more frames are due than are drawn, a fixed step is kept, so that the frames to
        come are known beforehand and can be read ahead.
        """
        if times.is_even:
            passed = int(elapsed_s * self.speed * times.frame_rate_hz + 1e-9)
        else:
            due = times.frame(times.seconds(self._start) + elapsed_s * self.speed)
            passed = max(0, due - self._start)
        step = max(1, int(times.frame_rate_hz * self.speed / REDRAW_HZ))
        return self._start + passed // step * step
