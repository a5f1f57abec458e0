"""Measure the player: frames painted in a second, seeks, gaps of the event loop, memory.

    python tests/benchmarks/player.py [--size 512] [--frames 1500] [--folder DIR]

Run by hand. Aims: 512 x 512 uint16 at 60 frames/s or more with contrast and colour map; a seek
painted within 50 ms from the page cache, also while playing; no gap of the event loop above 50 ms.
Runs offscreen, and once more in a real window if there is a display (Xvfb will do).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # as the program does itself

if TYPE_CHECKING:
    from collections.abc import Callable

    from caiman_gui.gui.widgets.movie_view import MovieView

PLAY_S = 4.0
N_SEEKS = 60


def main() -> int:
    """Run all measurements on each platform and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--frames", type=int, default=1500)
    parser.add_argument(
        "--folder", type=Path, help="where the movie is written; default: temporary"
    )
    parser.add_argument("--movie", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.movie is not None:
        measure(args.movie)
        return 0
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = write_movie(Path(folder) / "movie.tif", args.size, args.frames)
        platforms = ["offscreen", *(["xcb"] if os.environ.get("DISPLAY") else [])]
        for platform in platforms:
            print(f"-- {platform}", flush=True)
            environment = {**os.environ, "QT_QPA_PLATFORM": platform}
            for name in ("CONFIG", "DATA", "LOG"):
                environment[f"CAIMAN_GUI_{name}_DIR"] = folder
            command = [sys.executable, __file__, "--movie", str(path)]
            subprocess.run(command, env=environment, check=True)
    return 0


def write_movie(path: Path, size: int, n_frames: int) -> Path:
    """Write noise as an uncompressed BigTIFF, and read it once so that it is in the page cache."""
    import numpy as np
    import tifffile

    rng = np.random.default_rng(0)
    base = rng.normal(2000, 400, (17, size, size)).clip(0, 65535).astype(np.uint16)
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for index in range(n_frames):
            frame = base[index % 17] + np.uint16(index % 256)
            writer.write(frame, contiguous=True, photometric="minisblack")
    with path.open("rb") as file:
        while file.read(2**24):
            pass
    print(f"{n_frames} frames of {size} x {size} px, {path.stat().st_size / 2**20:.0f} MiB")
    return path


def measure(path: Path) -> None:
    """Measure in this process, on the platform that Qt was told."""
    import psutil

    from caiman_gui.app.context import build_context
    from caiman_gui.gui import theme
    from caiman_gui.gui.application import make_application
    from caiman_gui.gui.widgets.multi_player import MultiPlayer
    from caiman_gui.io.movie import open_movie

    app = make_application(sys.argv[:1])
    theme.apply(app, "dark")
    ctx = build_context()
    before = psutil.Process().memory_info().rss
    with open_movie([path]) as movie:
        n_frames = movie.shape[0]
    for source in ("raw", "corrected"):
        ctx.frames.set_opener(source, lambda: open_movie([path]))
    ctx.selection.limit(n_frames, ())
    player = make_player(ctx, n_frames)
    show("paint, as fast as possible (grey)", paint_rate(player))
    player.view.set_color_map("viridis")
    show("paint, as fast as possible (viridis)", paint_rate(player))
    for text in ("2×", "All frames", "16×", "64×"):
        play(player, text)
    play(player, "2×", average=8)
    player.set_averaging(1, 0.0)
    seek(player, "seek, at rest", is_playing=False)
    seek(player, "seek, while playing", is_playing=True)
    trace(player)
    player.close()
    players = MultiPlayer(ctx)
    players.resize(1200, 700)
    players.show()
    players.set_movie(n_frames, 30.0)
    wait(lambda: all(pane.movie.shown_frame is not None for pane in players.panes))
    play(players.panes[1].movie, "2×", bar=players.player, name="two linked movies at 2×")
    players.close()
    show(
        "memory above the start", f"{(psutil.Process().memory_info().rss - before) / 2**20:.0f} MiB"
    )
    ctx.close()


def make_player(ctx: Any, n_frames: int) -> MovieView:
    """Return a player of 1000 x 800 px that shows its first frame; tell how long that took."""
    from caiman_gui.gui.widgets.movie_view import MovieView

    player = MovieView(ctx, "raw")
    player.resize(1000, 800)
    player.show()
    start = time.perf_counter()
    player.set_movie(n_frames, 30.0)
    wait(lambda: player.shown_frame is not None)
    show("open and show the first frame", f"{1e3 * (time.perf_counter() - start):.0f} ms")
    return player


@dataclass
class Watch:
    """Counts paintings of a movie, CPU seconds of the UI thread, and gaps of the event loop."""

    player: MovieView
    painted: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    def __enter__(self) -> Watch:
        from PySide6.QtCore import QTimer

        item = self.player.view.image_item
        self._render = item.render
        item.render = self._on_render
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._on_timer)
        self._timer.start(2)
        self._cpu = time.thread_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu_s = time.thread_time() - self._cpu
        self._timer.stop()
        del self.player.view.image_item.render

    def _on_render(self) -> None:
        self.painted.append(time.perf_counter())
        self._render()

    def _on_timer(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last)
        self._last = now


