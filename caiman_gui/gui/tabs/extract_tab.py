"""Extract: find the cells, watch them appear, and compare the runs of this session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QSplitter,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.app.topics import Topic
from caiman_gui.gui import theme, words
from caiman_gui.gui.tabs.step_tab import StepTab
from caiman_gui.gui.widgets.diameter_circle import DiameterCircle
from caiman_gui.gui.widgets.empty_state import EmptyState
from caiman_gui.gui.widgets.field_view import FieldView
from caiman_gui.gui.widgets.multi_player import MultiPlayer
from caiman_gui.gui.widgets.segments import Segments
from caiman_gui.params.sources import SourceParams
from caiman_gui.pipeline.steps import StepStatus
from caiman_gui.pipeline.steps import status as step_status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from caiman_gui.app.context import AppContext
    from caiman_gui.gui.widgets.movie_view import MovieView
    from caiman_gui.gui.widgets.player_bar import PlayerBar

STEPS = ("sources", "quality", "traces")
COLUMNS = (
    "Run", "Components", "Accepted", "Rejected", "Seconds", "Diameter", "Least corr.", "Least PNR"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in numbers, for the table below the image."""

    key: str
    n_components: int
    n_accepted: int
    seconds: float
    sources: SourceParams


class ExtractTab(StepTab):
    """Runs extraction, quality and traces in one go."""

    def __init__(self, ctx: AppContext) -> None:
        super().__init__(ctx, "sources", "Extract")
        self.steps = STEPS
        self._rows: list[RunRow] = []
        self.field = FieldView("correlation")
        self.circle = DiameterCircle(self.field.image)
        self.runs = _run_table()
        self._views = QSplitter(Qt.Orientation.Vertical)
        self._views.setChildrenCollapsible(False)
        self.movies = MultiPlayer(ctx, ("corrected", "model", "residual"))
        self._views.addWidget(self._build_pages())
        self._views.addWidget(self._runs_box())
        self._views.setStretchFactor(0, 1)
        self._views.setSizes([600, 136])
        self._empty = EmptyState("cells", "", "", "Open a movie", self._on_empty_button)
        self._build_controls()
        self.circle.diameterChanged.connect(self._on_diameter)
        self.field.componentClicked.connect(self._on_component_clicked)
        ctx.selection.componentChanged.connect(self._on_selected)
        ctx.workflow.centresFound.connect(self._on_centres)
        ctx.workflow.runFinished.connect(self._on_run_finished)
        self.show_empty(self._empty)

    def _build_pages(self) -> QWidget:
        """Build the cells on an image, and the movies of which they are made, one at a time."""
        box = QWidget()
        row = QHBoxLayout()
        self.switch = Segments(
            (
                ("Cells", "Outlines on a summary image"),
                ("Movies", "What the cells explain of the movie, and what they leave"),
            )
        )
        row.addWidget(self.switch)
        row.addStretch(1)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.field)
        self.pages.addWidget(self.movies)
        self.switch.chosen.connect(self.pages.setCurrentIndex)
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.pages, 1)
        return box

    def players(self) -> tuple[tuple[MovieView, ...], PlayerBar | None]:
        """Return the movies side by side, while they are shown."""
        if self.pages.currentWidget() is not self.movies:
            return (), None
        shown = tuple(pane.movie for pane in self.movies.panes if pane.isVisible())
        return shown, self.movies.player

    def _runs_box(self) -> QWidget:
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 8)
        layout.setSpacing(4)
        layout.addWidget(theme.label("Runs of this session", "heading"))
        layout.addWidget(self.runs)
        return box

    def _build_controls(self) -> None:
        self.count_label = theme.label("–", "number")
        self.split_label = theme.label("Not run yet", "muted", wrap=True)
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.count_label)
        layout.addWidget(self.split_label)
        self.add_card("Found", box)
        self.add_form(SourceParams, "sources", "Cells")

    # ------------------------------------------------------------------ state
    def run(self) -> None:
        """Run the three steps, and the summary images first if they are missing or out of date."""
        if not self.why_not() and not self.is_running:
            summary = step_status("summary", self.ctx.document.state)
            first = () if summary is StepStatus.DONE else ("summary",)
            self.ctx.workflow.run((*first, *STEPS))

    def refresh(self, topics: Topic) -> None:
        state = self.ctx.document.state
        if state.recording is None:
            self._rows.clear()
        if state.summary is None:
            self._show_missing()
            return
        self.set_content(self._views)
        self.field.set_summary(state.summary)
        self.circle.set_diameter(state.params.sources.neuron_diameter_px)
        self.circle.place(state.summary.mean.shape)
        if topics & (Topic.COMPONENTS | Topic.SUMMARY | Topic.RECORDING):
            self.field.set_components(state.components, self.ctx.document.decisions)
            self._on_selected()
        elif topics & Topic.LABELS and state.components is not None:
            self.field.set_decisions(self.ctx.document.decisions)
        if topics & (Topic.RECORDING | Topic.MOTION):
            first = "corrected" if "motion" in state.steps else "raw"
            self.movies.set_sources((first, "model", "residual"))
            self.movies.reload()
        self._show_numbers()

    def _show_missing(self) -> None:
        button = self._empty.button
        if self.ctx.document.state.recording is None:
            self._empty.set_text("No movie yet", "Open a movie to find its cells.")
            text = "Go to Load"
        else:
            self._empty.set_text(
                "No cells yet",
                "Extraction finds the cells and separates their traces. It computes the summary "
                "images first; look at them in Inspect to choose where cells may start.",
            )
            text = "Find cells"
        if button is not None:
            button.setText(text)
        self.count_label.setText("–")
        self.split_label.setText("Not run yet")
        self.show_empty(self._empty)

    def _show_numbers(self) -> None:
        state = self.ctx.document.state
        record = state.steps.get("sources")
        if state.components is None or record is None:
            self.count_label.setText("–")
            self.split_label.setText("Not run yet")
        else:
            n_all, n_accepted = len(state.components), len(self.ctx.document.accepted_ids)
            self.count_label.setText(words.count(n_all, "component"))
            self.split_label.setText(
                f"{n_accepted:,} accepted, {n_all - n_accepted:,} rejected, "
                f"found in {words.duration(record.seconds)}."
            )
            self._note_run(record.key, n_all, n_accepted, record.seconds)
        self._show_rows(record.key if record is not None else "")

    def _note_run(self, key: str, n_all: int, n_accepted: int, seconds: float) -> None:
        sources = self.ctx.document.state.params.sources
        old = next((row for row in self._rows if row.key == key), None)
        row = RunRow(key, n_all, n_accepted, seconds, old.sources if old is not None else sources)
        if old is None:
            self._rows.append(row)
        else:
            self._rows[self._rows.index(old)] = row

    def _show_rows(self, current_key: str) -> None:
        self.runs.setRowCount(len(self._rows))
        for index, row in enumerate(self._rows):
            is_current = row.key == current_key
            values = (
                f"{index + 1}{'  (shown)' if is_current else ''}",
                f"{row.n_components:,}",
                f"{row.n_accepted:,}",
                f"{row.n_components - row.n_accepted:,}",
                f"{row.seconds:.1f}",
                f"{row.sources.neuron_diameter_px:g} px",
                f"{row.sources.min_corr:.2f}",
                f"{row.sources.min_pnr:.1f}",
            )
            for column, value in enumerate(values):
                item = QTableWidgetItem(value)
                side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                font = item.font()
                font.setBold(is_current)
                item.setFont(font)
                self.runs.setItem(index, column, item)

    # -------------------------------------------------------------- reactions
    def _on_empty_button(self) -> None:
        if self.ctx.document.state.recording is None:
            self.requestTab.emit("load")
        else:
            self.run()

    @Slot(object)
    def _on_centres(self, centres: NDArray[np.float32]) -> None:
        self.field.set_centres(centres)
        self.count_label.setText(f"{len(centres):,} so far")
        self.split_label.setText("Searching …")

    @Slot(bool)
    def _on_run_finished(self, _is_ok: bool) -> None:
        self.field.set_centres(None)
        if self.isVisible() and self.ctx.document.state.summary is not None:
            self._show_numbers()

    @Slot(float)
    def _on_diameter(self, diameter_px: float) -> None:
        params = self.ctx.document.state.params
        values = {"sources": {"neuron_diameter_px": min(diameter_px, 500.0)}}
        self.ctx.document.set_params(params.with_values(values))

    @Slot(int, object)
    def _on_component_clicked(self, component_id: int, _modifiers: object) -> None:
        self.ctx.selection.select(component_id)

    @Slot()
    def _on_selected(self) -> None:
        if self.isVisible():
            self.field.layer.set_current(
                self.ctx.selection.current_id, self.ctx.selection.component_ids
            )


def _run_table() -> QTableWidget:
    table = QTableWidget(0, len(COLUMNS))
    table.setHorizontalHeaderLabels(list(COLUMNS))
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(24)
    table.setShowGrid(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setDefaultAlignment(
        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    )
    first = table.horizontalHeaderItem(0)
    if first is not None:
        first.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    table.setMinimumHeight(84)
    return table
