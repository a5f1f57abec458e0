"""Running percentile against numpy, and dF/F of a trace with known F0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiman_gui.core.traces import baseline
from caiman_gui.core.traces.baseline import delta_f_over_f, running_percentile


def brute_force(trace, window, percentile):
    before = window // 2
    padded = np.pad(trace, (before, window - 1 - before), mode="symmetric")
    views = np.lib.stride_tricks.sliding_window_view(padded, window)
    return np.percentile(views, percentile, axis=1)


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 80),
    window=st.integers(1, 100),
    percentile=st.sampled_from([0.0, 8.0, 33.3, 50.0, 100.0]),
    seed=st.integers(0, 1000),
    coarse=st.booleans(),
)
def test_equals_numpy(n, window, percentile, seed, coarse):
    trace = np.random.default_rng(seed).normal(0, 3, n)
    if coarse:  # many equal samples
        trace = np.round(trace)
    got = running_percentile(trace, window_frames=window, percentile=percentile)
    if window >= n:
        expected = np.full(n, np.percentile(trace, percentile))
    else:
        expected = brute_force(trace, window, percentile)
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_long_windows_are_interpolated_closely(monkeypatch):
    rng = np.random.default_rng(0)
    trace = 100 * np.exp(-np.arange(20_000) / 8_000) + rng.normal(0, 1, 20_000)
    got = running_percentile(trace, window_frames=4_000, percentile=8)
    monkeypatch.setattr(baseline, "EXACT_WINDOW", 10_000)
    exact = running_percentile(trace, window_frames=4_000, percentile=8)
    assert np.abs(got - exact).max() < 0.6  # of a drift of 92


def test_dff_of_a_known_trace():
    rng = np.random.default_rng(1)
    n = 3000
    f0 = 200.0
    truth = np.zeros(n)
    for start in range(100, n, 300):
        truth[start:] += 1.5 * np.exp(-np.arange(n - start) / 20)
    # demixing left 30 of the resting light in the trace, the rest is background
    raw = 30 + f0 * truth + rng.normal(0, 0.5, n)
    background = np.full(n, f0 - 30)
    got = delta_f_over_f(raw, background, window_frames=500, percentile=20)
    assert got.kind == "dff"
    assert got.values.dtype == np.float32
    np.testing.assert_allclose(got.f0, f0, rtol=0.02)
    np.testing.assert_allclose(got.values, truth, atol=0.03)


def test_dff_follows_bleaching():
    n = 4000
    light = 300 * np.exp(-np.arange(n) / 5000)
    truth = np.zeros(n)
    for start in range(150, n, 400):
        truth[start : start + 60] = 0.5
    got = delta_f_over_f(light * truth, light, window_frames=300, percentile=20)
    assert got.kind == "dff"
    assert np.abs(got.values - truth)[200:-200].max() < 0.05


@pytest.mark.parametrize("level", [-50.0, 0.0])
def test_without_a_positive_f0_only_detrended(level):
    raw = np.concatenate([np.zeros(100), np.ones(10), np.zeros(100)]) * 5
    got = delta_f_over_f(raw, np.full(210, level), window_frames=50, percentile=8)
    assert got.kind == "detrended"
    np.testing.assert_allclose(got.values, raw)
    np.testing.assert_array_equal(got.f0, np.zeros(210))


def test_one_photon_is_only_detrended():
    raw = 100 + np.sin(np.arange(400))
    got = delta_f_over_f(raw, None, window_frames=50, percentile=50)
    assert got.kind == "detrended"
    np.testing.assert_allclose(got.values + got.f0, raw, rtol=1e-6)
