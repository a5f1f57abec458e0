"""What a preparation leaves of a movie, and where its pixels and frames come from."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caiman_gui.core.prepare.mask import prepared_mask
from caiman_gui.core.prepare.plan import MAX_SCAN_PHASE_PX, Preparation
from caiman_gui.errors import DataError

small = st.integers(0, 4)
plans = st.builds(
    Preparation,
    trim_start_frames=small,
    trim_end_frames=small,
    crop_top_px=small,
    crop_bottom_px=small,
    crop_left_px=small,
    crop_right_px=small,
    bin_px=st.integers(1, 4),
    bin_frames=st.integers(1, 4),
)
shapes = st.tuples(st.integers(12, 30), st.integers(12, 30), st.integers(12, 30))


def test_nothing_is_done_by_default():
    plan = Preparation()
    assert plan.is_identity
    assert plan.keeps_samples
    assert plan.shape((7, 5, 3)) == (7, 5, 3)
    assert not Preparation(bin_px=2).is_identity


@given(plans, shapes)
def test_shape_equals_that_of_the_slices(plan, shape):
    n, h, w = shape
    frames = range(plan.trim_start_frames, n - plan.trim_end_frames)
    rows = range(plan.crop_top_px, h - plan.crop_bottom_px)
    cols = range(plan.crop_left_px, w - plan.crop_right_px)
    expected = (
        len(frames) // plan.bin_frames,
        len(rows) // plan.bin_px,
        len(cols) // plan.bin_px,
    )
    assert plan.shape(shape) == expected
    window = plan.window(shape)
    assert window[0].stop - window[0].start == expected[1] * plan.bin_px
    assert window[1].stop <= w - plan.crop_right_px


@given(plans, st.floats(-20, 60), st.floats(-20, 60))
def test_places_go_there_and_back(plan, row, col):
    recorded = plan.to_recorded(row, col)
    assert plan.from_recorded(*recorded) == pytest.approx((row, col), abs=1e-9)


def test_a_bin_lies_in_the_middle_of_its_pixels():
    plan = Preparation(crop_top_px=3, crop_left_px=1, bin_px=2)
    assert plan.to_recorded(0, 0) == (3.5, 1.5)
    assert plan.to_recorded(1, 2) == (5.5, 5.5)
    rows, cols = plan.to_recorded(np.arange(3), np.arange(3))
    np.testing.assert_array_equal(rows, [3.5, 5.5, 7.5])
    np.testing.assert_array_equal(cols, [1.5, 3.5, 5.5])


@given(plans, shapes)
def test_frames_go_there_and_back(plan, shape):
    n_frames = plan.shape(shape)[0]
    used = [frame for index in range(n_frames) for frame in plan.recorded_frames(index)]
    first = plan.trim_start_frames
    assert used == list(range(first, first + n_frames * plan.bin_frames))
    for index in range(n_frames):
        assert {plan.prepared_frame(f) for f in plan.recorded_frames(index)} == {index}
    assert first == 0 or plan.prepared_frame(first - 1) == -1
    assert plan.prepared_frame(used[-1] + 1) == n_frames


@given(plans, shapes)
def test_times_are_the_means_of_the_recorded(plan, shape):
    seconds = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.2, shape[0]))
    expected = [seconds[plan.recorded_frames(i)].mean() for i in range(plan.shape(shape)[0])]
    np.testing.assert_allclose(plan.times(seconds), expected)
    even = np.arange(shape[0]) / 12.5
    np.testing.assert_allclose(plan.times_at_rate(12.5, shape[0]), plan.times(even), atol=1e-12)


def test_a_frame_rate_is_above_zero():
    with pytest.raises(ValueError, match="0 Hz"):
        Preparation().times_at_rate(0, 10)


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (Preparation(trim_start_frames=6, trim_end_frames=4), ("frames", "10", "6", "4")),
        (Preparation(bin_frames=11), ("frames", "10", "11")),
        (Preparation(crop_top_px=15, crop_bottom_px=5), ("rows", "20", "15", "5")),
        (Preparation(crop_left_px=29, bin_px=2), ("columns", "30", "29", "2")),
    ],
)
def test_what_leaves_nothing_is_refused_in_words(plan, words):
    with pytest.raises(DataError) as caught:
        plan.shape((10, 20, 30))
    assert all(word in str(caught.value) for word in words)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"trim_start_frames": -1}, "trim_start_frames is -1; it cannot be less than 0"),
        ({"bin_px": 0}, "bin_px is 0; it cannot be less than 1"),
        ({"scan_phase_px": float("nan")}, "nan"),
        ({"scan_phase_px": MAX_SCAN_PHASE_PX + 1}, "within 64 px"),
    ],
)
def test_senseless_values_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        Preparation(**values)


def test_fractions_of_frames_are_refused():
    with pytest.raises(TypeError):
        Preparation(bin_frames=1.5)


def test_type_of_the_samples():
    uint16 = np.dtype(">u2")
    assert Preparation(crop_top_px=1, trim_end_frames=2).dtype(uint16) == np.uint16
    assert Preparation(scan_phase_px=-2.0).dtype(uint16) == np.uint16
    for plan in (Preparation(bin_px=2), Preparation(bin_frames=2), Preparation(scan_phase_px=0.5)):
        assert plan.dtype(uint16) == np.float32


def test_it_can_be_stored_as_numbers():
    plan = Preparation(crop_top_px=np.int64(3), scan_phase_px=np.float32(0.5))
    assert {type(value) for value in asdict(plan).values()} == {int, float}
    assert Preparation(**asdict(plan)) == plan


@given(plans, st.integers(0, 2**32 - 1))
def test_one_excluded_pixel_excludes_its_bin(plan, seed):
    mask = np.random.default_rng(seed).random((19, 23)) < 0.1
    _, height, width = plan.shape((20, 19, 23))
    got = prepared_mask(mask, plan)
    assert got.shape == (height, width)
    size = plan.bin_px
    for row in range(height):
        for col in range(width):
            top, left = plan.crop_top_px + row * size, plan.crop_left_px + col * size
            assert got[row, col] == mask[top : top + size, left : left + size].any()
