"""Benchmark the working store against plain files of the same bytes.

    python tests/benchmarks/store.py [--size 512] [--frames 2000] [--rounds 5] [--folder DIR]

Run by hand, never in CI. Plain and stored files are written and read in turns, so that a busy
machine disturbs both alike, and the quickest round of each counts; read the ratios. Files are read
from the page cache.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.io.store import StoredMovie
from caiman_gui.io.store_writer import StoreWriter

if TYPE_CHECKING:
    from collections.abc import Callable

#: Frames handed over at a time, as motion correction and players of many frames do.
STEP = 64
CHUNK = 8 * 2**20


def make_frames(size: int, kind: str) -> Any:
    """Return 256 frames that are written again and again: shot noise on a bright field."""
    rng = np.random.default_rng(0)
    field = 400 + 300 * np.sin(np.arange(size) / 9)[:, None] * np.cos(np.arange(size) / 7)
    frames = rng.poisson(field, (256, size, size))
    if kind == "uint16":
        return frames.astype(np.uint16)
    return (frames + rng.normal(0, 0.3, frames.shape)).astype(np.float32)


def write_plain(path: Path, source: Path) -> float:
    """Write the bytes of a file, from memory, in one sequence; return the seconds."""
    data = memoryview(source.read_bytes())
    start = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for at in range(0, len(data), CHUNK):
            file.write(data[at : at + CHUNK])
        os.fsync(file.fileno())
    return time.perf_counter() - start


def write_store(path: Path, frames: Any, n_frames: int) -> None:
    """Write a stored movie of these frames."""
    with StoreWriter(path, (n_frames, *frames.shape[1:]), dtype=frames.dtype) as writer:
        for start in range(0, n_frames, STEP):
            at = start % len(frames)
            writer.write(start, frames[at : at + min(STEP, n_frames - start)])


def read_plain(path: Path, dtype: Any, shape: tuple[int, ...]) -> None:
    """Read a raw file into arrays of STEP frames."""
    per_step = STEP * shape[1] * shape[2]
    with path.open("rb") as file:
        while np.fromfile(file, dtype, count=per_step).size:
            pass


def read_store(path: Path) -> None:
    """Read a stored movie into arrays of STEP frames; it is opened anew and so verified."""
    with StoredMovie(path) as movie:
        for start in range(0, movie.shape[0], STEP):
            movie.frames(start, start + STEP)


def read_pixel_blocks(path: Path) -> None:
    """Read a stored movie block by block, pixel by pixel, as float32."""
    with StoredMovie(path) as movie:
        for start in range(0, movie.shape[0], movie.block_frames):
            movie.pixel_block(start, min(start + movie.block_frames, movie.shape[0]))


def seconds(work: Callable[[], Any]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def seek_ms(path: Path, count: int = 40) -> float:
    """Longest time to show a frame anywhere, each from a store opened anew."""
    rng, worst = np.random.default_rng(1), 0.0
    with StoredMovie(path) as movie:
        n_frames = movie.shape[0]
    for at in rng.integers(0, n_frames, count):
        with StoredMovie(path) as movie:
            worst = max(worst, seconds(lambda at=at, movie=movie: movie.frames(at, at + 1)))
    return 1e3 * worst


def compare(kind: str, size: int, n_frames: int, rounds: int, folder: Path) -> None:
    """Print the ratios for one type of samples."""
    frames = make_frames(size, kind)
    store, plain, raw = folder / "movie.cgm", folder / "plain.bin", folder / "raw.bin"
    shape = (n_frames, size, size)
    with raw.open("wb") as file:
        for start in range(0, n_frames, STEP):
            at = start % len(frames)
            frames[at : at + min(STEP, n_frames - start)].tofile(file)
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        store.unlink(missing_ok=True)
        plain.unlink(missing_ok=True)
        times.setdefault("write store", []).append(
            seconds(lambda: write_store(store, frames, n_frames))
        )
        times.setdefault("write plain", []).append(write_plain(plain, store))
        for name, work in (
            ("read plain", lambda: read_plain(plain, np.uint16, shape)),
            ("read raw", lambda: read_plain(raw, frames.dtype, shape)),
            ("read store", lambda: read_store(store)),
            ("read pixels", lambda: read_pixel_blocks(store)),
        ):
            times.setdefault(name, []).append(seconds(work))
    best = {name: min(values) for name, values in times.items()}
    stored, whole = store.stat().st_size, raw.stat().st_size
    print(f"\n{kind}, {n_frames} frames of {size} x {size}: {stored / 1e6:.0f} MB stored, "
          f"{whole / 1e6:.0f} MB raw")  # fmt: skip
    for name, value in best.items():
        rate = (whole if name == "read raw" else stored) / value / 1e9
        print(f"  {name:12} {rate:6.2f} GB/s of the file")
    for text, yardstick, name in (
        ("writing the store / writing its bytes at once", "write plain", "write store"),
        ("frames of the store / its bytes with numpy", "read plain", "read store"),
        ("frames of the store / the raw movie with numpy", "read raw", "read store"),
        ("pixel blocks, float32 / its bytes with numpy", "read plain", "read pixels"),
    ):
        print(f"  {text:48} {best[yardstick] / best[name]:5.2f}")
    print_latency(store, size)


def print_latency(store: Path, size: int) -> None:
    """Print how long a seek and the trace of a pixel or a region take."""
    with StoredMovie(store) as movie:
        middle = size * size // 2 + size // 2
        disc = (np.add.outer(np.arange(-6, 7) * size, np.arange(-6, 7)) + middle).ravel()
        one = seconds(lambda: movie.pixels(np.array([middle])))
        roi = seconds(lambda: movie.pixels(disc).mean(axis=0))
        per_100k = 100_000 / movie.shape[0]
    print(f"  slowest of 40 seeks: {seek_ms(store):.1f} ms")
    print(f"  trace through 100,000 frames: one pixel {one * per_100k:.2f} s, "
          f"169 pixels {roi * per_100k:.2f} s")  # fmt: skip


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for kind in ("uint16", "float32"):
            compare(kind, args.size, args.frames, args.rounds, Path(folder))


if __name__ == "__main__":
    main()
