"""Noise level of pixels and traces, from the upper half of the spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Longer traces are represented by three pieces of this many samples.
PIECE = 1024


def noise_level(traces: NDArray[Any], *, n_threads: int = 1) -> NDArray[np.float32]:
    """Noise standard deviation of each row, from frequencies above half of Nyquist.

    Calcium signals are slow, so what is left at 0.25 ... 0.5 cycles per frame is noise:
    ``sigma^2 = mean(|FFT_k|^2) / sum(w^2)`` over that band (Pnevmatikakis et al. 2016), with a
    window w that is flat but for its ends.

    Parameters
    ----------
    traces : (..., T) array
        At least one sample; fewer than 8 give the plain standard deviation.
    n_threads : int
        Threads of the Fourier transform.

    Returns
    -------
    (...) float32
        White noise of standard deviation s gives s.
    """
    n_frames = traces.shape[-1]
    if n_frames < 8:
        plain: NDArray[np.float32] = np.std(traces, axis=-1, dtype=np.float64).astype(np.float32)
        return plain
    starts = [0]
    if n_frames > 3 * PIECE:
        starts += [(n_frames - PIECE) // 2, n_frames - PIECE]
    length = PIECE if len(starts) > 1 else n_frames
    window = _taper(length)
    power = np.zeros(traces.shape[:-1], np.float64)
    for start in starts:
        piece = np.asarray(traces[..., start : start + length], dtype=np.float32)
        piece = (piece - piece.mean(axis=-1, keepdims=True)) * window
        spectrum = fft.rfft(piece, axis=-1, workers=n_threads)
        band = spectrum[
            ..., length // 4 + 1 : (length + 1) // 2
        ]  # Nyquist left out: it counts half
        power += np.mean(band.real**2 + band.imag**2, axis=-1, dtype=np.float64)
    power /= len(starts) * np.sum(window**2, dtype=np.float64)
    sigma: NDArray[np.float32] = np.sqrt(power).astype(np.float32)
    return sigma


def _taper(length: int) -> NDArray[np.float32]:
    """Window that rises and falls over a tenth of its length at either end.

    It hides the jump from the end of a piece to its start, which drift makes.
    """
    ends = np.minimum(np.arange(length) + 0.5, length - 0.5 - np.arange(length))
    phase = np.minimum(ends / max(1.0, length / 10), 1.0)
    window: NDArray[np.float32] = (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)
    return window
