"""Measure what a user feels: how soon cancel acts, and how fluid the window stays meanwhile.

    python tests/benchmarks/responsiveness.py [--size 256] [--frames 1500]

Run by hand. Aims: cancel within 1 s at every step; no gap of the event loop above 50 ms; a
threshold decided for 2,000 components in under 5 ms; seeds of 512 x 512 px in under 10 ms.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # as the program does itself
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

if TYPE_CHECKING:
    from collections.abc import Callable

CANCEL_POINTS = (0.05, 0.3, 0.6, 0.9)


def main() -> int:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=1500)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "DATA", "LOG"):
            os.environ[f"CAIMAN_GUI_{name}_DIR"] = folder
        movie = make_movie(Path(folder), args.size, args.frames)
        measure_kernels()
        measure_review()
        measure_window(movie)
    return 0


def make_movie(folder: Path, size: int, frames: int) -> Path:
    """Write a simulated recording."""
    from caiman_gui.core.synthetic import make_recording
    from caiman_gui.pipeline.demo import write_recording

    path = folder / "movie.tif"
    recording = make_recording(
        "two-photon",
        shape=(size, size),
        n_frames=frames,
        n_neurons=size * size // 700,
        frame_rate_hz=30.0,
        neuron_diameter_px=11.0,
        max_shift_px=4.0,
        seed=1,
    )
    write_recording(path, recording)
    return path


def measure_kernels() -> None:
    """Time what runs in the UI thread while a slider moves."""
    import numpy as np

    from caiman_gui.core.quality import passes
    from caiman_gui.core.summary import find_seeds
    from caiman_gui.params.quality import QualityParams

    rng = np.random.default_rng(0)
    images = rng.random((2, 512, 512), dtype=np.float32)
    show(
        "seeds, 512 x 512 px",
        repeat(
            lambda: find_seeds(images[0], images[1], min_corr=0, min_pnr=0, min_distance_px=8), 30
        ),
    )
    metrics = rng.random((4, 2000))
    params = QualityParams()
    show("thresholds, 2,000 components", repeat(lambda: passes(*metrics, params=params), 200))


def measure_review() -> None:
    """Time what a key does in Review with 1,000 components, until it is painted."""
    from caiman_gui.app.context import build_context
    from caiman_gui.gui import theme
    from caiman_gui.gui.application import make_application
    from caiman_gui.gui.tabs.review_tab import ReviewTab

    app = make_application(sys.argv[:1])
    theme.apply(app, "dark")
    ctx = build_context()
    tab = ReviewTab(ctx)
    tab.resize(1600, 900)
    tab.show()
    ctx.document.reset(crowded_state(), None, None)
    app.sendPostedEvents()
    numbers = iter(range(100, 900))

    def select() -> None:
        ctx.selection.select(next(numbers))
        tab.grab()

    def decide() -> None:
        ctx.document.set_labels([next(numbers)], "reject")
        tab.grab()

    show("select, 1,000 components, painted", repeat(select, 40))
    show("decide, 1,000 components, painted", repeat(decide, 40))
    tab.close()
    ctx.document.undo_stack.setClean()
    ctx.close()


def crowded_state() -> Any:
    """Return a project with 1,000 components of 9,000 frames."""
    import numpy as np

    from caiman_gui.core.results import Component, ComponentSet, Metrics, SummaryImages
    from caiman_gui.project.model import ProjectState, RecordingRef

    rng = np.random.default_rng(0)
    side, frames = 512, 9000
    disc = np.argwhere(np.hypot(*(np.mgrid[-6:7, -6:7])) < 6) - 6
    zeros = np.zeros(frames, np.float32)
    items = []
    for number in range(1000):
        rows, cols = (disc + rng.integers(10, side - 10, 2)).T
        trace = rng.normal(0, 1, frames).astype(np.float32)
        items.append(
            Component(
                id=number,
                pixels=np.sort(rows * side + cols),
                weights=np.full(len(disc), len(disc) ** -0.5, np.float32),
                trace=trace,
                residual=zeros,
                activity=zeros,
                background=zeros,
                metrics=Metrics(snr=rng.uniform(0, 9), rval=rng.uniform(0, 1)),
            )
        )
    image = rng.random((side, side), dtype=np.float32)
    return ProjectState(
        recording=RecordingRef((Path("none.tif"),), frames, side, side, "uint16", "none"),
        summary=SummaryImages(image, image, image, image, image, image),
        components=ComponentSet(
            tuple(items), (side, side), frames, image.reshape(1, -1), zeros[None], 1000
        ),
    )


def measure_window(movie: Path) -> None:
    """Run all steps with a probe in the event loop, then cancel each step at several points."""
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from caiman_gui.app.collector import MainThreadCollector
    from caiman_gui.app.context import build_context
    from caiman_gui.gui import theme
    from caiman_gui.gui.application import make_application
    from caiman_gui.gui.main_window import MainWindow
    from caiman_gui.pipeline.steps import STEP_NAMES

    app = QApplication.instance() or make_application(sys.argv[:1])
    ctx = build_context()
    theme.apply(app, "dark")
    collector = MainThreadCollector(app)
    window = MainWindow(ctx)
    window.show()
    collector.start()

    def live_until(condition: Callable[[], bool]) -> list[float]:
        loop, gaps = QEventLoop(), [0.0]
        last = time.perf_counter()

        def beat() -> None:
            nonlocal last
            now = time.perf_counter()
            gaps.append(now - last)
            last = now
            if condition():
                loop.quit()

        timer = QTimer()
        timer.timeout.connect(beat)
        timer.start(5)
        loop.exec()
        timer.stop()
        return [1000 * gap for gap in gaps[1:]]

    window.files.open_paths([movie])
    live_until(lambda: ctx.document.state.recording is not None and not ctx.tasks.tasks)
    for label in ("cold", "warm"):
        ctx.workflow.run(STEP_NAMES, force=True)
        show(f"event loop while all steps run, {label}", live_until(lambda: not ctx.tasks.tasks))
    for name in STEP_NAMES:
        latencies = [_cancel_at(ctx, live_until, name, point) for point in CANCEL_POINTS]
        show(f"cancel, {name}", [1000 * s for s in latencies if s is not None])
    ctx.document.undo_stack.setClean()
    window.close()
    ctx.close()
    collector.stop()


def _cancel_at(ctx: Any, live_until: Any, name: str, point: float) -> float | None:
    """Cancel a step when its progress reaches a point; return the seconds until it ended."""
    reached: list[float] = []
    task = ctx.workflow.run((name,), force=True)
    task.progressed.connect(lambda p: reached.append(p.fraction))
    live_until(lambda: task.is_finished or bool(reached and reached[-1] >= point))
    if task.is_finished:
        live_until(lambda: not ctx.tasks.tasks)
        return None
    start = time.perf_counter()
    task.cancel()
    live_until(lambda: not ctx.tasks.tasks)
    return time.perf_counter() - start


def repeat(work: Callable[[], object], times: int) -> list[float]:
    """Return the milliseconds of each call after the first."""
    work()
    out = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        out.append(1000 * (time.perf_counter() - start))
    return out


def show(what: str, milliseconds: list[float]) -> None:
    """Print median, 95th percentile and maximum."""
    if not milliseconds:
        print(f"{what:45} too quick to be caught")
        return
    ordered = sorted(milliseconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(
        f"{what:45} median {statistics.median(ordered):8.2f}  p95 {p95:8.2f}  "
        f"max {ordered[-1]:8.2f} ms",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
