"""Traces: raw, dF/F and deconvolved activity of a cell, tuned live, and all cells below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from caiman_gui.app.topics import Topic
from caiman_gui.gui import theme, words
from caiman_gui.gui.tabs.step_tab import StepTab
from caiman_gui.gui.widgets.empty_state import EmptyState
from caiman_gui.gui.widgets.raster_view import RasterView
from caiman_gui.gui.widgets.trace_view import Line, TraceView
from caiman_gui.params.traces import TraceParams
from caiman_gui.pipeline.steps import StepStatus
from caiman_gui.pipeline.steps import status as step_status

if TYPE_CHECKING:
    from caiman_gui.app.context import AppContext
    from caiman_gui.app.tasks import Task
    from caiman_gui.core.results import Component, ComponentSet

#: A preview begins when no parameter has changed for this long.
SETTLE_MS = 150
RASTER_BINS = 800


class TracesTab(StepTab):
    """Stacked plots of the current cell on one time axis, and the population raster."""

    def __init__(self, ctx: AppContext) -> None:
        super().__init__(ctx, "traces", "Deconvolve")
        self._components: ComponentSet | None = None
        self._by_id: dict[int, Component] = {}
        self._accepted: tuple[int, ...] = ()
        self._preview: Component | None = None
        self._preview_task: Task | None = None
        self._raster_task: Task | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._start_preview)
        self.raw = TraceView("Raw trace and baseline", "a.u.")
        self.relative = TraceView("dF/F")
        self.denoised = TraceView("Denoised trace and activity", "a.u.")
        self.raster = RasterView()
        self._views = self._build_views()
        self._build_controls()
        self._empty = EmptyState("traces", "", "", "Go to Extract", self._on_empty_button)
        self.show_empty(self._empty)
        ctx.selection.componentChanged.connect(self._on_selected)
        ctx.selection.frameChanged.connect(self._on_frame)

    # ------------------------------------------------------------------ build
    def _build_views(self) -> QWidget:
        self.previous_button = QPushButton("Previous")
        self.next_button = QPushButton("Next")
        self.heading = theme.label("", "heading")
        theme.set_icon(self.previous_button, "step-back")
        theme.set_icon(self.next_button, "step-forward")
        for button, step, keys in (
            (self.previous_button, -1, ("Up", "Left")),
            (self.next_button, 1, ("Down", "Right")),
        ):
            button.setToolTip(f"Accepted cells only. Keys: {' or '.join(keys)} arrow")
            button.clicked.connect(self._on_previous if step < 0 else self._on_next)
            for key in keys:
                shortcut = QShortcut(QKeySequence(key), self)
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                shortcut.activated.connect(self._on_previous if step < 0 else self._on_next)
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 0, 8, 0)
        bar.setSpacing(8)
        bar.addWidget(self.heading)
        bar.addStretch(1)
        bar.addWidget(self.previous_button)
        bar.addWidget(self.next_button)
        stack = QSplitter(Qt.Orientation.Vertical)
        stack.setChildrenCollapsible(False)
        for plot in (self.raw, self.relative, self.denoised):
            stack.addWidget(plot)
            plot.frameClicked.connect(self.ctx.selection.set_frame)
        stack.addWidget(self.raster)
        stack.setSizes([170, 150, 150, 150])
        for plot in (self.raw, self.relative):
            plot.link_x(self.denoised)
            plot.set_time_axis_shown(False)
        self.raster.link_x(self.denoised)
        self.raster.componentClicked.connect(self.ctx.selection.select)
        self.raster.frameClicked.connect(self.ctx.selection.set_frame)
        views = QWidget()
        layout = QVBoxLayout(views)
        layout.setContentsMargins(0, 0, 0, 8)
        layout.setSpacing(4)
        layout.addLayout(bar)
        layout.addWidget(stack, 1)
        return views

    def _build_controls(self) -> None:
        self.facts = theme.label("", wrap=True)
        self.preview_label = theme.label("", "warning", wrap=True)
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.facts)
        layout.addWidget(self.preview_label)
        self.add_card("This cell", box)
        self.add_form(TraceParams, "traces", "All cells")

    # ------------------------------------------------------------------ state
    def refresh(self, topics: Topic) -> None:
        state = self.ctx.document.state
        if not state.components:  # none found, or all deleted
            self._components = None
            self._by_id = {}
            self._show_missing()
            return
        self.set_content(self._views)
        for plot in (self.raw, self.relative, self.denoised):
            plot.set_frame_rate(state.frame_rate_hz)
        is_new = state.components is not self._components
        if is_new:
            self._components = state.components
            self._by_id = {item.id: item for item in state.components.items}
            self._preview = None
        accepted = self.ctx.document.accepted_ids
        if is_new or accepted != self._accepted:
            self._accepted = accepted
            self._start_raster()
        if is_new:
            self._on_selected()
        if topics & (Topic.PARAMS | Topic.STEPS | Topic.COMPONENTS):
            self._plan_preview()

    def _show_missing(self) -> None:
        is_open = self.ctx.document.state.recording is not None
        self._empty.set_text(
            "No traces yet" if is_open else "No movie yet",
            "Traces belong to cells: find the cells first."
            if is_open
            else "Open a movie and find its cells first.",
        )
        if self._empty.button is not None:
            self._empty.button.setText("Go to Extract" if is_open else "Go to Load")
        self.facts.setText("")
        self.preview_label.setText("")
        self.show_empty(self._empty)

    def why_not(self) -> str:
        reason = super().why_not()
        if not reason and self.ctx.document.state.components is None:
            return "Find cells in Extract first."
        return reason

    @property
    def current(self) -> Component | None:
        """The component in focus, previewed with the parameters in force if they are new."""
        current = self.ctx.selection.current_id
        if current is None:
            return None
        if self._preview is not None and self._preview.id == current:
            return self._preview
        return self._by_id.get(current)

    # ---------------------------------------------------------------- preview
    def _plan_preview(self) -> None:
        if self._is_up_to_date():
            self._settle.stop()
            self._drop_preview_task()
            if self._preview is not None:
                self._preview = None
                self._show_component()
            self.preview_label.setText("")
        elif self.isVisible():
            self._settle.start()

    def _is_up_to_date(self) -> bool:
        state = self.ctx.document.state
        is_done = step_status("traces", state) is StepStatus.DONE
        return state.components is None or is_done

    def _drop_preview_task(self) -> None:
        task, self._preview_task = self._preview_task, None
        if task is not None:
            task.cancel()

    @Slot()
    def _start_preview(self) -> None:
        state = self.ctx.document.state
        components, current = state.components, self.ctx.selection.current_id
        if components is None or current not in self._by_id or self._is_up_to_date():
            return
        self._drop_preview_task()
        one = components.with_items((self._by_id[current],))
        params, rate = state.params.traces, state.frame_rate_hz
        is_one_photon = state.params.recording.kind == "one-photon"

        def work(task: Task) -> Component:
            from caiman_gui.core.traces import process_traces

            done = process_traces(
                one,
                params=params,
                frame_rate_hz=rate,
                is_one_photon=is_one_photon,
                n_threads=1,
                ctx=task,
            )
            return done.items[0]

        task = self.ctx.tasks.submit(
            f"Preview of component {current}", work, lane="preview", is_quiet=True
        )
        task.succeeded.connect(self._on_preview)
        task.failed.connect(self.ctx.reporter.report)
        self._preview_task = task

    @Slot(object)
    def _on_preview(self, item: Component) -> None:
        if self.sender() is not self._preview_task:
            return  # other parameters or another cell were asked for meanwhile
        self._preview_task = None
        if item.id == self.ctx.selection.current_id:
            self._preview = item
            self.preview_label.setText(
                "Preview of this cell with the new settings. Run applies them to all cells."
            )
            self._show_component()

    # ----------------------------------------------------------------- raster
    def _start_raster(self) -> None:
        if self._components is None:
            return
        if self._raster_task is not None:
            self._raster_task.cancel()
        ids = self._accepted
        items = [self._by_id[i] for i in ids if i in self._by_id]
        n_frames, rate = self._components.n_frames, self.ctx.document.state.frame_rate_hz

        def work(task: Task) -> Any:
            from caiman_gui.core.activity import activity_raster

            return ids, activity_raster(items, n_bins=RASTER_BINS, ctx=task), n_frames, rate

        task = self.ctx.tasks.submit(
            "Draw population activity", work, lane="preview", is_quiet=True
        )
        task.succeeded.connect(self._on_raster)
        task.failed.connect(self.ctx.reporter.report)
        self._raster_task = task

    @Slot(object)
    def _on_raster(self, result: Any) -> None:
        if self.sender() is self._raster_task:
            self._raster_task = None
            self.raster.set_raster(*result)
            self.raster.set_current(self.ctx.selection.current_id)

    # -------------------------------------------------------------- reactions
    def _on_empty_button(self) -> None:
        is_open = self.ctx.document.state.recording is not None
        self.requestTab.emit("extract" if is_open else "load")

    @Slot()
    def _on_previous(self) -> None:
        self._step(-1)

    @Slot()
    def _on_next(self) -> None:
        self._step(1)

    def _step(self, step: int) -> None:
        ids = self._accepted or tuple(self._by_id)
        if not ids:
            return
        current = self.ctx.selection.current_id
        if current in ids:
            place = min(max(ids.index(current) + step, 0), len(ids) - 1)
        else:
            place = 0 if step > 0 else len(ids) - 1
        self.ctx.selection.select(ids[place])

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self._on_selected()

    @Slot()
    def _on_selected(self) -> None:
        components = self.ctx.document.state.components
        if self._components is None or self._components is not components or not self.isVisible():
            return  # refresh comes when the components are known or the tab is shown
        if self.ctx.selection.current_id not in self._by_id and self._by_id:
            self.ctx.selection.select((self._accepted or tuple(self._by_id))[0])
            return
        self._show_component()
        self.raster.set_current(self.ctx.selection.current_id)
        self._plan_preview()

    @Slot(int)
    def _on_frame(self, frame: int) -> None:
        for plot in (self.raw, self.relative, self.denoised):
            plot.set_frame(frame)
        self.raster.set_frame(frame)

    def _show_component(self) -> None:
        item = self.current
        if item is None:
            return
        is_first = not self.denoised.lines
        decision = self.ctx.document.decisions.get(item.id)
        reason = f": {decision.reason}" if decision is not None else ""
        self.heading.setText(f"Component {item.id}{reason}")
        self._show_raw(item)
        self._show_relative(item)
        self.denoised.set_lines(
            (
                Line("denoised", item.trace, "denoised"),
                Line("activity", item.activity, "activity", base=item.baseline),
            )
        )
        self.facts.setText(_facts(item, self.ctx.document.state.frame_rate_hz))
        if is_first:
            self.denoised.show_all()

    def _show_raw(self, item: Component) -> None:
        lines = [Line("raw", item.raw, "raw")]
        title = "Raw trace"
        if item.f0 is not None:
            # F0 of dF/F is the resting light of cell and background together.
            if item.dff_kind == "dff":
                lines = [Line("raw + background", item.raw + item.background, "raw")]
            lines.append(Line("F0", item.f0, "baseline"))
            title = "Raw trace and baseline F0"
        self.raw.set_title(title)
        self.raw.set_lines(lines)

    def _show_relative(self, item: Component) -> None:
        if item.dff is None:
            self.relative.set_title("dF/F: not computed yet, press Run")
            self.relative.set_lines(())
            return
        is_one_photon = self.ctx.document.state.params.recording.kind == "one-photon"
        if item.dff_kind == "dff":
            title = "dF/F"
        elif is_one_photon:
            title = "Detrended: dF/F is not defined for one-photon data, F0 is unknown"
        else:
            title = "Detrended: dF/F is not defined, the baseline reaches zero"
        self.relative.set_title(title)
        self.relative.set_unit("dF/F" if item.dff_kind == "dff" else "a.u.")
        self.relative.set_lines(
            (Line("dF/F" if item.dff_kind == "dff" else "F - F0", item.dff, "dff"),)
        )


def _facts(item: Component, rate_hz: float) -> str:
    """Say in words what the deconvolution found."""
    from caiman_gui.core.activity import count_events
    from caiman_gui.core.traces.ar import time_constant_s

    parts = []
    if item.ar:
        decay = time_constant_s(item.ar, rate_hz)
        parts.append(f"Decay time constant {words.number(decay)} s.")
        n_events = count_events(item.activity)
        minutes = item.trace.size / rate_hz / 60
        parts.append(f"{words.count(n_events, 'event')}, {n_events / minutes:.3g} per minute.")
    else:
        parts.append("Not deconvolved.")
    if item.noise == item.noise:
        parts.append(f"Noise (standard deviation) {words.number(item.noise)}.")
    if item.dff is not None and item.dff_kind == "dff":
        parts.append(f"Largest dF/F {words.number(float(item.dff.max()))}.")
    return " ".join(parts)
