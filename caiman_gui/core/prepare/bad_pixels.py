"""Find pixels that tell nothing of the tissue: dead, hot or saturated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from caiman_gui.core.prepare.frozen import freeze_arrays
from caiman_gui.core.prepare.levels import CEILINGS, LevelCounter, saturation_level
from caiman_gui.core.prepare.sampling import affordable_frames, sample_runs, sampled_images
from caiman_gui.core.prepare.vessels import suggest_vessels
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie

__all__ = ["BadPixels", "find_bad_pixels", "suggest_vessels"]

#: A pixel at the limit of the detector in more than this share of the frames is left out.
MOST_SATURATED = 0.05
#: A pixel stands out by at least so many standard deviations from those around it.
LEAST_EXCESS = 10.0
#: Of what stands out, so much may be seen next to it: optics spread even the smallest cell.
MOST_SPREAD = 0.25

_BUDGET_BYTES, _MOST_FRAMES, _RUN = 192 * 2**20, 800, 8
_LEAST_FRAMES = 10
_MESSAGE = "Looking for bad pixels"
_LEAST_CORRELATION = 0.3  # of a cell with its surroundings, and of its excess with the frame before
_CHANCE = 1e-6  # that a live pixel never changes
_LEAST_AROUND = 6  # of the 8 pixels around have to be usable, to compare with
_RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
_OUTER_RING = np.pad(np.zeros((3, 3), bool), 1, constant_values=True)


@dataclass(frozen=True, eq=False)
class BadPixels:
    """Pixels to be left out.

    Attributes
    ----------
    dead : (H, W) bool
        Never change, or are dark and still among brighter ones.
    hot : (H, W) bool
        Single pixels much brighter or noisier than all around.
    saturated : (H, W) bool
        At the limit of the detector in more than 5 % of the frames.
    saturation_level : float or None
        That limit; None if no sample reaches it.
    """

    dead: NDArray[np.bool_]
    hot: NDArray[np.bool_]
    saturated: NDArray[np.bool_]
    saturation_level: float | None

    def __post_init__(self) -> None:
        freeze_arrays(self)

    @property
    def excluded(self) -> NDArray[np.bool_]:
        """All of them (H, W)."""
        return self.dead | self.hot | self.saturated


def find_bad_pixels(movie: Movie, *, ctx: TaskContext = NULL_CONTEXT) -> BadPixels:
    """Look for bad pixels in frames spread over the movie.

    A neuron is not taken for a hot pixel: it brightens the pixels beside it, too, or, where
    pixels are as large as cells, its slow changes are seen in them.

    Parameters
    ----------
    movie : Movie (T, H, W)
        Not binned, at best with its lines lined up. Of fewer than 10 frames nothing is told.
    ctx : TaskContext

    Returns
    -------
    BadPixels
    """
    n_frames, height, width = movie.shape
    wanted = affordable_frames(movie, _BUDGET_BYTES, _MOST_FRAMES, least=4 * _LEAST_FRAMES)
    runs = sample_runs(n_frames, wanted, _RUN)
    pixels = _PixelStatistics((height, width), movie.dtype)
    levels = LevelCounter(movie.dtype, wanted * height * width, width)
    for _, _, image in sampled_images(movie, runs, SubContext(ctx, 0, 0.5, _MESSAGE)):
        levels.add(image)
        pixels.add(image)
    if pixels.n_frames < _LEAST_FRAMES:
        none = np.zeros((height, width), bool)
        return BadPixels(none, none, none, None)
    level = _level(pixels, levels, movie.dtype)
    saturated = pixels.share_at(level) > MOST_SATURATED
    dead = (pixels.never_changes() | pixels.is_missing) & ~saturated
    mean, std = pixels.mean_and_std()
    usable = ~dead & ~saturated
    is_still = std < 0.5 * ndimage.median_filter(std, footprint=_RING, mode="nearest")
    dead |= _stands_out(-mean, usable) & is_still
    hot = (_stands_out(mean, usable) | _stands_out(std, usable)) & ~dead
    if hot.any():
        company = _Company(hot)
        for _, follows, image in sampled_images(movie, runs, SubContext(ctx, 0.5, 1, _MESSAGE)):
            company.add(image, follows)
        hot[hot] = ~company.are_cells()
    ctx.progress(1, 1, _MESSAGE)
    return BadPixels(dead, hot, saturated, level)


class _PixelStatistics:
    """Extremes and moments of each pixel, frame by frame."""

    def __init__(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        kept = np.float32 if dtype.kind == "f" else dtype.newbyteorder("=")
        self.n_frames = 0
        self.is_missing = np.zeros(shape, bool)
        self.lowest, self.highest = np.zeros(shape, kept), np.zeros(shape, kept)
        self.n_lowest, self.n_highest = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        self._first = np.zeros(shape, np.float32)
        self._sum, self._squares = np.zeros(shape), np.zeros(shape)

    def add(self, frame: NDArray[Any]) -> None:
        """Add a frame (H, W)."""
        with np.errstate(over="ignore"):
            frame = frame.astype(self.lowest.dtype)
        if frame.dtype.kind == "f":
            missing = ~np.isfinite(frame)
            if missing.any():
                self.is_missing |= missing
                frame[missing] = 0
        if self.n_frames == 0:
            self.lowest[:] = self.highest[:] = frame
            self._first[:] = frame
        for extreme, count, is_beyond in (
            (self.lowest, self.n_lowest, np.less),
            (self.highest, self.n_highest, np.greater),
        ):
            beyond = is_beyond(frame, extreme)
            np.copyto(extreme, frame, where=beyond)
            count[beyond] = 0
            count += frame == extreme
        change = frame - self._first
        self._sum += change
        self._squares += change * change
        self.n_frames += 1

    def never_changes(self) -> NDArray[np.bool_]:
        """(H, W): pixels that stay the same although the ones around do not, or none does.

        In a dark corner whose pixels count a photon now and then, one without any is no wonder.
        """
        still = self.lowest == self.highest
        share = np.where(still, 0, 1 - self.n_lowest / self.n_frames)
        around = ndimage.uniform_filter(share, 7, mode="nearest")
        n_alive = ndimage.uniform_filter((~still).astype(np.float64), 7, mode="nearest")
        has_live = n_alive > 0.5 / 49
        changes = np.divide(around, n_alive, out=np.zeros_like(around), where=has_live)
        by_chance = (1 - np.clip(changes, 0, 1)) ** self.n_frames
        return np.asarray(still & (~has_live | (by_chance < _CHANCE)), np.bool_)

    def share_at(self, level: float | None) -> NDArray[np.float64]:
        """(H, W): share of the frames in which a pixel is at the highest level of all."""
        if level is None:
            return np.zeros(self.highest.shape)
        return np.where(self.highest == level, self.n_highest / self.n_frames, 0.0)

    def mean_and_std(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Over time: (H, W) each."""
        change = self._sum / self.n_frames
        variance = np.maximum(self._squares / self.n_frames - change**2, 0)
        return self._first + change, np.sqrt(variance)


