"""Load: the files of a recording, what they say about it, and a player."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QPushButton, QVBoxLayout, QWidget

from caiman_gui.app.topics import Topic
from caiman_gui.gui import presets, theme, words
from caiman_gui.gui.tabs.step_tab import StepTab
from caiman_gui.gui.widgets.empty_state import MARK, EmptyState
from caiman_gui.gui.widgets.file_list import FileList
from caiman_gui.gui.widgets.movie_view import MovieView
from caiman_gui.params.recording import RecordingParams

if TYPE_CHECKING:
    from caiman_gui.app.context import AppContext
    from caiman_gui.project.model import ProjectState, RecordingRef

_MOST_RECENT = 5


class LoadTab(StepTab):
    """Open a recording, look at it, and correct what its files do not say.

    Signals
    -------
    openRequested, demoRequested
        A button was pressed.
    pathsRequested : object
        These files, in this order, should be the recording.
    addRequested
        More files should be added to the recording.
    """

    openRequested = Signal()
    demoRequested = Signal()
    addRequested = Signal()
    pathsRequested = Signal(object)
    recentRequested = Signal(object)

    def __init__(self, ctx: AppContext) -> None:
        super().__init__(ctx, None, "Load")
        self.empty = self._build_empty()
        self.movie = MovieView(ctx, "raw")
        for page in (self.movie, self.empty):
            self.content.addWidget(page)
        self.files = FileList()
        self.files.pathsChanged.connect(self.pathsRequested)
        self.files.addRequested.connect(self.addRequested)
        self.files_card = self.add_card("Files", self.files)
        self.facts = QWidget()
        self._facts = QGridLayout(self.facts)
        self._facts.setContentsMargins(0, 0, 0, 0)
        self._facts.setVerticalSpacing(4)
        self._facts.setColumnMinimumWidth(0, 128)
        self._facts.setColumnStretch(1, 1)
        self.facts_card = self.add_card("What the files say", self.facts)
        self.params = self.add_form(RecordingParams, "recording", "Recording")
        self.notes = theme.label("", wrap=True)
        self.notes_card = self.add_card("Please check", self.notes)
        self.go_on = QPushButton("Continue to motion correction")
        self.go_on.setProperty("primary", True)
        self.go_on.clicked.connect(lambda: self.requestTab.emit("motion"))
        layout = self.side.layout()
        assert layout is not None
        box = QWidget()
        inner = QVBoxLayout(box)
        inner.setContentsMargins(16, 8, 16, 16)
        inner.addWidget(self.go_on)
        self._footer = box
        layout.addWidget(box)
        self._show_state()

    def _build_empty(self) -> QFrame:
        frame = QFrame()
        frame.setObjectName("drop")
        layout = QVBoxLayout(frame)
        self.welcome = EmptyState(
            MARK,
            "Drop a recording here",
            "TIFF movies, several parts of one recording, a folder of them, or a saved project.",
            "Open movie …",
            self.openRequested.emit,
        )
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

    # ---------------------------------------------------------------- refresh
    def refresh(self, topics: Topic) -> None:
        """Re-read recording and parameters."""
        if topics & (Topic.RECORDING | Topic.PARAMS | Topic.MOTION):
            self._show_state()
        if topics & Topic.RECORDING:
            self.movie.reload()

    def show_recent(self) -> None:
        """Read the list of recent files again."""
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        names = self.ctx.settings.recent_files[:_MOST_RECENT]
        if not names:
            return
        self._recent.addWidget(theme.label("Recent", "heading"))
        for name in names:
            path = Path(name)
            button = QPushButton(words.shortened(path.name, 48))
            button.setProperty("flat", True)
            button.setToolTip(name)
            theme.set_icon(button, "project" if path.suffix == ".cgproj" else "movie", "muted")
            button.clicked.connect(lambda _=False, p=path: self.recentRequested.emit(p))
            self._recent.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)

    def _on_params(self, group: str, model: Any) -> None:
        """Take an edit; another microscope brings the parameters that go with it."""
        params = self.ctx.document.state.params
        if group != "recording" or model.kind == params.recording.kind:
            super()._on_params(group, model)
            return
        changed, changes = presets.change_microscope(params, model.kind)
        self.ctx.document.set_params(changed, f"Change microscope to {model.kind}")
        if changes:
            self.ctx.reporter.tell(
                f"Set for {model.kind} imaging", "\n".join(changes), "Edit > Undo takes it back."
            )

    def _show_state(self) -> None:
        state = self.ctx.document.state
        recording = state.recording
        has_recording = recording is not None
        for widget in (self.files_card, self.facts_card, self._footer):
            widget.setVisible(has_recording)
        if recording is None:
            self.notes_card.hide()
            for name in ("frame_rate_hz", "pixel_size_um"):
                self.params.set_placeholder(name, "from the file")
            self.set_content(self.empty)
            self.show_recent()
            return
        self.set_content(self.movie)
        self.files.set_paths(recording.paths)
        self._show_facts(state, recording)
        self._show_placeholders(recording)
        self._show_notes(state)

    def _show_facts(self, state: ProjectState, recording: RecordingRef) -> None:
        while (item := self._facts.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        seconds = recording.n_frames / state.frame_rate_hz
        rate = f"{words.number(state.frame_rate_hz)} Hz"
        rows = [
            ("Frames", f"{recording.n_frames:,}", ""),
            ("Field of view", f"{recording.height:,} × {recording.width:,} px", ""),
            ("Stored as", recording.dtype, ""),
            ("Duration", words.duration(seconds), ""),
            ("Frame rate", rate, state.frame_rate_source),
        ]
        size = state.pixel_size_um
        given = state.params.recording.pixel_size_um
        source = "set by you" if given else recording.pixel_size_source
        rows.append(("Pixel size", f"{words.number(size)} µm" if size else "not known", source))
        for line, (name, value, where) in enumerate(rows):
            self._facts.addWidget(theme.label(name, "muted"), line, 0, Qt.AlignmentFlag.AlignTop)
            role = "warning" if where == "assumed" else ""
            text = f"{value} ({where})" if where else value
            self._facts.addWidget(theme.label(text, role, wrap=True), line, 1)

    def _show_placeholders(self, recording: RecordingRef) -> None:
        from caiman_gui.project.model import ASSUMED_FRAME_RATE_HZ

        rate = recording.frame_rate_hz
        self.params.set_placeholder(
            "frame_rate_hz",
            f"{rate:.4g} (file)" if rate else f"{ASSUMED_FRAME_RATE_HZ:g} assumed",
        )
        size = recording.pixel_size_um
        self.params.set_placeholder("pixel_size_um", f"{size:.4g} (file)" if size else "not known")

    def _show_notes(self, state: ProjectState) -> None:
        from caiman_gui.pipeline.warnings import warnings

        notes = warnings(state)
        self.notes.setText("\n\n".join(words.with_titles(note) for note in notes))
        self.notes_card.setVisible(bool(notes))
