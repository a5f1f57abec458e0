"""Damaged recordings of every format: each opens or is refused in words, whatever is wrong.

    python tests/benchmarks/fuzz_movies.py [--count 200000] [--seed 0] [--only NAME] [--keep DIR]

Small files of every format are mutated (bits, bytes, runs, lengths, parts taken out or doubled)
and opened; a few frames are read. Counted are those that opened and those refused with our error;
everything else is printed: another exception, a crash of the process, an input that took longer
than 5 s, or one for which the process grew by more than 1 GB. Same seed, same inputs.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent))

import fuzz_seeds

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

#: Longer than this is a hang for a file of some kilobytes.
HANG_S = 5.0
#: More than this is runaway memory.
MEMORY_BYTES = 2**30
BATCH = 200


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a damaged copy: one to a few changes, most of them near the beginning or the end."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not out:
            break
        kind = int(rng.integers(0, 9))
        place = _place(len(out), rng)
        length = int(min(2 ** rng.integers(0, 9), len(out) - place))
        if kind == 0:
            out[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            out[place] = int(rng.integers(0, 256))
        elif kind == 2:
            out[place : place + length] = rng.bytes(length)
        elif kind == 3:
            out[place : place + length] = bytes([int(rng.choice([0, 255]))]) * length
        elif kind == 4:
            del out[place : place + length]
        elif kind == 5:
            out[place:place] = out[place : place + length]
        elif kind == 6:
            del out[int(rng.integers(0, len(out))) :]
        elif kind == 7:  # a number that is far too large, or just off
            width = int(rng.choice([2, 4, 8]))
            value = int(rng.choice([0, 1, 2, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**63 - 1]))
            out[place : place + width] = (value % 2 ** (8 * width)).to_bytes(width, "little")
        else:
            other = _place(len(out), rng)
            out[place : place + length] = out[other : other + length]
    return bytes(out)


def _place(size: int, rng: np.random.Generator) -> int:
    region = int(rng.integers(0, 3))
    near = int(min(size - 1, abs(rng.standard_cauchy()) * 48))
    return near if region == 0 else size - 1 - near if region == 1 else int(rng.integers(0, size))


def work(connection: Connection, seed: int, folder: str, names: list[str]) -> None:
    """Open inputs by number until told to stop; says the number before each."""
    faulthandler.disable()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    seeds = {seed_.name: seed_ for seed_ in fuzz_seeds.load(Path(folder), names)}
    process = psutil.Process()
    for name, first in iter(connection.recv, None):
        outcome: Counter[str] = Counter()
        for number in range(first, first + BATCH):
            connection.send(("begin", number))
            before = process.memory_info().rss
            result = attempt(seeds[name], np.random.default_rng([seed, number]))
            outcome[result] += 1
            if process.memory_info().rss - before > MEMORY_BYTES:
                connection.send(("grown", number))
        connection.send(("done", outcome))


def attempt(seed: fuzz_seeds.Seed, rng: np.random.Generator) -> str:
    """Damage a seed, open it, and say what came of it."""
    from caiman_gui.errors import DataError, InputError
    from caiman_gui.io.movie import open_movie

    with seed.damaged(lambda data: mutated(data, rng)) as path:
        try:
            with open_movie([path], seed.choice) as movie:
                n_frames = movie.shape[0]
                for start in {0, n_frames // 2, max(0, n_frames - 2)}:
                    movie.frames(start, min(start + 2, n_frames))
        except (InputError, DataError):
            return "refused"
        except BaseException as exc:  # noqa: BLE001 - this is what is looked for
            place = exc.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
            return f"{type(exc).__name__}: {str(exc)[:80]} ({where})"
        return "opened"


class Worker:
    """A process that may crash or hang, and is then replaced."""

    def __init__(self, seed: int, folder: str, names: list[str]) -> None:
        self._arguments = (seed, folder, names)
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=work, args=(other, *self._arguments), daemon=True)
        self.process.start()
        other.close()
        self.number, self.begun, self.grown = -1, time.monotonic(), []

    def give(self, name: str, first: int) -> None:
        """Hand over a batch."""
        self.name, self.first = name, first
        self.begun = time.monotonic() + 30  # imports take a while
        self.connection.send((name, first))

    def poll(self) -> Counter[str] | str | None:
        """Return the outcome of the batch, a word for what went wrong, or None: not done yet."""
        try:
            while self.connection.poll(0.02):
                kind, value = self.connection.recv()
                if kind == "begin":
                    self.number, self.begun = value, time.monotonic()
                elif kind == "grown":
                    self.grown.append(value)
                else:
                    return value
        except (EOFError, OSError):
            return f"CRASH (exit {self._end()})"
        if time.monotonic() - self.begun > HANG_S:
            self.process.kill()
            self._end()
            return "HANG"
        return None

    def _end(self) -> Any:
        self.process.join()
        code = self.process.exitcode
        self._start()
        return code


def main() -> int:
    """Share the inputs out to processes and count what comes of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="name of a seed; may be repeated")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        names = fuzz_seeds.make(Path(folder), args.only)
        batches = [
            (names[index % len(names)], index * BATCH) for index in range(args.count // BATCH)
        ][::-1]
        workers = [Worker(args.seed, folder, names) for _ in range(args.jobs)]
        totals: dict[str, Counter[str]] = {name: Counter() for name in names}
        busy = dict.fromkeys(workers, False)
        started, done = time.monotonic(), 0
        while batches or any(busy.values()):
            for worker in workers:
                if not busy[worker]:
                    if batches:
                        worker.give(*batches.pop())
                        busy[worker] = True
                    continue
                result = worker.poll()
                if result is None:
                    continue
                busy[worker] = False
                if isinstance(result, str):
                    print(f"{worker.name} input {worker.number}: {result}", flush=True)
                    totals[worker.name][result] += 1
                    rest = worker.number + 1
                    if rest < worker.first + BATCH:
                        batches.append((worker.name, rest))
                else:
                    totals[worker.name] += result
                    done += BATCH
                    if done % 20_000 == 0:
                        print(f"{done:,} inputs, {time.monotonic() - started:.0f} s", flush=True)
                    for number in worker.grown:
                        print(f"{worker.name} input {number}: memory", flush=True)
                        totals[worker.name]["MEMORY"] += 1
                    worker.grown = []
        for worker in workers:
            worker.connection.send(None)
        seconds = time.monotonic() - started
    for name, counts in totals.items():
        good = counts.pop("opened", 0), counts.pop("refused", 0)
        bad += sum(counts.values())
        print(f"{name:24} opened {good[0]:7,}  refused {good[1]:7,}  wrong {sum(counts.values())}")
        for what, count in counts.most_common(20):
            print(f"    {count:6,}  {what}")
    print(f"{args.count:,} inputs in {seconds:.0f} s, {bad} wrong")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
