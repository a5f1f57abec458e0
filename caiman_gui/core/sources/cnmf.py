"""Source extraction on the whole field: search and refine in memory, then on the full movie.

The movie is read a few times only: once to bin it, then once per refinement round and once for
the final traces. Search and first refinements run on the binned movie, which is held in memory.
One-photon movies are seen through a spatial high-pass throughout.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy import sparse

from caiman_gui.core.border import trusted_pixels
from caiman_gui.core.checks import require_contrast, require_usable
from caiman_gui.core.results import Component, ComponentSet
from caiman_gui.core.sources.background import initial_background
from caiman_gui.core.sources.blocks import any_in_blocks, at_full_size, in_pixels
from caiman_gui.core.sources.decimation import BinnedMovie, bin_movie
from caiman_gui.core.sources.greedy import GreedySearch
from caiman_gui.core.sources.highpass import HighpassMovie
from caiman_gui.core.sources.model import Model, Refiner, merged, without_empty
from caiman_gui.core.sources.pruning import trustworthy
from caiman_gui.core.task import SubContext
from caiman_gui.errors import NoResultError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.results import SummaryImages
    from caiman_gui.core.task import TaskContext
    from caiman_gui.params.sources import SourceParams

log = logging.getLogger(__name__)

#: Searches on the residual, and refinements after each, on the binned movie.
SEARCHES = 3
_SPARE = 20
REFINEMENTS = 3
#: Width of the one-photon high-pass, in neuron diameters.
HIGHPASS_DIAMETERS = 0.75


def extract_sources(
    movie: Movie,
    *,
    params: SourceParams,
    kind: str,
    frame_rate_hz: float,
    decay_time_s: float,
    summary: SummaryImages,
    n_threads: int,
    ctx: TaskContext,
    on_found: Callable[[NDArray[np.float32]], None] | None = None,
) -> ComponentSet:
    """Find cells and separate their activity (CNMF, Pnevmatikakis et al. 2016).

    Parameters
    ----------
    movie : Movie
        Motion-corrected, (T, H, W).
    params : SourceParams
    kind : {"two-photon", "one-photon"}
    frame_rate_hz, decay_time_s : float
    summary : SummaryImages
        Its correlation and peak-to-noise images say where cells may start.
    n_threads : int
        Does not change the result.
    ctx : TaskContext
    on_found : callable, optional
        Gets (n, 2) centres (row, column) of the components so far.

    Returns
    -------
    ComponentSet
        Traces with their baseline at zero; the first background component is the mean image.

    Raises
    ------
    NoResultError
        If there is no component above the noise.
    """
    require_usable(movie)
    fov_shape = movie.shape[1:]
    diameter = params.neuron_diameter_px
    trusted = trusted_pixels(movie, ctx=ctx)
    if kind == "one-photon":
        movie = HighpassMovie(movie, HIGHPASS_DIAMETERS * diameter)
    decay_frames = max(decay_time_s * frame_rate_hz, 0.5)
    n_passes = params.sweeps + 1
    share = 1.0 / (n_passes + 3)  # reading once, searching about twice that, then the passes
    binned = bin_movie(
        movie, decay_frames=decay_frames, diameter_px=diameter, n_threads=n_threads,
        ctx=SubContext(ctx, 0, share, "Averaging over time"),
    )  # fmt: skip
    require_contrast(binned.data)
    allowed = near_passing(summary, params) & trusted
    side = binned.bin_px
    model = _search(
        binned, params=params, decay_frames=decay_frames, allowed=any_in_blocks(allowed, side),
        trusted=~any_in_blocks(~trusted, side), n_threads=n_threads,
        on_found=in_pixels(on_found, side),
        ctx=SubContext(ctx, share, 3 * share, "Searching for cells"),
    )  # fmt: skip
    model = at_full_size(model, binned.fov_shape, trusted, side)
    model = _at_full_rate(model, binned.bin_frames, movie.shape[0])
    mean, noise = binned.mean, binned.noise
    del binned  # large
    refiner = Refiner(movie, mean, noise, trusted, decay_frames, _reach(diameter), n_threads)
    for i in range(params.sweeps):
        part = SubContext(ctx, (3 + i) * share, (4 + i) * share)
        model = refiner.sweep(model, ctx=part, message=f"Refining, round {i + 1}")
        model = without_empty(model)
        model = merged(model, merge_corr=params.merge_corr, decay_frames=decay_frames)
        _report(model, fov_shape, on_found)
    part = SubContext(ctx, 1 - share, 1)
    model = refiner.update_traces(model, ctx=part, message="Final traces")
    model = without_empty(model)
    model = model.select(trustworthy(model, diameter_px=diameter, decay_frames=decay_frames))
    model = model.select(np.argsort(-model.traces.std(axis=1), kind="stable"))
    model = model.select(np.arange(min(model.size, params.max_components)))
    if model.size == 0:
        raise _nothing_found()
    _report(model, fov_shape, on_found)
    log.info("%d components on a field of %d x %d px", model.size, *fov_shape)
    return _as_components(model, mean, fov_shape)


def near_passing(summary: SummaryImages, params: SourceParams) -> NDArray[np.bool_]:
    """(H, W) where a cell may start: within a quarter diameter of a pixel that passes both.

    Single pixels are noisy: in the middle of a cell some pass and their neighbours do not.
    """
    passing = (summary.correlation >= params.min_corr) & (summary.pnr >= params.min_pnr)
    reach = round(params.neuron_diameter_px / 4)
    if reach < 1 or passing.all():
        return passing
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (rows**2 + cols**2 <= reach**2).astype(np.uint8)
    grown: NDArray[np.bool_] = cv2.dilate(passing.astype(np.uint8), disc) > 0
    return grown


def _search(
    binned: BinnedMovie,
    *,
    params: SourceParams,
    decay_frames: float,
    allowed: NDArray[np.bool_],
    trusted: NDArray[np.bool_],
    n_threads: int,
    ctx: TaskContext,
    on_found: Callable[[NDArray[np.float32]], None] | None,
) -> Model:
    """Search on the binned movie, refine, and search again in what is left; all in blocks."""
    allowed = allowed & trusted
    fov_shape = binned.fov_shape
    diameter = params.neuron_diameter_px / binned.bin_px
    decay_bins = decay_frames / binned.bin_frames
    noise = binned.block_noise / np.float32(np.sqrt(binned.bin_frames))
    binned.data[~trusted.ravel()] = 0
    images, traces = initial_background(
        binned.data, noise, fov_shape=fov_shape, diameter_px=diameter,
        rank=params.background_rank, ctx=ctx,
    )  # fmt: skip
    n_pixels, n_bins = binned.data.shape
    empty = np.zeros((0, n_bins), np.float32)
    none = sparse.csr_matrix((0, n_pixels), dtype=np.float32)
    model = Model(none, empty, empty, images, traces)
    refiner = Refiner(
        binned, np.zeros(n_pixels, np.float32), noise, trusted, decay_bins,
        _reach(diameter), n_threads,
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
        search = GreedySearch(
            _residual(binned.data, model, noise, ctx), fov_shape=fov_shape,
            diameter_px=diameter, decay_bins=decay_bins, n_threads=n_threads,
            ctx=part,
        )  # fmt: skip
        new = search.run(allowed=allowed, most=most, on_seed=on_seed, n_before=model.size)
        del search
        log.debug("search %d: %d new", i + 1, new.shape[0])
        if new.shape[0] == 0:
            break
        model = model.append(new, np.zeros((new.shape[0], n_bins), np.float32))
        part = SubContext(ctx, (i + 0.5) / SEARCHES, (i + 1) / SEARCHES)
        model = _refine(model, refiner, merge_corr=params.merge_corr, ctx=part)
        model = model.select(trustworthy(model, diameter_px=diameter, decay_frames=decay_bins))
        _report(model, fov_shape, on_found)
        found[:] = [(int(r), int(c)) for r, c in centers(model.footprints, fov_shape)]
    if model.size == 0:
        raise _nothing_found()
    return model


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
    data: NDArray[np.float32], model: Model, noise: NDArray[np.float32], ctx: TaskContext
) -> NDArray[np.float32]:
    """(P, n) what the model leaves of a movie, in units of the noise."""
    out = np.empty_like(data)
    by_pixel = model.footprints.T.tocsr()
    centered = model.traces - model.traces.mean(axis=1, keepdims=True)
    for first in range(0, len(data), 4096):
        ctx.check()
        part = slice(first, first + 4096)
        out[part] = data[part] - model.images[:, part].T @ model.background
        out[part] -= by_pixel[part] @ centered
        out[part] /= noise[part, None]
    return out


def _at_full_rate(model: Model, bin_frames: int, n_frames: int) -> Model:
    """Interpolate the traces of a binned movie at every frame."""
    at = (np.arange(n_frames) + 0.5) / bin_frames - 0.5
    bins = np.arange(model.background.shape[1])

    def stretch(traces: NDArray[np.float32]) -> NDArray[np.float32]:
        out = np.empty((len(traces), n_frames), np.float32)
        for row, trace in zip(out, traces, strict=True):
            row[:] = np.interp(at, bins, trace)
        return out

    return Model(
        model.footprints, stretch(model.traces), stretch(model.residual), model.images,
        stretch(model.background),
    )  # fmt: skip


def _reach(diameter_px: float) -> int:
    """How far a footprint may grow in one update, in pixels."""
    return max(1, round(diameter_px / 5))


def centers(footprints: sparse.csr_matrix, fov_shape: tuple[int, int]) -> NDArray[np.float32]:
    """(K, 2) centres of mass (row, column)."""
    total = np.maximum(np.asarray(footprints.sum(axis=1)).ravel(), 1e-30)
    rows, cols = np.divmod(np.arange(footprints.shape[1], dtype=np.float64), fov_shape[1])
    place = np.stack([footprints @ rows, footprints @ cols], axis=1) / total[:, None]
    return np.asarray(place, np.float32)


def _report(
    model: Model,
    fov_shape: tuple[int, int],
    on_found: Callable[[NDArray[np.float32]], None] | None,
) -> None:
    if on_found is not None:
        on_found(centers(model.footprints, fov_shape))


def _nothing_found() -> NoResultError:
    return NoResultError(
        "No cells were found",
        "Nothing in the movie stands out of its noise like the activity of a cell.",
        "Check neuron diameter, frame rate and decay time, lower the least correlation and "
        "peak-to-noise, or look whether the movie shows activity at all.",
    )


def _as_components(
    model: Model, mean: NDArray[np.float32], fov_shape: tuple[int, int]
) -> ComponentSet:
    """Turn a model into results, with the background under each component."""
    static = mean - model.footprints.T @ model.traces.mean(axis=1)
    images = np.vstack([static[None], model.images]).astype(np.float32)
    ones = np.ones((1, model.background.shape[1]), np.float32)
    traces = np.vstack([ones, model.background])
    under = (model.footprints @ images.T) @ traces
    n_frames = traces.shape[1]
    items = []
    for k in range(model.size):
        part = slice(model.footprints.indptr[k], model.footprints.indptr[k + 1])
        items.append(
            Component(
                id=k,
                pixels=model.footprints.indices[part].astype(np.int32),
                weights=model.footprints.data[part].astype(np.float32),
                trace=model.traces[k],
                residual=model.residual[k],
                activity=np.zeros(n_frames, np.float32),
                background=under[k].astype(np.float32),
            )
        )
    return ComponentSet(tuple(items), fov_shape, n_frames, images, traces, model.size)
