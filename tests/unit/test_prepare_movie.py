"""Prepared movies against brute force in float64, however they are asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiman_gui.core.movie import ArrayMovie, Movie
from caiman_gui.core.prepare import movie as prepared
from caiman_gui.core.prepare.fill import PixelFill
from caiman_gui.core.prepare.lines import correct_scan_phase
from caiman_gui.core.prepare.movie import PreparedMovie
from caiman_gui.core.prepare.plan import Preparation
from caiman_gui.errors import DataError


def keys(x):
    """Cubic convolution weight at distance x, Keys 1981."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def moved_line(line, offset):
    """One line moved to the right, sample by sample."""
    width = len(line)
    out = np.zeros(width)
    for col in range(width):
        place = col - offset
        first = int(np.floor(place)) - 1
        for place_near in range(first, first + 4):
            near = min(max(place_near, 0), width - 1)
            out[col] += line[near] * keys(place - place_near)
    return out


def brute_force(movie, plan):
    data = movie.astype(np.float64)
    for frame in data:
        for row in range(1, frame.shape[0], 2):
            frame[row] = moved_line(frame[row], plan.scan_phase_px)
    n, h, w = plan.shape(movie.shape)
    rows, cols = plan.window(movie.shape)
    data = data[plan.trim_start_frames :][: n * plan.bin_frames, rows, cols]
    s = plan.bin_px
    return data.reshape(n, plan.bin_frames, h, s, w, s).mean(axis=(1, 3, 5))


def random_movie(shape=(13, 19, 22), dtype=np.uint16, seed=0):
    return np.random.default_rng(seed).integers(0, 120, shape).astype(dtype)


plans = st.builds(
    Preparation,
    trim_start_frames=st.integers(0, 3),
    trim_end_frames=st.integers(0, 3),
    crop_top_px=st.integers(0, 4),
    crop_bottom_px=st.integers(0, 4),
    crop_left_px=st.integers(0, 4),
    crop_right_px=st.integers(0, 4),
    bin_px=st.integers(1, 4),
    bin_frames=st.integers(1, 4),
    scan_phase_px=st.one_of(st.just(0.0), st.integers(-4, 4), st.floats(-3.5, 3.5)),
)


@settings(max_examples=60, deadline=None)
@given(plans)
def test_it_equals_brute_force(plan):
    movie = random_movie()
    expected = brute_force(movie, plan)
    lazy = PreparedMovie(ArrayMovie(movie), plan)
    got = lazy.frames(0, lazy.shape[0])
    assert got.shape == lazy.shape == expected.shape
    assert got.dtype == lazy.dtype == plan.dtype(movie.dtype)
    assert got.flags.c_contiguous
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">u2", "i2", "u4", "i4", "f2", ">f4", "f8"])
def test_every_type_of_samples(dtype):
    movie = random_movie(dtype=dtype)
    for plan in (Preparation(crop_left_px=1), Preparation(bin_px=3), Preparation(scan_phase_px=1)):
        got = PreparedMovie(ArrayMovie(movie), plan).frames(0, 99)
        assert got.dtype == plan.dtype(movie.dtype)
        np.testing.assert_allclose(got, brute_force(movie, plan), rtol=2e-6)
    truth = movie.astype(np.float64) > 60
    got = PreparedMovie(ArrayMovie(truth), Preparation(bin_frames=2)).frames(0, 99)
    np.testing.assert_array_equal(got, brute_force(truth, Preparation(bin_frames=2)))


@pytest.mark.parametrize(
    "plan",
    [
        Preparation(crop_top_px=1, scan_phase_px=2),
        Preparation(bin_px=3, bin_frames=2, scan_phase_px=-0.7),
        Preparation(scan_phase_px=0.3),
        Preparation(bin_frames=5),
    ],
)
def test_any_part_and_any_run_gives_the_same_frames(plan, monkeypatch):
    movie = ArrayMovie(random_movie(shape=(33, 14, 17)))
    lazy = PreparedMovie(movie, plan)
    whole = lazy.frames(0, lazy.shape[0])
    for run_bytes in (1, 14 * 17 * 2 * 3, 10**6):
        monkeypatch.setattr(prepared, "RUN_BYTES", run_bytes)
        for start, stop in ((0, 1), (2, 5), (0, lazy.shape[0])):
            np.testing.assert_array_equal(lazy.frames(start, stop), whole[start:stop])
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda i: lazy.frames(i, i + 1)[0], range(lazy.shape[0])))
    np.testing.assert_array_equal(parts, whole)


class CountingMovie:
    """Remembers what was read of it, and how much at once."""

    def __init__(self, movie):
        self._movie = movie
        self.shape, self.dtype = movie.shape, movie.dtype
        self.read = []

    def frames(self, start, stop):
        self.read.append((start, stop))
        return self._movie.frames(start, stop)


def test_only_what_is_needed_is_read_and_little_at_once(monkeypatch):
    source = CountingMovie(ArrayMovie(random_movie(shape=(100, 8, 8))))
    monkeypatch.setattr(prepared, "RUN_BYTES", 5 * 8 * 8 * 2)
    lazy = PreparedMovie(source, Preparation(trim_start_frames=10, bin_frames=20))
    lazy.frames(1, 3)
    assert source.read == [(start, start + 5) for start in range(30, 70, 5)]


def test_frames_outside_are_clipped():
    lazy = PreparedMovie(ArrayMovie(random_movie()), Preparation(bin_frames=2, trim_end_frames=1))
    assert isinstance(lazy, Movie)
    assert lazy.frames(4, 99).shape[0] == 2
    assert lazy.frames(6, 7).shape == (0, 19, 22)
    assert lazy.frames(5, 2).shape[0] == 0
    assert lazy.frames(-3, 1).shape[0] == 1


