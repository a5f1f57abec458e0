"""Movies with a known answer: for tests, for the demonstration, and for trying parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import fft, ndimage, sparse

from caiman_gui.core.task import NULL_CONTEXT, TaskContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["two-photon", "one-photon"]

#: Light of a dim neuron, as a share of what it would have been.
DIM = 0.25
#: Samples made at once, so that memory and the time between checks stay small.
BLOCK_SAMPLES = 2**20


@dataclass(frozen=True)
class _Optics:
    """Light levels of one kind of microscope; photons are per pixel and frame."""

    background: float  # photons of the background, on average
    peak: float  # photons at the brightest pixel of a cell for a calcium of 1
    gain: float  # counts per photon
    offset: float  # counts in the dark
    read_noise: float  # counts
    rest: float  # resting brightness of a cell, as calcium
    spike_rate_hz: float
    rise_time_s: float
    decay_time_s: float


_OPTICS: dict[Kind, _Optics] = {
    "two-photon": _Optics(8.0, 6.0, 30.0, 100.0, 10.0, 0.4, 0.25, 0.05, 0.4),
    "one-photon": _Optics(1200.0, 80.0, 1.0, 100.0, 4.0, 0.0, 0.2, 0.08, 0.6),
}


@dataclass(frozen=True, eq=False)
class SyntheticRecording:
    """A movie and everything it was made from.

    Attributes
    ----------
    movie : (T, H, W) uint16
    footprints : (K, H*W) csr float32
        Shape of each neuron without motion, C order, peak 1.
    calcium : (K, T) float32
        Calcium of each neuron above rest; 1 is the size of one spike's transient.
    spikes : (K, T) int
        Spikes per frame.
    shifts : (T, 2) float32
        (dy, dx) in pixels to ADD to each frame to align it.
    template : (H, W) float32
        Mean image without motion and noise, in counts.
    frame_rate_hz, neuron_diameter_px, decay_time_s : float
    kind : {"two-photon", "one-photon"}
    """

    movie: NDArray[np.uint16]
    footprints: sparse.csr_matrix
    calcium: NDArray[np.float32]
    spikes: NDArray[np.int_]
    shifts: NDArray[np.float32]
    template: NDArray[np.float32]
    frame_rate_hz: float
    neuron_diameter_px: float
    decay_time_s: float
    kind: Kind


def demo_recording(ctx: TaskContext = NULL_CONTEXT) -> SyntheticRecording:
    """Return the two-photon movie of the demonstration (128 x 128 px, 1000 frames).

    Some of its cells are so dim that the usual thresholds reject them: there is something to
    review.
    """
    return make_recording(n_neurons=34, n_dim=6, seed=7, ctx=ctx)


def make_recording(
    kind: Kind = "two-photon",
    *,
    shape: tuple[int, int] = (128, 128),
    n_frames: int = 1000,
    n_neurons: int = 30,
    n_dim: int = 0,
    frame_rate_hz: float = 20.0,
    neuron_diameter_px: float = 10.0,
    max_shift_px: float = 3.0,
    seed: int = 0,
    ctx: TaskContext = NULL_CONTEXT,
) -> SyntheticRecording:
    """Make a movie of active neurons over a fluctuating background, with rigid motion.

    The scene is periodic and larger than the field of view, so that a shift in the Fourier
    domain is exact and new structure comes in at the edges.

    Parameters
    ----------
    kind : {"two-photon", "one-photon"}
        Somata and rings over a dim neuropil, or blobs over a bright glow with vignetting.
    shape : (H, W)
        Field of view in px.
    n_frames, n_neurons : int
    n_dim : int
        So many of the neurons, the last ones, are dim.
    frame_rate_hz : float
    neuron_diameter_px : float
    max_shift_px : float
        Largest motion along either axis; 0 gives none.
    seed : int
        The same seed gives the same movie.
    ctx : TaskContext

    Returns
    -------
    SyntheticRecording
    """
    rng = np.random.default_rng(seed)
    optics = _OPTICS[kind]
    pad = math.ceil(max_shift_px) + 4
    scene_shape = tuple(fft.next_fast_len(side + 2 * pad, real=True) for side in shape)
    field = (slice(pad, pad + shape[0]), slice(pad, pad + shape[1]))

    centers = _scatter(rng, n_neurons, shape, neuron_diameter_px) + pad
    cells = _cells(rng, kind, centers, scene_shape, neuron_diameter_px)
    spikes, calcium = _activity(rng, n_neurons, n_frames, frame_rate_hz, optics)
    images, courses = _background(rng, kind, scene_shape, n_frames, frame_rate_hz)
    displacement = _motion(rng, n_frames, frame_rate_hz, max_shift_px)

    light = _illumination(kind, scene_shape)
    brightness = rng.uniform(0.7, 1.4, n_neurons)[:, None, None] * optics.peak
    brightness[n_neurons - n_dim :] *= DIM
    cell_light = (cells * brightness * light).reshape(n_neurons, math.prod(scene_shape))
    images = (images * light * optics.background).reshape(len(images), -1)
    parts = np.vstack([cell_light, images]).astype(np.float32)
    weights = np.vstack([calcium + optics.rest, courses]).astype(np.float32)

    movie = np.empty((n_frames, *shape), np.uint16)
    step = max(1, BLOCK_SAMPLES // math.prod(scene_shape))
    for start in range(0, n_frames, step):
        ctx.check()
        ctx.progress(start, n_frames, "Making a movie")
        now = slice(start, min(start + step, n_frames))
        scenes = (weights[:, now].T @ parts).reshape(-1, *scene_shape)
        photons = _translate(scenes, displacement[now])[:, field[0], field[1]]
        movie[now] = _detect(rng, photons, optics)
    ctx.progress(n_frames, n_frames, "Making a movie")

    mean = (weights.mean(axis=1) @ parts).reshape(scene_shape)[field]
    inside = cells[:, field[0], field[1]].reshape(n_neurons, math.prod(shape))
    return SyntheticRecording(
        movie=movie,
        footprints=sparse.csr_matrix(inside.astype(np.float32)),
        calcium=calcium,
        spikes=spikes,
        shifts=-displacement,
        template=(mean * optics.gain + optics.offset).astype(np.float32),
        frame_rate_hz=frame_rate_hz,
        neuron_diameter_px=neuron_diameter_px,
        decay_time_s=optics.decay_time_s,
        kind=kind,
    )


def _scatter(
    rng: np.random.Generator, count: int, shape: tuple[int, int], diameter: float
) -> NDArray[np.float64]:
    """Centres (K, 2), each the loneliest of some random candidates, so that few overlap."""
    margin = np.minimum(0.6 * diameter, np.array(shape) / 4)
    centers = np.empty((0, 2))
    for _ in range(count):
        candidates = rng.uniform(margin, np.array(shape) - 1 - margin, (12, 2))
        if len(centers):
            gap = np.linalg.norm(candidates[:, None] - centers[None], axis=2).min(axis=1)
            candidates = candidates[[int(np.argmax(gap))]]
        centers = np.vstack([centers, candidates[:1]])
    return centers


def _cells(
    rng: np.random.Generator,
    kind: Kind,
    centers: NDArray[np.float64],
    shape: tuple[int, ...],
    diameter: float,
) -> NDArray[np.float32]:
    """Images (K, H, W) of the neurons, peak 1: soft disks and rings, or Gaussian blobs."""
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    cells = np.zeros((len(centers), *shape), np.float32)
    for image, (row, col) in zip(cells, centers, strict=True):
        angle, stretch = rng.uniform(0, np.pi), rng.uniform(0.9, 1.1)
        is_ring = rng.random() < 0.4
        u = (np.cos(angle) * (rows - row) + np.sin(angle) * (cols - col)) / stretch
        v = (np.cos(angle) * (cols - col) - np.sin(angle) * (rows - row)) * stretch
        distance = np.hypot(u, v)
        if kind == "one-photon":
            image[:] = np.exp(-0.5 * (distance / (diameter / 4)) ** 2)
        else:
            edge = 0.04 * diameter
            image[:] = _soft_disk(distance, diameter / 2, edge)
            if is_ring:
                image *= 1 - 0.7 * _soft_disk(distance, diameter / 4, edge)
        image /= image.max()
        image[image < 0.03] = 0
    return cells


def _soft_disk(distance: NDArray[Any], radius: float, edge: float) -> NDArray[Any]:
    return 1 / (1 + np.exp(np.clip((distance - radius) / edge, -50, 50)))


def _activity(
    rng: np.random.Generator, count: int, n_frames: int, rate: float, optics: _Optics
) -> tuple[NDArray[np.int_], NDArray[np.float32]]:
    """Spikes (K, T), and calcium (K, T) as their convolution with a double exponential."""
    per_frame = rng.uniform(0.6, 1.6, (count, 1)) * optics.spike_rate_hz / rate
    spikes = rng.poisson(per_frame, (count, n_frames))
    if n_frames:  # a silent neuron could not be found by anyone
        silent = np.flatnonzero(spikes.sum(axis=1) == 0)
        spikes[silent, rng.integers(0, n_frames, silent.size)] = 2
    time = np.arange(min(n_frames, math.ceil(8 * optics.decay_time_s * rate))) / rate
    kernel = np.exp(-time / optics.decay_time_s) - np.exp(-time / optics.rise_time_s)
    kernel /= max(float(kernel.max(initial=0.0)), 1e-6)
    length = fft.next_fast_len(n_frames + time.size, real=True)
    calcium = fft.irfft(fft.rfft(spikes, length) * fft.rfft(kernel, length), length)
    return spikes, np.maximum(calcium[:, :n_frames], 0).astype(np.float32)


def _background(
    rng: np.random.Generator, kind: Kind, shape: tuple[int, ...], n_frames: int, rate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Images (nb, H, W) with a mean of about 1 in sum, and their positive time courses (nb, T)."""
    if kind == "two-photon":
        # width as a share of the field, weight, relative fluctuation and its time scale in s
        table = ((0.16, 0.55, 0.08, 5.0), (0.09, 0.25, 0.25, 2.0), (0.06, 0.2, 0.25, 1.0))
    else:
        table = ((0.25, 0.5, 0.06, 6.0), (0.15, 0.25, 0.15, 1.5), (0.1, 0.25, 0.15, 0.7))
    images = []
    for width, weight, _, _ in table:
        smooth = _smooth_noise(rng, shape, width * min(shape))
        images.append(weight * np.clip(1 + 0.4 * smooth, 0.1, None))
    fine = _smooth_noise(rng, shape, 1.3 if kind == "two-photon" else 2.5)
    texture = np.clip(1 + (0.2 if kind == "two-photon" else 0.06) * fine, 0.2, None)
    courses = [
        np.clip(1 + size * _smooth_noise(rng, (n_frames,), scale * rate), 0.05, None)
        for _, _, size, scale in table
    ]
    return np.array(images) * texture, np.array(courses)


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], width: float
) -> NDArray[np.float64]:
    """Periodic Gaussian noise of unit variance, smoothed over ``width`` samples."""
    noise = rng.standard_normal(shape)
    if noise.size == 0:
        return noise
    noise = ndimage.gaussian_filter(noise, min(width, min(shape) / 4), mode="wrap")
    noise -= noise.mean()
    unit: NDArray[np.float64] = noise / max(float(noise.std()), 1e-12)
    return unit


