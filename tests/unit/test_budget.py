"""The memory budget: it bounds what a step takes, and never changes what it finds.

Pieces are made small, so that movies of some megabytes stand for long ones.
"""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from caiman_gui.core import movie as movies
from caiman_gui.core import noise_pieces
from caiman_gui.core.budget import needs_of, pieces_in_memory
from caiman_gui.core.motion import correct_motion, sample
from caiman_gui.core.movie import ArrayMovie, block_length, frame_blocks, pixel_blocks
from caiman_gui.core.parallel import read_ahead
from caiman_gui.core.quality import measure_quality
from caiman_gui.core.sources import decimation, extract_sources
from caiman_gui.core.sources.memory import MemoryPlan
from caiman_gui.core.summary import summarise
from caiman_gui.core.synthetic import make_recording
from caiman_gui.core.task import NULL_CONTEXT
from caiman_gui.core.traces import process_traces
from caiman_gui.params.run import RunParams

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 2**20
PARAMS = RunParams().with_value("sources.neuron_diameter_px", 9.0).with_value("sources.sweeps", 1)
BUDGETS = (0, 12 * MIB, 2**30)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movies, "BLOCK_BYTES", MIB)
    monkeypatch.setattr(noise_pieces, "NOISE_BYTES", 8 * MIB)
    monkeypatch.setattr(sample, "SAMPLE_BYTES", 2 * MIB)
    monkeypatch.setattr(decimation, "BINNED_BYTES", 4 * MIB)


@pytest.fixture(scope="module")
def recording() -> Any:
    return make_recording(
        shape=(96, 96), n_frames=600, n_neurons=10, frame_rate_hz=20, neuron_diameter_px=9,
        max_shift_px=2, seed=3,
    )  # fmt: skip


class Repeated:
    """A recording repeated over and over: longer than memory, but not in memory itself."""

    def __init__(self, base: Any, times: int) -> None:
        self._base = base
        self.shape = (times * len(base), *base.shape[1:])
        self.dtype = base.dtype

    def frames(self, start: int, stop: int) -> Any:
        return self._base[np.arange(start, min(stop, self.shape[0])) % len(self._base)]


def motion(movie: Any, **options: Any) -> Any:
    return correct_motion(movie, params=PARAMS.motion, **options)


def images(movie: Any, *, use_filter: bool = False, **options: Any) -> Any:
    return summarise(movie, use_filter=use_filter, neuron_diameter_px=9, **options)


def cells(movie: Any, kind: str = "two-photon", **options: Any) -> Any:
    known = images(movie, use_filter=kind == "one-photon")
    return extract_sources(
        movie, params=PARAMS.sources, kind=kind, frame_rate_hz=20.0, decay_time_s=0.4,
        summary=known, **{"n_threads": 1, "ctx": NULL_CONTEXT, **options},
    )  # fmt: skip


def fields_of(result: Any, names: str) -> list[Any]:
    return [getattr(result, name) for name in names.split()]


def require_equal(one: list[Any], other: list[Any]) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_pieces_are_at_least_one_and_at_most_what_is_of_use() -> None:
    assert pieces_in_memory(100, 10, most=4) == 4
    assert pieces_in_memory(100, 30, most=4) == 3
    assert pieces_in_memory(100, 30, held_bytes=60, most=4) == 1
    assert pieces_in_memory(0, 30, held_bytes=60, most=4) == 1
    assert pieces_in_memory(100, 0, most=4) == 4


