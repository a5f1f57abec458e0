"""What a quick look through a recording finds, on movies made for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.prepare.sampling import affordable_frames, sample_runs, sampled_images
from caiman_gui.core.survey import MOST_FRAMES, N_BINS, survey, survey_warnings
from caiman_gui.core.synthetic import make_recording
from caiman_gui.core.task import NULL_CONTEXT, Cancelled


def noise(n_frames=300, shape=(20, 24), mean=200, dtype=np.uint16, seed=0):
    return np.random.default_rng(seed).poisson(mean, (n_frames, *shape)).astype(dtype)


def warned(movie):
    return survey_warnings(survey(ArrayMovie(movie)), len(movie))


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "i2", "i4", "f2", "f4", ">f8"])
def test_the_numbers_equal_those_of_all_samples(dtype):
    movie = np.random.default_rng(0).poisson(90, (300, 20, 24)).astype(dtype)
    got = survey(ArrayMovie(movie))
    exact = movie.astype(np.float64)
    np.testing.assert_array_equal(got.sampled_frames, np.arange(300))
    np.testing.assert_allclose(got.mean_intensity, exact.mean(axis=(1, 2)), rtol=1e-12)
    assert (got.minimum, got.maximum) == (exact.min(), exact.max())
    assert got.histogram.shape == (N_BINS,)
    assert got.histogram.sum() == movie.size
    expected, _ = np.histogram(exact, got.bin_edges)
    np.testing.assert_array_equal(got.histogram, expected)
    assert got.bin_edges[0] <= exact.min() <= exact.max() <= got.bin_edges[-1]
    assert got.bit_depth == 7
    assert got.saturation_level is None
    assert got.saturated_share == got.negative_share == got.missing_share == 0
    assert got.n_constant_frames == got.n_repeated_frames == 0
    assert got.dark_frames.size == got.bright_frames.size == 0
    assert survey_warnings(got, 300) == ()


def test_an_ordinary_recording_gives_no_warning():
    for kind in ("two-photon", "one-photon"):
        movie = make_recording(kind, shape=(48, 48), n_frames=400, n_neurons=8).movie
        assert warned(movie) == ()


def test_a_long_movie_is_looked_at_in_part_and_always_the_same_way():
    class Counting(ArrayMovie):
        n_read = 0

        def frames(self, start, stop):
            self.n_read += stop - start
            return super().frames(start, stop)

    array = np.zeros((50_000, 4, 6), np.uint16)
    array[:] = np.arange(50_000)[:, None, None] % 4096 + np.arange(6)
    movie = Counting(array)
    got = survey(movie)
    assert got.sampled_frames.size == movie.n_read == MOST_FRAMES
    assert got.sampled_frames[0] == 0
    assert got.sampled_frames[-1] == 49_999
    assert np.diff(got.sampled_frames).min() == 1
    assert np.diff(got.sampled_frames).max() < 250
    again = survey(movie)
    np.testing.assert_array_equal(got.sampled_frames, again.sampled_frames)
    np.testing.assert_array_equal(got.histogram, again.histogram)
    few = survey(movie, budget_bytes=100 * 4 * 6 * 2)
    assert few.sampled_frames.size == pytest.approx(100, abs=8)


def test_saturation_is_found_and_told():
    movie = noise()
    movie[:, :5] = 4095
    got = survey(ArrayMovie(movie))
    assert got.saturation_level == 4095
    assert got.saturated_share == pytest.approx(0.25)
    assert got.bit_depth == 12
    (text,) = survey_warnings(got, 300)
    assert "saturated" in text
    assert "4095" in text
    assert "25 %" in text


def test_samples_below_zero_are_explained():
    movie = np.random.default_rng(0).normal(5, 20, (300, 20, 24)).astype(np.int16)
    got = survey(ArrayMovie(movie))
    assert got.negative_share == (movie < 0).mean()
    assert any("offset was subtracted" in text for text in survey_warnings(got, 300))
    wrapped = np.random.default_rng(0).integers(0, 65536, (300, 20, 24)).astype(np.uint16)
    assert any("without a sign" in text for text in warned(wrapped.view(np.int16)))


def test_missing_samples_are_counted_and_told():
    movie = noise(dtype=np.float32)
    movie[3:6, 4, 4] = np.nan
    movie[7] = np.inf
    got = survey(ArrayMovie(movie))
    assert got.missing_share == pytest.approx((3 + 480) / movie.size)
    assert math.isnan(got.mean_intensity[7])
    assert np.isfinite(np.delete(got.mean_intensity, 7)).all()
    assert got.maximum == movie[np.isfinite(movie)].max()
    assert any("no numbers" in text for text in survey_warnings(got, 300))
    assert all(image.dtype == np.uint8 for _, image in got.thumbnails)


def test_blank_and_repeated_frames_are_counted():
    movie = noise()
    movie[100] = movie[101] = 7
    movie[200] = movie[199]
    got = survey(ArrayMovie(movie))
    assert got.n_constant_frames == 2
    assert got.n_repeated_frames == 2
    texts = " ".join(survey_warnings(got, 300))
    assert "2 of the 300 frames looked at are blank" in texts
    assert "2 of the 300 frames looked at are copies" in texts


def test_sudden_jumps_of_brightness_are_found():
    movie = noise(mean=100).astype(np.float64)
    movie *= np.linspace(1.5, 0.7, 300)[:, None, None]  # it bleaches
    movie += 1000  # an offset is no light
    movie[:2] = 1000
    movie[120] += 90
    movie[200:203] += 300
    got = survey(ArrayMovie(movie.astype(np.uint16)))
    assert got.dark_frames.tolist() == [0, 1]
    assert got.bright_frames.tolist() == [120, 200, 201, 202]
    texts = survey_warnings(got, 300)
    assert any("2 of the 300 frames looked at are suddenly much darker" in t for t in texts)
    assert any("the first is frame 121" in t and "brighter" in t for t in texts)


def test_slow_changes_are_no_jumps():
    movie = noise(mean=100).astype(np.float64)
    movie *= (1.5 + np.sin(np.arange(300) / 20))[:, None, None]
    got = survey(ArrayMovie(movie.astype(np.uint16)))
    assert got.dark_frames.size == got.bright_frames.size == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 4095], 1),  # two levels are a bit, however far apart
        (np.arange(4096), 12),
        (np.arange(4096) * 16, 12),
        (np.arange(300) + 1000, 9),
        (np.arange(256.0), 8),
        ([0.5, 0.75], None),
        ([3], None),
    ],
)
def test_bit_depth_counts_levels_not_size(values, expected):
    values = np.asarray(values)
    movie = np.resize(values, (40, 16, 16))
    if values.dtype.kind == "i":
        movie = movie.astype(np.uint16)
    assert survey(ArrayMovie(movie)).bit_depth == expected


def test_few_levels_are_told():
    movie = np.random.default_rng(0).integers(0, 20, (300, 16, 16)).astype(np.uint8)
    assert any("5 bits" in text for text in warned(movie))


def test_thumbnails_are_small_and_share_one_contrast():
    movie = np.full((300, 200, 400), 100, np.uint16)
    movie += np.arange(300, dtype=np.uint16)[:, None, None]
    got = survey(ArrayMovie(movie), n_thumbnails=5)
    frames = [frame for frame, _ in got.thumbnails]
    assert len(frames) == 5
    assert frames[0] == 0
    assert frames[-1] == 299
    assert set(frames) <= set(got.sampled_frames.tolist())
    assert all(image.shape == (48, 96) for _, image in got.thumbnails)
    levels = [int(image.mean()) for _, image in got.thumbnails]
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] > 200
    assert survey(ArrayMovie(movie), n_thumbnails=0).thumbnails == ()


@pytest.mark.parametrize("shape", [(0, 8, 8), (1, 1, 1), (3, 1, 500), (9, 7, 2)])
@pytest.mark.parametrize("dtype", ["u2", "f4", "?"])
def test_tiny_movies_are_looked_at_too(shape, dtype):
    movie = np.ones(shape, dtype)
    got = survey(ArrayMovie(movie))
    assert got.sampled_frames.size == shape[0]
    assert got.histogram.sum() == movie.size
    assert survey_warnings(got, shape[0])[0].startswith(f"The movie has only {shape[0]} frame")


def test_all_samples_missing():
    got = survey(ArrayMovie(np.full((20, 8, 8), np.nan)))
    assert got.missing_share == 1
    assert math.isnan(got.minimum)
    assert got.bit_depth is None
    assert survey_warnings(got, 300)


def test_results_cannot_be_changed():
    got = survey(ArrayMovie(noise()))
    with pytest.raises(ValueError, match="read-only"):
        got.mean_intensity[0] = 1


def test_it_can_be_stopped_and_tells_how_far_it_is():
    seen = []

    class Watch:
        def progress(self, done, total, message=""):
            seen.append((done / total, message))

        def check(self):
            if len(seen) > 5:
                raise Cancelled

    with pytest.raises(Cancelled):
        survey(ArrayMovie(noise()), ctx=Watch())
    assert seen == sorted(seen)
    assert seen[0] == (0, "Looking through the recording")


# ---------------------------------------------------------------- sampling
@given(st.integers(0, 5000), st.integers(1, 600), st.integers(1, 40))
def test_runs_are_even_and_do_not_overlap(n_frames, n_wanted, run_frames):
    runs = sample_runs(n_frames, n_wanted, run_frames)
    frames = [frame for start, stop in runs for frame in range(start, stop)]
    assert frames == sorted(set(frames))
    assert all(0 <= frame < n_frames for frame in frames)
    if n_wanted >= n_frames:
        assert frames == list(range(n_frames))
    else:
        assert n_wanted - run_frames < len(frames) <= n_wanted
        if len(runs) > 1:
            assert (frames[0], frames[-1]) == (0, n_frames - 1)
            gaps = np.diff([start for start, _ in runs])
            assert gaps.max() - gaps.min() <= 1


def test_the_budget_decides_how_many_frames_are_read():
    movie = ArrayMovie(np.zeros((1000, 10, 10), np.uint16))
    assert affordable_frames(movie, 200 * 50, 400) == 50
    assert affordable_frames(movie, 10**9, 400) == 400
    assert affordable_frames(movie, 0, 400, least=7) == 7
    assert affordable_frames(movie, 10**9, 4000) == 1000


def test_images_are_read_in_order_and_know_their_neighbours(monkeypatch):
    monkeypatch.setattr("caiman_gui.core.prepare.sampling.READ_BYTES", 3)
    movie = ArrayMovie(np.arange(20, dtype=np.uint8).reshape(20, 1, 1))
    found = list(sampled_images(movie, ((0, 4), (4, 6), (9, 10)), NULL_CONTEXT))
    assert [(frame, follows, int(image[0, 0])) for frame, follows, image in found] == [
        (0, False, 0), (1, True, 1), (2, True, 2), (3, True, 3), (4, True, 4), (5, True, 5),
        (9, False, 9),
    ]  # fmt: skip


@pytest.mark.data
def test_real_recordings(shared_data):
    import tifffile

    sima = tifffile.imread(shared_data / "sima-example" / "example.tif")
    got = survey(ArrayMovie(sima))
    assert got.saturation_level == 4094
    assert got.bit_depth == 12
    assert len(survey_warnings(got, len(sima))) == 2
    mouse = tifffile.imread(shared_data / "thunder-mouse-fish" / "mouse_500x64x64_int16.tif")
    assert warned(mouse) == ()
