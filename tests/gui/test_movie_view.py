"""Image, player, and the movie that follows the shared frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from caiman_gui.gui.widgets.image_view import ImageView, contrast_limits
from caiman_gui.gui.widgets.movie_view import MovieView

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from caiman_gui.app.context import AppContext


@pytest.fixture
def image(qtbot: QtBot) -> ImageView:
    view = ImageView("Mean")
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    view.set_image(np.arange(20 * 30, dtype=np.float32).reshape(20, 30))
    return view


def _on_screen(view: ImageView, row: float, col: float) -> QPoint:
    from PySide6.QtCore import QPointF

    return view.mapFromScene(view.view.mapViewToScene(QPointF(col + 0.5, row + 0.5)))


@pytest.fixture
def player(
    qtbot: QtBot, ctx: AppContext, movie_file: Path, open_movie: Callable[[Path], None]
) -> MovieView:
    open_movie(movie_file)
    view = MovieView(ctx, "raw", "Raw")
    qtbot.addWidget(view)
    view.resize(900, 400)
    view.show()
    view.reload()
    qtbot.waitUntil(lambda: view.shown_frame == 0)
    return view


def test_contrast_ignores_a_hot_pixel() -> None:
    image = np.full((100, 100), 10.0)
    image[:, :50] = 20.0
    image[0, 0] = 1e6
    assert contrast_limits(image) == (10.0, 20.0)


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_contrast_of_a_constant_image_is_a_range(value: float) -> None:
    low, high = contrast_limits(np.full((10, 10), value))
    assert low < high


def test_a_click_tells_the_pixel(qtbot: QtBot, image: ImageView) -> None:
    with qtbot.waitSignal(image.clicked) as seen:
        qtbot.mouseClick(image.viewport(), Qt.MouseButton.LeftButton, pos=_on_screen(image, 4, 17))
    assert seen.args[:2] == [4, 17]


def test_moving_over_it_tells_the_value(qtbot: QtBot, image: ImageView) -> None:
    with qtbot.waitSignal(image.hovered) as seen:
        qtbot.mouseMove(image.viewport(), _on_screen(image, 5, 5))
        qtbot.mouseMove(image.viewport(), _on_screen(image, 2, 3))
    assert seen.args[2] == seen.args[0] * 30 + seen.args[1]


def test_pixels_are_square_and_all_are_shown(image: ImageView) -> None:
    (x0, x1), (y0, y1) = image.view.viewRange()
    assert x0 <= 0
    assert x1 >= 30
    assert y0 <= 0
    assert y1 >= 20
    width, height = image.view.width(), image.view.height()
    assert (x1 - x0) / width == pytest.approx((y1 - y0) / height, rel=1e-3)


def test_double_click_shows_all_again(qtbot: QtBot, image: ImageView) -> None:
    before = image.view.viewRange()
    image.center_on(5, 5, 4)
    assert image.view.viewRange() != before
    qtbot.mouseDClick(image.viewport(), Qt.MouseButton.LeftButton, pos=_on_screen(image, 5, 5))
    np.testing.assert_allclose(image.view.viewRange(), before, atol=1e-6)


def test_linked_views_share_zoom(qtbot: QtBot, image: ImageView) -> None:
    other = ImageView()
    qtbot.addWidget(other)
    other.resize(400, 300)
    other.show()
    other.set_image(np.zeros((20, 30)))
    other.link_to(image)
    image.center_on(10, 15, 6)
    np.testing.assert_allclose(other.view.viewRange(), image.view.viewRange(), atol=0.2)


def test_levels_stay_unless_asked_for(image: ImageView) -> None:
    image.set_levels(3, 9)
    image.set_image(np.full((20, 30), 100.0), auto_levels=False)
    assert image.levels == (3.0, 9.0)
    image.set_image(np.full((20, 30), 100.0))
    assert image.levels == (100.0, 101.0)


@pytest.mark.parametrize("name", ["grey", "viridis", "magma"])
def test_colour_maps(image: ImageView, name: str) -> None:
    image.set_color_map(name)
    assert image.color_map == name
    assert not image.grab().toImage().isNull()


def test_the_first_frame_is_shown(player: MovieView) -> None:
    assert player.view.image is not None
    assert player.view.image.shape == (32, 48)
    assert player.player is not None
    assert player.player.label.text() == "frame 1 of 40 · 0.00 s"


def test_the_slider_moves_the_shared_frame(
    qtbot: QtBot, player: MovieView, ctx: AppContext
) -> None:
    assert player.player is not None
    player.player.slider.setFocus()
    qtbot.keyClick(player.player.slider, Qt.Key.Key_End)
    assert ctx.selection.frame == 39
    qtbot.waitUntil(lambda: player.shown_frame == 39)
    assert player.player.label.text() == "frame 40 of 40 · 1.95 s"


def test_step_buttons_stop_at_the_ends(qtbot: QtBot, player: MovieView, ctx: AppContext) -> None:
    bar = player.player
    assert bar is not None
    qtbot.mouseClick(bar.back, Qt.MouseButton.LeftButton)
    assert ctx.selection.frame == 0
    qtbot.mouseClick(bar.forward, Qt.MouseButton.LeftButton)
    assert ctx.selection.frame == 1
    ctx.selection.set_frame(39)
    qtbot.mouseClick(bar.forward, Qt.MouseButton.LeftButton)
    assert ctx.selection.frame == 39


def test_space_plays_and_pauses(qtbot: QtBot, player: MovieView, ctx: AppContext) -> None:
    bar = player.player
    assert bar is not None
    player.activateWindow()
    player.view.setFocus()
    qtbot.keyClick(player.view, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: bar.is_playing)
    qtbot.waitUntil(lambda: ctx.selection.frame > 2, timeout=3_000)
    qtbot.keyClick(player.view, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: not bar.is_playing)


def test_playing_stops_when_hidden(qtbot: QtBot, player: MovieView) -> None:
    bar = player.player
    assert bar is not None
    qtbot.mouseClick(bar.play, Qt.MouseButton.LeftButton)
    assert bar.is_playing
    player.hide()
    assert not bar.is_playing


def test_contrast_can_be_moved_and_is_found_again(qtbot: QtBot, player: MovieView) -> None:
    bar = player.player
    assert bar is not None
    automatic = player.view.levels
    assert tuple(bar.contrast.value()) == pytest.approx(automatic, rel=0.02)
    low, high = automatic
    bar.contrast.setValue((low + (high - low) / 4, high))
    assert player.view.levels[0] == pytest.approx(low + (high - low) / 4, rel=0.02)
    qtbot.mouseClick(bar.auto, Qt.MouseButton.LeftButton)
    assert player.view.levels == automatic


def test_without_a_movie_nothing_can_be_pressed(qtbot: QtBot, ctx: AppContext) -> None:
    view = MovieView(ctx)
    qtbot.addWidget(view)
    view.show()
    view.reload()
    assert view.player is not None
    assert view.player.label.text() == "No movie"
    assert not view.player.play.isEnabled()
    view.player.toggle()
    assert not view.player.is_playing


def test_a_narrow_player_leaves_room_for_the_timeline(qtbot: QtBot, player: MovieView) -> None:
    assert player.player is not None
    player.resize(560, 300)
    qtbot.waitUntil(lambda: player.player.label.text() == "1 of 40 · 0.00 s")
    assert player.player.slider.width() >= 64
    player.resize(1000, 300)
    qtbot.waitUntil(lambda: player.player.label.text() == "frame 1 of 40 · 0.00 s")


def test_a_border_without_data_does_not_take_the_contrast():
    image = np.random.default_rng(0).uniform(3, 8, (64, 64)).astype(np.float32)
    bordered = np.zeros((72, 72), np.float32)
    bordered[4:-4, 4:-4] = image
    assert contrast_limits(bordered) == pytest.approx(contrast_limits(image))
    assert contrast_limits(np.zeros((8, 8))) == (0.0, 1.0)
