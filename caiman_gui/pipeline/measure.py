"""What a piece of work cost: wall time, processor time, largest memory."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from types import TracebackType

SAMPLE_EVERY_S = 0.05
_MIN_BUDGET = 2**30
_MAX_BUDGET = 64 * 2**30


class Meter:
    """Measures the block it is wrapped around.

    Peak memory is sampled, because the high-water mark the system keeps cannot be reset between
    two steps of one process (and Windows counts it differently).

    Attributes
    ----------
    seconds, cpu_seconds : float
        Wall time; processor time of all threads.
    peak_rss_bytes : int
        Largest resident memory of the whole process seen meanwhile.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.peak_rss_bytes = 0
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="meter", daemon=True)

    def __enter__(self) -> Meter:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look()
        self.seconds = time.perf_counter() - self._wall
        self.cpu_seconds = time.process_time() - self._cpu

    def _sample(self) -> None:
        while not self._stop.wait(SAMPLE_EVERY_S):
            self._look()

    def _look(self) -> None:
        self.peak_rss_bytes = max(self.peak_rss_bytes, int(self._process.memory_info().rss))


def default_memory_bytes() -> int:
    """Half of the memory that is free now, at least 1 GiB and at most 64 GiB."""
    half = int(psutil.virtual_memory().available) // 2
    return min(max(half, _MIN_BUDGET), _MAX_BUDGET)


def size_text(n_bytes: float) -> str:
    """Return a size in words, in decimal units with 3 digits: ``1.25 GB``."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(n_bytes) >= factor:
            return f"{n_bytes / factor:.3g} {unit}"
    return f"{n_bytes:.0f} bytes"
