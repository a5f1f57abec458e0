"""Quality measures with known answers, and the rule that accepts or rejects."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_ndtr

from caiman_gui.core.events import event_peaks, matched
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.quality import (
    decide,
    eccentricity,
    half_sample_mode,
    measure_quality,
    passes,
    trace_snr,
)
from caiman_gui.core.results import Component, ComponentSet, Metrics
from caiman_gui.core.task import Cancelled
from caiman_gui.params.quality import QualityParams

SHAPE = (30, 40)


def footprint(row, col, sigma=2.0, threshold=0.05):
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * sigma**2))
    image[image < threshold] = 0
    return (image / np.linalg.norm(image)).ravel()


def component(identity, image, trace, residual=None, **more):
    pixels = np.flatnonzero(image)
    zeros = np.zeros_like(trace)
    return Component(
        id=identity, pixels=pixels, weights=image[pixels], trace=trace,
        residual=zeros if residual is None else residual, activity=zeros, background=zeros, **more,
    )  # fmt: skip


def component_set(items, n_frames):
    return ComponentSet(
        items=tuple(items), fov_shape=SHAPE, n_frames=n_frames,
        background_images=np.zeros((0, SHAPE[0] * SHAPE[1])),
        background_traces=np.zeros((0, n_frames)), next_id=100,
    )  # fmt: skip


def transients(n_frames, starts, height, tau=10.0):
    out = np.zeros(n_frames)
    for start in starts:
        out[start:] += height * np.exp(-np.arange(n_frames - start) / tau)
    return out


def test_snr_of_a_plateau_is_a_third_of_its_height_in_noise_levels():
    rng = np.random.default_rng(0)
    values = []
    for _ in range(20):
        raw = rng.normal(0, 2, 3000)
        raw[1000:1040] += 2 * 9.0  # 9 noise levels for longer than the window
        values.append(trace_snr(raw, event_frames=12))
    assert np.mean(values) == pytest.approx(3.0, rel=0.1)


def test_snr_of_a_transient_as_in_the_table():
    # exponential with tau = N/2: SNR 2.5 for a peak of about 14.3 noise levels (N = 12)
    rng = np.random.default_rng(1)
    values = [
        trace_snr(rng.normal(0, 1, 3000) + transients(3000, [1200], 14.3, tau=6.0), event_frames=12)
        for _ in range(10)
    ]
    assert np.mean(values) == pytest.approx(2.5, rel=0.12)


def test_snr_of_noise_is_low_and_of_a_huge_event_finite():
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 1, 2000)
    assert trace_snr(noise, event_frames=12) < 0.6
    huge = trace_snr(noise + transients(2000, [700], 3000.0, tau=30), event_frames=12)
    assert 500 < huge < 1000
    assert trace_snr(noise * 1e6 + 1e9, event_frames=12) < 0.6


def test_snr_is_computed_from_the_formula():
    raw = np.concatenate([np.tile([0.0, 1.0, 2.0, 1.0, 1.0], 60)])
    raw[150:153] += 30
    # no drift: the 8th percentile is 0, the mode 1, the lower deviation exactly 1
    z = (raw - 1) / 3
    sums = np.convolve(log_ndtr(-z), np.ones(3))[: raw.size]
    from scipy.special import ndtri_exp

    assert trace_snr(raw, event_frames=3) == pytest.approx(-ndtri_exp(sums.min() / 3), rel=1e-9)


def test_snr_is_not_fooled_by_bleaching():
    rng = np.random.default_rng(3)
    drift = 40 * np.exp(-np.arange(3000) / 1500)
    assert trace_snr(rng.normal(0, 1, 3000) + drift, event_frames=12) < 1.0


@pytest.mark.parametrize("raw", [np.zeros(10), np.full(300, 4.0), np.eye(1, 200)[0], np.ones(1)])
def test_snr_is_finite_for_degenerate_traces(raw):
    assert math.isfinite(trace_snr(raw, event_frames=12))


def test_half_sample_mode():
    assert half_sample_mode(np.array([5.0])) == 5
    assert half_sample_mode(np.array([1.0, 3.0])) == 2
    assert half_sample_mode(np.array([0.0, 1.0, 5.0])) == 0.5
    rng = np.random.default_rng(0)
    skewed = np.concatenate([rng.normal(3, 0.2, 5000), rng.uniform(3, 30, 3000)])
    assert half_sample_mode(skewed) == pytest.approx(3, abs=0.2)


def test_eccentricity_of_disc_ellipse_and_line():
    rows, cols = np.mgrid[:60, :80]
    disc = (rows - 30) ** 2 + (cols - 40) ** 2 <= 15**2
    ellipse = ((rows - 30) / 10) ** 2 + ((cols - 40) / 30) ** 2 <= 1
    for image, expected in ((disc, 1.0), (ellipse, 3.0)):
        pixels = np.flatnonzero(image)
        assert eccentricity(pixels, np.ones(pixels.size), 80) == pytest.approx(expected, rel=0.03)
    assert eccentricity(np.arange(12), np.ones(12), 80) == pytest.approx(12)
    assert eccentricity(np.array([5]), np.ones(1), 80) == 1
    assert math.isnan(eccentricity(np.zeros(0, int), np.zeros(0), 80))


def test_event_peaks_are_the_highest_and_apart():
    trace = transients(500, [50, 120, 300], 1.0) + transients(500, [400], 3.0)
    assert event_peaks(trace, min_gap=5).tolist() == [50, 120, 300, 400]
    assert event_peaks(trace, min_gap=90).tolist() == [120, 300, 400]
    assert event_peaks(np.zeros(50), min_gap=5).size == 0
    rng = np.random.default_rng(0)
    assert event_peaks(rng.random(1000), min_gap=3).size == 10


def scene(n_frames=600, seed=0):
    """A real cell beside a brighter neighbour, on structured background."""
    rng = np.random.default_rng(seed)
    cell, neighbour = footprint(15, 15), footprint(15, 18, sigma=2.5)
    a = transients(n_frames, [60, 250, 430], 150.0)
    b = transients(n_frames, [140, 260, 340], 400.0)
    background = 200 + 300 * rng.random(cell.size)  # resting brightness like nothing else
    movie = np.outer(a, cell) + np.outer(b, neighbour) + background
    movie += rng.normal(0, 4, movie.shape)
    items = [
        component(1, cell, a, rng.normal(0, 4, n_frames)),
        component(2, neighbour, b, rng.normal(0, 4, n_frames)),
        component(3, footprint(5, 30), transients(n_frames, [100, 330], 50.0)),  # nothing there
        component(4, footprint(25, 30), np.zeros(n_frames)),
    ]
    return component_set(items, n_frames), movie.reshape(n_frames, *SHAPE).astype(np.float32)


def measure(components, movie, **more):
    return measure_quality(components, movie, frame_rate_hz=20.0, decay_time_s=0.5, **more)


def test_spatial_correlation_tells_cells_from_nothing():
    components, movie = scene()
    got = measure(components, ArrayMovie(movie)).metric("rval")
    assert got[0] > 0.9  # although the neighbour is brighter and active at the same time
    assert got[1] > 0.9
    assert abs(got[2]) < 0.5
    assert got[3] == 0  # no event


def test_measured_in_one_pass_of_pixel_blocks_gives_the_same():
    components, movie = scene()

    class Stored(ArrayMovie):
        block_frames = 100
        reads = 0

        def pixel_block(self, start, stop):
            self.reads += 1
            flat = self.frames(start, stop).reshape(stop - start, -1)
            return np.ascontiguousarray(flat.T, dtype=np.float32)

    stored = Stored(movie)
    one = measure(components, ArrayMovie(movie))
    two = measure(components, stored, n_threads=3)
    np.testing.assert_allclose(one.metric("rval"), two.metric("rval"), atol=1e-9)
    assert stored.reads <= 6
    stored.reads = 0
    measure(components, stored, only=[3])
    assert stored.reads <= 4  # blocks without an event stay unread


def test_same_bits_for_any_number_of_threads():
    components, movie = scene()
    one = measure(components, ArrayMovie(movie), n_threads=1)
    four = measure(components, ArrayMovie(movie), n_threads=4)
    for name in ("snr", "rval", "eccentricity"):
        np.testing.assert_array_equal(one.metric(name), four.metric(name))


def test_only_some_are_measured():
    components, movie = scene()
    got = measure(components, ArrayMovie(movie), only=[2])
    assert np.isnan(got.metric("snr")).tolist() == [True, False, True, True]
    assert got.items[0] is components.items[0]
    assert got.metric("rval")[1] == measure(components, ArrayMovie(movie)).metric("rval")[1]
    assert measure(component_set([], 600), ArrayMovie(movie)).items == ()


def test_odd_footprints():
    n = 100
    trace = transients(n, [30], 50.0)
    flat = np.zeros(SHAPE[0] * SHAPE[1])
    flat[100:110] = 1 / np.sqrt(10)
    tiny = np.zeros(flat.size)
    tiny[300:302] = np.sqrt(0.5)
    movie = np.random.default_rng(0).normal(10, 1, (n, *SHAPE)).astype(np.float32)
    items = [component(1, flat, trace), component(2, tiny, trace)]
    got = measure(component_set(items, n), ArrayMovie(movie)).metric("rval")
    assert math.isnan(got[0])  # equal weights have no shape to compare with
    assert got[1] == 0


def test_cancel():
    class Stop:
        def progress(self, done, total, message=""):
            pass

        def check(self):
            raise Cancelled

    components, movie = scene()
    with pytest.raises(Cancelled):
        measure(components, ArrayMovie(movie), ctx=Stop())


NAN = math.nan


@pytest.mark.parametrize(
    ("snr", "rval", "accepted"),
    [
        (2.6, 0.0, True),
        (2.5, 0.0, False),  # the SNR has to be above
        (1.0, 0.8, True),  # the correlation only has to reach its limit
        (1.0, 0.79, False),
        (0.5, 0.99, False),  # lower limits: at or below is rejected
        (0.51, 0.99, True),
        (9.0, -1.0, False),
        (9.0, -0.99, True),
        (NAN, 0.9, True),  # not measured: reaches nothing, fails nothing
        (9.0, NAN, True),
        (NAN, NAN, False),
    ],
)
def test_one_high_and_all_low(snr, rval, accepted):
    got = passes(
        np.array([snr]), np.array([rval]), np.array([NAN]), np.array([9.0]), params=QualityParams()
    )
    assert got.tolist() == [accepted]


def test_shape_and_elongation_count_only_when_used():
    values = [np.array([v]) for v in (1.0, 0.0, 0.95, 5.0)]
    assert not passes(*values, params=QualityParams())[0]
    assert passes(*values, params=QualityParams(use_cnn=True))[0]
    assert not passes(*values, params=QualityParams(use_cnn=True, use_ecc=True))[0]
    low = [np.array([v]) for v in (9.0, 0.9, 0.1, 1.0)]
    assert not passes(*low, params=QualityParams(use_cnn=True))[0]


def with_metrics(**values):
    trace = np.zeros(20)
    item = component(1, footprint(10, 10), trace, metrics=Metrics(**values))
    return component_set([item], 20)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"snr": 3.1, "rval": 0.2}, "SNR 3.1 above 2.5"),
        ({"snr": 3.1, "rval": 0.91}, "SNR 3.1 above 2.5 and spatial correlation 0.91 reaches 0.8"),
        ({"snr": 1.2, "rval": 0.4}, "SNR 1.2 not above 2.5, spatial correlation 0.40 below 0.8"),
        ({"snr": 0.3, "rval": 0.9}, "SNR 0.3 at or below 0.5"),
        ({"snr": 2.503}, "SNR 2.503 above 2.5"),
        ({}, "SNR not measured, spatial correlation not measured"),
    ],
)
def test_reasons_in_words(values, reason):
    got = decide(with_metrics(**values), params=QualityParams(), labels={})[1]
    assert got.reason == reason
    assert got.accepted == got.automatic == ("above 2.5" in reason and "not" not in reason)


def test_elongation_as_reason():
    params = QualityParams(use_ecc=True)
    got = decide(with_metrics(snr=9.0, eccentricity=4.2), params=params, labels={})[1]
    assert not got.accepted
    assert got.reason == "elongation 4.2 at or above 3"


def test_manual_labels_win_and_unsure_decides_nothing():
    good = with_metrics(snr=9.0, rval=0.9)
    params = QualityParams()
    rejected = decide(good, params=params, labels={1: "reject"})[1]
    assert (rejected.accepted, rejected.automatic, rejected.label) == (False, True, "reject")
    assert rejected.reason == "rejected by you"
    bad = with_metrics(snr=0.1, rval=0.1)
    accepted = decide(bad, params=params, labels={1: "accept"})[1]
    assert (accepted.accepted, accepted.automatic) == (True, False)
    assert accepted.reason == "accepted by you"
    unsure = decide(good, params=params, labels={1: "unsure"})[1]
    assert unsure.accepted
    assert unsure.reason.startswith("marked unsure by you; automatic: SNR 9.0")


def test_decisions_keep_the_order():
    items = [replace(with_metrics(snr=s).items[0], id=i) for i, s in ((7, 9.0), (3, 0.1))]
    got = decide(component_set(items, 20), params=QualityParams(), labels={})
    assert list(got) == [7, 3]
    assert [d.accepted for d in got.values()] == [True, False]


def test_events_of_a_dim_cell_are_found_in_its_raw_trace():
    rng = np.random.default_rng(5)
    onsets = np.arange(60, 900, 90)
    trace = np.zeros(1000)
    for onset in onsets:
        trace[onset:] += 3 * np.exp(-np.arange(1000 - onset) / 12)
    raw = trace + rng.standard_normal(1000)
    peaks = event_peaks(matched(raw, event_frames=12), min_gap=12)
    hits = np.abs(peaks[:, None] - onsets).min(axis=1) <= 3
    assert hits.mean() >= 0.9
    noisy = event_peaks(raw, min_gap=12)
    assert (np.abs(noisy[:, None] - onsets).min(axis=1) <= 3).mean() < hits.mean()
    assert matched(np.full(5, 2.0), event_frames=12) == pytest.approx(np.full(5, 2.0))
    assert matched(np.array([3.0]), event_frames=1).tolist() == [3.0]
