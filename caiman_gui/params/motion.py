"""Motion correction (NoRMCorre: Pnevmatikakis & Giovannucci 2017)."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from caiman_gui.params.base import ParamModel, param


class MotionParams(ParamModel):
    """How frames are aligned with a template."""

    enabled_when: ClassVar[dict[str, tuple[str, Any]]] = {
        "patch_size_px": ("mode", "piecewise"),
        "patch_overlap_px": ("mode", "piecewise"),
        "max_deviation_px": ("mode", "piecewise"),
    }

    mode: Literal["rigid", "piecewise"] = param(
        "rigid",
        title="Model",
        help="One shift per frame, or one per patch. Try rigid first: it is faster.",
        caiman="motion.pw_rigid",
        labels={"rigid": "Rigid", "piecewise": "Piecewise rigid"},
    )
    max_shift_px: int = param(
        12,
        title="Largest shift",
        help="Search range in each direction; about 10 µm in a typical two-photon recording.",
        unit="px",
        ge=1,
        le=500,
        caiman="motion.max_shifts",
        too_small="fast movements are cut off",
        too_large="slower, and noisy frames may jump far away",
    )
    patch_size_px: int = param(
        64,
        title="Patch size",
        help="Side of a patch; about 100 µm moves as one piece.",
        unit="px",
        ge=16,
        le=2_000,
        caiman="motion.strides + motion.overlaps",
        too_small="patches hold too little structure to be aligned",
        too_large="local motion is averaged away",
    )
    patch_overlap_px: int = param(
        24,
        title="Patch overlap",
        help="How far neighbouring patches overlap.",
        unit="px",
        ge=0,
        le=1_000,
        tier="expert",
        caiman="motion.overlaps",
    )
    max_deviation_px: int = param(
        3,
        title="Largest deviation",
        help="How far a patch may move away from the shift of the whole frame.",
        unit="px",
        ge=1,
        le=100,
        tier="expert",
        caiman="motion.max_deviation_rigid",
    )
    highpass_px: float = param(
        0.0,
        title="High-pass width",
        help="Removes structure wider than this before aligning; for one-photon movies, 0 = off.",
        unit="px",
        ge=0,
        le=200,
        tier="expert",
        caiman="motion.gSig_filt",
        too_small="only noise is left to align",
        too_large="the immobile background glow dominates",
    )
    template_iterations: int = param(
        2,
        title="Template rounds",
        help="How often the template is refined on a sample of frames before the movie is aligned.",
        ge=1,
        le=20,
        tier="expert",
        caiman="motion.niter_rig",
    )
