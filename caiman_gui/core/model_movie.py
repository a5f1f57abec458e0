"""Movies made of results: what the model says, frame by frame, without ever being stored.

A recording is taken apart as ``movie = model + background + residual``; each part is a lazy movie
that costs one sparse product a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.task import NULL_CONTEXT, TaskContext

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.results import ComponentSet

_FLOAT = np.dtype(np.float32)


class ModelMovie:
    """The components alone: footprints times denoised traces, float32. Thread-safe.

    Parameters
    ----------
    components : ComponentSet
    ids : collection of int, optional
        Only these components, such as the accepted ones; all without.
    """

    def __init__(self, components: ComponentSet, ids: Collection[int] | None = None) -> None:
        chosen = tuple(item for item in components.items if ids is None or item.id in ids)
        self._traces = tuple(item.trace for item in chosen)
        self._footprints = components.with_items(chosen).footprints()  # (K, H*W)
        self._by_pixel = self._footprints.T.tocsr()  # (H*W, K): one pass over the pixels
        self.shape = (components.n_frames, *components.fov_shape)
        self.dtype = _FLOAT

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return frames start ... stop-1, clipped to the movie, as (n, H, W)."""
        start, stop = _clipped(start, stop, self.shape[0])
        _, height, width = self.shape
        out = np.empty((stop - start, height * width), np.float32)
        for frame, weights in zip(out, self._weights(start, stop).T, strict=True):
            frame[:] = self._by_pixel @ weights
        return out.reshape(-1, height, width)

    def pixels(
        self, numbers: NDArray[np.integer], *, ctx: TaskContext = NULL_CONTEXT
    ) -> NDArray[np.float32]:
        """Return the courses (n, T) of pixels numbered in C order."""
        rows = self._by_pixel[np.asarray(numbers, np.int64)]
        used = np.flatnonzero(np.diff(rows.tocsc().indptr))
        out = np.zeros((rows.shape[0], self.shape[0]), np.float32)
        for done, index in enumerate(used):
            ctx.check()
            ctx.progress(done, len(used))
            out += rows[:, [index]].toarray() * self._traces[index]
        return out

    def _weights(self, start: int, stop: int) -> NDArray[np.float32]:
        """(K, n) slices of the traces; they are not stacked, which would double their memory."""
        if not self._traces:
            return np.zeros((0, stop - start), np.float32)
        return np.stack([trace[start:stop] for trace in self._traces])


class BackgroundMovie:
    """The background alone: its images times its traces, float32. Thread-safe."""

    def __init__(self, components: ComponentSet) -> None:
        self._images = components.background_images  # (nb, H*W)
        self._traces = components.background_traces  # (nb, T)
        self.shape = (components.n_frames, *components.fov_shape)
        self.dtype = _FLOAT

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return frames start ... stop-1, clipped to the movie, as (n, H, W)."""
        start, stop = _clipped(start, stop, self.shape[0])
        if not len(self._images):
            return np.zeros((stop - start, *self.shape[1:]), np.float32)
        out: NDArray[np.float32] = self._traces[:, start:stop].T @ self._images
        return out.reshape(stop - start, *self.shape[1:])

    def pixels(
        self, numbers: NDArray[np.integer], *, ctx: TaskContext = NULL_CONTEXT
    ) -> NDArray[np.float32]:
        """Return the courses (n, T) of pixels numbered in C order."""
        ctx.check()
        if not len(self._images):
            return np.zeros((len(numbers), self.shape[0]), np.float32)
        out: NDArray[np.float32] = self._images[:, numbers].T @ self._traces
        return out


class ResidualMovie:
    """What the model leaves: movie - model - background, float32. Thread-safe.

    Parameters
    ----------
    movie : Movie
        The movie that was separated: the corrected one, or the raw one without correction.
        ``close`` closes it.
    components : ComponentSet
    ids : collection of int, optional
        Components to take away; all without.

    Raises
    ------
    ValueError
        If movie and components are not of one recording.
    """

    def __init__(
        self, movie: Movie, components: ComponentSet, ids: Collection[int] | None = None
    ) -> None:
        expected = (components.n_frames, *components.fov_shape)
        if tuple(movie.shape) != expected:
            raise ValueError(f"movie of shape {movie.shape}, components of {expected}")
        self._movie = movie
        self._parts = (ModelMovie(components, ids), BackgroundMovie(components))
        self.shape = expected
        self.dtype = _FLOAT
        #: As of the other movies; None if the movie below has to be read frame by frame.
        self.pixels = self._pixels if getattr(movie, "pixels", None) is not None else None

    def frames(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return frames start ... stop-1, clipped to the movie, as (n, H, W)."""
        start, stop = _clipped(start, stop, self.shape[0])
        out = np.array(self._movie.frames(start, stop), np.float32)
        for part in self._parts:
            out -= part.frames(start, stop)
        return out

    def _pixels(
        self, numbers: NDArray[np.integer], *, ctx: TaskContext = NULL_CONTEXT
    ) -> NDArray[np.float32]:
        below: Any = self._movie
        out = np.array(below.pixels(numbers, ctx=ctx), np.float32)
        for part in self._parts:
            out -= part.pixels(numbers)
        return out

    def close(self) -> None:
        """Close the movie below, if it is one that can be closed."""
        close = getattr(self._movie, "close", None)
        if close is not None:
            close()


def _clipped(start: int, stop: int, n_frames: int) -> tuple[int, int]:
    start = min(max(0, start), n_frames)
    return start, max(start, min(stop, n_frames))
