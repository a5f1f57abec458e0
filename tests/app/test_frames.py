"""Frames: the newest wish is served, old answers are dropped, memory is bounded."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from caiman_gui.app.frames import FrameCache, FrameLoader
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.errors import InputError


class SlowMovie:
    """A movie whose reads wait at a gate, and which notes what was read."""

    def __init__(self, value: int, n_frames: int = 100) -> None:
        self.shape = (n_frames, 8, 6)
        self.dtype = np.dtype(np.uint16)
        self.value = value
        self.gate = threading.Event()
        self.reads = []
        self.is_closed = False

    def frames(self, start, stop):
        self.reads.append(start)
        assert self.gate.wait(10)
        return np.full((stop - start, 8, 6), self.value + start, np.uint16)

    def close(self):
        self.is_closed = True


@pytest.fixture
def loader(qapp):
    loader = FrameLoader()
    yield loader
    assert loader.close(5000)


@pytest.fixture
def seen(loader):
    seen = []
    loader.frameReady.connect(lambda source, index, frame: seen.append((source, index, frame)))
    return seen


def _places(seen):
    return [(source, index) for source, index, _ in seen]


def test_a_frame_comes_in_its_own_type(loader, seen, qtbot) -> None:
    movie = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)
    loader.set_movie("raw", ArrayMovie(movie))
    loader.request("raw", 2)
    qtbot.waitUntil(lambda: len(seen) == 1)
    source, index, frame = seen[0]
    assert (source, index, frame.dtype) == ("raw", 2, np.uint16)
    np.testing.assert_array_equal(frame, movie[2])
    assert not frame.flags.writeable


def test_a_known_frame_comes_at_once(loader, seen, qtbot) -> None:
    loader.set_movie("raw", ArrayMovie(np.zeros((3, 4, 5), np.uint8)))
    loader.request("raw", 1)
    qtbot.waitUntil(lambda: len(seen) == 1)
    loader.request("raw", 1)
    assert len(seen) == 2


def test_wishes_replace_each_other_while_one_is_read(loader, seen, qtbot) -> None:
    movie = SlowMovie(0)
    loader.set_movie("raw", movie)
    loader.request("raw", 0)
    qtbot.waitUntil(lambda: movie.reads == [0])
    for index in range(1, 50):
        loader.request("raw", index)
    movie.gate.set()
    qtbot.waitUntil(lambda: len(seen) == 2)
    assert _places(seen) == [("raw", 0), ("raw", 49)]
    assert movie.reads == [0, 49]


def test_both_sources_load_side_by_side(loader, seen, qtbot) -> None:
    slow, fast = SlowMovie(0), SlowMovie(0)
    fast.gate.set()
    loader.set_movie("raw", slow)
    loader.set_movie("corrected", fast)
    loader.request("raw", 3)
    loader.request("corrected", 3)
    qtbot.waitUntil(lambda: _places(seen) == [("corrected", 3)])
    slow.gate.set()
    qtbot.waitUntil(lambda: len(seen) == 2)


def test_frames_of_the_movie_before_are_dropped(loader, seen, qtbot) -> None:
    old, new = SlowMovie(1000), SlowMovie(2000)
    new.gate.set()
    loader.set_movie("raw", old)
    loader.request("raw", 5)
    qtbot.waitUntil(lambda: old.reads == [5])
    loader.set_movie("raw", new)
    loader.request("raw", 5)
    old.gate.set()
    qtbot.waitUntil(lambda: len(seen) == 1)
    assert seen[0][2][0, 0] == 2005


def test_an_older_answer_never_follows_a_newer_one(loader, seen, qtbot) -> None:
    movie = SlowMovie(0)
    loader.set_movie("raw", movie)
    movie.gate.set()
    loader.request("raw", 9)
    qtbot.waitUntil(lambda: len(seen) == 1)
    movie.gate.clear()
    loader.request("raw", 5)  # is being read ...
    qtbot.waitUntil(lambda: movie.reads == [9, 5])
    loader.request("raw", 9)  # ... while this one is known
    movie.gate.set()
    loader.request("corrected", 0)
    qtbot.waitUntil(lambda: loader._sources["raw"].job is None)
    assert _places(seen) == [("raw", 9), ("raw", 9)]


def test_errors_are_told_once_for_each_movie(loader, seen, qtbot) -> None:
    class Broken(SlowMovie):
        def frames(self, start, stop):
            raise InputError("The file is damaged", f"Frame {start}")

    errors = []
    loader.failed.connect(errors.append)
    for _ in range(2):
        loader.set_movie("raw", Broken(0))
        loader.request("raw", 1)
        loader.request("raw", 2)
        n = len(errors)
        qtbot.waitUntil(lambda n=n: len(errors) == n + 1)
        loader.request("raw", 3)
    assert [type(e) for e in errors] == [InputError, InputError]
    assert seen == []


def test_a_movie_is_opened_by_the_first_wish_and_closed_at_the_end(qapp, qtbot) -> None:
    loader = FrameLoader()
    movie = SlowMovie(0)
    movie.gate.set()
    opened = []

    def opener():
        opened.append(threading.get_ident())
        return movie

    loader.set_opener("raw", opener)
    assert opened == []
    for index in (1, 2):
        with qtbot.waitSignal(loader.frameReady):
            loader.request("raw", index)
    assert len(opened) == 1
    assert opened[0] != threading.get_ident()
    loader.set_movie("raw", None)
    assert movie.is_closed
    assert not loader.has_movie("raw")
    loader.request("raw", 1)
    assert loader.close()


def test_an_opener_that_fails_is_told(loader, qtbot) -> None:
    def opener():
        raise InputError("No such movie")

    loader.set_opener("raw", opener)
    with qtbot.waitSignal(loader.failed) as told:
        loader.request("raw", 0)
    assert told.args[0].title == "No such movie"


def test_closing_waits_for_what_is_being_read(qapp, qtbot) -> None:
    loader = FrameLoader()
    movie = SlowMovie(0)
    loader.set_opener("raw", lambda: movie)
    loader.request("raw", 0)
    qtbot.waitUntil(lambda: movie.reads == [0])
    assert not loader.close(20)
    movie.gate.set()
    assert loader.close(5000)
    qtbot.waitUntil(lambda: movie.is_closed)


def test_the_cache_keeps_the_frames_used_last_within_its_bytes() -> None:
    cache = FrameCache(3 * 64)
    frames = [np.zeros(64, np.uint8) for _ in range(5)]
    for i in range(3):
        cache.put(("raw", 1, i), frames[i])
    assert cache.get(("raw", 1, 0)) is frames[0]
    cache.put(("corrected", 1, 3), frames[3])
    assert cache.get(("raw", 1, 1)) is None
    assert cache.get(("raw", 1, 0)) is frames[0]
    assert cache.n_bytes == 3 * 64
    cache.put(("raw", 1, 9), np.zeros(1000, np.uint8))
    assert len(cache) == 3
    cache.drop("raw")
    assert (len(cache), cache.n_bytes) == (1, 64)
