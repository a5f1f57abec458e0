"""What ScanImage says in its TIFF files: channels, planes, flyback, rates and times."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.io.tiff_dialect import Candidates, Dialect, counted, number, product
from caiman_gui.io.tiff_ifd import DESCRIPTION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.tiff_dialect import Opened
    from caiman_gui.io.tiff_ifd import Directory

_SOFTWARE, _ARTIST = 305, 315
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[Ii]nf|[Nn]a[Nn])")
_STAMP = re.compile(r"(?:frameTimestamps_sec|Frame Timestamp\(s\))\s*=\s*([-+.\deE]+)")
_FRAME_NUMBER = re.compile(r"frameNumberAcquisition\s*=\s*(\d+)")
_EPOCH = re.compile(r"epoch\s*=\s*\[([^\]]{1,80})\]")
#: Longer values are tables that nobody needs here.
_MAX_VALUE = 2000


class Settings:
    """The settings in the header: ``SI.a.b = value`` lines, of all versions since 3.

    Parameters
    ----------
    text : str
    """

    def __init__(self, text: str) -> None:
        self._values: dict[str, str] = {}
        for line in text.splitlines():
            key, _, value = line.partition("=")
            key = re.sub(r"^(scanimage\.)?(SI[45]?|state)\.", "", key.strip())
            self._values.setdefault(key, value.strip()[:_MAX_VALUE])

    def numbers(self, *keys: str) -> list[float]:
        """Return the numbers of the first setting that is there."""
        for key in keys:
            if key in self._values:
                found = _NUMBER.findall(self._values[key])
                values = [value for value in map(number, found) if value is not None]
                if values:
                    return values
        return []

    def number(self, *keys: str) -> float | None:
        """Return the first number of a setting, None if it is not finite or not there."""
        values = self.numbers(*keys)
        return values[0] if values and math.isfinite(values[0]) else None

    def whole(self, *keys: str) -> int:
        """Return a number of things, at least 1."""
        value = self.number(*keys)
        return int(min(max(1, value), 2**31)) if value is not None else 1

    def flag(self, key: str) -> bool:
        """Tell whether a switch is on."""
        return self._values.get(key, "").lower() in ("true", "1")

    def names(self, key: str) -> list[str]:
        """Return the quoted words of a setting."""
        return re.findall(r"'([^']*)'", self._values.get(key, ""))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Images in the order they were recorded: volumes of slices of frames, then flyback."""

    n_channels: int
    n_slices: int
    per_slice: int
    flyback: int
    averaged: int

    @property
    def period(self) -> int:
        """Images of one channel from one volume to the next."""
        return self.n_slices * self.per_slice + self.flyback


def is_scanimage(software: str, description: str) -> bool:
    """Tell whether ScanImage wrote a page."""
    return (
        software.startswith("SI.")
        or description.startswith("state.")
        or "scanimage.SI" in description
    )


def read_scanimage(opened: Opened) -> Dialect:
    """Read the settings of a ScanImage file of version 3 or later."""
    first = opened.first
    description, software = first.text(DESCRIPTION), first.text(_SOFTWARE)
    settings = Settings(f"{software}\n{description}")
    saved = _saved_channels(settings)
    layout = _layout(settings, len(saved))
    table, notes = _table(layout, description, opened)
    names = settings.names("hChannels.channelName")
    if settings.flag("hRoiManager.mroiEnable"):
        rois = _rois(first)
        n_fields = f"{len(rois)} fields" if rois else "several fields"
        notes.append(
            f"The frames of {opened.name} show {n_fields} one below the other (mROI); they are "
            f"read as one image."
        )
        sizes = _roi_pixel_size(rois, settings)
    else:
        sizes = _pixel_sizes(settings, opened.kind.width)
    return Dialect(
        format="ScanImage",
        table=table,
        channels=tuple(names[c - 1] if 0 < c <= len(names) else f"channel {c}" for c in saved),
        rates=_rates(settings, layout),
        pixel_sizes=sizes,
        recorded=_recorded(description),
        stamp=_stamp if layout.per_slice == 1 else None,  # else there are gaps between planes
        stamp_source="ScanImage frame time stamps",
        notes=tuple(notes),
    )


def _saved_channels(settings: Settings) -> list[int]:
    """Return the numbers of the channels that were saved."""
    saved = settings.numbers("hChannels.channelSave", "channelsSave", "hChannels.channelsActive")
    if not saved:
        return list(range(1, min(settings.whole("acq.numberOfChannelsSave"), 16) + 1))
    return [int(c) for c in saved if math.isfinite(c)][:16] or [1]


