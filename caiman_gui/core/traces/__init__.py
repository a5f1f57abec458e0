"""Traces: noise, deconvolution, baseline and dF/F."""

from __future__ import annotations

from caiman_gui.core.traces.ar import estimate_ar, time_constant_s
from caiman_gui.core.traces.baseline import delta_f_over_f, running_percentile
from caiman_gui.core.traces.oasis import Deconvolution, deconvolve
from caiman_gui.core.traces.process import process_traces

__all__ = [
    "Deconvolution",
    "deconvolve",
    "delta_f_over_f",
    "estimate_ar",
    "process_traces",
    "running_percentile",
    "time_constant_s",
]
