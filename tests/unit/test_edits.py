"""Merging, deleting and labelling: properties that always hold, and known answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caiman_gui.core.edits import delete, merge, set_labels
from caiman_gui.core.results import Component, ComponentSet, Metrics

SIDE, T = 12, 40


def make_set(count, seed=0):
    rng = np.random.default_rng(seed)
    items = []
    for i in range(count):
        pixels = np.sort(rng.choice(SIDE * SIDE, rng.integers(1, 20), replace=False))
        weights = rng.random(pixels.size) + 0.01
        items.append(
            Component(
                id=3 * i + 1,
                pixels=pixels,
                weights=weights / np.linalg.norm(weights),
                trace=rng.random(T) * 10,
                residual=rng.normal(0, 1, T),
                activity=rng.random(T),
                background=rng.random(T) + 50,
                metrics=Metrics(snr=1.0),
            )
        )
    return ComponentSet(
        items=tuple(items),
        fov_shape=(SIDE, SIDE),
        n_frames=T,
        background_images=rng.random((1, SIDE * SIDE)),
        background_traces=rng.random((1, T)),
        next_id=3 * count + 5,
    )


@settings(max_examples=60, deadline=None)
@given(count=st.integers(2, 8), seed=st.integers(0, 1000), data=st.data())
def test_merge_keeps_ids_unique_and_inputs_unchanged(count, seed, data):
    before = make_set(count, seed)
    copies = [(i.id, i.weights.copy(), i.trace.copy(), i.residual.copy()) for i in before.items]
    chosen = data.draw(st.lists(st.sampled_from(before.ids), min_size=2, unique=True))
    after = merge(before, chosen)
    assert after.next_id == before.next_id + 1
    assert after.ids == (*(i for i in before.ids if i not in chosen), before.next_id)
    assert all(after.by_id(i) is before.by_id(i) for i in before.ids if i not in chosen)
    made = after.items[-1]
    assert made.origin == "merged"
    assert set(made.parents) == set(chosen)
    assert np.linalg.norm(made.weights) == pytest.approx(1, abs=1e-5)
    assert (made.weights > 0).all()
    assert (np.diff(made.pixels) > 0).all()
    assert np.isfinite(made.raw).all()
    assert not made.activity.any()
    assert np.isnan(made.metrics.snr)
    assert made.dff is None
    for item, (identity, weights, trace, residual) in zip(before.items, copies, strict=True):
        assert item.id == identity
        np.testing.assert_array_equal(item.weights, weights)
        np.testing.assert_array_equal(item.trace, trace)
        np.testing.assert_array_equal(item.residual, residual)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), data=st.data())
def test_ids_are_never_used_again(seed, data):
    components = make_set(6, seed)
    seen = set(components.ids)
    for _ in range(5):
        if data.draw(st.booleans()) and len(components) >= 2:
            chosen = data.draw(st.lists(st.sampled_from(components.ids), min_size=2, unique=True))
            components = merge(components, chosen)
            assert components.ids[-1] not in seen
            seen.add(components.ids[-1])
        elif len(components):
            chosen = data.draw(st.lists(st.sampled_from(components.ids), unique=True))
            left = tuple(i for i in components.ids if i not in chosen)
            next_id = components.next_id
            components = delete(components, chosen)
            assert components.ids == left
            assert components.next_id == next_id
        assert components.next_id > max(seen)


def test_two_halves_of_a_cell_become_the_cell():
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    cell = np.exp(-((rows - 6) ** 2 + (cols - 6) ** 2) / 8).ravel()
    cell[cell < 0.05] = 0
    cell /= np.linalg.norm(cell)
    signal = 100 * rng.random(T)
    light = np.full(SIDE * SIDE, 7.0)
    items = []
    for identity, mask in ((1, (cols < 6).ravel()), (2, (cols >= 6).ravel())):
        pixels = np.flatnonzero(mask & (cell > 0))
        norm = np.linalg.norm(cell[pixels])
        weights = cell[pixels] / norm
        items.append(
            Component(
                id=identity,
                pixels=pixels,
                weights=weights,
                trace=0.9 * signal * norm,
                residual=0.1 * signal * norm,
                activity=np.zeros(T),
                background=np.full(T, weights @ light[pixels]),
            )
        )
    pieces = ComponentSet(
        items=tuple(items),
        fov_shape=(SIDE, SIDE),
        n_frames=T,
        background_images=np.zeros((0, SIDE * SIDE)),
        background_traces=np.zeros((0, T)),
        next_id=3,
    )
    made = merge(pieces, [2, 1]).items[-1]
    image = np.zeros(SIDE * SIDE)
    image[made.pixels] = made.weights
    np.testing.assert_allclose(image, cell, atol=1e-6)
    np.testing.assert_allclose(made.raw, signal, rtol=1e-5)
    np.testing.assert_allclose(made.background, cell @ light, rtol=1e-5)
    assert made.parents == (1, 2)


def test_background_under_overlapping_footprints_is_not_counted_twice():
    rng = np.random.default_rng(2)
    before = make_set(2, seed=3)
    light = rng.random(SIDE * SIDE) * 100
    first = before.items[0]
    pixels = np.union1d(first.pixels, [5])
    weights = np.ones(pixels.size) / np.sqrt(pixels.size)
    items = []
    for identity, (p, w) in enumerate(((first.pixels, first.weights), (pixels, weights)), start=1):
        items.append(
            Component(
                id=identity,
                pixels=p,
                weights=w,
                trace=rng.random(T),
                residual=np.zeros(T),
                activity=np.zeros(T),
                background=np.full(T, w @ light[p]),
            )
        )
    for members in (items, [items[0], replace(items[0], id=2)]):
        made = merge(before.with_items(members), [1, 2]).items[-1]
        np.testing.assert_allclose(made.background, made.weights @ light[made.pixels], rtol=1e-3)


def test_rank_one_fit_is_the_best_of_singular_vectors():
    before = make_set(3, seed=4)
    made = merge(before, before.ids).items[-1]
    dense = before.footprints().toarray().T @ np.stack([i.raw for i in before.items])
    u, s, vt = np.linalg.svd(dense, full_matrices=False)
    image = np.zeros(SIDE * SIDE)
    image[made.pixels] = made.weights
    assert abs(image @ u[:, 0]) > 0.98
    np.testing.assert_allclose(made.raw, image @ dense, rtol=1e-4, atol=1e-4)
    best = np.linalg.norm(dense - s[0] * np.outer(u[:, 0], vt[0]))
    assert np.linalg.norm(dense - np.outer(image, made.trace)) < 1.05 * best


def test_silent_components_can_be_merged():
    before = make_set(2)
    silent = before.with_items(
        Component(
            id=i.id, pixels=i.pixels, weights=i.weights, trace=np.zeros(T),
            residual=-np.ones(T), activity=np.zeros(T), background=i.background,
        )
        for i in before.items
    )  # fmt: skip
    made = merge(silent, silent.ids).items[-1]
    assert np.linalg.norm(made.weights) == pytest.approx(1, abs=1e-6)
    assert not made.trace.any()
    assert (made.raw < 0).all()


def test_wrong_ids_are_refused():
    components = make_set(3)
    with pytest.raises(ValueError, match="at least two"):
        merge(components, [1])
    with pytest.raises(ValueError, match="at least two"):
        merge(components, [1, 1])
    with pytest.raises(ValueError, match="no component 99"):
        merge(components, [1, 99])
    with pytest.raises(ValueError, match="no component 99"):
        delete(components, [99])


def test_labels():
    labels = {1: "accept", 2: "reject"}
    changed = set_labels(labels, [2, 5], "unsure")
    assert dict(changed) == {1: "accept", 2: "unsure", 5: "unsure"}
    assert labels == {1: "accept", 2: "reject"}
    assert dict(set_labels(changed, [1, 7], None)) == {2: "unsure", 5: "unsure"}
    with pytest.raises(TypeError):
        changed[9] = "accept"
