"""What is decided on the current component, why, and the buttons to decide otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QGridLayout, QPushButton, QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.footprint_layer import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from caiman_gui.core.results import Component, Decision
    from caiman_gui.core.suggest import MergeCandidate

#: Action -> text with its key, icon, colour of the icon, tooltip.
ACTIONS: dict[str, tuple[str, str, str, str]] = {
    "accept": ("Accept (A)", "accept", "accepted", "Keep this component. Keys: A or G"),
    "reject": ("Reject (R)", "reject", "rejected", "Leave it out. Keys: R, B or Del"),
    "unsure": ("Unsure (U)", "unsure", "unsure", "Mark it to be looked at again. Key: U"),
    "clear": ("Clear (0)", "reset", "text", "Leave it to the thresholds again. Key: 0"),
    "merge": ("Merge (M)", "merge", "text", "Make one of the selected components. Key: M"),
    "back": ("Back (Backspace)", "undo", "text", "Go to the component decided last"),
}


class DecisionPanel(QWidget):
    """State in words, six buttons, the switch to advance, and the count.

    Signals
    -------
    actionRequested(name)
        One of ``ACTIONS``.
    advanceChanged(is_on)
    """

    actionRequested = Signal(str)
    advanceChanged = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state_label = theme.label("No component selected", "heading")
        self.state_label.setTextFormat(Qt.TextFormat.RichText)
        self.reason_label = theme.label("", "muted", wrap=True)
        self.reason_label.setMinimumHeight(34)
        self.reason_label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.suggestion_label = theme.label("", "warning", wrap=True)
        self.progress_label = theme.label("", "muted")
        self.advance = QCheckBox("Advance after deciding (Shift stays)")
        self.advance.toggled.connect(self.advanceChanged)
        self.buttons: dict[str, QPushButton] = {}
        grid = QGridLayout()
        grid.setSpacing(8)
        for index, (name, (text, icon, role, tip)) in enumerate(ACTIONS.items()):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.setProperty("action", name)
            theme.set_icon(button, icon, role)
            button.clicked.connect(self._on_clicked)
            button.setStyleSheet("padding-left: 8px; padding-right: 8px; text-align: left;")
            self.buttons[name] = button
            grid.addWidget(button, index // 2, index % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        for widget in (self.state_label, self.reason_label):
            layout.addWidget(widget)
        layout.addLayout(grid)
        for label in (self.suggestion_label, self.advance, self.progress_label):
            layout.addWidget(label)
        self.suggestion_label.hide()

    def show_component(
        self, component: Component | None, decision: Decision | None, n_selected: int
    ) -> None:
        """Say in words what is decided on a component, and why."""
        for button in self.buttons.values():
            button.setEnabled(component is not None)
        if component is None:
            self.state_label.setText("No component selected")
            self.reason_label.setText("Click one in the image or in the table.")
            return
        state = state_of(decision)
        shade = getattr(theme.current(), state)
        how = "" if decision is None or decision.label else " automatically"
        if state == "unsure":
            how = ""
        more = f" (+ {n_selected - 1} selected)" if n_selected > 1 else ""
        self.state_label.setText(
            f'Component {component.id}: <span style="color:{shade}">{state}{how}</span>{more}'
        )
        reason = decision.reason if decision is not None else "not measured"
        self.reason_label.setText(reason[:1].upper() + reason[1:])

    def show_suggestion(self, candidates: Sequence[MergeCandidate]) -> None:
        """Offer to merge with the neighbour most alike."""
        self.suggestion_label.setVisible(bool(candidates))
        if candidates:
            best = candidates[0]
            self.suggestion_label.setText(
                f"Overlaps component {best.id} and is active with it "
                f"(r = {best.correlation:.2f}). M selects both."
            )

    def show_progress(self, n_reviewed: int, n_all: int, n_accepted: int) -> None:
        """Show how many were decided on by hand."""
        self.progress_label.setText(
            f"{n_reviewed:,} / {n_all:,} reviewed · {n_accepted:,} accepted" if n_all else ""
        )

    def _on_clicked(self) -> None:
        self.actionRequested.emit(str(self.sender().property("action")))
