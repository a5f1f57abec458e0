from __future__ import annotations

from dataclasses import replace

import pytest
from analysis_states import N_FRAMES, make_state
from PySide6.QtCore import QPointF, Qt

from caiman_gui.core.traces import process_traces
from caiman_gui.gui.tabs.traces_tab import TracesTab
from caiman_gui.pipeline.steps import step_key
from caiman_gui.project.model import StepRecord


def up_to_date(state):
    for name in ("summary", "sources", "quality", "traces"):
        if name in state.steps:
            steps = {**state.steps, name: StepRecord(step_key(name, state))}
            state = state.with_(steps=steps)
    return state


@pytest.fixture
def empty_tab(ctx, qtbot):
    widget = TracesTab(ctx)
    qtbot.addWidget(widget)
    widget.resize(1280, 720)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def tab(empty_tab, ctx, qtbot):
    ctx.document.reset(up_to_date(make_state()), None, None)
    qtbot.waitUntil(lambda: ctx.selection.current_id == 1 and bool(empty_tab.raster.ids))
    qtbot.waitUntil(lambda: not ctx.tasks.tasks)
    return empty_tab


def test_without_cells_the_way_to_them_is_offered(empty_tab, ctx, qtbot):
    ctx.document.reset(make_state(with_components=False), None, None)
    assert not empty_tab.run_button.isEnabled()
    with qtbot.waitSignal(empty_tab.requestTab) as signal:
        qtbot.mouseClick(empty_tab._empty.button, Qt.MouseButton.LeftButton)
    assert signal.args == ["extract"]


def test_plots_show_fluorescence_with_f0_dff_and_activity(tab):
    assert [line.name for line in tab.raw.lines] == ["raw + background", "F0"]
    assert [line.name for line in tab.relative.lines] == ["dF/F"]
    assert [line.role for line in tab.denoised.lines] == ["denoised", "activity"]
    assert tab.preview_label.text() == ""


def test_facts_are_told_in_words(tab):
    text = tab.facts.text()
    assert "Decay time constant 0.475 s" in text
    assert "2 events, 6 per minute" in text
    assert "Noise (standard deviation) 0.5" in text


def test_next_and_previous_step_through_accepted_cells(tab, ctx, qtbot):
    qtbot.mouseClick(tab.next_button, Qt.MouseButton.LeftButton)
    assert ctx.selection.current_id == 2
    qtbot.keyClick(tab, Qt.Key.Key_Right)
    assert ctx.selection.current_id == 4  # 3 is rejected
    qtbot.mouseClick(tab.previous_button, Qt.MouseButton.LeftButton)
    assert ctx.selection.current_id == 2


def test_a_changed_parameter_is_previewed_on_this_cell_only(tab, ctx, qtbot):
    state = ctx.document.state
    old = tab.current
    params = state.params.with_values({"traces": {"baseline_percentile": 50.0}})
    ctx.document.set_params(params)
    qtbot.waitUntil(lambda: tab.current is not old, timeout=30_000)
    expected = process_traces(
        state.components, params=params.traces, frame_rate_hz=20.0, is_one_photon=False,
        n_threads=1, only={1},
    ).by_id(1)  # fmt: skip
    assert tab.current.f0 == pytest.approx(expected.f0)
    assert "Preview" in tab.preview_label.text()
    assert ctx.document.state.components is state.components
    ctx.document.undo_stack.undo()
    assert tab.current is old
    assert tab.preview_label.text() == ""


def test_a_stale_preview_is_dropped(tab, ctx, qtbot):
    params = ctx.document.state.params
    ctx.document.set_params(params.with_values({"traces": {"baseline_percentile": 50.0}}))
    tab._settle.stop()
    tab._start_preview()
    first = tab._preview_task
    ctx.selection.select(4)
    tab._settle.stop()
    tab._start_preview()
    assert tab._preview_task is not first
    qtbot.waitUntil(lambda: tab._preview is not None, timeout=30_000)
    assert tab._preview.id == 4
    qtbot.waitUntil(lambda: not ctx.tasks.tasks)


def test_one_photon_says_why_there_is_no_dff(tab, ctx, qtbot):
    state = ctx.document.state
    params = state.params.with_values({"recording": {"kind": "one-photon"}})
    items = [replace(item, dff_kind="detrended") for item in state.components.items]
    state = state.with_(params=params, components=state.components.with_items(items))
    ctx.document.reset(up_to_date(state), None, None)
    qtbot.waitUntil(lambda: ctx.selection.current_id == 1)
    assert "one-photon" in tab.relative._title.text()
    assert tab.raw.lines[0].name == "raw"


def test_a_click_in_the_raster_selects_the_cell(tab, ctx, qtbot):
    assert tab.raster.ids == ctx.document.accepted_ids
    view = tab.raster.plot
    scene = view.getViewBox().mapViewToScene(QPointF(10.0, 3.5))
    place = view.mapFromScene(scene)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert ctx.selection.current_id == tab.raster.ids[3]
    assert ctx.selection.frame == pytest.approx(200, abs=4)
    assert tab.raw._cursor.value() == pytest.approx(10.0, abs=0.2)


def test_the_raster_follows_decisions(tab, ctx, qtbot):
    ctx.document.set_labels([1], "reject")
    qtbot.waitUntil(lambda: 1 not in tab.raster.ids)
    assert len(tab.raster.ids) == 7


def test_all_plots_share_the_time_window(tab, qtbot):
    tab.denoised.center_on(N_FRAMES // 2, 4.0)
    wanted = tab.denoised.plot.getViewBox().viewRange()[0]
    for plot in (tab.raw.plot, tab.relative.plot, tab.raster.plot):
        qtbot.waitUntil(
            lambda p=plot: p.getViewBox().viewRange()[0] == pytest.approx(wanted, abs=0.3)
        )