@pytest.mark.parametrize("walk", [frame_blocks, pixel_blocks])
def test_blocks_read_early_are_the_same(recording: Any, walk: Callable[..., Any]) -> None:
    movie = ArrayMovie(recording.movie)
    late, early = list(walk(movie)), list(walk(movie, n_ahead=2))
    assert len(late) == -(-600 // block_length(movie)) > 20
    for (start, block), (other, same) in zip(late, early, strict=True):
        assert start == other
        np.testing.assert_array_equal(block, same)


def test_no_more_is_read_early_than_was_asked_for() -> None:
    made: list[int] = []

    def make(item: int) -> int:
        made.append(item)
        return item

    for seen, item in enumerate(read_ahead(make, range(50), n_ahead=3, ctx=NULL_CONTEXT)):
        assert item == seen
        assert len(made) <= seen + 4
    assert made == list(range(50))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_motion_is_the_same_for_every_budget(recording: Any, n_threads: int) -> None:
    names = "shifts template correlation mean_after valid"
    movie = ArrayMovie(recording.movie[:300])
    found = [fields_of(motion(movie, n_threads=n_threads, memory_bytes=b), names) for b in BUDGETS]
    require_equal(found[0], found[1])
    require_equal(found[0], found[2])


@pytest.mark.parametrize("use_filter", [False, True])
def test_images_are_the_same_for_every_budget(recording: Any, use_filter: bool) -> None:
    names = "mean max std correlation pnr noise"
    movie = ArrayMovie(recording.movie)
    found = [
        fields_of(images(movie, use_filter=use_filter, n_threads=n, memory_bytes=b), names)
        for n, b in zip((1, 2, 3), BUDGETS, strict=True)
    ]
    require_equal(found[0], found[1])
    require_equal(found[0], found[2])


@pytest.mark.parametrize("kind", ["two-photon", "one-photon"])
def test_cells_are_the_same_for_every_budget(recording: Any, kind: str) -> None:
    movie = ArrayMovie(recording.movie)
    found = [cells(movie, kind, n_threads=n, memory_bytes=b) for n, b in ((1, 0), (2, 2**30))]
    assert len(found[0].items) > 5
    require_equal([c.raw for c in found[0].items], [c.raw for c in found[1].items])
    require_equal([c.weights for c in found[0].items], [c.weights for c in found[1].items])
    known = [
        measure_quality(
            found[0], movie, frame_rate_hz=20.0, decay_time_s=0.4, n_threads=2, memory_bytes=b
        )
        for b in (0, 2**30)
    ]
    for name in ("snr", "rval"):
        np.testing.assert_array_equal(known[0].metric(name), known[1].metric(name))
    done = [
        process_traces(
            known[0], params=PARAMS.traces, frame_rate_hz=20.0, is_one_photon=False, n_threads=2,
            memory_bytes=b,
        )
        for b in (0, 2**30)
    ]  # fmt: skip
    require_equal([c.trace for c in done[0].items], [c.trace for c in done[1].items])


def test_where_memory_is_short_less_is_done_at_once() -> None:
    movie = ArrayMovie(np.zeros((900, 96, 96), np.uint16))
    options: dict[str, Any] = {"is_filtered": False, "n_threads": 4, "binned_bytes": 40 * MIB}
    assert MemoryPlan.within(0, movie, **options) == MemoryPlan(1, 0, False)
    middle = MemoryPlan.within(80 * MIB, movie, **options)
    assert middle == MemoryPlan(2, 1, False)
    assert MemoryPlan.within(2**30, movie, **options) == MemoryPlan(4, 1, True)


def peak_of(work: Callable[[], object]) -> float:
    """Largest memory that Python knows of while the work is done, MiB."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("step", [motion, images, lambda m, **o: images(m, use_filter=True, **o)])
def test_the_budget_bounds_any_length(recording: Any, step: Callable[..., Any]) -> None:
    short = ArrayMovie(recording.movie[:64])
    step(short, n_threads=2)  # compiles
    movie = Repeated(recording.movie[:300], 3)
    assert np.prod(movie.shape) * 4 > 2.5 * BUDGETS[1]
    assert peak_of(lambda: step(movie, n_threads=2, memory_bytes=BUDGETS[1])) < BUDGETS[1] / MIB


def test_the_budget_bounds_the_search_for_cells(
    recording: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie = Repeated(recording.movie, 2)
    known, shape = images(ArrayMovie(recording.movie)), movie.shape
    monkeypatch.setattr(decimation, "BINNED_BYTES", 8 * MIB)
    params = PARAMS.with_value("sources.max_components", 4).sources
    assert decimation.binned_bytes(movie, 8.0, 9.0) > BUDGETS[1] / 2  # twice is too much
    components: list[Any] = []

    def search() -> None:
        components[:] = extract_sources(
            movie, params=params, kind="two-photon", frame_rate_hz=20.0, decay_time_s=0.4,
            summary=known, n_threads=1, memory_bytes=BUDGETS[1], ctx=NULL_CONTEXT,
        ).items  # fmt: skip

    peak = peak_of(search)
    traces = 10 * 4 * shape[0] * len(components) / MIB
    assert peak < BUDGETS[1] / MIB + traces


@pytest.mark.parametrize("step", ["motion", "summary", "sources", "quality", "traces"])
def test_what_steps_need_does_not_grow_with_the_length(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # pieces of their real size
    short, long = (needs_of(step, (n, 512, 512), n_threads=2) for n in (2000, 200_000))
    assert short.least_bytes <= short.most_bytes < 900 * MIB
    if step != "traces":
        assert long.least_bytes < 600 * MIB
        assert long.most_bytes - short.most_bytes < 100 * MIB  # a few traces
    assert short.within(0) == short.least_bytes
    assert short.within(10**12) == short.most_bytes
    tiny = needs_of(step, (20, 16, 16))
    assert tiny.most_bytes < 4 * MIB
