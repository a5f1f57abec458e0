"""A movie: the frame that the whole window looks at, from one source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from caiman_gui.gui.widgets.image_view import ImageView
from caiman_gui.gui.widgets.player_bar import PlayerBar

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QShowEvent

    from caiman_gui.app.context import AppContext


class MovieView(QWidget):
    """Shows the current frame of the ``raw`` or ``corrected`` movie.

    Frames come from the FrameLoader, off the UI thread; only the newest wish is painted.

    Parameters
    ----------
    ctx : AppContext
    source : str
        ``raw`` or ``corrected``.
    title : str
        Shown over the image.
    with_player : bool
        Whether the controls are below; views side by side share one player.
    """

    def __init__(
        self, ctx: AppContext, source: str = "raw", title: str = "", with_player: bool = True
    ) -> None:
        super().__init__()
        self._ctx = ctx
        self._source = source
        self._needs_levels = True
        self._shown: int | None = None
        self.view = ImageView(title)
        self.view.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.view, 1)
        self.player: PlayerBar | None = None
        if with_player:
            self.player = PlayerBar(ctx.selection)
            self.player.attach(self.view)
            self.player.add_shortcuts(self)
            layout.addWidget(self.player)
        ctx.selection.frameChanged.connect(self._on_frame)
        ctx.frames.frameReady.connect(self._on_frame_ready)

    @property
    def shown_frame(self) -> int | None:
        """Index of the frame that is painted."""
        return self._shown

    def reload(self) -> None:
        """Another movie: find its contrast and ask for the current frame."""
        self._needs_levels = True
        self._shown = None
        state = self._ctx.document.state
        n_frames = state.recording.n_frames if state.recording is not None else 0
        if self.player is not None:
            self.player.set_movie(n_frames, state.frame_rate_hz)
        if not n_frames:
            self.view.set_image(None)
        self._request()

    def _request(self) -> None:
        if self.isVisible() and self._ctx.document.state.recording is not None:
            self._ctx.frames.request(self._source, self._ctx.selection.frame)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._request()

    @Slot(int)
    def _on_frame(self, _index: int) -> None:
        self._request()

    @Slot(str, int, object)
    def _on_frame_ready(self, source: str, index: int, frame: NDArray[Any]) -> None:
        if source != self._source or not self.isVisible():
            return
        self.view.set_image(frame, auto_levels=self._needs_levels)
        self._needs_levels = False
        self._shown = index
