"""Thresholds that decide which components are accepted."""

from __future__ import annotations

from typing import Any, ClassVar

from caiman_gui.params.base import ParamModel, param


class QualityParams(ParamModel):
    """Accepted: at least one upper threshold reached, and every lower one passed."""

    enabled_when: ClassVar[dict[str, tuple[str, Any]]] = {
        "min_cnn_thr": ("use_cnn", True),
        "cnn_lowest": ("use_cnn", True),
        "max_ecc": ("use_ecc", True),
    }

    min_snr: float = param(
        2.5,
        title="Trace SNR, upper",
        help="Accept above this. 2.5 means a peak of about 14 noise standard deviations.",
        ge=0,
        le=100,
        caiman="quality.min_SNR",
    )
    snr_lowest: float = param(
        0.5,
        title="Trace SNR, lower",
        help="Reject at or below this, whatever the other measures say.",
        ge=-10,
        le=100,
        caiman="quality.SNR_lowest",
    )
    rval_thr: float = param(
        0.8,
        title="Spatial correlation, upper",
        help="Accept at or above: footprint against the movie while the cell is active.",
        ge=-1,
        le=1,
        caiman="quality.rval_thr",
    )
    rval_lowest: float = param(
        -1.0,
        title="Spatial correlation, lower",
        help="Reject at or below this, whatever the other measures say.",
        ge=-1,
        le=1,
        caiman="quality.rval_lowest",
    )
    use_cnn: bool = param(
        False,
        title="Shape classifier",
        help="Also judge the shape of the footprint. This version has no classifier yet.",
        tier="hidden",
        caiman="quality.use_cnn",
    )
    min_cnn_thr: float = param(
        0.9,
        title="Shape, upper",
        help="Accept at or above this probability.",
        ge=0,
        le=1,
        tier="hidden",
        caiman="quality.min_cnn_thr",
    )
    cnn_lowest: float = param(
        0.1,
        title="Shape, lower",
        help="Reject at or below this probability.",
        ge=0,
        le=1,
        tier="hidden",
        caiman="quality.cnn_lowest",
    )
    use_ecc: bool = param(
        False,
        title="Limit elongation",
        help="Reject elongated footprints such as pieces of dendrites.",
        tier="expert",
        caiman="quality.use_ecc",
    )
    max_ecc: float = param(
        3.0,
        title="Largest elongation",
        help="Longest over shortest axis of the footprint; reject at or above this.",
        ge=1,
        le=100,
        tier="expert",
        caiman="quality.max_ecc",
    )
