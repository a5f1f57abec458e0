"""Several movies of one recording at one time and one zoom, with one player."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QSplitter, QToolButton, QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.level_link import LevelLink
from caiman_gui.gui.widgets.movie_pane import MoviePane
from caiman_gui.gui.widgets.player_bar import PlayerBar
from caiman_gui.gui.widgets.trace_panel import TracePanel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QResizeEvent

    from caiman_gui.app.context import AppContext
    from caiman_gui.app.selection import Selection

MOST_PANES = 4
#: Height of the row above each picture, in px.
_HEAD_PX = 36


class MultiPlayer(QWidget):
    """One to four panes, each with a source of its own.

    A pane whose source has no movie waits hidden until there is one. Panes share time, zoom and,
    unless switched off, contrast.

    Parameters
    ----------
    ctx : AppContext
    sources : sequence of str
        Of ``app.frames.SOURCES``; one pane each.
    selection : Selection, optional
        Whose frame is shown; the shared one without.

    Signals
    -------
    sourcesChanged : tuple of str
        Other sources were chosen.
    """

    sourcesChanged = Signal(object)

    def __init__(
        self,
        ctx: AppContext,
        sources: Sequence[str] = ("raw", "corrected"),
        selection: Selection | None = None,
    ) -> None:
        super().__init__()
        self._ctx = ctx
        self._selection = selection if selection is not None else ctx.selection
        self._movie: tuple[int, float, NDArray[np.float64] | None] = (0, 30.0, None)
        self._is_shown: tuple[MoviePane, ...] = ()
        self._n_columns = 0
        self._is_new = True
        self.panes: list[MoviePane] = []
        self.link = LevelLink(self)
        self.player = PlayerBar(self._selection)
        self.traces = TracePanel(ctx, self._selection)
        self._build()
        self.player.averagingChanged.connect(self._on_averaging)
        ctx.frames.sourceChanged.connect(self._on_source)
        self.set_sources(sources)

    def _build(self) -> None:
        self._field = QWidget()
        self._grid = QGridLayout(self._field)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(8)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setObjectName("movies")
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self._field)
        self.splitter.addWidget(self.traces)
        self.splitter.setStretchFactor(0, 3)
        self.splitter.setStretchFactor(1, 1)
        self.add_button = QToolButton()
        self.add_button.setText("Compare")
        self.add_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.add_button.setToolTip("Show another movie beside: raw, corrected, model, residual …")
        self.add_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        theme.set_icon(self.add_button, "plus")
        self.add_button.clicked.connect(self.add_pane)
        self.player.add_tool(self.add_button)
        self.player.add_shortcuts(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.player)

    # ------------------------------------------------------------------ movie
    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that are shown now, pane by pane."""
        return tuple(pane.movie.source for pane in self._is_shown)

    def set_sources(self, sources: Sequence[str]) -> None:
        """Show these sources, one in each pane; those without a movie wait hidden."""
        for index, source in enumerate(sources[:MOST_PANES]):
            if index == len(self.panes):
                self._new_pane(source)
            self.panes[index].wanted = source
        for pane in self.panes[len(sources) :]:
            pane.wanted = ""
        self._arrange()

    @Slot()
    def add_pane(self) -> None:
        """Show one more source that is not shown yet."""
        left = [name for name in self._available() if name not in self.sources]
        if not left or not self._has_room():
            return
        pane = next((pane for pane in self.panes if not pane.wanted), None)
        if pane is None:
            pane = self._new_pane(left[0])
        pane.wanted = left[0]
        self._arrange()
        self.sourcesChanged.emit(self.sources)

    def reload(self) -> None:
        """Another recording is in the document: take its length, contrast and current frame."""
        state = self._ctx.document.state
        times = state.times_s if state.times is not None else None
        n_frames = state.shape[0] if state.recording is not None else 0
        self.set_movie(n_frames, state.frame_rate_hz, times)

    def set_movie(
        self,
        n_frames: int,
        frame_rate_hz: float,
        times_s: NDArray[np.float64] | None = None,
    ) -> None:
        """Show other movies of the sources; arguments as of MovieView.set_movie."""
        is_new = self._is_new or n_frames != self._movie[0]
        self._movie, self._is_new = (n_frames, frame_rate_hz, times_s), False
        self.player.set_movie(*self._movie, is_new=is_new)
        if is_new:
            self.traces.clear()
            for pane in self.panes:
                pane.movie.view.set_image(None)  # nobody takes the contrast of the movie before
        self.traces.set_scale(self.player.scale)
        for pane in self.panes:
            pane.movie.set_movie(*self._movie)
        self._arrange()

    # ------------------------------------------------------------------ panes
    def _available(self) -> tuple[str, ...]:
        """Return the sources that can be compared: those of one length and size."""
        return tuple(name for name in self._ctx.frames.available() if name != "recorded")

    def _has_room(self) -> bool:
        return sum(bool(pane.wanted) for pane in self.panes) < MOST_PANES

    def _new_pane(self, source: str) -> MoviePane:
        pane = MoviePane(self._ctx, self._selection, self.link, source)
        if self.panes:
            pane.movie.view.link_to(self.panes[0].movie.view)
        self.panes.append(pane)
        self.player.attach_movie(pane.movie)
        self.traces.attach(pane.movie)
        pane.sourceChosen.connect(partial(self._on_chosen, pane))
        pane.closeRequested.connect(partial(self._on_close, pane))
        pane.panel.averagingChanged.connect(self.player.averagingChanged)
        pane.movie.frameShown.connect(self._place)
        pane.movie.set_averaging(*self.panes[0].movie.averaging)
        pane.panel.set_averaging(*pane.movie.averaging)
        pane.movie.set_movie(*self._movie)
        pane.hide()
        return pane

    def _arrange(self) -> None:
        """Show the panes that have something to show, and what each may choose."""
        available = self._available()
        shown = [pane for pane in self.panes if pane.wanted in available]
        if not shown and self.panes:
            shown = self.panes[:1]
        for pane in shown:
            source = pane.wanted
            if source not in available and available:
                source = available[0]
            pane.show_source(source)
            pane.offer(available)
            pane.close_button.setVisible(len(shown) > 1)
        if tuple(shown) != self._is_shown:
            self._is_shown = tuple(shown)
            self._n_columns = 0
            self._place()
        is_left = any(name not in self.sources for name in available)
        self.add_button.setEnabled(is_left and self._has_room())

    def _place(self, *_: object) -> None:
        """Put the panes into as many columns as make the pictures largest."""
        n_columns = self._best_columns()
        if n_columns == self._n_columns:
            return
        self._n_columns = n_columns
        for pane in self.panes:
            self._grid.removeWidget(pane)
        for index in range(MOST_PANES):
            self._grid.setColumnStretch(index, int(index < n_columns))
            used = -(-len(self._is_shown) // n_columns)
            self._grid.setRowStretch(index, int(index < used))
        for index, pane in enumerate(self._is_shown):
            self._grid.addWidget(pane, *divmod(index, n_columns))
        for pane in self.panes:
            pane.setVisible(pane in self._is_shown)

    def _best_columns(self) -> int:
        n_panes = max(1, len(self._is_shown))
        image = next(
            (p.movie.view.image for p in self.panes if p.movie.view.image is not None), None
        )
        height, width = (1, 1) if image is None else image.shape[:2]

        def scale(n_columns: int) -> float:
            n_rows = -(-n_panes // n_columns)
            across = self._field.width() / n_columns / width
            down = (self._field.height() / n_rows - _HEAD_PX) / height
            return float(min(across, down))

        return max(range(n_panes, 0, -1), key=scale)

    # -------------------------------------------------------------- reactions
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _on_chosen(self, pane: MoviePane, source: str) -> None:
        pane.wanted = source
        pane.show_source(source)
        self._arrange()
        self.sourcesChanged.emit(self.sources)

    def _on_close(self, pane: MoviePane) -> None:
        pane.wanted = ""
        self.traces.forget(pane.movie)
        self.panes.remove(pane)
        self.panes.append(pane)  # it is used again for the next one
        self._arrange()
        self.sourcesChanged.emit(self.sources)

    @Slot(str)
    def _on_source(self, source: str) -> None:
        if source in self.sources:
            self._is_new = True
        self._arrange()

    @Slot(int, float)
    def _on_averaging(self, n_frames: int, sigma_px: float) -> None:
        for pane in self.panes:
            pane.panel.set_averaging(n_frames, sigma_px)
