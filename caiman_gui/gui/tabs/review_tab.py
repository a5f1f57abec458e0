"""Review: look at every cell once, decide with one key, never lose the place."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from caiman_gui.app.topics import Topic
from caiman_gui.gui.tabs.step_tab import StepTab
from caiman_gui.gui.widgets.cell_crop import CellCrop
from caiman_gui.gui.widgets.component_queue import ComponentQueue
from caiman_gui.gui.widgets.decision_panel import DecisionPanel
from caiman_gui.gui.widgets.empty_state import EmptyState
from caiman_gui.gui.widgets.field_view import FieldView
from caiman_gui.gui.widgets.threshold_panel import ThresholdPanel
from caiman_gui.gui.widgets.trace_view import Line, TraceView
from caiman_gui.params.quality import QualityParams

if TYPE_CHECKING:
    from caiman_gui.app.context import AppContext
    from caiman_gui.core.results import Component, ComponentSet, Label

#: Time shown around the highest peak of a cell.
PEAK_SPAN_S = 40.0
#: Neighbours are suggested from this share of the merging threshold on; above it the
#: extraction has merged them already.
SUGGEST_SHARE = 0.75
LABELS: dict[str, Label | None] = {
    "accept": "accept", "reject": "reject", "unsure": "unsure", "clear": None
}  # fmt: skip
KEYS = {
    "accept": ("A", "G"),
    "reject": ("R", "B", "Del"),
    "unsure": ("U",),
    "clear": ("0",),
    "merge": ("M",),
    "back": ("Backspace",),
    "next": ("Down", "Right"),
    "previous": ("Up", "Left"),
    "outlines": ("Space",),
    "number": ("/",),
}


class ReviewTab(StepTab):
    """Image, crop, trace and table of one selection, and everything that decides on it."""

    def __init__(self, ctx: AppContext) -> None:
        super().__init__(ctx, "quality", "Review")
        self._components: ComponentSet | None = None
        self._decided: list[int] = []
        self._suggested: tuple[int, ...] = ()
        self._by_id: dict[int, Component] = {}
        self.field = FieldView("correlation")
        self.crop = CellCrop()
        self.trace = TraceView("Trace", "a.u.")
        self.queue = ComponentQueue()
        self.table = self.queue.table
        self.decision = DecisionPanel()
        self.thresholds = ThresholdPanel()
        self._views = self._build_views()
        self._build_controls()
        self._empty = EmptyState("review", "", "", "Go to Extract", self._on_empty_button)
        self.show_empty(self._empty)
        self._connect()

    # ------------------------------------------------------------------ build
    def _build_views(self) -> QSplitter:
        upper = QSplitter(Qt.Orientation.Horizontal)
        upper.addWidget(self.field)
        upper.addWidget(self._cell_column())
        upper.setSizes([620, 290])
        upper.setStretchFactor(0, 2)
        upper.setStretchFactor(1, 1)
        views = QSplitter(Qt.Orientation.Vertical)
        views.addWidget(upper)
        views.addWidget(self.trace)
        views.setSizes([480, 200])
        views.setStretchFactor(0, 1)
        for splitter in (upper, views):
            splitter.setChildrenCollapsible(False)
        return views

    def _cell_column(self) -> QWidget:
        column = QWidget()
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.crop, 1)
        layout.addWidget(self.thresholds)
        return column

    def _build_controls(self) -> None:
        self.add_card("", self.decision)
        card = self.add_card("", self.queue)
        self._column.setStretchFactor(card, 100)
        self.add_form(QualityParams, "quality", only=("use_ecc", "max_ecc"), more="Other limits")
        self.decision.advance.setChecked(self.ctx.settings.auto_advance)

    def _connect(self) -> None:
        self.decision.actionRequested.connect(self._on_action)
        self.decision.advanceChanged.connect(self._on_advance_changed)
        self.thresholds.thresholdsChanged.connect(self._on_thresholds)
        self.table.selected.connect(self._on_table_selected)
        self.field.componentClicked.connect(self._on_component_clicked)
        self.field.backgroundChanged.connect(self._on_background)
        self.crop.image.clicked.connect(self._on_crop_clicked)
        self.trace.frameClicked.connect(self.ctx.selection.set_frame)
        self.queue.numberEntered.connect(self._go)
        self.ctx.selection.componentChanged.connect(self._on_selected)
        self.ctx.selection.frameChanged.connect(self.trace.set_frame)
        for name, keys in KEYS.items():
            for key in keys:
                self._add_key(key, partial(self.act, name))
                if name in LABELS:
                    self._add_key(f"Shift+{key}", partial(self.act, name, stay=True))

    def _add_key(self, key: str, slot: partial[None]) -> None:
        shortcut = QShortcut(QKeySequence(key), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(slot)

    # ------------------------------------------------------------------ state
    def refresh(self, topics: Topic) -> None:
        state = self.ctx.document.state
        self.run_box.setVisible(state.components is not None and self.status != "done")
        if not state.components or state.summary is None:  # none found, or all deleted
            self._components = None
            self._show_missing()
            return
        self.set_content(self._views)
        decisions = self.ctx.document.decisions
        self.trace.set_frame_rate(state.frame_rate_hz)
        self.field.set_summary(state.summary)
        self.crop.set_summary(state.summary, self.field.background)
        if state.components is not self._components:
            place = self.table.currentIndex().row()
            made = set(state.components.ids) - set(self._by_id) if self._by_id else set()
            self._components = state.components
            self._by_id = {item.id: item for item in state.components.items}
            self._decided = [i for i in self._decided if i in self._by_id]
            self.field.set_components(state.components, decisions)
            self.crop.set_components(state.components, decisions)
            self.queue.set_components(state.components, decisions, state.params.quality)
            self.thresholds.set_components(state.components)
            self._land(made, place)
            self._on_selected()
        elif topics & (Topic.LABELS | Topic.PARAMS):
            self.field.set_decisions(decisions)
            self.crop.layer.set_decisions(decisions)
            self.queue.set_decisions(decisions, state.params.quality)
            self._show_decision()
        self.thresholds.set_params(state.params.quality)
        n_accepted = len(self.ctx.document.accepted_ids)
        self.decision.show_progress(len(state.labels), len(state.components), n_accepted)

    def _land(self, made: set[int], place: int) -> None:
        """Select something that exists: a component just merged, else the row of the old one."""
        if self.ctx.selection.current_id in self._by_id or not self._by_id:
            return
        if len(made) == 1:
            self.ctx.selection.select(next(iter(made)))
        elif self.table.rows.rowCount():
            row = min(max(place, 0), self.table.rows.rowCount() - 1)
            self.ctx.selection.select(self.table.rows.id_at(row))

    def _show_missing(self) -> None:
        if self.ctx.document.state.recording is None:
            self._empty.set_text("No movie yet", "Open a movie and find its cells first.")
        else:
            self._empty.set_text(
                "No cells to review yet",
                "Extraction finds the cells; here you decide which to keep, one key for each.",
            )
        if self._empty.button is not None:
            is_open = self.ctx.document.state.recording is not None
            self._empty.button.setText("Go to Extract" if is_open else "Go to Load")
        self.field.set_components(None, {})
        self.crop.set_component(None, 1.0)
        self.queue.set_components(None, {}, self.ctx.document.state.params.quality)
        self.decision.show_component(None, None, 0)
        self.decision.show_progress(0, 0, 0)
        self.show_empty(self._empty)

    @property
    def current(self) -> Component | None:
        """The component in focus."""
        current = self.ctx.selection.current_id
        return self._by_id.get(current) if current is not None else None

    def act(self, name: str, stay: bool = False) -> None:
        """Do what a key or a button asks for.

        Parameters
        ----------
        name : str
            A key of ``KEYS``.
        stay : bool
            Do not go on to the next component after a decision.
        """
        if self._components is None:
            return
        if name in LABELS:
            self._decide(LABELS[name], stay)
        elif name in ("next", "previous"):
            self._go(self.table.neighbour(1 if name == "next" else -1))
        elif name == "outlines":
            self.field.layer.set_shown(not self.field.layer.is_shown)
            self.crop.layer.set_shown(self.field.layer.is_shown)
        elif name == "number":
            self.queue.focus_number()
        elif name == "merge":
            self._merge()
        elif name == "back" and self._decided:
            self._go(self._decided.pop())

    def _decide(self, label: Label | None, stay: bool) -> None:
        ids = self.ctx.selection.component_ids
        current = self.ctx.selection.current_id
        if not ids or current is None:
            return
        # Asked before the decision, which may take the row out of the table.
        following = self.table.neighbour(1)
        self.ctx.document.set_labels(ids, label)
        if current in self._decided:
            self._decided.remove(current)
        self._decided.append(current)
        if len(ids) == 1 and self.decision.advance.isChecked() and not stay:
            self._go(following)

    def _merge(self) -> None:
        ids = self.ctx.selection.component_ids
        if len(ids) >= 2:
            self.ctx.workflow.merge(ids)
        elif self._suggested and ids:
            self.ctx.selection.select_many((self._suggested[0], *ids), ids[0])

    def _go(self, component_id: int | None) -> None:
        if component_id is not None and component_id in self._by_id:
            self.ctx.selection.select(component_id)

    # -------------------------------------------------------------- reactions
    def _on_empty_button(self) -> None:
        is_open = self.ctx.document.state.recording is not None
        self.requestTab.emit("extract" if is_open else "load")

    @Slot(str)
    def _on_action(self, name: str) -> None:
        self.act(name)

    @Slot(bool)
    def _on_advance_changed(self, is_on: bool) -> None:
        self.ctx.settings.auto_advance = is_on

    @Slot(object)
    def _on_thresholds(self, values: dict[str, float]) -> None:
        params = self.ctx.document.state.params
        self.ctx.document.set_params(params.with_values({"quality": values}))

    @Slot(object, object)
    def _on_table_selected(self, ids: tuple[int, ...], current: int | None) -> None:
        self.ctx.selection.select_many(ids, current)

    @Slot(int, object)
    def _on_component_clicked(self, component_id: int, modifiers: Qt.KeyboardModifier) -> None:
        more = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        if modifiers & more:
            self.ctx.selection.toggle(component_id)
        else:
            self.ctx.selection.select(component_id)

    @Slot(int, int, object)
    def _on_crop_clicked(self, row: int, col: int, modifiers: Qt.KeyboardModifier) -> None:
        found = self.crop.layer.hit(row + 0.5, col + 0.5)
        if found is not None:
            self._on_component_clicked(found, modifiers)

    @Slot(str)
    def _on_background(self, name: str) -> None:
        self.crop.set_summary(self.ctx.document.state.summary, name)

    @Slot()
    def _on_selected(self) -> None:
        components = self.ctx.document.state.components
        if self._components is None or self._components is not components or not self.isVisible():
            return  # refresh comes when the components are known or the tab is shown
        selection = self.ctx.selection
        if selection.current_id is None and self.table.rows.rowCount():
            self._land(set(), 0)
            return
        ids, current = selection.component_ids, selection.current_id
        self.field.layer.set_current(current, ids)
        self.table.select(ids, current)
        item = self.current
        diameter = self.ctx.document.state.params.sources.neuron_diameter_px
        self.crop.set_component(item, diameter)
        self._show_trace(item)
        self._show_decision()
        self._show_suggestion(item)

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self._land(set(), self.table.currentIndex().row())
        self._on_selected()
        self.table.setFocus()

    def _show_decision(self) -> None:
        item = self.current
        decision = self.ctx.document.decisions.get(item.id) if item is not None else None
        self.decision.show_component(item, decision, len(self.ctx.selection.component_ids))

    def _show_trace(self, item: Component | None) -> None:
        if item is None:
            self.trace.set_lines(())
            return
        from caiman_gui.core.activity import peak_frame

        self.trace.set_title(f"Trace of component {item.id}")
        self.trace.set_lines(
            (
                Line("raw", item.raw, "raw"),
                Line("denoised", item.trace, "denoised"),
                Line("activity", item.activity, "activity", base=item.baseline),
            )
        )
        self.trace.center_on(peak_frame(item), PEAK_SPAN_S)

    def _show_suggestion(self, item: Component | None) -> None:
        from caiman_gui.core.suggest import merge_candidates

        if item is None or self._components is None or len(self.ctx.selection.component_ids) > 1:
            self._suggested = ()
            self.decision.show_suggestion(())
            return
        least = SUGGEST_SHARE * self.ctx.document.state.params.sources.merge_corr
        found = merge_candidates(self._components, item.id, min_corr=least)
        self._suggested = tuple(c.id for c in found)
        self.decision.show_suggestion(found)
