"""One of several movies side by side: what is shown is chosen above the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from caiman_gui.app.frames import SOURCES
from caiman_gui.gui import theme
from caiman_gui.gui.widgets.display_panel import DisplayButton, DisplayPanel
from caiman_gui.gui.widgets.movie_view import MovieView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from caiman_gui.app.context import AppContext
    from caiman_gui.app.selection import Selection
    from caiman_gui.gui.widgets.level_link import LevelLink, Zero

#: Where black lies in a source, as LevelLink has it; in the others at the same value.
_ZEROS: dict[str, Zero] = {"model": "zero", "residual": "middle"}
_TIPS = {
    "recorded": "The movie as it lies in the file",
    "raw": "The movie as prepared, before motion correction",
    "corrected": "The movie after motion correction",
    "model": "What the components say: footprints times denoised traces",
    "background": "The background that was separated from the components",
    "residual": "What model and background leave of the movie: noise, or missed cells",
}


class MoviePane(QWidget):
    """A movie without controls of its own, and a row to choose it.

    Parameters
    ----------
    ctx : AppContext
    selection : Selection
    link : LevelLink
    source : str

    Attributes
    ----------
    wanted : str
        Source that was chosen; empty: the pane is closed.

    Signals
    -------
    sourceChosen : str
    closeRequested
    """

    sourceChosen = Signal(str)
    closeRequested = Signal()

    def __init__(self, ctx: AppContext, selection: Selection, link: LevelLink, source: str) -> None:
        super().__init__()
        self.wanted = source
        self._link = link
        self.movie = MovieView(ctx, source, with_player=False, selection=selection)
        self.movie.level_link = link
        link.add(self.movie.view, _ZEROS.get(source, "same"))
        self.choice = QComboBox()
        self.choice.setAccessibleName("Movie shown")
        self.choice.setToolTip("What is shown here")
        self.choice.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.choice.activated.connect(self._on_chosen)
        self.panel = DisplayPanel(self.movie.view, link)
        self.display = DisplayButton(self.panel)
        self.close_button = QToolButton()
        theme.set_icon(self.close_button, "close", "muted")
        self.close_button.setToolTip("Close this movie")
        self.close_button.setAccessibleName("Close this movie")
        self.close_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.close_button.clicked.connect(self.closeRequested)
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self.choice)
        row.addStretch(1)
        row.addWidget(self.display)
        row.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.movie, 1)
        self._show_name()

    def offer(self, sources: Sequence[str]) -> None:
        """Let one of these sources be chosen."""
        self.choice.clear()
        for name in sources:
            self.choice.addItem(SOURCES.get(name, name), name)
            tip = _TIPS.get(name, "")
            self.choice.setItemData(self.choice.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.choice.setCurrentIndex(self.choice.findData(self.movie.source))
        self.choice.setEnabled(len(sources) > 1)

    def show_source(self, source: str) -> None:
        """Show a source."""
        self._link.set_zero(self.movie.view, _ZEROS.get(source, "same"))
        self.movie.set_source(source)
        self.choice.setCurrentIndex(self.choice.findData(source))
        self._show_name()

    def _show_name(self) -> None:
        source = self.movie.source
        self.movie.view.setAccessibleName(f"{SOURCES.get(source, source)} movie")

    def _on_chosen(self) -> None:
        self.sourceChosen.emit(str(self.choice.currentData()))
