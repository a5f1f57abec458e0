"""Summary images against brute force, and seeds against known places."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.core import noise_pieces
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.noise import noise_level
from caiman_gui.core.noise_pieces import NoisePieces
from caiman_gui.core.summary import _NeuronFilter, find_seeds, summarise
from caiman_gui.core.task import Cancelled
from caiman_gui.errors import DataError


def random_movie(n_frames=300, height=12, width=15, seed=0, offset=2000.0):
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 5, (n_frames, 1, 1))
    return (offset + common + rng.normal(0, 4, (n_frames, height, width))).astype(np.float32)


def brute_force_correlation(movie):
    _, height, width = movie.shape
    flat = movie.astype(np.float64)
    z = flat - flat.mean(axis=0)
    std = z.std(axis=0)
    z = np.divide(z, std, out=np.zeros_like(z), where=std > 0)
    out = np.zeros((height, width))
    for r in range(height):
        for c in range(width):
            values = [
                (z[:, r, c] * z[:, r + dr, c + dc]).mean()
                for dr in (-1, 0, 1)
                for dc in (-1, 0, 1)
                if (dr or dc) and 0 <= r + dr < height and 0 <= c + dc < width
            ]
            out[r, c] = np.mean(values)
    return out


def test_images_equal_brute_force():
    movie = random_movie()
    movie[:, 3, 4] = 7.0  # a dead pixel correlates with nothing
    got = summarise(ArrayMovie(movie), use_filter=False, neuron_diameter_px=6)
    np.testing.assert_allclose(got.mean, movie.mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_array_equal(got.max, movie.max(axis=0))
    np.testing.assert_allclose(got.std, movie.std(axis=0, dtype=np.float64), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got.correlation, brute_force_correlation(movie), atol=1e-5)
    noise = noise_level(np.moveaxis(movie, 0, -1))
    np.testing.assert_allclose(got.noise, noise, rtol=1e-4, atol=1e-4)
    assert got.correlation[3, 4] == 0
    assert got.std[3, 4] == 0
    assert got.pnr[3, 4] == 0
    expected = (movie.max(axis=0) - movie.mean(axis=0))[0, 0] / noise[0, 0]
    assert got.pnr[0, 0] == pytest.approx(expected, rel=1e-4)


def test_correlation_survives_a_large_offset_and_drift():
    movie = random_movie(n_frames=600, offset=0)
    clean = summarise(ArrayMovie(movie), use_filter=False, neuron_diameter_px=6)
    lifted = np.round(movie * 4).astype(np.float32) + 2**20
    other = summarise(ArrayMovie(lifted), use_filter=False, neuron_diameter_px=6)
    np.testing.assert_allclose(other.correlation, clean.correlation, atol=5e-3)


@pytest.mark.parametrize("use_filter", [False, True])
def test_same_bits_for_any_number_of_threads(use_filter):
    movie = ArrayMovie(random_movie(height=40, width=33))
    one = summarise(movie, use_filter=use_filter, neuron_diameter_px=8, n_threads=1)
    four = summarise(movie, use_filter=use_filter, neuron_diameter_px=8, n_threads=4)
    for name in ("mean", "max", "std", "correlation", "pnr", "noise"):
        np.testing.assert_array_equal(getattr(one, name), getattr(four, name))


def test_noise_is_measured_in_bounded_memory(monkeypatch):
    movie = ArrayMovie(random_movie(n_frames=2000, height=8, width=8))
    whole = summarise(movie, use_filter=False, neuron_diameter_px=6)
    monkeypatch.setattr(noise_pieces, "NOISE_BYTES", 4 * 64 * 200)
    pieces = summarise(movie, use_filter=False, neuron_diameter_px=6)
    assert NoisePieces(movie.shape, memory_bytes=2**30)._buffer.shape == (200, 8, 8)
    assert NoisePieces(movie.shape, memory_bytes=0)._buffer.shape == (200, 4, 8)
    np.testing.assert_allclose(pieces.noise, whole.noise, rtol=0.2)
    assert np.mean(pieces.noise / whole.noise) == pytest.approx(1, abs=0.03)


def test_filter_is_a_zero_sum_centre_surround():
    neuron = _NeuronFilter.of(12)
    assert (neuron.sigma, neuron.side) == (3, 13)
    impulse = np.zeros((41, 41), np.float32)
    impulse[20, 20] = 1
    response = np.empty_like(impulse)
    neuron.apply(impulse, response)
    response -= response[0, 0]
    assert abs(float(response.sum())) < 1e-5
    assert response[20, 20] == response.max() > 0
    assert response[20, 14] < 0
    assert response[20, 13] == pytest.approx(0, abs=1e-7)
    bright = np.full((30, 30), 1e4, np.float32) + np.arange(30, dtype=np.float32)
    flat = np.empty_like(bright)
    neuron.apply(bright, flat)
    np.testing.assert_allclose(flat[:, 8:-8], 0, atol=1e-4)


def test_filter_removes_a_wide_glow_and_keeps_the_cell():
    rng = np.random.default_rng(3)
    n, size = 400, 48
    rows, cols = np.mgrid[:size, :size]
    cell = np.exp(-((rows - 20) ** 2 + (cols - 30) ** 2) / (2 * 2.5**2))
    glow = 50 * rng.normal(0, 1, (n, 1, 1))
    trace = np.zeros(n)
    for start in (50, 150, 270):
        trace[start:] += 40 * np.exp(-np.arange(n - start) / 15)
    movie = 500 + glow + trace[:, None, None] * cell + rng.normal(0, 2, (n, size, size))
    movie = movie.astype(np.float32)
    plain = summarise(ArrayMovie(movie), use_filter=False, neuron_diameter_px=10)
    filtered = summarise(ArrayMovie(movie), use_filter=True, neuron_diameter_px=10)
    assert plain.correlation.min() > 0.9  # the glow is all one sees
    assert filtered.correlation[20, 30] > 0.8
    assert np.median(filtered.correlation) < 0.2
    np.testing.assert_array_equal(filtered.mean, plain.mean)
    np.testing.assert_array_equal(filtered.std, plain.std)
    seeds = find_seeds(
        filtered.correlation, filtered.pnr, min_corr=0.6, min_pnr=8, min_distance_px=8
    )
    assert len(seeds) == 1
    assert np.abs(seeds[0] - (20, 30)).max() <= 1


def test_unusable_movies_are_refused():
    for movie in (
        np.full((50, 12, 12), 5, np.uint16),
        random_movie(n_frames=5),
        random_movie(height=4),
    ):
        with pytest.raises(DataError):
            summarise(ArrayMovie(movie), use_filter=False, neuron_diameter_px=6)
    broken = random_movie()
    broken[123, 4, 4] = np.nan
    with pytest.raises(DataError, match="Frame 123"):
        summarise(ArrayMovie(broken), use_filter=False, neuron_diameter_px=6)


def test_cancel_stops_between_pieces_of_work():
    class Stop:
        checks = 0

        def progress(self, done, total, message=""):
            pass

        def check(self):
            self.checks += 1
            if self.checks > 3:
                raise Cancelled

    with pytest.raises(Cancelled):
        summarise(ArrayMovie(random_movie()), use_filter=True, neuron_diameter_px=6, ctx=Stop())


def test_seeds_at_known_places_in_order():
    rows, cols = np.mgrid[:60, :70]
    image = np.zeros((60, 70))
    truth = [(10, 12, 1.0), (40, 50, 0.8), (40, 60, 0.6)]
    for r, c, height in truth:
        image += height * np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / 8)
    pnr = np.full(image.shape, 10, np.float32)
    corr = image.astype(np.float32)
    seeds = find_seeds(corr, pnr, min_corr=0.3, min_pnr=5, min_distance_px=6)
    assert seeds.dtype == np.int32
    assert seeds.tolist() == [[10, 12], [40, 50], [40, 60]]
    # nearer than the distance: the higher one stays
    assert find_seeds(corr, pnr, min_corr=0.3, min_pnr=5, min_distance_px=12).tolist() == [
        [10, 12],
        [40, 50],
    ]
    assert len(find_seeds(corr, pnr, min_corr=0.7, min_pnr=5, min_distance_px=6)) == 2
    assert find_seeds(corr, pnr, min_corr=0.3, min_pnr=11, min_distance_px=6).shape == (0, 2)


def test_seeds_of_a_plateau_are_apart_and_deterministic():
    flat = np.ones((30, 30), np.float32)
    seeds = find_seeds(flat, flat, min_corr=0.5, min_pnr=0.5, min_distance_px=7)
    gaps = np.linalg.norm(seeds[:, None] - seeds[None], axis=2)[~np.eye(len(seeds), dtype=bool)]
    assert gaps.min() >= 7
    assert seeds[0].tolist() == [0, 0]


@pytest.mark.parametrize("use_filter", [False, True])
def test_a_filled_in_border_shows_no_correlation(use_filter):
    movie = random_movie(n_frames=200, height=40, width=48)
    clean = summarise(ArrayMovie(movie), use_filter=use_filter, neuron_diameter_px=6)
    assert (clean.pnr > 0).all()
    moved = movie.copy()
    moved[::10, :3] = moved[::10, 3:4]
    moved[:, :, -2:] = moved[:, :, -3:-2]
    got = summarise(ArrayMovie(moved), use_filter=use_filter, neuron_diameter_px=6, n_threads=2)
    for image in (got.correlation, got.pnr):
        assert not image[:3].any()
        assert not image[:, -2:].any()
    assert (got.pnr[4:, :-3] > 0).all()
    inside = np.s_[9:, :-9]  # beyond the reach of the filter
    assert np.allclose(got.correlation[inside], clean.correlation[inside], atol=1e-5)
    assert np.array_equal(got.mean, moved.mean(axis=0, dtype=np.float64).astype(np.float32))