def paint_rate(player: MovieView) -> str:
    """Paint known frames without waiting for anything."""
    assert player.view.image is not None
    frames = [player.view.image + index for index in range(8)]
    start, cpu = time.perf_counter(), time.thread_time()
    n = 120
    for index in range(n):
        player.view.set_image(frames[index % 8], auto_levels=False)
        player.view.viewport().repaint()
    seconds, cpu = time.perf_counter() - start, time.thread_time() - cpu
    return f"{n / seconds:.0f} frames/s, {1e3 * cpu / n:.2f} ms of CPU each"


def play(
    player: MovieView, speed: str, *, average: int = 1, bar: Any = None, name: str = ""
) -> None:
    """Play for a while; tell the frames painted in a second and the longest gap."""
    bar = bar if bar is not None else player.player
    player.set_averaging(average, 0.0)
    bar.playback.go_to(0)
    bar.speed.setCurrentIndex(bar.speed.findText(speed))
    wait_s(0.3)
    with Watch(player) as watch:
        bar.playback.toggle()
        wait_s(PLAY_S)
        bar.stop()
    rate = len(watch.painted) / PLAY_S
    gaps = sorted(watch.gaps)
    late = sum(gap > 0.05 for gap in gaps)
    title = name or f"play at {speed}" + (f", mean of {average} frames" if average > 1 else "")
    show(
        title,
        f"{rate:.1f} frames/s, {1e3 * watch.cpu_s / max(1, len(watch.painted)):.1f} ms of CPU each "
        f"(UI thread), longest gap {1e3 * gaps[-1]:.0f} ms, {late} above 50 ms",
    )


def seek(player: MovieView, name: str, *, is_playing: bool) -> None:
    """Jump to places not seen yet; tell the time until they are painted."""
    import numpy as np

    bar = player.player
    assert bar is not None
    bar.speed.setCurrentIndex(bar.speed.findText("1×"))
    places = np.random.default_rng(1).integers(0, player.n_frames - 60, N_SEEKS)
    times = []
    for place in places:
        if is_playing and not bar.is_playing:
            bar.playback.toggle()
        wait_s(0.1)
        with Watch(player) as watch:
            start = time.perf_counter()
            bar.playback.go_to(int(place))
            shown = wait(lambda p=int(place): in_reach(player.shown_frame, p) and watch.painted)
            assert shown, f"frame {place} did not come"
            times.append(watch.painted[-1] - start)
    bar.stop()
    times.sort()
    show(
        name,
        f"median {1e3 * times[len(times) // 2]:.1f} ms, longest {1e3 * times[-1]:.1f} ms",
    )


def in_reach(shown: int | None, place: int) -> bool:
    """Whether a frame is the one asked for, or one played after it."""
    return shown is not None and place <= shown <= place + 5


def trace(player: MovieView) -> None:
    """Read the trace of a region of the whole movie."""
    from caiman_gui.core.prepare.regions import Region

    assert player.traces is not None
    panel = player.traces
    told: list[float] = []
    panel.reader.traceChanged.connect(lambda *_: told.append(time.perf_counter()))
    start = time.perf_counter()
    with Watch(player) as watch:
        panel.tools[0].add(Region("exclude", "ellipse", ((100.0, 100.0), (130.0, 130.0))))
        wait(lambda: not panel.reader.keys, 60)
    show(
        "trace of a region",
        f"sketch after {1e3 * (told[0] - start):.0f} ms, whole after {told[-1] - start:.2f} s, "
        f"longest gap {1e3 * max(watch.gaps):.0f} ms",
    )
    panel.clear()


def wait(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Let Qt work until something is so; False if it never was."""
    from PySide6.QtCore import QCoreApplication

    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        QCoreApplication.processEvents()
        if condition():
            return True
    return False


def wait_s(seconds: float) -> None:
    """Let Qt work for some time."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


def show(name: str, text: str) -> None:
    """Print one figure."""
    print(f"{name:38} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
