from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from caiman_gui.core.activity import activity_raster, count_events, peak_frame
from caiman_gui.core.results import Component, ComponentSet, Metrics
from caiman_gui.core.suggest import (
    doubt,
    merge_candidates,
    noise_edge,
    pixel_density,
    suggest_thresholds,
)
from caiman_gui.params.quality import QualityParams

WIDTH = 32
N_FRAMES = 300


def component(number: int, row: int, col: int, trace: np.ndarray, **metrics: float) -> Component:
    rows, cols = np.mgrid[row : row + 5, col : col + 5]
    pixels = (rows * WIDTH + cols).ravel()
    zeros = np.zeros(trace.size, np.float32)
    return Component(
        id=number, pixels=pixels, weights=np.full(25, 0.2), trace=trace, residual=zeros,
        activity=zeros, background=zeros, metrics=Metrics(**metrics),
    )  # fmt: skip


def component_set(*items: Component) -> ComponentSet:
    return ComponentSet(
        items=items, fov_shape=(WIDTH, WIDTH), n_frames=N_FRAMES,
        background_images=np.zeros((1, WIDTH * WIDTH)), background_traces=np.zeros((1, N_FRAMES)),
        next_id=max((item.id for item in items), default=0) + 1,
    )  # fmt: skip


def test_noise_edge_is_four_sigma_above_the_noise_and_ignores_cells():
    rng = np.random.default_rng(1)
    image = rng.normal(2.0, 0.5, (200, 200))
    image[:30, :30] = rng.normal(20.0, 3.0, (30, 30))
    assert noise_edge(image, 4.0) == pytest.approx(4.0, abs=0.25)


def test_thresholds_keep_cells_and_drop_noise():
    rng = np.random.default_rng(2)
    correlation = rng.normal(0.05, 0.03, (128, 128)).astype(np.float32)
    pnr = (4 + rng.gumbel(0, 0.4, (128, 128))).astype(np.float32)
    cell = (slice(40, 48), slice(60, 68))
    correlation[cell], pnr[cell] = 0.7, 15.0
    found = suggest_thresholds(correlation, pnr)
    passing = (correlation >= found.min_corr) & (pnr >= found.min_pnr)
    assert passing[cell].all()
    assert passing.sum() - 64 < 0.005 * passing.size


def test_density_counts_every_pixel_once():
    rng = np.random.default_rng(4)
    correlation, pnr = rng.random((2, 50, 60)).astype(np.float32)
    pnr *= 10
    density = pixel_density(correlation, pnr, n_bins=16)
    assert density.counts.shape == (16, 16)
    assert np.expm1(density.counts.astype(float)).sum() == pytest.approx(3000, rel=1e-4)
    assert density.pnr_span[1] > 9
    same = np.ones((3, 3), np.float32)
    assert pixel_density(same, same, n_bins=4).corr_span == (1.0, 2.0)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.ones((1, 1))])
def test_thresholds_of_an_empty_picture_are_finite(image: np.ndarray):
    found = suggest_thresholds(image.astype(np.float32), image.astype(np.float32))
    assert np.isfinite(found).all()


def test_only_overlapping_neighbours_with_the_same_activity_are_suggested():
    rng = np.random.default_rng(3)
    shared = rng.random(N_FRAMES).astype(np.float32)
    other = rng.random(N_FRAMES).astype(np.float32)
    found = merge_candidates(
        component_set(
            component(1, 4, 4, shared),
            component(2, 5, 5, shared + 0.1 * other),
            component(3, 5, 3, other),
            component(4, 20, 20, shared),
        ),
        1,
        min_corr=0.6,
    )
    assert [c.id for c in found] == [2]
    assert found[0].correlation > 0.95


def test_doubt_is_smallest_at_the_border():
    params = QualityParams()
    flat = np.zeros(N_FRAMES, np.float32)
    border = {"snr": params.min_snr + 0.01, "rval": 0.1}
    components = component_set(
        component(1, 0, 0, flat, snr=12.0, rval=0.95),
        component(2, 6, 0, flat, **border),
        component(3, 12, 0, flat, snr=params.snr_lowest - 4, rval=-0.5),
        component(4, 18, 0, flat),
    )
    distances = doubt(components, params)
    assert np.argmin(distances) == 1
    assert np.isinf(distances[3])


def test_raster_has_one_row_per_cell_and_keeps_short_events():
    quiet = component(1, 0, 0, np.zeros(N_FRAMES, np.float32))
    activity = np.zeros(N_FRAMES, np.float32)
    activity[[10, 250]] = 3.0, 6.0
    raster = activity_raster([quiet, replace(quiet, id=2, activity=activity)], n_bins=30)
    assert raster.shape == (2, 30)
    assert not raster[0].any()
    np.testing.assert_array_equal(np.flatnonzero(raster[1]), [1, 25])
    assert raster[1].max() == pytest.approx(1.0, abs=1e-3)
    assert activity_raster([], n_bins=10).shape == (0, 0)


def test_events_are_counted_as_runs():
    assert count_events(np.array([1, 1, 0, 2, 0, 0, 3], np.float32)) == 3
    assert count_events(np.zeros(0, np.float32)) == 0


def test_peak_frame_is_where_the_trace_is_highest():
    trace = np.zeros(N_FRAMES, np.float32)
    trace[123] = 1
    assert peak_frame(component(1, 0, 0, trace)) == 123
