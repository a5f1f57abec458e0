"""What has to be known about a recording."""

from __future__ import annotations

from typing import Literal

from caiman_gui.params.base import ParamModel, param


class RecordingParams(ParamModel):
    """Frame rate, pixel size and indicator; a value left empty is taken from the file."""

    kind: Literal["two-photon", "one-photon"] = param(
        "two-photon",
        title="Microscope",
        help="How the movie was recorded; it decides how background and cells are modelled.",
        labels={"two-photon": "Two-photon", "one-photon": "One-photon (miniscope)"},
    )
    frame_rate_hz: float | None = param(
        None,
        title="Frame rate",
        help="Frames per second. Empty: as the file says, else 30 Hz is assumed, with a warning.",
        unit="Hz",
        gt=0,
        le=10_000,
        caiman="data.fr",
    )
    pixel_size_um: float | None = param(
        None,
        title="Pixel size",
        help="Width of a pixel. Lengths can then be typed in µm. Empty: as the file says.",
        unit="µm",
        gt=0,
        le=1_000,
        caiman="data.dxy",
    )
    decay_time_s: float = param(
        0.4,
        title="Decay time",
        help="Length of a typical transient; about 0.4 s for GCaMP6f, 1 s or more for GCaMP6s.",
        unit="s",
        gt=0,
        le=60,
        caiman="data.decay_time",
        too_small="noise passes as events in the quality test",
        too_large="short events are averaged away in the quality test",
    )
