"""Load: the files of a recording, what they say about it, and what is done to it first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from caiman_gui.app.topics import Topic
from caiman_gui.gui import presets, theme, words
from caiman_gui.gui.tabs.load_view import LoadView
from caiman_gui.gui.tabs.step_tab import StepTab
from caiman_gui.gui.widgets.empty_state import MARK, EmptyState
from caiman_gui.gui.widgets.facts_table import FactsTable, recording_lines
from caiman_gui.gui.widgets.file_list import FileList
from caiman_gui.gui.widgets.mask_panel import MaskPanel
from caiman_gui.gui.widgets.preset_box import PresetBox
from caiman_gui.gui.widgets.reading_panel import ReadingPanel
from caiman_gui.params.prepare import PrepareParams
from caiman_gui.params.recording import RecordingParams
from caiman_gui.pipeline.steps import StepStatus, needs_findings, status

if TYPE_CHECKING:
    from caiman_gui.app.context import AppContext
    from caiman_gui.core.prepare.regions import Region
    from caiman_gui.core.survey import Survey
    from caiman_gui.gui.widgets.movie_view import MovieView
    from caiman_gui.gui.widgets.player_bar import PlayerBar
    from caiman_gui.project.model import ProjectState, RecordingRef

_MOST_RECENT = 5
_RECORDING_FIELDS = ("kind", "frame_rate_hz", "pixel_size_um", "indicator", "decay_time_s")


class LoadTab(StepTab):
    """Open a recording, look at it, correct what its files do not say, and prepare it.

    Signals
    -------
    openRequested, folderRequested, demoRequested
        A button was pressed.
    pathsRequested : object
        These files, in this order, should be the recording.
    recentRequested : tuple of Path
        What was opened before should be opened again.
    addRequested
        More files should be added to the recording.
    maskRequested
        A mask file should be chosen.
    """

    openRequested = Signal()
    folderRequested = Signal()
    demoRequested = Signal()
    addRequested = Signal()
    maskRequested = Signal()
    pathsRequested = Signal(object)
    recentRequested = Signal(object)

    def __init__(self, ctx: AppContext) -> None:
        super().__init__(ctx, None, "Load")
        self.empty = self._build_empty()
        self.view = LoadView(ctx)
        for page in (self.view, self.empty):
            self.content.addWidget(page)
        self._build_cards()
        self._connect()
        self._show_state()

    def _build_empty(self) -> QFrame:
        frame = QFrame()
        frame.setObjectName("drop")
        layout = QVBoxLayout(frame)
        self.welcome = EmptyState(
            MARK,
            "Drop a recording here",
            "TIFF, HDF5, NWB, MAT, Zarr, video, Scanbox, Inscopix, CaImAn or Suite2p movies, "
            "several parts of one recording, a folder, or a saved project.",
            "Open movie …",
            self.openRequested.emit,
        )
        folder = self.welcome.add_button("Open folder …", self.folderRequested.emit)
        theme.set_icon(folder, "open")
        self.demo_button = self.welcome.add_button(
            "Open the demo recording", self.demoRequested.emit
        )
        theme.set_icon(self.demo_button, "demo")
        self.recent = QWidget()
        self._recent = QVBoxLayout(self.recent)
        self._recent.setContentsMargins(0, 24, 0, 0)
        self._recent.setSpacing(0)
        self.welcome.add_widget(self.recent)
        layout.addWidget(self.welcome)
        return frame

    def _build_cards(self) -> None:
        self.notes = theme.label("", wrap=True)
        self.notes_card = self.add_card("Please check", self.notes)
        self.files = FileList()
        self.files_card = self.add_card("Files", self.files)
        self.facts = FactsTable()
        self.facts_card = self.add_card("What the files say", self.facts)
        self.reading = ReadingPanel()
        self.reading_card = self.add_card("What is read", self.reading)
        self.preset = PresetBox()
        self.add_card("Preset", self.preset)
        self.params = self.add_form(
            RecordingParams, "recording", "Recording", only=_RECORDING_FIELDS
        )
        self.prepare = self.add_form(PrepareParams, "prepare", "Prepare", more="Crop, mask file")
        self.masks = MaskPanel()
        self.masks_card = self.add_card("Leave out", self.masks)
        self.outcome = theme.label("", "muted", wrap=True)
        self.go_on = QPushButton("Continue to motion correction")
        self.go_on.setProperty("primary", True)
        self.go_on.clicked.connect(lambda: self.requestTab.emit("motion"))
        layout = self.side.layout()
        assert layout is not None
        self._footer = QWidget()
        inner = QVBoxLayout(self._footer)
        inner.setContentsMargins(16, 8, 16, 16)
        inner.setSpacing(8)
        inner.addWidget(self.outcome)
        inner.addWidget(self.go_on)
        layout.addWidget(self._footer)

    def _connect(self) -> None:
        self.files.pathsChanged.connect(self.pathsRequested)
        self.files.addRequested.connect(self.addRequested)
        self.facts.editRequested.connect(self._on_edit_fact)
        self.reading.chosen.connect(self._on_reading)
        self.preset.chosen.connect(self._on_preset)
        self.masks.drawRequested.connect(self.view.set_tool)
        self.masks.regionsChanged.connect(self._on_regions)
        self.masks.vesselsRequested.connect(self._on_vessels)
        self.masks.fileRequested.connect(self.maskRequested)
        self.view.exportRequested.connect(self.exportRequested)
        self.view.toolPutAway.connect(lambda: self.masks.set_tool(""))
        self.view.regionDrawn.connect(self._on_drawn)
        self.view.marginsChanged.connect(self._on_margins)
        self.view.rangeChanged.connect(self._on_range)
        self.ctx.surveys.surveyed.connect(self._on_surveyed)

    def players(self) -> tuple[tuple[MovieView, ...], PlayerBar | None]:
        """Return the player that is shown."""
        return (self.movie,), self.movie.player

    def shown_pixel_size_um(self) -> float | None:
        """Width of a pixel of the movie shown: recorded pixels may be smaller."""
        state = self.ctx.document.state
        is_recorded = self.movie is self.view.recorded
        return state.recorded_pixel_size_um if is_recorded else state.pixel_size_um

    @property
    def movie(self) -> MovieView:
        """The player that is shown."""
        return self.view.current

    # ---------------------------------------------------------------- refresh
    def refresh(self, topics: Topic) -> None:
        """Re-read recording and parameters."""
        if topics & (Topic.RECORDING | Topic.PARAMS | Topic.MOTION):
            self._show_state()
        if topics & Topic.RECORDING:
            self.view.reload()
            self._measure()

    def show_recent(self) -> None:
        """Read the list of recent files again."""
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        recent = self.ctx.settings.recent[:_MOST_RECENT]
        if not recent:
            return
        self._recent.addWidget(theme.label("Recent", "heading"))
        for paths in recent:
            button = QPushButton(words.of_files(paths).replace("&", "&&"))
            button.setProperty("flat", True)
            button.setToolTip("\n".join(map(str, paths)))
            is_project = paths[0].suffix == ".cgproj"
            theme.set_icon(button, "project" if is_project else "movie", "muted")
            button.clicked.connect(lambda _=False, p=paths: self.recentRequested.emit(p))
            self._recent.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)

    def _show_state(self) -> None:
        state = self.ctx.document.state
        recording = state.recording
        self.preset.set_params(state.params)
        prepare_card = cast("QWidget", self.prepare.parentWidget())
        for widget in (
            self.files_card, self.facts_card, prepare_card, self.masks_card, self._footer,
        ):  # fmt: skip
            widget.setVisible(recording is not None)
        if recording is None:
            self.notes_card.hide()
            self.reading_card.hide()
            for name in ("frame_rate_hz", "pixel_size_um"):
                self.params.set_placeholder(name, "from the file")
            self.params.set_placeholder("decay_time_s", f"{words.number(state.decay_time_s)}")
            self.set_content(self.empty)
            self.show_recent()
            return
        self.set_content(self.view)
        self.files.set_paths(recording.paths)
        self.facts.set_lines(recording_lines(state))
        chosen = state.params.recording
        self.reading.set_recording(recording, chosen.channel, chosen.plane)
        self.reading_card.setVisible(self.reading.has_choice)
        self.masks.set_regions(state.regions, recording.shape[1:])
        self.masks.set_findings(state.findings if state.params.prepare.exclude_bad_pixels else None)
        self.view.show_state(state)
        self._show_placeholders(state, recording)
        self._show_outcome(state)
        self._show_notes()

    def _show_placeholders(self, state: ProjectState, recording: RecordingRef) -> None:
        from caiman_gui.project.model import ASSUMED_FRAME_RATE_HZ

        rate = recording.frame_rate_hz
        self.params.set_placeholder(
            "frame_rate_hz",
            f"{rate:.4g} (file)" if rate else f"{ASSUMED_FRAME_RATE_HZ:g} assumed",
        )
        size = recording.pixel_size_um
        self.params.set_placeholder("pixel_size_um", f"{size:.4g} (file)" if size else "not known")
        where = "assumed" if state.indicator is None else f"({state.indicator.name})"
        decay = state.with_(params=state.params.with_value("recording.decay_time_s", None))
        self.params.set_placeholder("decay_time_s", f"{words.number(decay.decay_time_s)} {where}")

    def _show_outcome(self, state: ProjectState) -> None:
        from caiman_gui.pipeline.forecast import store_bytes

        n_frames, height, width = state.shape
        parts = [
            f"{n_frames:,} frames of {height:,} × {width:,} px at "
            f"{words.number(state.frame_rate_hz)} Hz",
            f"{words.size(store_bytes(state))} of disk for the working copy",
        ]
        excluded = state.excluded
        if excluded is not None:
            parts.append(f"{100 * float(excluded.mean()):.2g} % of the field left out")
        phase = state.preparation.scan_phase_px
        if state.params.prepare.scan_phase == "auto" and state.findings is not None:
            parts.append(
                f"odd lines moved by {phase:.2f} px" if phase else "scan lines are in place"
            )
        self.outcome.setText("To be analysed: " + "; ".join(parts) + ".")

    def _show_notes(self) -> None:
        from caiman_gui.pipeline.warnings import warnings

        state = self.ctx.document.state
        recording, survey = state.recording, self.ctx.surveys.survey
        if recording is None:
            return
        notes = [*warnings(state), *recording.notes]
        if survey is not None:
            from caiman_gui.core.survey import survey_warnings

            notes += survey_warnings(survey, recording.n_frames)
        unique = dict.fromkeys(words.with_titles(note) for note in notes)
        self.notes.setText(words.breakable("\n\n".join(unique)))
        self.notes_card.setVisible(bool(notes))

    # -------------------------------------------------------------- reactions
    def _on_params(self, group: str, model: Any) -> None:
        """Take an edit; another microscope brings the parameters that go with it."""
        params = self.ctx.document.state.params
        if group != "recording" or model.kind == params.recording.kind:
            super()._on_params(group, model)
            return
        changed, changes = presets.change_microscope(params, model.kind)
        self.ctx.document.set_params(changed, f"Change microscope to {model.kind}")
        self._tell_changes(f"Set for {model.kind} imaging", changes)

    @Slot(str)
    def _on_preset(self, name: str) -> None:
        params = self.ctx.document.state.params
        changed, changes = presets.take_preset(params, name)
        title = presets.title(name)
        self.ctx.document.set_params(changed, f"Take the preset {title}")
        self._tell_changes(f"Set for {title[0].lower()}{title[1:]}", changes)

    def _tell_changes(self, title: str, changes: tuple[str, ...]) -> None:
        if changes:
            self.ctx.reporter.tell(title, "\n".join(changes), "Edit > Undo takes it back.")

    @Slot(str)
    def _on_edit_fact(self, name: str) -> None:
        editor = self.params.editor(name)
        self.side_scroll.ensureWidgetVisible(editor)
        editor.setFocus()

    @Slot(dict)
    def _on_reading(self, changes: dict[str, Any]) -> None:
        params = self.ctx.document.state.params.with_values({"recording": changes})
        task = self.ctx.recordings.read_again(params)
        if task is not None:
            task.failed.connect(self._on_not_read)

    @Slot(object)
    def _on_not_read(self, _exc: Exception) -> None:
        self._show_state()  # the choice goes back to what is read

    @Slot(object)
    def _on_margins(self, margins: tuple[int, int, int, int]) -> None:
        names = ("crop_top_px", "crop_bottom_px", "crop_left_px", "crop_right_px")
        changes = dict(zip(names, margins, strict=True))
        self.set_params(
            self.ctx.document.state.params.with_values({"prepare": changes}), "Crop the field"
        )

    @Slot(int, int)
    def _on_range(self, first: int, last: int) -> None:
        recording = self.ctx.document.state.recording
        if recording is None:
            return
        changes = {
            "trim_start_frames": first,
            "trim_end_frames": recording.n_frames - 1 - last,
        }
        self.set_params(
            self.ctx.document.state.params.with_values({"prepare": changes}), "Trim the recording"
        )

    @Slot(object)
    def _on_drawn(self, region: Region) -> None:
        regions = (*self.ctx.document.state.regions, region)
        self.ctx.document.set_regions(regions, "Leave out a region")

    @Slot(object, str)
    def _on_regions(self, regions: tuple[Region, ...], text: str) -> None:
        self.ctx.document.set_regions(regions, text)

    @Slot()
    def _on_vessels(self) -> None:
        task = self.ctx.recordings.suggest_vessels()
        if task is not None:
            task.succeeded.connect(self._on_vessels_found)

    @Slot(object)
    def _on_vessels_found(self, found: tuple[tuple[object, ...], tuple[Region, ...]]) -> None:
        reading, regions = found
        state = self.ctx.document.state
        if reading != state.reading:
            return
        if not regions:
            self.ctx.reporter.tell(
                "No vessels were found", "Nothing on the mean image looks like a dark vessel.", ""
            )
            return
        self.ctx.document.set_regions((*state.regions, *regions), "Leave out vessels")

    @Slot(object)
    def _on_surveyed(self, survey: Survey | None) -> None:
        self.view.show_survey(survey)
        self._show_notes()

    def _measure(self) -> None:
        """Measure what the preparation needs, as soon as it is asked for: it takes seconds."""
        state = self.ctx.document.state
        if (
            state.recording is not None
            and needs_findings(state.params)
            and status("prepare", state) is not StepStatus.DONE
            and not self.ctx.workflow.is_running
        ):
            self.ctx.workflow.run(("prepare",))
