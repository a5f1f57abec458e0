"""Benchmark preparing and surveying a movie of 512 x 512 px, 16 bit.

    python tests/benchmarks/prepare.py [--frames 400] [--rounds 3]

Run by hand, never in CI. The movie lies in memory, so that nothing is read; the first table gives
ms per recorded frame on one thread, the second whole measures, which look at a sample of frames.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING, Any

import harness  # before NumPy: it sets the threads of the libraries
import numpy as np

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.prepare.plan import Preparation

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE = 512
BLOCK = 32
PLANS = {
    "as it is": Preparation(),
    "crop to 472 x 506": Preparation(crop_top_px=6, crop_left_px=20, crop_right_px=20),
    "lines moved by 2 px": Preparation(scan_phase_px=2.0),
    "lines moved by 0.7 px": Preparation(scan_phase_px=0.7),
    "bin 2 x 2 px": Preparation(bin_px=2),
    "bin 4 x 4 px": Preparation(bin_px=4),
    "bin 4 frames": Preparation(bin_frames=4),
    "crop, 0.7 px, 2 x 2 px, 2 frames": Preparation(
        crop_top_px=6, crop_left_px=20, crop_right_px=20, scan_phase_px=0.7, bin_px=2, bin_frames=2
    ),
}


def recording(n_frames: int) -> Any:
    """Make frames of noise over some structure; speed does not depend on what they show."""
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 500, (SIDE // 8, SIDE // 8)), np.ones((8, 8), int))
    movie = np.empty((n_frames, SIDE, SIDE), np.uint16)
    for frame in movie:
        frame[:] = scene + rng.integers(0, 200, scene.shape)
    return movie


def per_frame(movie: Any, plan: Preparation, fill: Any) -> float:
    """Seconds for each recorded frame when it is read in blocks."""
    from caiman_gui.core.prepare.movie import PreparedMovie

    prepared = PreparedMovie(ArrayMovie(movie), plan, fill)
    step = max(1, BLOCK // plan.bin_frames)
    prepared.frames(0, step)
    start = time.perf_counter()
    for first in range(0, prepared.shape[0], step):
        prepared.frames(first, first + step)
    return (time.perf_counter() - start) / len(movie)


def copying(movie: Any) -> float:
    """Seconds for each frame when blocks are only copied: the yardstick."""
    start = time.perf_counter()
    for first in range(0, len(movie), BLOCK):
        movie[first : first + BLOCK].copy()
    return (time.perf_counter() - start) / len(movie)


def measures() -> dict[str, Callable[[Any], Any]]:
    """Return what looks at a sample of the frames."""
    from caiman_gui.core.prepare.bad_pixels import find_bad_pixels
    from caiman_gui.core.prepare.scan_phase import estimate_scan_phase
    from caiman_gui.core.prepare.vessels import suggest_vessels
    from caiman_gui.core.survey import survey

    return {
        "scan phase": estimate_scan_phase,
        "bad pixels": find_bad_pixels,
        "survey": survey,
        "vessels, on an image": lambda movie: suggest_vessels(movie.frames(0, 1)[0]),
    }


def seconds_of(work: Callable[[Any], Any], movie: Any) -> float:
    """Time one measure."""
    start = time.perf_counter()
    work(ArrayMovie(movie))
    return time.perf_counter() - start


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    movie = recording(args.frames)
    fill = np.zeros((SIDE, SIDE), bool)
    fill[5::40, 3::40] = True
    cases = {name: (plan, None) for name, plan in PLANS.items()}
    cases["169 bad pixels filled"] = (Preparation(), fill)
    works = measures()
    times: dict[str, list[float]] = {name: [] for name in ("copying", *cases, *works)}
    for _ in range(args.rounds):
        times["copying"].append(copying(movie))
        for name, (plan, mask) in cases.items():
            times[name].append(per_frame(movie, plan, mask))
        for name, work in works.items():
            times[name].append(seconds_of(work, movie))
    yardstick = statistics.median(harness.calibration().cpu_seconds for _ in range(3))
    print(f"yardstick: {yardstick:.3f} CPU seconds")
    print(f"{'':36}  ms / recorded frame")
    for name in ("copying", *cases):
        print(f"{name:36}  {1000 * statistics.median(times[name]):8.3f}")
    print(f"{'':36}  seconds for {args.frames} frames")
    for name in works:
        print(f"{name:36}  {statistics.median(times[name]):8.2f}")


if __name__ == "__main__":
    main()
