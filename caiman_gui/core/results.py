"""Frozen results of the steps. Arrays are read-only; pixels are numbered in C order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

Label = Literal["accept", "reject", "unsure"]


def freeze(array: Any, dtype: Any = np.float32) -> Any:
    """Return the array as a read-only array of the given type, without copying where possible."""
    out = np.asarray(array, dtype=dtype)
    if out.flags.writeable:
        out = out.view()
        out.flags.writeable = False
    return out


def _freeze_fields(obj: Any) -> None:
    for item in fields(obj):
        value = getattr(obj, item.name)
        if isinstance(value, np.ndarray):
            dtype = np.int32 if value.dtype.kind in "iu" else np.float32
            object.__setattr__(obj, item.name, freeze(value, dtype))


@dataclass(frozen=True, eq=False)
class MotionResult:
    """Shifts that align every frame with a template.

    Attributes
    ----------
    shifts : (T, P, 2) float32
        (dy, dx) in pixels ADDED to a frame to align it; rigid: P = 1.
    patch_centers_px : (P, 2) float32
        (row, column) of the patch centres.
    patch_size_px : (2,) float32
        Height and width of a patch (rigid: of the field).
    template : (H, W) float32
        Reference image.
    correlation : (T,) float32
        Pearson correlation of each corrected frame with the template.
    correlation_before : (T,) float32
        The same for the raw frames.
    mean_before, mean_after : (H, W) float32
        Mean image of the raw and of the corrected movie.
    valid : (H, W) bool as float32
        1 where every corrected frame had data, 0 where a border was filled in.
    """

    shifts: NDArray[np.float32]
    patch_centers_px: NDArray[np.float32]
    patch_size_px: NDArray[np.float32]
    template: NDArray[np.float32]
    correlation: NDArray[np.float32]
    correlation_before: NDArray[np.float32]
    mean_before: NDArray[np.float32]
    mean_after: NDArray[np.float32]
    valid: NDArray[np.float32]

    def __post_init__(self) -> None:
        _freeze_fields(self)

    @property
    def is_rigid(self) -> bool:
        """Whether there is one shift per frame."""
        return bool(self.shifts.shape[1] == 1)

    @property
    def frame_shifts(self) -> NDArray[np.float32]:
        """(T, 2) mean shift of each frame over the patches."""
        mean: NDArray[np.float32] = self.shifts.mean(axis=1)
        return mean


@dataclass(frozen=True, eq=False)
class SummaryImages:
    """Images (H, W) float32 that describe a movie.

    Attributes
    ----------
    mean, max, std : over time, of the movie itself.
    correlation : mean Pearson correlation with the 8 neighbours, -1 ... 1.
    pnr : peak over noise level, >= 0.
    noise : noise standard deviation of each pixel.
    """

    mean: NDArray[np.float32]
    max: NDArray[np.float32]
    std: NDArray[np.float32]
    correlation: NDArray[np.float32]
    pnr: NDArray[np.float32]
    noise: NDArray[np.float32]

    def __post_init__(self) -> None:
        _freeze_fields(self)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Quality measures of one component; NaN where not measured.

    ``snr`` and ``rval`` follow CaImAn's definitions (SNR_comp, r_values); ``cnn`` is the place
    of the shape classifier; ``eccentricity`` is longest over shortest axis.
    """

    snr: float = math.nan
    rval: float = math.nan
    cnn: float = math.nan
    eccentricity: float = math.nan


