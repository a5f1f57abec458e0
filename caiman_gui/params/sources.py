"""Source extraction (CNMF: Pnevmatikakis et al. 2016)."""

from __future__ import annotations

from caiman_gui.params.base import ParamModel, param


class SourceParams(ParamModel):
    """How components are found and refined."""

    neuron_diameter_px: float = param(
        10.0,
        title="Neuron diameter",
        help="Visible diameter of a typical cell, as a circle drawn round it.",
        unit="px",
        gt=1,
        le=500,
        caiman="init.gSig (half of it), one-photon init.gSiz",
        too_small="cells are broken into pieces",
        too_large="neighbouring cells are taken as one",
    )
    max_components: int = param(
        1000,
        title="Most components",
        help="Upper bound; the search stops by itself when nothing but noise is left.",
        ge=1,
        le=100_000,
        caiman="init.K",
    )
    min_corr: float = param(
        0.0,
        title="Least correlation",
        help="A cell can only start at or beside a pixel whose correlation is at least this.",
        ge=0,
        le=1,
        caiman="init.min_corr",
        too_small="background is searched too",
        too_large="dim cells are missed",
    )
    min_pnr: float = param(
        0.0,
        title="Least peak-to-noise",
        help="A cell can only start at or beside a pixel whose peak-to-noise is at least this.",
        ge=0,
        le=1_000,
        caiman="init.min_pnr",
        too_small="noise is searched too",
        too_large="dim or rarely active cells are missed",
    )
    background_rank: int = param(
        2,
        title="Background components",
        help="Rank of the slowly varying background (neuropil).",
        ge=1,
        le=20,
        tier="expert",
        caiman="init.nb",
        too_small="neuropil leaks into the cells",
        too_large="cells leak into the background",
    )
    merge_corr: float = param(
        0.8,
        title="Merge above",
        help="Overlapping components whose traces correlate more than this become one.",
        ge=0,
        le=1,
        tier="expert",
        caiman="merging.merge_thr",
        too_small="neighbouring cells with similar activity become one",
        too_large="pieces of one cell stay apart",
    )
    sweeps: int = param(
        3,
        title="Refinement rounds",
        help="Rounds of footprint and trace updates after the search.",
        ge=1,
        le=20,
        tier="expert",
    )
