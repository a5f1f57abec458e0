"""The kernels are compiled by another process, once for each version."""

from __future__ import annotations

import pytest

from caiman_gui.app.warm_up import KernelWarmUp
from caiman_gui.pipeline import warm_up


@pytest.fixture
def cold_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_nothing_is_started_when_all_is_compiled(qapp, cold_cache):
    marker = warm_up.marker()
    marker.touch()
    kernels = KernelWarmUp()
    kernels.start()
    assert not kernels.is_running


def test_closing_ends_the_compiler(qapp, cold_cache):
    kernels = KernelWarmUp()
    kernels.start()
    assert kernels.is_running
    kernels.close()
    assert not kernels.is_running
    assert not warm_up.is_warm()  # the next start tries again


@pytest.mark.slow
def test_the_compiler_leaves_kernels_and_a_marker(qtbot, cold_cache):
    kernels = KernelWarmUp()
    kernels.start()
    qtbot.waitUntil(lambda: not kernels.is_running, timeout=110_000)
    assert warm_up.is_warm()
    assert list(cold_cache.rglob("*.nbc"))
