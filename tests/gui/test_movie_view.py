"""A movie with its player: what keys, buttons and the timeline do to the shared frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt

from caiman_gui.app.selection import Selection
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.errors import InputError
from caiman_gui.gui.widgets.movie_view import MovieView

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from caiman_gui.app.context import AppContext
    from caiman_gui.gui.widgets.player_bar import PlayerBar

N_FRAMES = 40


def make_movie(n_frames: int = N_FRAMES) -> np.ndarray:
    """Frames of 32 x 48 px whose mean rises by one from frame to frame."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 50, (1, 32, 48)) + np.arange(n_frames)[:, None, None]
    return noise.astype(np.uint16)


@pytest.fixture
def player(qtbot: QtBot, ctx: AppContext) -> MovieView:
    ctx.frames.set_movie("raw", ArrayMovie(make_movie()))
    ctx.selection.limit(N_FRAMES, ())
    view = MovieView(ctx, "raw", "Raw")
    qtbot.addWidget(view)
    view.resize(900, 500)
    view.show()
    view.set_movie(N_FRAMES, 20.0)
    qtbot.waitUntil(lambda: view.shown_frame == 0)
    return view


@pytest.fixture
def bar(player: MovieView) -> PlayerBar:
    assert player.player is not None
    player.activateWindow()
    player.view.setFocus()
    return player.player


def _key(qtbot: QtBot, player: MovieView, *keys: object) -> None:
    for key in keys:
        qtbot.keyClick(player.view, key)  # type: ignore[arg-type]


def test_the_first_frame_is_shown(player: MovieView, bar: PlayerBar) -> None:
    assert player.view.image is not None
    assert player.view.image.shape == (32, 48)
    assert bar.label.text() == "frame 1 of 40"
    assert bar.place.text() == "0.00 s"


