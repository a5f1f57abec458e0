"""Frames of an opened Zarr array, decoded chunk by chunk in bounded memory."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.io.refusals import DAMAGE, in_words, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.array_axes import AxisPlan
    from caiman_gui.io.reader import FileFacts

ZARR_KIND = "Zarr store"
#: Bytes of decoded frames that are kept.
_CACHE_BYTES = 2**26
#: Larger chunks are decoded one at a time.
_LARGE_CHUNK_BYTES = 2**23
#: Bytes of frames that are read by one call.
_CALL_BYTES = 2**25


class ZarrMovie:
    """One channel and plane of an array as a movie (T, H, W). Thread-safe.

    Frames are decoded in groups, as the chunks of the array hold them, and the last groups kept.

    Parameters
    ----------
    path : Path
    array : zarr.Array
    plan : AxisPlan
    chunks : tuple of int
        What is decoded as a whole.
    facts : FileFacts
    on_close : callable
        Called when the movie is closed.
    """

    def __init__(
        self,
        path: Path,
        array: Any,
        plan: AxisPlan,
        chunks: tuple[int, ...],
        facts: FileFacts,
        on_close: Callable[[], None],
    ) -> None:
        self.path = path
        self.shape = (plan.n_frames, *plan.frame_shape)
        self.dtype = np.dtype(array.dtype).newbyteorder("=")
        self.facts = facts
        self._array = array
        self._plan = plan
        self._chunks = chunks
        self._on_close = on_close
        self._group = chunks[plan.time] if plan.time is not None else 1
        frame_bytes = prod(plan.frame_shape) * self.dtype.itemsize
        self._few = max(1, _CALL_BYTES // (frame_bytes * self._group))
        self._n_kept = _CACHE_BYTES // (frame_bytes * min(self._group, plan.n_frames))
        self._kept: OrderedDict[int, NDArray[np.generic]] = OrderedDict()
        self._lock = threading.Lock()

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        start, stop = max(0, start), min(stop, self.shape[0])
        out = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype)
        if start >= stop:
            return out
        try:
            self._fill(out, start, stop)
        except DAMAGE as exc:
            which = f"frame {start}" if stop - start == 1 else f"frames {start} to {stop - 1}"
            raise in_words(self.path, ZARR_KIND, exc, f"{which} cannot be decoded") from exc
        return out

    def close(self) -> None:
        """Close the store."""
        with self._lock:
            self._array = None
            self._kept.clear()
        self._on_close()

    def _fill(self, out: NDArray[np.generic], start: int, stop: int) -> None:
        size = self._group
        number = start // size
        while number * size < stop:
            block = self._kept_group(number)
            end = number + 1
            if block is None:
                while end < number + self._few and end * size < stop and end not in self._kept:
                    end += 1
                first, last = number * size, min(end * size, self.shape[0])
                if not self._n_kept:  # a group that is too large is read as far as it is wanted
                    first, last = max(first, start), min(last, stop)
                block = self._read(first, last)
                self._keep(number, end, block)
            else:
                first = number * size
            low, high = max(start, first), min(stop, first + len(block))
            out[low - start : high - start] = block[low - first : high - first]
            number = end

    def _kept_group(self, number: int) -> NDArray[np.generic] | None:
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
            return self._kept.get(number)

    def _keep(self, number: int, end: int, block: NDArray[np.generic]) -> None:
        """Keep the last of the groups that were read; views of what was read for all of them."""
        if not self._n_kept:
            return
        size = self._group
        with self._lock:
            for one in range(max(number, end - self._n_kept), end):
                part = block[(one - number) * size : (one - number + 1) * size]
                self._kept[one] = part if end - number == 1 else part.copy()
            while len(self._kept) > self._n_kept:
                self._kept.popitem(last=False)

    def _read(self, start: int, stop: int) -> NDArray[np.generic]:
        """Decode frames, chunk by chunk if those are large: the library reads ten at once."""
        array, plan = self._array, self._plan
        if array is None:
            raise unreadable(self.path, OSError("the store was closed"))
        index = plan.index(start, stop)
        if prod(self._chunks) * self.dtype.itemsize <= _LARGE_CHUNK_BYTES:
            return plan.to_frames(np.asarray(array[index], self.dtype))
        block = np.empty([part.stop - part.start for part in index], self.dtype)
        cuts = [
            range(part.start - part.start % size, part.stop, size)
            for part, size in zip(index, self._chunks, strict=True)
        ]
        for corner in itertools.product(*cuts):
            there = tuple(
                slice(max(part.start, at), min(part.stop, at + size))
                for part, at, size in zip(index, corner, self._chunks, strict=True)
            )
            here = tuple(
                slice(one.start - part.start, one.stop - part.start)
                for one, part in zip(there, index, strict=True)
            )
            block[here] = array[there]
        return plan.to_frames(block)
