from __future__ import annotations

import numpy as np
import pytest
from analysis_states import SHAPE, make_state
from PySide6.QtCore import Qt

from caiman_gui.gui.tabs.extract_tab import ExtractTab
from caiman_gui.pipeline.steps import step_key
from caiman_gui.project.model import StepRecord


@pytest.fixture
def tab(ctx, qtbot):
    widget = ExtractTab(ctx)
    qtbot.addWidget(widget)
    widget.resize(1280, 720)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def asked(ctx, monkeypatch):
    steps = []
    monkeypatch.setattr(ctx.workflow, "run", lambda names: steps.append(tuple(names)))
    return steps


def test_empty_states_lead_on(tab, ctx, qtbot, asked):
    with qtbot.waitSignal(tab.requestTab) as signal:
        qtbot.mouseClick(tab._empty.button, Qt.MouseButton.LeftButton)
    assert signal.args == ["load"]
    state = make_state(with_components=False).with_(summary=None, steps={})
    ctx.document.reset(state, None, None)
    assert tab._empty.button.text() == "Find cells"
    qtbot.mouseClick(tab._empty.button, Qt.MouseButton.LeftButton)
    assert asked == [("summary", "sources", "quality", "traces")]


def test_run_leaves_out_images_that_are_up_to_date(tab, ctx, qtbot, asked):
    state = make_state(with_components=False)
    state = state.with_(steps={"summary": StepRecord(step_key("summary", state))})
    ctx.document.reset(state, None, None)
    qtbot.mouseClick(tab.run_button, Qt.MouseButton.LeftButton)
    assert asked == [("sources", "quality", "traces")]


def test_centres_appear_while_it_runs(tab, ctx):
    ctx.document.reset(make_state(with_components=False), None, None)
    ctx.workflow.centresFound.emit(np.array([[10, 10], [20, 30.0]]))
    assert tab.field.n_centres == 2
    assert tab.count_label.text() == "2 so far"
    ctx.workflow.runFinished.emit(True)
    assert tab.field.n_centres == 0


def test_result_is_told_in_numbers(tab, ctx):
    ctx.document.reset(make_state(), None, None)
    assert tab.count_label.text() == "12 components"
    assert "8 accepted, 4 rejected" in tab.split_label.text()
    cells = [tab.runs.item(0, column).text() for column in range(5)]
    assert cells == ["1  (shown)", "12", "8", "4", "12.3"]


def test_runs_are_kept_side_by_side_and_counts_follow_labels(tab, ctx):
    first = make_state()
    ctx.document.reset(first, None, None)
    steps = {**first.steps, "sources": StepRecord("other", seconds=3.0)}
    from caiman_gui.app.topics import Topic

    second = first.with_(steps=steps, components=make_state(6).components)
    ctx.document.edit("Sources", second, Topic.COMPONENTS | Topic.STEPS)
    assert tab.runs.rowCount() == 2
    assert tab.runs.item(1, 0).text() == "2  (shown)"
    ctx.document.set_labels([1], "reject")
    assert tab.runs.item(1, 2).text() == "3"
    assert tab.runs.item(0, 2).text() == "8"


def test_a_click_on_a_cell_selects_it(tab, ctx, qtbot):
    ctx.document.reset(make_state(), None, None)
    item = ctx.document.state.components.items[3]
    row, col = item.center(SHAPE[1])
    tab.field.image.clicked.emit(int(row), int(col), Qt.KeyboardModifier.NoModifier)
    assert ctx.selection.current_id == item.id
    assert not tab.field.layer._current_path.path().isEmpty()


def test_backgrounds_and_states_can_be_switched(tab, ctx, qtbot):
    ctx.document.reset(make_state(), None, None)
    qtbot.mouseClick(tab.field.background_buttons["mean"], Qt.MouseButton.LeftButton)
    assert tab.field.image.image is ctx.document.state.summary.mean
    qtbot.mouseClick(tab.field.state_buttons["rejected"], Qt.MouseButton.LeftButton)
    paths = tab.field.layer._paths.items()
    assert {state for (state, _), item in paths if item.isVisible()} == {"accepted"}


def test_closing_the_movie_empties_the_tab(tab, ctx):
    ctx.document.reset(make_state(), None, None)
    ctx.document.reset(type(ctx.document.state)(), None, None)
    assert tab.content.currentWidget() is tab._empty
    assert tab.count_label.text() == "–"


def test_model_and_movie_are_compared_side_by_side(tab, ctx, qtbot):
    ctx.document.reset(make_state(), None, None)
    assert tab.players() == ((), None)
    qtbot.mouseClick(tab.switch.buttons[1], Qt.MouseButton.LeftButton)
    assert tab.pages.currentWidget() is tab.movies
    qtbot.waitUntil(lambda: "model" in tab.movies.sources)
    movies, player = tab.players()
    assert player is tab.movies.player
    model = next(movie for movie in movies if movie.source == "model")
    qtbot.waitUntil(lambda: model.shown_frame == 0)
    components = ctx.document.state.components
    expected = components.footprints().T @ components.matrix("trace")[:, 0]
    np.testing.assert_allclose(model.view.image, expected.reshape(SHAPE), rtol=1e-4, atol=1e-5)
