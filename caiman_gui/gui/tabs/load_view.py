"""The picture of the Load tab: the movie as recorded, with what is cut off, and as prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QHBoxLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.app.selection import Selection
from caiman_gui.gui import theme
from caiman_gui.gui.widgets.crop_box import CropBox
from caiman_gui.gui.widgets.movie_view import MovieView
from caiman_gui.gui.widgets.region_layer import RegionLayer
from caiman_gui.gui.widgets.segments import Segments

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.app.context import AppContext
    from caiman_gui.core.survey import Survey
    from caiman_gui.project.model import ProjectState

#: How much of the image regions that are left out hide, of 255.
_SEE_THROUGH = 70


class LoadView(QWidget):
    """Two players, one shown at a time.

    The recorded movie has a time line of its own, since frames that are left out later can be
    looked at there; the prepared one shares the current frame with the rest of the window.

    Signals
    -------
    marginsChanged : (top, bottom, left, right)
        The crop was changed on the image.
    rangeChanged : int, int
        First and last recorded frame that are kept, changed on the time line.
    regionDrawn : Region
    toolPutAway, exportRequested
    """

    marginsChanged = Signal(object)
    rangeChanged = Signal(int, int)
    regionDrawn = Signal(object)
    toolPutAway = Signal()
    exportRequested = Signal()

    def __init__(self, ctx: AppContext) -> None:
        super().__init__()
        self._ctx = ctx
        self.selection = Selection(self)
        self.recorded = MovieView(ctx, "recorded", selection=self.selection)
        self.prepared = MovieView(ctx, "raw")
        self.crop = CropBox(self.recorded.view)
        self.regions = RegionLayer(self.recorded.view)
        self.excluded = RegionLayer(self.prepared.view)
        self._files: tuple[Path, ...] = ()
        assert self.recorded.traces is not None
        self.recorded.traces.toolTaken.connect(self._put_away)
        self.crop.marginsChanged.connect(self.marginsChanged)
        self.regions.drawn.connect(self.regionDrawn)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self.recorded)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(self._put_away)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.recorded)
        self.stack.addWidget(self.prepared)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._build_bar())
        layout.addWidget(self.stack, 1)
        player = self.recorded.player
        assert player is not None
        player.timeline.trimChanged.connect(self.rangeChanged)

    def _build_bar(self) -> QWidget:
        self.bar = QWidget()
        row = QHBoxLayout(self.bar)
        row.setContentsMargins(0, 0, 8, 0)
        row.setSpacing(2)
        self.switch = Segments(
            (
                ("As recorded", "The whole recording, with what is left out shaded"),
                ("As prepared", "Exactly what the next steps will see"),
            )
        )
        self.switch.chosen.connect(self._on_switch)
        row.addWidget(self.switch)
        row.addStretch(1)
        self.crop_button = QToolButton()
        self.crop_button.setText("Crop")
        self.crop_button.setToolTip("Drag the edges of the rectangle that is kept")
        self.crop_button.setCheckable(True)
        self.crop_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        theme.set_icon(self.crop_button, "crop")
        self.crop_button.toggled.connect(self._on_crop)
        self.whole_button = QToolButton()
        self.whole_button.setText("Whole field")
        self.whole_button.setToolTip("Undo the crop")
        self.whole_button.clicked.connect(self.crop.reset)
        self.export_button = QToolButton()
        self.export_button.setText("Export …")
        self.export_button.setToolTip("Export a clip or this frame (Ctrl+Shift+E)")
        self.export_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        theme.set_icon(self.export_button, "export")
        self.export_button.clicked.connect(self.exportRequested)
        for button in (self.crop_button, self.whole_button, self.export_button):
            row.addWidget(button)
        return self.bar

    @property
    def current(self) -> MovieView:
        """The player that is shown."""
        return self.prepared if self.stack.currentIndex() else self.recorded

    def show_prepared(self, is_prepared: bool | int) -> None:
        """Show the movie as prepared, or as recorded."""
        index = int(bool(is_prepared))
        self.switch.set_index(index)
        self.stack.setCurrentIndex(index)
        for button in (self.crop_button, self.whole_button):
            button.setEnabled(not index)

    @Slot(int)
    def _on_switch(self, index: int) -> None:
        """Show the other movie at the same moment, so that the two can be compared."""
        was_prepared = self.stack.currentIndex() == 1
        recording = self._ctx.document.state.recording
        if recording is not None and was_prepared != bool(index):
            wanted = self._ctx.document.state.params.prepare
            first, step = wanted.trim_start_frames, wanted.bin_frames
            if was_prepared:
                bins = (self.selection.frame - first) // step
                if bins != self._ctx.selection.frame:  # else it is within the frame shown already
                    self.selection.set_frame(first + self._ctx.selection.frame * step)
            else:
                self._ctx.selection.set_frame((self.selection.frame - first) // step)
        self.show_prepared(index)

    def set_tool(self, tool: str) -> None:
        """Take a tool for drawing regions into the hand; empty: none."""
        if tool:
            self.show_prepared(False)
            self.crop_button.setChecked(False)
            self._put_traces_away()
        self.regions.set_tool(tool)

    def reload(self) -> None:
        """Show another recording, or the same one prepared otherwise."""
        state = self._ctx.document.state
        recording = state.recording
        files = recording.paths if recording is not None else ()
        if files != self._files:
            self._files = files
            self.show_prepared(False)
            self.selection.set_frame(0)
        self.selection.limit(recording.n_frames if recording is not None else None, ())
        self.recorded.reload()
        self.prepared.reload()
        self.show_state(state)
        # The time line has forgotten what was known; it may be the same recording once more, or
        # one that was looked through before anybody looked at this tab.
        self.show_survey(self._ctx.surveys.survey)

    def show_state(self, state: ProjectState) -> None:
        """Show what is left out of the recording."""
        recording = state.recording
        if recording is None:
            return
        wanted = state.params.prepare
        self.crop.set_image_shape((recording.height, recording.width))
        margins = (
            wanted.crop_top_px, wanted.crop_bottom_px, wanted.crop_left_px, wanted.crop_right_px,
        )  # fmt: skip
        self.crop.set_margins(margins)
        self.whole_button.setVisible(any(margins))
        self.regions.set_regions(state.regions)
        self.regions.set_pixels(state.bad_pixels)
        self.excluded.set_pixels(state.excluded, _SEE_THROUGH)
        player = self.recorded.player
        assert player is not None
        player.timeline.set_trim(
            wanted.trim_start_frames, recording.n_frames - 1 - wanted.trim_end_frames
        )
        self._show_marks(state)

    def _show_marks(self, state: ProjectState) -> None:
        """Mark frames before which some are missing, and those that are dark or flash."""
        player, survey = self.recorded.player, self._ctx.surveys.survey
        assert player is not None
        marks = [after + 1 for after, _ in state.recording.dropped] if state.recording else []
        if survey is not None:
            marks += [*survey.dark_frames.tolist(), *survey.bright_frames.tolist()]
        player.timeline.set_marks(np.array(sorted(set(marks)), int))

    def show_survey(self, survey: Survey | None) -> None:
        """Show the course of brightness and small pictures along the time line."""
        player = self.recorded.player
        assert player is not None
        if survey is None:
            player.timeline.set_trace(None)
            player.timeline.set_thumbnails(())
        else:
            player.timeline.set_trace(survey.mean_intensity, survey.sampled_frames)
            player.timeline.set_thumbnails(survey.thumbnails)
            for movie in (self.recorded, self.prepared):
                movie.view.set_saturation(survey.saturation_level)
        self._show_marks(self._ctx.document.state)

    @Slot(bool)
    def _on_crop(self, is_on: bool) -> None:
        if is_on:
            self._put_traces_away()
            self.regions.set_tool("")
            self.toolPutAway.emit()
        self.crop.set_editable(is_on)

    def _put_traces_away(self) -> None:
        """Let only one tool draw at a time."""
        assert self.recorded.traces is not None
        self.recorded.traces.put_away()

    @Slot()
    def _put_away(self) -> None:
        self.crop_button.setChecked(False)
        if self.regions.tool:
            self.regions.set_tool("")
            self.toolPutAway.emit()
