"""Deconvolution (OASIS: Friedrich, Zhou & Paninski 2017), baseline and dF/F."""

from __future__ import annotations

from typing import Literal

from caiman_gui.params.base import ParamModel, param


class TraceParams(ParamModel):
    """From raw traces to activity and dF/F."""

    ar_order: Literal[0, 1] = param(
        1,
        title="Calcium model",
        help="Order of the autoregressive calcium model: 1 = instant rise, exponential decay.",
        caiman="preprocess.p",
        labels={"0": "None (no deconvolution)", "1": "AR(1): instant rise, exponential decay"},
    )
    s_min: float | None = param(
        None,
        title="Smallest event",
        help="Events smaller than this many noise standard deviations are dropped; "
        "empty: sparse (L1) solution with the noise level as constraint.",
        ge=0,
        le=100,
        tier="expert",
        caiman="temporal.s_min",
    )
    fudge_factor: float = param(
        0.98,
        title="Decay correction",
        help="Multiplies the estimated decay per frame, which noise biases towards 1.",
        ge=0.5,
        le=1,
        tier="expert",
        caiman="temporal.fudge_factor",
    )
    baseline_percentile: float = param(
        8.0,
        title="Baseline percentile",
        help="The baseline F0 is this running percentile of the fluorescence.",
        unit="%",
        ge=0,
        le=100,
        caiman="detrend_df_f(quantileMin)",
        too_small="F0 follows the noise downwards",
        too_large="F0 follows the activity upwards",
    )
    baseline_window_frames: int = param(
        500,
        title="Baseline window",
        help="Length of the running window of F0; it should hold many transients.",
        unit="frames",
        ge=10,
        le=1_000_000,
        caiman="detrend_df_f(frames_window)",
        too_small="slow activity is taken for baseline",
        too_large="bleaching and drift stay in",
    )
