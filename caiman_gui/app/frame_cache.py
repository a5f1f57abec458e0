"""Frames seen or soon to be seen, within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Look:
    """How a frame is prepared before it is shown.

    Attributes
    ----------
    average : int
        Frames that are averaged, around the one asked for; 1: as recorded.
    sigma_px : float
        Width of the Gaussian that it is smoothed with, in pixels; 0: not at all.
    """

    average: int = 1
    sigma_px: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether frames are shown as they are."""
        return self.average <= 1 and self.sigma_px <= 0


PLAIN = Look()
#: Source, generation of its movie, index.
Key = tuple[str, int, int]


class FrameCache:
    """The frames used last, within a number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._frames: OrderedDict[tuple[Key, Look], NDArray[Any]] = OrderedDict()
        self.n_bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def has(self, key: Key, look: Look = PLAIN) -> bool:
        """Whether a frame is there; does not count as use."""
        return (key, look) in self._frames

    def get(self, key: Key, look: Look = PLAIN) -> NDArray[Any] | None:
        """Return a frame and count it as used just now."""
        frame = self._frames.get((key, look))
        if frame is not None:
            self._frames.move_to_end((key, look))
        return frame

    def put(self, key: Key, frame: NDArray[Any], look: Look = PLAIN) -> None:
        """Keep a frame; those not used for longest make room."""
        if (key, look) in self._frames:
            self.n_bytes -= self._frames.pop((key, look)).nbytes
        if frame.nbytes > self.max_bytes:
            return
        self._frames[key, look] = frame
        self.n_bytes += frame.nbytes
        while self.n_bytes > self.max_bytes:
            _, oldest = self._frames.popitem(last=False)
            self.n_bytes -= oldest.nbytes

    def drop(self, source: str) -> None:
        """Forget all frames of one source."""
        for entry in [entry for entry in self._frames if entry[0][0] == source]:
            self.n_bytes -= self._frames.pop(entry).nbytes
