"""The offset between odd and even lines, found on movies where it is known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.prepare.lines import correct_scan_phase
from caiman_gui.core.prepare.scan_phase import LEAST_OFFSET_PX, estimate_scan_phase
from caiman_gui.core.task import Cancelled

OFFSETS = (-3.4, -2.0, -1.7, -0.6, -0.3, 0.0, 0.1, 0.5, 1.0, 2.25, 3.4)


@cache
def scanned(offset, *, shape=(96, 128), n_frames=24, photons=4.0, n_cells=40, seed=0):
    """Cells, fine texture and shot noise; odd lines have to be moved right by ``offset``."""
    rng = np.random.default_rng(seed)
    height, width = shape
    n_blobs = n_cells + 400
    sigma = np.r_[rng.uniform(2.5, 4, n_cells), rng.uniform(1.0, 1.6, 400)]
    peak = np.r_[rng.uniform(1, 4, n_cells), rng.uniform(0.1, 0.8, 400)]
    rows, cols = rng.uniform(-5, height + 5, n_blobs), rng.uniform(-5, width + 5, n_blobs)
    place = np.arange(width) + np.where(np.arange(height) % 2, 1.0, 0.0)[:, None] * offset
    along = np.exp(-0.5 * ((place[None] - cols[:, None, None]) / sigma[:, None, None]) ** 2)
    across = np.exp(-0.5 * ((np.arange(height) - rows[:, None]) / sigma[:, None]) ** 2)
    active = rng.gamma(2.0, 0.5, (n_frames, n_blobs)) * peak
    active[:, n_cells:] = peak[n_cells:]
    light = 0.5 + np.einsum("tb,br,brc->trc", active, across, along, optimize=True)
    counts = rng.poisson(photons * light) * 20 + 100 + rng.normal(0, 10, light.shape)
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)


@pytest.mark.parametrize("offset", OFFSETS)
def test_the_offset_is_found(offset):
    movie = scanned(offset, seed=int(10 * offset) % 5)
    got = estimate_scan_phase(ArrayMovie(movie))
    tolerance = 0.05 if offset == 0 else 0.1
    assert got.offset_px == pytest.approx(offset, abs=tolerance)
    if not 0.2 < abs(offset) < 0.4:
        assert got.is_warranted == (abs(offset) > LEAST_OFFSET_PX)
    assert got.correction_px == (got.offset_px if got.is_warranted else 0)
    assert got.standard_error_px < 0.1
    assert got.correlation_after >= got.correlation_before - 0.02
    np.testing.assert_allclose(got.by_segment_px, offset, atol=0.5)
    assert got.segment_frames[0, 0] == 0
    assert got.segment_frames[-1, 1] == len(movie)


@pytest.mark.parametrize("seed", range(4))
def test_without_an_offset_nothing_is_to_be_corrected(seed):
    for photons in (4.0, 0.3):
        got = estimate_scan_phase(ArrayMovie(scanned(0.0, seed=seed, photons=photons)))
        assert abs(got.offset_px) < (0.05 if photons > 1 else 0.2)
        assert not got.is_warranted


def spoilt(movie, kind):
    """A movie with something that holds still in every line."""
    rng = np.random.default_rng(1)
    movie = movie.astype(np.float64)
    _, height, width = movie.shape
    if kind == "border":
        movie[:, :, :9] = movie[:, :, -5:] = 0
    if kind == "columns":
        movie[:, :, rng.integers(0, width, 8)] += 300
    if kind == "hot pixels":
        movie[:, rng.integers(0, height, 40), rng.integers(0, width, 40)] += 4000
    if kind == "shading":
        distance = np.hypot(*(np.mgrid[:height, :width] - 40) / 40)
        movie *= np.clip(1 - 0.5 * distance, 0.05, 1)
    if kind == "turns":  # the ends of a resonant line are bright and hold still
        movie += 800 * np.exp(-np.minimum(np.arange(width), width - 1 - np.arange(width)) / 3)
    return movie.astype(np.float32)


@pytest.mark.parametrize("kind", ["border", "columns", "hot pixels", "shading", "turns"])
@pytest.mark.parametrize("offset", [0.0, 1.4])
def test_what_holds_still_does_not_disturb(kind, offset):
    got = estimate_scan_phase(ArrayMovie(spoilt(scanned(offset), kind)))
    assert got.offset_px == pytest.approx(offset, abs=0.1)
    assert got.is_warranted == (offset > 0)


def test_sideways_motion_does_not_disturb():
    movie = scanned(1.4)
    shifts = np.random.default_rng(2).integers(-3, 4, len(movie))
    moving = np.stack([np.roll(f, s, axis=1) for f, s in zip(movie, shifts, strict=True)])
    assert estimate_scan_phase(ArrayMovie(moving)).offset_px == pytest.approx(1.4, abs=0.1)


def test_correcting_leaves_no_offset():
    movie = scanned(2.3)
    offset = estimate_scan_phase(ArrayMovie(movie)).offset_px
    again = estimate_scan_phase(ArrayMovie(correct_scan_phase(movie, offset)))
    assert abs(again.offset_px) < 0.06
    assert not again.is_warranted


def test_an_offset_that_changes_shows_in_the_segments():
    movie = np.concatenate([scanned(-0.5, n_frames=64), scanned(1.5, n_frames=64)])
    got = estimate_scan_phase(ArrayMovie(movie))
    assert got.by_segment_px[:7] == pytest.approx(-0.5, abs=0.3)
    assert got.by_segment_px[-7:] == pytest.approx(1.5, abs=0.3)


@pytest.mark.parametrize(
    "movie",
    [
        np.random.default_rng(0).poisson(5, (40, 48, 64)).astype(np.uint16),
        np.full((20, 48, 64), 7, np.uint8),
        np.full((4, 48, 64), np.nan),
        np.zeros((5, 4, 200)),
        np.zeros((5, 200, 4)),
        np.zeros((0, 64, 64)),
        np.zeros((1, 9, 17)),
    ],
    ids=["noise", "constant", "missing", "few rows", "few columns", "no frames", "tiny"],
)
def test_where_nothing_can_be_told_nothing_is_done(movie):
    got = estimate_scan_phase(ArrayMovie(movie))
    assert got.offset_px == 0
    assert got.confidence == 0
    assert np.isinf(got.standard_error_px)
    assert not got.is_warranted


def test_noise_alone_is_never_corrected():
    rng = np.random.default_rng(5)
    for _ in range(30):
        noise = rng.poisson(3, (8, 40, 56)).astype(np.uint16)
        assert not estimate_scan_phase(ArrayMovie(noise)).is_warranted


def test_threads_change_nothing():
    movie = ArrayMovie(scanned(0.8))
    one, two = (estimate_scan_phase(movie, n_threads=n) for n in (1, 2))
    assert one.offset_px == two.offset_px
    assert one.standard_error_px == two.standard_error_px
    np.testing.assert_array_equal(one.by_segment_px, two.by_segment_px)


def test_it_can_be_stopped():
    class Stop:
        def progress(self, done, total, message=""):
            assert 0 <= done <= total
            raise Cancelled

        def check(self):
            pass

    with pytest.raises(Cancelled):
        estimate_scan_phase(ArrayMovie(scanned(0.0)), ctx=Stop())


@pytest.mark.data
def test_real_movies_without_an_offset(shared_data):
    import tifffile

    mouse = tifffile.imread(shared_data / "thunder-mouse-fish" / "mouse_500x64x64_int16.tif")
    got = estimate_scan_phase(ArrayMovie(mouse))
    assert abs(got.offset_px) < 0.05
    assert not got.is_warranted
    moved = estimate_scan_phase(ArrayMovie(correct_scan_phase(mouse, -2)))
    assert moved.offset_px == pytest.approx(2, abs=0.1)
    assert moved.is_warranted
