"""Deconvolution against brute force and against known activity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from caiman_gui.core.noise import noise_level
from caiman_gui.core.traces.ar import estimate_ar
from caiman_gui.core.traces.oasis import deconvolve, solve_fixed


def simulate(seed, n_frames=1000, g=0.95, rate_hz=0.5, frame_rate_hz=30.0, noise=0.2):
    rng = np.random.default_rng(seed)
    spikes = (rng.random(n_frames) < rate_hz / frame_rate_hz).astype(float)
    calcium = spikes.copy()
    for t in range(1, n_frames):
        calcium[t] += g * calcium[t - 1]
    return calcium, spikes, calcium + rng.normal(0, noise, n_frames)


def decay_matrix(n, g):
    lag = np.subtract.outer(np.arange(n), np.arange(n))
    return np.where(lag >= 0, g ** np.maximum(lag, 0.0), 0.0)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 60),
    g=st.floats(0.3, 0.98),
    sparsity=st.floats(0, 5),
    baseline=st.floats(-1, 1),
)
def test_fixed_sparsity_equals_brute_force(seed, n, g, sparsity, baseline):
    y = np.random.default_rng(seed).normal(0.5, 1, n)
    decay = decay_matrix(n, g)
    # lambda * sum(s) is linear in c = G s, so it is a change of the data
    shifted = y - baseline - sparsity * np.linalg.solve(decay.T, np.ones(n))
    s, _ = nnls(decay, shifted)
    calcium, activity = solve_fixed(y, g=g, baseline=baseline, sparsity=sparsity)
    np.testing.assert_allclose(calcium, decay @ s, atol=1e-6)
    np.testing.assert_allclose(activity[1:], s[1:], atol=1e-6)
    assert activity[0] == 0


@pytest.mark.parametrize("seed", range(5))
def test_solution_is_the_constrained_optimum(seed):
    _, _, y = simulate(seed)
    got = deconvolve(y + 3, noise=0.2, ar=(0.95,))
    residual = y + 3 - got.calcium
    assert residual.mean() == pytest.approx(0, abs=1e-12)
    assert np.mean(residual**2) == pytest.approx(0.04, rel=1e-4)
    again, _ = solve_fixed(y + 3, g=0.95, baseline=got.baseline, sparsity=got.sparsity)
    np.testing.assert_allclose(again + got.baseline, got.calcium, atol=2e-3)
    assert got.initial == pytest.approx(got.calcium[0] - got.baseline)


def test_constrained_optimum_is_the_sparsest():
    """No mixture of baseline and sparsity nearby meets the constraint with less activity."""
    _, _, y = simulate(3, n_frames=300)
    got = deconvolve(y, noise=0.2, ar=(0.95,))
    total = got.activity.sum() + got.initial
    for db in (-0.05, -0.01, 0.01, 0.05):
        for factor in np.linspace(0.2, 2, 40):
            calcium, activity = solve_fixed(
                y, g=0.95, baseline=got.baseline + db, sparsity=got.sparsity * factor
            )
            if np.mean((y - got.baseline - db - calcium) ** 2) <= 0.04:
                assert activity.sum() + calcium[0] >= total * 0.998


def test_known_activity_is_found():
    correlations = []
    for seed in range(10):
        calcium, spikes, y = simulate(seed)
        sparse = deconvolve(y + 3, noise=0.2, ar=(0.95,))
        exact = deconvolve(y + 3, noise=0.2, ar=(0.95,), s_min=2.5)
        correlations.append(
            [
                np.corrcoef(calcium, sparse.calcium)[0, 1],
                np.corrcoef(spikes, sparse.activity)[0, 1],
                np.corrcoef(calcium, exact.calcium)[0, 1],
                np.corrcoef(spikes, exact.activity)[0, 1],
            ]
        )
        assert sparse.baseline == pytest.approx(3, abs=0.1)
    c, s, c_exact, s_exact = np.mean(correlations, axis=0)
    assert c > 0.99
    assert s > 0.95
    assert c_exact > 0.995
    assert s_exact > 0.97


def test_with_everything_estimated():
    correlations = []
    for seed in range(10):
        calcium, _, y = simulate(seed)
        noise = float(noise_level(y))
        got = deconvolve(y, noise=noise, ar=estimate_ar(y, noise, fudge_factor=0.98))
        correlations.append(np.corrcoef(calcium, got.calcium)[0, 1])
    assert np.mean(correlations) > 0.975


def test_smallest_event_is_respected():
    _, _, y = simulate(1)
    for s_min in (1.0, 3.0):
        got = deconvolve(y, noise=0.2, ar=(0.95,), s_min=s_min)
        events = got.activity[got.activity > 0]
        assert events.size
        assert events.min() >= 0.2 * s_min - 1e-12


def test_initial_decay_is_part_of_calcium_and_no_activity():
    y = 2 + 5 * 0.9 ** np.arange(300) + np.random.default_rng(0).normal(0, 0.1, 300)
    got = deconvolve(y, noise=0.1, ar=(0.9,))
    assert got.initial == pytest.approx(5, abs=0.3)
    assert got.calcium[0] == pytest.approx(7, abs=0.3)
    assert got.activity.sum() < 1


def test_noise_alone_is_silent():
    y = np.random.default_rng(0).normal(4, 1, 2000)
    got = deconvolve(y, noise=1.05 * y.std(), ar=(0.9,))
    assert not got.activity.any()
    assert got.baseline == pytest.approx(y.mean())


@pytest.mark.parametrize(
    "y", [np.zeros(10), np.full(50, 1e5), np.eye(1, 10)[0], np.arange(10.0), np.ones(1)]
)
@pytest.mark.parametrize("s_min", [None, 0.0, 3.0])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_always_finite(y, s_min, noise):
    got = deconvolve(y, noise=noise, ar=(0.9,), s_min=s_min)
    assert np.isfinite(got.calcium).all()
    assert np.isfinite(got.activity).all()
    assert (got.activity >= 0).all()
    assert np.isfinite([got.baseline, got.initial, got.sparsity]).all()


def test_scale_and_offset_do_not_matter():
    _, _, y = simulate(2)
    one = deconvolve(y, noise=0.2, ar=(0.95,))
    other = deconvolve(1000 * y + 50_000, noise=200.0, ar=(0.95,))
    np.testing.assert_allclose(other.activity, 1000 * one.activity, atol=0.5)


@pytest.mark.parametrize("seed", range(12))
def test_the_baseline_stays_within_reach_of_the_data(seed):
    """Drift, too small a noise level and a jump at the end must not let it run away."""
    rng = np.random.default_rng(seed)
    n_frames, g = int(rng.integers(50, 400)), float(rng.uniform(0.6, 0.98))
    y = np.cumsum(rng.normal(0, 0.6, n_frames)) + rng.normal(0, 1, n_frames)
    y += 20 * (rng.random(n_frames) < 0.03)
    y[-2:] += 40
    found = deconvolve(y, noise=float(rng.uniform(0.3, 1.2)), ar=(g,))
    span = y.max() - y.min()
    assert y.min() - span < found.baseline < y.max()
    assert np.isfinite(found.calcium).all()
