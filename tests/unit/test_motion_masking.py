"""Excluded regions do not steer motion correction."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.core.motion import correct_motion
from caiman_gui.core.motion.masking import RegionFill
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.params.motion import MotionParams

SIDE = 64


def moving_scene(n_frames: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Movie whose tissue moves by whole pixels behind a bright object that holds still."""
    rng = np.random.default_rng(seed)
    scene = rng.normal(0, 1, (SIDE + 16, SIDE + 16))
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 1.5) ** 2)
    for axis in (0, 1):
        scene = np.apply_along_axis(np.convolve, axis, scene, kernel, mode="same")
    moved = rng.integers(-4, 5, (n_frames, 2))
    frames = np.empty((n_frames, SIDE, SIDE), np.float32)
    for frame, (dy, dx) in zip(frames, moved, strict=True):
        frame[:] = scene[8 - dy : 8 - dy + SIDE, 8 - dx : 8 - dx + SIDE]
    frames += 100 + rng.normal(0, 0.3, frames.shape).astype(np.float32)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    dust = ((rows - 30) ** 2 + (cols - 34) ** 2 < 144) & ((rows + cols) % 6 < 3)
    frames[:, dust] += 60
    return frames, moved


def mask() -> np.ndarray:
    rows, cols = np.mgrid[:SIDE, :SIDE]
    return (rows - 30) ** 2 + (cols - 34) ** 2 < 15**2


@pytest.mark.parametrize("mode", ["rigid", "piecewise"])
def test_an_object_that_holds_still_does_not_hold_the_frames(mode: str) -> None:
    frames, moved = moving_scene()
    params = MotionParams(mode=mode, max_shift_px=8, patch_size_px=32, patch_overlap_px=16)

    def error(excluded: np.ndarray | None) -> float:
        found = correct_motion(ArrayMovie(frames), params=params, excluded=excluded)
        shifts = found.shifts.mean(axis=1) + moved  # corrections undo the motion
        return float(np.sqrt(((shifts - shifts.mean(axis=0)) ** 2).mean()))

    assert error(None) > 1.0  # the dust is what was aligned
    assert error(mask()) < 0.2


def test_the_fill_has_no_edges_and_touches_nothing_else() -> None:
    rng = np.random.default_rng(1)
    frames = (500 + 3 * np.arange(SIDE) + rng.normal(0, 1, (3, SIDE, SIDE))).astype(np.float32)
    excluded = np.zeros((SIDE, SIDE), bool)
    excluded[20:30, 10:40] = True
    excluded[0, :] = True
    frames[:, excluded] = 9000
    before = frames.copy()
    filled = RegionFill(excluded).apply(frames)
    np.testing.assert_array_equal(frames, before)
    np.testing.assert_array_equal(filled[:, ~excluded], frames[:, ~excluded])
    assert filled[:, excluded].max() < 800
    assert np.abs(np.diff(filled[:, 18:32, 12:38], axis=1)).max() < 40


def test_without_regions_nothing_is_copied() -> None:
    frames = np.zeros((2, 8, 8), np.float32)
    assert RegionFill(np.zeros((8, 8), bool)).apply(frames) is frames


def test_a_field_that_is_excluded_nearly_whole_keeps_finite_values() -> None:
    frames = np.ones((1, 16, 16), np.float32)
    excluded = np.ones((16, 16), bool)
    excluded[3, 3] = False
    assert np.isfinite(RegionFill(excluded).apply(frames)).all()
