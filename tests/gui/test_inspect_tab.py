from __future__ import annotations

import pytest
from analysis_states import make_components, make_state
from PySide6.QtCore import QPoint, Qt

from caiman_gui.gui.tabs.inspect_tab import InspectTab


@pytest.fixture
def tab(ctx, qtbot):
    widget = InspectTab(ctx)
    qtbot.addWidget(widget)
    widget.resize(1280, 720)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def filled(tab, ctx, qtbot):
    ctx.document.reset(make_state(with_components=False), None, None)
    qtbot.waitUntil(lambda: tab.n_seeds > 0, timeout=30_000)
    qtbot.waitUntil(lambda: not ctx.tasks.tasks)
    return tab


def drag(qtbot, strip, start, end, steps=5):
    first, last = strip.x_of(start), strip.x_of(end)
    places = [QPoint(round(first + (last - first) * i / steps), 20) for i in range(steps + 1)]
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places[1:]:
        qtbot.mouseMove(strip, place)
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=places[-1])


def test_without_a_movie_the_way_to_one_is_offered(tab, qtbot):
    assert "No movie" in tab._empty.title_label.text()
    with qtbot.waitSignal(tab.requestTab) as signal:
        qtbot.mouseClick(tab._empty.button, Qt.MouseButton.LeftButton)
    assert signal.args == ["load"]


def test_without_images_the_button_computes_them(tab, ctx, qtbot, monkeypatch):
    asked = []
    monkeypatch.setattr(ctx.workflow, "run", lambda steps: asked.append(tuple(steps)))
    state = make_state(with_components=False)
    ctx.document.reset(state.with_(summary=None, steps={}), None, None)
    assert tab._empty.button.text() == "Compute summary images"
    qtbot.mouseClick(tab._empty.button, Qt.MouseButton.LeftButton)
    assert asked == [("summary",)]


def test_images_seeds_and_count_are_shown(filled):
    assert filled.content.currentWidget() is filled._views
    assert filled.count_label.text() == f"{filled.n_seeds} seeds"
    assert len(filled.pnr.seeds.points()) == filled.n_seeds


def test_dragging_a_threshold_moves_seeds_live_and_is_one_undo_step(filled, ctx, qtbot):
    before = filled.n_seeds
    drag(qtbot, filled.correlation.slider.strip, 0.0, 0.3)
    params = ctx.document.state.params
    assert params.sources.min_corr == pytest.approx(0.3, abs=0.03)
    assert filled.n_seeds < before
    assert filled.correlation.tint.isVisible()
    assert ctx.document.undo_stack.count() == 1
    ctx.document.undo_stack.undo()
    assert filled.n_seeds == before
    assert filled.correlation.slider.low == 0.0


def test_a_number_typed_in_the_form_moves_the_handle(filled, ctx, qtbot):
    editor = filled.form.editor("min_pnr")
    editor.setFocus()
    editor.selectAll()
    qtbot.keyClicks(editor, "9.5")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert ctx.document.state.params.sources.min_pnr == 9.5
    assert filled.pnr.slider.low == 9.5


def test_suggested_thresholds_leave_one_seed_per_cell(filled, ctx, qtbot):
    qtbot.mouseClick(filled.suggest_button, Qt.MouseButton.LeftButton)
    sources = ctx.document.state.params.sources
    assert sources.min_corr > 0.05
    assert sources.min_pnr > 4
    assert filled.n_seeds == len(make_components())
    assert ctx.document.undo_stack.count() == 1
    qtbot.mouseClick(filled.clear_button, Qt.MouseButton.LeftButton)
    assert ctx.document.state.params.sources.min_corr == 0


def test_the_circle_shows_and_sets_the_diameter(filled, ctx):
    assert filled.circle.diameter_px == 10.0
    filled.circle.roi.setSize((14.2, 14.2))
    filled.circle.roi.sigRegionChangeFinished.emit(filled.circle.roi)
    assert ctx.document.state.params.sources.neuron_diameter_px == 14.0
    assert filled.circle.diameter_px == 14.0


def test_images_share_zoom(filled, qtbot):
    filled.pnr.image.center_on(20, 25, 10)
    height, width = filled.pnr.image.image.shape
    shares = []
    for panel in (filled.correlation, filled.pnr, filled.third):
        seen = panel.image.view.viewRect()
        assert (seen.center().x(), seen.center().y()) == pytest.approx((25, 20), abs=0.01)
        shares.append(min(seen.width() / width, seen.height() / height))
    assert shares == pytest.approx([shares[1]] * 3)
    assert shares[1] < 0.5


def test_images_are_laid_out_by_their_shape(filled):
    outer, inner = filled._splitters
    row, column = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
    for shape, wanted in (
        ((64, 64), (row, column)),
        ((200, 3000), (column, column)),
        ((300, 100), (row, row)),
    ):
        filled._arrange(shape)
        assert (outer.orientation(), inner.orientation()) == wanted


def test_third_image_can_be_chosen(filled, qtbot):
    filled.third_choice.setFocus()
    qtbot.keyClick(filled.third_choice, Qt.Key.Key_Down)
    assert filled.third_choice.currentData() == "max"
    assert filled.third.image.levels[1] > 200


def test_pointed_pixel_is_told(filled):
    filled.pnr.image.hovered.emit(10, 8, 24.0)
    assert "Row 10, column 8: correlation 0.8" in filled.value_label.text()
