"""Several movies side by side: which are shown, and that they go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.gui.widgets.multi_player import MultiPlayer

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from caiman_gui.app.context import AppContext

N_FRAMES = 30


@pytest.fixture
def data() -> np.ndarray:
    return np.random.default_rng(0).normal(1000, 100, (N_FRAMES, 24, 36)).astype(np.uint16)


@pytest.fixture
def players(qtbot: QtBot, ctx: AppContext, data: np.ndarray) -> MultiPlayer:
    ctx.frames.set_movie("raw", ArrayMovie(data))
    ctx.selection.limit(N_FRAMES, ())
    found = MultiPlayer(ctx)
    qtbot.addWidget(found)
    found.resize(1200, 600)
    found.show()
    found.set_movie(N_FRAMES, 20.0)
    _wait(qtbot, found, 0)
    return found


def _wait(qtbot: QtBot, players: MultiPlayer, frame: int) -> None:
    shown = [pane for pane in players.panes if pane.isVisible()]
    qtbot.waitUntil(lambda: all(pane.movie.shown_frame == frame for pane in shown))


def _add_all(ctx: AppContext, data: np.ndarray) -> None:
    ctx.frames.set_movie("corrected", ArrayMovie(data))
    ctx.frames.set_movie("background", ArrayMovie(data))
    ctx.frames.set_movie("model", ArrayMovie(data.astype(np.float32) - 900))
    ctx.frames.set_movie("residual", ArrayMovie(data.astype(np.float32) - 1000))


def test_a_pane_appears_when_its_movie_does(
    qtbot: QtBot, players: MultiPlayer, ctx: AppContext, data: np.ndarray
) -> None:
    assert players.sources == ("raw",)
    assert not players.panes[0].close_button.isVisible()
    ctx.frames.set_movie("corrected", ArrayMovie(data))
    assert players.sources == ("raw", "corrected")
    _wait(qtbot, players, 0)
    ctx.frames.set_movie("corrected", None)
    assert players.sources == ("raw",)


def test_all_panes_show_the_same_frame(
    qtbot: QtBot, players: MultiPlayer, ctx: AppContext, data: np.ndarray
) -> None:
    _add_all(ctx, data)
    players.set_sources(("raw", "corrected", "model", "residual"))
    ctx.selection.set_frame(7)
    _wait(qtbot, players, 7)
    assert all(pane.movie.view.image is not None for pane in players.panes)
    players.panes[0].movie.view.center_on(10, 15, 6)
    rect = players.panes[3].movie.view.view.viewRect()
    assert rect.center().x() == pytest.approx(15, abs=0.2)
    assert rect.center().y() == pytest.approx(10, abs=0.2)


def test_only_what_exists_is_offered(
    qtbot: QtBot, players: MultiPlayer, ctx: AppContext, data: np.ndarray
) -> None:
    choice = players.panes[0].choice
    assert [choice.itemText(i) for i in range(choice.count())] == ["Raw"]
    assert not players.add_button.isEnabled()
    ctx.frames.set_movie("recorded", ArrayMovie(data[:5]))
    assert choice.count() == 1
    _add_all(ctx, data)
    assert [choice.itemText(i) for i in range(choice.count())] == [
        "Raw", "Corrected", "Model", "Background", "Residual",
    ]  # fmt: skip


def test_another_source_is_chosen(
    qtbot: QtBot, players: MultiPlayer, ctx: AppContext, data: np.ndarray
) -> None:
    _add_all(ctx, data)
    pane = players.panes[1]
    with qtbot.waitSignal(players.sourcesChanged) as told:
        pane.choice.setCurrentIndex(pane.choice.findData("residual"))
        pane.choice.activated.emit(pane.choice.currentIndex())
    assert told.args == [("raw", "residual")]
    _wait(qtbot, players, 0)
    low, high = pane.movie.view.levels
    assert low == -high
    raw_low, raw_high = players.panes[0].movie.view.levels
    assert high - low == pytest.approx(raw_high - raw_low)


def test_panes_are_added_and_closed(
    qtbot: QtBot, players: MultiPlayer, ctx: AppContext, data: np.ndarray
) -> None:
    _add_all(ctx, data)
    for n_panes in (3, 4):
        qtbot.mouseClick(players.add_button, Qt.MouseButton.LeftButton)
        assert len(players.sources) == n_panes
    assert players.sources == ("raw", "corrected", "model", "background")
    assert not players.add_button.isEnabled()
    players.add_pane()
    assert len(players.panes) == 4
    closed = players.panes[1]
    players.traces.tools[1].add(_rectangle())
    with qtbot.waitSignal(players.sourcesChanged):
        qtbot.mouseClick(closed.close_button, Qt.MouseButton.LeftButton)
    assert players.sources == ("raw", "model", "background")
    assert closed.isHidden()
    assert players.traces.tools[1].numbers == ()
    players.add_pane()
    assert players.sources == ("raw", "model", "background", "corrected")
    qtbot.waitUntil(lambda: not players.traces.reader.keys)


def test_frames_are_averaged_in_all_panes(
    qtbot: QtBot, players: MultiPlayer, ctx: AppContext, data: np.ndarray
) -> None:
    _add_all(ctx, data)
    _wait(qtbot, players, 0)
    box = players.panes[1].panel.average
    box.setCurrentIndex(box.findData(4))
    assert [pane.movie.averaging for pane in players.panes] == [(4, 0.0)] * 2
    assert players.panes[0].panel.average.currentData() == 4
    players.add_pane()
    assert players.panes[2].movie.averaging == (4, 0.0)
    _wait(qtbot, players, 0)


def test_panes_stand_where_pictures_are_largest(
    qtbot: QtBot, players: MultiPlayer, ctx: AppContext, data: np.ndarray
) -> None:
    _add_all(ctx, data)
    _wait(qtbot, players, 0)
    first, second = players.panes
    assert first.y() == second.y()
    players.resize(500, 900)
    qtbot.waitUntil(lambda: first.x() == second.x())


def test_traces_name_the_movie_they_are_from(
    qtbot: QtBot, players: MultiPlayer, ctx: AppContext, data: np.ndarray
) -> None:
    _add_all(ctx, data)
    _wait(qtbot, players, 0)
    for tools in players.traces.tools:
        tools.add(_rectangle())
    qtbot.waitUntil(lambda: not players.traces.reader.keys)
    text = players.traces.strip.legend.text()
    assert "Region 1 · Raw" in text
    assert "Region 1 · Corrected" in text
    assert players.traces.tools[0].color(1) != players.traces.tools[1].color(1)


def test_without_a_movie_there_is_one_empty_pane(qtbot: QtBot, ctx: AppContext) -> None:
    players = MultiPlayer(ctx)
    qtbot.addWidget(players)
    players.show()
    players.reload()
    assert players.sources == ("raw",)
    assert players.player.label.text() == "No movie"


def _rectangle():
    from caiman_gui.core.prepare.regions import Region

    return Region("exclude", "rectangle", ((3.5, 9.5), (7.5, 14.5)))
