"""Table of components: sorts and filters 2,000 rows at once, one selection with the views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.footprint_layer import State, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from caiman_gui.core.results import ComponentSet, Decision

Index = QModelIndex | QPersistentModelIndex
Filter = Literal["all", "accepted", "rejected", "unsure", "undecided"]
COLUMNS = ("#", "State", "SNR", "r", "Size", "Reason")
_WORDS: dict[State, str] = {"accepted": "accepted", "rejected": "rejected", "unsure": "unsure"}
_TIPS = (
    "Number of the component; it never changes",
    "Whether the component is kept",
    "Trace SNR: how unlikely its largest event is in noise",
    "Spatial correlation: footprint against the movie while the cell is active",
    "Pixels of the footprint",
    "Why it is accepted or rejected",
)


class ComponentModel(QAbstractTableModel):
    """Rows of a ComponentSet in the order and choice asked for.

    Sorting and filtering are done on whole columns here; a proxy model would call back into
    Python for each comparison.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ids: NDArray[np.int64] = np.zeros(0, np.int64)
        self._columns: dict[str, NDArray[Any]] = {}
        self._decisions: Mapping[int, Decision] = {}
        self._order: NDArray[np.int64] = np.zeros(0, np.int64)
        self._rank: NDArray[np.float64] | None = None
        self._sort: tuple[int, bool] = (0, False)
        self._filter: Filter = "all"

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else int(self._order.size)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def set_components(
        self, components: ComponentSet | None, decisions: Mapping[int, Decision]
    ) -> None:
        """Show another set; order and filter stay."""
        self.beginResetModel()
        items = components.items if components is not None else ()
        self._ids = np.array([item.id for item in items], np.int64)
        self._columns = {
            "SNR": np.array([item.metrics.snr for item in items], np.float64),
            "r": np.array([item.metrics.rval for item in items], np.float64),
            "Size": np.array([item.pixels.size for item in items], np.int64),
        }
        self._decisions = decisions
        self._rank = None
        self._arrange()
        self.endResetModel()

    def set_decisions(self, decisions: Mapping[int, Decision]) -> None:
        """Take new decisions; rows keep their places, those the filter drops leave."""
        self._decisions = decisions
        kept = self._passing()
        if kept.sum() == self._order.size and kept[self._order].all():
            if self._order.size:
                self.dataChanged.emit(self.index(0, 0), self.index(self._order.size - 1, 5))
            return
        self.beginResetModel()
        stay = self._order[kept[self._order]]
        new = np.setdiff1d(np.flatnonzero(kept), stay)
        self._order = np.concatenate([stay, new]).astype(np.int64)
        self.endResetModel()

    def set_filter(self, name: Filter) -> None:
        """Show only the components in one state, or those nobody has decided on."""
        self._filter = name
        self._rearrange()

    def set_rank(self, rank: Sequence[float] | NDArray[np.float64]) -> None:
        """Order rows by a value per component (in order of the set), smallest first."""
        self._rank = np.asarray(rank, np.float64)
        self._rearrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._sort = (column, order == Qt.SortOrder.DescendingOrder)
        self._rank = None
        self._rearrange()

    def row_of(self, component_id: int) -> int | None:
        """Row of a component, or None if the filter hides it."""
        found = np.flatnonzero(self._ids[self._order] == component_id)
        return int(found[0]) if found.size else None

    def id_at(self, row: int) -> int:
        """Id of the component in a row."""
        return int(self._ids[self._order[row]])

    def shown_ids(self) -> tuple[int, ...]:
        """Ids in order of the rows."""
        return tuple(int(i) for i in self._ids[self._order])

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        item = self._order[index.row()]
        name = COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(item, name)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = (
                Qt.AlignmentFlag.AlignLeft
                if name in ("State", "Reason")
                else (Qt.AlignmentFlag.AlignRight)
            )
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ForegroundRole and name == "State":
            return QColor(getattr(theme.current(), self._state(item)))
        if role == Qt.ItemDataRole.ToolTipRole and name == "Reason":
            return self._text(item, name)
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _TIPS[section]
        return None

    def _text(self, item: int, name: str) -> str:
        if name == "#":
            return str(self._ids[item])
        if name == "State":
            return _WORDS[self._state(item)]
        if name == "Reason":
            decision = self._decisions.get(int(self._ids[item]))
            return decision.reason if decision is not None else ""
        value = self._columns[name][item]
        if name == "Size":
            return f"{value} px"
        return "–" if np.isnan(value) else f"{value:.{1 if name == 'SNR' else 2}f}"

    def _state(self, item: int) -> State:
        return state_of(self._decisions.get(int(self._ids[item])))

    def _passing(self) -> NDArray[np.bool_]:
        if self._filter == "all":
            return np.ones(self._ids.size, bool)
        if self._filter == "undecided":
            labels = (self._decisions.get(int(i)) for i in self._ids)
            return np.array([d is None or d.label is None for d in labels], bool)
        states = [self._state(item) for item in range(self._ids.size)]
        return np.array([state == self._filter for state in states], bool)

    def _rearrange(self) -> None:
        self.beginResetModel()
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        column, is_falling = self._sort
        keys: NDArray[Any]
        name = COLUMNS[column]
        if self._rank is not None and self._rank.size == self._ids.size:
            keys, is_falling = self._rank, False
        elif name in self._columns:
            keys = self._columns[name].astype(np.float64)
        elif name == "#":
            keys = self._ids
        else:
            texts = np.array([self._text(item, name) for item in range(self._ids.size)], str)
            keys = np.unique(texts, return_inverse=True)[1].ravel() if texts.size else self._ids
        order = np.argsort(-keys if is_falling else keys, kind="stable")  # NaN comes last
        self._order = order[self._passing()[order]].astype(np.int64)


