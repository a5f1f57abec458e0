"""Frames: the newest wish is served, old answers are dropped, memory is bounded."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from caiman_gui.app.frame_cache import FrameCache, Look
from caiman_gui.app.frames import FrameLoader
from caiman_gui.app.run_reader import RunningMean
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
    for index in range(97, 48, -1):
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


def _play(loader, qtbot, seen, indices, **look):
    """Wish for one frame after the other, as a player does, each when the last was shown."""
    for index in indices:
        n = len(seen)
        loader.request("raw", index, **look)
        qtbot.waitUntil(lambda n=n: len(seen) > n)


def test_playing_reads_ahead_so_that_frames_are_there_at_once(loader, seen, qtbot) -> None:
    movie = np.arange(60 * 4 * 5, dtype=np.uint16).reshape(60, 4, 5)
    loader.set_movie("raw", ArrayMovie(movie))
    _play(loader, qtbot, seen, range(3))
    qtbot.waitUntil(lambda: loader._cache.has(("raw", 1, 59)))
    for index in range(3, 60):
        n = len(seen)
        loader.request("raw", index)
        assert len(seen) == n + 1
        np.testing.assert_array_equal(seen[-1][2], movie[index])


def test_at_high_speed_only_frames_that_will_be_shown_are_read(loader, seen, qtbot) -> None:
    movie = SlowMovie(0)
    movie.gate.set()
    loader.set_movie("raw", movie)
    _play(loader, qtbot, seen, (0, 10, 20, 40))
    qtbot.waitUntil(lambda: loader._cache.has(("raw", 1, 90)))
    assert set(movie.reads) == set(range(0, 100, 10))


def test_a_jump_ends_reading_ahead(loader, seen, qtbot) -> None:
    movie = SlowMovie(0, n_frames=2000)
    movie.gate.set()
    loader.set_movie("raw", movie)
    _play(loader, qtbot, seen, range(3))
    movie.gate.clear()
    n = len(movie.reads)
    loader.request("raw", 1500)
    loader.request("raw", 1499)
    movie.gate.set()
    qtbot.waitUntil(lambda: _places(seen)[-1] == ("raw", 1499))
    qtbot.waitUntil(lambda: loader._sources["raw"].job is None)
    assert len([index for index in movie.reads[n:] if index < 1000]) <= 1


def test_what_is_read_ahead_is_bounded(qapp, qtbot) -> None:
    loader = FrameLoader(cache_bytes=8 * 10 * 96)
    seen = []
    loader.frameReady.connect(lambda source, index, frame: seen.append((source, index, frame)))
    movie = SlowMovie(0)
    movie.gate.set()
    loader.set_movie("raw", movie)
    _play(loader, qtbot, seen, range(3))
    qtbot.waitUntil(lambda: loader._cache.has(("raw", 1, 8)))
    qtbot.waitUntil(lambda: loader._sources["raw"].job is None)
    assert not loader._cache.has(("raw", 1, 13))
    assert loader.close()


def test_a_damaged_frame_ahead_spoils_no_frame_before_it(loader, seen, qtbot) -> None:
    class Damaged(SlowMovie):
        def frames(self, start, stop):
            if start <= 20 < stop:
                raise InputError("The file is damaged", "Frame 20")
            return super().frames(start, stop)

    movie = Damaged(0)
    movie.gate.set()
    errors = []
    loader.failed.connect(errors.append)
    loader.set_movie("raw", movie)
    _play(loader, qtbot, seen, range(20))
    assert errors == []
    with qtbot.waitSignal(loader.failed):
        loader.request("raw", 20)
    _play(loader, qtbot, seen, range(21, 25))
    assert len(errors) == 1


@pytest.mark.parametrize(("index", "first", "stop"), [(5, 3, 7), (0, 0, 2), (59, 57, 60)])
def test_frames_are_averaged_around_the_one_asked_for(
    loader, seen, qtbot, index, first, stop
) -> None:
    movie = np.random.default_rng(0).integers(0, 65535, (60, 4, 5)).astype(np.uint16)
    loader.set_movie("raw", ArrayMovie(movie))
    loader.request("raw", index, average=4)
    qtbot.waitUntil(lambda: len(seen) == 1)
    frame = seen[0][2]
    assert frame.dtype == np.float32
    np.testing.assert_allclose(frame, movie[first:stop].mean(axis=0), rtol=1e-6)


def test_averages_one_after_the_other_are_those_made_from_scratch(loader, seen, qtbot) -> None:
    movie = np.random.default_rng(0).normal(100, 9, (60, 4, 5)).astype(np.float32)
    loader.set_movie("raw", ArrayMovie(movie))
    _play(loader, qtbot, seen, [*range(12), 40, 41, 3], average=5)
    for _, index, frame in seen:
        expected = movie[max(0, index - 2) : index + 3].mean(axis=0)
        np.testing.assert_allclose(frame, expected, rtol=1e-5)
    loader.request("raw", 3)
    qtbot.waitUntil(lambda: len(seen) == 16)
    np.testing.assert_array_equal(seen[-1][2], movie[3])


def test_a_window_too_large_to_keep_gives_the_same_mean() -> None:
    movie = np.random.default_rng(0).integers(0, 999, (30, 4, 5)).astype(np.int16)
    mean = RunningMean(ArrayMovie(movie), 9, window_bytes=64)
    for index in (10, 11, 12):
        expected = movie[index - 4 : index + 5].mean(axis=0)
        np.testing.assert_allclose(mean.frame(index), expected, rtol=1e-6)


def test_a_mean_recovers_after_a_frame_without_numbers() -> None:
    movie = np.ones((30, 4, 5), np.float32)
    movie[10] = np.nan
    mean = RunningMean(ArrayMovie(movie), 3)
    assert [bool(np.isfinite(mean.frame(i)).all()) for i in (8, 9, 10, 11, 12)] == [
        True, False, False, False, True,
    ]  # fmt: skip


def test_smoothing_keeps_the_brightness(loader, seen, qtbot) -> None:
    movie = np.zeros((3, 31, 31), np.uint8)
    movie[:, 15, 15] = 200
    loader.set_movie("raw", ArrayMovie(movie))
    loader.request("raw", 1, sigma_px=2.0)
    qtbot.waitUntil(lambda: len(seen) == 1)
    frame = seen[0][2]
    assert frame.sum() == pytest.approx(200, rel=1e-3)
    assert frame.max() < 10


def test_any_source_may_be_named_and_its_change_is_told(loader, qtbot) -> None:
    assert loader.available() == ()
    with qtbot.waitSignal(loader.sourceChanged) as told:
        loader.set_movie("model", ArrayMovie(np.zeros((3, 4, 5))))
    assert told.args == ["model"]
    loader.set_opener("raw", lambda: ArrayMovie(np.zeros((3, 4, 5))))
    loader.set_movie("other", ArrayMovie(np.zeros((3, 4, 5))))
    assert loader.available() == ("raw", "model", "other")
    loader.request("nothing", 3)
    assert not loader.has_movie("nothing")


def test_another_thread_gets_a_movie_of_its_own(loader) -> None:
    movie = SlowMovie(0)
    movie.gate.set()
    loader.set_opener("raw", lambda: movie)
    reader = loader.own_reader("raw")
    assert len(reader.read(range(2), Look())) == 2
    loader.set_movie("raw", None)
    assert not movie.is_closed
    reader.close()
    assert movie.is_closed
    assert loader.own_reader("raw").is_empty


def test_a_wish_beyond_the_end_is_not_answered(loader, seen, qtbot) -> None:
    loader.set_movie("raw", ArrayMovie(np.zeros((3, 4, 5), np.uint8)))
    for look in ({}, {"average": 3}):
        loader.request("raw", 7, **look)
        qtbot.waitUntil(lambda: loader._sources["raw"].job is None)
    assert seen == []


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


def test_a_frame_that_cannot_be_read_is_told_each_time(loader, seen, qtbot) -> None:
    class Torn(SlowMovie):
        def frames(self, start, stop):
            if stop > 3:
                raise InputError("The file ends too early", f"Frame {start}")
            return super().frames(start, stop)

    movie = Torn(0)
    movie.gate.set()
    missing = []
    loader.frameFailed.connect(lambda source, index: missing.append((source, index)))
    loader.set_movie("raw", movie)
    for index in (5, 7):
        loader.request("raw", index)
        qtbot.waitUntil(lambda index=index: missing[-1:] == [("raw", index)])
    loader.request("raw", 2)
    qtbot.waitUntil(lambda: _places(seen) == [("raw", 2)])
    assert len(missing) == 2
