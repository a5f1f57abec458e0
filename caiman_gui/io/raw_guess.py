"""How frames probably lie in a file without a header, told from its samples.

Neighbouring lines of an image resemble each other, and so do neighbouring frames: the samples
correlate with themselves at the distance of a line and at that of a frame. The bytes of a sample
differ in how predictable they are, which tells its size and order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft as scipy_fft
from scipy import ndimage

from caiman_gui.io.reader import RawGeometry
from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: Read for the distance of frames, and as many samples for the distance of lines.
_READ_BYTES = 2**24
_LINE_SAMPLES, _LINE_PARTS = 2**19, 8
#: Sides of frames, px.
_MIN_SIDE, _MAX_WIDTH = 16, 4096
_MAX_HEADER_BYTES = 2**16
#: Lags, px, at which a peak of a correlation is compared with its surroundings.
_SURROUNDINGS = 8
#: How much a peak must stand out of them: in itself, times its error, and of the highest one.
_MIN_PEAK, _MIN_ERRORS, _MIN_SHARE = 0.004, 8, 0.3
#: How alike lines of two frames are, compared with neighbouring lines.
_MIN_LIKENESS = 0.5
_MAX_WIDTHS = 4
_COLUMN_GROUPS, _TREND_LINES = 16, 33
#: A single frame may have as many.
_MAX_PIXELS = 2**25
#: Least distance of two distributions of bytes that differ.
_DIFFERENT = 0.2


def suggest_geometries(path: Path) -> tuple[RawGeometry, ...]:
    """Suggest how the frames of a file lie, the most plausible first; empty if nothing stands out.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            raw = np.frombuffer(file.read(_READ_BYTES), np.uint8)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    found: dict[RawGeometry, float] = {}
    dtype = _sample_type(raw)
    samples = _samples(raw, dtype)
    for width, strength in _line_lengths(samples):
        for height, likeness in _heights(samples, width, size // dtype.itemsize):
            for geometry, fit in _with_header(samples, dtype, width, height, size):
                found.setdefault(geometry, strength * likeness * fit)
    return tuple(sorted(found, key=lambda geometry: -found[geometry])[:8])


def _sample_type(raw: NDArray[np.uint8]) -> np.dtype:
    """Tell size and order of samples: bytes at the same place in them are distributed alike."""
    start = len(raw) // 4 // 8 * 8  # behind what may be a header
    part = raw[start : start + 2**22]
    part = part[: len(part) // 8 * 8].reshape(-1, 8)
    if len(part) < 64:
        return np.dtype("u1")
    shares = [np.bincount(part[:, n], minlength=256) / len(part) for n in range(8)]

    def differ(n: int) -> bool:
        by_chance = max(np.sqrt(share / len(part)).sum() for share in shares)
        found = max(np.abs(shares[k] - shares[k + n]).sum() for k in range(n))
        return bool(found > _DIFFERENT + 2 * by_chance)

    words = part.reshape(-1)
    if differ(4):
        return np.dtype("<f8")
    if differ(2):
        kinds = ("<f4", ">f4", "<i4", ">i4")
        return next((np.dtype(k) for k in kinds if _is_plausible(words.view(k))), np.dtype("<f4"))
    if differ(1):
        order = "<" if _entropy(shares[1]) <= _entropy(shares[0]) else ">"
        signed, unsigned = words.view(f"{order}i2"), words.view(f"{order}u2")
        return np.dtype(order + ("i2" if signed.std() < 0.99 * unsigned.std() else "u2"))
    return np.dtype("u1")


def _is_plausible(values: NDArray[np.generic]) -> bool:
    with np.errstate(all="ignore"):
        size = np.abs(values[np.flatnonzero(values)].astype(np.float64))
    return bool(len(size)) and bool(np.mean((size > 1e-6) & (size < 2**24)) > 0.99)


def _entropy(share: NDArray[np.float64]) -> float:
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())


def _samples(raw: NDArray[np.uint8], dtype: np.dtype) -> NDArray[np.float32]:
    """Shift samples around zero, cut off outliers, and leave out what may be a header."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = raw[: len(raw) // dtype.itemsize * dtype.itemsize].view(dtype).astype(np.float32)
    np.nan_to_num(values, copy=False, posinf=0.0, neginf=0.0)
    if len(values):
        low, high = np.percentile(values[:: max(1, len(values) // 2**16)], [0.5, 99.5])
        np.clip(values, low, high, out=values)
        values /= max(abs(low), abs(high), np.finfo(np.float32).tiny)
        values -= values.mean(dtype=np.float64)
        values[: min(_MAX_HEADER_BYTES // dtype.itemsize, len(values) // 8)] = 0
    return values


def _line_lengths(samples: NDArray[np.float32]) -> list[tuple[int, float]]:
    """Distances at which samples correlate, with their share of the highest peak."""
    length = min(_LINE_SAMPLES, len(samples))
    if length < 4 * _MIN_SIDE:
        return []
    parts = min(_LINE_PARTS, len(samples) // length)
    power = np.zeros(length // 2 + 1)
    for start in np.linspace(0, len(samples) - length, parts).astype(int):
        power += np.abs(scipy_fft.rfft(samples[start : start + length])) ** 2
    power[0] = 0
    correlation = scipy_fft.irfft(power, length)
    return _peaks(correlation, min(_MAX_WIDTH, length // 4), parts * length)[:_MAX_WIDTHS]


def _peaks(correlation: NDArray[np.floating], last: int, n_samples: int) -> list[tuple[int, float]]:
    """Lags that stand out of their surroundings, none a multiple of another, the best first."""
    if not correlation[0] > 0:
        return []
    values = correlation / correlation[0]
    lags = np.arange(_MIN_SIDE, last + 1)
    lags = lags[lags + _SURROUNDINGS < len(values)]
    around = np.minimum(_SURROUNDINGS, lags // 3)
    rise = values[lags] - np.maximum(values[lags - around], values[lags + around])
    is_top = (values[lags] >= values[lags - 1]) & (values[lags] >= values[lags + 1])
    rise[~is_top] = 0
    if not rise.size or rise.max() < max(_MIN_PEAK, _MIN_ERRORS / n_samples**0.5):
        return []
    kept = np.flatnonzero(rise >= _MIN_SHARE * rise.max())
    found = [(int(lags[n]), float(rise[n] / rise.max())) for n in kept]
    basic = [
        (lag, share)
        for lag, share in found
        if not any(abs(lag - round(lag / n) * n) < 2 for n, _ in found if n < lag)
    ]
    return sorted(basic, key=lambda item: (-item[1], item[0]))


def _heights(samples: NDArray[np.float32], width: int, n_samples: int) -> list[tuple[int, float]]:
    """Lines after which lines repeat: those of a frame. Without any, heights that fit the file."""
    lines = samples[: len(samples) // width * width].reshape(-1, width)
    groups = min(_COLUMN_GROUPS, width)
    edges = np.linspace(0, width, groups + 1).astype(int)
    means = np.add.reduceat(lines, edges[:-1], axis=1) / np.diff(edges)
    means -= ndimage.uniform_filter1d(means, _TREND_LINES, axis=0)  # frames differ in brightness
    power = (np.abs(scipy_fft.rfft(means, 2 * len(means), axis=0)) ** 2).sum(axis=1)
    correlation = scipy_fft.irfft(power, 2 * len(means))[: len(means)]
    correlation /= np.arange(len(means), 0, -1)  # as many pairs of lines are left
    found = [
        (height, share)
        for height, share in _peaks(correlation, len(means) // 2, means.size)
        if correlation[height] > _MIN_LIKENESS * correlation[1]
    ]
    if found:
        return found[:_MAX_WIDTHS]
    n_lines = n_samples // width
    fitting = [side for side in (width, width // 2, 2 * width) if side and not n_lines % side]
    whole = [n_lines] if n_lines * width < _MAX_PIXELS else []
    return [(height, 0.3 / (n + 1)) for n, height in enumerate([*fitting, *whole])]


def _with_header(
    samples: NDArray[np.float32], dtype: np.dtype, width: int, height: int, size: int
) -> list[tuple[RawGeometry, float]]:
    """Put what does not fill a frame before the first one, or behind the last one."""
    left = size % (width * height * dtype.itemsize)
    geometry = RawGeometry(width, height, dtype.name, dtype.byteorder == ">")
    if not left:
        return [(geometry, 1.0)]
    if left > _MAX_HEADER_BYTES:
        return [(geometry, 0.4)]
    begins_there = left // dtype.itemsize % width == _line_start(samples, width, height)
    with_header = replace(geometry, header_bytes=left)
    return [(with_header, 0.9 if begins_there else 0.5), (geometry, 0.6)]


def _line_start(samples: NDArray[np.float32], width: int, height: int) -> int:
    """Column at which lines begin: their ends and the next beginnings differ most."""
    frames = samples[: len(samples) // (width * height) * width * height]
    if not len(frames):
        return 0
    mean = frames.reshape(-1, width * height).mean(axis=0)
    steps = np.abs(mean - np.roll(mean, 1)).reshape(height, width).mean(axis=0)
    return int(np.argmax(steps))
