"""Bad pixels planted in movies of neurons, none of which may be taken for one."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.prepare.bad_pixels import find_bad_pixels
from caiman_gui.core.prepare.levels import LevelCounter, saturation_level
from caiman_gui.core.synthetic import make_recording
from caiman_gui.core.task import Cancelled

PLACES = np.random.default_rng(3).permutation(np.argwhere(np.ones((30, 30), bool)))[:24] * 3 + 2


@cache
def recording(kind="two-photon", diameter=9.0, shift=2.0, n_frames=200):
    return make_recording(
        kind, shape=(96, 96), n_frames=n_frames, n_neurons=30, neuron_diameter_px=diameter,
        max_shift_px=shift, seed=5,
    ).movie  # fmt: skip


def planted(kind, n_frames=200):
    """A movie with 24 pixels of one kind, and where they are."""
    rng = np.random.default_rng(0)
    movie = recording().astype(np.float64)[:n_frames]
    rows, cols = PLACES.T
    if kind == "zero":
        movie[:, rows, cols] = 0
    if kind == "stuck":
        movie[:, rows, cols] = rng.integers(50, 900, 24)
    if kind == "dark":
        movie[:, rows, cols] = 20 + rng.normal(0, 2, (n_frames, 24))
    if kind == "bright":
        movie[:, rows, cols] += 2500 + rng.normal(0, 60, (n_frames, 24))
    if kind == "noisy":
        movie[:, rows, cols] += rng.normal(0, 1500, (n_frames, 24))
    if kind == "blinking":
        movie[:, rows, cols] += 2000 * (rng.random((n_frames, 24)) < 0.3)
    if kind == "blinking slowly":
        steps = rng.random((n_frames // 10 + 1, 24)) < 0.3
        movie[:, rows, cols] += 2000 * steps.repeat(10, axis=0)[:n_frames]
    expected = np.zeros(movie.shape[1:], bool)
    expected[rows, cols] = True
    return np.clip(np.rint(movie), 0, 65535).astype(np.uint16), expected


@pytest.mark.parametrize("kind", ["zero", "stuck", "dark"])
def test_dead_pixels_are_found(kind):
    movie, expected = planted(kind)
    got = find_bad_pixels(ArrayMovie(movie))
    np.testing.assert_array_equal(got.dead, expected)
    np.testing.assert_array_equal(got.excluded, expected)
    assert got.saturation_level is None


@pytest.mark.parametrize("kind", ["bright", "noisy", "blinking", "blinking slowly"])
def test_hot_pixels_are_found(kind):
    movie, expected = planted(kind)
    got = find_bad_pixels(ArrayMovie(movie))
    np.testing.assert_array_equal(got.hot, expected)
    assert not got.dead.any()


def test_dead_areas_and_borders_are_found():
    movie = recording().copy()
    movie[:, 40:44, 50:53] = 300
    movie[:, :5] = 0
    movie[:, :, 90:] = 7
    got = find_bad_pixels(ArrayMovie(movie))
    np.testing.assert_array_equal(got.dead, (movie == movie[0]).all(axis=0))
    assert not got.hot.any()


@pytest.mark.parametrize("kind", ["two-photon", "one-photon"])
@pytest.mark.parametrize("diameter", [3.0, 6.0, 12.0])
@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_neurons_are_not_bad(kind, diameter, shift):
    got = find_bad_pixels(ArrayMovie(recording(kind, diameter, shift)))
    assert not got.excluded.any()
    assert got.saturation_level is None


def test_neurons_as_large_as_a_pixel_are_not_bad():
    movie = recording(diameter=6.0, shift=0.0, n_frames=400)[:, ::4, ::4]
    assert not find_bad_pixels(ArrayMovie(movie)).excluded.any()


@pytest.mark.parametrize("limit", [255, 4095, 8191, 32767])
def test_saturated_pixels_are_those_often_at_the_limit(limit):
    movie = recording().astype(np.float64)
    movie *= 1.6 * limit / np.percentile(movie, 99.9)
    movie = np.minimum(movie, limit).astype(np.uint16)
    got = find_bad_pixels(ArrayMovie(movie))
    assert got.saturation_level == limit
    np.testing.assert_array_equal(got.saturated, (movie == limit).mean(axis=0) > 0.05)
    assert got.saturated.any()
    assert not (got.dead | got.hot).any()


def test_an_area_that_is_always_saturated_is_not_dead():
    movie = recording().copy()
    movie[:, 20:26, 30:40] = 65535
    got = find_bad_pixels(ArrayMovie(movie))
    assert got.saturation_level == 65535
    assert got.saturated.sum() == 60
    assert not got.dead.any()


def test_a_single_stuck_pixel_is_no_limit():
    movie = recording().copy()
    movie[:, 20, 30] = 50_000
    got = find_bad_pixels(ArrayMovie(movie))
    assert got.saturation_level is None
    assert got.dead.sum() == 1


def test_a_dark_movie_that_counts_single_photons_has_no_dead_pixels():
    movie = np.random.default_rng(0).poisson(0.01, (120, 64, 64)).astype(np.uint8)
    assert not find_bad_pixels(ArrayMovie(movie)).excluded.any()
    movie[:, 10, 10] = 0
    movie[:, 12:16, 12:16] = np.random.default_rng(1).poisson(2, (120, 4, 4))
    assert not find_bad_pixels(ArrayMovie(movie)).dead[10, 10]


def test_missing_samples_make_a_pixel_dead():
    movie = recording().astype(np.float32)
    movie[3, 5, 6] = np.nan
    movie[:, 7, 8] = np.inf
    got = find_bad_pixels(ArrayMovie(movie))
    assert np.argwhere(got.excluded).tolist() == [[5, 6], [7, 8]]


@pytest.mark.parametrize("dtype", ["u1", "i2", ">u2", "i4", "f2", "f4", ">f8"])
def test_every_type_of_samples(dtype):
    movie = (recording() // 16).clip(0, 120).astype(dtype)
    movie[:, 50, 50] = 3
    got = find_bad_pixels(ArrayMovie(movie))
    assert got.dead[50, 50]
    assert got.dead.sum() == 1


@pytest.mark.parametrize("shape", [(0, 16, 16), (5, 16, 16), (20, 1, 1), (20, 2, 9)])
def test_tiny_movies_have_no_bad_pixels(shape):
    movie = np.random.default_rng(0).integers(0, 99, shape)
    got = find_bad_pixels(ArrayMovie(movie))
    assert got.excluded.shape == shape[1:]
    assert not got.excluded.any()


def test_a_black_and_white_movie_and_a_constant_one_are_judged_calmly():
    truth = np.random.default_rng(0).random((40, 20, 20)) < 0.5
    assert not find_bad_pixels(ArrayMovie(truth)).excluded.any()
    assert find_bad_pixels(ArrayMovie(np.full((40, 20, 20), 5))).dead.all()


def test_a_long_movie_is_looked_at_in_part_and_always_the_same_way():
    movie, expected = planted("bright")
    long = ArrayMovie(np.concatenate([movie] * 6))
    first, second = find_bad_pixels(long), find_bad_pixels(long)
    np.testing.assert_array_equal(first.hot, expected)
    np.testing.assert_array_equal(first.hot, second.hot)


def test_it_can_be_stopped_and_tells_how_far_it_is():
    seen = []

    class Watch:
        def progress(self, done, total, message=""):
            seen.append((done / total, message))

        def check(self):
            if len(seen) > 5:
                raise Cancelled

    with pytest.raises(Cancelled):
        find_bad_pixels(ArrayMovie(recording()), ctx=Watch())
    assert seen == sorted(seen)
    assert seen[0][1] == "Looking for bad pixels"


# ---------------------------------------------------------------- levels
@given(st.sampled_from(["u1", "i1", "u2", "i2", ">i2", "i4", "f4", "?"]), st.integers(0, 2**32 - 1))
def test_levels_are_counted_as_numpy_counts_them(dtype, seed):
    frames = np.random.default_rng(seed).integers(-9, 9, (5, 4, 3)).astype(dtype)
    counter = LevelCounter(frames.dtype, frames.size, 3)
    counter.add(frames[:2])
    counter.add(frames[2:])
    levels, counts = counter.levels()
    expected = np.unique(frames, return_counts=True)
    np.testing.assert_array_equal(levels, expected[0].astype(float))
    np.testing.assert_array_equal(counts, expected[1])


def test_a_part_of_many_samples_keeps_to_no_column():
    frames = np.tile(np.arange(64, dtype=np.float32), (800, 64, 1))
    counter = LevelCounter(frames.dtype, frames.size, 64)
    for frame in frames:
        counter.add(frame[None])
    levels, counts = counter.levels()
    assert levels.size == 64
    assert counts.max() - counts.min() <= 1
    assert counts.sum() == pytest.approx(2**21, rel=0.5)


def test_nothing_was_added_nothing_is_counted():
    for dtype in ("u2", "f4"):
        levels, counts = LevelCounter(np.dtype(dtype), 0, 1).levels()
        assert levels.size == counts.size == 0
        assert saturation_level(levels, counts, np.dtype(dtype)) is None


@pytest.mark.parametrize(
    ("levels", "counts", "dtype", "expected"),
    [
        ([4080, 4090, 4095], [5, 4, 90], "u2", 4095.0),
        ([4080, 4090, 4094], [5, 4, 90], "u2", 4094.0),  # as some cards end one below
        ([250, 254, 255], [50, 40, 30], "u1", None),
        ([0, 127], [100, 300], "i1", 127.0),
        ([1000, 1001, 1003], [2, 3, 40], "f4", 1003.0),  # shifted by an offset
        ([1000, 1001, 1003], [9, 9, 40], "f4", None),
        ([0, 1, 2, 3], [900, 80, 9, 8], "u1", None),  # single photons
        ([0, 65520], [10**6, 100], "u2", None),
        ([7], [100], "u2", None),
        ([0, 255], [10, 7], "u1", None),
        ([0, 1], [1, 100], "?", None),
    ],
)
def test_a_limit_is_where_samples_pile_up(levels, counts, dtype, expected):
    got = saturation_level(np.array(levels, float), np.array(counts), np.dtype(dtype))
    assert got == expected


@pytest.mark.data
def test_real_movies_have_few_bad_pixels(shared_data):
    import tifffile

    mouse = tifffile.imread(shared_data / "thunder-mouse-fish" / "mouse_500x64x64_int16.tif")
    got = find_bad_pixels(ArrayMovie(mouse))
    assert not got.hot.any()
    np.testing.assert_array_equal(got.dead, (mouse == mouse[0]).all(axis=0))
    sima = tifffile.imread(shared_data / "sima-example" / "example.tif")
    assert find_bad_pixels(ArrayMovie(sima)).saturation_level == 4094
