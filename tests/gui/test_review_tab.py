from __future__ import annotations

import pytest
from analysis_states import N_FRAMES, SHAPE, make_component, make_components, make_state
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from caiman_gui.core.activity import peak_frame
from caiman_gui.gui.tabs.review_tab import ReviewTab

Key = Qt.Key


@pytest.fixture
def empty_tab(ctx, qtbot):
    widget = ReviewTab(ctx)
    qtbot.addWidget(widget)
    widget.resize(1280, 720)
    widget.show()
    widget.activateWindow()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def tab(empty_tab, ctx, qtbot):
    ctx.document.reset(make_state(), None, None)
    qtbot.waitUntil(lambda: ctx.selection.current_id == 1)
    return empty_tab


def press(qtbot, tab, key, modifiers=Qt.KeyboardModifier.NoModifier):
    qtbot.keyClick(tab.table, key, modifiers)


def click_cell(tab, number, modifiers=Qt.KeyboardModifier.NoModifier):
    row, col = tab._by_id[number].center(SHAPE[1])
    tab.field.image.clicked.emit(int(row), int(col), modifiers)


def test_without_cells_the_way_to_them_is_offered(empty_tab, ctx, qtbot):
    with qtbot.waitSignal(empty_tab.requestTab) as signal:
        qtbot.mouseClick(empty_tab._empty.button, Qt.MouseButton.LeftButton)
    assert signal.args == ["load"]
    ctx.document.reset(make_state(with_components=False), None, None)
    with qtbot.waitSignal(empty_tab.requestTab) as signal:
        qtbot.mouseClick(empty_tab._empty.button, Qt.MouseButton.LeftButton)
    assert signal.args == ["extract"]
    press(qtbot, empty_tab, Key.Key_A)
    assert not ctx.document.state.labels


@pytest.mark.parametrize(
    ("key", "label"),
    [(Key.Key_A, "accept"), (Key.Key_G, "accept"), (Key.Key_R, "reject"), (Key.Key_B, "reject"),
     (Key.Key_Delete, "reject"), (Key.Key_U, "unsure")],
)  # fmt: skip
def test_a_key_decides_and_advances(tab, ctx, qtbot, key, label):
    press(qtbot, tab, key)
    assert dict(ctx.document.state.labels) == {1: label}
    assert ctx.selection.current_id == 2


