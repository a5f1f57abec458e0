"""Source extraction on movies with a known answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.results import SummaryImages
from caiman_gui.core.sources import extract_sources
from caiman_gui.core.task import NULL_CONTEXT, Cancelled, TaskContext
from caiman_gui.errors import DataError, NoResultError
from caiman_gui.params.sources import SourceParams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.results import ComponentSet

SHAPE = (36, 44)
CENTERS = ((9, 10), (10, 32), (26, 12), (25, 31))
FRAME_RATE = 30.0


class Toy:
    """Four Gaussian cells (sigma 2 px) on a constant background with white noise."""

    def __init__(self, n_frames: int = 400, noise: float = 0.5, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
        self.footprints = np.array(
            [np.exp(-((rows - r) ** 2 + (cols - c) ** 2) / 8.0) for r, c in CENTERS]
        )
        spikes = (rng.random((4, n_frames)) < 1.0 / FRAME_RATE).astype(float)
        for k in range(4):
            spikes[k, 5 + 35 * k :: 150] = 1
        self.traces = np.zeros((4, n_frames))
        for t in range(n_frames):
            self.traces[:, t] = spikes[:, t] + (0.9 * self.traces[:, t - 1] if t else 0)
        signal = np.einsum("krc,kt->trc", self.footprints, 10 * self.traces)
        noise_part = noise * rng.standard_normal(signal.shape)
        self.movie = (10 + signal + noise_part).astype(np.float32)


class Recorder:
    """A context that remembers the progress, and stops after a number of checks."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.shares: list[float] = []
        self.checks = 0
        self._stop_after = stop_after

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.shares.append(done / total)

    def check(self) -> None:
        self.checks += 1
        if self._stop_after is not None and self.checks > self._stop_after:
            raise Cancelled


def everywhere(shape: tuple[int, int] = SHAPE) -> SummaryImages:
    ones = np.ones(shape, np.float32)
    return SummaryImages(ones, ones, ones, ones, 100 * ones, ones)


def extract(
    movie: NDArray[np.generic],
    *,
    kind: str = "two-photon",
    n_threads: int = 1,
    ctx: TaskContext = NULL_CONTEXT,
    summary: SummaryImages | None = None,
    on_found=None,
    **params,
) -> ComponentSet:
    return extract_sources(
        ArrayMovie(movie),
        params=SourceParams(**{"neuron_diameter_px": 8.0, **params}),
        kind=kind,
        frame_rate_hz=FRAME_RATE,
        decay_time_s=0.3,
        summary=summary or everywhere(movie.shape[1:]),
        n_threads=n_threads,
        ctx=ctx,
        on_found=on_found,
    )


def cosines(found: ComponentSet, footprints: NDArray[np.floating]) -> NDArray[np.float64]:
    truth = footprints.reshape(len(footprints), -1)
    truth = truth / np.linalg.norm(truth, axis=1, keepdims=True)
    return truth @ found.footprints().toarray().T


@pytest.fixture(scope="module")
def toy() -> Toy:
    return Toy()


@pytest.fixture(scope="module")
def found(toy: Toy) -> ComponentSet:
    return extract(toy.movie)


def test_finds_the_four_cells_and_nothing_else(toy: Toy, found: ComponentSet) -> None:
    assert len(found) == 4
    similarity = cosines(found, toy.footprints)
    truth, match = linear_sum_assignment(-similarity)
    assert similarity[truth, match].min() > 0.95
    for k, m in zip(truth, match, strict=True):
        item = found.items[m]
        assert np.corrcoef(item.trace, toy.traces[k])[0, 1] > 0.95
        assert np.corrcoef(item.raw, toy.traces[k])[0, 1] > 0.95


def test_result_follows_the_conventions(toy: Toy, found: ComponentSet) -> None:
    assert found.fov_shape == SHAPE
    assert found.n_frames == len(toy.movie)
    assert found.ids == (0, 1, 2, 3)
    assert found.next_id == 4
    signal = [item.trace.std() for item in found.items]
    assert signal == sorted(signal, reverse=True)
    for item in found.items:
        assert np.linalg.norm(item.weights) == pytest.approx(1, abs=1e-5)
        assert (item.weights > 0).all()
        assert (np.diff(item.pixels) > 0).all()
        assert item.trace.min() >= 0
        assert not item.activity.any()
    assert (found.background_images >= 0).all()


def test_model_explains_the_movie(toy: Toy, found: ComponentSet) -> None:
    model = found.matrix("trace").T @ found.footprints().toarray()
    model += found.background_traces.T @ found.background_images
    rest = toy.movie - model.reshape(toy.movie.shape)
    assert rest.std() < 1.1 * 0.5
    assert abs(rest.mean()) < 0.01


def test_background_under_a_cell_is_the_level_of_the_movie(found: ComponentSet) -> None:
    for item in found.items:
        level = item.background.mean() / item.weights.sum()
        assert level == pytest.approx(10, rel=0.1)


def test_noise_gives_no_cells() -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(100, 10, (400, 64, 64)).astype(np.float32)
    with pytest.raises(NoResultError, match="No cells"):
        extract(noise)


def test_slow_waves_give_no_cells() -> None:
    rng = np.random.default_rng(5)
    waves = ndimage.gaussian_filter1d(rng.standard_normal((900, 3)), 40, axis=0)
    waves /= waves.std(axis=0)
    maps = np.abs(ndimage.gaussian_filter(rng.standard_normal((3, 48, 48)), (0, 10, 10))) * 40
    movie = 100 + np.einsum("tm,mrc->trc", waves, maps) + rng.normal(0, 3, (900, 48, 48))
    with pytest.raises(NoResultError):
        extract(movie.astype(np.float32))


