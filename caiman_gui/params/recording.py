"""What has to be known about a recording, and what is read of its files."""

from __future__ import annotations

from typing import Literal

from caiman_gui.params.base import ParamModel, param
from caiman_gui.params.indicators import INDICATORS

#: Used, and said to be assumed, when neither the user nor the indicator tells the decay time.
ASSUMED_DECAY_TIME_S = 0.4

Indicators = Literal[
    "unknown", "GCaMP6f", "GCaMP6m", "GCaMP6s", "jGCaMP7f", "jGCaMP7s", "jGCaMP8f", "jGCaMP8m",
    "jGCaMP8s", "jRGECO1a", "jRCaMP1a", "XCaMP-Gf", "OGB-1", "Cal-520",
]  # fmt: skip


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
        help="Frames per second, as recorded. Empty: as the file says, else 30 Hz is assumed, "
        "with a warning.",
        unit="Hz",
        gt=0,
        le=10_000,
        caiman="data.fr",
    )
    pixel_size_um: float | None = param(
        None,
        title="Pixel size",
        help="Width of a pixel, as recorded. Lengths can then be typed in µm. Empty: as the file "
        "says.",
        unit="µm",
        gt=0,
        le=1_000,
        caiman="data.dxy",
    )
    indicator: Indicators = param(
        "unknown",
        title="Indicator",
        help="Calcium indicator; it gives the decay time where none is typed.",
        labels={
            "unknown": "As the file says",
            **{
                item.name: f"{item.name} ({item.decay_time_s:g} s; {item.paper})"
                for item in INDICATORS.values()
            },
        },
    )
    decay_time_s: float | None = param(
        None,
        title="Decay time",
        help="Length of a typical transient. Empty: that of the indicator, else 0.4 s is assumed.",
        unit="s",
        gt=0,
        le=60,
        caiman="data.decay_time",
        too_small="noise passes as events in the quality test",
        too_large="short events are averaged away in the quality test",
    )
    channel: int = param(
        1,
        title="Channel",
        help="Which channel of the file is read, counted from 1.",
        ge=1,
        le=100,
        tier="expert",
    )
    plane: int = param(
        1,
        title="Plane",
        help="Which imaging plane of the file is read, counted from 1.",
        ge=1,
        le=10_000,
        tier="expert",
    )
    dataset: str = param(
        "",
        title="Dataset",
        help="Array inside an HDF5, NWB, MAT or Zarr file that is the movie. Empty: the one that "
        "looks most like a movie.",
        tier="expert",
        caiman="data.var_name_hdf5",
    )
    axes: str = param(
        "",
        title="Axis order",
        help="Meaning of the axes of that array: T time, Y rows, X columns, C channel, Z plane, "
        "such as TYX. Empty: as the file says, else as its format usually has it.",
        tier="expert",
    )


class RawParams(ParamModel):
    """How frames lie in a file without a header; files that have one need none of this."""

    width_px: int = param(
        0,
        title="Width",
        help="Columns of a frame; 0 for files that describe themselves.",
        unit="px",
        ge=0,
        le=65_535,
        tier="expert",
    )
    height_px: int = param(
        0,
        title="Height",
        help="Rows of a frame; 0 for files that describe themselves.",
        unit="px",
        ge=0,
        le=65_535,
        tier="expert",
    )
    dtype: Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"] = (
        param(
            "uint16",
            title="Sample type",
            help="How a brightness is stored.",
            tier="expert",
        )
    )
    byte_order: Literal["little", "big"] = param(
        "little",
        title="Byte order",
        help="Which byte of a sample comes first; nearly every computer writes little-endian.",
        labels={"little": "Little-endian (usual)", "big": "Big-endian"},
        tier="expert",
    )
    header_bytes: int = param(
        0,
        title="Header",
        help="Bytes before the first frame.",
        unit="bytes",
        ge=0,
        le=2**31 - 1,
        tier="expert",
    )
    gap_bytes: int = param(
        0,
        title="Gap",
        help="Bytes between two frames.",
        unit="bytes",
        ge=0,
        le=2**31 - 1,
        tier="expert",
    )
