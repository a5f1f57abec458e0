"""Frames for the views, loaded off the UI thread: the newest wish first, then what comes next."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QObject,
    QRunnable,
    Qt,
    QThreadPool,
    Signal,
    Slot,
)

from caiman_gui.app.frame_cache import FrameCache, Look
from caiman_gui.app.read_ahead import ReadAhead
from caiman_gui.app.run_reader import RunReader
from caiman_gui.app.tasks import Outcome, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie

logger = logging.getLogger(__name__)

#: Memory for frames already seen, and for those about to be.
CACHE_BYTES = 128 * 2**20
#: Share of it that each source may fill with frames not yet asked for.
_AHEAD_SHARE = 8
#: The movies that the program knows -> their names for the user.
SOURCES = {
    "recorded": "As recorded",
    "raw": "Raw",
    "corrected": "Corrected",
    "model": "Model",
    "background": "Background",
    "residual": "Residual",
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """A frame that somebody waits for."""

    sequence: int
    index: int
    look: Look


@dataclass
class _Source:
    """One movie that frames are asked of."""

    generation: int = 0
    reader: RunReader = field(default_factory=RunReader)
    is_told: bool = False  # that something failed
    sequence: int = 0
    delivered: int = 0
    wanted: _Wish | None = None
    look: Look = field(default_factory=Look)
    ahead: ReadAhead = field(default_factory=ReadAhead)
    job: _Load | None = None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What came back for one run."""

    source: str
    generation: int
    reader: RunReader
    wish: _Wish | None
    frames: range
    look: Look
    seconds: float
    outcome: Outcome[list[NDArray[Any]]]


class _Load(QRunnable):
    """Reads one run of frames, and opens the movie before if nobody has."""

    def __init__(
        self, tell: Callable[[_Loaded], None], place: tuple[str, int], reader: RunReader,
        wish: _Wish | None, frames: range, look: Look,
    ) -> None:  # fmt: skip
        super().__init__()
        self.setAutoDelete(False)
        self._tell = tell
        self._place = place
        self._reader = reader
        self._rest = (wish, frames, look)

    def run(self) -> None:
        wish, frames, look = self._rest
        start = time.perf_counter()
        outcome = attempt(partial(self._reader.read, frames, look))
        seconds = time.perf_counter() - start
        self._tell(_Loaded(*self._place, self._reader, wish, frames, look, seconds, outcome))


