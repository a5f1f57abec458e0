"""One shift per frame, from its cross-correlation with a template.

The correlation is weighted by the inverse noise spectrum (a matched filter), so that whatever
changes from frame to frame without moving, such as glow, neuropil and shot noise, counts little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import fft

from caiman_gui.core.task import NULL_CONTEXT, TaskContext

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

#: Gaussian blur in px applied with the filter: it widens the peak so that a parabola fits it.
PEAK_BLUR_PX = 0.7
#: Expected size of displacements (standard deviation), as a share of the largest one allowed.
PRIOR_SHARE = 0.5
#: Noise is taken to be at least this share of its largest value, so that no frequency rules.
NOISE_FLOOR = 1e-4


#: Structure wider than this share of the field is never used to align: it is mostly glow.
WIDEST_SHARE = 1 / 8


def flatten(frames: NDArray[np.float32], highpass_px: float) -> NDArray[np.float32]:
    """Remove wide structure from frames, for measuring shifts only.

    Bright glow that fades towards the edges would otherwise pull every shift towards 0 or away.

    Parameters
    ----------
    frames : (n, H, W) float32
    highpass_px : float
        Standard deviation of the low-pass that is subtracted; 0: a share of the field.

    Returns
    -------
    (n, H, W) float32
    """
    side = min(frames.shape[1:])
    sigma = highpass_px if highpass_px > 0 else WIDEST_SHARE * side
    box = min(2 * round((np.sqrt(6 * sigma**2 + 1) - 1) / 2) + 1, (side - 1) // 2 * 2 + 1)
    out = np.empty_like(frames)
    for target, frame in zip(out, frames, strict=True):  # two boxes are close to a Gaussian
        wide = cv2.blur(frame, (box, box), borderType=cv2.BORDER_REFLECT)
        wide = cv2.blur(wide, (box, box), borderType=cv2.BORDER_REFLECT)
        np.subtract(frame, wide, out=target)
    return out


class NoiseSpectrum:
    """Power of what is not explained by the template, by spatial frequency.

    Parameters
    ----------
    frames : iterable of (H, W) float32
        Aligned frames, at least one.
    template : (H, W) float32
    ctx : TaskContext
    """

    def __init__(
        self,
        frames: Iterable[NDArray[np.float32]],
        template: NDArray[np.float32],
        *,
        ctx: TaskContext = NULL_CONTEXT,
    ) -> None:
        height, width = template.shape
        power, n_frames = np.zeros((height, width // 2 + 1)), 0
        for frame in frames:
            ctx.check()
            n_frames += 1
            residual = frame - template
            spectrum = fft.rfft2(residual - residual.mean())
            power += spectrum.real**2 + spectrum.imag**2
        bins_per_cycle = max(8, min(height, width) // 2)
        label = np.minimum(_radius(height, width) * bins_per_cycle, 0.7 * bins_per_cycle)
        number = label.astype(np.intp).ravel()
        number[0] = 0 if number.size == 1 else number[1]  # no power at zero: the mean is out
        count = np.bincount(number)
        total = np.bincount(number, power.ravel())
        used = np.flatnonzero(count)
        self._frequency = (used + 0.5) / bins_per_cycle
        self._power = total[used] / count[used] / (n_frames * template.size)
        self._power = np.maximum(self._power, NOISE_FLOOR * self._power.max())

    @property
    def is_known(self) -> bool:
        """Whether there was any noise to measure."""
        return bool(self._power.max() > 0)

    def weight(self, height: int, width: int) -> NDArray[np.float64]:
        """Return the inverse noise power per px (height, width//2+1), for an rfft2.

        A correlation weighted by it is a logarithm of likelihood, up to a constant.
        """
        if not self.is_known:
            return np.ones((height, width // 2 + 1))
        return 1 / np.interp(_radius(height, width), self._frequency, self._power)


class Correlator:
    """Finds how far images have moved against references, all of one size.

    Parameters
    ----------
    references : (P, h, w) float32
        One reference per image position.
    reach : (int, int)
        Largest displacement searched, in rows and columns.
    taper_px : (float, float)
        Width of the soft edge of the references, in rows and columns, so that what enters and
        leaves the field has no part in the answer.
    noise : NoiseSpectrum, optional
    """

    def __init__(
        self,
        references: NDArray[np.float32],
        *,
        reach: tuple[int, int],
        taper_px: tuple[float, float],
        noise: NoiseSpectrum | None,
    ) -> None:
        height, width = references.shape[1:]
        self._reach = reach
        self._is_likelihood = noise is not None and noise.is_known
        self._size = (fft.next_fast_len(height, real=True), fft.next_fast_len(width, real=True))
        window = soft_edge(height, taper_px[0])[:, None] * soft_edge(width, taper_px[1])[None, :]
        level = (references * window).sum(axis=(1, 2), keepdims=True) / window.sum()
        spectra = fft.rfft2(((references - level) * window).astype(np.float32), s=self._size)
        weight = _filter(self._size, noise)
        self._spectra = (np.conj(spectra) * weight).astype(np.complex64)

    def planes(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Correlate images (n, P, h, w) with the references, for every whole displacement.

        Returns
        -------
        (n, P, 2*reach+1, 2*reach+1) float32
            No displacement in the middle.
        """
        images = images - images.mean(axis=(2, 3), keepdims=True)
        product = fft.rfft2(images, s=self._size)
        product *= self._spectra
        down, right = self._reach
        height, width = self._size
        rows = fft.ifft(product, axis=2, overwrite_x=True)
        rows = np.concatenate([rows[:, :, height - down :], rows[:, :, : down + 1]], axis=2)
        plane = fft.irfft(rows, n=width, axis=3)
        return np.concatenate([plane[..., width - right :], plane[..., : right + 1]], axis=3)

    def prior(self, offset: tuple[float, float], limit: tuple[float, float]) -> NDArray[np.float32]:
        """Return what is known of displacements before looking, to be added to the planes.

        It is the logarithm of a Gaussian. It decides only where an image holds too little to tell
        its own motion, such as a dark frame or an empty patch.

        Parameters
        ----------
        offset : (float, float)
            Of the planes' middle from the most likely displacement, in px.
        limit : (float, float)
            Largest displacement allowed, in px.

        Returns
        -------
        (2*reach+1, 2*reach+1) float32
        """
        rows, cols = (
            (np.arange(-reach, reach + 1) + start) / (PRIOR_SHARE * largest)
            for reach, start, largest in zip(self._reach, offset, limit, strict=True)
        )
        prior = -0.5 * (rows[:, None] ** 2 + cols[None, :] ** 2)
        return (prior * self._is_likelihood).astype(np.float32)


def find_displacement(planes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Locate the maximum of each plane (..., h, w) from its middle, to a fraction of a px.

    A parabola through the maximum and its two neighbours along each axis has its vertex at
    ``(a - c) / (2 (a - 2b + c))`` from the middle sample b.

    Returns
    -------
    (..., 2) float64
        (dy, dx); 0 where a plane is flat, thus without an answer.
    """
    height, width = planes.shape[-2:]
    flat = planes.reshape(-1, height, width)
    index = np.arange(len(flat))
    best = flat.reshape(len(flat), -1).argmax(axis=1)
    row, col = np.divmod(best, width)
    top = flat[index, row, col].astype(np.float64)
    up, down = np.maximum(row - 1, 0), np.minimum(row + 1, height - 1)
    left, right = np.maximum(col - 1, 0), np.minimum(col + 1, width - 1)
    out = np.empty((len(flat), 2))
    out[:, 0] = row - height // 2 + _vertex(flat[index, up, col], top, flat[index, down, col])
    out[:, 1] = col - width // 2 + _vertex(flat[index, row, left], top, flat[index, row, right])
    out[top <= flat.min(axis=(1, 2))] = 0
    return out.reshape(*planes.shape[:-2], 2)


def _vertex(
    before: NDArray[np.float32], top: NDArray[np.float64], after: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Place of a parabola's vertex, -0.5 ... 0.5; 0 where ``top`` lies on the border."""
    first, last = before.astype(np.float64), after.astype(np.float64)
    curvature = first - 2 * top + last
    inner = (first < top) & (last < top)
    vertex: NDArray[np.float64] = np.where(
        inner, 0.5 * (first - last) / np.where(inner, curvature, -1.0), 0.0
    )
    return vertex


class RigidRegistrar:
    """Measures the shift of whole frames.

    ``centers`` (1, 2) float32 and ``patch_size`` (int, int) describe the field in px.

    Parameters
    ----------
    template : (H, W) float32
    max_shift_px : int
        Search range; at most what leaves something of the field in view.
    noise : NoiseSpectrum, optional
    highpass_px : float
    """

    def __init__(
        self,
        template: NDArray[np.float32],
        *,
        max_shift_px: int,
        noise: NoiseSpectrum | None = None,
        highpass_px: float = 0.0,
    ) -> None:
        height, width = template.shape
        self.centers = np.array([[(height - 1) / 2, (width - 1) / 2]], np.float32)
        self.patch_size = (height, width)
        self._highpass_px = highpass_px
        reach = (limit_reach(max_shift_px, height), limit_reach(max_shift_px, width))
        self._correlator = Correlator(
            flatten(template[None], highpass_px),
            reach=reach,
            taper_px=(min(max_shift_px, height / 4), min(max_shift_px, width / 4)),
            noise=noise,
        )
        self._prior = self._correlator.prior((0, 0), reach)

    def shifts(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the corrections (n, 1, 2) in px to add to frames (n, H, W)."""
        return self.shifts_of_flat(flatten(frames, self._highpass_px))

    def shifts_of_flat(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the same for frames that are flattened already."""
        planes = self._correlator.planes(frames[:, None]) + self._prior
        return (-find_displacement(planes)).astype(np.float32)


def limit_reach(max_shift_px: int, side: int) -> int:
    """Search range along an axis: beyond half of it a shift and its opposite are the same."""
    return max(1, min(max_shift_px, side // 2 - 1))


def soft_edge(side: int, width: float) -> NDArray[np.float64]:
    """Window (side,) that rises from 0 to 1 over ``width`` samples as a raised cosine."""
    if width <= 0:
        return np.ones(side)
    place = np.arange(side) + 0.5
    depth = np.clip(np.minimum(place, side - place) / width, 0, 1)
    edge: NDArray[np.float64] = 0.5 - 0.5 * np.cos(np.pi * depth)
    return edge


def _filter(size: tuple[int, int], noise: NoiseSpectrum | None) -> NDArray[np.float64]:
    """Weights of the frequencies of an rfft2 of that size; the mean has none."""
    radius = _radius(*size)
    weight = np.ones_like(radius) if noise is None else noise.weight(*size)
    weight = weight * np.exp(-2 * (np.pi * PEAK_BLUR_PX * radius) ** 2)
    weight[0, 0] = 0
    return weight


def _radius(height: int, width: int) -> NDArray[np.float64]:
    """Spatial frequency in cycles per px at each entry of an rfft2."""
    radius: NDArray[np.float64] = np.hypot(
        fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None, :]
    )
    return radius
