"""Samples of a stored block: as few bits as hold them, pixel by pixel, and back to frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from caiman_gui.io.store_format import FLOAT32, SAMPLE_DTYPES, UINT8, UINT16

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: A step between two stored values may be this share of the noise: it then adds less than a
#: thousandth to the variance of the noise (step^2 / 12).
STEP_PER_NOISE = 0.1
#: Pixels whose noise is looked at, and the quantile taken of it: dim pixels count too.
_NOISE_PIXELS, _NOISE_QUANTILE = 4096, 0.1
#: Beyond these the arithmetic of float32 would overflow.
_LARGEST, _LEAST_STEP = 1e38, 1e-37
#: Samples worked on at a time, so that they stay in the cache of the processor.
_PIECE_SAMPLES = 2**18


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A block as it is stored: ``offset + scale * samples``, samples (H*W, n)."""

    code: int
    offset: float
    scale: float
    samples: NDArray[Any]


def encode(frames: NDArray[Any], mode: str, scratch: NDArray[np.uint8] | None = None) -> Encoded:
    """Store frames in as few bits as lose nothing that counts.

    Whole numbers are kept exactly where their range allows. Others become 16-bit numbers if the
    step between these is far below the noise, else float32; so do missing values.

    Parameters
    ----------
    frames : (n, H, W) array
        Integers of at most 32 bit, or real numbers.
    mode : {"auto", "16-bit", "float32"}
        "16-bit" accepts any step.
    scratch : (>= 4 n H W,) uint8, optional
        Memory for the samples, which spares asking the system for it again and again.
    """
    if scratch is None:
        scratch = np.empty(4 * frames.size, np.uint8)
    flat = frames.reshape(len(frames), -1)
    if flat.dtype.kind == "b":
        flat = flat.view(np.uint8)
    if flat.dtype.kind in "iu" and mode != "float32":
        low, high = int(flat.min()), int(flat.max())
        if high - low < 2**16:
            return _encode_exactly(flat, low, high, scratch)
    with np.errstate(over="ignore", invalid="ignore"):  # becomes infinite: kept as float32
        real = np.asarray(flat, np.float32)
        bottom, top = float(real.min()), float(real.max())
    if mode == "float32" or not max(abs(bottom), abs(top)) < _LARGEST:
        return _encode_as_float(real, scratch)
    if top == bottom:
        return Encoded(UINT8, bottom, 1.0, np.zeros(real.shape[::-1], np.uint8))
    if top - bottom < 2**16 and bottom.is_integer() and _are_whole(real):
        return _encode_exactly(real, int(bottom), int(top), scratch)
    step = (top - bottom) / (2**16 - 1)
    if step > _LEAST_STEP and (mode == "16-bit" or step <= STEP_PER_NOISE * noise_of(real)):
        return _encode_scaled(real, bottom, step, scratch)
    return _encode_as_float(real, scratch)


def noise_of(frames: NDArray[np.float32]) -> float:
    """Noise standard deviation of quiet pixels of a block (n, P), from its bends; else 0.

    ``y[t-1] - 2 y[t] + y[t+1]`` leaves drift and slow activity out. For white noise its mean size
    is ``sqrt(12 / pi)`` standard deviations. Pixels that never change have no noise to compare.
    """
    if len(frames) < 3:
        return 0.0
    step = max(1, frames.shape[1] // _NOISE_PIXELS) | 1  # odd: does not keep to some columns
    sizes = np.abs(np.diff(frames[:, ::step], 2, axis=0)).mean(axis=0, dtype=np.float64)
    sizes = sizes[sizes > 0]
    if not sizes.size:
        return 0.0
    return float(np.quantile(sizes, _NOISE_QUANTILE) / np.sqrt(12 / np.pi))


def decode_frames(samples: NDArray[Any], offset: float, scale: float, out: NDArray[Any]) -> None:
    """Fill frames (n, P) from stored samples (P, n), in the type of ``out``."""
    if out.dtype.itemsize == samples.dtype.itemsize:
        cv2.transpose(samples, out.view(samples.dtype))
    else:
        out[...] = cv2.transpose(samples)
    if scale != 1 or offset != 0:
        _rescale(out, offset, scale)


def decode_pixels(
    samples: NDArray[Any], offset: float, scale: float, out: NDArray[np.float32]
) -> None:
    """Fill ``out`` (P, n) with what stored samples (P, n) stand for."""
    if out is not samples:
        out[...] = samples
    if scale != 1 or offset != 0:
        _rescale(out, offset, scale)


def _rescale(values: NDArray[Any], offset: float, scale: float) -> None:
    """Turn stored numbers into ``offset + scale * number``, in place."""
    if values.dtype.kind in "iu":
        np.add(values, int(offset), out=values, casting="unsafe")  # wraps around to the right one
        return
    if scale != 1:
        values *= np.float32(scale)
    values += np.float32(offset)


def _encode_exactly(flat: NDArray[Any], low: int, high: int, scratch: NDArray[np.uint8]) -> Encoded:
    """Keep whole numbers (n, P) as they are, or less their minimum if they need that."""
    code = UINT8 if high - low < 2**8 else UINT16
    offset = 0 if low >= 0 and high < 2 ** (8 * code) else low
    samples = _within(scratch, flat.shape[::-1], code)
    for part in _pieces(flat.shape[1], len(flat)):
        piece = flat[:, part]
        if offset:
            piece = piece - (piece.dtype.type(offset) if piece.dtype.kind == "f" else offset)
        cv2.transpose(piece.astype(samples.dtype), samples[part])
    return Encoded(code, float(offset), 1.0, samples)


def _encode_scaled(
    flat: NDArray[np.float32], bottom: float, step: float, scratch: NDArray[np.uint8]
) -> Encoded:
    """Spread real numbers (n, P) over the whole numbers of 16 bit."""
    samples = _within(scratch, flat.shape[::-1], UINT16)
    start, per_step = np.float32(bottom), np.float32(1 / step)
    for part in _pieces(flat.shape[1], len(flat)):
        piece = flat[:, part] - start
        piece *= per_step
        np.rint(piece, out=piece)
        cv2.transpose(piece.astype(np.uint16), samples[part])
    return Encoded(UINT16, bottom, step, samples)


def _encode_as_float(flat: NDArray[np.float32], scratch: NDArray[np.uint8]) -> Encoded:
    """Keep real numbers (n, P) as they are."""
    samples = _within(scratch, flat.shape[::-1], FLOAT32)
    for part in _pieces(flat.shape[1], len(flat)):
        cv2.transpose(flat[:, part], samples[part])
    return Encoded(FLOAT32, 0.0, 1.0, samples)


def _within(scratch: NDArray[np.uint8], shape: tuple[int, ...], code: int) -> NDArray[Any]:
    """Return an array of stored samples that lies in given memory."""
    return scratch[: math.prod(shape) * code].view(SAMPLE_DTYPES[code]).reshape(shape)


def _are_whole(flat: NDArray[np.float32]) -> bool:
    """Tell whether all samples (n, P) are whole numbers; most that are not show it at once."""
    return all(
        bool((np.rint(piece) == piece).all())
        for piece in (flat[:, part] for part in _pieces(flat.shape[1], len(flat)))
    )


def _pieces(n_pixels: int, n_frames: int) -> Iterator[slice]:
    """Cut the pixels of a block into runs that fit in the cache."""
    step = max(64, _PIECE_SAMPLES // max(1, n_frames))
    for first in range(0, n_pixels, step):
        yield slice(first, first + step)