def test_a_movie_of_which_nothing_is_left_is_refused_at_once():
    with pytest.raises(DataError, match="Nothing is left"):
        PreparedMovie(ArrayMovie(random_movie()), Preparation(bin_px=20))


def test_missing_samples_stay_visible():
    movie = random_movie(dtype=np.float64)
    movie[3, 4, 5] = np.nan
    movie[4, 4, 5] = 1e300
    got = PreparedMovie(ArrayMovie(movie), Preparation(bin_px=2)).frames(0, 13)
    assert np.isnan(got[3, 2, 2])
    assert np.isinf(got[4, 2, 2])
    assert np.isfinite(got).sum() == got.size - 2


def test_the_recording_is_left_alone():
    movie = random_movie()
    before = movie.copy()
    fill = np.zeros(movie.shape[1:], bool)
    fill[3, 3] = True
    for phase in (2, 0.5):
        PreparedMovie(ArrayMovie(movie), Preparation(scan_phase_px=phase), fill).frames(0, 9)
    np.testing.assert_array_equal(movie, before)


# ---------------------------------------------------------------- lines
@pytest.mark.parametrize("offset", [0, 1, -3, 40, -40, 0.5, -0.25, 2.7, -3.4, 60.5])
@pytest.mark.parametrize("first_row", [0, 1])
def test_lines_move_as_brute_force_does(offset, first_row):
    frames = random_movie(shape=(2, 7, 24))
    expected = frames.astype(np.float64)
    for frame in expected:
        for row in range(1 - first_row, 7, 2):
            frame[row] = moved_line(frame[row], offset)
    got = correct_scan_phase(frames, offset, first_row=first_row)
    assert got.dtype == (np.uint16 if float(offset).is_integer() else np.float32)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-5)
    np.testing.assert_array_equal(got[:, first_row::2], frames[:, first_row::2])
    one = correct_scan_phase(frames[0], offset, first_row=first_row)
    np.testing.assert_array_equal(one, got[0])


@pytest.mark.parametrize("offset", [2, -0.6])
def test_lines_move_in_place_too(offset):
    frames = random_movie(dtype=np.float32)
    expected = correct_scan_phase(frames, offset)
    got = correct_scan_phase(frames, offset, out=frames)
    assert got is frames
    np.testing.assert_array_equal(frames, expected)
    sliced = random_movie(dtype=np.float32)[:, ::2, ::2]
    expected = correct_scan_phase(sliced, offset)
    correct_scan_phase(sliced, offset, out=sliced)
    np.testing.assert_array_equal(sliced, expected)


def test_parabolas_move_exactly():
    cols = np.arange(40.0)
    frames = np.tile(3 + 0.5 * cols - 0.02 * cols**2, (1, 4, 1)).astype(np.float32)
    got = correct_scan_phase(frames, 0.3)[0, 1]
    expected = 3 + 0.5 * (cols - 0.3) - 0.02 * (cols - 0.3) ** 2
    np.testing.assert_allclose(got[3:-3], expected[3:-3], rtol=1e-5)


def test_lines_moved_by_parts_of_a_pixel_need_real_numbers():
    frames = random_movie()
    with pytest.raises(ValueError, match="float32, not uint16"):
        correct_scan_phase(frames, 0.5, out=frames)
    with pytest.raises(ValueError, match="nan"):
        correct_scan_phase(frames, float("nan"))


# ---------------------------------------------------------------- bad pixels
def test_bad_pixels_become_the_mean_of_the_good_ones_around():
    movie = random_movie()
    bad = np.zeros(movie.shape[1:], bool)
    bad[5, 5] = bad[0, 0] = bad[10, 10] = bad[10, 11] = bad[18, 21] = True
    got = PixelFill(bad).apply(movie)
    for row, col in np.argwhere(bad):
        box = (slice(max(row - 1, 0), row + 2), slice(max(col - 1, 0), col + 2))
        mean = [frame[box][~bad[box]].mean() for frame in movie.astype(np.float64)]
        np.testing.assert_array_equal(got[:, row, col], np.rint(mean))
    np.testing.assert_array_equal(got[:, ~bad], movie[:, ~bad])


def test_the_inside_of_a_large_bad_area_stays():
    movie = random_movie(dtype=np.float32)
    bad = np.zeros(movie.shape[1:], bool)
    bad[4:13, 4:13] = True
    got = PixelFill(bad).apply(movie)
    np.testing.assert_array_equal(got[:, 6:11, 6:11], movie[:, 6:11, 6:11])
    np.testing.assert_allclose(got[:, 5, 5], _ring(movie), rtol=1e-5)
    assert PixelFill(np.ones((3, 3), bool)).apply(movie[:, :3, :3]).shape == (13, 3, 3)


def _ring(movie):
    """Mean of the good pixels that lie 2 px from (5, 5)."""
    box = movie[:, 3:8, 3:8].astype(np.float64)
    return (box[:, 0].sum(axis=1) + box[:, 1:, 0].sum(axis=1)) / 9


def test_a_mask_fits_the_movie():
    movie = ArrayMovie(random_movie())
    with pytest.raises(ValueError, match="mask"):
        PreparedMovie(movie, Preparation(), np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="mask"):
        PixelFill(np.zeros((3, 3), bool)).apply(random_movie())


def test_filled_pixels_go_into_the_bins():
    movie = random_movie()
    bad = np.zeros(movie.shape[1:], bool)
    bad[7, 8] = True
    plan = Preparation(bin_px=2, scan_phase_px=0.4)
    got = PreparedMovie(ArrayMovie(movie), plan, bad).frames(0, 13)
    expected = brute_force(PixelFill(bad).apply(movie), plan)
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=2e-5)
