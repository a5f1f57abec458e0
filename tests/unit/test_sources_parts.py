"""The parts of source extraction against brute force and known answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage, optimize, sparse

from caiman_gui.core.border import trusted_pixels
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.sources.background import _mix_nonnegative, initial_background
from caiman_gui.core.sources.blocks import any_in_blocks, at_full_size, in_pixels
from caiman_gui.core.sources.cleanup import clean_footprints, stacked
from caiman_gui.core.sources.decimation import BINNED_BYTES, bin_movie, bin_size
from caiman_gui.core.sources.greedy import GreedySearch
from caiman_gui.core.sources.highpass import HighpassMovie, wide_average
from caiman_gui.core.sources.merging import groups_to_merge, merge_group
from caiman_gui.core.sources.model import Model
from caiman_gui.core.sources.passes import collect
from caiman_gui.core.sources.pruning import step_asymmetry
from caiman_gui.core.sources.spatial import dilated, update_footprints
from caiman_gui.core.sources.temporal import active_part, baselines, update_traces
from caiman_gui.core.task import NULL_CONTEXT

FOV = (12, 15)
N_PIXELS = FOV[0] * FOV[1]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def random_model(rng, n_frames=90, overlap=True):
    """Three footprints of 4 x 4 px (the first two overlap), traces, one background."""
    corners = ((2, 2), (2, 4) if overlap else (2, 9), (7, 8))
    pixels, weights = [], []
    for row, col in corners:
        rows, cols = np.mgrid[row : row + 4, col : col + 4]
        pixels.append((rows * FOV[1] + cols).ravel())
        values = rng.uniform(0.5, 1, 16)
        weights.append(values / np.linalg.norm(values))
    footprints = stacked(pixels, weights, N_PIXELS)
    traces = np.maximum(rng.normal(0, 3, (3, n_frames)), 0)
    images = rng.uniform(0.5, 1, (1, N_PIXELS)).astype(np.float32)
    background = rng.normal(0, 1, (1, n_frames))
    background -= background.mean()
    movie = traces.T @ footprints.toarray() + background.T @ images
    return footprints, traces, images, background.astype(np.float32), movie.reshape(-1, *FOV)


def products_of(movie, footprints, regressors, images, background, n_threads=1):
    mean = movie.mean(axis=0).ravel().astype(np.float32)
    return collect(
        ArrayMovie(movie.astype(np.float32)),
        mean=mean,
        footprints=footprints,
        regressors=regressors.astype(np.float32),
        images=images,
        traces=background,
        n_threads=n_threads,
        n_ahead=n_threads - 1,
        ctx=NULL_CONTEXT,
        message="",
    )


@pytest.mark.parametrize("n_threads", [1, 2])
def test_products_equal_brute_force(rng: np.random.Generator, n_threads: int) -> None:
    footprints, _, images, background, _ = random_model(rng, n_frames=300)
    movie = rng.normal(1000, 5, (300, *FOV)).astype(np.float32)
    regressors = rng.normal(0, 1, (3, 300)).astype(np.float32)
    got = products_of(movie, footprints, regressors, images, background, n_threads)
    y = movie.reshape(300, -1).T.astype(np.float64)
    y -= movie.mean(axis=0).ravel().astype(np.float32)[:, None]
    a = footprints.toarray().astype(np.float64)
    scale = np.abs(y).sum(axis=1).max()
    full = regressors.astype(np.float64) @ y.T
    owner = np.repeat(np.arange(3), np.diff(footprints.indptr))
    assert np.abs(got.at_support - full[owner, footprints.indices]).max() < 1e-5 * scale
    assert np.abs(got.through_footprints - a @ y).max() < 1e-3
    assert np.abs(got.background_images - background.astype(np.float64) @ y.T).max() < 1e-5 * scale
    assert np.abs(got.through_background - images.astype(np.float64) @ y).max() < 1e-2


def test_footprints_solve_the_nonnegative_least_squares(rng: np.random.Generator) -> None:
    footprints, traces, images, background, movie = random_model(rng)
    movie = movie + rng.normal(0, 1, movie.shape)
    support = dilated(footprints, np.ones(FOV, bool), 1)
    regressors = (traces - traces.mean(axis=1, keepdims=True)).astype(np.float32)
    products = products_of(movie, support, regressors, images, background)
    got, new_images = update_footprints(
        products,
        support=support,
        regressors=regressors,
        images=images,
        traces=background,
        noise=np.ones(N_PIXELS, np.float32),
        sparsity=0.0,
        n_threads=1,
        ctx=NULL_CONTEXT,
    )
    y = (movie - movie.mean(axis=0)).reshape(len(movie), -1)
    mask = (support != 0).toarray() | (support.toarray() > 0)
    mask[np.repeat(np.arange(3), np.diff(support.indptr)), support.indices] = True
    for p in (2 * FOV[1] + 5, 3 * FOV[1] + 4, 8 * FOV[1] + 9, 0):
        use = np.flatnonzero(mask[:, p])
        design = np.vstack([regressors[use], background]).T.astype(np.float64)
        want, _ = optimize.nnls(design, y[:, p])
        assert got.toarray()[use, p] == pytest.approx(want[:-1], abs=2e-3)
        assert new_images[0, p] == pytest.approx(want[-1], abs=2e-3)


def test_traces_are_recovered_from_an_exact_model(rng: np.random.Generator) -> None:
    footprints, traces, images, background, movie = random_model(rng)
    products = products_of(movie, footprints, np.zeros((3, 90)), images, background)
    got = update_traces(
        products,
        footprints=footprints,
        images=images,
        start=np.zeros((3, 90), np.float32),
        start_background=np.zeros((1, 90), np.float32),
        n_threads=2,
        ctx=NULL_CONTEXT,
    )
    for k in range(3):
        raw = got.components[k] + got.residual[k]
        assert np.corrcoef(raw, traces[k])[0, 1] > 0.98
    assert got.components.min() >= 0
    assert np.corrcoef(got.background[0], background[0])[0, 1] > 0.98


def test_baseline_of_noise_is_its_mean(rng: np.random.Generator) -> None:
    noise = rng.normal(5, 2, (4, 3000))
    assert baselines(noise) == pytest.approx(np.full(4, 5), abs=0.25)


def test_active_part_keeps_transients_and_drops_noise(rng: np.random.Generator) -> None:
    raw = rng.normal(0, 1, (1, 1000)).astype(np.float32)
    raw[0, 400:412] += 15
    active, noise = active_part(raw, decay_frames=12.0)
    assert active[0, 400:412].min() > 3 * noise[0]
    assert (active[0, :390] > 0).mean() < 0.06


def test_binning_averages_and_measures_noise(rng: np.random.Generator) -> None:
    movie = rng.normal(200, 3, (403, 10, 11)).astype(np.float32)
    movie += np.linspace(0, 40, 403, dtype=np.float32)[:, None, None]  # drift is no noise
    binned = bin_movie(
        ArrayMovie(movie), decay_frames=16.0, diameter_px=10, n_threads=2, ctx=NULL_CONTEXT
    )
    assert binned.bin_frames == 4
    assert binned.shape == (100, 10, 11)
    want = movie[:400].reshape(100, 4, 110).mean(axis=1)
    want -= want.mean(axis=0)
    assert np.abs(binned.data.T - want).max() < 1e-3
    assert np.abs(binned.mean - movie.mean(axis=0).ravel()).max() < 1e-3
    assert np.median(binned.noise) == pytest.approx(3, rel=0.05)
    assert np.array_equal(binned.noise, binned.block_noise)
    assert np.array_equal(binned.frames(3, 7).reshape(4, -1).T, binned.pixel_block(3, 7))


@pytest.mark.parametrize("n_threads", [1, 2])
def test_pixels_are_averaged_before_bins_outlast_a_transient(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, n_threads: int
) -> None:
    movie = rng.normal(200, 3, (403, 11, 13)).astype(np.float32)
    monkeypatch.setattr("caiman_gui.core.sources.decimation.BINNED_BYTES", 4 * 42 * 101)
    binned = bin_movie(
        ArrayMovie(movie), decay_frames=16.0, diameter_px=10, n_threads=n_threads, ctx=NULL_CONTEXT
    )
    assert (binned.bin_px, binned.bin_frames, binned.fov_shape) == (2, 4, (6, 7))
    padded = np.full((400, 12, 14), np.nan)
    padded[:, :11, :13] = movie[:400]
    want = np.nanmean(padded.reshape(100, 4, 6, 2, 7, 2), axis=(1, 3, 5)).reshape(100, 42)
    want -= want.mean(axis=0)
    assert np.abs(binned.data.T - want).max() < 1e-3
    assert np.abs(binned.mean - movie.mean(axis=0).ravel()).max() < 1e-3
    assert np.median(binned.noise) == pytest.approx(3, rel=0.05)
    assert np.median(binned.block_noise) == pytest.approx(1.5, rel=0.08)


def test_bins_keep_within_the_memory_bound() -> None:
    assert bin_size((1500, 160, 160), 12.0, 10.0) == (3, 1)
    assert bin_size((1000, 30, 40), 2.0, 10.0) == (1, 1)
    assert bin_size((20, 64, 64), 12.0, 10.0) == (1, 1)
    assert bin_size((3000, 512, 512), 12.0, 11.0) == (3, 2)
    assert bin_size((3000, 512, 512), 12.0, 4.0)[1] == 1  # blocks would be as wide as a cell
    shape = (100_000, 512, 512)
    bin_frames, side = bin_size(shape, 12.0, 15.0)
    assert side == 3
    assert shape[0] // bin_frames * 171 * 171 * 4 <= BINNED_BYTES


def test_blocks_become_pixels_again() -> None:
    footprints = stacked([np.array([0, 1]), np.array([11])], [[0.6, 0.8], [1.0]], 12)
    traces = np.arange(10, dtype=np.float32).reshape(2, 5)
    images = np.arange(12, dtype=np.float32)[None]
    model = Model(footprints, traces, 0 * traces, images, np.ones((1, 5), np.float32))
    trusted = np.ones((6, 7), bool)  # 3 x 4 blocks of 2 px, the last column half outside
    trusted[0, 0] = False
    full = at_full_size(model, (3, 4), trusted, 2)
    dense = full.footprints.toarray().reshape(2, 6, 7)
    assert np.allclose((dense**2).sum(axis=(1, 2)), 1)
    assert np.count_nonzero(dense[0]) == 7
    assert dense[0, 0, 0] == 0
    assert np.flatnonzero(dense[1]).tolist() == [4 * 7 + 6, 5 * 7 + 6]
    # the movie stays the same where footprints may be
    assert np.allclose(
        dense[0, 1, :4, None] * full.traces[0], [[0.6], [0.6], [0.8], [0.8]] * traces[0]
    )
    assert full.images.reshape(6, 7)[5].tolist() == [8, 8, 9, 9, 10, 10, 11]
    bare = Model(footprints, traces, 0 * traces, images[:0], np.ones((0, 5), np.float32))
    assert at_full_size(bare, (3, 4), trusted, 2).images.shape == (0, 42)
    mask = np.zeros((6, 7), bool)
    mask[5, 6] = True
    assert np.argwhere(any_in_blocks(mask, 2)).tolist() == [[2, 3]]
    got: list[np.ndarray] = []
    report = in_pixels(got.append, 2)
    assert report is not None
    report(np.array([[0, 1]], np.float32))
    assert got[0].tolist() == [[0.5, 2.5]]


def test_cleaning_keeps_the_main_piece_without_holes() -> None:
    image = np.zeros(FOV)
    image[2:9, 2:9] = 1.0
    image[5, 5] = 0.0  # a hole
    image[10, 13] = 5.0  # a speck
    raw = sparse.csr_matrix(image.reshape(1, -1), dtype=np.float32)
    clean, scale = clean_footprints(raw, FOV)
    got = clean.toarray().reshape(FOV)
    assert np.linalg.norm(got) == pytest.approx(1, abs=1e-6)
    assert scale[0] > 0
    assert got[10, 13] == 0
    assert got[5, 5] > 0


def test_cleaning_of_an_empty_footprint() -> None:
    clean, scale = clean_footprints(sparse.csr_matrix((1, N_PIXELS), dtype=np.float32), FOV)
    assert clean.nnz == 0
    assert scale[0] == 0


def test_dilation_stays_in_trusted_pixels() -> None:
    trusted = np.ones(FOV, bool)
    trusted[:3] = False
    one = stacked([np.array([4 * FOV[1] + 7])], [np.array([1.0])], N_PIXELS)
    grown = dilated(one, trusted, 2)
    rows, cols = np.divmod(grown.indices, FOV[1])
    assert rows.min() == 3
    assert rows.max() == 6
    assert (cols.min(), cols.max()) == (5, 9)
    assert grown.data.sum() == 1


def test_a_split_cell_is_merged(rng: np.random.Generator) -> None:
    trace = np.maximum(rng.normal(0, 1, 500), 0).astype(np.float32)
    other = np.maximum(rng.normal(0, 1, 500), 0).astype(np.float32)
    rows, cols = np.mgrid[: FOV[0], : FOV[1]]
    whole = np.exp(-((rows - 6) ** 2 + (cols - 7) ** 2) / 8.0)
    halves = np.array([whole * (cols < 8), whole * (cols > 5), np.roll(whole, 4, axis=0)])
    norms = np.linalg.norm(halves.reshape(3, -1), axis=1)
    footprints = sparse.csr_matrix(halves.reshape(3, -1) / norms[:, None], dtype=np.float32)
    traces = np.array([trace * norms[0], trace * norms[1], other], np.float32)
    groups = groups_to_merge(footprints, traces, merge_corr=0.8)
    assert [group.tolist() for group in groups] == [[0, 1]]
    image, merged = merge_group(footprints[groups[0]], traces[groups[0]])
    cosine = image.toarray().ravel() @ whole.ravel() / np.linalg.norm(whole)
    assert cosine > 0.94
    assert np.linalg.norm(image.toarray()) == pytest.approx(1, abs=1e-5)
    assert np.corrcoef(merged, trace)[0, 1] > 0.999


def test_one_cell_seen_at_two_places_in_turns_is_one(rng: np.random.Generator) -> None:
    rows, cols = np.mgrid[: FOV[0], : FOV[1]]
    images = np.array(
        [np.hypot(rows - 6, cols - c) <= 3 for c in (4, 5, 6.5, 11)], np.float32
    ).reshape(4, -1)
    images /= np.linalg.norm(images, axis=1)[:, None]
    assert images[1] @ images[2] > 0.6  # but the first two are closer: no chain
    in_turns = np.maximum(rng.normal(0, 1, (4, 200)), 0).astype(np.float32)
    in_turns[0, 100:] = in_turns[1, :100] = 0
    groups = groups_to_merge(sparse.csr_matrix(images), in_turns, merge_corr=0.8)
    assert [group.tolist() for group in groups] == [[0, 1]]


def test_correlated_cells_apart_from_each_other_stay_apart(rng: np.random.Generator) -> None:
    footprints, _, _, _, _ = random_model(rng, overlap=False)
    trace = rng.normal(0, 1, 100).astype(np.float32)
    assert groups_to_merge(footprints, np.array([trace] * 3), merge_corr=0.8) == []


def test_transients_rise_faster_than_they_fall(rng: np.random.Generator) -> None:
    spikes = (rng.random(2000) < 0.01).astype(float)
    calcium = np.convolve(spikes, np.exp(-np.arange(60) / 12.0))[:2000] * 10
    slow = ndimage.gaussian_filter1d(rng.standard_normal(2000), 20) * 40
    noise = rng.normal(0, 1, (2, 2000))
    ratio = step_asymmetry(
        (np.array([calcium, slow]) + noise).astype(np.float32), decay_frames=12.0
    )
    assert ratio[0] > 2
    assert ratio[1] < 1.3


def test_background_is_found_and_cells_are_not_in_it(rng: np.random.Generator) -> None:
    shape = (48, 48)
    neuropil = ndimage.gaussian_filter1d(rng.standard_normal(600), 12)
    neuropil *= 3 / neuropil.std()
    image = 1 + 0.3 * ndimage.gaussian_filter(rng.standard_normal(shape), 8) * 8
    rows, cols = np.mgrid[:48, :48]
    cell = np.hypot(rows - 20, cols - 20) < 5
    activity = np.zeros(600)
    activity[::50] = 40
    data = image.reshape(-1, 1) * neuropil + cell.reshape(-1, 1) * activity
    data = (data + rng.normal(0, 1, data.shape)).astype(np.float32)
    data -= data.mean(axis=1, keepdims=True)
    images, traces = initial_background(
        data,
        np.ones(48 * 48, np.float32),
        fov_shape=shape,
        diameter_px=10.0,
        rank=2,
        ctx=NULL_CONTEXT,
    )
    assert len(traces) == 1  # nothing else is broad and above the noise
    assert abs(np.corrcoef(traces[0], neuropil)[0, 1]) > 0.98
    assert (images >= 0).all()


def test_search_stops_by_itself_in_noise(rng: np.random.Generator) -> None:
    residual = rng.normal(0, 1, (60 * 60, 300)).astype(np.float32)
    search = GreedySearch(
        residual,
        fov_shape=(60, 60),
        diameter_px=8.0,
        decay_bins=4.0,
        n_threads=1,
        ctx=NULL_CONTEXT,
    )
    found = search.run(allowed=np.ones((60, 60), bool), most=100, on_seed=lambda *_: None)
    assert found.shape[0] <= 3


def test_filled_border_is_recognised(rng: np.random.Generator) -> None:
    movie = rng.normal(100, 5, (200, 40, 50)).astype(np.float32)
    movie[50:90, :2] = movie[50:90, 2:3]
    movie[100:160, :, -3:] = movie[100:160, :, -4:-3]
    trusted = trusted_pixels(ArrayMovie(movie), ctx=NULL_CONTEXT)
    assert trusted[3:, :-4].all()
    assert not trusted[:2].any()
    assert not trusted[:, -3:].any()


def test_few_grey_levels_are_no_filled_border(rng: np.random.Generator) -> None:
    movie = rng.poisson(1.0, (200, 40, 50)).astype(np.uint8)
    assert trusted_pixels(ArrayMovie(movie), ctx=NULL_CONTEXT).mean() > 0.99


def test_highpass_removes_glow_and_keeps_cells() -> None:
    rows, cols = np.mgrid[:90, :90]
    glow = 1000 * np.exp(-((rows - 45) ** 2 + (cols - 45) ** 2) / (2 * 60.0**2))
    cell = 50 * np.exp(-((rows - 40) ** 2 + (cols - 50) ** 2) / (2 * 3.0**2))
    movie = HighpassMovie(ArrayMovie((glow + cell)[None].astype(np.float32)), 10.0)
    frame = movie.frames(0, 1)[0]
    assert movie.shape == (1, 90, 90)
    assert frame[40, 50] > 35
    assert np.abs(frame[30:60, 30:35]).max() < 0.03 * 1000


def test_wide_average_on_the_coarse_grid_equals_the_fine_one(rng: np.random.Generator) -> None:
    frame = ndimage.gaussian_filter(rng.standard_normal((96, 120)), 4).astype(np.float32)
    coarse = wide_average(frame, 12.0)
    fine = ndimage.gaussian_filter(frame, 12.0, mode="reflect")
    assert np.abs(coarse - fine).max() < 0.05 * np.abs(frame).max()


def test_a_background_that_is_zero_in_most_pixels_is_no_division_by_zero() -> None:
    images = np.zeros((2, 50), np.float32)
    images[0, :10], images[0, 30:] = 1.0, -0.5
    images[1] = np.linspace(-1, 1, 50)
    traces = np.vstack([np.sin(np.arange(80)), np.cos(np.arange(80))]).astype(np.float32)
    with np.errstate(all="raise"):
        mixed, courses = _mix_nonnegative(images, traces)
    assert np.isfinite(mixed).all()
    assert np.isfinite(courses).all()
    assert mixed.min() >= 0
