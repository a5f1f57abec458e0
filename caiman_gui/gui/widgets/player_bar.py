"""The controls of a player: time line, play, step, speed and contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSlider, QToolButton, QWidget
from superqt import QDoubleRangeSlider

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent, QResizeEvent

    from caiman_gui.app.selection import Selection
    from caiman_gui.gui.widgets.image_view import ImageView

#: Redraws per second at most while playing; frames between are skipped.
_REDRAW_MS = 33
_SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
#: Below this width of the bar, words give way to the timeline.
_NARROW_PX, _LABEL_PX, _CONTRAST_PX = 700, 196, 120


class PlayerBar(QWidget):
    """Moves the shared current frame; every view of the window follows.

    Signals
    -------
    playingChanged : bool
    """

    playingChanged = Signal(bool)

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._n_frames = 0
        self._is_narrow = False
        self._rate_hz = 30.0
        self._views: list[ImageView] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_REDRAW_MS)
        self._timer.timeout.connect(self._on_tick)
        self._clock = QElapsedTimer()
        self._started_at = 0
        self._build()
        selection.frameChanged.connect(self._on_frame)
        self.set_movie(0, 30.0)

    def _build(self) -> None:
        self.back = self._button("step-back", "One frame back (Left)", lambda: self.step(-1))
        self.play = self._button("play", "Play (Space)", self.toggle)
        self.forward = self._button("step-forward", "One frame on (Right)", lambda: self.step(1))
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Frame")
        self.slider.setMinimumWidth(64)
        self.slider.valueChanged.connect(self._on_slider)
        self.label = theme.label("", "muted")
        self.label.setMinimumWidth(_LABEL_PX)
        self.label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.speed = QComboBox()
        self.speed.setAccessibleName("Speed of playing")
        self.speed.setToolTip("Speed of playing; 1× is the speed of the recording")
        self.speed.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for value in _SPEEDS:
            self.speed.addItem(f"{value:g}×", value)
        self.speed.setCurrentIndex(_SPEEDS.index(1.0))
        self.speed.currentIndexChanged.connect(self._restart_clock)
        self.contrast = QDoubleRangeSlider(Qt.Orientation.Horizontal)  # type: ignore[no-untyped-call]
        self.contrast.setFixedWidth(_CONTRAST_PX)
        self.contrast.setToolTip("Contrast: the values shown as black and as white")
        self.contrast.setAccessibleName("Contrast")
        self.contrast.valueChanged.connect(self._on_contrast)
        self.auto = QPushButton("Auto")
        self.auto.setProperty("flat", True)
        self.auto.setToolTip("Take the contrast from the frame shown")
        self.auto.setAccessibleName("Automatic contrast")
        self.auto.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        theme.set_icon(self.auto, "contrast")
        self.auto.clicked.connect(self._on_auto)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.setSpacing(4)
        for button in (self.back, self.play, self.forward):
            layout.addWidget(button)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.label)
        layout.addSpacing(4)
        layout.addWidget(self.speed)
        layout.addSpacing(8)
        layout.addWidget(self.contrast)
        layout.addWidget(self.auto)

    def _button(self, icon: str, tip: str, slot: object) -> QToolButton:
        button = QToolButton()
        theme.set_icon(button, icon)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(slot)
        return button

    def add_shortcuts(self, host: QWidget) -> None:
        """Let Space, Left, Right, Home and End work while the focus is in ``host``."""
        keys = {
            Qt.Key.Key_Space: self.toggle,
            Qt.Key.Key_Left: lambda: self.step(-1),
            Qt.Key.Key_Right: lambda: self.step(1),
            Qt.Key.Key_PageUp: lambda: self.step(-10),
            Qt.Key.Key_PageDown: lambda: self.step(10),
            Qt.Key.Key_Home: lambda: self._selection.set_frame(0),
            Qt.Key.Key_End: lambda: self._selection.set_frame(self._n_frames - 1),
        }
        for key, slot in keys.items():
            shortcut = QShortcut(QKeySequence(key), host)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(slot)

    # ------------------------------------------------------------------ movie
    def set_movie(self, n_frames: int, frame_rate_hz: float) -> None:
        """Tell how long the movie is, and how fast it was recorded."""
        self._n_frames = n_frames
        self._rate_hz = frame_rate_hz
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, n_frames - 1))
        self.slider.setPageStep(max(1, n_frames // 20))
        self.slider.setValue(self._selection.frame)
        self.slider.blockSignals(False)
        for item in (self.back, self.play, self.forward, self.slider, self.contrast, self.auto):
            item.setEnabled(n_frames > 0)
        if n_frames < 2:
            self.stop()
        self._show_time()

    def attach(self, view: ImageView) -> None:
        """Let the contrast slider set the levels of a view."""
        self._views.append(view)
        view.levelsChanged.connect(self._on_levels)

    @property
    def is_playing(self) -> bool:
        """Whether frames advance by themselves."""
        return self._timer.isActive()

    @Slot()
    def toggle(self) -> None:
        """Play or pause."""
        if self.is_playing:
            self.stop()
        elif self._n_frames > 1:
            if self._selection.frame >= self._n_frames - 1:
                self._selection.set_frame(0)
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
        self._selection.set_frame(
            min(max(0, self._selection.frame + n_frames), max(0, self._n_frames - 1))
        )

    # -------------------------------------------------------------- reactions
    @Slot()
    def _restart_clock(self) -> None:
        self._started_at = self._selection.frame
        self._clock.start()

    @Slot()
    def _on_tick(self) -> None:
        # By the clock, not by counting ticks: a slow disk makes frames drop, not time stretch.
        elapsed_s = self._clock.elapsed() / 1000
        frame = self._started_at + int(elapsed_s * self._rate_hz * float(self.speed.currentData()))
        if frame >= self._n_frames:
            self._selection.set_frame(0)
            self._restart_clock()
        else:
            self._selection.set_frame(frame)

    @Slot(int)
    def _on_slider(self, value: int) -> None:
        self._selection.set_frame(value)
        self._restart_clock()

    @Slot(int)
    def _on_frame(self, index: int) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(index)
        self.slider.blockSignals(False)
        self._show_time()

    @Slot(object)
    def _on_contrast(self, values: tuple[float, float]) -> None:
        for view in self._views:
            view.set_levels(*values)

    @Slot(float, float)
    def _on_levels(self, low: float, high: float) -> None:
        margin = high - low
        bottom = min(self.contrast.minimum(), low - margin / 2)
        top = max(self.contrast.maximum(), high + margin)
        if not self.contrast.isSliderDown():
            bottom, top = low - margin / 2, high + margin
        self.contrast.blockSignals(True)
        self.contrast.setRange(bottom, top)
        self.contrast.setValue((low, high))
        self.contrast.blockSignals(False)

    @Slot()
    def _on_auto(self) -> None:
        for view in self._views:
            view.auto_levels()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_narrow = self.width() < _NARROW_PX
        if is_narrow != self._is_narrow:  # the timeline must not be what has no room
            self._is_narrow = is_narrow
            self.label.setMinimumWidth(0 if is_narrow else _LABEL_PX)
            self.contrast.setFixedWidth(_CONTRAST_PX // 2 if is_narrow else _CONTRAST_PX)
            self.auto.setText("" if is_narrow else "Auto")
            self._show_time()

    def _show_time(self) -> None:
        if not self._n_frames:
            self.label.setText("No movie")
            return
        index = self._selection.frame
        seconds = index / self._rate_hz
        word = "" if self._is_narrow else "frame "
        self.label.setText(f"{word}{index + 1:,} of {self._n_frames:,} · {seconds:,.2f} s")

    def _show_playing(self) -> None:
        theme.set_icon(self.play, "pause" if self.is_playing else "play")
        self.play.setToolTip("Pause (Space)" if self.is_playing else "Play (Space)")
        self.playingChanged.emit(self.is_playing)
