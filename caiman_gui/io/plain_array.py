"""Frames of an uncompressed array that lies in a file in one piece, in any order of axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.io.plain import PlainFrames
from caiman_gui.io.refusals import truncated

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.array_axes import AxisPlan

#: Bytes read at a time where more than the wanted frames lie together.
_PIECE_BYTES = 2**25


class PlainArray:
    """Reads frames by their place in the file. Thread-safe.

    Parameters
    ----------
    path, kind
        As in ``PlainFrames``.
    plan : AxisPlan
        One that ``is_plain`` accepts.
    dtype : numpy.dtype
        In the byte order of the file.
    offset : int
        Byte at which the array starts.

    Raises
    ------
    InputError
        If the file ends before the array does, or cannot be opened.
    """

    def __init__(self, path: Path, kind: str, plan: AxisPlan, dtype: np.dtype, offset: int) -> None:
        self._plan = plan
        self._dtype = dtype
        self._strides = [prod(plan.shape[n + 1 :]) for n in range(len(plan.shape))]
        self._field = _first_of_field(plan)  # axes from here on are read whole
        fixed = sum(
            at * self._strides[axis] for axis, at in plan.fixed.items() if axis < self._field
        )
        self._base = offset + fixed * dtype.itemsize
        step = self._strides[plan.time] if plan.time is not None else prod(plan.shape)
        self._step = step * dtype.itemsize
        missing = offset + prod(plan.shape) * dtype.itemsize - path.stat().st_size
        if missing > 0:
            whole = max(0, plan.n_frames - -(-missing // self._step))
            raise truncated(path, kind, whole, plan.n_frames)
        self._file = PlainFrames(path, kind, plan.n_frames)

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1, which exist, as (n, H, W) in native byte order."""
        plan = self._plan
        tail = plan.shape[self._field :]
        if len(tail) == 2 and plan.axes.endswith("YX"):
            out = np.empty((stop - start, *tail), self._dtype)
            self._file.read(self._offsets(start, stop), out, start)
            return out.astype(self._dtype.newbyteorder("="), copy=False)
        out = np.empty((stop - start, *plan.frame_shape), self._dtype.newbyteorder("="))
        at_once = max(1, _PIECE_BYTES // (prod(tail) * self._dtype.itemsize))
        for first in range(start, stop, at_once):
            last = min(stop, first + at_once)
            block = np.empty((last - first, *tail), self._dtype)
            self._file.read(self._offsets(first, last), block, first)
            lead = [1] * self._field
            if plan.time is not None:
                lead[plan.time] = last - first
            whole = block.reshape(*lead, *tail)
            cut = [slice(None)] * len(plan.shape)
            for axis, at in plan.fixed.items():
                if axis >= self._field:
                    cut[axis] = slice(at, at + 1)
            out[first - start : last - start] = plan.to_frames(whole[tuple(cut)])
        return out

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _offsets(self, start: int, stop: int) -> NDArray[np.int64]:
        return self._base + self._step * np.arange(start, stop, dtype=np.int64)


def is_plain(plan: AxisPlan) -> bool:
    """Whether each frame lies in one piece: time before rows and columns."""
    return plan.time is None or plan.time < _first_of_field(plan)


def _first_of_field(plan: AxisPlan) -> int:
    return min(plan.axes.index("Y"), plan.axes.index("X"))
