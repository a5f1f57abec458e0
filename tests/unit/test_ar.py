"""The decay of the indicator from a noisy trace."""

from __future__ import annotations

import math

import numpy as np
import pytest

from caiman_gui.core.traces.ar import CLAMP, estimate_ar, time_constant_s


def calcium(g, n_frames=5000, noise=0.2, seed=0):
    rng = np.random.default_rng(seed)
    trace = (rng.random(n_frames) < 0.02).astype(float)
    for t in range(1, n_frames):
        trace[t] += g * trace[t - 1]
    return trace + rng.normal(0, noise, n_frames)


@pytest.mark.parametrize("g", [0.8, 0.9, 0.95])
def test_estimate_is_close(g):
    trace = calcium(g)
    (got,) = estimate_ar(trace + 7, 0.2, fudge_factor=1.0)
    assert got == pytest.approx(g, abs=0.03)


def test_fudge_factor_multiplies():
    trace = calcium(0.9)
    (one,) = estimate_ar(trace, 0.2, fudge_factor=1.0)
    (less,) = estimate_ar(trace, 0.2, fudge_factor=0.9)
    assert less == pytest.approx(0.9 * one)


def test_impossible_values_are_replaced_by_fixed_ones():
    drift = np.cumsum(np.cumsum(np.ones(400)))  # more alike from lag to lag than noise allows
    assert estimate_ar(drift, 1e6, fudge_factor=1.0)[0] in CLAMP
    zigzag = np.tile([1.0, -1.0], 200)
    assert estimate_ar(zigzag, 0.0, fudge_factor=1.0) == (CLAMP[0],)
    for trace in (np.zeros(10), np.ones(3), np.zeros(1), np.arange(10.0)):
        (g,) = estimate_ar(trace, 0.0, fudge_factor=0.98)
        assert 0 < g < 1


def test_time_constant():
    assert time_constant_s((math.exp(-1 / 30),), 30.0) == pytest.approx(1.0)
    assert math.isnan(time_constant_s((), 30.0))
    assert math.isnan(time_constant_s((1.0,), 30.0))
