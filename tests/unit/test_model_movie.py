"""Movies made of results equal the dense products they stand for."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.core.model_movie import BackgroundMovie, ModelMovie, ResidualMovie
from caiman_gui.core.movie import ArrayMovie, Movie
from caiman_gui.core.results import Component, ComponentSet

T, H, W = 23, 7, 9


def make_set(n: int = 5, n_background: int = 2) -> ComponentSet:
    rng = np.random.default_rng(0)
    zeros = np.zeros(T, np.float32)
    items = tuple(
        Component(
            id=10 + i,
            pixels=np.sort(rng.choice(H * W, 12, replace=False)),
            weights=rng.random(12, np.float32),
            trace=rng.random(T, np.float32) * 9,
            residual=zeros,
            activity=zeros,
            background=zeros,
        )
        for i in range(n)
    )
    return ComponentSet(
        items=items,
        fov_shape=(H, W),
        n_frames=T,
        background_images=rng.random((n_background, H * W), np.float32),
        background_traces=rng.random((n_background, T), np.float32),
        next_id=10 + n,
    )


def dense(components: ComponentSet, ids=None) -> np.ndarray:
    out = np.zeros((T, H * W))
    for item in components.items:
        if ids is None or item.id in ids:
            out[:, item.pixels] += item.trace[:, None].astype(float) * item.weights
    return out.reshape(T, H, W)


def dense_background(components: ComponentSet) -> np.ndarray:
    product = components.background_traces.T.astype(float) @ components.background_images
    return product.reshape(T, H, W)


@pytest.mark.parametrize("ids", [None, {11, 13}, set()])
def test_the_model_is_footprints_times_traces(ids) -> None:
    components = make_set()
    movie = ModelMovie(components, ids)
    assert isinstance(movie, Movie)
    assert (movie.shape, movie.dtype) == ((T, H, W), np.float32)
    expected = dense(components, ids)
    np.testing.assert_allclose(movie.frames(0, T), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(movie.frames(7, 9), expected[7:9], rtol=1e-5, atol=1e-5)
    some = np.array([0, 5, 40, 62])
    np.testing.assert_allclose(
        movie.pixels(some), expected.reshape(T, -1)[:, some].T, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_the_background_is_images_times_traces(rank) -> None:
    components = make_set(n_background=rank)
    movie = BackgroundMovie(components)
    expected = dense_background(components)
    np.testing.assert_allclose(movie.frames(3, 11), expected[3:11], rtol=1e-5, atol=1e-6)
    some = np.array([62, 1])
    np.testing.assert_allclose(
        movie.pixels(some), expected.reshape(T, -1)[:, some].T, rtol=1e-5, atol=1e-6
    )


def test_the_three_parts_add_up_to_the_movie() -> None:
    components = make_set()
    data = np.random.default_rng(1).integers(0, 4000, (T, H, W)).astype(np.uint16)
    residual = ResidualMovie(ArrayMovie(data), components)
    assert residual.frames(0, 1).dtype == np.float32
    total = (
        residual.frames(4, 20)
        + ModelMovie(components).frames(4, 20)
        + BackgroundMovie(components).frames(4, 20)
    )
    np.testing.assert_allclose(total, data[4:20], rtol=1e-5)
    assert data.dtype == np.uint16


def test_the_residual_offers_pixels_if_the_movie_does() -> None:
    class ByPixel(ArrayMovie):
        def pixels(self, numbers, *, ctx):
            return self.frames(0, T).reshape(T, -1)[:, numbers].T

    components = make_set()
    data = np.random.default_rng(1).random((T, H, W), np.float32)
    residual = ResidualMovie(ByPixel(data), components)
    assert residual.pixels is not None
    some = np.array([5, 3, 62])
    expected = residual.frames(0, T).reshape(T, -1)[:, some].T
    np.testing.assert_allclose(residual.pixels(some), expected, rtol=1e-4, atol=1e-5)
    assert ResidualMovie(ArrayMovie(data), components).pixels is None


def test_frames_beyond_the_ends_are_left_out() -> None:
    components = make_set()
    movie = ArrayMovie(np.zeros((T, H, W), np.float32))
    for part in (
        ModelMovie(components),
        BackgroundMovie(components),
        ResidualMovie(movie, components),
    ):
        assert part.frames(-5, 2).shape == (2, H, W)
        assert part.frames(T - 1, T + 9).shape == (1, H, W)
        assert part.frames(T + 3, T + 9).shape == (0, H, W)


def test_a_set_without_components_is_dark() -> None:
    components = make_set(0)
    assert not ModelMovie(components).frames(0, T).any()
    assert not ModelMovie(components).pixels(np.array([3])).any()


def test_closing_the_residual_closes_the_movie_below() -> None:
    class Closable(ArrayMovie):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

    movie = Closable(np.zeros((T, H, W), np.float32))
    ResidualMovie(movie, make_set()).close()
    assert movie.is_closed
    ResidualMovie(ArrayMovie(np.zeros((T, H, W))), make_set()).close()


def test_a_movie_of_another_recording_is_refused() -> None:
    with pytest.raises(ValueError, match="components of"):
        ResidualMovie(ArrayMovie(np.zeros((T, H, W + 1))), make_set())
