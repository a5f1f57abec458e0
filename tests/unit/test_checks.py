"""Refusals name what is wrong, the limit and the way out."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.core.checks import (
    MIN_FRAMES,
    MIN_SIDE_PX,
    require_contrast,
    require_finite,
    require_usable,
)
from caiman_gui.core.movie import ArrayMovie, frame_blocks, pixel_blocks
from caiman_gui.errors import DataError


def movie(*shape):
    return ArrayMovie(np.zeros(shape, np.uint16))


def test_smallest_usable_movie_passes():
    require_usable(movie(MIN_FRAMES, MIN_SIDE_PX, MIN_SIDE_PX))


def test_too_short():
    with pytest.raises(DataError) as caught:
        require_usable(movie(1, 64, 64))
    error = caught.value
    assert "1 frame;" in error.detail
    assert str(MIN_FRAMES) in error.detail
    assert error.title
    assert error.hint
    assert error.exit_code == 3


@pytest.mark.parametrize("shape", [(50, 7, 64), (50, 64, 7)])
def test_too_small(shape):
    with pytest.raises(DataError, match="field of view") as caught:
        require_usable(movie(*shape))
    assert f"{shape[1]} x {shape[2]} px" in caught.value.detail


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_missing_values_are_found_and_named(bad):
    block = np.ones((20, 8, 8), np.float32)
    require_finite(block, 100)
    block[7, 3, 3] = bad
    block[9, 0, 0] = bad
    with pytest.raises(DataError) as caught:
        require_finite(block, 100)
    assert "Frame 107" in caught.value.detail
    assert "and 1 more up to frame 109" in caught.value.detail


def test_opposite_infinities_and_integers():
    block = np.ones((2, 8, 8), np.float32)
    block[0, 0, 0], block[1, 0, 0] = np.inf, -np.inf
    with pytest.raises(DataError):
        require_finite(block, 0)
    require_finite(np.ones((2, 8, 8), np.uint16), 0)
    with pytest.raises(DataError, match="too large"):
        require_finite(np.full((2, 8, 8), 1e300), 0)


def test_constant_movies():
    with pytest.raises(DataError, match="constant"):
        require_contrast(np.zeros((8, 8)))
    std = np.zeros((8, 8))
    std[2, 2] = 1e-6
    require_contrast(std)


def test_absurdly_large_values_are_refused_by_name():
    movie = np.full((5, 10, 10), 3.0, np.float32)
    require_finite(movie * 1e9, 0)
    movie[3, 2, 2] = 1e20
    with pytest.raises(DataError, match="Frame 43 holds a sample of size 1e\\+20"):
        require_finite(movie, 40)


def test_values_beyond_single_precision_are_refused_without_a_warning():
    huge = ArrayMovie(np.full((12, 8, 8), 1e300))
    for blocks in (frame_blocks, pixel_blocks):
        with pytest.raises(DataError):
            next(blocks(huge))
