"""The search for cells on the binned movie: in what is left by those found before, and refined."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from caiman_gui.core.sources.background import initial_background
from caiman_gui.core.sources.greedy import GreedySearch
from caiman_gui.core.sources.model import Model, Refiner, merged, without_empty
from caiman_gui.core.sources.pruning import trustworthy
from caiman_gui.core.task import SubContext
from caiman_gui.errors import NoResultError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.core.sources.decimation import BinnedMovie
    from caiman_gui.core.task import TaskContext
    from caiman_gui.params.sources import SourceParams

log = logging.getLogger(__name__)

#: Searches on the residual, and refinements after each.
SEARCHES = 3
_SPARE = 20
REFINEMENTS = 3
_PIECE = 1024  # pixels per piece of work


def search(
    binned: BinnedMovie,
    *,
    params: SourceParams,
    decay_frames: float,
    allowed: NDArray[np.bool_],
    trusted: NDArray[np.bool_],
    n_threads: int,
    read_again: Callable[..., object] | None,
    ctx: TaskContext,
    on_found: Callable[[NDArray[np.float32]], None] | None,
) -> Model:
    """Search on the binned movie, refine, and search again in what is left; all in blocks.

    Parameters
    ----------
    binned : BinnedMovie
        Its untrusted pixels are set to zero.
    params : SourceParams
    decay_frames : float
        Decay time in frames of the movie.
    allowed, trusted : (h, w) bool
        Where a cell may start, and which blocks footprints may use.
    n_threads : int
    read_again : callable, optional
        Fills ``binned.data`` again, with ``ctx`` as its only argument: then these serve as
        memory for the search, which otherwise takes as much again.
    ctx : TaskContext
    on_found : callable, optional
        Gets (n, 2) centres (row, column) in blocks.

    Raises
    ------
    NoResultError
        If there is no component above the noise.
    """
    allowed = allowed & trusted
    fov_shape, n_bins = binned.fov_shape, binned.data.shape[1]
    diameter = params.neuron_diameter_px / binned.bin_px
    decay_bins = decay_frames / binned.bin_frames
    noise = binned.block_noise / np.float32(np.sqrt(binned.bin_frames))
    binned.data[~trusted.ravel()] = 0
    model = _background_only(binned, noise, diameter, params.background_rank, ctx)
    refiner = Refiner(
        binned, np.zeros(len(noise), np.float32), noise, trusted, decay_bins, reach_px(diameter),
        n_threads, 0,
    )  # fmt: skip
    found: list[tuple[int, int]] = []

    def on_seed(row: int, col: int, score: float) -> None:
        found.append((row, col))
        if on_found is not None and len(found) % 5 == 0:
            on_found(np.array(found, np.float32))

    for i in range(SEARCHES):
        # Some finds are pieces that merge or noise that is pruned: the bound is applied at the end.
        most = params.max_components + _SPARE - model.size
        if most <= 0:
            break
        part = SubContext(ctx, i / SEARCHES, (i + 0.5) / SEARCHES)
        greedy = GreedySearch(
            _residual(binned.data, model, noise, ctx, is_in_place=read_again is not None),
            fov_shape=fov_shape, diameter_px=diameter, decay_bins=decay_bins, n_threads=n_threads,
            ctx=part,
        )  # fmt: skip
        new = greedy.run(allowed=allowed, most=most, on_seed=on_seed, n_before=model.size)
        del greedy
        log.debug("search %d: %d new", i + 1, new.shape[0])
        if new.shape[0] == 0:
            break
        model = model.append(new, np.zeros((new.shape[0], n_bins), np.float32))
        part = SubContext(ctx, (i + 0.5) / SEARCHES, (i + 1) / SEARCHES)
        if read_again is not None:
            read_again(ctx=SubContext(part, 0.0, 0.3))
            binned.data[~trusted.ravel()] = 0
            part = SubContext(part, 0.3, 1.0)
        model = _refine(model, refiner, merge_corr=params.merge_corr, ctx=part)
        model = model.select(trustworthy(model, diameter_px=diameter, decay_frames=decay_bins))
        report(model, fov_shape, on_found)
        found[:] = [(int(r), int(c)) for r, c in centers(model.footprints, fov_shape)]
    if model.size == 0:
        raise nothing_found()
    return model


def _background_only(
    binned: BinnedMovie, noise: NDArray[np.float32], diameter: float, rank: int, ctx: TaskContext
) -> Model:
    """Return the model before any cell is known."""
    images, traces = initial_background(
        binned.data, noise, fov_shape=binned.fov_shape, diameter_px=diameter, rank=rank, ctx=ctx
    )
    n_pixels, n_bins = binned.data.shape
    empty = np.zeros((0, n_bins), np.float32)
    none = sparse.csr_matrix((0, n_pixels), dtype=np.float32)
    return Model(none, empty, empty, images, traces)


def _refine(model: Model, refiner: Refiner, *, merge_corr: float, ctx: TaskContext) -> Model:
    """Alternate between traces and footprints on a movie that is cheap to read."""
    steps = 2 * REFINEMENTS + 1
    for step in range(steps):
        part = SubContext(ctx, step / steps, (step + 1) / steps)
        if step % 2:
            model = refiner.update_footprints(model, ctx=part, message="Refining footprints")
        else:
            model = refiner.update_traces(model, ctx=part, message="Separating traces")
            if step:
                model = merged(
                    without_empty(model), merge_corr=merge_corr, decay_frames=refiner.decay_frames
                )
        model = without_empty(model)
    return model


def _residual(
    data: NDArray[np.float32],
    model: Model,
    noise: NDArray[np.float32],
    ctx: TaskContext,
    *,
    is_in_place: bool,
) -> NDArray[np.float32]:
    """(P, n) what the model leaves of a movie, in units of the noise."""
    out = data if is_in_place else np.empty_like(data)
    by_pixel = model.footprints.T.tocsr()
    centered = model.traces - model.traces.mean(axis=1, keepdims=True)
    for first in range(0, len(data), _PIECE):
        ctx.check()
        part = slice(first, first + _PIECE)
        np.subtract(data[part], model.images[:, part].T @ model.background, out=out[part])
        out[part] -= by_pixel[part] @ centered
        out[part] /= noise[part, None]
    return out


def reach_px(diameter_px: float) -> int:
    """Return how far a footprint may grow in one update, in pixels."""
    return max(1, round(diameter_px / 5))


def centers(footprints: sparse.csr_matrix, fov_shape: tuple[int, int]) -> NDArray[np.float32]:
    """(K, 2) centres of mass (row, column)."""
    total = np.maximum(np.asarray(footprints.sum(axis=1)).ravel(), 1e-30)
    rows, cols = np.divmod(np.arange(footprints.shape[1], dtype=np.float64), fov_shape[1])
    place = np.stack([footprints @ rows, footprints @ cols], axis=1) / total[:, None]
    return np.asarray(place, np.float32)


def report(
    model: Model,
    fov_shape: tuple[int, int],
    on_found: Callable[[NDArray[np.float32]], None] | None,
) -> None:
    """Tell where the components are."""
    if on_found is not None:
        on_found(centers(model.footprints, fov_shape))


def nothing_found() -> NoResultError:
    """Return what to tell when there is no cell."""
    return NoResultError(
        "No cells were found",
        "Nothing in the movie stands out of its noise like the activity of a cell.",
        "Check neuron diameter, frame rate and decay time, lower the least correlation and "
        "peak-to-noise, or look whether the movie shows activity at all.",
    )
