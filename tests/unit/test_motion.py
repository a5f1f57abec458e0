"""Motion correction: known motion is found, whatever the movie looks like."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.core.motion import correct_motion
from caiman_gui.core.motion.apply import apply_shifts
from caiman_gui.core.motion.piecewise import PatchGrid
from caiman_gui.core.motion.rigid import RigidRegistrar, find_displacement, flatten
from caiman_gui.core.motion.template import batch_length
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.synthetic import make_recording
from caiman_gui.core.task import NULL_CONTEXT, Cancelled
from caiman_gui.errors import DataError
from caiman_gui.params.motion import MotionParams

RIGID = MotionParams(max_shift_px=6)
PIECEWISE = MotionParams(
    mode="piecewise", max_shift_px=6, patch_size_px=32, patch_overlap_px=12, max_deviation_px=3
)


class Collector:
    """A sink that checks the order of what it is given."""

    def __init__(self):
        self.blocks = []
        self.stop = 0

    def write(self, start, frames):
        assert start == self.stop
        assert frames.dtype == np.float32
        self.blocks.append(frames.copy())
        self.stop += len(frames)

    @property
    def movie(self):
        return np.concatenate(self.blocks)


def correct(movie, params=RIGID, **options):
    return correct_motion(ArrayMovie(movie), params=params, **options)


def rms_error(result, shifts):
    """Error in px without the arbitrary position of the template."""
    error = result.shifts - shifts[:, None]
    return float(np.sqrt(((error - error.mean(axis=0)) ** 2).mean()))


@pytest.fixture(scope="module")
def recording():
    return make_recording(
        shape=(96, 88), n_frames=300, n_neurons=20, max_shift_px=4, frame_rate_hz=20, seed=21
    )


@pytest.fixture(scope="module")
def corrected(recording):
    sink = Collector()
    return correct(recording.movie, sink=sink), sink.movie


def test_known_shifts_are_found(recording, corrected):
    result, _ = corrected
    assert result.is_rigid
    assert result.shifts.shape == (300, 1, 2)
    assert rms_error(result, recording.shifts) < 0.06
    # The sign too: shifts are what has to be added.
    assert np.corrcoef(result.shifts[:, 0, 0], recording.shifts[:, 0])[0, 1] > 0.99
    assert np.corrcoef(result.shifts[:, 0, 1], recording.shifts[:, 1])[0, 1] > 0.99


def test_one_photon_glow_does_not_pull(recording):
    rec = make_recording(
        "one-photon", shape=(96, 88), n_frames=200, n_neurons=15, max_shift_px=4, seed=22
    )
    assert rms_error(correct(rec.movie), rec.shifts) < 0.1
    still = make_recording(
        "one-photon", shape=(96, 88), n_frames=100, n_neurons=15, max_shift_px=0, seed=23
    )
    assert np.abs(correct(still.movie).shifts).max() < 0.15
    assert rms_error(correct(rec.movie, MotionParams(highpass_px=4)), rec.shifts) < 0.1


def test_the_sink_gets_every_frame_as_the_shifts_say(recording, corrected):
    result, movie = corrected
    frames = recording.movie.astype(np.float32)
    expected = apply_shifts(frames, result.shifts, result.patch_centers_px)
    np.testing.assert_array_equal(movie, expected)


def test_summaries_belong_to_the_movies(recording, corrected):
    result, movie = corrected
    np.testing.assert_allclose(result.mean_before, recording.movie.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(result.mean_after, movie.mean(axis=0, dtype=np.float64), rtol=1e-5)
    assert result.correlation.mean() > result.correlation_before.mean() + 0.03
    one = np.corrcoef(movie[7].ravel(), result.template.ravel())[0, 1]
    assert result.correlation[7] == pytest.approx(one, abs=1e-4)
    np.testing.assert_array_equal(result.patch_size_px, (96, 88))
    np.testing.assert_array_equal(result.patch_centers_px, [[47.5, 43.5]])


def test_valid_is_the_field_without_filled_borders(corrected):
    result, _ = corrected
    highest = np.ceil(result.shifts.max(axis=(0, 1)))
    lowest = np.floor(result.shifts.min(axis=(0, 1)))
    expected = np.zeros((96, 88))
    expected[int(highest[0]) : 96 + int(lowest[0]), int(highest[1]) : 88 + int(lowest[1])] = 1
    np.testing.assert_array_equal(result.valid, expected)


@pytest.mark.parametrize("params", [RIGID, PIECEWISE], ids=["rigid", "piecewise"])
def test_threads_change_nothing(recording, params):
    movie = recording.movie[:70]
    sinks = Collector(), Collector()
    one = correct(movie, params, sink=sinks[0], n_threads=1)
    two = correct(movie, params, sink=sinks[1], n_threads=2)
    for name in ("shifts", "template", "correlation", "mean_before", "mean_after", "valid"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    np.testing.assert_array_equal(sinks[0].movie, sinks[1].movie)


def test_piecewise_finds_a_smooth_field(recording):
    """A stretch that comes and goes, on top of the rigid motion."""
    still = make_recording(shape=(96, 96), n_frames=200, n_neurons=20, max_shift_px=0, seed=24)
    course = np.sin(np.arange(200) / 6)
    centers = np.array([[r, c] for r in (0, 95) for c in (0, 95)], np.float32)
    corners = np.array([[-1, 1], [-1, -1], [1, 1], [1, -1]]) * 1.5
    motion = (course[:, None, None] * corners).astype(np.float32)
    motion += (2 * np.cos(np.arange(200) / 9))[:, None, None]
    moved = apply_shifts(still.movie.astype(np.float32), motion, centers)
    result = correct(moved, PIECEWISE)
    place = result.patch_centers_px / 95
    stretch = np.stack([2 * place[:, 0] - 1, 1 - 2 * place[:, 1]], axis=1) * 1.5
    truth = -course[:, None, None] * stretch - (2 * np.cos(np.arange(200) / 9))[:, None, None]
    error = result.shifts - truth
    error -= error.mean(axis=(0, 1))
    assert np.sqrt((error**2).mean()) < 0.25
    rigid = correct(moved, RIGID)
    assert np.sqrt(((rigid.shifts - truth) ** 2).mean()) > 0.5
    assert result.correlation.mean() > rigid.correlation.mean()


def test_an_empty_patch_follows_the_frame():
    rng = np.random.default_rng(3)
    rec = make_recording(shape=(96, 96), n_frames=120, n_neurons=15, max_shift_px=3, seed=25)
    movie = rec.movie.astype(np.float32)
    movie[:, :40, :40] = rng.normal(300, 20, (120, 40, 40))
    result = correct(movie, PIECEWISE)
    assert np.abs(result.shifts[:, 0] - result.frame_shifts).mean() < 1


@pytest.mark.parametrize("params", [RIGID, PIECEWISE], ids=["rigid", "piecewise"])
@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32", "float64", ">u2"])
def test_types_of_samples(dtype, params):
    rec = make_recording(shape=(64, 61), n_frames=60, n_neurons=8, max_shift_px=3, seed=26)
    movie = rec.movie.astype(np.float64)
    if dtype == "int16":
        movie -= 1000
    elif dtype == "uint8":
        movie = np.clip(movie / 6, 0, 255)
    elif dtype.startswith("float"):
        movie = movie / 1e4 - 0.05
    result = correct(movie.astype(dtype), params)
    assert np.isfinite(result.shifts).all()
    assert np.isfinite(result.correlation).all()
    frame_shifts = result.frame_shifts[:, None]
    error = frame_shifts - rec.shifts[:, None]
    assert np.sqrt(((error - error.mean(axis=0)) ** 2).mean()) < 0.25


@pytest.mark.parametrize("params", [RIGID, PIECEWISE, MotionParams(max_shift_px=500)])
@pytest.mark.parametrize("shape", [(30, 40), (8, 8), (17, 53)])
def test_small_and_odd_fields(params, shape):
    rec = make_recording(
        shape=shape, n_frames=20, n_neurons=2, neuron_diameter_px=5, max_shift_px=1, seed=27
    )
    result = correct(rec.movie, params)
    assert np.isfinite(result.shifts).all()
    assert result.template.shape == shape
    assert np.abs(result.shifts).max() <= max(shape)


def test_default_patches_on_a_field_smaller_than_one():
    rec = make_recording(shape=(40, 100), n_frames=40, n_neurons=6, max_shift_px=2, seed=28)
    result = correct(rec.movie, MotionParams(mode="piecewise"))
    assert result.shifts.shape[1] == 2
    np.testing.assert_array_equal(result.patch_size_px, (40, 64))
    np.testing.assert_array_equal(result.patch_centers_px, [[19.5, 31.5], [19.5, 67.5]])


def test_a_flat_frame_stays_where_it_is(recording):
    movie = recording.movie[:80].copy()
    movie[40] = 100
    result = correct(movie)
    assert np.abs(result.shifts[40]).max() < 0.1
    assert result.correlation[40] == 0
    others = np.delete(np.arange(80), 40)
    error = result.shifts[others, 0] - recording.shifts[others]
    assert np.abs(error - np.median(error, axis=0)).max() < 0.3


def test_flicker_without_structure_gives_no_shift():
    movie = np.ones((30, 24, 24), np.float32) * np.arange(30, dtype=np.float32)[:, None, None]
    result = correct(movie)
    np.testing.assert_array_equal(result.shifts, 0)
    np.testing.assert_array_equal(result.correlation, 0)


@pytest.mark.parametrize("params", [RIGID, PIECEWISE], ids=["rigid", "piecewise"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda m: np.full_like(m, 7), "constant"),
        (lambda m: m[:9], "too short"),
        (lambda m: m[:, :5], "too small"),
        (lambda m: np.where(np.arange(40)[:, None, None] == 33, np.nan, m), "missing values"),
        (lambda m: np.where(np.arange(40)[:, None, None] == 33, np.inf, m), "missing values"),
    ],
)
def test_unsuitable_movies_are_refused_in_words(recording, params, spoil, words):
    movie = spoil(recording.movie[:40].astype(np.float32))
    with pytest.raises(DataError, match=words):
        correct(movie, params)


def test_nan_outside_the_sample_is_found_too(monkeypatch, recording):
    monkeypatch.setattr("caiman_gui.core.motion.sample.SAMPLE_FRAMES", 20)
    movie = recording.movie[:60].astype(np.float32)
    movie[31, 4, 4] = np.nan
    with pytest.raises(DataError, match="Frame 31"):
        correct(movie)


class Stopper:
    """Cancels at the n-th check."""

    def __init__(self, allowed):
        self.left = allowed

    def progress(self, done, total, message=""):
        pass

    def check(self):
        self.left -= 1
        if self.left < 0:
            raise Cancelled


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("allowed", [0, 50, 440])
def test_cancel_stops_it(recording, allowed, n_threads):
    sink = Collector()
    with pytest.raises(Cancelled):
        correct(recording.movie, sink=sink, n_threads=n_threads, ctx=Stopper(allowed))
    assert sink.stop < 300


def test_progress_only_grows(recording):
    seen = []

    class Watch:
        def progress(self, done, total, message=""):
            seen.append(done / total)

        def check(self):
            NULL_CONTEXT.check()

    correct(recording.movie[:60], ctx=Watch())
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_batches_do_not_grow_with_the_field():
    assert batch_length(64, 64) == batch_length(256, 256) == 16
    assert batch_length(4000, 4000) == 1


def test_registrar_is_exact_for_whole_shifts():
    image = np.random.default_rng(5).normal(size=(48, 45)).astype(np.float32)
    registrar = RigidRegistrar(image, max_shift_px=8)
    frames = np.stack([np.roll(image, (a, b), axis=(0, 1)) for a, b in ((0, 0), (3, -5), (-8, 8))])
    shifts = registrar.shifts(frames)[:, 0]
    np.testing.assert_allclose(shifts, [(0, 0), (-3, 5), (8, -8)], atol=0.1)


def test_vertex_of_a_parabola():
    rows, cols = np.mgrid[-3:4, -2:3]
    planes = np.stack([5 - (rows - 0.3) ** 2 - 2 * (cols + 0.45) ** 2, np.zeros((7, 5))])
    found = find_displacement(planes.astype(np.float32))
    np.testing.assert_allclose(found, [(0.3, -0.45), (0, 0)], atol=1e-5)


def test_flatten_removes_a_slope_and_keeps_detail():
    rows = np.mgrid[:64, :64][0]
    detail = np.where((rows // 2) % 2, 1.0, -1.0)
    flat = flatten((3.0 * rows + detail).astype(np.float32)[None], 6.0)[0]
    inner = flat[20:-20, 20:-20]
    assert np.abs(inner - detail[20:-20, 20:-20]).max() < 0.2


@pytest.mark.parametrize(
    ("shape", "patch", "overlap", "rows", "cols"),
    [
        ((160, 160), 64, 24, [0, 40, 80, 96], [0, 40, 80, 96]),
        ((64, 30), 64, 24, [0], [0]),
        ((100, 65), 64, 24, [0, 36], [0, 1]),
        ((40, 40), 16, 30, [0, 4, 8, 12, 16, 20, 24], [0, 4, 8, 12, 16, 20, 24]),
    ],
)
def test_patches_end_at_the_border(shape, patch, overlap, rows, cols):
    grid = PatchGrid.over(shape, patch, overlap)
    assert grid.rows.tolist() == rows
    assert grid.cols.tolist() == cols
    assert grid.rows[-1] + grid.size[0] == shape[0]
    assert grid.cols[-1] + grid.size[1] == shape[1]
    image = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    patches = grid.cut(image, (0, 0))
    assert len(patches) == len(grid.centers)
    np.testing.assert_array_equal(patches[-1], image[-grid.size[0] :, -grid.size[1] :])
