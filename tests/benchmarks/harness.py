"""Time pieces of work as whole processes: seconds, CPU seconds, peak memory, and ratios.

Every case runs in a process of its own, so that peak memory is its own and nothing is warm by
accident; the rounds of all cases are interleaved, so that a busy machine disturbs all alike.
Read ratios, not seconds: machines differ, and so does one machine from hour to hour.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # as the program does itself, before NumPy is imported

MIB = 2**20


@dataclass(frozen=True)
class Case:
    """One piece of work.

    ``prepare`` (not timed) returns the arguments of ``work`` (timed); both must be functions of a
    module, since they are sent to a new process. The work is done once untimed if ``warm_up``, so
    that compiling the kernels is not counted.
    """

    name: str
    prepare: Callable[..., tuple[Any, ...]]
    work: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    warm_up: bool = True


@dataclass(frozen=True)
class Measure:
    """What one run of a case took."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def calibration() -> Measure:
    """Measure a fixed single-threaded workload: how fast is this machine at this moment?"""
    import numpy as np
    from scipy import fft

    rng = np.random.default_rng(0)
    images = rng.standard_normal((64, 256, 256)).astype(np.float32)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(3):
        fft.irfft2(fft.rfft2(images, workers=1) * 2, workers=1)
    return Measure(time.perf_counter() - start, time.process_time() - cpu, 0.0)


def run_case(case: Case) -> Measure:
    """Run one case in a new process and measure it."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(case, sender))
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        result = RuntimeError(f"{case.name}: the process died")
    process.join()
    if isinstance(result, Exception):
        raise result
    return result


def _child(case: Case, sender: Connection) -> None:
    try:
        arguments = case.prepare(*case.arguments)
        if case.warm_up:
            case.work(*arguments)
        with _PeakMemory() as memory:
            start, cpu = time.perf_counter(), time.process_time()
            case.work(*arguments)
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
        sender.send(Measure(seconds, cpu_seconds, memory.peak / MIB))
    except Exception as exc:  # noqa: BLE001 - handed over to the parent, which raises it
        sender.send(RuntimeError(f"{case.name}: {type(exc).__name__}: {exc}"))


class _PeakMemory:
    """Samples the resident memory of this process every 5 ms, above what it held at the start."""

    def __enter__(self) -> _PeakMemory:
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(0.005):
            self.peak = max(self.peak, self._process.memory_info().rss - self._before)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def compare(cases: Sequence[Case], rounds: int = 3) -> dict[str, Measure]:
    """Run all cases in interleaved rounds, print the table, return the medians."""
    measures: dict[str, list[Measure]] = {case.name: [] for case in cases}
    yardstick = []
    for index in range(rounds):
        yardstick.append(calibration().cpu_seconds)
        for case in cases:
            measures[case.name].append(run_case(case))
            print(f"round {index + 1}: {case.name}", flush=True)
    medians = {name: _median(values) for name, values in measures.items()}
    print(table(medians, statistics.median(yardstick)))
    return medians


def table(medians: dict[str, Measure], yardstick: float) -> str:
    """Return the results as text; the ratio is CPU seconds over those of the yardstick."""
    width = max(len(name) for name in medians)
    lines = [
        f"{'':{width}}  seconds  CPU seconds  peak MiB  CPU / yardstick",
        *(
            f"{name:{width}}  {m.seconds:7.2f}  {m.cpu_seconds:11.2f}  {m.peak_mib:8.0f}"
            f"  {m.cpu_seconds / yardstick:15.1f}"
            for name, m in medians.items()
        ),
        f"yardstick: {yardstick:.3f} CPU seconds (192 transforms of 256 x 256 px there and back)",
    ]
    return "\n".join(lines)


def _median(values: Sequence[Measure]) -> Measure:
    return Measure(
        statistics.median(v.seconds for v in values),
        statistics.median(v.cpu_seconds for v in values),
        statistics.median(v.peak_mib for v in values),
    )
