"""Moving frames by known shifts."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.core.motion.apply import ShiftField, apply_shifts

CENTER = np.zeros((1, 2), np.float32)


def wave(height, width, dy=0.0, dx=0.0):
    """Return a smooth image whose content is moved by (dy, dx)."""
    rows, cols = np.mgrid[:height, :width]
    return np.sin((rows - dy) / 4) + np.cos((cols - dx) / 5) + 0.02 * ((rows - dy) * (cols - dx))


def move(image, shift, centers=CENTER):
    shifts = np.asarray(shift, np.float32).reshape(1, -1, 2)
    return apply_shifts(image[None].astype(np.float32), shifts, centers)[0]


@pytest.mark.parametrize(("dy", "dx"), [(0, 0), (3, -2), (-5, 4), (0, 1)])
def test_whole_shifts_are_exact(dy, dx):
    image = np.random.default_rng(0).normal(size=(31, 26)).astype(np.float32)
    moved = move(image, (dy, dx))
    inner = (slice(6, -6), slice(6, -6))
    np.testing.assert_array_equal(moved[inner], np.roll(image, (dy, dx), axis=(0, 1))[inner])


@pytest.mark.parametrize(("dy", "dx"), [(0.5, 0), (0, -0.25), (1.7, -2.3), (-0.1, 0.9)])
def test_positive_shifts_move_content_down_and_right(dy, dx):
    moved = move(wave(40, 44), (dy, dx))
    inner = (slice(6, -6), slice(6, -6))
    np.testing.assert_allclose(moved[inner], wave(40, 44, dy, dx)[inner], atol=2e-3)


def test_borders_repeat_and_values_stay_in_range():
    image = np.zeros((20, 20), np.float32)
    image[8:12, 8:12] = 100
    moved = move(image, (0.5, 0.5))
    assert moved.min() >= 0
    assert moved.max() <= 100
    ramp = np.arange(20, dtype=np.float32)[:, None] * np.ones((1, 20), np.float32)
    np.testing.assert_array_equal(move(ramp, (4, 0))[:4], 0)


def test_shifts_larger_than_the_field_repeat_the_border():
    moved = move(wave(12, 12), (40, -40))
    assert np.isfinite(moved).all()
    assert np.ptp(moved) == 0


def test_the_input_is_left_alone():
    frames = np.random.default_rng(1).normal(size=(2, 16, 16)).astype(np.float32)
    before = frames.copy()
    apply_shifts(frames, np.full((2, 1, 2), 0.4, np.float32), CENTER)
    np.testing.assert_array_equal(frames, before)


def test_equal_shifts_of_all_patches_move_as_one():
    centers = np.array([[8, 8], [8, 24], [24, 8], [24, 24]], np.float32)
    moved = move(wave(32, 32), np.tile([1.5, -0.75], (4, 1)), centers)
    inner = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(moved[inner], wave(32, 32, 1.5, -0.75)[inner], atol=0.05)


def test_field_is_linear_between_centres_and_flat_beyond():
    centers = np.array([[5, 10], [5, 20], [15, 10], [15, 20]], np.float32)
    field = ShiftField(centers, (21, 31)).spread(np.array([0, 1, 2, 3], np.float32))
    assert field.shape == (21, 31)
    assert field[5, 10] == 0
    assert field[15, 20] == 3
    assert field[10, 15] == pytest.approx(1.5)
    assert field[0, 0] == 0
    assert field[20, 30] == 3


def test_centres_must_form_a_grid():
    with pytest.raises(ValueError, match="full grid"):
        ShiftField(np.array([[0, 0], [1, 1], [2, 2]], np.float32), (8, 8))


def test_covered_leaves_out_what_came_from_outside():
    field = ShiftField(np.array([[4.5, 4.5]], np.float32), (10, 10))
    shifts = np.array([[[2, 0]], [[0, -1]]], np.float32)
    covered = field.covered(shifts)
    assert not covered[:2].any()
    assert not covered[:, -1].any()
    assert covered[2:, :-1].all()
