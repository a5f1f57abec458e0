"""Movies whose samples lie uncompressed, at regular distances, in one file."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Protocol

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.plain import PlainFrames
from caiman_gui.io.reader import MAX_FRAME_BYTES
from caiman_gui.io.refusals import (
    damaged,
    require_frame_size,
    require_sample_type,
    truncated,
    unreadable,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.array_axes import AxisPlan
    from caiman_gui.io.reader import FileFacts

#: Read at a time: stays in the cache of the processor until it is decoded, and lets other threads
#: read in between.
_CHUNK_BYTES = 2**21
#: Types that ``cv2.transpose`` knows, by size of a sample.
_TRANSPOSABLE = {1: "u1", 2: "u2", 4: "i4", 8: "f8"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the samples of one channel and plane lie in a file.

    Attributes
    ----------
    shape : (T, H, W)
    dtype : dtype
        In the byte order of the file.
    first : int
        Byte of the first sample.
    strides : tuple of int
        Bytes from a frame, row and column to the next.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    first: int
    strides: tuple[int, int, int]

    @property
    def frame_span(self) -> int:
        """Bytes from the first to the last sample of a frame."""
        (_, height, width), (_, row, column) = self.shape, self.strides
        return (height - 1) * row + (width - 1) * column + self.dtype.itemsize

    @property
    def end(self) -> int:
        """Byte after the last sample."""
        return self.first + (self.shape[0] - 1) * self.strides[0] + self.frame_span

    @property
    def has_frames_in_a_row(self) -> bool:
        """Whether a frame ends before the next one begins."""
        return self.shape[0] == 1 or self.strides[0] >= self.frame_span

    @property
    def has_bare_frames(self) -> bool:
        """Whether a frame lies in the file as it does in memory."""
        size = self.dtype.itemsize
        return self.strides[1:] == (self.shape[2] * size, size)

    def complete_frames(self, size: int) -> int:
        """Count the frames that a file of ``size`` bytes holds to their end."""
        if size >= self.end:
            return self.shape[0]
        if not self.has_frames_in_a_row:
            return 0
        room = size - self.first - self.frame_span
        return 0 if room < 0 else min(self.shape[0], room // self.strides[0] + 1)


def array_layout(plan: AxisPlan, dtype: np.dtype, first: int, *, is_fortran: bool) -> Layout:
    """Find the samples of one channel and plane in an array that starts at byte ``first``.

    Parameters
    ----------
    plan : AxisPlan
    dtype : dtype
        In the byte order of the file.
    first : int
    is_fortran : bool
        Whether the first axis runs fastest, instead of the last one.
    """
    shape, size = plan.shape, dtype.itemsize
    strides = [
        size * prod(shape[:axis] if is_fortran else shape[axis + 1 :]) for axis in range(len(shape))
    ]
    skipped = sum(at * strides[axis] for axis, at in plan.fixed.items())
    time = size * prod(shape) if plan.time is None else strides[plan.time]
    return Layout(
        (plan.n_frames, *plan.frame_shape),
        dtype,
        first + skipped,
        (time, strides[plan.axes.index("Y")], strides[plan.axes.index("X")]),
    )


class _Source(Protocol):
    def fill(self, start: int, out: NDArray[np.generic]) -> None: ...

    def close(self) -> None: ...


class FlatMovie:
    """A movie read by arithmetic: opening looks at nothing but the size of the file. Thread-safe.

    Parameters
    ----------
    path : Path
    kind : str
        Name of the format in messages, such as "NumPy file".
    layout : Layout
    facts : FileFacts
    is_inverted : bool
        Whether every bit of the samples is inverted, as Scanbox does.

    Raises
    ------
    InputError
        If the samples are no brightness, the frames absurd, or the file ends before the last one.
    """

    def __init__(
        self, path: Path, kind: str, layout: Layout, facts: FileFacts, *, is_inverted: bool = False
    ) -> None:
        self.path = path
        self.facts = facts
        self._layout = layout
        self._is_inverted = is_inverted
        _require_readable(path, kind, layout)
        self.shape = layout.shape
        frame_bytes = prod(layout.shape[1:]) * layout.dtype.itemsize
        is_decoded = is_inverted or not layout.dtype.isnative
        self._step = max(1, _CHUNK_BYTES // frame_bytes) if is_decoded else layout.shape[0]
        self.dtype = layout.dtype.newbyteorder("=")
        self._source: _Source
        if layout.has_frames_in_a_row:
            self._source = _FrameRuns(path, kind, layout)
        else:
            from caiman_gui.io.pixelwise import PixelwiseFrames

            self._source = PixelwiseFrames(path, kind, layout)

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        start, stop = max(0, start), min(stop, self.shape[0])
        stored = self._layout.dtype
        out = np.empty((max(0, stop - start), *self.shape[1:]), stored)
        for at in range(0, len(out), self._step):
            part = out[at : at + self._step]
            self._source.fill(start + at, part)
            if self._is_inverted:
                np.invert(part, out=part)
            if not stored.isnative:
                part.byteswap(inplace=True)
        if stored.kind == "b":  # bytes other than 0 and 1 are flags, too
            return out.view(np.uint8).astype(np.bool_)
        return out.view(self.dtype)

    def close(self) -> None:
        """Close the file."""
        self._source.close()


class _FrameRuns:
    """Frames that follow each other: each is read by itself, or many by one call."""

    def __init__(self, path: Path, kind: str, layout: Layout) -> None:
        self._layout = layout
        self._plain = PlainFrames(path, kind, layout.shape[0])

    def fill(self, start: int, out: NDArray[np.generic]) -> None:
        layout = self._layout
        offsets = layout.first + layout.strides[0] * np.arange(
            start, start + len(out), dtype=np.int64
        )
        if layout.has_bare_frames:
            self._plain.read(offsets, out, start)
            return
        step = max(1, _CHUNK_BYTES // layout.frame_span)
        raw = np.empty((min(step, len(out)), layout.frame_span), np.uint8)
        for at in range(0, len(out), step):
            part = out[at : at + step]
            used = raw[: len(part)]
            self._plain.read(offsets[at : at + step], used, start + at)
            strides = (layout.frame_span, *layout.strides[1:])
            copy_frames(np.ndarray(part.shape, layout.dtype, used, strides=strides), part)

    def close(self) -> None:
        self._plain.close()


def copy_frames(frames: NDArray[np.generic], out: NDArray[np.generic]) -> None:
    """Copy frames (n, H, W) of any strides; columns that became rows about five times faster."""
    size = frames.dtype.itemsize
    if frames.strides[1:] != (size, frames.shape[1] * size):
        out[...] = frames
        return
    import cv2

    kind = _TRANSPOSABLE[size]
    for frame, target in zip(frames, out, strict=True):
        cv2.transpose(frame.T.view(kind), target.view(kind))


def file_size(path: Path) -> int:
    """Return the size of a file in bytes.

    Raises
    ------
    InputError
        If the system refuses to look.
    """
    try:
        return path.stat().st_size
    except OSError as exc:
        raise unreadable(path, exc) from exc


def _require_readable(path: Path, kind: str, layout: Layout) -> None:
    require_sample_type(layout.dtype, path)
    n_frames, height, width = layout.shape
    if n_frames < 1:
        raise InputError(
            f"The {kind} holds no frame",
            f"{path} has the shape {n_frames} x {height} x {width}.",
            "Record or export the movie again.",
        )
    require_frame_size(path, kind, height, width, layout.dtype)
    size = file_size(path)
    if layout.end > size:
        raise truncated(path, kind, layout.complete_frames(size), n_frames)
    if layout.has_frames_in_a_row and layout.frame_span > MAX_FRAME_BYTES:
        raise damaged(path, kind, "the samples of a frame are spread over more than 1 GB")