def test_the_timeline_moves_the_shared_frame(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    bar.timeline.setFocus()
    qtbot.keyClick(bar.timeline, Qt.Key.Key_End)
    assert ctx.selection.frame == 39
    qtbot.waitUntil(lambda: player.shown_frame == 39)
    assert bar.label.text() == "frame 40 of 40"
    assert bar.place.text() == "1.95 s"


def test_step_buttons_stop_at_the_ends(qtbot: QtBot, bar: PlayerBar, ctx: AppContext) -> None:
    qtbot.mouseClick(bar.back, Qt.MouseButton.LeftButton)
    assert ctx.selection.frame == 0
    qtbot.mouseClick(bar.forward, Qt.MouseButton.LeftButton)
    assert ctx.selection.frame == 1
    ctx.selection.set_frame(39)
    qtbot.mouseClick(bar.forward, Qt.MouseButton.LeftButton)
    assert ctx.selection.frame == 39


def test_keys_step(qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext) -> None:
    steps = [
        (Qt.Key.Key_Right, 1), (Qt.Key.Key_PageDown, 11), (Qt.Key.Key_Left, 10),
        (Qt.Key.Key_PageUp, 0), (Qt.Key.Key_End, 39), (Qt.Key.Key_Home, 0),
    ]  # fmt: skip
    for key, frame in steps:
        _key(qtbot, player, key)
        assert ctx.selection.frame == frame
    qtbot.keyClick(player.view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert ctx.selection.frame == 10


def test_space_plays_and_pauses(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    _key(qtbot, player, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: bar.is_playing)
    qtbot.waitUntil(lambda: ctx.selection.frame > 2, timeout=3_000)
    _key(qtbot, player, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not bar.is_playing)


def test_playing_stops_when_hidden(qtbot: QtBot, player: MovieView, bar: PlayerBar) -> None:
    qtbot.mouseClick(bar.play, Qt.MouseButton.LeftButton)
    assert bar.is_playing
    player.hide()
    assert not bar.is_playing


def test_a_range_is_played_again_and_again(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    with qtbot.waitSignal(bar.rangeChanged) as told:
        ctx.selection.set_frame(10)
        _key(qtbot, player, "i")
    assert told.args == [10, 39]
    ctx.selection.set_frame(14)
    _key(qtbot, player, "o")
    assert bar.playback.range == (10, 14)
    _key(qtbot, player, Qt.Key.Key_Home)
    assert ctx.selection.frame == 10
    bar.speed.setCurrentIndex(bar.speed.findText("8×"))
    seen: list[int] = []
    ctx.selection.frameChanged.connect(seen.append)
    bar.playback.toggle()
    qtbot.waitUntil(lambda: seen.count(10) >= 2, timeout=3_000)
    bar.stop()
    assert set(seen) <= {10, 11, 12, 13, 14}


def test_playing_goes_on_from_where_somebody_went(
    qtbot: QtBot, bar: PlayerBar, ctx: AppContext
) -> None:
    bar.speed.setCurrentIndex(bar.speed.findText("0.1×"))
    bar.playback.toggle()
    ctx.selection.set_frame(20)
    seen: list[int] = []
    ctx.selection.frameChanged.connect(seen.append)
    qtbot.waitUntil(lambda: bool(seen), timeout=3_000)
    bar.stop()
    assert seen[0] == 21


def test_without_the_loop_it_stops_at_the_end(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    bar.set_range(0, 5)
    bar.loop.setChecked(False)
    bar.speed.setCurrentIndex(bar.speed.findText("64×"))
    ctx.selection.set_frame(30)
    bar.playback.toggle()
    qtbot.waitUntil(lambda: not bar.is_playing, timeout=3_000)
    assert ctx.selection.frame == 39
    bar.playback.toggle()
    assert ctx.selection.frame == 0
    bar.stop()


def test_every_frame_is_shown_if_wanted(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    seen: list[int] = []
    player.frameShown.connect(seen.append)
    bar.speed.setCurrentIndex(bar.speed.findText("All frames"))
    bar.loop.setChecked(False)
    bar.playback.toggle()
    qtbot.waitUntil(lambda: not bar.is_playing, timeout=5_000)
    qtbot.waitUntil(lambda: bool(seen) and seen[-1] == 39)
    assert seen == list(range(1, 40))


def test_a_place_can_be_typed(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    _key(qtbot, player, "/")
    assert bar.place.hasFocus()
    qtbot.keyClicks(bar.place, "1.5 s")
    qtbot.keyClick(bar.place, Qt.Key.Key_Return)
    assert ctx.selection.frame == 30
    assert not bar.place.hasFocus()
    bar.place.setFocus()
    bar.place.setText("soon")
    qtbot.keyClick(bar.place, Qt.Key.Key_Return)
    assert bar.place.property("invalid")
    assert ctx.selection.frame == 30
    qtbot.keyClick(bar.place, Qt.Key.Key_Escape)
    assert bar.place.text() == "1.50 s"
    assert not bar.place.property("invalid")


def test_contrast_is_found_again(qtbot: QtBot, player: MovieView, bar: PlayerBar) -> None:
    automatic = player.view.levels
    player.view.set_levels(3, 4)
    qtbot.mouseClick(bar.auto, Qt.MouseButton.LeftButton)
    assert player.view.levels == automatic


def test_without_a_movie_nothing_can_be_pressed(qtbot: QtBot, ctx: AppContext) -> None:
    view = MovieView(ctx)
    qtbot.addWidget(view)
    view.show()
    view.reload()
    bar = view.player
    assert bar is not None
    assert bar.label.text() == "No movie"
    assert not bar.play.isEnabled()
    assert not bar.timeline.isEnabled()
    bar.playback.toggle()
    assert not bar.is_playing
    assert view.view.image is None


def test_a_narrow_player_leaves_room_for_the_timeline(
    qtbot: QtBot, player: MovieView, bar: PlayerBar
) -> None:
    player.resize(480, 400)
    qtbot.waitUntil(lambda: bar.label.text() == "1 of 40")
    assert player.width() < 500  # a few px more with the larger font of some systems
    assert bar.timeline.width() > 440
    player.resize(1000, 400)
    qtbot.waitUntil(lambda: bar.label.text() == "frame 1 of 40")


def test_a_player_can_have_a_place_of_its_own(qtbot: QtBot, ctx: AppContext) -> None:
    own = Selection()
    own.limit(10, ())
    ctx.frames.set_movie("recorded", ArrayMovie(make_movie(10)))
    view = MovieView(ctx, "recorded", selection=own)
    qtbot.addWidget(view)
    view.show()
    view.set_movie(10, 20.0, np.array([0.0, 0.05, 0.1, 2, 3, 4, 5, 6, 7, 8]))
    own.set_frame(3)
    qtbot.waitUntil(lambda: view.shown_frame == 3)
    assert ctx.selection.frame == 0
    assert view.player is not None
    assert view.player.place.text() == "2.00 s"


def test_frames_are_averaged_only_for_looking(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    assert bar.display is not None
    panel = bar.display.panel
    ctx.selection.set_frame(20)
    qtbot.waitUntil(lambda: player.shown_frame == 20)
    panel.average.setCurrentIndex(panel.average.findData(4))
    qtbot.waitUntil(lambda: player.view.image.dtype == np.float32)
    expected = make_movie()[18:22].mean(axis=0)
    np.testing.assert_allclose(player.view.image, expected, rtol=1e-6)
    assert player.view.title() == "Raw · mean of 4 frames"
    panel.average.setCurrentIndex(0)
    qtbot.waitUntil(lambda: player.view.image.dtype == np.uint16)
    assert player.view.title() == "Raw"
    assert player.averaging == (1, 0.0)


def test_another_source_is_shown(qtbot: QtBot, player: MovieView, ctx: AppContext) -> None:
    ctx.frames.set_movie("corrected", ArrayMovie(make_movie() + np.uint16(500)))
    with qtbot.waitSignal(player.sourceSwitched):
        player.set_source("corrected")
    qtbot.waitUntil(lambda: player.shown_frame == 0)
    assert player.view.image.min() >= 500
    ctx.frames.set_movie("corrected", ArrayMovie(make_movie() + np.uint16(900)))
    qtbot.waitUntil(lambda: player.view.image.min() >= 900)


def test_other_times_of_the_same_movie_keep_what_was_chosen(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    player.view.set_levels(3, 4)
    bar.set_range(5, 9)
    assert player.traces is not None
    player.view.clicked.emit(3, 4, None)
    qtbot.waitUntil(lambda: not player.traces.reader.keys)
    player.set_movie(N_FRAMES, 10.0)
    ctx.selection.set_frame(7)
    qtbot.waitUntil(lambda: player.shown_frame == 7)
    assert player.view.levels == (3, 4)
    assert bar.playback.range == (5, 9)
    assert bar.place.text() == "0.70 s"
    assert player.traces.strip.keys == ((0, 0),)
    ctx.frames.set_movie("raw", ArrayMovie(make_movie()))
    player.set_movie(N_FRAMES, 10.0)
    assert bar.playback.range == (0, 39)
    assert player.traces.strip.keys == ()
    qtbot.waitUntil(lambda: player.shown_frame == 7)
    assert player.view.levels != (3, 4)


def test_space_presses_the_button_that_has_the_focus(qtbot: QtBot, bar: PlayerBar) -> None:
    bar.loop.setFocus()
    qtbot.keyClick(bar.loop, Qt.Key.Key_Space)
    assert not bar.loop.isChecked()
    assert not bar.is_playing
    bar.play.setFocus()
    qtbot.keyClick(bar.play, Qt.Key.Key_Space)
    assert bar.is_playing
    bar.stop()


def test_keys_within_the_display_panel_are_its_own(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    _key(qtbot, player, "c")
    assert bar.display is not None
    panel = bar.display.panel
    assert panel.isVisible()
    panel.gamma.setFocus()
    qtbot.keyClick(panel.gamma, Qt.Key.Key_PageUp)
    assert player.view.gamma > 1
    assert ctx.selection.frame == 0
    panel.hide()


def test_keys_work_on_after_a_place_was_typed(
    qtbot: QtBot, player: MovieView, bar: PlayerBar, ctx: AppContext
) -> None:
    for end in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        ctx.selection.set_frame(0)
        qtbot.waitUntil(lambda: player.view.hasFocus() or bar.timeline.hasFocus())
        qtbot.keyClick(player.view, "/")
        assert bar.place.hasFocus()
        qtbot.keyClicks(bar.place, "0.5")
        qtbot.keyClick(bar.place, end)
        frame = ctx.selection.frame
        assert frame == (10 if end == Qt.Key.Key_Return else 0)
        focused = bar.window().focusWidget()
        assert focused is not None
        qtbot.keyClick(focused, Qt.Key.Key_Right)
        assert ctx.selection.frame == frame + 1


def test_no_other_picture_stands_for_a_frame_that_cannot_be_read(
    qtbot: QtBot, player: MovieView, ctx: AppContext
) -> None:
    class Torn(ArrayMovie):
        def frames(self, start: int, stop: int) -> np.ndarray:
            if stop > 20:
                raise InputError("The file ends too early", "It holds 20 frames.")
            return super().frames(start, stop)

    ctx.frames.set_movie("raw", Torn(make_movie()))
    qtbot.waitUntil(lambda: player.shown_frame == 0)
    ctx.selection.set_frame(30)
    qtbot.waitUntil(lambda: player.view.image is None)
    assert player.shown_frame is None
    assert player.view.title() == "Raw · frame 31 cannot be read"
    ctx.selection.set_frame(4)
    qtbot.waitUntil(lambda: player.shown_frame == 4)
    assert player.view.title() == "Raw"
