"""The queue of a review: the table of components, its order, its filter, and "go to number"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.component_table import COLUMNS, ComponentTable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from caiman_gui.core.results import ComponentSet, Decision
    from caiman_gui.params.quality import QualityParams

FILTERS = {
    "all": "All",
    "undecided": "Not reviewed",
    "accepted": "Accepted",
    "rejected": "Rejected",
    "unsure": "Unsure",
}
ORDERS = {"number": "By number", "doubt": "Most doubtful first", "snr": "Highest SNR first"}


class ComponentQueue(QWidget):
    """A table with the choices above it.

    Signals
    -------
    numberEntered(id)
        Always of a component that exists.
    """

    numberEntered = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._components: ComponentSet | None = None
        self._quality: QualityParams | None = None
        self._known: Collection[int] = ()
        self.table = ComponentTable()
        self.table.setColumnHidden(COLUMNS.index("Reason"), True)
        self.table.setMinimumHeight(200)
        self.order = _choice(ORDERS, "Order of the table; a click on a heading sorts, too")
        self.filter = _choice(FILTERS, "Which components are in the table")
        self.number = QLineEdit()
        self.number.setPlaceholderText("#")
        self.number.setFixedWidth(48)
        self.number.setToolTip("Go to the component of this number. Key: /")
        self.number.setAccessibleName("Go to number")
        self.number.setValidator(QIntValidator(0, 9_999_999, self.number))
        choices = QHBoxLayout()
        choices.setSpacing(8)
        choices.addWidget(self.order, 3)
        choices.addWidget(self.filter, 2)
        choices.addWidget(self.number)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(choices)
        layout.addWidget(self.table, 1)
        self.order.currentIndexChanged.connect(self._on_order)
        self.filter.currentIndexChanged.connect(self._on_filter)
        self.number.returnPressed.connect(self._on_number)

    def set_components(
        self,
        components: ComponentSet | None,
        decisions: Mapping[int, Decision],
        quality: QualityParams,
    ) -> None:
        """Show another set, in the order chosen."""
        self._components, self._quality = components, quality
        self._known = frozenset(components.ids) if components is not None else ()
        self.table.rows.set_components(components, decisions)
        self._on_order()

    def set_decisions(self, decisions: Mapping[int, Decision], quality: QualityParams) -> None:
        """Take new decisions; the order is kept until it is chosen again."""
        self._quality = quality
        self.table.rows.set_decisions(decisions)

    def focus_number(self) -> None:
        """Let the user type a number."""
        self.number.setFocus()
        self.number.selectAll()

    @Slot()
    def _on_order(self) -> None:
        if self._components is None or self._quality is None:
            return
        name = self.order.currentData()
        if name == "doubt":
            from caiman_gui.core.suggest import doubt

            self.table.rows.set_rank(doubt(self._components, self._quality))
        elif name == "snr":
            self.table.sortByColumn(COLUMNS.index("SNR"), Qt.SortOrder.DescendingOrder)
        else:
            self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)

    @Slot()
    def _on_filter(self) -> None:
        self.table.rows.set_filter(self.filter.currentData())

    @Slot()
    def _on_number(self) -> None:
        wanted = int(self.number.text() or -1)
        is_known = wanted in self._known
        theme.restyle(self.number, "invalid", not is_known)
        if not is_known:
            self.number.selectAll()
            return
        self.number.clear()
        self.numberEntered.emit(wanted)
        self.table.setFocus()


def _choice(names: Mapping[str, str], tip: str) -> QComboBox:
    box = QComboBox()
    for name, title in names.items():
        box.addItem(title, name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(6)
    box.setToolTip(tip)
    return box
