"""A movie: the current frame of one source, its controls, and traces of places in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from caiman_gui.gui.widgets.image_view import ImageView
from caiman_gui.gui.widgets.player_bar import PlayerBar
from caiman_gui.gui.widgets.trace_panel import TracePanel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QShowEvent

    from caiman_gui.app.context import AppContext
    from caiman_gui.app.selection import Selection
    from caiman_gui.gui.widgets.level_link import LevelLink


class MovieView(QWidget):
    """Shows the current frame of a source of the FrameLoader.

    Frames come from the FrameLoader, off the UI thread; only the newest wish is painted.

    Parameters
    ----------
    ctx : AppContext
    source : str
        One of ``app.frames.SOURCES``.
    title : str
        Shown over the image.
    with_player : bool
        Whether the controls and the traces are below; views side by side share them.
    selection : Selection, optional
        Whose frame is shown; the shared one without.

    Signals
    -------
    frameShown : int
        This frame is painted, or cannot be.
    sourceSwitched : str
        Another source is shown.
    """

    frameShown = Signal(int)
    sourceSwitched = Signal(str)

    def __init__(
        self,
        ctx: AppContext,
        source: str = "raw",
        title: str = "",
        with_player: bool = True,
        selection: Selection | None = None,
    ) -> None:
        super().__init__()
        self._ctx = ctx
        self._source = source
        self._title = title
        self._selection = selection if selection is not None else ctx.selection
        self._n_frames = 0
        self._averaging = (1, 0.0)
        #: Shares the contrast with other views, if set.
        self.level_link: LevelLink | None = None
        self._needs_levels = True
        self._is_new = True
        self._shown: int | None = None
        self._failed: int | None = None
        self.view = ImageView(title)
        self.view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self.player: PlayerBar | None = None
        self.traces: TracePanel | None = None
        if with_player:
            self.player = PlayerBar(self._selection)
            layout.addWidget(self._build_traces(self.player), 1)
            layout.addWidget(self.player)
        else:
            layout.addWidget(self.view, 1)
        self._selection.frameChanged.connect(self._on_frame)
        ctx.frames.frameReady.connect(self._on_frame_ready)
        ctx.frames.frameFailed.connect(self._on_frame_failed)
        ctx.frames.sourceChanged.connect(self._on_source)

    def _build_traces(self, player: PlayerBar) -> QSplitter:
        player.attach(self.view)
        player.attach_movie(self)
        player.add_shortcuts(self)
        self.traces = TracePanel(self._ctx, self._selection)
        self.traces.attach(self)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setObjectName("movie")
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.view)
        splitter.addWidget(self.traces)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 1)
        return splitter

    # ------------------------------------------------------------------ movie
    @property
    def source(self) -> str:
        """The source that is shown."""
        return self._source

    @property
    def title(self) -> str:
        """What is written over the image, without what is averaged."""
        return self._title

    @property
    def selection(self) -> Selection:
        """Whose frame is shown."""
        return self._selection

    @property
    def shown_frame(self) -> int | None:
        """Index of the frame that is painted."""
        return self._shown

    @property
    def n_frames(self) -> int:
        """Length of the movie; 0 if there is none."""
        return self._n_frames

    def reload(self) -> None:
        """Another recording is in the document: take its length, contrast and current frame."""
        state = self._ctx.document.state
        times = state.times.seconds if state.times is not None else None
        if state.recording is None:
            self.set_movie(0, state.frame_rate_hz)
        elif self._source == "recorded":
            self.set_movie(state.recording.n_frames, state.recorded_rate_hz, times)
        else:
            times = state.times_s if times is not None else None
            self.set_movie(state.shape[0], state.frame_rate_hz, times)

    def set_movie(
        self,
        n_frames: int,
        frame_rate_hz: float,
        times_s: NDArray[np.float64] | None = None,
    ) -> None:
        """Show another movie of the source: take its length, contrast and current frame.

        Contrast, range and places are kept if it is the same movie with other times.

        Parameters
        ----------
        n_frames : int
            0: there is none.
        frame_rate_hz : float
        times_s : (T,) array of float, optional
            Time stamps of the frames.
        """
        is_new = self._is_new or n_frames != self._n_frames
        self._n_frames, self._is_new = n_frames, False
        if is_new:
            self._forget()
        if self.player is not None and self.traces is not None:
            if is_new:
                self.traces.clear()
            self.player.set_movie(n_frames, frame_rate_hz, times_s, is_new=is_new)
            self.traces.set_scale(self.player.scale)
        if not n_frames:
            self.view.set_image(None)
        self._request()

    def set_source(self, source: str) -> None:
        """Show another source, of the same length."""
        if source == self._source:
            return
        self._source = source
        self._forget()
        self.sourceSwitched.emit(source)
        self._request()

    @Slot(int, float)
    def set_averaging(self, n_frames: int, sigma_px: float) -> None:
        """Show the mean of several frames, smoothed; (1, 0) shows them as they are."""
        if (n_frames, sigma_px) == self._averaging:
            return
        self._averaging = (n_frames, sigma_px)
        self._show_title()
        self._request()

    @property
    def averaging(self) -> tuple[int, float]:
        """Frames that are averaged, and width of the smoothing in pixels."""
        return self._averaging

    def set_title(self, title: str) -> None:
        """Show another title over the image."""
        self._title = title
        self._show_title()

    def _show_title(self) -> None:
        n_frames, sigma_px = self._averaging
        parts = [self._title] if self._title else []
        if self._failed is not None:
            parts.append(f"frame {self._failed + 1:,} cannot be read")
        if n_frames > 1:
            parts.append(f"mean of {n_frames} frames")
        if sigma_px > 0:
            parts.append(f"smoothed {sigma_px:g} px")
        text = " · ".join(parts)
        self.view.set_title(text if self._title else text[:1].upper() + text[1:])

    def _set_failed(self, index: int | None) -> None:
        if index != self._failed:
            self._failed = index
            self._show_title()

    def _forget(self) -> None:
        self._needs_levels = True
        self._shown = None
        self._set_failed(None)

    def _request(self) -> None:
        if self.isVisible() and self._n_frames:
            self._ctx.frames.request(self._source, self._selection.frame, *self._averaging)

    # -------------------------------------------------------------- reactions
    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._request()

    @Slot(int)
    def _on_frame(self, _index: int) -> None:
        self._request()

    @Slot(str)
    def _on_source(self, source: str) -> None:
        if source == self._source:
            self._is_new = True
            self._shown = None
            self._request()

    @Slot(str, int, object)
    def _on_frame_ready(self, source: str, index: int, frame: NDArray[Any]) -> None:
        if source != self._source or not self.isVisible():
            return
        if self._needs_levels and self.level_link is not None:
            self.level_link.show(self.view, frame)
        else:
            self.view.set_image(frame, auto_levels=self._needs_levels)
        self._needs_levels = False
        self._shown = index
        self._set_failed(None)
        self.frameShown.emit(index)

    @Slot(str, int)
    def _on_frame_failed(self, source: str, index: int) -> None:
        """Show no picture rather than that of another frame."""
        if source != self._source or not self.isVisible():
            return
        self._shown = None
        self.view.set_image(None)
        self._set_failed(index)
        self.frameShown.emit(index)  # nobody needs to wait for it any more