def test_constant_movie_is_refused() -> None:
    with pytest.raises(DataError, match="constant"):
        extract(np.full((50, 32, 32), 7, np.uint16))


def test_threads_do_not_change_a_bit(toy: Toy, found: ComponentSet) -> None:
    other = extract(toy.movie, n_threads=2)
    assert other.ids == found.ids
    for a, b in zip(found.items, other.items, strict=True):
        assert np.array_equal(a.pixels, b.pixels)
        assert np.array_equal(a.weights, b.weights)
        assert np.array_equal(a.trace, b.trace)
        assert np.array_equal(a.residual, b.residual)
    assert np.array_equal(found.background_images, other.background_images)


def test_integer_movie_gives_the_same_cells(toy: Toy) -> None:
    counts = np.rint(50 * toy.movie).astype(np.uint16)
    assert cosines(extract(counts), toy.footprints).max(axis=1).min() > 0.95


def test_overlapping_cells_are_told_apart() -> None:
    rng = np.random.default_rng(8)
    rows, cols = np.mgrid[:40, :40]
    pair = np.array([np.hypot(rows - 20, cols - c) < 5 for c in (16, 23)], float)
    traces = np.zeros((2, 900))
    for k in range(2):
        for start in rng.integers(0, 870, 12):
            length = 900 - start
            traces[k, start:] += np.exp(-np.arange(length) / 9.0)
    movie = 50 + np.einsum("krc,kt->trc", pair, 8 * traces) + rng.normal(0, 2, (900, 40, 40))
    found = extract(movie.astype(np.float32), neuron_diameter_px=10.0)
    similarity = cosines(found, pair)
    truth, match = linear_sum_assignment(-similarity)
    assert len(found) == 2
    assert similarity[truth, match].min() > 0.93
    for k, m in zip(truth, match, strict=True):
        assert np.corrcoef(found.items[m].raw, traces[k])[0, 1] > 0.9


def test_cells_start_only_where_the_summary_images_allow(toy: Toy) -> None:
    corr = np.zeros(SHAPE, np.float32)
    corr[:, : SHAPE[1] // 2] = 0.5
    ones = np.ones(SHAPE, np.float32)
    left = SummaryImages(ones, ones, ones, corr, ones, ones)
    found = extract(toy.movie, summary=left, min_corr=0.3)
    assert len(found) == 2
    assert all(item.center(SHAPE[1])[1] < SHAPE[1] / 2 for item in found.items)


def test_number_of_components_is_bounded(toy: Toy) -> None:
    assert len(extract(toy.movie, max_components=2)) == 2


def test_centres_are_reported_while_searching(toy: Toy) -> None:
    reports: list[NDArray[np.float32]] = []
    extract(toy.movie, on_found=reports.append)
    assert all(report.ndim == 2 and report.shape[1] == 2 for report in reports)
    distance = np.linalg.norm(reports[-1][:, None] - np.array(CENTERS)[None], axis=2)
    assert distance.min(axis=0).max() < 1.0


def test_progress_rises_to_the_end(toy: Toy) -> None:
    recorder = Recorder()
    extract(toy.movie, ctx=recorder)
    shares = np.array(recorder.shares)
    assert (np.diff(shares) >= -1e-9).all()
    assert shares[-1] == pytest.approx(1)
    assert ((shares > 0.2) & (shares < 0.8)).sum() > 5


@pytest.mark.parametrize("stop_after", [0, 10, 40])
def test_can_be_stopped(toy: Toy, stop_after: int) -> None:
    with pytest.raises(Cancelled):
        extract(toy.movie, ctx=Recorder(stop_after))


def test_filled_in_border_makes_no_cells(toy: Toy) -> None:
    movie = toy.movie.copy()
    movie[150:260, :4] = movie[150:260, 4:5]  # as motion correction fills a shifted frame
    found = extract(movie)
    assert len(found) == 4
    rows = np.concatenate([item.pixels // SHAPE[1] for item in found.items])
    assert rows.min() > 4


def test_one_photon_cells_under_a_glow() -> None:
    rng = np.random.default_rng(3)
    toy = Toy(n_frames=600)
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    glow = np.exp(-((rows - 18) ** 2 + (cols - 22) ** 2) / (2 * 25.0**2))
    level = 200 + 40 * ndimage.gaussian_filter1d(rng.standard_normal(600), 15)
    movie = toy.movie + level[:, None, None] * glow
    found = extract(movie.astype(np.float32), kind="one-photon", neuron_diameter_px=10.0)
    similarity = cosines(found, toy.footprints)
    truth, match = linear_sum_assignment(-similarity)
    assert similarity[truth, match].min() > 0.9
    for k, m in zip(truth, match, strict=True):
        assert np.corrcoef(found.items[m].raw, toy.traces[k])[0, 1] > 0.9


def test_nothing_is_found_in_excluded_pixels() -> None:
    toy = Toy()
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    excluded = (rows - CENTERS[0][0]) ** 2 + (cols - CENTERS[0][1]) ** 2 < 64
    found = extract_sources(
        ArrayMovie(toy.movie),
        params=SourceParams(neuron_diameter_px=8),
        kind="two-photon",
        frame_rate_hz=FRAME_RATE,
        decay_time_s=0.4,
        summary=everywhere(),
        excluded=excluded,
        n_threads=1,
        ctx=NULL_CONTEXT,
    )
    assert len(found) == 3
    covered = np.asarray((found.footprints() != 0).sum(axis=0)).reshape(SHAPE) > 0
    assert not (covered & excluded).any()
