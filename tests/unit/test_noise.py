"""Noise level of white noise, with and without slow signals."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.core.noise import PIECE, noise_level


@pytest.mark.parametrize("n_frames", [100, 1001, 3 * PIECE, 20_000])
def test_white_noise_of_known_level(n_frames):
    rng = np.random.default_rng(0)
    got = noise_level(rng.normal(1000, 5, (200, n_frames)))
    assert got.shape == (200,)
    assert got.dtype == np.float32
    assert got.mean() == pytest.approx(5, rel=0.03)


def test_slow_signals_and_drift_do_not_count():
    rng = np.random.default_rng(1)
    t = np.arange(6000)
    slow = 100 * np.sin(2 * np.pi * t / 600) + 50 * np.exp(-t / 2000)
    got = noise_level(slow + rng.normal(0, 2, (30, t.size)))
    assert got.mean() == pytest.approx(2, rel=0.05)


def test_equals_the_formula():
    trace = np.random.default_rng(2).normal(0, 1, 500)
    power = np.abs(np.fft.fft(trace - trace.mean())) ** 2 / trace.size
    frequency = np.fft.fftfreq(trace.size)
    expected = np.sqrt(power[(frequency > 0.25) & (frequency < 0.5)].mean())
    assert noise_level(trace) == pytest.approx(expected, rel=0.05)  # the ends count less


@pytest.mark.parametrize("n_frames", [1, 2, 3, 7, 8, 9, 10, 11, 12, 13])
def test_few_frames_give_a_number(n_frames):
    assert np.isfinite(noise_level(np.arange(float(n_frames))))
    assert noise_level(np.full(n_frames, 3.0)) == 0


def test_scales_and_shapes():
    block = np.random.default_rng(3).normal(0, 1, (4, 5, 300)).astype(np.float32)
    got = noise_level(block)
    assert got.shape == (4, 5)
    np.testing.assert_allclose(noise_level(block * 7 + 1e4), 7 * got, rtol=1e-2)
    np.testing.assert_array_equal(noise_level(block, n_threads=2), got)
