"""Opening and reading recordings of every format: seconds, memory, and ratios to plain NumPy.

    python tests/benchmarks/movies.py [open] [read] [--rounds 5] [--folder DIR]

``open`` makes sparse files of 50 GB (they take no room on disks that know holes) and shows their
first frame in a fresh process. ``read`` reads files of half a GB from front to back, and compares
with reading the same bytes with ``numpy.fromfile`` in the same run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).resolve().parent))

import sparse_movies as sparse

SIDE = 512
FRAME_BYTES = 2 * SIDE * SIDE
READ_FRAMES = 1024
MB = 1e6


def first_frame(path: Path) -> tuple[float, float, tuple[int, ...]]:
    """Open in a fresh process; returns seconds, peak MB of the process, and the shape."""
    return _alone(_first_frame, path)


def _first_frame(path: Path) -> tuple[float, float, tuple[int, ...]]:
    from caiman_gui.io.movie import open_movie

    start = time.perf_counter()
    with open_movie([path]) as movie:
        movie.frames(0, 1)
        seconds = time.perf_counter() - start
        return seconds, _peak_mb(), movie.shape


def _skip_through(path: Path) -> tuple[float, float, int]:
    """Play and jump as a user does for some seconds; returns frames/s, peak MB, frames."""
    from caiman_gui.io.movie import open_movie

    rng = np.random.default_rng(0)
    with open_movie([path]) as movie:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < 3:
            first = int(rng.integers(0, movie.shape[0] - 64))
            for index in range(first, first + 64):
                movie.frames(index, index + 1)
            count += 64
        return count / (time.perf_counter() - start), _peak_mb(), count


def _peak_mb() -> float:
    try:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    except ImportError:  # Windows
        return psutil.Process().memory_info().peak_wset / MB


def _alone(work: Callable[..., Any], *arguments: Any) -> Any:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def opening(folder: Path) -> None:
    """Open 50 GB files of each kind."""
    print(f"{'50 GB file':28} first frame   memory   playing, memory")
    for name, make in sparse.MAKERS.items():
        path = make(folder, sparse.N_FRAMES_50_GB, SIDE)
        seconds, memory, shape = first_frame(path)
        rate, playing, _ = _alone(_skip_through, path)
        print(
            f"{name:28} {seconds:8.2f} s  {memory:5.0f} MB  {rate:5.0f}/s  {playing:5.0f} MB"
            f"   {shape}",
            flush=True,
        )
        sparse.remove(path)


def reading(folder: Path, rounds: int) -> None:
    """Read files of half a GB in runs of 64 frames, beside numpy.fromfile of as many bytes."""
    from caiman_gui.io.movie import open_movie

    movie = np.random.default_rng(0).integers(0, 4096, (READ_FRAMES, SIDE, SIDE)).astype(np.uint16)
    plain = folder / "plain.bin"
    movie.tofile(plain)
    ratios: dict[str, list[float]] = {}
    paths = {name: make(folder, movie) for name, make in sparse.WRITERS.items()}
    for _ in range(rounds):
        reference = _seconds(lambda: _read_plain(plain))
        for name, path in paths.items():
            with open_movie([path]) as opened:
                ratios.setdefault(name, []).append(reference / _seconds(lambda: _read(opened)))
    print(f"{'format':28} speed, share of numpy.fromfile ({movie.nbytes / MB:.0f} MB, cached)")
    for name, values in ratios.items():
        print(
            f"{name:28} {statistics.median(values):5.2f}   {min(values):.2f} ... {max(values):.2f}"
        )


def _read(movie: Any) -> None:
    for start in range(0, movie.shape[0], 64):
        movie.frames(start, start + 64)


def _read_plain(path: Path) -> None:
    with path.open("rb") as file:
        for _ in range(0, READ_FRAMES, 64):
            np.fromfile(file, np.uint16, 64 * SIDE * SIDE)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["open", "read"], help="open, read")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files are made; default: temporary")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        if "open" in args.what:
            opening(Path(folder))
        if "read" in args.what:
            reading(Path(folder), args.rounds)


if __name__ == "__main__":
    main()
