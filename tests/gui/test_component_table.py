from __future__ import annotations

from dataclasses import replace

import pytest
from analysis_states import make_component, make_components
from PySide6.QtCore import Qt

from caiman_gui.core.quality import decide
from caiman_gui.gui.widgets.component_table import COLUMNS, ComponentTable
from caiman_gui.params.quality import QualityParams


def decisions(components, labels=None):
    return decide(components, params=QualityParams(), labels=labels or {})


@pytest.fixture
def components():
    return make_components(12)


@pytest.fixture
def table(qtbot, components):
    widget = ComponentTable()
    qtbot.addWidget(widget)
    widget.resize(480, 400)
    widget.rows.set_components(components, decisions(components))
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def click(table, qtbot, row, modifiers=Qt.KeyboardModifier.NoModifier):
    place = table.visualRect(table.rows.index(row, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, modifiers, place)


def test_rows_say_state_measures_and_reason(table):
    texts = [table.rows.index(0, column).data() for column in range(len(COLUMNS))]
    assert texts[:4] == ["1", "accepted", "3.0", "0.90"]
    assert texts[4].endswith(" px")
    assert "SNR 3.0 above 2.5" in texts[5]
    assert table.rows.index(2, 1).data() == "rejected"


def test_clicking_rows_selects_and_control_adds(table, qtbot):
    with qtbot.waitSignal(table.selected) as signal:
        click(table, qtbot, 3)
    assert signal.args == [(4,), 4]
    with qtbot.waitSignal(table.selected) as signal:
        click(table, qtbot, 5, Qt.KeyboardModifier.ControlModifier)
    assert signal.args == [(4, 6), 6]


def test_a_selection_from_outside_is_shown_without_an_echo(table, qtbot):
    with qtbot.assertNotEmitted(table.selected):
        table.select((2, 9), 9)
    assert {i.row() for i in table.selectionModel().selectedRows()} == {1, 8}
    assert table.currentIndex().row() == 8


def test_sorting_by_a_heading_keeps_the_selection(table, qtbot):
    table.select((1,), 1)
    table.sortByColumn(COLUMNS.index("SNR"), Qt.SortOrder.DescendingOrder)
    values = [float(table.rows.index(r, 2).data()) for r in range(12)]
    assert values == sorted(values, reverse=True)
    assert table.rows.id_at(table.currentIndex().row()) == 1


def test_unmeasured_components_come_last(table, components):
    unmeasured = replace(
        components.items[0],
        metrics=make_component(1, 9, 9, snr=float("nan"), rval=float("nan")).metrics,
    )
    changed = components.updated({1: unmeasured})
    table.rows.set_components(changed, decisions(changed))
    for order in Qt.SortOrder:
        table.sortByColumn(2, order)
        assert table.rows.index(11, 2).data() == "–"


def test_filters_show_their_rows(table, components):
    table.rows.set_filter("rejected")
    assert table.rows.shown_ids() == (3, 6, 9, 12)
    table.rows.set_decisions(decisions(components, {3: "accept"}))
    assert table.rows.shown_ids() == (6, 9, 12)
    table.rows.set_filter("undecided")
    assert 3 not in table.rows.shown_ids()
    table.rows.set_filter("all")
    assert table.rows.rowCount() == 12


def test_rank_orders_by_a_value_from_outside(table):
    table.rows.set_rank([12 - i for i in range(12)])
    assert table.rows.shown_ids() == tuple(range(12, 0, -1))


def test_neighbour_follows_the_order_of_the_rows(table):
    table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    table.select((5,), 5)
    assert table.neighbour(1) == 4
    assert table.neighbour(-1) == 6
    table.select((1,), 1)
    assert table.neighbour(1) is None
    table.select((), None)
    assert table.neighbour(1) == 12


def test_two_thousand_rows_sort_and_select(table):
    many = make_components(12).with_items(
        (make_component(i, 30, 40, snr=i % 17, rval=(i % 10) / 10) for i in range(1, 2001)), 2001
    )
    table.rows.set_components(many, decisions(many))
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    table.select((1234,), 1234)
    assert table.rows.id_at(table.currentIndex().row()) == 1234
