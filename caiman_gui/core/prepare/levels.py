"""How often each level of brightness occurs, and where the detector was at its limit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Largest values of converters of 8 ... 16 bit, signed and not, also when shifted up to 16 bit.
CEILINGS = frozenset(
    {2**bits - 1 for bits in range(8, 17)}
    | {(2**bits - 1) << (16 - bits) for bits in range(8, 16)}
    | {(2**bits - 1) << (15 - bits) for bits in range(8, 15)}
)
#: Samples kept of a movie whose levels cannot be counted one by one.
_KEPT = 2**21
_LEAST_COUNT = 8  # fewer samples at the top are an accident
_LEVELS_BELOW = 16
# How many times more samples at the top than at the levels below it tell of a limit.
_PILE_AT_CEILING, _PILE_ELSEWHERE = 2.0, 10.0
_LEAST_SHARE_ELSEWHERE = 1e-5


class LevelCounter:
    """Counts the levels of frames: all samples of up to 16-bit integers, else a part of them.

    Parameters
    ----------
    dtype : dtype
    n_samples : int
        So many are going to be added, about.
    row_length : int
        Samples in a row, so that the part of them does not keep to some columns.
    """

    def __init__(self, dtype: np.dtype[Any], n_samples: int, row_length: int) -> None:
        self._dtype = dtype.newbyteorder("=")
        self._counts: NDArray[np.int64] | None = None
        if dtype.kind in "uib" and dtype.itemsize <= 2:
            self._counts = np.zeros(2 ** (8 * dtype.itemsize), np.int64)
        self._stride = max(1, math.ceil(n_samples / _KEPT))
        while math.gcd(self._stride, row_length) > 1:
            self._stride += 1
        self._kept: list[NDArray[Any]] = []
        self._n_seen = 0

    def add(self, frames: NDArray[Any]) -> None:
        """Count some frames; missing samples are left out."""
        flat = np.ascontiguousarray(frames, self._dtype).reshape(-1)
        if self._counts is not None:
            unsigned = np.dtype(f"u{self._dtype.itemsize}")
            self._counts += np.bincount(flat.view(unsigned), minlength=self._counts.size)
            return
        part = flat[-self._n_seen % self._stride :: self._stride]
        self._n_seen += flat.size
        self._kept.append(part[np.isfinite(part)])

    def levels(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the levels that occur, ascending, and how often each does: (L,) each."""
        if self._counts is None:
            kept = np.concatenate(self._kept) if self._kept else np.empty(0, self._dtype)
            values, counts = np.unique(kept, return_counts=True)
            return values.astype(np.float64), counts.astype(np.int64)
        counts, values = self._counts, np.arange(self._counts.size)
        if self._dtype.kind == "i":  # the upper half was the negative ones
            values = np.where(values < counts.size // 2, values, values - counts.size)
            counts, values = np.fft.fftshift(counts), np.fft.fftshift(values)
        seen = counts > 0
        return values[seen].astype(np.float64), counts[seen]


def saturation_level(
    levels: NDArray[np.float64], counts: NDArray[np.int64], dtype: np.dtype[Any]
) -> float | None:
    """Find the level at which the detector was at its limit.

    There the highest level occurs far more often than those just below it: twice as often at a
    usual limit of a converter (4095, 32767 ..., or one below) or of the type, ten times
    anywhere else.

    Parameters
    ----------
    levels, counts : (L,)
        As from ``LevelCounter.levels``.
    dtype : dtype
        Of the recording.

    Returns
    -------
    float or None
        None where nothing piles up.
    """
    if dtype.kind == "b" or levels.size < 2 or counts[-1] < _LEAST_COUNT:
        return None
    top, n_top = float(levels[-1]), int(counts[-1])
    below = float(counts[-1 - _LEVELS_BELOW : -1].mean())
    is_usual = top in CEILINGS or top + 1 in CEILINGS
    if dtype.kind in "ui" and top == np.iinfo(dtype).max:
        is_usual = True
    if is_usual:
        return top if n_top >= _PILE_AT_CEILING * below else None
    is_many = n_top >= _LEAST_SHARE_ELSEWHERE * int(counts.sum())
    return top if is_many and n_top >= _PILE_ELSEWHERE * below else None
