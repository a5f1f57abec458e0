"""The model that is refined: footprints, traces and background, and one sweep over a movie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from caiman_gui.core.sources.cleanup import clean_footprints
from caiman_gui.core.sources.merging import groups_to_merge, merge_group
from caiman_gui.core.sources.passes import Products, collect
from caiman_gui.core.sources.spatial import dilated, update_footprints
from caiman_gui.core.sources.temporal import active_part, update_traces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

#: Weights below this many of their standard deviations are pulled to zero.
SPARSITY = 0.25


@dataclass(frozen=True, eq=False)
class Model:
    """Y = footprints' traces + images' background + mean.

    Attributes
    ----------
    footprints : (K, P) CSR float32
        Unit norm.
    traces, residual : (K, T) float32
        Trace >= 0 with its baseline at zero; raw trace minus trace.
    images, background : (nb, P), (nb, T) float32
        Images >= 0; traces of zero mean.
    """

    footprints: sparse.csr_matrix
    traces: NDArray[np.float32]
    residual: NDArray[np.float32]
    images: NDArray[np.float32]
    background: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Number of components."""
        return int(self.footprints.shape[0])

    @property
    def raw(self) -> NDArray[np.float32]:
        """(K, T) raw traces."""
        return self.traces + self.residual

    def raw_of(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the raw traces (n, T) of some components."""
        return self.traces[numbers] + self.residual[numbers]

    def select(self, keep: NDArray[np.intp]) -> Model:
        """Return a model with some of the components."""
        return replace(
            self,
            footprints=self.footprints[keep],
            traces=self.traces[keep],
            residual=self.residual[keep],
        )

    def append(self, footprints: sparse.csr_matrix, traces: NDArray[np.float32]) -> Model:
        """Return a model with further components."""
        return replace(
            self,
            footprints=sparse.vstack([self.footprints, footprints], format="csr"),
            traces=np.vstack([self.traces, traces]),
            residual=np.vstack([self.residual, np.zeros_like(traces)]),
        )

    def scaled(self, scale: NDArray[np.float64]) -> Model:
        """Return a model with all traces multiplied, one factor per component."""
        factor = scale.astype(np.float32)[:, None]
        return replace(self, traces=self.traces * factor, residual=self.residual * factor)


@dataclass(frozen=True, eq=False)
class Refiner:
    """What every update of a model on one movie needs.

    Attributes
    ----------
    movie : Movie
    mean, noise : (P,) float32
        Mean and noise of the samples of this movie.
    trusted : (H, W) bool
        Pixels that footprints may use.
    decay_frames : float
        Decay time in samples of this movie.
    reach_px : int
        How far a footprint may grow in one update.
    n_threads, n_ahead : int
        Threads, and blocks of the movie read early.
    """

    movie: Movie
    mean: NDArray[np.float32]
    noise: NDArray[np.float32]
    trusted: NDArray[np.bool_]
    decay_frames: float
    reach_px: int
    n_threads: int
    n_ahead: int

    def sweep(self, model: Model, *, ctx: TaskContext, message: str) -> Model:
        """Update footprints and traces together from one pass over the movie."""
        support = dilated(model.footprints, self.trusted, self.reach_px)
        regressors = self._regressors(model)
        products = self._collect(support, regressors, model, ctx, message)
        traces = self._new_traces(products, support, model, ctx)
        spatial = self._new_footprints(products, support, regressors, model, ctx)
        return replace(spatial, traces=traces.traces, residual=traces.residual,
                       background=traces.background)  # fmt: skip

    def update_traces(self, model: Model, *, ctx: TaskContext, message: str) -> Model:
        """Update traces and background traces only (one pass)."""
        regressors = np.broadcast_to(np.float32(0), model.traces.shape)  # takes no memory
        products = self._collect(model.footprints, regressors, model, ctx, message)
        return self._new_traces(products, model.footprints, model, ctx)

    def update_footprints(self, model: Model, *, ctx: TaskContext, message: str) -> Model:
        """Update footprints and background images only (one pass)."""
        support = dilated(model.footprints, self.trusted, self.reach_px)
        regressors = self._regressors(model)
        products = self._collect(support, regressors, model, ctx, message)
        return self._new_footprints(products, support, regressors, model, ctx)

    def _regressors(self, model: Model) -> NDArray[np.float32]:
        active, _ = active_part(model.raw, decay_frames=self.decay_frames)
        active -= active.mean(axis=1, keepdims=True)
        return active

    def _collect(
        self,
        support: sparse.csr_matrix,
        regressors: NDArray[np.float32],
        model: Model,
        ctx: TaskContext,
        message: str,
    ) -> Products:
        return collect(
            self.movie, mean=self.mean, footprints=support, regressors=regressors,
            images=model.images, traces=model.background, n_threads=self.n_threads,
            n_ahead=self.n_ahead, ctx=ctx, message=message,
        )  # fmt: skip

    def _new_traces(
        self, products: Products, footprints: sparse.csr_matrix, model: Model, ctx: TaskContext
    ) -> Model:
        new = update_traces(
            products, footprints=footprints, images=model.images, start=model.traces,
            start_background=model.background, n_threads=self.n_threads, ctx=ctx,
        )  # fmt: skip
        return replace(
            model, traces=new.components, residual=new.residual, background=new.background
        )

    def _new_footprints(
        self,
        products: Products,
        support: sparse.csr_matrix,
        regressors: NDArray[np.float32],
        model: Model,
        ctx: TaskContext,
    ) -> Model:
        raw, images = update_footprints(
            products, support=support, regressors=regressors, images=model.images,
            traces=model.background, noise=self.noise, sparsity=SPARSITY,
            n_threads=self.n_threads, ctx=ctx,
        )  # fmt: skip
        clean, scale = clean_footprints(raw, (self.trusted.shape[0], self.trusted.shape[1]))
        return replace(model, footprints=clean, images=images).scaled(scale)


def without_empty(model: Model) -> Model:
    """Drop components without pixels or without activity."""
    pixels = np.diff(model.footprints.indptr)
    keep = np.flatnonzero((pixels > 0) & (model.traces.max(axis=1, initial=0) > 0))
    return model if keep.size == model.size else model.select(keep)


def merged(model: Model, *, merge_corr: float, decay_frames: float) -> Model:
    """Merge pieces of the same cell, until nothing merges."""
    while model.size > 1:
        active, _ = active_part(model.raw, decay_frames=decay_frames)
        groups = groups_to_merge(model.footprints, active, merge_corr=merge_corr)
        if not groups:
            break
        gone = np.concatenate(groups)
        del active
        new = [merge_group(model.footprints[g], model.raw_of(g)) for g in groups]
        rest = model.select(np.setdiff1d(np.arange(model.size), gone))
        model = rest.append(
            sparse.vstack([footprint for footprint, _ in new], format="csr"),
            np.array([trace for _, trace in new]),
        )
    return model