def test_shift_and_the_switch_hold_the_place(tab, ctx, qtbot):
    press(qtbot, tab, Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    assert ctx.document.state.labels[1] == "reject"
    assert ctx.selection.current_id == 1
    qtbot.mouseClick(tab.decision.advance, Qt.MouseButton.LeftButton, pos=QPoint(8, 10))
    assert not ctx.settings.auto_advance
    press(qtbot, tab, Key.Key_A)
    assert ctx.selection.current_id == 1


def test_the_state_is_told_in_words_with_its_reason(tab, ctx, qtbot):
    assert "accepted automatically" in tab.decision.state_label.text()
    assert tab.decision.reason_label.text().startswith("SNR 3.0 above 2.5")
    press(qtbot, tab, Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    assert "rejected" in tab.decision.state_label.text()
    assert tab.decision.reason_label.text() == "Rejected by you"


def test_zero_clears_and_undo_brings_back(tab, ctx, qtbot):
    press(qtbot, tab, Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    press(qtbot, tab, Key.Key_0, Qt.KeyboardModifier.ShiftModifier)
    assert not ctx.document.state.labels
    ctx.document.undo_stack.undo()
    assert ctx.document.state.labels[1] == "reject"
    assert tab.table.rows.index(0, 1).data() == "rejected"
    ctx.document.undo_stack.undo()
    assert tab.table.rows.index(0, 1).data() == "accepted"


def test_arrows_move_in_the_order_of_the_table(tab, ctx, qtbot):
    press(qtbot, tab, Key.Key_Down)
    press(qtbot, tab, Key.Key_Right)
    assert ctx.selection.current_id == 3
    press(qtbot, tab, Key.Key_Up)
    assert ctx.selection.current_id == 2
    tab.queue.order.setCurrentIndex(tab.queue.order.findData("snr"))
    ids = tab.table.rows.shown_ids()
    place = ids.index(2)
    press(qtbot, tab, Key.Key_Left)
    assert ctx.selection.current_id == ids[place - 1]


def test_backspace_goes_back_to_the_last_decided(tab, ctx, qtbot):
    press(qtbot, tab, Key.Key_A)
    press(qtbot, tab, Key.Key_R)
    assert ctx.selection.current_id == 3
    press(qtbot, tab, Key.Key_Backspace)
    assert ctx.selection.current_id == 2
    press(qtbot, tab, Key.Key_Backspace)
    assert ctx.selection.current_id == 1


def test_deciding_in_a_filtered_table_goes_on_to_the_next_row(tab, ctx, qtbot):
    tab.queue.filter.setCurrentIndex(tab.queue.filter.findData("undecided"))
    press(qtbot, tab, Key.Key_A)
    assert ctx.selection.current_id == 2
    assert 1 not in tab.table.rows.shown_ids()
    assert "1 / 12 reviewed" in tab.decision.progress_label.text()


def test_slash_goes_to_a_number(tab, ctx, qtbot):
    press(qtbot, tab, Key.Key_Slash)
    assert tab.queue.number.hasFocus()
    qtbot.keyClicks(tab.queue.number, "9")
    qtbot.keyClick(tab.queue.number, Key.Key_Return)
    assert ctx.selection.current_id == 9
    assert tab.table.hasFocus()
    press(qtbot, tab, Key.Key_Slash)
    qtbot.keyClicks(tab.queue.number, "77")
    qtbot.keyClick(tab.queue.number, Key.Key_Return)
    assert ctx.selection.current_id == 9
    assert tab.queue.number.text() == "77"


def test_space_hides_outlines(tab, qtbot):
    press(qtbot, tab, Key.Key_Space)
    assert not tab.field.layer.is_shown
    press(qtbot, tab, Key.Key_Space)
    assert tab.field.layer.is_shown


@pytest.mark.parametrize("name", ["accept", "reject", "unsure"])
def test_buttons_do_the_same_as_keys(tab, ctx, qtbot, name):
    qtbot.mouseClick(tab.decision.buttons[name], Qt.MouseButton.LeftButton)
    assert ctx.document.state.labels[1] == name
    assert ctx.selection.current_id == 2


def test_clicks_on_the_image_select_and_control_adds(tab, ctx):
    click_cell(tab, 5)
    assert ctx.selection.component_ids == (5,)
    assert tab.table.currentIndex().row() == 4
    click_cell(tab, 7, Qt.KeyboardModifier.ControlModifier)
    assert set(ctx.selection.component_ids) == {5, 7}
    click_cell(tab, 7, Qt.KeyboardModifier.ShiftModifier)
    assert ctx.selection.component_ids == (5,)


def test_a_key_decides_on_all_selected(tab, ctx, qtbot):
    ctx.selection.select_many((4, 5, 6))
    press(qtbot, tab, Key.Key_R)
    assert set(ctx.document.state.labels) == {4, 5, 6}
    assert ctx.document.undo_stack.count() == 1


def test_thresholds_act_at_once_and_leave_labels_alone(tab, ctx, qtbot):
    ctx.document.set_labels([1], "accept")
    strip = tab.thresholds.rval.strip
    for slider, end in ((tab.thresholds.rval, 1.0), (tab.thresholds.snr, 5.35)):
        strip = slider.strip
        start = QPoint(round(strip.x_of(slider.high)), 20)
        qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=start)
        qtbot.mouseMove(strip, QPoint(round(strip.x_of(end)), 20))
        qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton)
    quality = ctx.document.state.params.quality
    assert quality.min_snr == pytest.approx(5.35, abs=0.1)
    assert quality.rval_thr == pytest.approx(1.0, abs=0.02)
    assert ctx.document.accepted_ids == (1, 11)
    assert "2 accepted" in tab.field.state_buttons["accepted"].text()
    tab.thresholds.snr.grab()


def test_the_trace_is_centred_on_the_highest_peak(tab, ctx):
    ctx.selection.select(4)
    rate = ctx.document.state.frame_rate_hz
    tab.trace.center_on(peak_frame(tab.current), 4.0)
    low, high = tab.trace.plot.getViewBox().viewRange()[0]
    assert low <= peak_frame(tab.current) / rate <= high
    assert [line.name for line in tab.trace.lines] == ["raw", "denoised", "activity"]
    assert tab.trace.n_frames == N_FRAMES


def test_a_like_neighbour_is_suggested_and_m_merges(tab, ctx, qtbot, monkeypatch):
    components = ctx.document.state.components
    twin = make_component(1, 12, 10, snr=4, rval=0.9)
    from dataclasses import replace

    twins = components.with_items((*components.items, replace(twin, id=13)), 14)
    ctx.document.reset(make_state().with_(components=twins), None, None)
    merged = []
    monkeypatch.setattr(ctx.workflow, "merge", lambda ids: merged.append(set(ids)))
    qtbot.waitUntil(lambda: ctx.selection.current_id == 1)
    assert "component 13" in tab.decision.suggestion_label.text()
    press(qtbot, tab, Key.Key_M)
    assert set(ctx.selection.component_ids) == {1, 13}
    assert merged == []
    press(qtbot, tab, Key.Key_M)
    assert merged == [{1, 13}]


def test_after_a_merge_the_new_component_is_selected(tab, ctx):
    from dataclasses import replace

    from caiman_gui.app.topics import Topic

    state = ctx.document.state
    rest = [item for item in state.components.items if item.id not in (4, 5)]
    made = replace(state.components.by_id(4), id=13, origin="merged", parents=(4, 5))
    ctx.selection.select_many((4, 5))
    merged = state.with_(components=state.components.with_items((*rest, made), 14))
    ctx.document.edit("Merge components", merged, Topic.COMPONENTS | Topic.LABELS)
    assert ctx.selection.current_id == 13
    assert tab.trace._title.text() == "Trace of component 13"
    ctx.document.undo_stack.undo()
    assert ctx.selection.current_id in state.components.ids


def test_deleting_every_component_shows_the_empty_state_until_undone(tab, ctx):
    ctx.document.delete_components(ctx.document.state.components.ids)
    assert tab.content.currentWidget() is tab._empty
    ctx.document.undo_stack.undo()
    assert tab.content.currentWidget() is tab._views
    assert ctx.selection.current_id in ctx.document.state.components.ids


def test_typing_a_number_decides_nothing(tab, ctx, qtbot):
    box = tab.thresholds.snr.boxes["high"]
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, "0")
    assert not ctx.document.state.labels


def test_selecting_among_a_thousand(tab, ctx, qtbot):
    many = make_components().with_items(
        (
            make_component(i, 6 + (i * 7) % 52, 6 + (i * 13) % 84, snr=i % 9, rval=0.9)
            for i in range(1, 1001)
        ),
        1001,
    )
    ctx.document.reset(make_state().with_(components=many), None, None)
    QApplication.sendPostedEvents()
    ctx.selection.select(400)
    tab.grab()
    ctx.selection.select(406)
    assert tab.table.currentIndex().row() == 405
