"""One image: contrast, colours, saturated pixels, zoom, and what lies under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from caiman_gui.gui.widgets.color_maps import COLOR_MAPS, lookup_table, swatch
from caiman_gui.gui.widgets.frame_item import FrameItem, to_indices
from caiman_gui.gui.widgets.image_view import ImageView, contrast_limits

if TYPE_CHECKING:
    from PySide6.QtGui import QColor
    from pytestqt.qtbot import QtBot


@pytest.fixture
def image(qtbot: QtBot) -> ImageView:
    view = ImageView("Mean")
    qtbot.addWidget(view)
    view.resize(400, 300)
    view.show()
    view.set_image(np.arange(20 * 30, dtype=np.float32).reshape(20, 30))
    return view


def _on_screen(view: ImageView, row: float, col: float) -> QPoint:
    return view.mapFromScene(view.view.mapViewToScene(QPointF(col + 0.5, row + 0.5)))


def _color(view: ImageView, row: int, col: int) -> QColor:
    return view.grab().toImage().pixelColor(_on_screen(view, row, col))


# ------------------------------------------------------------------- contrast
def test_contrast_ignores_a_hot_pixel() -> None:
    image = np.full((100, 100), 10.0)
    image[:, :50] = 20.0
    image[0, 0] = 1e6
    assert contrast_limits(image) == (10.0, 20.0)


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_contrast_of_a_constant_image_is_a_range(value: float) -> None:
    low, high = contrast_limits(np.full((10, 10), value))
    assert low < high


def test_a_border_without_data_does_not_take_the_contrast() -> None:
    image = np.random.default_rng(0).uniform(3, 8, (64, 64)).astype(np.float32)
    bordered = np.zeros((72, 72), np.float32)
    bordered[4:-4, 4:-4] = image
    assert contrast_limits(bordered) == pytest.approx(contrast_limits(image))
    assert contrast_limits(np.zeros((8, 8))) == (0.0, 1.0)


def test_levels_stay_unless_asked_for(image: ImageView) -> None:
    image.set_levels(3, 9)
    image.set_image(np.full((20, 30), 100.0), auto_levels=False)
    assert image.levels == (3.0, 9.0)
    image.set_image(np.full((20, 30), 100.0))
    assert image.levels == (100.0, 101.0)


def test_the_full_range_is_from_the_darkest_to_the_brightest(image: ImageView) -> None:
    image.set_image(np.array([[np.nan, 5.0], [-3.0, 250.0]]))
    image.full_range()
    assert image.levels == (-3.0, 250.0)


# --------------------------------------------------------------------- colour
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize(("low", "high"), [(20.5, 130.2), (-50, 80), (0, 255), (100.6, 101.2)])
def test_values_become_shares_of_the_range(dtype, low: float, high: float) -> None:
    least = -200 if np.dtype(dtype).kind != "u" else 0
    values = np.random.default_rng(0).uniform(least, 255, (40, 50)).astype(dtype)
    expected = np.clip((values.astype(float) - low) / (high - low) * 255, 0, 255)
    found = to_indices(values, low, high)
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 2


def test_infinite_values_are_black_and_white() -> None:
    values = np.array([[np.inf, -np.inf, 1.0, 1e30]], np.float32)
    assert to_indices(values, 0, 2).tolist() == [[255, 0, 128, 255]]


def test_saturated_pixels_have_an_index_of_their_own() -> None:
    values = np.array([[0, 4094, 4095, 65535]], np.uint16)
    assert to_indices(values, 0, 4094, 4095).tolist() == [[0, 254, 255, 255]]
    assert to_indices(values.astype(np.float32), 0, 100, 4095).tolist() == [[0, 254, 255, 255]]


@pytest.mark.parametrize("name", COLOR_MAPS)
def test_colour_maps_are_painted(image: ImageView, name: str) -> None:
    image.set_color_map(name)
    assert image.color_map == name
    image.set_levels(0, 599)
    bright, dark = _color(image, 19, 29), _color(image, 0, 0)
    assert (bright.lightness() < dark.lightness()) == (name == "inverted")
    assert not swatch(name, 40, 12).isNull()


def test_gamma_lifts_what_is_dark() -> None:
    table = lookup_table("grey", 0.5)
    assert table is not None
    assert table[64].tolist() == [128, 128, 128]
    assert table[255].tolist() == [255, 255, 255]
    plain = lookup_table("viridis")
    assert plain is not None
    assert plain.shape == (256, 3)
    assert lookup_table("grey") is None


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float64, np.uint32, bool])
def test_every_type_of_sample_is_painted(image: ImageView, dtype) -> None:
    values = np.zeros((20, 30), dtype)
    values[10:] = 1
    image.set_image(values, auto_levels=False)
    image.set_levels(0, 1)
    assert _color(image, 15, 15).lightness() > 200
    assert _color(image, 5, 15).lightness() < 50


def test_pixels_without_a_value_are_see_through(image: ImageView) -> None:
    values = np.ones((20, 30), np.float32)
    values[:10] = np.nan
    image.set_image(values)
    image.set_levels(0, 1)
    background = image.backgroundBrush().color()
    assert _color(image, 3, 15) == background
    assert _color(image, 15, 15).lightness() > 200


def test_saturated_pixels_are_shown_in_red_if_wanted(image: ImageView) -> None:
    values = np.full((20, 30), 1000, np.uint16)
    values[10:] = 4095
    image.set_image(values)
    image.set_levels(0, 4095)
    assert image.saturation == 65535
    image.mark_saturated(True)
    assert _color(image, 15, 15).saturation() == 0
    image.set_saturation(4095)
    assert _color(image, 15, 15).red() > _color(image, 15, 15).green() + 100
    assert _color(image, 5, 15).saturation() == 0
    image.mark_saturated(False)
    assert _color(image, 15, 15).saturation() == 0
    assert ImageView().saturation is None


def test_an_empty_item_paints_nothing() -> None:
    item = FrameItem()
    item.render()
    assert item.qimage is None


# ---------------------------------------------------------------------- mouse
def test_a_click_tells_the_pixel(qtbot: QtBot, image: ImageView) -> None:
    with qtbot.waitSignal(image.clicked) as seen:
        qtbot.mouseClick(image.viewport(), Qt.MouseButton.LeftButton, pos=_on_screen(image, 4, 17))
    assert seen.args[:2] == [4, 17]


def test_moving_over_it_tells_the_value(qtbot: QtBot, image: ImageView) -> None:
    with qtbot.waitSignal(image.hovered) as seen:
        qtbot.mouseMove(image.viewport(), _on_screen(image, 5, 5))
        qtbot.mouseMove(image.viewport(), _on_screen(image, 2, 3))
    assert seen.args[2] == seen.args[0] * 30 + seen.args[1]
    row, col, _ = seen.args
    with qtbot.waitSignal(image.hovered) as seen:
        image.set_image(np.full((20, 30), 7.0))
    assert seen.args == [row, col, 7.0]
    with qtbot.waitSignal(image.left):
        image.set_image(None)


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
