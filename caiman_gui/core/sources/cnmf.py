"""Source extraction on the whole field: search and refine in memory, then on the full movie.

The movie is read a few times only: once to bin it, then once per refinement round and once for
the final traces. Search and first refinements run on the binned movie, which is held in memory;
where that is short, the search uses up the binned movie, which is then made again.
One-photon movies are seen through a spatial high-pass throughout.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from caiman_gui.core.border import trusted_pixels
from caiman_gui.core.budget import DEFAULT_BYTES
from caiman_gui.core.checks import require_contrast, require_usable
from caiman_gui.core.results import Component, ComponentSet
from caiman_gui.core.sources.blocks import any_in_blocks, at_full_size, in_pixels
from caiman_gui.core.sources.decimation import bin_movie, binned_bytes
from caiman_gui.core.sources.highpass import HighpassMovie
from caiman_gui.core.sources.memory import MemoryPlan
from caiman_gui.core.sources.model import Model, Refiner, merged, without_empty
from caiman_gui.core.sources.pruning import trustworthy
from caiman_gui.core.sources.search import nothing_found, reach_px, report, search
from caiman_gui.core.task import SubContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.results import SummaryImages
    from caiman_gui.core.task import TaskContext
    from caiman_gui.params.sources import SourceParams

log = logging.getLogger(__name__)

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
    excluded: NDArray[np.bool_] | None = None,
    n_threads: int,
    memory_bytes: int = DEFAULT_BYTES,
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
    excluded : (H, W) bool, optional
        Pixels of which no component is made.
    n_threads, memory_bytes : int
        Threads to use, and the memory budget; the traces, which are the result, come on top of
        it. Neither changes the result.
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
    if excluded is not None:
        trusted &= ~excluded
    decay_frames = max(decay_time_s * frame_rate_hz, 0.5)
    is_filtered = kind == "one-photon"
    plan = MemoryPlan.within(
        memory_bytes, movie, is_filtered=is_filtered, n_threads=n_threads,
        binned_bytes=binned_bytes(movie, decay_frames, diameter),
    )  # fmt: skip
    if is_filtered:
        movie = HighpassMovie(movie, HIGHPASS_DIAMETERS * diameter)
    share = 1.0 / (params.sweeps + 4)  # reading once, searching about twice that, then the passes
    read = partial(
        bin_movie, movie, decay_frames=decay_frames, diameter_px=diameter,
        n_threads=plan.n_threads, n_ahead=plan.n_ahead,
    )  # fmt: skip
    binned = read(ctx=SubContext(ctx, 0, share, "Averaging over time"))
    require_contrast(binned.data.max(axis=1))
    allowed = near_passing(summary, params) & trusted
    side = binned.bin_px
    model = search(
        binned, params=params, decay_frames=decay_frames, allowed=any_in_blocks(allowed, side),
        trusted=~any_in_blocks(~trusted, side), n_threads=plan.n_threads,
        read_again=None if plan.keeps_binned else partial(read, into=binned.data),
        on_found=in_pixels(on_found, side),
        ctx=SubContext(ctx, share, 3 * share, "Searching for cells"),
    )  # fmt: skip
    model = at_full_size(model, binned.fov_shape, trusted, side)
    model = _at_full_rate(model, binned.bin_frames, movie.shape[0])
    mean, noise = binned.mean, binned.noise
    del binned, read  # large
    refiner = Refiner(
        movie, mean, noise, trusted, decay_frames, reach_px(diameter), plan.n_threads, plan.n_ahead
    )
    rest = SubContext(ctx, 3 * share, 1)
    model = _refine_on_movie(model, refiner, params, rest, on_found)
    if model.size == 0:
        raise nothing_found()
    report(model, fov_shape, on_found)
    log.info("%d components on a field of %d x %d px", model.size, *fov_shape)
    return _as_components(model, mean, fov_shape)


def _refine_on_movie(
    model: Model,
    refiner: Refiner,
    params: SourceParams,
    ctx: TaskContext,
    on_found: Callable[[NDArray[np.float32]], None] | None,
) -> Model:
    """Refine a model on all frames, and keep the best of its trustworthy components."""
    decay_frames, fov_shape = refiner.decay_frames, refiner.movie.shape[1:]
    n_passes = params.sweeps + 1
    for i in range(params.sweeps):
        part = SubContext(ctx, i / n_passes, (i + 1) / n_passes)
        model = refiner.sweep(model, ctx=part, message=f"Refining, round {i + 1}")
        model = without_empty(model)
        model = merged(model, merge_corr=params.merge_corr, decay_frames=decay_frames)
        report(model, fov_shape, on_found)
    part = SubContext(ctx, 1 - 1 / n_passes, 1)
    model = refiner.update_traces(model, ctx=part, message="Final traces")
    model = without_empty(model)
    diameter = params.neuron_diameter_px
    model = model.select(trustworthy(model, diameter_px=diameter, decay_frames=decay_frames))
    model = model.select(np.argsort(-model.traces.std(axis=1), kind="stable"))
    return model.select(np.arange(min(model.size, params.max_components)))


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


def _as_components(
    model: Model, mean: NDArray[np.float32], fov_shape: tuple[int, int]
) -> ComponentSet:
    """Turn a model into results, with the background under each component."""
    static = mean - model.footprints.T @ model.traces.mean(axis=1)
    images = np.vstack([static[None], model.images]).astype(np.float32)
    ones = np.ones((1, model.background.shape[1]), np.float32)
    traces = np.vstack([ones, model.background])
    under = model.footprints @ images.T
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
                background=(under[k] @ traces).astype(np.float32),
            )
        )
    return ComponentSet(tuple(items), fov_shape, n_frames, images, traces, model.size)
