"""What is done to a recording before anything is computed from it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from caiman_gui.params.base import ParamModel, param


class PrepareParams(ParamModel):
    """Trim, crop, bin, line up scan lines, leave out bad pixels. The files are never changed."""

    enabled_when: ClassVar[dict[str, tuple[str, Any]]] = {
        "scan_phase_px": ("scan_phase", "given"),
    }

    trim_start_frames: int = param(
        0,
        title="Skip at the start",
        help="Frames left out at the beginning of the recording.",
        unit="frames",
        ge=0,
        le=100_000_000,
    )
    trim_end_frames: int = param(
        0,
        title="Skip at the end",
        help="Frames left out at the end of the recording.",
        unit="frames",
        ge=0,
        le=100_000_000,
    )
    crop_top_px: int = param(
        0,
        title="Crop top",
        help="Rows left out at the top.",
        unit="px",
        ge=0,
        le=65_535,
        tier="expert",
    )
    crop_bottom_px: int = param(
        0,
        title="Crop bottom",
        help="Rows left out at the bottom.",
        unit="px",
        ge=0,
        le=65_535,
        tier="expert",
    )
    crop_left_px: int = param(
        0,
        title="Crop left",
        help="Columns left out on the left.",
        unit="px",
        ge=0,
        le=65_535,
        tier="expert",
    )
    crop_right_px: int = param(
        0,
        title="Crop right",
        help="Columns left out on the right.",
        unit="px",
        ge=0,
        le=65_535,
        tier="expert",
    )
    bin_px: int = param(
        1,
        title="Bin in space",
        help="Squares of so many pixels become one, their mean; 1 = off.",
        unit="px",
        ge=1,
        le=32,
        too_large="cells lose their shape: a cell should stay at least 6 px wide",
    )
    bin_frames: int = param(
        1,
        title="Bin in time",
        help="So many frames become one, their mean; 1 = off.",
        unit="frames",
        ge=1,
        le=1_000,
        too_large="fast motion is blurred and spikes lose their time",
    )
    scan_phase: Literal["off", "auto", "given"] = param(
        "off",
        title="Scan phase",
        help="Bidirectional scanning shifts every second line sideways: move it back.",
        labels={"off": "Leave", "auto": "Measure and correct", "given": "Correct by"},
    )
    scan_phase_px: float = param(
        0.0,
        title="Shift of odd lines",
        help="How far every second line is moved to the right.",
        unit="px",
        ge=-64,
        le=64,
        tier="expert",
    )
    exclude_bad_pixels: bool = param(
        False,
        title="Bad pixels",
        help="Find dead, hot and saturated pixels, and use none of them.",
    )
    exclude_file: str = param(
        "",
        title="Mask file",
        help="Image of the size of the recording (TIFF, PNG or NPY): pixels that are not zero are "
        "left out.",
        tier="expert",
    )
