"""The controls of a player: timeline, play, step, speed, loop, and how the movie is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.gui import theme
from caiman_gui.gui.play_clock import PlayClock
from caiman_gui.gui.time_scale import TimeScale
from caiman_gui.gui.widgets.display_panel import DisplayButton, DisplayPanel
from caiman_gui.gui.widgets.place_edit import PlaceEdit
from caiman_gui.gui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QHideEvent, QResizeEvent

    from caiman_gui.app.selection import Selection
    from caiman_gui.gui.widgets.image_view import ImageView
    from caiman_gui.gui.widgets.movie_view import MovieView

#: Not longer than the time between two redraws of a usual screen.
_REDRAW_MS = 16
_SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
#: Every frame is shown in turn; one that does not come for this long is passed over.
_EVERY_FRAME, _PATIENCE_MS = 0.0, 1000
#: Below this width of the bar, words give way.
_NARROW_PX = 560


class PlayerBar(QWidget):
    """Moves the current frame of a Selection; every view that listens to it follows.

    Parameters
    ----------
    selection : Selection
        The shared one, or one of its own for a movie that nothing else looks at.

    Signals
    -------
    playingChanged : bool
    rangeChanged : first, last
        The range that is played in a loop, both ends included.
    averagingChanged : int, float
        Frames to average and width of the smoothing, in pixels, that the views should ask for.
    """

    playingChanged = Signal(bool)
    rangeChanged = Signal(int, int)
    averagingChanged = Signal(int, float)

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._scale = TimeScale(0, 30.0)
        self._is_narrow = False
        self._views: list[ImageView] = []
        self._movies: list[MovieView] = []
        self._awaited: set[MovieView] = set()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_REDRAW_MS)
        self._timer.timeout.connect(self._on_tick)
        self._elapsed = QElapsedTimer()
        self._waiting = QElapsedTimer()
        self._clock = PlayClock()
        self.display: DisplayButton | None = None
        self._build()
        selection.frameChanged.connect(self._on_frame)
        self.set_movie(0, 30.0)

    # ------------------------------------------------------------------ build
    def _build(self) -> None:
        self.timeline = Timeline()
        self.timeline.valueChanged.connect(self._on_timeline)
        self.timeline.rangeChosen.connect(self._on_range)
        self.back = self._button("step-back", "One frame back (Left)", lambda: self.step(-1))
        self.play = self._button("play", "Play (Space)", self.toggle)
        self.forward = self._button("step-forward", "One frame on (Right)", lambda: self.step(1))
        self.loop = self._button("loop", "Play again and again (L); set the range with I and O")
        self.loop.setCheckable(True)
        self.loop.setChecked(True)
        self.place = PlaceEdit()
        self.place.frameChosen.connect(self.go_to)
        self.label = theme.label("", "muted")
        self.speed = QComboBox()
        self.speed.setAccessibleName("Speed of playing")
        self.speed.setToolTip("Speed of playing; 1× is the speed of the recording")
        self.speed.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for value in _SPEEDS:
            self.speed.addItem(f"{value:g}×", value)
        self.speed.addItem("All frames", _EVERY_FRAME)
        self.speed.setItemData(
            self.speed.count() - 1,
            "One frame after the other, 60 a second, none left out",
            Qt.ItemDataRole.ToolTipRole,
        )
        self.speed.setCurrentIndex(_SPEEDS.index(1.0))
        self.speed.currentIndexChanged.connect(self._on_speed)
        self.auto = QPushButton("Auto")
        self.auto.setProperty("flat", True)
        self.auto.setToolTip("Take the contrast from the frame shown")
        self.auto.setAccessibleName("Automatic contrast")
        self.auto.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.auto.clicked.connect(self._on_auto)
        self.auto.hide()
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        for widget in (self.back, self.play, self.forward, self.loop):
            self._row.addWidget(widget)
        self._row.addSpacing(4)
        self._row.addWidget(self.place)
        self._row.addWidget(self.label)
        self._row.addStretch(1)
        self._row.addWidget(self.speed)
        self._row.addWidget(self.auto)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.timeline)
        layout.addLayout(self._row)

    def _button(self, icon: str, tip: str, slot: Callable[[], object] | None = None) -> QToolButton:
        button = QToolButton()
        theme.set_icon(button, icon)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if slot is not None:
            button.clicked.connect(slot)
        return button

    def add_shortcuts(self, host: QWidget) -> None:
        """Let the keys of a player work while the focus is in ``host``."""
        keys: dict[str, Callable[[], object]] = {
            "Space": self.toggle,
            "Left": lambda: self.step(-1),
            "Right": lambda: self.step(1),
            "PgUp": lambda: self.step(-10),
            "PgDown": lambda: self.step(10),
            "Shift+Left": lambda: self.step(-10),
            "Shift+Right": lambda: self.step(10),
            "Home": lambda: self.go_to(self.first),
            "End": lambda: self.go_to(self.last),
            "I": self.set_in,
            "O": self.set_out,
            "L": self.loop.toggle,
            "/": self._edit_place,
            "Ctrl+G": self._edit_place,
            "C": self._open_display,
        }
        for key, slot in keys.items():
            shortcut = QShortcut(QKeySequence(key), host)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)

    def attach(self, view: ImageView) -> None:
        """Offer contrast and colours of a view; those attached later get the same contrast."""
        self._views.append(view)
        if self.display is not None:
            return
        self.display = DisplayButton(DisplayPanel(view))
        self.display.panel.averagingChanged.connect(self.averagingChanged)
        self._row.addWidget(self.display)
        self.auto.show()
        self._show_enabled()

    def attach_movie(self, movie: MovieView) -> None:
        """Wait for a movie when every frame is to be shown, and let it average as chosen."""
        self._movies.append(movie)
        movie.frameShown.connect(lambda _index, m=movie: self._awaited.discard(m))
        self.averagingChanged.connect(movie.set_averaging)

    # ------------------------------------------------------------------ movie
    def set_movie(
        self,
        n_frames: int,
        frame_rate_hz: float,
        times_s: NDArray[np.float64] | None = None,
    ) -> None:
        """Tell how long the movie is, how fast it was recorded, and when each frame was taken."""
        self._scale = TimeScale(n_frames, frame_rate_hz, times_s)
        self.timeline.set_movie(self._scale)
        self.place.set_movie(self._scale)
        self._show_enabled()
        if n_frames < 2:
            self.stop()
        self._on_frame(self._selection.frame)

    def set_trace(self, values: NDArray[Any] | None) -> None:
        """Draw the mean brightness of the frames into the timeline."""
        self.timeline.set_trace(values)

    def set_marks(self, frames: Sequence[int] | NDArray[np.integer]) -> None:
        """Mark frames in the timeline, such as bad or dropped ones."""
        self.timeline.set_marks(frames)

    def set_thumbnails(self, images: Sequence[tuple[int, NDArray[Any]]]) -> None:
        """Show small pictures (frame, image) above the timeline."""
        self.timeline.set_thumbnails(images)

    def set_range(self, first: int, last: int) -> None:
        """Choose the range that is played in a loop."""
        self.timeline.set_range(first, last)
        self.rangeChanged.emit(*self.timeline.played)

    @property
    def scale(self) -> TimeScale:
        """When each frame was taken."""
        return self._scale

    @property
    def first(self) -> int:
        """First frame that is played."""
        return self.timeline.played[0]

    @property
    def last(self) -> int:
        """Last frame that is played."""
        return self.timeline.played[1]

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
            frame = self._selection.frame
            if frame >= self._end or (self.loop.isChecked() and frame < self.first):
                self._selection.set_frame(self.first if self.loop.isChecked() else 0)
            self._restart_clock()
            self._timer.start()
            self._show_playing()

    @Slot()
    def stop(self) -> None:
        """Pause."""
        if self._timer.isActive():
            self._timer.stop()
            self._show_playing()

    def step(self, n_frames: int) -> None:
        """Pause and go some frames on (or back)."""
        self.stop()
        self.go_to(self._selection.frame + n_frames)

    @Slot(int)
    def go_to(self, index: int) -> None:
        """Go to a frame; playing goes on from there."""
        self._selection.set_frame(min(max(0, index), max(0, self._scale.n_frames - 1)))
        self._restart_clock()

    def set_in(self) -> None:
        """Let the range that is played begin at the current frame."""
        frame = self._selection.frame
        self.loop.setChecked(True)
        self.set_range(frame, self.last if self.last > frame else self.timeline.maximum())

    def set_out(self) -> None:
        """Let the range that is played end at the current frame."""
        frame = self._selection.frame
        self.loop.setChecked(True)
        self.set_range(self.first if self.first < frame else 0, frame)

    @property
    def _end(self) -> int:
        return self.last if self.loop.isChecked() else max(0, self._scale.n_frames - 1)

    @Slot()
    def _restart_clock(self) -> None:
        self._clock.start(self._selection.frame)
        self._elapsed.start()
        self._awaited = set()

    @Slot()
    def _on_speed(self) -> None:
        self._clock.speed = float(self.speed.currentData())
        self._restart_clock()

    @Slot()
    def _on_tick(self) -> None:
        if self._clock.speed == _EVERY_FRAME:
            if self._awaited and self._waiting.elapsed() < _PATIENCE_MS:
                return
            frame = self._selection.frame + 1
        else:
            frame = self._clock.frame(self._elapsed.elapsed() / 1000, self._scale)
        if frame > self._end:
            if not self.loop.isChecked():
                self._selection.set_frame(self._end)
                self.stop()
                return
            self._selection.set_frame(self.first)
            self._restart_clock()
        elif frame != self._selection.frame:
            if self._clock.speed == _EVERY_FRAME:
                self._awaited = {movie for movie in self._movies if movie.isVisible()}
                self._waiting.start()
            self._selection.set_frame(frame)

    # -------------------------------------------------------------- reactions
    @Slot(int)
    def _on_timeline(self, value: int) -> None:
        self.go_to(value)

    @Slot(int, int)
    def _on_range(self, first: int, last: int) -> None:
        self.loop.setChecked(True)
        self.rangeChanged.emit(first, last)

    @Slot(int)
    def _on_frame(self, index: int) -> None:
        self.timeline.blockSignals(True)
        self.timeline.setValue(index)
        self.timeline.blockSignals(False)
        self.place.show_frame(index)
        self._show_number()

    @Slot()
    def _on_auto(self) -> None:
        for view in self._views:
            view.auto_levels()

    def _edit_place(self) -> None:
        self.place.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _open_display(self) -> None:
        if self.display is not None and self.display.isEnabled():
            self.display.open_panel()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_narrow = self.width() < _NARROW_PX
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            self.auto.setVisible(self.display is not None and not is_narrow)
            self._show_number()

    # ------------------------------------------------------------------- show
    def _show_enabled(self) -> None:
        for widget in (self.back, self.play, self.forward, self.loop, self.speed, self.auto):
            widget.setEnabled(self._scale.n_frames > 0)
        if self.display is not None:
            self.display.setEnabled(self._scale.n_frames > 0)

    def _show_number(self) -> None:
        n_frames = self._scale.n_frames
        if not n_frames:
            self.label.setText("No movie")
            return
        word = "" if self._is_narrow else "frame "
        self.label.setText(f"{word}{self._selection.frame + 1:,} of {n_frames:,}")

    def _show_playing(self) -> None:
        theme.set_icon(self.play, "pause" if self.is_playing else "play")
        self.play.setToolTip("Pause (Space)" if self.is_playing else "Play (Space)")
        self.playingChanged.emit(self.is_playing)
