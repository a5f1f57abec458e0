"""Measure the memory that each step takes on a movie much larger than its budget.

    python tests/benchmarks/memory.py [--size 512] [--frames 3000] [--budgets 512 2048]

Run by hand, never in CI. The movie is made up as it is read, so that only the step's own memory
counts: the resident memory of its process, less what it held when the step began. The traces of
the components, which are the result, come on top of the budget.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from harness import MIB, Case, run_case

from caiman_gui.core.budget import DEFAULT_BYTES
from caiman_gui.core.parallel import cpu_count
from caiman_gui.core.task import NULL_CONTEXT
from caiman_gui.params.run import RunParams

PARAMS = RunParams().with_value("sources.neuron_diameter_px", 11.0)
DIAMETER = 11.0
PERIOD = 48


class EndlessMovie:
    """Cells that light up in turns, under noise that repeats; moved by a pixel at times."""

    dtype = np.dtype(np.uint16)

    def __init__(self, size: int, n_frames: int) -> None:
        rng = np.random.default_rng(0)
        self.shape = (n_frames, size, size)
        self._noise = rng.normal(300, 15, (PERIOD, size, size)).astype(np.float32)
        self._noise += (40 * rng.random((size, size)) ** 3).astype(np.float32)
        spots = [(r, c) for r in range(20, size - 19, 40) for c in range(20, size - 19, 40)]
        rows, cols = np.mgrid[-8:9, -8:9]
        self._cell = (np.hypot(rows, cols) < DIAMETER / 2).astype(np.float32)
        self._spots = spots
        starts = rng.random((len(spots), n_frames)) < 1 / 150
        self._traces = np.zeros((len(spots), n_frames), np.float32)
        level = np.zeros(len(spots), np.float32)
        for t in range(n_frames):
            level = level * np.float32(0.92) + 60 * starts[:, t]
            self._traces[:, t] = level

    def frames(self, start: int, stop: int) -> Any:
        """Make frames start ... stop-1."""
        stop = min(stop, self.shape[0])
        out = np.empty((stop - start, *self.shape[1:]), np.uint16)
        for target, t in zip(out, range(start, stop), strict=True):
            frame = self._noise[t % PERIOD].copy()
            for (row, col), value in zip(self._spots, self._traces[:, t], strict=True):
                if value > 1:
                    frame[row - 8 : row + 9, col - 8 : col + 9] += value * self._cell
            target[...] = np.roll(frame, (t // 7 % 3 - 1, t // 11 % 2), (0, 1))
        return out


class _Sink:
    def write(self, start: int, frames: Any) -> None:
        """Take frames and forget them."""


def prepare(step: str, size: int, frames: int, budget: int) -> tuple[Any, ...]:
    """Compile what a step needs on a small movie; make the large one and what comes before."""
    small = EndlessMovie(64, 400)
    WORK[step](small, *_before(step, small), DEFAULT_BYTES)
    movie = EndlessMovie(size, frames)
    return (movie, *_before(step, movie), budget)


def _before(step: str, movie: Any) -> tuple[Any, ...]:
    """Return what a step needs besides the movie, made quickly."""
    from caiman_gui.core.results import Component, ComponentSet, SummaryImages

    _, height, width = movie.shape
    if step in ("sources", "sources, one-photon"):
        ones = np.ones((height, width), np.float32)
        return (SummaryImages(*(ones * 100 for _ in range(6))),)
    if step not in ("quality", "traces"):
        return ()
    items = []
    for k, (row, col) in enumerate(movie._spots):
        rows, cols = np.nonzero(movie._cell)
        pixels = ((rows + row - 8) * width + cols + col - 8).astype(np.int32)
        noise = np.random.default_rng(k).normal(0, 2, movie.shape[0]).astype(np.float32)
        trace = movie._traces[k]
        zeros = np.zeros_like(trace)
        weights = np.full(pixels.size, pixels.size**-0.5, np.float32)
        items.append(Component(k, pixels, weights, trace, noise, zeros, zeros + 300))
    images, traces = np.ones((1, height * width), np.float32), np.ones((1, movie.shape[0]))
    return (
        ComponentSet(
            tuple(items), (height, width), movie.shape[0], images, traces.astype(np.float32),
            len(items),
        ),
    )  # fmt: skip


def _motion(movie: Any, budget: int, mode: str = "rigid") -> None:
    from caiman_gui.core.motion import correct_motion

    params = PARAMS.with_value("motion.mode", mode).motion
    correct_motion(
        movie, params=params, sink=_Sink(), n_threads=cpu_count(), memory_bytes=budget,
        ctx=NULL_CONTEXT,
    )  # fmt: skip


def _piecewise(movie: Any, budget: int) -> None:
    _motion(movie, budget, "piecewise")


def _summary(movie: Any, budget: int, use_filter: bool = False) -> None:
    from caiman_gui.core.summary import summarise

    summarise(
        movie, use_filter=use_filter, neuron_diameter_px=DIAMETER, n_threads=cpu_count(),
        memory_bytes=budget, ctx=NULL_CONTEXT,
    )  # fmt: skip


def _filtered_summary(movie: Any, budget: int) -> None:
    _summary(movie, budget, True)


def _sources(movie: Any, summary: Any, budget: int, kind: str = "two-photon") -> None:
    from caiman_gui.core.sources import extract_sources

    extract_sources(
        movie, params=PARAMS.sources, kind=kind, frame_rate_hz=30.0, decay_time_s=0.4,
        summary=summary, n_threads=cpu_count(), memory_bytes=budget, ctx=NULL_CONTEXT,
    )  # fmt: skip


def _one_photon_sources(movie: Any, summary: Any, budget: int) -> None:
    _sources(movie, summary, budget, "one-photon")


def _quality(movie: Any, components: Any, budget: int) -> None:
    from caiman_gui.core.quality import measure_quality

    measure_quality(
        components, movie, frame_rate_hz=30.0, decay_time_s=0.4, n_threads=cpu_count(),
        memory_bytes=budget, ctx=NULL_CONTEXT,
    )  # fmt: skip


def _traces(movie: Any, components: Any, budget: int) -> None:
    from caiman_gui.core.traces import process_traces

    process_traces(
        components, params=PARAMS.traces, frame_rate_hz=30.0, is_one_photon=False,
        n_threads=cpu_count(), memory_bytes=budget, ctx=NULL_CONTEXT,
    )  # fmt: skip


WORK = {
    "motion, rigid": _motion,
    "motion, piecewise": _piecewise,
    "summary": _summary,
    "summary, filtered": _filtered_summary,
    "sources": _sources,
    "sources, one-photon": _one_photon_sources,
    "quality": _quality,
    "traces": _traces,
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--budgets", type=int, nargs="+", default=[512, 2048], help="MiB")
    parser.add_argument("--steps", nargs="+", default=list(WORK))
    args = parser.parse_args()
    whole = 4 * args.frames * args.size**2 / MIB
    print(f"{args.frames} frames of {args.size} x {args.size} px, {whole:.0f} MiB as float32")
    print(f"{'':20}  budget MiB  peak MiB  seconds")
    for step in args.steps:
        for budget in args.budgets:
            arguments = (step, args.size, args.frames, budget * MIB)
            took = run_case(Case(step, prepare, WORK[step], arguments, warm_up=False))
            print(f"{step:20}  {budget:10}  {took.peak_mib:8.0f}  {took.seconds:7.1f}", flush=True)


if __name__ == "__main__":
    main()