def _layout(settings: Settings, n_channels: int) -> _Layout:
    n_slices = settings.whole(
        "hStackManager.actualNumSlices", "hStackManager.numSlices", "stackNumSlices",
        "acq.numberOfZSlices",
    )  # fmt: skip
    is_stack = any(
        settings.flag(key) for key in ("hStackManager.enable", "hFastZ.enable", "fastZEnable")
    )
    averaged = settings.whole(
        "hScan2D.logAverageFactor", "acqNumAveragedFrames", "acq.numAvgFramesSave"
    )
    if not is_stack or n_slices == 1:
        return _Layout(n_channels, 1, 1, 0, averaged)
    per_slice = settings.whole("hStackManager.framesPerSlice")
    per_slice = max(1, per_slice // averaged)
    flyback = 0
    if averaged == 1:
        whole_volume = settings.number("hStackManager.numFramesPerVolumeWithFlyback")
        volume = settings.number("hStackManager.numFramesPerVolume")
        if whole_volume is not None and volume is not None:
            flyback = int(whole_volume - volume)
        elif settings.flag("hFastZ.discardFlybackFrames"):
            flyback = int(settings.number("hFastZ.numDiscardFlybackFrames") or 0)
    return _Layout(n_channels, n_slices, per_slice, max(0, min(flyback, 10**6)), averaged)


def _table(
    layout: _Layout, description: str, opened: Opened
) -> tuple[NDArray[np.int64], list[str]]:
    """Return the pages (T, Z, C), and what was left out."""
    name, n_pages = opened.name, opened.n_pages
    n_images, rest = divmod(n_pages, layout.n_channels)
    if n_images == 0 or (layout.n_slices > 1 and n_images < layout.period):
        what = (
            f"one volume of {layout.n_slices} planes"
            if layout.n_slices > 1 and n_images
            else f"one image of each of its {layout.n_channels} channels"
        )
        note = f"{name} holds less than {what}; its pages are read as frames."
        return np.arange(n_pages, dtype=np.int64).reshape(-1, 1, 1), [note]
    lead = _lead(layout, description)
    if n_images - lead < layout.period:
        lead = 0
    n_volumes = (n_images - lead) // layout.period
    images = lead + np.arange(n_volumes * layout.period, dtype=np.int64)
    kept = images.reshape(n_volumes, layout.period)[:, : layout.n_slices * layout.per_slice]
    kept = kept.reshape(n_volumes, layout.n_slices, layout.per_slice).transpose(0, 2, 1)
    kept = kept.reshape(-1, layout.n_slices, 1)
    notes = []
    if layout.flyback:
        flyback = counted(layout.flyback, "flyback frame")
        notes.append(
            f"Left out of {name}: {flyback} after each volume of {layout.n_slices} planes."
        )
    left_out = (n_images - n_volumes * layout.period) * layout.n_channels + rest
    if left_out:
        notes.append(f"Left out of {name}: {counted(left_out, 'image')} of incomplete volumes.")
    return kept * layout.n_channels + np.arange(layout.n_channels, dtype=np.int64), notes


def _lead(layout: _Layout, description: str) -> int:
    """Return how many images belong to a volume that began in the file before this one."""
    found = _FRAME_NUMBER.search(description)
    if found is None or layout.averaged > 1 or layout.n_slices == 1:
        return 0
    return -(int(found.group(1)[:12]) - 1) % layout.period


def _rates(settings: Settings, layout: _Layout) -> Candidates:
    rate = settings.number("hRoiManager.scanFrameRate", "scanFrameRate", "acq.frameRate")
    frames = (product(rate, 1 / layout.averaged), "ScanImage scanFrameRate")
    if layout.n_slices == 1 or layout.per_slice > 1:
        return (frames,)
    volumes = settings.number("hRoiManager.scanVolumeRate")
    return (
        (product(volumes, 1 / layout.averaged), "ScanImage scanVolumeRate"),
        (product(frames[0], 1 / layout.period), "ScanImage scanFrameRate"),
    )


def _pixel_sizes(settings: Settings, width: int) -> Candidates:
    field = settings.numbers("hRoiManager.imagingFovUm")[0::2]
    sizes: Candidates = ()
    if len(field) >= 2 and all(map(math.isfinite, field)):
        sizes = (((max(field) - min(field)) / width, "ScanImage imagingFovUm"),)
    degrees = settings.numbers("hRoiManager.imagingFovDeg")[0::2]
    per_degree = settings.number("objectiveResolution")
    if len(degrees) >= 2 and all(map(math.isfinite, degrees)):
        span = (max(degrees) - min(degrees)) / width
        sizes += ((product(per_degree, span), "ScanImage objectiveResolution"),)
    return sizes


def _rois(first: Directory) -> list[Any]:
    """Return the fields of view of a mesoscope file."""
    try:
        found = json.loads(first.text(_ARTIST))["RoiGroups"]["imagingRoiGroup"]["rois"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    return found if isinstance(found, list) else [found]


def _roi_pixel_size(rois: list[Any], settings: Settings) -> Candidates:
    try:
        field: Any = rois[0]["scanfields"]
        field = field[0] if isinstance(field, list) else field
        degrees = float(field["sizeXY"][0]) / float(field["pixelResolutionXY"][0])
    except (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return ()
    size = product(settings.number("objectiveResolution"), degrees)
    return ((size, "ScanImage objectiveResolution"),)


def _recorded(description: str) -> tuple[tuple[str, str], ...]:
    found = _EPOCH.search(description)
    parts = [number(part) for part in _NUMBER.findall(found.group(1))] if found else []
    try:
        when = datetime(*(int(part or 0) for part in parts))  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        return ()
    return ((when.isoformat(), "ScanImage epoch"),)


def _stamp(page: Directory) -> float | None:
    found = _STAMP.search(page.text(DESCRIPTION))
    return number(found.group(1)) if found else None
