"""Frames become pictures, to the pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from caiman_gui.errors import ParameterError
from caiman_gui.io.clip_outline import Outline
from caiman_gui.io.clip_overlay import fitted, lay_out, text_width
from caiman_gui.io.clip_render import color_indices, left_out, render_frame, render_panes
from caiman_gui.io.clip_style import GAP_PX, ClipStyle
from caiman_gui.io.color_tables import color_table

BARE = ClipStyle(0, 255, show_scale_bar=False, show_time=False)


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int16", ">u2", "int32", "float32", "float64"]
)
def test_levels(dtype: str) -> None:
    values = np.array([[0, 9, 10, 11], [60, 109, 110, 120]]).astype(dtype)
    expected = [[0, 0, 0, 3], [128, 252, 255, 255]]  # 255 (v - 10) / 100, rounded, 0 ... 255
    assert color_indices(values, 10, 110).tolist() == expected


def test_negative_integers() -> None:
    values = np.array([[-1000, -100, 0], [50, 100, 32767]], np.int16)
    assert color_indices(values, -100, 100).tolist() == [[0, 0, 128], [191, 255, 255]]


def test_gamma_below_one_lifts_the_dim() -> None:
    values = np.array([[0.0, 0.25, 1.0]])
    assert color_indices(values, 0, 1, 0.5).tolist() == [[0, 128, 255]]
    assert color_indices(values, 0, 1, 2.0).tolist() == [[0, 16, 255]]


def test_pixels_without_a_number_are_lowest() -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    assert color_indices(values, 0, 1).tolist() == [[0, 255, 0, 128]]


def test_equal_levels_still_show_something() -> None:
    values = np.array([[4, 5, 6]], np.uint16)
    assert color_indices(values, 5, 5).tolist() == [[0, 0, 255]]


@pytest.mark.parametrize("name", ["grey", "inverted", "green", "viridis", "magma"])
def test_colours_come_from_the_table(name: str) -> None:
    frame = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = render_frame(frame, replace(BARE, color_map=name))
    assert np.array_equal(picture.reshape(256, 3), color_table(name))


def test_enlarged_pixels_stay_square() -> None:
    frame = np.array([[0, 255], [128, 64]], np.uint8)
    picture = render_frame(frame, replace(BARE, scale=3))
    assert np.array_equal(picture[..., 0], np.kron(frame, np.ones((3, 3), np.uint8)))


def test_shrinking_averages() -> None:
    frame = np.tile(np.array([[0, 100], [100, 200]], np.uint8), (5, 5))
    picture = render_frame(frame, replace(BARE, scale=0.5))
    assert picture.shape == (5, 5, 3)
    assert (picture == 100).all()


def test_smoothing_spreads_a_point_evenly() -> None:
    frame = np.zeros((21, 21), np.uint16)
    frame[10, 10] = 4000
    picture = render_frame(frame, replace(BARE, smooth_px=1.0))[..., 0].astype(int)
    assert picture[10, 10] == 255  # 4000 / 2 pi = 637
    assert picture[10, 12] == picture[8, 10] == pytest.approx(4000 / 2 / np.pi * np.exp(-2), abs=3)
    assert picture[10, 16] == 0


def test_crop_shows_only_its_pixels() -> None:
    frame = np.arange(100, dtype=np.uint8).reshape(10, 10)
    picture = render_frame(frame, replace(BARE, crop=(2, 3, 4, 5)))
    assert np.array_equal(picture[..., 1], frame[2:6, 3:8])


@pytest.mark.parametrize(("scale", "pixel_size"), [(1, 0.8), (2, 0.8), (1.5, 1.1), (0.5, 0.31)])
def test_the_scale_bar_is_as_long_as_it_says(scale: float, pixel_size: float) -> None:
    style = replace(
        BARE, scale=scale, show_scale_bar=True, scale_bar_um=40.0, pixel_size_um=pixel_size
    )
    picture = render_frame(np.zeros((300, 400), np.uint8), style)
    bar = lay_out((300, 400), style, "").bar
    assert bar is not None
    row = picture[bar.y + bar.height // 2, :, 0]
    assert np.count_nonzero(row == 255) == round(40 / pixel_size * scale)
    assert (picture[bar.y : bar.y + bar.height, bar.x : bar.x + bar.width] == 255).all()
    assert bar.words.text == "40 µm"


def test_words_are_readable_on_any_background() -> None:
    style = replace(BARE, show_time=True, show_scale_bar=True, label="Raw")
    for brightness in (0, 128, 255):
        frame = np.full((200, 300), brightness, np.uint8)
        picture = render_frame(frame, style, 12.3)
        assert picture.min() < 60
        assert picture.max() == 255
        assert np.count_nonzero(picture != brightness) < 0.1 * picture.size


def test_words_are_dark_where_the_colour_map_begins_bright() -> None:
    style = replace(BARE, show_scale_bar=True, color_map="inverted")
    frame = np.zeros((200, 300), np.uint8)
    bar = lay_out((200, 300), style, "").bar
    assert bar is not None
    assert (render_frame(frame, style)[bar.y, bar.x : bar.x + bar.width] == 0).all()


def test_the_time_stays_in_its_place_and_the_picture_is_otherwise_the_same() -> None:
    style = replace(BARE, show_time=True)
    frame = np.zeros((200, 300), np.uint8)
    one, other = (render_frame(frame, style, time, 99.0) for time in (1.1, 11.9))
    changed = np.argwhere((one != other).any(axis=2))
    stamp = lay_out((200, 300), style, "0:00.0").time
    assert stamp is not None
    assert changed[:, 0].min() > stamp.y - 15
    assert changed[:, 1].max() < stamp.x + stamp.width + 5
    assert np.array_equal(render_frame(frame, style, 1.1, 99.0), one)


def test_a_long_label_is_shortened() -> None:
    words = "A very long name of a recording that nobody can read in a small picture"
    short = fitted(words, 8, 100)
    assert short.endswith("...")
    assert words.startswith(short[:-3])
    assert text_width(short, 8) <= 100
    assert fitted("Raw", 8, 100) == "Raw"


def test_older_opencv_spells_with_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caiman_gui.io.clip_overlay._HAS_ALL_LETTERS", False)
    assert text_width("50 µm", 9) == text_width("50 um", 9)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (7, 9), (12, 600), (600, 12), (25, 25)])
def test_tiny_and_narrow_pictures(shape: tuple[int, int]) -> None:
    style = replace(BARE, show_time=True, show_scale_bar=True, label="Corrected")
    picture = render_frame(np.zeros(shape, np.float32), style, 3.0)
    assert picture.shape == (*shape, 3)


def test_what_has_no_room_is_told() -> None:
    style = replace(BARE, show_time=True, show_scale_bar=True, label="Raw")
    assert left_out([(9, 9)], [style], 1.0, 1.0) == ("label", "scale bar", "time")
    assert left_out([(300, 400)], [style], 1.0, 1.0) == ()
    assert not render_frame(np.zeros((9, 9), np.uint8), style, 1.0).any()


def test_panes_side_by_side() -> None:
    left, right = np.full((5, 6), 10, np.uint8), np.full((8, 7), 200, np.uint8)
    picture = render_panes([left, right], [BARE, replace(BARE, color_map="green")])
    assert picture.shape == (8, 6 + GAP_PX + 7, 3)
    assert (picture[:5, :6] == 10).all()
    assert (picture[:, -7:] == (0, 200, 0)).all()
    assert len(np.unique(picture[5:, :6])) == len(np.unique(picture[:, 6 : 6 + GAP_PX])) == 1


def test_a_bar_longer_than_the_picture_is_refused() -> None:
    style = replace(BARE, show_scale_bar=True, scale_bar_um=500.0, pixel_size_um=1.0)
    with pytest.raises(ParameterError, match="takes 500 px; the picture is 400 px wide"):
        render_frame(np.zeros((300, 400)), style)
    assert render_frame(np.zeros((300, 400)), replace(style, show_scale_bar=False)).any() == 0


def test_pictures_too_large_are_refused_before_they_are_made() -> None:
    with pytest.raises(ParameterError, match="at most 16,384 px"):
        render_frame(np.zeros((10, 2000)), replace(BARE, scale=10))


def test_outlines_lie_on_their_pixels() -> None:
    square = Outline(np.array([[4, 4], [12, 4], [12, 12], [4, 12], [np.nan, np.nan]]), "#ff0000")
    frame = np.zeros((20, 20), np.uint8)
    picture = render_frame(frame, replace(BARE, scale=4), outlines=[square])
    for line in (picture[:, 30, 0], picture[30, :, 0]):
        middles = np.arange(80) + 0.5
        for half, place in ((slice(None, 40), 16), (slice(40, None), 48)):
            assert np.average(middles[half], weights=line[half]) == pytest.approx(place, abs=0.3)
    assert not picture[..., 1:].any()
    assert not picture[20:44, 20:44].any()
    with pytest.raises(ValueError, match="hex"):
        Outline(square.points, "red")
