"""Cycles are collected in the UI thread, and only there."""

from __future__ import annotations

import gc
import threading

import pytest

from caiman_gui.app.collector import FULL_EVERY_S, MainThreadCollector


class _Cycle:
    collected_in: list[threading.Thread]

    def __init__(self, collected_in):
        self.me = self
        self.collected_in = collected_in

    def __del__(self):
        self.collected_in.append(threading.current_thread())


@pytest.fixture
def collector(qapp):
    was_enabled = gc.isenabled()
    collector = MainThreadCollector()
    collector.start()
    yield collector
    collector.stop()
    if not was_enabled:
        gc.disable()


def test_a_workers_garbage_is_collected_by_the_ui_thread(qtbot, collector):
    collected_in = []

    def work():
        for _ in range(5000):
            _Cycle(collected_in)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not collected_in
    qtbot.waitUntil(lambda: len(collected_in) == 5000, timeout=10_000)
    assert set(collected_in) == {threading.main_thread()}


def test_stopping_gives_the_automatic_collector_its_work_back(collector):
    assert not gc.isenabled()
    collector.stop()
    assert gc.isenabled()


def test_full_collections_keep_their_distance(collector, monkeypatch):
    generations = []
    monkeypatch.setattr(gc, "get_count", lambda: (1000, 100, 100))
    monkeypatch.setattr(gc, "collect", lambda generation=2: generations.append(generation))
    collector._on_timeout()
    collector._last_full -= FULL_EVERY_S
    collector._on_timeout()
    collector._on_timeout()
    monkeypatch.undo()
    assert generations == [1, 2, 1]
