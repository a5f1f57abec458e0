"""Places on a movie: clicked pixels and drawn regions, and their traces below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.prepare.regions import Region
from caiman_gui.gui.time_scale import TimeScale
from caiman_gui.gui.widgets.movie_view import MovieView
from caiman_gui.gui.widgets.trace_strip import TraceStrip

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from caiman_gui.app.context import AppContext
    from caiman_gui.gui.widgets.region_tools import RegionTools
    from caiman_gui.gui.widgets.trace_panel import TracePanel

SHAPE = (50, 32, 48)
RECTANGLE = Region("exclude", "rectangle", ((3.5, 9.5), (7.5, 14.5)))


@pytest.fixture
def data() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, SHAPE).astype(np.uint16)


@pytest.fixture
def movie(qtbot: QtBot, ctx: AppContext, data: np.ndarray) -> MovieView:
    ctx.frames.set_movie("raw", ArrayMovie(data))
    ctx.selection.limit(SHAPE[0], ())
    view = MovieView(ctx, "raw")
    qtbot.addWidget(view)
    view.resize(900, 700)
    view.show()
    view.activateWindow()
    view.set_movie(SHAPE[0], 20.0)
    qtbot.waitUntil(lambda: view.shown_frame == 0)
    return view


@pytest.fixture
def panel(movie: MovieView) -> TracePanel:
    assert movie.traces is not None
    return movie.traces


@pytest.fixture
def tools(panel: TracePanel) -> RegionTools:
    return panel.tools[0]


@pytest.fixture
def at_rest(qtbot: QtBot, panel: TracePanel) -> Callable[[], None]:
    """Return a function that waits until all traces are read."""
    return lambda: qtbot.waitUntil(lambda: not panel.reader.keys)


def _on_screen(movie: MovieView, row: float, col: float) -> QPoint:
    view = movie.view
    return view.mapFromScene(view.view.mapViewToScene(QPointF(col, row)))


def _drag(qtbot: QtBot, movie: MovieView, start: tuple[float, float], end: tuple[float, float]):
    port, button = movie.view.viewport(), Qt.MouseButton.LeftButton
    qtbot.mousePress(port, button, pos=_on_screen(movie, *start))
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    for place in (middle, end):
        qtbot.mouseMove(port, _on_screen(movie, *place))
    qtbot.mouseRelease(port, button, pos=_on_screen(movie, *end))


def test_a_click_shows_the_trace_of_the_pixel(
    qtbot: QtBot, movie: MovieView, panel: TracePanel, data: np.ndarray, at_rest
) -> None:
    assert not panel.isVisible()
    qtbot.mouseClick(
        movie.view.viewport(), Qt.MouseButton.LeftButton, pos=_on_screen(movie, 5.5, 20.5)
    )
    assert panel.isVisible()
    at_rest()
    np.testing.assert_array_equal(panel.strip.values((0, 0)), data[:, 5, 20])
    assert "Pixel 5, 20" in panel.strip.legend.text()
    assert not panel.strip.stop.isVisible()


def test_a_region_has_the_mean_of_its_pixels(
    panel: TracePanel, tools: RegionTools, data: np.ndarray, at_rest
) -> None:
    assert tools.add(RECTANGLE) == 1
    at_rest()
    expected = data[:, 4:8, 10:15].mean(axis=(1, 2))
    np.testing.assert_allclose(panel.strip.values((0, 1)), expected, rtol=1e-5)


@pytest.mark.parametrize("tool", ["rectangle", "ellipse", "freehand"])
def test_regions_are_drawn_with_the_mouse(
    qtbot: QtBot, movie: MovieView, panel: TracePanel, tools: RegionTools, tool: str, at_rest
) -> None:
    with qtbot.waitSignal(panel.toolTaken):
        qtbot.mouseClick(tools.buttons[tool], Qt.MouseButton.LeftButton)
    if tool == "freehand":
        port, button = movie.view.viewport(), Qt.MouseButton.LeftButton
        corners = [(4, 10), (4, 15), (8, 15), (8, 10)]
        qtbot.mousePress(port, button, pos=_on_screen(movie, *corners[0]))
        for corner in corners[1:]:
            qtbot.mouseMove(port, _on_screen(movie, *corner))
        qtbot.mouseRelease(port, button, pos=_on_screen(movie, *corners[-1]))
    else:
        _drag(qtbot, movie, (4, 10), (8, 15))
    assert tools.numbers == (1,)
    pixels = tools.pixels(1)
    assert 4 * SHAPE[2] + 12 in pixels
    assert len(pixels) == pytest.approx(np.pi * 5 if tool == "ellipse" else 20, abs=5)
    at_rest()
    assert (0, 1) in panel.strip.keys
    qtbot.keyClick(movie.view, Qt.Key.Key_Escape)
    assert not any(button.isChecked() for button in tools.buttons.values())
    assert tools.pen.tool == ""


def test_a_moved_region_is_read_again(
    qtbot: QtBot, movie: MovieView, panel: TracePanel, tools: RegionTools, data, at_rest
) -> None:
    tools.add(RECTANGLE)
    at_rest()
    before = tools.pixels(1)
    _drag(qtbot, movie, (6, 12), (16, 22))
    after = tools.pixels(1)
    assert after.size == before.size
    assert after.min() > before.min() + 2 * SHAPE[2]
    at_rest()
    expected = data.reshape(SHAPE[0], -1)[:, after].mean(axis=1)
    np.testing.assert_allclose(panel.strip.values((0, 1)), expected, rtol=1e-5)
    assert (0, 0) not in panel.strip.keys  # no click on a pixel


def test_regions_have_colours_and_can_be_deleted(
    qtbot: QtBot, movie: MovieView, panel: TracePanel, tools: RegionTools, at_rest
) -> None:
    for _ in range(3):
        tools.add(RECTANGLE)
    assert len({tools.color(number) for number in tools.numbers}) == 3
    tools.choose(2)
    movie.view.setFocus()
    qtbot.keyClick(movie.view, Qt.Key.Key_Delete)
    assert tools.numbers == (1, 3)
    assert panel.strip.keys == ((0, 1), (0, 3))
    tools.remove_chosen()
    tools.remove_chosen()
    tools.remove_chosen()
    assert tools.numbers == ()
    assert not panel.isVisible()
    at_rest()


def test_a_region_can_be_deleted_from_its_menu(
    qtbot: QtBot, movie: MovieView, tools: RegionTools, at_rest
) -> None:
    tools.add(RECTANGLE)
    tools.add(Region("exclude", "ellipse", ((10.0, 20.0), (20.0, 30.0))))
    item = tools._items[1]
    item.removeRequested.emit()
    assert tools.numbers == (2,)
    tools._items[2].removeAllRequested.emit()
    assert tools.numbers == ()
    at_rest()


def test_the_smallest_region_is_one_pixel(tools: RegionTools, at_rest) -> None:
    tools.add(Region("exclude", "rectangle", ((4.1, 6.1), (4.2, 6.2))))
    assert tools.pixels(1).tolist() == [4 * SHAPE[2] + 6]
    tools.add(Region("exclude", "rectangle", ((-14.1, 6.1), (-14.2, 6.2))))
    assert tools.pixels(2).tolist() == []
    at_rest()


def test_closing_deletes_everything(
    qtbot: QtBot, panel: TracePanel, tools: RegionTools, at_rest
) -> None:
    tools.add(RECTANGLE)
    qtbot.mouseClick(panel.strip.close_button, Qt.MouseButton.LeftButton)
    assert tools.numbers == ()
    assert panel.strip.keys == ()
    assert not panel.isVisible()
    at_rest()


def test_another_recording_forgets_the_places(
    ctx: AppContext, movie: MovieView, panel: TracePanel, tools: RegionTools, at_rest
) -> None:
    tools.add(RECTANGLE)
    ctx.frames.set_movie("raw", ArrayMovie(np.zeros(SHAPE, np.uint8)))
    movie.set_movie(SHAPE[0], 10.0)
    assert tools.numbers == ()
    assert not panel.isVisible()
    at_rest()


def test_another_source_is_read_for_the_same_places(
    qtbot: QtBot, ctx: AppContext, movie: MovieView, panel: TracePanel, tools, data, at_rest
) -> None:
    tools.add(RECTANGLE)
    at_rest()
    ctx.frames.set_movie("corrected", ArrayMovie(data + np.uint16(1000)))
    movie.set_source("corrected")
    at_rest()
    assert panel.strip.values((0, 1)).min() > 1000


# ---------------------------------------------------------------------- strip
@pytest.fixture
def strip(qtbot: QtBot) -> TraceStrip:
    strip = TraceStrip()
    qtbot.addWidget(strip)
    strip.resize(600, 160)
    strip.show()
    strip.set_scale(TimeScale(100, 10.0))
    return strip


def test_a_click_on_a_trace_goes_to_its_frame(qtbot: QtBot, strip: TraceStrip) -> None:
    strip.set_trace("a", "Region 1", "#ff0000", np.arange(100, dtype=np.float32))
    strip.grab()
    box = strip.plot.plotItem.vb
    place = strip.plot.mapFromScene(box.mapViewToScene(QPointF(4.02, 50)))
    with qtbot.waitSignal(strip.frameChosen) as told:
        qtbot.mouseClick(strip.plot.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert told.args == [40]
    strip.set_frame(40)
    assert "Region 1 40" in strip.legend.text()


def test_what_is_not_read_yet_is_bridged(strip: TraceStrip) -> None:
    values = np.full(100, np.nan, np.float32)
    values[::10] = 5
    strip.set_trace("a", "Region 1", "#ff0000", values)
    x, _ = strip.plot.plotItem.listDataItems()[0].getData()
    np.testing.assert_allclose(x, np.arange(0, 10, 1.0))
    strip.set_frame(3)
    assert strip.legend.text().endswith("Region 1")
    strip.remove("a")
    strip.remove("a")
    assert strip.keys == ()


def test_reading_can_be_stopped(qtbot: QtBot, strip: TraceStrip) -> None:
    strip.set_progress(0.45)
    assert strip.state.text() == "Reading … 45 %"
    with qtbot.waitSignal(strip.stopRequested):
        qtbot.mouseClick(strip.stop, Qt.MouseButton.LeftButton)
    strip.set_progress(None)
    assert strip.state.text() == ""
