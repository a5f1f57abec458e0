"""The controls of a player: timeline, play, step, speed, loop, and how the movie is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.gui import theme
from caiman_gui.gui.playback import EVERY_FRAME, Playback
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
    from caiman_gui.gui.widgets.level_link import LevelLink
    from caiman_gui.gui.widgets.movie_view import MovieView

_SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
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
        The range that is played in a loop, both ends included, or whether it is.
    averagingChanged : int, float
        Frames to average and width of the smoothing, in pixels, that the views should ask for.
    """

    playingChanged = Signal(bool)
    rangeChanged = Signal(int, int)
    averagingChanged = Signal(int, float)

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._is_narrow = False
        self._view: ImageView | None = None
        self._link: LevelLink | None = None
        self.playback = Playback(selection, self)
        self.playback.playingChanged.connect(self._on_playing)
        self.playback.loopChanged.connect(self._on_loop)
        self.display: DisplayButton | None = None
        self._build()
        selection.frameChanged.connect(self._on_frame)
        self.set_movie(0, 30.0)

    # ------------------------------------------------------------------ build
    def _build(self) -> None:
        self.timeline = Timeline()
        self.timeline.valueChanged.connect(self.playback.go_to)
        self.timeline.rangeChosen.connect(self.playback.set_range)
        self.back = self._button(
            "step-back", "One frame back (Left)", lambda: self.playback.step(-1)
        )
        self.play = self._button("play", "Play (Space)", self.playback.toggle)
        self.forward = self._button(
            "step-forward", "One frame on (Right)", lambda: self.playback.step(1)
        )
        self.loop = self._button("loop", "Play again and again (L); set the range with I and O")
        self.loop.setCheckable(True)
        self.loop.setChecked(True)
        self.loop.toggled.connect(self.playback.set_looping)
        self.place = PlaceEdit()
        self.place.frameChosen.connect(self.playback.go_to)
        self.place.finished.connect(self._take_focus)
        self.label = theme.label("", "muted")
        self.speed = QComboBox()
        self.speed.setAccessibleName("Speed of playing")
        self.speed.setToolTip("Speed of playing; 1× is the speed of the recording")
        self.speed.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for value in _SPEEDS:
            self.speed.addItem(f"{value:g}×", value)
        self.speed.addItem("All frames", EVERY_FRAME)
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
        play = self.playback
        keys: dict[str, Callable[[], object]] = {
            "Space": self._on_space,
            "Left": lambda: play.step(-1),
            "Right": lambda: play.step(1),
            "PgUp": lambda: play.step(-10),
            "PgDown": lambda: play.step(10),
            "Shift+Left": lambda: play.step(-10),
            "Shift+Right": lambda: play.step(10),
            "Home": lambda: play.go_to(play.range[0]),
            "End": lambda: play.go_to(play.range[1]),
            "I": play.set_in,
            "O": play.set_out,
            "L": self.loop.toggle,
            "/": self._edit_place,
            "Ctrl+G": self._edit_place,
            "C": self._open_display,
        }
        for key, slot in keys.items():
            shortcut = QShortcut(QKeySequence(key), host)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)

    def attach(self, view: ImageView, link: LevelLink | None = None) -> None:
        """Offer contrast and colours of a view, and through its link those of others."""
        self._view, self._link = view, link
        self.display = DisplayButton(DisplayPanel(view, link))
        self.display.panel.averagingChanged.connect(self.averagingChanged)
        self._row.addWidget(self.display)
        self.auto.show()
        self._show_enabled()

    def add_tool(self, widget: QWidget) -> None:
        """Put a button to the right end of the row."""
        self._row.addWidget(widget)

    def attach_movie(self, movie: MovieView) -> None:
        """Wait for a movie when every frame is to be shown, and let it average as chosen."""
        self.playback.wait_for(movie)
        self.averagingChanged.connect(movie.set_averaging)

    # ------------------------------------------------------------------ movie
    def set_movie(
        self,
        n_frames: int,
        frame_rate_hz: float,
        times_s: NDArray[np.float64] | None = None,
        *,
        is_new: bool = True,
    ) -> None:
        """Tell how long the movie is, how fast it was recorded, and when each frame was taken.

        Parameters
        ----------
        n_frames : int
        frame_rate_hz : float
        times_s : (T,) array of float, optional
        is_new : bool
            Whether it is another movie: what the timeline knows of it is forgotten.
        """
        scale = TimeScale(n_frames, frame_rate_hz, times_s)
        if is_new or n_frames != self.scale.n_frames:
            self.timeline.set_movie(scale)
        else:
            self.timeline.set_scale(scale)
        self.playback.set_scale(scale, is_new=is_new)
        self.place.set_movie(scale)
        self._show_enabled()
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

    @property
    def scale(self) -> TimeScale:
        """When each frame was taken."""
        return self.playback.scale

    @property
    def is_playing(self) -> bool:
        """Whether frames advance by themselves."""
        return self.playback.is_playing

    def set_range(self, first: int, last: int) -> None:
        """Choose the range that is played in a loop, both ends included."""
        self.playback.set_range(first, last)

    @Slot()
    def stop(self) -> None:
        """Pause."""
        self.playback.stop()

    # -------------------------------------------------------------- reactions
    @Slot()
    def _on_speed(self) -> None:
        self.playback.set_speed(float(self.speed.currentData()))

    @Slot(int, int, bool)
    def _on_loop(self, first: int, last: int, is_looping: bool) -> None:
        self.loop.setChecked(is_looping)
        if (first, last) != self.timeline.played:
            self.timeline.set_range(first, last)
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
        if self._link is not None and self._view is not None:
            self._link.auto(self._view)
        elif self._view is not None:
            self._view.auto_levels()

    def _on_space(self) -> None:
        """Play or pause, unless a button or a choice has the focus: then it is pressed."""
        focused = QApplication.focusWidget()
        if isinstance(focused, QAbstractButton) and focused is not self.play:
            focused.click()
        elif isinstance(focused, QComboBox):
            focused.showPopup()
        else:
            self.playback.toggle()

    def _edit_place(self) -> None:
        self.place.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def _take_focus(self) -> None:
        """Let the keys of the player work on: without a focus none of them does."""
        self.timeline.setFocus(Qt.FocusReason.OtherFocusReason)

    def _open_display(self) -> None:
        if self.display is not None and self.display.isEnabled():
            self.display.open_panel()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.playback.stop()

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
            widget.setEnabled(self.scale.n_frames > 0)
        if self.display is not None:
            self.display.setEnabled(self.scale.n_frames > 0)

    def _show_number(self) -> None:
        n_frames = self.scale.n_frames
        if not n_frames:
            self.label.setText("No movie")
            return
        word = "" if self._is_narrow else "frame "
        self.label.setText(f"{word}{self._selection.frame + 1:,} of {n_frames:,}")

    @Slot(bool)
    def _on_playing(self, is_playing: bool) -> None:
        theme.set_icon(self.play, "pause" if is_playing else "play")
        self.play.setToolTip("Pause (Space)" if is_playing else "Play (Space)")
        self.playingChanged.emit(is_playing)
