"""Traces of regions: known means, coarse first, stoppable, from pixels where a movie has them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from caiman_gui.app.frames import FrameLoader
from caiman_gui.app.region_traces import COARSE_FRAMES, RegionTraces, mean_trace
from caiman_gui.app.tasks import TaskRunner
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.task import NULL_CONTEXT, Cancelled
from caiman_gui.errors import InputError

SHAPE = (1000, 6, 7)


class Told:
    def __init__(self, traces):
        self.values, self.ends, self.errors, self.shares = [], [], [], []
        traces.traceChanged.connect(lambda key, v, done: self.values.append((key, v, done)))
        traces.ended.connect(self.ends.append)
        traces.failed.connect(self.errors.append)
        traces.progressed.connect(lambda _key, share: self.shares.append(share))


@pytest.fixture
def data():
    return np.random.default_rng(0).integers(0, 4000, SHAPE).astype(np.uint16)


@pytest.fixture
def tasks(qapp):
    tasks = TaskRunner()
    yield tasks
    assert tasks.shutdown(5000)


@pytest.fixture
def frames(qapp):
    frames = FrameLoader()
    yield frames
    assert frames.close(5000)


@pytest.fixture
def traces(tasks, frames):
    return RegionTraces(tasks, frames)


@pytest.fixture
def told(traces):
    return Told(traces)


class Gated(ArrayMovie):
    """A movie whose frames from 500 on wait at a gate."""

    def __init__(self, array):
        super().__init__(array)
        self.gate = threading.Event()
        self.is_waiting = threading.Event()
        self.is_closed = False

    def frames(self, start, stop):
        if stop > 500 and stop - start > 1:
            self.is_waiting.set()
            assert self.gate.wait(10)
        return super().frames(start, stop)

    def close(self):
        self.is_closed = True


def test_the_trace_is_the_mean_over_the_pixels(data) -> None:
    shown = []
    pixels = np.array([3, 8, 40])
    found = mean_trace(ArrayMovie(data), pixels, ctx=NULL_CONTEXT, show=shown.append)
    expected = data.reshape(1000, -1)[:, pixels].mean(axis=1)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    coarse = np.isfinite(shown[0])
    assert COARSE_FRAMES <= coarse.sum() <= 2 * COARSE_FRAMES
    np.testing.assert_allclose(shown[0][coarse], expected[coarse], rtol=1e-6)


def test_a_movie_that_offers_pixels_is_asked_for_them(data) -> None:
    class ByPixel(ArrayMovie):
        def frames(self, start, stop):
            raise AssertionError("not by frames")

        def pixels(self, numbers, *, ctx):
            ctx.check()
            return data.reshape(1000, -1).T[numbers]

    pixels = np.arange(42)
    found = mean_trace(ByPixel(data), pixels, ctx=NULL_CONTEXT, show=lambda _: None)
    np.testing.assert_allclose(found, data.mean(axis=(1, 2)), rtol=1e-6)


def test_it_stops_when_asked(data) -> None:
    class Stopped:
        n = 0

        def progress(self, done, total, message=""):
            pass

        def check(self):
            self.n += 1
            if self.n == 20:
                raise Cancelled

    with pytest.raises(Cancelled):
        mean_trace(ArrayMovie(data), np.array([1]), ctx=Stopped(), show=lambda _: None)


def test_the_service_tells_values_and_the_end(qtbot, traces, frames, told, data) -> None:
    frames.set_movie("raw", ArrayMovie(data))
    traces.read("a", "Trace of region 1", "raw", np.array([5]))
    qtbot.waitUntil(lambda: told.ends == ["a"])
    key, values, is_complete = told.values[-1]
    assert (key, is_complete) == ("a", True)
    np.testing.assert_array_equal(values, data.reshape(1000, -1)[:, 5].astype(np.float32))
    assert told.shares[-1] == 1.0
    assert traces.keys == ()


def test_it_can_be_stopped_and_the_movie_is_closed(qtbot, traces, frames, told, data) -> None:
    movie = Gated(data)
    frames.set_opener("raw", lambda: movie)
    traces.read("a", "Trace", "raw", np.array([5]))
    qtbot.waitUntil(movie.is_waiting.is_set)
    traces.cancel("a")
    assert told.ends == ["a"]
    movie.gate.set()
    qtbot.waitUntil(lambda: movie.is_closed)
    assert not any(done for _, _, done in told.values)


def test_a_new_reading_replaces_the_one_before(qtbot, traces, frames, told, data) -> None:
    movie = Gated(data)
    frames.set_opener("raw", lambda: movie)
    traces.read("a", "Trace", "raw", np.array([5]))
    qtbot.waitUntil(movie.is_waiting.is_set)
    traces.read("a", "Trace", "raw", np.array([6]))
    movie.gate.set()
    qtbot.waitUntil(lambda: told.ends == ["a", "a"])
    complete = [values for _, values, done in told.values if done]
    assert len(complete) == 1
    assert complete[0][0] == data[0].ravel()[6]


def test_another_movie_ends_the_reading(qtbot, traces, frames, told, data) -> None:
    movie = Gated(data)
    frames.set_movie("raw", movie)
    traces.read("a", "Trace", "raw", np.array([5]))
    qtbot.waitUntil(movie.is_waiting.is_set)
    frames.set_movie("raw", None)
    assert told.ends == ["a"]
    movie.gate.set()
    traces.read("a", "Trace", "raw", np.array([5]))
    assert traces.keys == ()


def test_an_error_is_told(qtbot, traces, frames, told, data) -> None:
    class Broken(ArrayMovie):
        def frames(self, start, stop):
            raise InputError("The file is damaged", f"Frame {start}")

    frames.set_movie("raw", Broken(data))
    traces.read("a", "Trace", "raw", np.array([5]))
    qtbot.waitUntil(lambda: told.ends == ["a"])
    assert [error.title for error in told.errors] == ["The file is damaged"]
