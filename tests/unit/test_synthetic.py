"""Known answers about the movies that every other test relies on."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.core.motion import correct_motion
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.quality import decide, measure_quality
from caiman_gui.core.sources import extract_sources
from caiman_gui.core.summary import summarise
from caiman_gui.core.synthetic import demo_recording, make_recording
from caiman_gui.core.task import NULL_CONTEXT, Cancelled
from caiman_gui.params.motion import MotionParams
from caiman_gui.params.quality import QualityParams
from caiman_gui.params.sources import SourceParams

SMALL = {"shape": (48, 40), "n_frames": 120, "n_neurons": 6}


@pytest.mark.parametrize("kind", ["two-photon", "one-photon"])
def test_shapes_and_types(kind):
    rec = make_recording(kind, seed=1, **SMALL)
    assert rec.movie.shape == (120, 48, 40)
    assert rec.movie.dtype == np.uint16
    assert rec.footprints.shape == (6, 48 * 40)
    assert rec.calcium.shape == rec.spikes.shape == (6, 120)
    assert rec.shifts.shape == (120, 2)
    assert rec.template.shape == (48, 40)
    assert rec.kind == kind
    assert (rec.spikes.sum(axis=1) > 0).all()
    assert (rec.calcium >= 0).all()


def test_same_seed_same_movie():
    first, again, other = (make_recording(seed=s, **SMALL) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.movie, again.movie)
    assert not np.array_equal(first.movie, other.movie)


@pytest.mark.parametrize("kind", ["two-photon", "one-photon"])
def test_mean_of_a_still_movie_is_the_template(kind):
    rec = make_recording(kind, shape=(40, 40), n_frames=600, n_neurons=4, max_shift_px=0, seed=2)
    np.testing.assert_array_equal(rec.shifts, 0)
    error = rec.movie.mean(axis=0) - rec.template
    assert np.abs(error).mean() < 0.05 * rec.template.mean()
    assert np.corrcoef(rec.movie.mean(axis=0).ravel(), rec.template.ravel())[0, 1] > 0.97


def test_motion_is_subpixel_and_bounded():
    rec = make_recording(max_shift_px=4, seed=5, **SMALL)
    assert 0.5 < np.abs(rec.shifts).max() <= 4
    assert np.abs(rec.shifts - np.rint(rec.shifts)).mean() > 0.05


def test_shifts_bring_frames_back():
    """Rolling a frame by its rounded shift makes it more like the template."""
    rec = make_recording(shape=(64, 64), n_frames=60, n_neurons=8, max_shift_px=6, seed=6)
    frame = int(np.argmax(np.abs(rec.shifts).max(axis=1)))
    image = rec.movie[frame].astype(float)
    inner = (slice(8, -8), slice(8, -8))

    def likeness(shift):
        moved = np.roll(image, tuple(np.rint(shift).astype(int)), axis=(0, 1))
        return np.corrcoef(moved[inner].ravel(), rec.template[inner].ravel())[0, 1]

    assert likeness(rec.shifts[frame]) > likeness((0, 0)) + 0.05
    assert likeness(rec.shifts[frame]) > likeness(-rec.shifts[frame]) + 0.05


def test_noise_follows_the_light():
    rec = make_recording(shape=(32, 32), n_frames=400, n_neurons=0, max_shift_px=0, seed=8)
    jumps = np.diff(rec.movie.astype(float), axis=0).std(axis=0) / np.sqrt(2)
    expected = np.sqrt(30.0 * (rec.template - 100) + 10.0**2)
    assert np.median(jumps / expected) == pytest.approx(1, abs=0.05)


def test_footprints_have_the_asked_diameter():
    rec = make_recording(shape=(96, 96), n_frames=20, n_neurons=10, neuron_diameter_px=12, seed=9)
    area = (rec.footprints.toarray() > 0.5).sum(axis=1)
    assert np.median(2 * np.sqrt(area / np.pi)) == pytest.approx(12, abs=2)
    np.testing.assert_allclose(rec.footprints.toarray().max(axis=1), 1, atol=0.02)


def test_calcium_decays_as_stated():
    rec = make_recording(shape=(24, 24), n_frames=400, n_neurons=5, frame_rate_hz=50, seed=10)
    for calcium, spikes in zip(rec.calcium, rec.spikes, strict=True):
        last = int(np.flatnonzero(spikes)[-1])
        tail = calcium[last + 25 :]
        if tail.size > 12 and tail[10] > 1e-3:
            decay = 10 / 50 / np.log(tail[0] / tail[10])
            assert decay == pytest.approx(rec.decay_time_s, rel=0.02)


def test_cancel_stops_at_once():
    class Stop:
        def progress(self, done, total, message=""):
            pass

        def check(self):
            raise Cancelled

    with pytest.raises(Cancelled):
        make_recording(ctx=Stop(), **SMALL)


def test_the_demo_is_small():
    assert demo_recording().movie.shape == (1000, 128, 128)


def test_dim_neurons_differ_in_light_only():
    options = {"shape": (40, 44), "n_frames": 60, "n_neurons": 4, "max_shift_px": 0, "seed": 3}
    plain, dim = make_recording(**options), make_recording(n_dim=4, **options)
    assert np.array_equal(plain.calcium, dim.calcium)
    assert np.array_equal(plain.footprints.toarray(), dim.footprints.toarray())
    light = plain.template - dim.template
    assert light.min() > -1e-3
    inside = plain.footprints.toarray().max(axis=0).reshape(40, 44) > 0.5
    assert light[inside].mean() > 10 * light[~inside].mean()


@pytest.mark.slow
def test_demo_has_cells_to_keep_and_cells_to_doubt():
    rec = demo_recording()
    frames = []

    class Sink:
        def write(self, start, block):
            frames.append(block.copy())

    correct_motion(ArrayMovie(rec.movie), params=MotionParams(), sink=Sink())
    movie = ArrayMovie(np.concatenate(frames))
    images = summarise(movie, use_filter=False, neuron_diameter_px=rec.neuron_diameter_px)
    times = {"frame_rate_hz": rec.frame_rate_hz, "decay_time_s": rec.decay_time_s}
    found = extract_sources(
        movie,
        params=SourceParams(neuron_diameter_px=rec.neuron_diameter_px),
        kind=rec.kind,
        summary=images,
        n_threads=1,
        ctx=NULL_CONTEXT,
        **times,
    )
    measured = measure_quality(found, movie, **times)
    accepted = [d.accepted for d in decide(measured, params=QualityParams(), labels={}).values()]
    assert sum(accepted) >= 25
    assert 3 <= len(accepted) - sum(accepted) <= 6