class ComponentTable(QTableView):
    """The table. Tell it what is selected; it tells what the user selects.

    Signals
    -------
    selected(ids, current)
        Tuple of ids, and the one that was clicked or moved to.
    """

    selected = Signal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = ComponentModel(self)
        self._current: int | None = None
        self._chosen: tuple[int, ...] = ()
        self._is_silent = False
        self.setModel(self.rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(24)
        header = self.horizontalHeader()
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in enumerate((44, 72, 48, 48, 60)):
            self.setColumnWidth(column, width)
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self.rows.modelReset.connect(self._restore)

    def select(self, ids: Sequence[int], current: int | None) -> None:
        """Show a selection that was made elsewhere."""
        self._chosen, self._current = tuple(ids), current
        if self._selected_ids() != set(self._chosen) or self._current_id() != current:
            self._restore()

    def neighbour(self, step: int) -> int | None:
        """Id ``step`` rows from the current one, or None at the end of the table."""
        n_rows = self.rows.rowCount()
        if not n_rows:
            return None
        row = self.rows.row_of(self._current) if self._current is not None else None
        if row is None:
            return self.rows.id_at(0 if step > 0 else n_rows - 1)
        wanted = row + step
        return self.rows.id_at(wanted) if 0 <= wanted < n_rows else None

    def _selected_ids(self) -> set[int]:
        return {self.rows.id_at(i.row()) for i in self.selectionModel().selectedRows()}

    def _current_id(self) -> int | None:
        index = self.currentIndex()
        return self.rows.id_at(index.row()) if index.isValid() else None

    def _restore(self) -> None:
        self._is_silent = True
        try:
            rows = [r for r in map(self.rows.row_of, self._chosen) if r is not None]
            chosen = QItemSelection()
            for row in rows:
                chosen.select(self.rows.index(row, 0), self.rows.index(row, len(COLUMNS) - 1))
            model = self.selectionModel()
            model.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            place = self.rows.row_of(self._current) if self._current is not None else None
            if place is not None:
                index = self.rows.index(place, 0)
                model.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
                self.scrollTo(index)
        finally:
            self._is_silent = False

    def _on_selection_changed(self) -> None:
        if self._is_silent:
            return
        ids = tuple(sorted(self._selected_ids(), key=lambda i: self.rows.row_of(i) or 0))
        current = self._current_id()
        if current not in ids:
            current = ids[0] if ids else None
        self._chosen, self._current = ids, current
        self.selected.emit(ids, current)
