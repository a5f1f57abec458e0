"""Single frames for the views, loaded off the UI thread; only the newest wish is served."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
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

from caiman_gui.app.tasks import Outcome, attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie

logger = logging.getLogger(__name__)

#: Memory for frames already seen.
CACHE_BYTES = 128 * 2**20
SOURCES = ("raw", "corrected")


class FrameCache:
    """The frames used last, within a number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._frames: OrderedDict[tuple[str, int, int], NDArray[Any]] = OrderedDict()
        self.n_bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def get(self, key: tuple[str, int, int]) -> NDArray[Any] | None:
        """Return a frame and count it as used just now."""
        frame = self._frames.get(key)
        if frame is not None:
            self._frames.move_to_end(key)
        return frame

    def put(self, key: tuple[str, int, int], frame: NDArray[Any]) -> None:
        """Keep a frame; those not used for longest make room."""
        if key in self._frames:
            self.n_bytes -= self._frames.pop(key).nbytes
        if frame.nbytes > self._max_bytes:
            return
        self._frames[key] = frame
        self.n_bytes += frame.nbytes
        while self.n_bytes > self._max_bytes:
            _, oldest = self._frames.popitem(last=False)
            self.n_bytes -= oldest.nbytes

    def drop(self, source: str) -> None:
        """Forget all frames of one source."""
        for key in [key for key in self._frames if key[0] == source]:
            self.n_bytes -= self._frames.pop(key).nbytes


@dataclass
class _Source:
    """One movie that frames are asked of."""

    generation: int = 0
    movie: Movie | None = None
    opener: Callable[[], Movie] | None = None
    is_owned: bool = False
    has_failed: bool = False
    sequence: int = 0
    delivered: int = 0
    wanted: tuple[int, int] | None = None  # sequence, index
    job: _Load | None = None


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What came back for one wish."""

    source: str
    generation: int
    sequence: int
    index: int
    opened: Movie | None
    outcome: Outcome[NDArray[Any]]


class _Load(QRunnable):
    """Reads one frame, and opens the movie before if nobody has."""

    def __init__(
        self,
        tell: Callable[[_Loaded], None],
        place: tuple[str, int, int, int],
        movie: Movie | None,
        opener: Callable[[], Movie] | None,
    ) -> None:
        super().__init__()
        self.setAutoDelete(False)
        self._tell = tell
        self._place = place
        self._movie = movie
        self._opener = opener

    def run(self) -> None:
        movie, opened = self._movie, None
        if movie is None and self._opener is not None:
            opening = attempt(self._opener)
            movie = opened = opening.value
            if opening.error is not None:
                self._tell(_Loaded(*self._place, None, Outcome(error=opening.error)))
        if movie is not None:
            outcome = attempt(partial(_read, movie, self._place[3]))
            self._tell(_Loaded(*self._place, opened, outcome))


def _read(movie: Movie, index: int) -> NDArray[Any]:
    # A copy: a view would keep the whole block it was cut from in memory.
    frame = np.array(movie.frames(index, index + 1)[0])
    frame.flags.writeable = False
    return frame


class FrameLoader(QObject):
    """Answers wishes for frames by ``frameReady``: at once if known, else when loaded.

    While a frame is being read, later wishes for the same source replace each other; an answer
    that is older than one already given, or of another movie, is dropped.
    """

    #: Source, index, frame (H, W) in its own dtype.
    frameReady = Signal(str, int, object)
    #: The exception; once for each movie.
    failed = Signal(object)
    _loaded = Signal(object)

    def __init__(self, parent: QObject | None = None, cache_bytes: int = CACHE_BYTES) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)
        self._cache = FrameCache(cache_bytes)
        self._sources = {name: _Source() for name in SOURCES}
        self._is_closed = False
        self._loaded.connect(self._on_loaded, Qt.ConnectionType.QueuedConnection)

    def set_movie(self, source: str, movie: Movie | None) -> None:
        """Show another movie, or none. The movie stays the caller's to close."""
        self._replace(source, movie, None)

    def set_opener(self, source: str, opener: Callable[[], Movie]) -> None:
        """Show a movie that is opened, off the UI thread, by the first wish; it is closed here."""
        self._replace(source, None, opener)

    def has_movie(self, source: str) -> bool:
        """Whether frames of this source can be asked for."""
        state = self._sources[source]
        return state.movie is not None or state.opener is not None

    def request(self, source: str, index: int) -> None:
        """Wish for a frame. Only the newest wish of a source is certain to be served."""
        state = self._sources[source]
        if self._is_closed or not self.has_movie(source) or state.has_failed:
            return
        state.sequence += 1
        frame = self._cache.get((source, state.generation, index))
        if frame is not None:
            state.wanted = None
            state.delivered = state.sequence
            self.frameReady.emit(source, index, frame)
            return
        state.wanted = (state.sequence, index)
        self._start(source)

    def close(self, timeout_ms: int = 10_000) -> bool:
        """Stop, wait for what is being read, and close the movies that were opened here."""
        self._is_closed = True
        is_done = self._pool.waitForDone(timeout_ms)
        # A movie opened meanwhile is handed over now; later nobody would be there to close it.
        QCoreApplication.sendPostedEvents(self, QEvent.Type.MetaCall.value)
        for source in SOURCES:
            self._replace(source, None, None)
        return is_done

    def _replace(
        self, source: str, movie: Movie | None, opener: Callable[[], Movie] | None
    ) -> None:
        old = self._sources[source]
        self._cache.drop(source)
        self._sources[source] = _Source(
            generation=old.generation + 1, movie=movie, opener=opener, job=old.job
        )
        if old.is_owned and old.job is None:
            _close(old.movie)

    def _start(self, source: str) -> None:
        state = self._sources[source]
        if state.job is not None or state.wanted is None:
            return
        sequence, index = state.wanted
        state.wanted = None
        place = (source, state.generation, sequence, index)
        state.job = _Load(self._tell, place, state.movie, state.opener)
        self._pool.start(state.job)

    def _tell(self, loaded: _Loaded) -> None:
        try:
            self._loaded.emit(loaded)
        except RuntimeError:  # quitting: nobody is left to look at it
            _close(loaded.opened)

    @Slot(object)
    def _on_loaded(self, loaded: _Loaded) -> None:
        state = self._sources[loaded.source]
        state.job = None
        if loaded.generation != state.generation or self._is_closed:
            _close(loaded.opened)
        else:
            if loaded.opened is not None:
                state.movie, state.is_owned = loaded.opened, True
            self._deliver(state, loaded)
        if not self._is_closed:
            self._start(loaded.source)

    def _deliver(self, state: _Source, loaded: _Loaded) -> None:
        error = loaded.outcome.error
        if error is not None:
            state.has_failed = True
            state.wanted = None
            logger.warning("Frame %d of the %s movie: %s", loaded.index, loaded.source, error)
            self.failed.emit(error)
            return
        frame = loaded.outcome.value
        assert frame is not None
        self._cache.put((loaded.source, loaded.generation, loaded.index), frame)
        if loaded.sequence > state.delivered:
            state.delivered = loaded.sequence
            self.frameReady.emit(loaded.source, loaded.index, frame)


def _close(movie: Movie | None) -> None:
    close = getattr(movie, "close", None)
    if close is not None:
        close()
