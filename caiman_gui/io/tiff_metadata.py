"""What a TIFF file says about its frame rate and its pixel size, and where it says it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Seconds in a unit of time, µm in a unit of length, as the formats spell them.
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "msec": 1e-3,
            "µs": 1e-6, "us": 1e-6, "min": 60.0, "h": 3600.0}  # fmt: skip
_MICROMETRES = {"µm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
                "micrometre": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6}  # fmt: skip
_CENTIMETRE = 3  # value of the TIFF tag ResolutionUnit


@dataclass(frozen=True, slots=True)
class TiffMetadata:
    """Frame rate, pixel size and remarks; None and empty where the file is silent."""

    frame_rate_hz: float | None = None
    frame_rate_source: str = ""
    pixel_size_um: float | None = None
    pixel_size_source: str = ""
    notes: tuple[str, ...] = ()


def read_metadata(tif: Any, notes: tuple[str, ...]) -> TiffMetadata:
    """Read the metadata of an open ``tifffile.TiffFile``; the first plausible word counts.

    Parameters
    ----------
    tif : tifffile.TiffFile
    notes : tuple of str
        Remarks about the axes, kept.
    """
    rate, rate_source = _first(_frame_rates(tif), upper=10_000)
    size, size_source = _first(_pixel_sizes(tif), upper=1_000)
    return TiffMetadata(rate, rate_source, size, size_source, notes)


def _first(
    candidates: Iterator[tuple[float | None, str]], upper: float
) -> tuple[float | None, str]:
    for value, source in candidates:
        if value is not None and math.isfinite(value) and 0 < value <= upper:
            return value, source
    return None, ""


def _frame_rates(tif: Any) -> Iterator[tuple[float | None, str]]:
    if tif.is_scanimage:
        meta = (tif.scanimage_metadata or {}).get("FrameData") or {}
        yield _number(meta.get("SI.hRoiManager.scanFrameRate")), "ScanImage scanFrameRate"
    if tif.is_ome:
        pixels = ome_pixels(tif)
        step = _number(pixels.get("TimeIncrement"))
        unit = _SECONDS.get(pixels.get("TimeIncrementUnit", "s"))
        yield _inverse(step, unit), "OME TimeIncrement"
    if tif.is_imagej:
        meta = tif.imagej_metadata or {}
        unit = _SECONDS.get(str(meta.get("tunit", "")).strip().lower())
        yield _inverse(_number(meta.get("finterval")), unit), "ImageJ finterval"
        yield _number(meta.get("fps")), "ImageJ fps"
    for meta in tif.shaped_metadata or ():
        yield _number(meta.get("frame_rate_hz")), "TIFF description"


def _pixel_sizes(tif: Any) -> Iterator[tuple[float | None, str]]:
    if tif.is_ome:
        pixels = ome_pixels(tif)
        unit = _MICROMETRES.get(pixels.get("PhysicalSizeXUnit", "µm"))
        yield _product(_number(pixels.get("PhysicalSizeX")), unit), "OME PhysicalSizeX"
    tags = tif.pages.first.tags
    per_unit = _ratio(tags["XResolution"].value) if "XResolution" in tags else None
    if tif.is_imagej:
        name = str((tif.imagej_metadata or {}).get("unit", "")).strip().lower()
        unit = _MICROMETRES.get(name.replace("\\u00b5", "µ").replace("μ", "µ"))
        yield _inverse(per_unit, 1 / unit if unit else None), "ImageJ resolution"
    elif "ResolutionUnit" in tags and int(tags["ResolutionUnit"].value) == _CENTIMETRE:
        yield _inverse(per_unit, 1e-4), "TIFF resolution"  # inches are printers' settings
    for meta in tif.shaped_metadata or ():
        yield _number(meta.get("pixel_size_um")), "TIFF description"


def ome_pixels(tif: Any) -> Mapping[str, str]:
    """Return the attributes of OME's first ``Pixels`` element, empty if there is none."""
    element = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", tif.ome_metadata or "")
    if element is None:
        return {}
    pairs = re.findall(r'(\w+)\s*=\s*"([^"]*)"', element.group())
    return {name: value.replace("μ", "µ") for name, value in pairs}


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _ratio(value: Any) -> float | None:
    try:
        above, below = value
        return float(above) / float(below)
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _inverse(value: float | None, unit: float | None) -> float | None:
    product = _product(value, unit)
    return 1 / product if product else None


def _product(value: float | None, unit: float | None) -> float | None:
    return None if value is None or unit is None else value * unit
