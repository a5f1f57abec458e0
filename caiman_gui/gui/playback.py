"""Playing: moves the current frame by the clock, in a loop if wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, QObject, Qt, QTimer, Signal, Slot

from caiman_gui.gui.play_clock import REDRAW_HZ, PlayClock
from caiman_gui.gui.time_scale import TimeScale

if TYPE_CHECKING:
    from caiman_gui.app.selection import Selection
    from caiman_gui.gui.widgets.movie_view import MovieView

#: How often the clock is looked at: twice in a redraw of a usual screen, so that a late tick
#: leaves no frame out.
_TICK_MS = 8
#: Speed at which every frame is shown in turn; one that does not come for this long is passed over.
EVERY_FRAME, _PATIENCE_MS = 0.0, 1000


class Playback(QObject):
    """Moves the frame of a Selection.

    Signals
    -------
    playingChanged : bool
    loopChanged : first, last, bool
        The range that is played again, both ends included, and whether it is.
    """

    playingChanged = Signal(bool)
    loopChanged = Signal(int, int, bool)

    def __init__(self, selection: Selection, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._scale = TimeScale(0, 30.0)
        self._range = (0, 0)
        self._is_looping = True
        self._movies: list[MovieView] = []
        self._awaited: set[MovieView] = set()
        self._clock = PlayClock()
        self._elapsed = QElapsedTimer()
        self._waiting = QElapsedTimer()
        self._n_due = 0
        self._is_own_move = False
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._on_tick)
        selection.frameChanged.connect(self._on_frame)

    # ------------------------------------------------------------------ movie
    @property
    def scale(self) -> TimeScale:
        """When each frame was taken."""
        return self._scale

    def set_scale(self, scale: TimeScale, *, is_new: bool) -> None:
        """Play another movie, from end to end, or the same with other times."""
        last = max(0, scale.n_frames - 1)
        if is_new or scale.n_frames != self._scale.n_frames:
            self._range = (0, last)
        self._scale = scale
        if scale.n_frames < 2:
            self.stop()
        self._restart()

    def wait_for(self, movie: MovieView) -> None:
        """Wait for this movie, while it is visible, when every frame is to be shown."""
        self._movies.append(movie)
        movie.frameShown.connect(lambda _index, m=movie: self._awaited.discard(m))

    # ------------------------------------------------------------------ range
    @property
    def range(self) -> tuple[int, int]:
        """First and last frame that are played again and again."""
        return self._range

    @property
    def is_looping(self) -> bool:
        """Whether the range is played again and again; else the movie, once."""
        return self._is_looping

    def set_looping(self, is_looping: bool) -> None:
        """Play the range again and again, or the movie once."""
        if is_looping != self._is_looping:
            self._is_looping = is_looping
            self.loopChanged.emit(*self._range, is_looping)

    def set_range(self, first: int, last: int) -> None:
        """Choose the range, both ends included, and play it again and again."""
        end = max(0, self._scale.n_frames - 1)
        first = min(max(0, first), end)
        self._range = (first, min(max(first, last), end))
        self._is_looping = True
        self.loopChanged.emit(*self._range, True)

    def set_in(self) -> None:
        """Let the range begin at the current frame."""
        frame, last = self._selection.frame, self._range[1]
        self.set_range(frame, last if last > frame else self._scale.n_frames)

    def set_out(self) -> None:
        """Let the range end at the current frame."""
        frame, first = self._selection.frame, self._range[0]
        self.set_range(first if first < frame else 0, frame)

    # ------------------------------------------------------------------- play
    @property
    def is_playing(self) -> bool:
        """Whether frames advance by themselves."""
        return self._timer.isActive()

    @Slot()
    def toggle(self) -> None:
        """Play or pause."""
        if self.is_playing:
            self.stop()
        elif self._scale.n_frames > 1:
            frame, first = self._selection.frame, self._range[0]
            if frame >= self._end or (self._is_looping and frame < first):
                self._selection.set_frame(first if self._is_looping else 0)
            self._restart()
            self._timer.start()
            self.playingChanged.emit(True)

    @Slot()
    def stop(self) -> None:
        """Pause."""
        if self._timer.isActive():
            self._timer.stop()
            self.playingChanged.emit(False)

    def set_speed(self, speed: float) -> None:
        """Play at a multiple of the speed of the recording, or EVERY_FRAME."""
        self._clock.speed = speed
        self._restart()

    def step(self, n_frames: int) -> None:
        """Pause and go some frames on (or back)."""
        self.stop()
        self.go_to(self._selection.frame + n_frames)

    @Slot(int)
    def go_to(self, index: int) -> None:
        """Go to a frame; playing goes on from there."""
        self._selection.set_frame(min(max(0, index), max(0, self._scale.n_frames - 1)))

    @property
    def _end(self) -> int:
        return self._range[1] if self._is_looping else max(0, self._scale.n_frames - 1)

    def _restart(self) -> None:
        self._clock.start(self._selection.frame)
        self._elapsed.start()
        self._n_due = 0
        self._awaited = set()

    @Slot(int)
    def _on_frame(self, _index: int) -> None:
        if not self._is_own_move:  # somebody went elsewhere: playing goes on from there
            self._restart()

    @Slot()
    def _on_tick(self) -> None:
        frame = self._due()
        if frame > self._end and not self._is_looping:
            self._selection.set_frame(self._end)
            self.stop()
        elif frame > self._end:
            self._selection.set_frame(self._range[0])
            self._restart()
        elif frame != self._selection.frame:
            self._awaited = {movie for movie in self._movies if movie.isVisible()}
            self._waiting.start()
            self._is_own_move = True
            self._selection.set_frame(frame)
            self._is_own_move = False

    def _due(self) -> int:
        """Return the frame to show now."""
        elapsed_s = self._elapsed.elapsed() / 1000
        if self._clock.speed != EVERY_FRAME:
            return self._clock.frame(elapsed_s, self._scale)
        due = int(elapsed_s * REDRAW_HZ)
        is_waiting = bool(self._awaited) and self._waiting.elapsed() < _PATIENCE_MS
        if is_waiting or due <= self._n_due:
            return self._selection.frame
        self._n_due = max(self._n_due + 1, due - 1)  # what is late is not made up for
        return self._selection.frame + 1