class FrameLoader(QObject):
    """Answers wishes for frames by ``frameReady``: at once if known, else when loaded.

    While frames are being read, later wishes for the same source replace each other; an answer
    that is older than one already given, or of another movie, is dropped. When wishes go on one
    after the other, the frames to come are read ahead, in runs short enough not to be waited for.

    Signals
    -------
    frameReady : str, int, object
        Source, index, frame (H, W) in its own type; float32 if averaged or smoothed.
    failed : object
        The exception; once for each movie.
    frameFailed : str, int
        Source, index: this frame cannot be shown; each time it is asked for.
    sourceChanged : str
        This source has another movie, or none.
    """

    frameReady = Signal(str, int, object)
    failed = Signal(object)
    frameFailed = Signal(str, int)
    sourceChanged = Signal(str)
    _loaded = Signal(object)

    def __init__(self, parent: QObject | None = None, cache_bytes: int = CACHE_BYTES) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)
        self._cache = FrameCache(cache_bytes)
        self._sources: dict[str, _Source] = {}
        self._openers: dict[str, Callable[[], Movie]] = {}
        self._is_closed = False
        self._loaded.connect(self._on_loaded, Qt.ConnectionType.QueuedConnection)

    # ----------------------------------------------------------------- movies
    def set_movie(self, source: str, movie: Movie | None) -> None:
        """Show another movie, or none. The movie stays the caller's to close."""
        self._openers.pop(source, None)
        self._replace(source, RunReader(movie))

    def set_opener(self, source: str, opener: Callable[[], Movie]) -> None:
        """Show a movie that is opened, off the UI thread, by the first wish; it is closed here."""
        self._openers[source] = opener
        self._replace(source, RunReader(opener=opener))

    def has_movie(self, source: str) -> bool:
        """Whether frames of this source can be asked for."""
        return source in self._sources and not self._sources[source].reader.is_empty

    def available(self) -> tuple[str, ...]:
        """Return the sources that have a movie, in the order of SOURCES."""
        known = [name for name in SOURCES if self.has_movie(name)]
        others = [name for name in self._sources if name not in SOURCES and self.has_movie(name)]
        return (*known, *others)

    def own_reader(self, source: str) -> RunReader:
        """Return a reader of a source for another thread; the caller closes it.

        It opens the movie anew where possible, so that it outlives a change of the source and
        nobody waits for it.
        """
        opener = self._openers.get(source)
        if opener is not None:
            return RunReader(opener=opener)
        state = self._sources.get(source)
        return RunReader(state.reader.movie if state is not None else None)

    # ----------------------------------------------------------------- frames
    def request(self, source: str, index: int, average: int = 1, sigma_px: float = 0.0) -> None:
        """Wish for a frame. Only the newest wish of a source is certain to be served.

        Parameters
        ----------
        source : str
        index : int
        average : int
            Frames to average, around this one; fewer at the ends.
        sigma_px : float
            Gaussian to smooth with.
        """
        state = self._sources.get(source)
        if self._is_closed or state is None or state.reader.is_empty:
            return
        state.sequence += 1
        state.look = Look(max(1, average), max(0.0, sigma_px))
        state.ahead.note(index, time.monotonic())
        state.wanted = _Wish(state.sequence, index, state.look)
        self._serve(source, state)
        self._start(source)

    def close(self, timeout_ms: int = 10_000) -> bool:
        """Stop, wait for what is being read, and close the movies that were opened here."""
        self._is_closed = True
        is_done = self._pool.waitForDone(timeout_ms)
        # What was read meanwhile is handed over now; later nobody would be there to close it.
        QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall.value)
        self._openers.clear()
        for source in self._sources:
            self._replace(source, RunReader())
        return is_done

    def _replace(self, source: str, reader: RunReader) -> None:
        old = self._sources.get(source, _Source())
        self._cache.drop(source)
        self._sources[source] = _Source(generation=old.generation + 1, reader=reader, job=old.job)
        if old.job is None:  # else it is closed when the job is done with it
            old.reader.close()
        if not self._is_closed:
            self.sourceChanged.emit(source)

    def _serve(self, source: str, state: _Source) -> None:
        """Answer the wish if its frame is known."""
        wish = state.wanted
        if wish is None:
            return
        frame = self._cache.get((source, state.generation, wish.index), wish.look)
        if frame is None:
            return
        state.wanted = None
        state.delivered = wish.sequence
        self.frameReady.emit(source, wish.index, frame)

    def _start(self, source: str) -> None:
        state = self._sources[source]
        if state.job is not None or self._is_closed or state.reader.is_empty:
            return
        wish, state.wanted = state.wanted, None
        frames = self._next(source, state) if wish is None else self._run_at(state, wish)
        if frames is None:
            return
        place = (source, state.generation)
        state.job = _Load(self._tell, place, state.reader, wish, frames, state.look)
        self._pool.start(state.job, 1 if wish is not None else 0)

    def _run_at(self, state: _Source, wish: _Wish) -> range:
        """Return the run that begins with a wish: while playing, more than this frame."""
        n_frames = 1
        if state.ahead.is_playing and state.reader.movie is not None:
            n_frames = state.ahead.run_length(self._frame_bytes(state), self._ahead_bytes)
        return range(wish.index, wish.index + n_frames * state.ahead.step, state.ahead.step)

    def _next(self, source: str, state: _Source) -> range | None:
        movie = state.reader.movie
        if movie is None:
            return None
        return state.ahead.next_run(
            lambda index: self._cache.has((source, state.generation, index), state.look),
            movie.shape[0],
            self._frame_bytes(state),
            self._ahead_bytes,
        )

    @property
    def _ahead_bytes(self) -> int:
        return self._cache.max_bytes // _AHEAD_SHARE

    @staticmethod
    def _frame_bytes(state: _Source) -> int:
        movie = state.reader.movie
        assert movie is not None
        itemsize = movie.dtype.itemsize if state.look.is_plain else 4
        return int(movie.shape[1] * movie.shape[2] * itemsize)

    def _tell(self, loaded: _Loaded) -> None:
        try:
            self._loaded.emit(loaded)
        except RuntimeError:  # quitting: nobody is left to look at it
            loaded.reader.close()

    @Slot(object)
    def _on_loaded(self, loaded: _Loaded) -> None:
        state = self._sources[loaded.source]
        state.job = None
        if loaded.generation != state.generation:
            loaded.reader.close()
        elif not self._is_closed:
            self._deliver(state, loaded)
        if not self._is_closed:
            self._serve(loaded.source, state)
            self._start(loaded.source)

    def _deliver(self, state: _Source, loaded: _Loaded) -> None:
        if loaded.outcome.error is not None:
            self._on_error(state, loaded, loaded.outcome.error)
            return
        wish, frames = loaded.wish, loaded.outcome.value or []
        state.ahead.note_speed(len(frames), loaded.seconds)
        for index, frame in zip(loaded.frames, frames, strict=False):
            self._cache.put((loaded.source, loaded.generation, index), frame, loaded.look)
        if wish is not None and frames and wish.sequence > state.delivered:
            state.delivered = wish.sequence
            self.frameReady.emit(loaded.source, wish.index, frames[0])

    def _on_error(self, state: _Source, loaded: _Loaded, error: Exception) -> None:
        state.ahead.forget()
        if loaded.wish is None:
            return  # it is told when somebody asks for that very frame
        if len(loaded.frames) > 1:  # perhaps not the frame asked for, but one after it
            state.wanted = state.wanted or loaded.wish
            return
        if state.reader.movie is None:  # it cannot even be opened
            state.wanted = None
            state.reader = RunReader()
        if not state.is_told:
            state.is_told = True
            logger.warning("Frame %d of %s: %s", loaded.frames[0], loaded.source, error)
            self.failed.emit(error)
        if loaded.wish.sequence > state.delivered:
            state.delivered = loaded.wish.sequence
            self.frameFailed.emit(loaded.source, loaded.wish.index)