def _illumination(kind: Kind, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Brightness (H, W), largest in the middle and periodic; strong in one-photon optics."""
    depth = 0.15 if kind == "two-photon" else 0.35
    rows, cols = (0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n) for n in shape)
    return (1 - depth + depth * rows[:, None]) * (1 - depth + depth * cols[None, :])


def _motion(
    rng: np.random.Generator, n_frames: int, rate: float, amplitude: float
) -> NDArray[np.float32]:
    """Displacement (T, 2) in px: slow drift, tremor and short jerks, within +-amplitude."""
    drift = np.stack([_smooth_noise(rng, (n_frames,), 8 * rate) for _ in range(2)], axis=1)
    tremor = np.stack([_smooth_noise(rng, (n_frames,), 0.1 * rate) for _ in range(2)], axis=1)
    path = 0.35 * drift + 0.1 * tremor
    time = np.arange(n_frames)
    for _ in range(max(1, n_frames // 250)):
        width = rng.uniform(0.1, 0.5) * rate
        bump = np.exp(-0.5 * ((time - rng.uniform(0, n_frames)) / width) ** 2)
        path += bump[:, None] * rng.uniform(-0.8, 0.8, 2)
    return (amplitude * np.clip(path, -1, 1)).astype(np.float32)


def _translate(
    scenes: NDArray[np.float32], displacement: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Move periodic scenes (n, H, W) by (dy, dx) each, exactly, as phases of their spectra."""
    height, width = scenes.shape[1:]
    rows = np.exp(-2j * np.pi * displacement[:, :1] * fft.fftfreq(height))
    cols = np.exp(-2j * np.pi * displacement[:, 1:] * fft.rfftfreq(width))
    spectra = fft.rfft2(scenes)
    spectra *= rows[:, :, None].astype(np.complex64)
    spectra *= cols[:, None, :].astype(np.complex64)
    moved: NDArray[np.float32] = fft.irfft2(spectra, s=(height, width))
    return moved


def _detect(
    rng: np.random.Generator, photons: NDArray[np.float32], optics: _Optics
) -> NDArray[np.uint16]:
    """Turn light into 16-bit counts, with shot noise (variance = mean) and read noise."""
    light = np.maximum(photons, 0)
    spread = np.sqrt(light * optics.gain**2 + optics.read_noise**2)
    counts = light * optics.gain + optics.offset
    counts += spread * rng.standard_normal(light.shape, dtype=np.float32)
    return np.clip(np.rint(counts), 0, 65535).astype(np.uint16)
