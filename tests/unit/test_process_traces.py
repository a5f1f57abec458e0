"""All traces of a component set: conventions, idempotence, threads, cancel."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from caiman_gui.core.results import Component, ComponentSet
from caiman_gui.core.task import Cancelled
from caiman_gui.core.traces import process_traces
from caiman_gui.errors import DataError
from caiman_gui.params.traces import TraceParams


def make_set(raws, background=100.0):
    n_frames = len(raws[0])
    items = []
    for i, raw in enumerate(raws):
        trace = np.maximum(raw, 0).astype(np.float32)
        items.append(
            Component(
                id=i + 1,
                pixels=np.arange(4),
                weights=np.full(4, 0.5),
                trace=trace,
                residual=(raw - trace).astype(np.float32),
                activity=np.zeros(n_frames),
                background=np.full(n_frames, background),
            )
        )
    return ComponentSet(
        items=tuple(items), fov_shape=(8, 8), n_frames=n_frames,
        background_images=np.zeros((0, 64)), background_traces=np.zeros((0, n_frames)),
        next_id=len(raws) + 1,
    )  # fmt: skip


def raw_traces(count=6, n_frames=800, rate=0.006):
    rng = np.random.default_rng(0)
    out = []
    for _ in range(count):
        trace = 20.0 * (rng.random(n_frames) < rate)
        for t in range(1, n_frames):
            trace[t] += 0.9 * trace[t - 1]
        out.append(trace + 5 + rng.normal(0, 2, n_frames))
    return out


def process(components, params=None, **more):
    more = {"frame_rate_hz": 20.0, "is_one_photon": False, **more}
    return process_traces(components, params=params or TraceParams(), **more)


def assert_same(one, two, **tolerance):
    for a, b in zip(one.items, two.items, strict=True):
        for field in fields(Component):
            x, y = getattr(a, field.name), getattr(b, field.name)
            if isinstance(x, (np.ndarray, float)):
                np.testing.assert_allclose(x, y, **tolerance)


def test_conventions():
    raws = raw_traces()
    got = process(make_set(raws))
    for item, raw in zip(got.items, raws, strict=True):
        np.testing.assert_allclose(item.raw, raw, atol=1e-4)  # C + YrA is the data
        assert np.std(item.residual) == pytest.approx(item.noise, rel=0.05)
        assert item.noise == pytest.approx(2, rel=0.4)  # jumps reach into the noise band
        assert item.baseline == pytest.approx(5, abs=1.5)
        # C = b + c with c[t] = g c[t-1] + s[t]
        c = item.trace - item.baseline
        (g,) = item.ar
        np.testing.assert_allclose(c[1:], g * c[:-1] + item.activity[1:], atol=1e-3)
        assert c[0] == pytest.approx(item.initial, abs=1e-4)
        assert item.dff_kind == "dff"
        np.testing.assert_allclose(item.dff * item.f0 + item.f0 - 100, item.raw, atol=1e-3)
        assert 99 < item.f0.min() < item.f0.max() < 115
    assert got.items[0].background is not None


def test_twice_is_once():
    once = process(make_set(raw_traces()))
    twice = process(once)
    assert_same(once, twice, rtol=1e-3, atol=2e-3)
    other = process(process(once, TraceParams(ar_order=0)))
    assert_same(once, other, rtol=1e-3, atol=2e-3)


def test_same_bits_for_any_number_of_threads():
    components = make_set(raw_traces())
    assert_same(process(components), process(components, n_threads=4), rtol=0, atol=0)


def test_without_deconvolution():
    raws = raw_traces(2)
    got = process(make_set(raws), TraceParams(ar_order=0))
    for item, raw in zip(got.items, raws, strict=True):
        np.testing.assert_allclose(item.trace, raw, atol=1e-5)
        assert not item.residual.any()
        assert not item.activity.any()
        assert item.ar == ()
        assert item.dff_kind == "dff"


def test_one_photon_is_detrended():
    got = process(make_set(raw_traces(1)), is_one_photon=True).items[0]
    assert got.dff_kind == "detrended"
    np.testing.assert_allclose(got.dff + got.f0, got.raw, atol=1e-4)


def test_negative_background_is_detrended():
    assert process(make_set(raw_traces(1), background=-500.0)).items[0].dff_kind == "detrended"


def test_smallest_event():
    got = process(make_set(raw_traces(1)), TraceParams(s_min=3.0)).items[0]
    assert got.activity[got.activity > 0].min() >= 3 * got.noise * 0.999
    assert got.sparsity == 0


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("s_min", [None, 2.0])
@pytest.mark.parametrize(
    "raw", [np.zeros(10), np.full(400, 7.0), np.arange(10.0), np.eye(1, 10)[0] * 1e6]
)
def test_output_is_always_finite(raw, s_min, order):
    got = process(make_set([raw], background=0.0), TraceParams(s_min=s_min, ar_order=order))
    for name in ("trace", "residual", "activity", "dff", "f0"):
        assert np.isfinite(getattr(got.items[0], name)).all()
    item = got.items[0]
    assert np.isfinite([item.noise, item.baseline, item.initial, item.sparsity]).all()


def test_only_some():
    components = make_set(raw_traces(3))
    got = process(components, only=[2])
    assert got.items[0] is components.items[0]
    assert got.items[2] is components.items[2]
    assert got.items[1].ar
    assert process(components, only=[]).items == components.items


def test_missing_values_are_named():
    raws = raw_traces(2)
    raws[1][5] = np.nan
    with pytest.raises(DataError, match="component 2"):
        process(make_set(raws))


def test_frame_rate_has_to_make_sense():
    with pytest.raises(ValueError, match="frame rate"):
        process(make_set(raw_traces(1)), frame_rate_hz=0.0)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_cancel_leaves_the_rest_undone(n_threads):
    class Stop:
        is_cancelled = False
        done = 0

        def progress(self, done, total, message=""):
            self.is_cancelled |= done >= 2
            self.done = done

        def check(self):
            if self.is_cancelled:
                raise Cancelled

    components = make_set(raw_traces(1, 5_000) * 60)
    process(make_set(raw_traces(1)))  # compiled
    ctx = Stop()
    with pytest.raises(Cancelled):
        process(components, ctx=ctx, n_threads=n_threads)
    assert ctx.done < 60
