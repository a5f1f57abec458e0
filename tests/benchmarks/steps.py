"""Benchmark every step of the pipeline on a simulated two-photon recording.

    python tests/benchmarks/steps.py [--size 160] [--frames 1500] [--neurons 45] [--rounds 3]

Run by hand, never in CI. Peak memory is what the step adds to the recording, which here lies in
memory.
"""

from __future__ import annotations

import argparse
from typing import Any

from harness import Case, compare

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.parallel import cpu_count
from caiman_gui.core.task import NULL_CONTEXT
from caiman_gui.params.run import RunParams

PARAMS = RunParams()
THREADS = {"n_threads": cpu_count(), "ctx": NULL_CONTEXT}


def recording(size: int, frames: int, neurons: int) -> Any:
    """Make the recording all steps run on."""
    from caiman_gui.core.synthetic import make_recording

    return make_recording(
        "two-photon",
        shape=(size, size),
        n_frames=frames,
        n_neurons=neurons,
        frame_rate_hz=30.0,
        neuron_diameter_px=11.0,
        max_shift_px=4.0,
        seed=1,
    )


def raw(size: int, frames: int, neurons: int) -> tuple[Any, ...]:
    """Prepare a step that reads the raw movie."""
    return (ArrayMovie(recording(size, frames, neurons).movie),)


def corrected(size: int, frames: int, neurons: int) -> tuple[Any, ...]:
    """Prepare a step that reads the corrected movie."""
    import numpy as np

    (movie,) = raw(size, frames, neurons)
    sink = _ArraySink(np.empty(movie.shape, np.float32))
    motion(movie, sink=sink)
    return (ArrayMovie(sink.array),)


def with_summary(size: int, frames: int, neurons: int) -> tuple[Any, ...]:
    """Prepare the extraction."""
    (movie,) = corrected(size, frames, neurons)
    return movie, summary(movie)


def with_components(size: int, frames: int, neurons: int) -> tuple[Any, ...]:
    """Prepare what comes after the extraction."""
    movie, images = with_summary(size, frames, neurons)
    return movie, sources(movie, images)


class _ArraySink:
    def __init__(self, array: Any) -> None:
        self.array = array

    def write(self, start: int, frames: Any) -> None:
        self.array[start : start + len(frames)] = frames


def motion(movie: Any, sink: Any = None) -> Any:
    """Correct rigid motion."""
    from caiman_gui.core.motion import correct_motion

    return correct_motion(movie, params=PARAMS.motion, sink=sink, **THREADS)


def piecewise(movie: Any) -> Any:
    """Correct piecewise rigid motion."""
    from caiman_gui.core.motion import correct_motion

    params = PARAMS.with_value("motion.mode", "piecewise").motion
    return correct_motion(movie, params=params, sink=None, **THREADS)


def summary(movie: Any) -> Any:
    """Compute the summary images."""
    from caiman_gui.core.summary import summarise

    return summarise(movie, use_filter=False, neuron_diameter_px=11.0, **THREADS)


def sources(movie: Any, images: Any) -> Any:
    """Extract the components."""
    from caiman_gui.core.sources import extract_sources

    return extract_sources(
        movie,
        params=PARAMS.with_value("sources.neuron_diameter_px", 11.0).sources,
        kind="two-photon",
        frame_rate_hz=30.0,
        decay_time_s=0.4,
        summary=images,
        **THREADS,
    )


def quality(movie: Any, components: Any) -> Any:
    """Measure the components."""
    from caiman_gui.core.quality import measure_quality

    return measure_quality(components, movie, frame_rate_hz=30.0, decay_time_s=0.4, **THREADS)


def traces(movie: Any, components: Any) -> Any:
    """Deconvolve and compute dF/F."""
    from caiman_gui.core.traces import process_traces

    return process_traces(
        components, params=PARAMS.traces, frame_rate_hz=30.0, is_one_photon=False, **THREADS
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--frames", type=int, default=1500)
    parser.add_argument("--neurons", type=int, default=45)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    size = (args.size, args.frames, args.neurons)
    cases = [
        Case("motion, rigid", raw, motion, size),
        Case("motion, piecewise", raw, piecewise, size),
        Case("summary images", corrected, summary, size),
        Case("sources", with_summary, sources, size),
        Case("quality", with_components, quality, size),
        Case("traces", with_components, traces, size),
    ]
    compare(cases, args.rounds)


if __name__ == "__main__":
    main()
