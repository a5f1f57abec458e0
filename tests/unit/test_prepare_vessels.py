"""Dark vessels planted between neurons are suggested; gaps between neurons are not."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from caiman_gui.core.prepare.vessels import suggest_vessels
from caiman_gui.core.synthetic import make_recording

SIDE = 192


@cache
def mean_image(kind, seed):
    movie = make_recording(
        kind, shape=(SIDE, SIDE), n_frames=40, n_neurons=60, max_shift_px=1.0, seed=seed
    ).movie
    return movie.mean(axis=0)


def with_vessels(kind, seed, depth):
    """A mean image with three winding vessels, and where they are."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros((SIDE, SIDE), np.float32)
    for start, width in ((35, 4), (95, 7), (155, 10)):
        x = np.linspace(0, SIDE, 12)
        y = start + np.cumsum(rng.normal(0, 4, 12))
        points = np.rint(np.stack([x, y], axis=1)).astype(np.int32)
        cv2.polylines(drawn, [points], False, 1.0, width)
    soft = cv2.GaussianBlur(drawn, (0, 0), 0.8)
    return 100 + (mean_image(kind, seed) - 100) * (1 - depth * soft), drawn > 0


@pytest.mark.parametrize(("kind", "depth"), [("two-photon", 0.75), ("one-photon", 0.35)])
@pytest.mark.parametrize("seed", range(3))
def test_vessels_are_found_and_little_else(kind, depth, seed):
    image, vessels = with_vessels(kind, seed, depth)
    got = suggest_vessels(image)
    around = cv2.dilate(vessels.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert (got & vessels).sum() > 0.5 * vessels.sum()
    assert (got & around).sum() > 0.9 * got.sum()


@pytest.mark.parametrize("kind", ["two-photon", "one-photon"])
@pytest.mark.parametrize("seed", range(3))
def test_without_vessels_nearly_nothing_is_suggested(kind, seed):
    assert suggest_vessels(mean_image(kind, seed)).mean() < 0.02


def test_bright_cells_cast_no_shadow():
    image = np.random.default_rng(0).normal(100, 1, (SIDE, SIDE))
    for row, col in ((50, 60), (60, 130), (120, 90), (130, 100)):
        cv2.circle(image, (col, row), 6, 2000.0, -1)
    assert not suggest_vessels(image).any()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint16),
        np.full((64, 64), np.nan),
        np.random.default_rng(0).normal(size=(20, 200)),
        np.random.default_rng(0).normal(size=(1, 1)),
        np.add.outer(np.arange(64), np.arange(64)),
    ],
)
def test_images_without_anything_give_nothing(image):
    got = suggest_vessels(image)
    assert got.shape == image.shape
    assert not got.any()


def test_brightness_and_offset_do_not_matter():
    image, _ = with_vessels("two-photon", 0, 0.75)
    expected = suggest_vessels(image)
    scaled = suggest_vessels((3 * image + 500).astype(np.float32))
    assert (scaled != expected).mean() < 1e-3


@pytest.mark.data
def test_the_vessels_of_a_miniscope_movie(shared_data):
    import av

    with av.open(str(shared_data / "minian-1p-video" / "minian.mp4")) as video:
        frames = [
            frame.to_ndarray(format="gray")[:240, :376]
            for _, frame in zip(range(20), video.decode(video=0), strict=False)
        ]
    got = suggest_vessels(np.mean(frames, axis=0))
    assert 0.005 < got.mean() < 0.1