@dataclass(frozen=True, eq=False)
class Component:
    """One source: footprint, traces and identity.

    Attributes
    ----------
    id : int
        Unique within a project and never used again.
    pixels : (n,) int32
        C-order pixel numbers (row * width + column), ascending.
    weights : (n,) float32
        Footprint, non-negative, unit L2 norm.
    trace : (T,) float32
        Denoised calcium C (includes baseline and initial decay, as in CaImAn).
    residual : (T,) float32
        Raw trace minus trace (YrA). Raw trace = trace + residual.
    activity : (T,) float32
        Deconvolved activity S; zeros until deconvolved.
    background : (T,) float32
        Background fluorescence under the footprint (a' b f), needed for dF/F.
    dff, f0 : (T,) float32 or None
        dF/F and its baseline; None until computed or where not defined.
    dff_kind : {"", "dff", "detrended"}
        Whether ``dff`` is true dF/F, or only detrended (one-photon: no true F0).
    ar : tuple of float
        AR coefficients g; empty until deconvolved.
    noise : float
        Noise standard deviation of the raw trace.
    baseline, initial, sparsity : float
        bl, c1 and lam of the deconvolution.
    metrics : Metrics
    origin : str
        How it came to be: "found", "merged", "imported".
    parents : tuple of int
        Ids it was made from.
    """

    id: int
    pixels: NDArray[np.int32]
    weights: NDArray[np.float32]
    trace: NDArray[np.float32]
    residual: NDArray[np.float32]
    activity: NDArray[np.float32]
    background: NDArray[np.float32]
    dff: NDArray[np.float32] | None = None
    f0: NDArray[np.float32] | None = None
    dff_kind: str = ""
    ar: tuple[float, ...] = ()
    noise: float = math.nan
    baseline: float = 0.0
    initial: float = 0.0
    sparsity: float = 0.0
    metrics: Metrics = field(default_factory=Metrics)
    origin: str = "found"
    parents: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _freeze_fields(self)
        if self.pixels.shape != self.weights.shape:
            raise ValueError(f"{self.pixels.size} pixels but {self.weights.size} weights")
        if self.trace.shape != self.residual.shape:
            raise ValueError(f"trace {self.trace.shape}, residual {self.residual.shape}")

    @property
    def raw(self) -> NDArray[np.float32]:
        """Raw trace: the data seen through the footprint, trace + residual."""
        return self.trace + self.residual

    def center(self, width: int) -> tuple[float, float]:
        """Centre of mass (row, column) of the footprint in a field ``width`` pixels wide."""
        total = float(self.weights.sum()) or 1.0
        rows, cols = np.divmod(self.pixels, width)
        return float(rows @ self.weights / total), float(cols @ self.weights / total)


@dataclass(frozen=True, eq=False)
class ComponentSet:
    """All components of a recording, with the background they were separated from.

    Attributes
    ----------
    items : tuple of Component
    fov_shape : (H, W)
    n_frames : int
    background_images : (nb, H*W) float32
        b, in C order.
    background_traces : (nb, T) float32
        f.
    next_id : int
        Smallest id that was never used.
    """

    items: tuple[Component, ...]
    fov_shape: tuple[int, int]
    n_frames: int
    background_images: NDArray[np.float32]
    background_traces: NDArray[np.float32]
    next_id: int

    def __post_init__(self) -> None:
        _freeze_fields(self)
        ids = [item.id for item in self.items]
        if len(set(ids)) != len(ids):
            raise ValueError("component ids must be unique")
        if ids and max(ids) >= self.next_id:
            raise ValueError(f"next_id {self.next_id} was already used")

    def __len__(self) -> int:
        return len(self.items)

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids in order of the items."""
        return tuple(item.id for item in self.items)

    def by_id(self, component_id: int) -> Component:
        """Return one component; KeyError if there is none of that id."""
        for item in self.items:
            if item.id == component_id:
                return item
        raise KeyError(component_id)

    def footprints(self) -> sparse.csr_matrix:
        """(K, H*W) float32 CSR matrix of footprints, C order."""
        height, width = self.fov_shape
        indptr = np.cumsum([0, *(item.pixels.size for item in self.items)])
        data = np.concatenate([i.weights for i in self.items] or [np.zeros(0, np.float32)])
        indices = np.concatenate([i.pixels for i in self.items] or [np.zeros(0, np.int32)])
        return sparse.csr_matrix(
            (data, indices, indptr), shape=(len(self.items), height * width), dtype=np.float32
        )

    def matrix(self, name: str) -> NDArray[np.float32]:
        """(K, T) stack of ``trace``, ``residual``, ``activity``, ``background`` or ``dff``."""
        out = np.zeros((len(self.items), self.n_frames), np.float32)
        for row, item in zip(out, self.items, strict=True):
            value = getattr(item, name)
            if value is not None:
                row[:] = value
        return out

    def metric(self, name: str) -> NDArray[np.float64]:
        """(K,) values of one quality measure."""
        return np.array([getattr(item.metrics, name) for item in self.items], dtype=np.float64)

    def with_items(self, items: Iterable[Component], next_id: int | None = None) -> ComponentSet:
        """Return a set with other items and the same background."""
        return replace(
            self, items=tuple(items), next_id=self.next_id if next_id is None else next_id
        )

    def updated(self, changed: Mapping[int, Component]) -> ComponentSet:
        """Return a set in which some components, by id, are replaced in place."""
        return self.with_items(changed.get(item.id, item) for item in self.items)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a component is kept: automatic, manual if any, and why in words."""

    accepted: bool
    automatic: bool
    label: Label | None
    reason: str
