"""What is written on a picture and which frames a clip has: plain arithmetic, known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from caiman_gui.io.clip_style import (
    ClipSpec,
    ClipStyle,
    panes_shape,
    round_length,
    time_decimals,
    time_text,
)
from caiman_gui.io.color_tables import COLOR_MAPS, color_table


@pytest.mark.parametrize(
    ("upper", "length"),
    [(1.0, 1), (1.99, 1), (2, 2), (4.9, 2), (5, 5), (99, 50), (128, 100), (0.3, 0.2), (0.05, 0.05)],
)
def test_scale_bars_have_round_lengths(upper: float, length: float) -> None:
    assert round_length(upper) == length


@pytest.mark.parametrize(
    ("style", "answer"),
    [
        ({"pixel_size_um": 0.8}, (62.5, "50 µm")),  # 320 µm wide, at most 80
        ({}, (100, "100 px")),
        ({"pixel_size_um": 0.5, "scale_bar_um": 25.0}, (50, "25 µm")),
        ({"scale_bar_um": 30.0}, (30, "30 px")),
        ({"pixel_size_um": 10.0}, (100, "1 mm")),
        ({"pixel_size_um": 0.002}, (100, "200 nm")),
        ({"pixel_size_um": 1.0, "crop": (0, 0, 10, 40)}, (10, "10 µm")),
    ],
)
def test_a_bar_is_as_long_as_it_says(style: dict[str, Any], answer: tuple[float, str]) -> None:
    length, words = ClipStyle(0, 1, **style).bar_length((300, 400))
    assert (pytest.approx(length), words) == answer


@pytest.mark.parametrize(
    ("time_s", "longest_s", "decimals", "words"),
    [
        (3.25, 10, 1, "3.2 s"),
        (3.25, 10, 2, "3.25 s"),
        (3.25, 60, 1, "0:03.2"),
        (75.06, None, 1, "1:15.1"),
        (119.97, None, 1, "2:00.0"),
        (59.99, 600, 1, "1:00.0"),
        (3725.5, None, 1, "1:02:05.5"),
        (7, 7200, 0, "0:00:07"),
        (-1.5, 3, 1, "-1.5 s"),
        (-0.01, 3, 1, "0.0 s"),
        (-75, None, 0, "-1:15"),
    ],
)
def test_times(time_s: float, longest_s: float | None, decimals: int, words: str) -> None:
    assert time_text(time_s, longest_s=longest_s, decimals=decimals) == words


def test_decimals_tell_pictures_apart() -> None:
    assert [time_decimals(1 / rate) for rate in (10, 20, 30, 100, 500)] == [1, 1, 2, 2, 3]


def test_speed_sets_the_pictures_per_second() -> None:
    spec = ClipSpec.at_speed(10, 69, 2, speed=4, frame_rate_hz=20)
    assert list(spec.frames)[:2] == [10, 12]
    assert (len(spec.frames), spec.playback_fps, spec.duration_s) == (30, 40, 0.75)


@pytest.mark.parametrize(
    ("fps", "limit", "step", "limited"),
    [(30, 60, 1, 30), (60, 60, 1, 60), (61, 60, 2, 30.5), (480, 60, 8, 60), (100, None, 1, 100)],
)
def test_too_many_pictures_are_left_out_at_the_same_speed(
    fps: float, limit: float | None, step: int, limited: float
) -> None:
    spec = ClipSpec(0, 999, 1, fps).limited(limit)
    assert (spec.step, spec.playback_fps) == (step, limited)


@pytest.mark.parametrize(
    "values", [(-1, 2), (3, 2), (0, 2, 0), (0, 2, 1, 0.0), (0, 2, 1, float("nan"))]
)
def test_impossible_clips_are_refused(values: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"frame|step|fps"):
        ClipSpec(*values)


@pytest.mark.parametrize(
    "values",
    [
        {"gamma": 0.0},
        {"scale": -1.0},
        {"scale": float("inf")},
        {"pixel_size_um": 0.0},
        {"scale_bar_um": float("nan")},
        {"average_frames": 0},
        {"smooth_px": -1.0},
        {"color_map": "jet"},
        {"high": float("nan")},
        {"crop": (0, 0, 0, 5)},
        {"crop": (-1, 0, 2, 2)},
    ],
)
def test_impossible_styles_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        ClipStyle(**{"low": 0, "high": 1, **values})


def test_sizes_of_pictures() -> None:
    assert ClipStyle(0, 1, scale=2.5).picture_shape((3, 5)) == (8, 12)
    assert ClipStyle(0, 1, scale=0.1).picture_shape((3, 50)) == (1, 5)
    assert ClipStyle(0, 1, crop=(1, 2, 3, 4), scale=2).picture_shape((9, 9)) == (6, 8)
    assert panes_shape([(10, 20), (12, 30)]) == (12, 54)
    with pytest.raises(ValueError, match="beyond"):
        ClipStyle(0, 1, crop=(5, 0, 5, 5)).picture_shape((9, 9))


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("grey", (0, 0, 0), (255, 255, 255)),
        ("inverted", (255, 255, 255), (0, 0, 0)),
        ("green", (0, 0, 0), (0, 255, 0)),
        ("viridis", (68, 1, 84), (253, 231, 37)),
        ("magma", (0, 0, 4), (252, 253, 191)),
    ],
)
def test_ends_of_the_colour_maps(name: str, first: tuple[int, ...], last: tuple[int, ...]) -> None:
    table = color_table(name)
    assert table.shape == (256, 3)
    assert tuple(table[0]) == first
    assert tuple(table[-1]) == last
    assert np.abs(np.diff(table.astype(int), axis=0)).max() <= 8  # no jumps


def test_every_colour_map_has_a_table() -> None:
    assert all(color_table(name).dtype == np.uint8 for name in COLOR_MAPS)
    with pytest.raises(ValueError, match="no colour map"):
        color_table("jet")
