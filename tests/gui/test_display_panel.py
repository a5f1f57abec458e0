"""Contrast on a histogram, colours, averaging, and contrast that several views share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt

from caiman_gui.gui.widgets.display_panel import DisplayButton, DisplayPanel, histogram
from caiman_gui.gui.widgets.image_view import ImageView
from caiman_gui.gui.widgets.level_link import LevelLink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot


def make_view(qtbot: QtBot, image: np.ndarray | None = None) -> ImageView:
    view = ImageView()
    qtbot.addWidget(view)
    if image is not None:
        view.set_image(image)
    return view


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(1000, 100, (64, 64)).astype(np.uint16)


@pytest.fixture
def view(qtbot: QtBot, noise: np.ndarray) -> ImageView:
    return make_view(qtbot, noise)


@pytest.fixture
def panel(qtbot: QtBot, view: ImageView) -> Iterator[DisplayPanel]:
    button = DisplayButton(DisplayPanel(view))
    qtbot.addWidget(button)
    button.show()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button.panel.isVisible()
    yield button.panel
    button.panel.hide()


# ------------------------------------------------------------------ histogram
def test_the_histogram_covers_nearly_all_pixels_and_the_levels(noise: np.ndarray) -> None:
    bars, (low, high) = histogram(noise, (500.0, 1200.0), is_log=False)
    assert low < 500
    assert 1200 < high < 1600
    assert bars.max() == 1
    noise[0, 0] = 60_000
    assert histogram(noise, (500.0, 1200.0), is_log=False)[1][1] < 1600


def test_few_whole_numbers_have_a_bar_each() -> None:
    image = np.repeat(np.array([[3, 4, 4, 6]], np.uint8), 4, axis=0)
    bars, (low, high) = histogram(image, (3.0, 6.0), is_log=False)
    assert high - low == len(bars)
    assert bars[bars > 0].tolist() == [0.5, 1.0, 0.5]


def test_rare_values_are_seen_by_the_logarithm(noise: np.ndarray) -> None:
    plain, _ = histogram(noise, (500.0, 1500.0), is_log=False)
    logarithmic, _ = histogram(noise, (500.0, 1500.0), is_log=True)
    assert logarithmic[plain > 0].min() > plain[plain > 0].min()


def test_an_image_without_numbers_has_no_bars() -> None:
    bars, span = histogram(np.full((4, 4), np.nan), (0.0, 1.0), is_log=True)
    assert not bars.any()
    assert span == (0.0, 1.0)


# ---------------------------------------------------------------------- panel
def test_dragging_a_handle_sets_black(panel: DisplayPanel, view: ImageView) -> None:
    _, high = view.levels
    panel.strip.moved.emit("low", 900.0)
    assert view.levels == (900.0, high)
    assert panel.low.text() == "900"
    panel.strip.moved.emit("low", 9999.0)
    assert view.levels[0] < high
    panel.strip.moved.emit("high", -5.0)
    assert view.levels[0] < view.levels[1]


def test_numbers_can_be_typed(qtbot: QtBot, panel: DisplayPanel, view: ImageView) -> None:
    panel.low.setText("950,5")
    qtbot.keyClick(panel.low, Qt.Key.Key_Return)
    assert view.levels[0] == 950.5
    before = view.levels
    panel.high.setText("dark")
    qtbot.keyClick(panel.high, Qt.Key.Key_Return)
    assert view.levels == before
    assert panel.high.text() == f"{before[1]:.5g}"


def test_auto_and_full_range(qtbot: QtBot, panel: DisplayPanel, view: ImageView) -> None:
    automatic = view.levels
    qtbot.mouseClick(panel.full, Qt.MouseButton.LeftButton)
    assert view.image is not None
    assert view.levels == (view.image.min(), view.image.max())
    qtbot.mouseClick(panel.auto, Qt.MouseButton.LeftButton)
    assert view.levels == automatic


def test_colours_gamma_and_saturation(panel: DisplayPanel, view: ImageView) -> None:
    panel.colors.setCurrentIndex(panel.colors.findData("magma"))
    assert view.color_map == "magma"
    panel.gamma.setValue(-100)
    assert view.gamma == pytest.approx(0.5)
    assert panel.gamma_label.text() == "0.50"
    panel.gamma.setValue(3)
    assert view.gamma == 1.0
    panel.saturated.click()
    assert view.marks_saturated
    assert panel.saturated.toolTip() == "Pixels of 65,535 or more"
    view.set_image(view.image.astype(np.float32))
    panel.refresh()
    assert not panel.saturated.isEnabled()


def test_averaging_is_told(qtbot: QtBot, panel: DisplayPanel) -> None:
    with qtbot.waitSignal(panel.averagingChanged) as told:
        panel.average.setCurrentIndex(panel.average.findData(8))
    assert told.args == [8, 0.0]
    with qtbot.waitSignal(panel.averagingChanged) as told:
        panel.smooth.setCurrentIndex(panel.smooth.findData(1.5))
    assert told.args == [8, 1.5]
    with qtbot.assertNotEmitted(panel.averagingChanged):
        panel.set_averaging(1, 0.0)
    assert panel.average.currentData() == 1


def test_the_histogram_follows_the_movie(
    qtbot: QtBot, panel: DisplayPanel, view: ImageView, noise: np.ndarray
) -> None:
    panel.strip.set_bars(np.zeros(4), (0, 1))
    view.set_image(noise, auto_levels=False)
    qtbot.waitUntil(lambda: panel.strip.value_at(0) > 1)


def test_without_an_image_nothing_can_be_chosen(qtbot: QtBot) -> None:
    panel = DisplayPanel(make_view(qtbot))
    qtbot.addWidget(panel)
    panel.refresh()
    assert not panel.strip.isEnabled()
    assert not panel.auto.isEnabled()


# ----------------------------------------------------------------------- link
@pytest.fixture
def views(qtbot: QtBot, noise: np.ndarray) -> tuple[LevelLink, list[ImageView]]:
    """Return a link of raw, corrected, model and residual; only raw has an image yet."""
    link = LevelLink()
    views = [make_view(qtbot) for _ in range(4)]
    for view, zero in zip(views, ("same", "same", "zero", "middle"), strict=True):
        link.add(view, zero)  # type: ignore[arg-type]
    link.show(views[0], noise)
    return link, views


def test_one_step_of_brightness_looks_the_same_everywhere(
    views: tuple[LevelLink, list[ImageView]], noise: np.ndarray
) -> None:
    link, (raw, corrected, model, residual) = views
    for view in (corrected, model, residual):
        link.show(view, noise.astype(np.float32))
    raw.set_levels(800.0, 1400.0)
    assert corrected.levels == (800.0, 1400.0)
    assert model.levels == (0.0, 600.0)
    assert residual.levels == (-300.0, 300.0)
    residual.set_levels(-100.0, 100.0)
    assert raw.levels == (800.0, 1000.0)
    corrected.set_color_map("green")
    assert {view.color_map for view in (raw, corrected, model, residual)} == {"green"}


def test_a_movie_leads_whatever_comes_first(
    qtbot: QtBot, views: tuple[LevelLink, list[ImageView]], noise: np.ndarray
) -> None:
    link, (raw, corrected, _, residual) = views
    alone = raw.levels
    raw.set_image(None)
    link.show(residual, noise - noise.mean())
    assert residual.levels[0] == -residual.levels[1]
    link.show(corrected, noise)
    assert corrected.levels == alone
    assert residual.levels[1] == pytest.approx((alone[1] - alone[0]) / 2)


def test_switched_off_each_has_a_contrast_of_its_own(
    qtbot: QtBot, views: tuple[LevelLink, list[ImageView]], noise: np.ndarray
) -> None:
    link, (raw, corrected, _, residual) = views
    link.show(corrected, noise + np.uint16(5000))
    link.show(residual, noise - noise.mean())
    panel = DisplayPanel(raw, link)
    qtbot.addWidget(panel)
    panel.shared.click()
    assert not link.is_on
    assert corrected.levels[0] > 5000
    assert residual.levels[0] == -residual.levels[1]
    raw.set_levels(1.0, 2.0)
    assert corrected.levels[0] > 5000
    panel.shared.click()
    assert corrected.levels == (1.0, 2.0)
    link.remove(corrected)
    raw.set_levels(3.0, 4.0)
    assert corrected.levels == (1.0, 2.0)
