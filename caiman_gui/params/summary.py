"""Summary images and the seeds found in them."""

from __future__ import annotations

from typing import Literal

from caiman_gui.params.base import ParamModel, param


class SummaryParams(ParamModel):
    """How the correlation and peak-to-noise images are computed."""

    spatial_filter: Literal["auto", "neuron", "none"] = param(
        "auto",
        title="Filter",
        help="Filter of the size of a neuron before correlation and peak-to-noise; "
        "automatic: for one-photon movies only.",
        tier="expert",
        caiman="correlation_pnr(center_psf)",
        labels={"auto": "Automatic", "neuron": "Neuron-sized", "none": "None"},
    )
