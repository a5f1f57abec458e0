"""Mean traces of pixels or drawn regions, read off the UI thread: coarse first, then all."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from caiman_gui.core.task import SubContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.app.frames import FrameLoader
    from caiman_gui.app.run_reader import RunReader
    from caiman_gui.app.tasks import Task, TaskRunner
    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

logger = logging.getLogger(__name__)

#: Frames of the coarse trace that is shown first.
COARSE_FRAMES = 256
#: Bytes read at once: small, so that cancelling is quick and memory stays low.
_CHUNK_BYTES = 8 * 2**20
#: Above this size of all traces, reading whole frames is quicker than pixel by pixel.
_PIXELS_BYTES = 64 * 2**20


class RegionTraces(QObject):
    """Reads the mean over some pixels of a movie for each frame, one region after the other.

    Signals
    -------
    traceChanged : object, object, bool
        Key of the region, values (T,) float32 with NaN where not read yet, whether all are read.
    progressed : object, float
        Key, share that is done.
    ended : object
        Key; read, stopped or failed.
    failed : object
        The exception.
    """

    traceChanged = Signal(object, object, bool)
    progressed = Signal(object, float)
    ended = Signal(object)
    failed = Signal(object)

    def __init__(
        self, tasks: TaskRunner, frames: FrameLoader, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._frames = frames
        self._running: dict[Any, tuple[str, Task]] = {}
        frames.sourceChanged.connect(self._on_source)

    @property
    def keys(self) -> tuple[Any, ...]:
        """Regions that are being read or wait for it."""
        return tuple(self._running)

    def read(self, key: Any, title: str, source: str, pixels: NDArray[np.integer]) -> None:
        """Read the trace of a region; one of the same key that is being read is given up.

        Parameters
        ----------
        key : hashable
            Names the region in the signals.
        title : str
            For the status bar, such as "Trace of region 1".
        source : str
            Of the FrameLoader.
        pixels : (n,) int
            C-order pixel numbers, at least one.
        """
        self.cancel(key)
        reader = self._frames.own_reader(source)
        if reader.is_empty or not len(pixels):
            return
        work = partial(_work, reader, np.sort(np.asarray(pixels, np.int64)))
        task = self._tasks.submit(title, work, lane="preview")
        self._running[key] = source, task
        task.note.connect(self._on_note)
        task.succeeded.connect(self._on_succeeded)
        task.progressed.connect(self._on_progressed)
        task.failed.connect(self._on_failed)
        task.ended.connect(self._on_ended)

    def cancel(self, key: Any) -> None:
        """Stop reading one region."""
        if key in self._running:
            self._running.pop(key)[1].cancel()
            self.ended.emit(key)

    def cancel_all(self) -> None:
        """Stop reading."""
        for key in self.keys:
            self.cancel(key)

    def _told(self) -> tuple[Any, ...]:
        """Return the key whose task speaks, or nothing if it was given up or replaced."""
        speaker = self.sender()
        return tuple(key for key, (_, task) in self._running.items() if task is speaker)

    @Slot(object)
    def _on_note(self, values: NDArray[np.float32]) -> None:
        for key in self._told():
            self.traceChanged.emit(key, values, False)

    @Slot(object)
    def _on_succeeded(self, values: NDArray[np.float32]) -> None:
        for key in self._told():
            self.traceChanged.emit(key, values, True)

    @Slot(object)
    def _on_progressed(self, progress: Any) -> None:
        for key in self._told():
            self.progressed.emit(key, progress.fraction)

    @Slot(object)
    def _on_failed(self, error: Exception) -> None:
        for key in self._told():
            logger.warning("The trace of %s: %s", key, error)
            self.failed.emit(error)

    @Slot(object)
    def _on_ended(self, ended: Task) -> None:
        for key in tuple(key for key, (_, task) in self._running.items() if task is ended):
            del self._running[key]
            self.ended.emit(key)

    @Slot(str)
    def _on_source(self, source: str) -> None:
        for key, (name, _) in tuple(self._running.items()):
            if name == source:
                self.cancel(key)


def mean_trace(
    movie: Movie,
    pixels: NDArray[np.int64],
    *,
    ctx: TaskContext,
    show: Callable[[NDArray[np.float32]], None],
) -> NDArray[np.float32]:
    """Return the mean over some pixels for each frame.

    A movie that offers ``pixels(numbers, ctx=)``, giving (n, T), is asked for them unless they
    are very many; any other is read frame by frame: every k-th first, so that something is seen
    at once, then all.

    Parameters
    ----------
    movie : Movie
    pixels : (n,) int64
        C-order pixel numbers, ascending, at least one.
    ctx : TaskContext
    show : callable
        Called with what is known so far: (T,) float32 with NaN elsewhere.

    Returns
    -------
    (T,) float32
    """
    is_small = 4 * len(pixels) * movie.shape[0] <= _PIXELS_BYTES
    if is_small and getattr(movie, "pixels", None) is not None:
        return _by_pixels(movie, pixels, ctx, show)
    out = np.full(movie.shape[0], np.nan, np.float32)
    _read_coarse(movie, pixels, out, ctx)
    show(out.copy())
    _, height, width = movie.shape
    length = max(1, _CHUNK_BYTES // max(1, height * width * movie.dtype.itemsize))
    for start in range(0, len(out), length):
        ctx.check()
        ctx.progress(start, len(out))
        stop = min(start + length, len(out))
        out[start:stop] = _means(movie.frames(start, stop), pixels)
        show(out.copy())
    return out


def _work(reader: RunReader, pixels: NDArray[np.int64], task: Task) -> NDArray[np.float32]:
    try:
        return mean_trace(reader.open(), pixels, ctx=task, show=task.publish)
    finally:
        reader.close()


def _means(frames: NDArray[Any], pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    chosen = frames.reshape(len(frames), -1)[:, pixels]
    mean: NDArray[np.float64] = chosen.mean(axis=1, dtype=np.float64)
    return mean


def _read_coarse(
    movie: Movie, pixels: NDArray[np.int64], out: NDArray[np.float32], ctx: TaskContext
) -> None:
    for index in range(0, len(out), max(1, len(out) // COARSE_FRAMES)):
        ctx.check()
        out[index] = _means(movie.frames(index, index + 1), pixels)[0]


def _by_pixels(
    movie: Any,
    pixels: NDArray[np.int64],
    ctx: TaskContext,
    show: Callable[[NDArray[np.float32]], None],
) -> NDArray[np.float32]:
    """Sum the courses of a few pixels at a time."""
    n_frames = movie.shape[0]
    length = max(1, _CHUNK_BYTES // max(1, 4 * n_frames))
    total = np.zeros(n_frames)
    for start in range(0, len(pixels), length):
        stop = min(start + length, len(pixels))
        part = SubContext(ctx, start / len(pixels), stop / len(pixels))
        total += movie.pixels(pixels[start:stop], ctx=part).sum(axis=0, dtype=np.float64)
        # The mean of some of the pixels is a first sketch of the mean of all.
        show((total / stop).astype(np.float32))
    return (total / len(pixels)).astype(np.float32)