class _Company:
    """Tells the cells of one pixel, as on coarse images, from hot pixels, by their traces.

    What a cell does is seen in the pixels around as well, and it does it slowly; the excess of a
    hot pixel is its own affair, or mere noise.

    Parameters
    ----------
    places : (H, W) bool
        The K pixels in question.
    """

    def __init__(self, places: NDArray[np.bool_]) -> None:
        height, width = places.shape
        rows, cols = np.nonzero(places)
        self._own = rows * width + cols
        steps = np.argwhere(_RING) - 1
        near = (
            np.clip(rows + steps[:, :1], 0, height - 1),
            np.clip(cols + steps[:, 1:], 0, width - 1),
        )
        self._around = near[0] * width + near[1]
        self._first = self._last = np.zeros((2, rows.size))
        self._sums, self._products = np.zeros((2, rows.size)), np.zeros((3, rows.size))
        self._lagged = np.zeros(rows.size)
        self._n, self._n_lagged = 0, 0

    def add(self, image: NDArray[Any], follows: bool) -> None:
        """Add an image (H, W) and whether it follows right after the one before."""
        flat = np.nan_to_num(image.astype(np.float64), posinf=0, neginf=0).reshape(-1)
        now = np.stack([flat[self._own], np.median(flat[self._around], axis=0)])
        if self._n == 0:
            self._first = now
        now = now - self._first
        self._sums += now
        self._products += np.stack([now[0] ** 2, now[1] ** 2, now[0] * now[1]])
        self._n += 1
        if follows:
            self._lagged += (now[0] - now[1]) * (self._last[0] - self._last[1])
            self._n_lagged += 1
        self._last = now

    def are_cells(self) -> NDArray[np.bool_]:
        """(K,): which ones go with those around, and whose excess is slow."""
        own, around = self._sums / self._n
        own2, around2, both = self._products / self._n - np.stack([own**2, around**2, own * around])
        excess, excess2 = own - around, own2 + around2 - 2 * both
        lagged = self._lagged / max(1, self._n_lagged) - excess**2
        goes_with = both > _LEAST_CORRELATION * np.sqrt(np.maximum(own2 * around2, 0))
        return np.asarray(goes_with & (lagged > _LEAST_CORRELATION * excess2), np.bool_)


def _level(pixels: _PixelStatistics, levels: LevelCounter, dtype: np.dtype[Any]) -> float | None:
    """Find the limit of the detector; a few pixels stuck at one value are none."""
    level = saturation_level(*levels.levels(), dtype)
    if level is None or level in CEILINGS:
        return level
    reach = (pixels.highest == level) & (pixels.lowest < level)
    return level if np.count_nonzero(reach) >= 3 else None


def _stands_out(image: NDArray[np.float64], usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find single pixels (H, W) far above all around, at most one neighbour like them."""
    if not usable.any():
        return np.zeros(image.shape, bool)
    image = _filled(image, usable)
    middle = ndimage.median_filter(image, footprint=_RING, mode="nearest")
    excess = np.where(usable, image - middle, 0)
    typical = 1.4826 * float(np.median(np.abs(excess[usable])))
    if typical == 0:
        typical = float(np.abs(excess[usable]).mean())
    clipped = np.minimum(np.abs(excess), 5 * typical)
    scale = 1.2533 * ndimage.uniform_filter(clipped, 25, mode="nearest")
    far = np.asarray(excess > LEAST_EXCESS * np.maximum(scale, 0.5 * typical), np.bool_)
    n_around = ndimage.convolve(usable.astype(np.int8), _RING.astype(np.int8), mode="nearest")
    far &= n_around >= _LEAST_AROUND
    if not far.any():
        return far
    background = ndimage.median_filter(image, footprint=_OUTER_RING, mode="nearest")
    second = ndimage.rank_filter(image, -2, footprint=_RING, mode="nearest")
    spread = second - background
    return np.asarray(far & (spread < MOST_SPREAD * (image - background)), np.bool_)


def _filled(image: NDArray[np.float64], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give pixels that are not usable the mean of the usable ones around."""
    share = ndimage.uniform_filter(usable.astype(np.float64), 7, mode="nearest")
    mean = ndimage.uniform_filter(np.where(usable, image, 0), 7, mode="nearest")
    nowhere = np.full(image.shape, np.median(image[usable]))
    mean = np.divide(mean, share, out=nowhere, where=share > 0.01)
    return np.where(usable, image, mean)
