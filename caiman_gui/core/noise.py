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
    ``sigma^2 = mean(|FFT_k|^2 / n)`` over that band (Pnevmatikakis et al. 2016).

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
        return np.std(traces, axis=-1, dtype=np.float64).astype(np.float32)
    if n_frames > 3 * PIECE:
        middle = (n_frames - PIECE) // 2
        starts = (0, middle, n_frames - PIECE)
    else:
        starts = (0,)
    length = PIECE if len(starts) > 1 else n_frames
    power = np.zeros(traces.shape[:-1], np.float64)
    for start in starts:  # pieces apart, so that drift makes no jump between them
        piece = np.asarray(traces[..., start : start + length], dtype=np.float32)
        piece = piece - piece.mean(axis=-1, keepdims=True)
        spectrum = fft.rfft(piece, axis=-1, workers=n_threads)
        band = spectrum[..., length // 4 + 1 : (length + 1) // 2]  # Nyquist left out: it counts half
        power += np.mean(band.real**2 + band.imag**2, axis=-1, dtype=np.float64) / length
    return np.sqrt(power / len(starts)).astype(np.float32)
