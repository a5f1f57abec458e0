"""Motion correction: raw and corrected side by side, and how much there was to correct."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QGridLayout,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.app.topics import Topic
from caiman_gui.gui import theme, words
from caiman_gui.gui.tabs.step_tab import StepTab
from caiman_gui.gui.widgets.empty_state import EmptyState
from caiman_gui.gui.widgets.level_link import LevelLink
from caiman_gui.gui.widgets.movie_view import MovieView
from caiman_gui.gui.widgets.player_bar import PlayerBar
from caiman_gui.gui.widgets.shift_plot import TimePlot
from caiman_gui.params.motion import MotionParams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.app.context import AppContext
    from caiman_gui.core.results import MotionResult

#: Width over height of a field from which on raw and corrected are one below the other.
LEAST_WIDE = 2.5
#: A shift this close to the search range counts as "at the limit", in px.
_AT_LIMIT_PX = 0.5


class MotionTab(StepTab):
    """Run motion correction and judge it."""

    def __init__(self, ctx: AppContext) -> None:
        super().__init__(ctx, "motion", "Motion correction")
        self.raw = MovieView(ctx, "raw", "Raw", with_player=False)
        self.corrected = MovieView(ctx, "corrected", "Corrected", with_player=False)
        self.corrected.view.link_to(self.raw.view)
        self.player = PlayerBar(ctx.selection)
        self.levels = LevelLink(self)
        for movie in (self.raw, self.corrected):
            self.levels.add(movie.view)
            movie.level_link = self.levels
            self.player.attach_movie(movie)
        self.player.attach(self.raw.view, self.levels)
        self.grid = pg.PlotCurveItem(connect="pairs")
        self.grid.setVisible(False)
        self.corrected.view.view.addItem(self.grid, ignoreBounds=True)
        self.views = self._build_views()
        self.no_movie = EmptyState(
            "movie",
            "No recording yet",
            "Motion correction aligns the frames of a movie. Open one first.",
            "Go to Load",
            lambda: self.requestTab.emit("load"),
        )
        for page in (self.views, self.no_movie):
            self.content.addWidget(page)
        self.add_form(MotionParams, "motion", "Motion correction")
        self.show_grid = QCheckBox("Show patches")
        self.show_grid.toggled.connect(self._on_show_grid)
        self.metrics = QWidget()
        self._metrics = QGridLayout(self.metrics)
        self._metrics.setContentsMargins(0, 0, 0, 0)
        self._metrics.setVerticalSpacing(4)
        self._metrics.setColumnStretch(0, 1)
        body = QWidget()
        body_layout = QVBoxLayout(body)
        body_layout.setContentsMargins(0, 0, 0, 0)
        body_layout.setSpacing(8)
        body_layout.addWidget(self.metrics)
        body_layout.addWidget(self.show_grid)
        self.metrics_card = self.add_card("Result", body)
        ctx.selection.frameChanged.connect(self._on_frame)

    def _build_views(self) -> QSplitter:
        self.no_result = EmptyState(
            "motion",
            "No corrected movie yet",
            "Align all frames with a template, or go on with the raw movie if it hardly moves.",
            "Run motion correction",
            self.run,
        )
        self.no_result.add_button("Continue without", lambda: self.requestTab.emit("inspect"))
        self.right = QStackedWidget()
        self.right.addWidget(self.no_result)
        self.right.addWidget(self.corrected)
        self._players = players = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        players.setContentsMargins(0, 0, 0, 0)
        players.setSpacing(8)
        players.addWidget(self.raw, 1)
        players.addWidget(self.right, 1)
        top = QWidget()
        top_layout = QVBoxLayout(top)
        top_layout.setContentsMargins(0, 0, 0, 0)
        top_layout.setSpacing(8)
        top_layout.addLayout(players, 1)
        top_layout.addWidget(self.player)
        self.player.add_shortcuts(top)
        self.shifts = TimePlot("Shift", "px")
        self.correlation = TimePlot("Correlation")
        self.shifts.show_time_axis(False)
        self.correlation.show_time_axis(True)
        self.correlation.setXLink(self.shifts)
        self.plots = QWidget()
        plots = QVBoxLayout(self.plots)
        plots.setContentsMargins(0, 0, 0, 0)
        plots.setSpacing(0)
        plots.addWidget(self.shifts, 5)
        plots.addWidget(self.correlation, 6)
        for plot in (self.shifts, self.correlation):
            plot.frameChosen.connect(self.ctx.selection.set_frame)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setObjectName("motion")
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(top)
        splitter.addWidget(self.plots)
        splitter.setStretchFactor(0, 2)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([460, 240])
        return splitter

    def _show_run_state(self) -> None:
        super()._show_run_state()
        no_result: EmptyState | None = getattr(self, "no_result", None)
        if no_result is not None and no_result.button is not None:
            no_result.button.setEnabled(self.run_button.isEnabled())

    # ---------------------------------------------------------------- refresh
    def players(self) -> tuple[tuple[MovieView, ...], PlayerBar | None]:
        """Return raw and corrected movie, as far as they are shown."""
        shown = tuple(movie for movie in (self.raw, self.corrected) if movie.isVisible())
        return shown, self.player

    def refresh(self, topics: Topic) -> None:
        """Re-read recording and result."""
        state = self.ctx.document.state
        if state.recording is None:
            self.set_content(self.no_movie)
            self.metrics_card.hide()
            return
        self.set_content(self.views)
        if topics & Topic.RECORDING:
            times = state.times_s if state.times is not None else None
            self.player.set_movie(state.shape[0], state.frame_rate_hz, times)
            self.raw.reload()
            is_wide = state.shape[2] > LEAST_WIDE * state.shape[1]
            direction = QBoxLayout.Direction
            self._players.setDirection(direction.TopToBottom if is_wide else direction.LeftToRight)
        if topics & (Topic.RECORDING | Topic.MOTION):
            self._show_result(state.motion)

    def _show_result(self, motion: MotionResult | None) -> None:
        self.metrics_card.setVisible(motion is not None)
        self.plots.setVisible(motion is not None)
        page = self.no_result if motion is None else self.corrected
        policy = QSizePolicy.Policy
        for each in (self.no_result, self.corrected):  # a hidden page asks for no room
            each.setSizePolicy(
                policy.Preferred if each is page else policy.Ignored, policy.Preferred
            )
        self.right.setCurrentWidget(page)
        if motion is None:
            self.corrected.view.set_image(None)
            return
        rate = self.ctx.document.state.frame_rate_hz
        shifts = motion.frame_shifts
        self.shifts.set_courses(
            [("dy (down)", shifts[:, 0], "accepted"), ("dx (right)", shifts[:, 1], "activity")],
            rate,
        )
        self.correlation.set_courses(
            [
                ("raw", motion.correlation_before, "raw"),
                ("corrected", motion.correlation, "accent"),
            ],
            rate,
        )
        self._on_frame(self.ctx.selection.frame)
        self.corrected.reload()
        self._show_metrics(motion)
        self._show_patches(motion)

    def _show_metrics(self, motion: MotionResult) -> None:
        while (item := self._metrics.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        limit = self.ctx.document.state.params.motion.max_shift_px
        for line, (name, value, tip) in enumerate(metrics_of(motion, limit)):
            label = theme.label(name, "muted", wrap=True)
            label.setToolTip(tip)
            number = theme.label(value)
            number.setToolTip(tip)
            self._metrics.addWidget(label, line, 0)
            self._metrics.addWidget(number, line, 1, Qt.AlignmentFlag.AlignRight)

    def _show_patches(self, motion: MotionResult) -> None:
        self.show_grid.setVisible(not motion.is_rigid)
        if motion.is_rigid:
            self.show_grid.setChecked(False)
        x, y = patch_outlines(motion.patch_centers_px, motion.patch_size_px)
        self.grid.setData(x, y)
        self.grid.setPen(pg.mkPen(theme.current().accent, width=1))

    # -------------------------------------------------------------- reactions
    @Slot(int)
    def _on_frame(self, index: int) -> None:
        self.shifts.set_frame(index)
        self.correlation.set_frame(index)

    @Slot(bool)
    def _on_show_grid(self, shown: bool) -> None:
        self.grid.setVisible(shown)


def metrics_of(motion: MotionResult, max_shift_px: int) -> list[tuple[str, str, str]]:
    """Return (name, value, meaning) rows that say how the correction went."""
    before = float(np.nanmean(motion.correlation_before))
    after = float(np.nanmean(motion.correlation))
    size = np.abs(motion.frame_shifts)
    at_limit = (size >= max_shift_px - _AT_LIMIT_PX).any(axis=1)
    return [
        (
            "Mean correlation",
            f"{before:.3f} → {after:.3f}",
            "Of each frame with the template, raw → corrected. Higher is better.",
        ),
        ("Largest shift", f"{words.number(float(size.max()))} px", "In either direction."),
        (
            "Frames at the limit",
            f"{100 * at_limit.mean():.3g} %",
            "Frames whose shift reached the largest one allowed. If there are many, raise it.",
        ),
    ]


def patch_outlines(
    centers_px: NDArray[np.float32], size_px: NDArray[np.float32]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return x, y of the outlines of patches as pairs of points, 8 for each patch."""
    half_y, half_x = (float(v) / 2 for v in size_px)
    corners = np.array(
        [[-1, -1], [1, -1], [1, -1], [1, 1], [1, 1], [-1, 1], [-1, 1], [-1, -1]], float
    )
    x = centers_px[:, 1, None] + corners[:, 0] * half_x
    y = centers_px[:, 0, None] + corners[:, 1] * half_y
    return x.ravel(), y.ravel()
