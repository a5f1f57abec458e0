from __future__ import annotations

import numpy as np
import pyqtgraph as pg
import pytest
from analysis_states import SHAPE, make_component, make_components

from caiman_gui.core.quality import decide
from caiman_gui.gui.widgets.contours import outline, trace_outline
from caiman_gui.gui.widgets.footprint_layer import FootprintLayer, PixelIndex, state_of, to_path
from caiman_gui.params.quality import QualityParams


@pytest.fixture
def layer(qtbot):
    view = pg.GraphicsView()
    qtbot.addWidget(view)
    box = pg.ViewBox()
    view.setCentralItem(box)
    layer = FootprintLayer(box, view)
    layer.view = view  # keeps the scene alive for the test
    return layer


def decisions(components, labels=None):
    return decide(components, params=QualityParams(), labels=labels or {})


def test_outline_of_a_disk_has_its_radius_and_centre():
    rows, cols = np.mgrid[0:64, 0:96]
    inside = np.hypot(rows - 30, cols - 40) <= 8
    pixels = (rows * 96 + cols)[inside].astype(np.int32)
    points = trace_outline(pixels, np.ones(pixels.size, np.float32), 96)
    points = points[~np.isnan(points[:, 0])]
    radius = np.hypot(points[:, 0] - 40.5, points[:, 1] - 30.5)
    assert np.abs(radius - 8.4).max() < 0.8


def test_outline_at_the_border_and_of_two_pieces_is_closed():
    pixels = np.array([0, 1, 96, 97, 3000, 3001, 3096, 3097], np.int32)
    points = trace_outline(pixels, np.ones(8, np.float32), 96)
    breaks = np.flatnonzero(np.isnan(points[:, 0]))
    assert len(breaks) == 2
    np.testing.assert_array_equal(points[0], points[breaks[0] - 1])
    assert np.nanmin(points) >= -1


@pytest.mark.parametrize("weights", [np.zeros(0), np.zeros(3)])
def test_nothing_to_outline_gives_no_points(weights):
    pixels = np.arange(weights.size, dtype=np.int32)
    assert trace_outline(pixels, weights.astype(np.float32), 96).shape == (0, 2)
    assert to_path(np.zeros((0, 2), np.float32)).isEmpty()


def test_outline_is_found_once_per_component():
    item = make_component(1, 20, 20, snr=5, rval=0.9)
    assert outline(item, SHAPE[1]) is outline(item, SHAPE[1])


def test_hit_prefers_the_heavier_footprint_then_the_nearest_centre():
    components = make_components(4)
    first, second = components.items[0], components.items[1]
    index = PixelIndex(components)
    row, col = first.center(SHAPE[1])
    assert index.at(row, col) == first.id
    row, col = second.center(SHAPE[1])
    assert index.at(row + 1, col) == second.id
    assert index.at(row + 8, col) == second.id  # beside its footprint, within reach
    assert index.at(63, 95) is None


def test_hit_without_components_is_none(layer):
    assert layer.hit(3, 3) is None
    layer.set_components(make_components(0), {})
    assert layer.hit(3, 3) is None


def test_each_state_has_its_own_path_and_labels_move_outlines(layer):
    components = make_components(6)
    layer.set_components(components, decisions(components))
    assert layer.counts() == {"accepted": 4, "rejected": 2, "unsure": 0}
    layer.set_decisions(decisions(components, {1: "reject", 2: "unsure", 3: "accept"}))
    assert layer.counts() == {"accepted": 3, "rejected": 2, "unsure": 1}
    assert [key for key, ids in layer._drawn.items() if 2 in ids] == [("unsure", layer._tiles[2])]


def test_space_hides_outlines_but_not_the_current_one(layer):
    components = make_components(6)
    layer.set_components(components, decisions(components))
    layer.set_current(2, (2, 3))
    layer.set_shown(False)
    assert not any(item.isVisible() for item in layer._paths.values())
    assert layer._current_path.isVisible()
    assert not layer._current_path.path().isEmpty()
    layer.set_shown(True)
    layer.set_state_shown("rejected", False)
    shown = {state for (state, _), item in layer._paths.items() if item.isVisible()}
    assert shown == {"accepted"}


def test_state_of_a_component_nobody_measured_is_accepted():
    assert state_of(None) == "accepted"


def test_a_decision_draws_only_its_surroundings_again(layer):
    components = make_components(12)
    layer.set_components(components, decisions(components))
    before = {key: item.path() for key, item in layer._paths.items()}
    layer.set_decisions(decisions(components, {1: "reject"}))
    changed = {key for key, item in layer._paths.items() if item.path() != before.get(key)}
    tile = layer._tiles[1]
    assert changed == {("accepted", tile), ("rejected", tile)}
    assert sum(len(item.path().toSubpathPolygons()) for item in layer._paths.values()) == 12
