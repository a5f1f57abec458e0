"""What all tabs have in common: the picture on the left, one column of controls on the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.app.topics import Topic
from caiman_gui.core.parallel import cpu_count
from caiman_gui.errors import DataError
from caiman_gui.gui import theme, words
from caiman_gui.gui.widgets.param_form import ParamForm
from caiman_gui.pipeline.steps import STEPS, StepStatus
from caiman_gui.pipeline.steps import status as step_status

if TYPE_CHECKING:
    from collections.abc import Collection

    from PySide6.QtGui import QShowEvent

    from caiman_gui.app.context import AppContext
    from caiman_gui.gui.widgets.empty_state import EmptyState
    from caiman_gui.gui.widgets.movie_view import MovieView
    from caiman_gui.gui.widgets.player_bar import PlayerBar
    from caiman_gui.params.base import ParamModel
    from caiman_gui.params.run import RunParams

SIDE_WIDTH_PX = 360


class StepTab(QWidget):
    """One step of the workflow.

    A subclass puts its views in with ``set_content``, its controls with ``add_form`` and
    ``add_card``, and re-reads the document in ``refresh``.

    Parameters
    ----------
    ctx : AppContext
    step : str or None
        The pipeline step of this tab; None: nothing to run here.
    title : str
        Name of the tab.

    Attributes
    ----------
    steps : tuple of str
        What Run runs; by default only ``step``.
    content : QWidget
        The left side.
    form : ParamForm or None
        The first form added.
    """

    #: Name of the tab to go to: load, motion, inspect, extract, review, traces.
    requestTab = Signal(str)
    exportRequested = Signal()
    statusChanged = Signal()

    def __init__(self, ctx: AppContext, step: str | None, title: str) -> None:
        super().__init__()
        self.ctx = ctx
        self.step = step
        self.title = title
        self.steps: tuple[str, ...] = (step,) if step else ()
        self.form: ParamForm | None = None
        self._forms: list[ParamForm] = []
        self._pending = Topic.ALL
        self._running: set[str] = set()
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.content = QStackedWidget()
        self.content.setContentsMargins(0, 0, 0, 8)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 8, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.content, 1)
        layout.addWidget(self._build_side())
        ctx.document.changed.connect(self._on_changed)
        ctx.workflow.stepRunning.connect(self._on_step_running)
        ctx.workflow.stepFinished.connect(self._on_step_finished)
        ctx.tasks.taskFinished.connect(self._on_task_finished)
        self._show_run_state()

    # ------------------------------------------------------------------ build
    def _build_side(self) -> QFrame:
        self.side = QFrame()
        self.side.setObjectName("side")
        self.side.setFixedWidth(SIDE_WIDTH_PX)
        self._column = QVBoxLayout()
        self._column.setContentsMargins(16, 16, 12, 16)
        self._column.setSpacing(24)
        self._column.addStretch(1)
        inner = QWidget()
        inner.setLayout(self._column)
        self.side_scroll = QScrollArea()
        self.side_scroll.setWidgetResizable(True)
        self.side_scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.side_scroll.setWidget(inner)
        self.forecast_label = theme.label("", "muted", wrap=True)
        self.run_button = QPushButton("Run")
        self.run_button.setProperty("primary", True)
        theme.set_icon(self.run_button, "play", "on_accent")
        self.run_button.clicked.connect(self._on_run)
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.clicked.connect(self._on_cancel)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.run_button, 1)
        buttons.addWidget(self.cancel_button)
        self.run_box = QWidget()
        run_layout = QVBoxLayout(self.run_box)
        run_layout.setContentsMargins(16, 8, 16, 16)
        run_layout.setSpacing(8)
        run_layout.addWidget(self.forecast_label)
        run_layout.addLayout(buttons)
        outer = QVBoxLayout(self.side)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self.side_scroll, 1)
        outer.addWidget(self.run_box)
        # Not before it has a parent: shown without one, it would be a window of its own.
        self.run_box.setVisible(self.step is not None)
        return self.side

    def set_content(self, widget: QWidget) -> None:
        """Put the views of the tab on the left and show them."""
        if self.content.indexOf(widget) < 0:
            self.content.addWidget(widget)
        self.content.setCurrentWidget(widget)

    def show_empty(self, empty: EmptyState) -> None:
        """Show an empty state instead of the views."""
        self.set_content(empty)

    def add_card(self, title: str, widget: QWidget) -> QFrame:
        """Add a titled group below the others in the right column."""
        card = QFrame()
        card.setProperty("card", True)
        layout = QVBoxLayout(card)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        if title:
            layout.addWidget(theme.label(title, "heading"))
        layout.addWidget(widget)
        self._column.insertWidget(self._column.count() - 1, card)
        return card

    def add_form(
        self,
        model_cls: type[ParamModel],
        group: str,
        title: str = "",
        only: Collection[str] | None = None,
        more: str = "More",
    ) -> ParamForm:
        """Add the form of a parameter group, wired to the document in both directions."""
        form = ParamForm(model_cls, group, only, more=more)
        form.valueChanged.connect(lambda model: self._on_params(group, model))
        self._forms.append(form)
        self.form = self.form or form
        self.add_card(title, form)
        return form

    # ------------------------------------------------------------------ state
    def refresh(self, topics: Topic) -> None:
        """Re-read what the tab shows. Called when it is visible; else when it is next shown."""

    def players(self) -> tuple[tuple[MovieView, ...], PlayerBar | None]:
        """Return the movies shown side by side and what moves them; none by default."""
        return (), None

    def shown_pixel_size_um(self) -> float | None:
        """Width of a pixel of the movies shown, in µm."""
        return self.ctx.document.state.pixel_size_um

    @property
    def is_running(self) -> bool:
        """Whether one of this tab's steps is being computed."""
        return bool(self._running & set(self.steps))

    @property
    def status(self) -> str:
        """``empty``, ``done``, ``stale`` or ``running``, for the ring in the title."""
        if self.is_running:
            return "running"
        state = self.ctx.document.state
        if self.step is None:
            return "done" if state.recording is not None else "empty"
        found = [step_status(name, state) for name in self.steps]
        if StepStatus.STALE in found:
            return "stale"
        return "done" if found and all(s is StepStatus.DONE for s in found) else "empty"

    def why_not(self) -> str:
        """Return why Run cannot be pressed, in words; empty: it can."""
        return "" if self.ctx.document.state.recording is not None else "Open a movie first."

    def run(self) -> None:
        """Run this tab's steps."""
        if not self.why_not() and not self.is_running:
            self.ctx.workflow.run(self.steps)

    # -------------------------------------------------------------- reactions
    def _on_params(self, group: str, model: Any) -> None:
        params: RunParams = self.ctx.document.state.params
        self.set_params(params.model_copy(update={group: model}))

    def set_params(self, params: RunParams, text: str = "") -> None:
        """Change parameters, unless they would leave nothing of the recording."""
        try:
            self.ctx.document.require_usable(params)
        except DataError as exc:
            self.ctx.reporter.tell(exc.title, exc.detail, exc.hint, "warning")
            for form in self._forms:
                form.set_model(getattr(self.ctx.document.state.params, form.group))
            return
        self.ctx.document.set_params(params, text)

    @Slot(object)
    def _on_changed(self, topics: Topic) -> None:
        self._pending |= topics
        if self.isVisible():
            self._catch_up()
        self.statusChanged.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._catch_up()

    def _catch_up(self) -> None:
        topics, self._pending = self._pending, Topic(0)
        if not topics:
            return
        state = self.ctx.document.state
        rate = state.frame_rate_hz if state.recording is not None else None
        for form in self._forms:
            form.set_model(getattr(state.params, form.group))
            form.set_scale(state.pixel_size_um, rate)
        self._show_run_state()
        self.refresh(topics)

    @Slot()
    def _on_run(self) -> None:
        self.run()

    @Slot()
    def _on_cancel(self) -> None:
        for task in self.ctx.tasks.tasks:
            task.cancel()

    @Slot(str)
    def _on_step_running(self, name: str) -> None:
        self._running = {name}
        self._show_run_state()
        self.statusChanged.emit()

    @Slot(str)
    def _on_step_finished(self, name: str) -> None:
        self._running.discard(name)
        self._show_run_state()
        self.statusChanged.emit()

    @Slot(object)
    def _on_task_finished(self, _task: object) -> None:
        if self._running:
            self._running.clear()
            self._show_run_state()
            self.statusChanged.emit()

    def _show_run_state(self) -> None:
        if self.step is None:
            return
        reason = self.why_not()
        self.run_button.setEnabled(not reason and not self.is_running)
        self.run_button.setToolTip(reason)
        self.cancel_button.setVisible(self.is_running)
        verb = {"done": "Run again", "stale": "Run again", "running": "Running"}
        self.run_button.setText(verb.get(self.status, "Run"))
        self.forecast_label.setText(reason or self._forecast_text())

    def _forecast_text(self) -> str:
        from caiman_gui.pipeline.forecast import forecast

        state = self.ctx.document.state
        memory = self.ctx.settings.memory_gib
        budget = int(memory * 2**30) if memory else None
        n_threads = self.ctx.settings.n_threads or cpu_count()
        parts = [
            forecast(state, name, memory_bytes=budget, n_threads=n_threads) for name in self.steps
        ]
        needed = max(part.memory_bytes for part in parts)
        disk = sum(part.disk_bytes for part in parts)
        seconds = [part.seconds for part in parts if part.seconds is not None]
        text = [words.about(sum(seconds))] if seconds else []
        text.append(f"{words.size(needed)} memory")
        if disk:
            text.append(f"{words.size(disk)} disk")
        line = "Forecast: " + ", ".join(text)
        if self.status == "stale":
            names = ", ".join(STEPS[n].title.lower() for n in self.steps)
            return f"Out of date: {names} ran with other settings.\n{line}"
        return line
