"""What an NWB file says about one of its movies."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.io.conventions import is_pixel_size, is_rate, micrometres_in
from caiman_gui.io.h5.dataset import Dataset
from caiman_gui.io.hdf5_walk import attribute, value
from caiman_gui.io.reader import Fact, FileFacts
from caiman_gui.io.refusals import DAMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.array_choice import Found
    from caiman_gui.io.h5.file import File

#: More timestamps than this are not read: 128 MB.
_MAX_TIMESTAMPS = 2**24
_UNKNOWN = ("", "unknown", "n.a.", "na", "none", "not available")


def read_facts(file: File, path: Path, found: Found, note: str) -> FileFacts:
    """Read what is said beside a series and in its imaging plane.

    Parameters
    ----------
    file : File
    path : Path
    found : Found
        The dataset of the series, which has one frame for each of the first axis.
    note : str
        About the choice of the series; empty if there was none.
    """
    series = found.path.rpartition("/")[0]
    plane = f"{series}/imaging_plane"
    notes = [note] if note else []
    timestamps, odd = _timestamps(file, path, series, found.shape[0])
    if odd:
        notes.append(odd)
    version = attribute(file, "/", "nwb_version")
    kind = attribute(file, series, "neurodata_type")
    return FileFacts(
        format=f"NWB {version if isinstance(version, str) else ''} {kind}".replace("  ", " "),
        frame_rate=_frame_rate(file, series, plane, has_timestamps=timestamps is not None),
        pixel_size=_pixel_size(file, plane),
        indicator=_indicator(file, plane),
        timestamps=timestamps,
        recorded=_recorded(file, series),
        notes=tuple(notes),
    )


def _frame_rate(file: File, series: str, plane: str, *, has_timestamps: bool) -> Fact[float] | None:
    rate = attribute(file, f"{series}/starting_time", "rate")
    if is_rate(rate):
        return Fact(rate, "NWB rate of the series")
    if has_timestamps:  # which tell it better than the settings of the microscope
        return None
    rate = value(file, f"{plane}/imaging_rate")
    return Fact(rate, "NWB imaging_rate of the imaging plane") if is_rate(rate) else None


def _timestamps(
    file: File, path: Path, series: str, n_frames: int
) -> tuple[Fact[NDArray[np.float64]] | None, str]:
    """Return the times of the frames in seconds, and what is odd about them."""
    try:
        stamps = file.get(f"{series}/timestamps")
        if not isinstance(stamps, Dataset):
            return None, ""
        is_number = stamps.dtype is not None and stamps.dtype.kind in "iuf"
        if stamps.shape != (n_frames,) or n_frames > _MAX_TIMESTAMPS or not is_number:
            return None, (
                f"{path.name} does not hold one timestamp for each of its {n_frames} frames; "
                "its timestamps are not used."
            )
        seconds = stamps.read((slice(0, n_frames),)).astype(np.float64)
    except DAMAGE:
        return None, f"The timestamps in {path.name} cannot be read."
    if not np.isfinite(seconds).all() or (np.diff(seconds) < 0).any():
        return None, f"The timestamps in {path.name} run backwards; they are not used."
    return Fact(seconds, "NWB timestamps of the series"), ""


def _pixel_size(file: File, plane: str) -> Fact[float] | None:
    spacing = f"{plane}/grid_spacing"
    sizes, unit = value(file, spacing), attribute(file, spacing, "unit")
    if not isinstance(sizes, np.ndarray) or sizes.ndim != 1 or not 2 <= len(sizes) <= 3:
        return None
    in_um = micrometres_in(unit if isinstance(unit, str) else "meters")
    size = float(sizes[0]) * in_um if in_um else None
    return Fact(size, "NWB grid_spacing of the imaging plane") if is_pixel_size(size) else None


def _indicator(file: File, plane: str) -> Fact[str] | None:
    name = value(file, f"{plane}/indicator")
    if not isinstance(name, str) or name.strip().lower() in _UNKNOWN:
        return None
    return Fact(name.strip(), "NWB indicator of the imaging plane")


def _recorded(file: File, series: str) -> Fact[str] | None:
    """Return the start of the session, plus the time at which the series starts in it."""
    text: Any = value(file, "/session_start_time")
    later = value(file, f"{series}/starting_time")
    try:
        start = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    if isinstance(later, float) and later and np.isfinite(later):
        try:
            moment = start + timedelta(seconds=later)
        except OverflowError:
            return Fact(start.isoformat(), "NWB session_start_time")
        return Fact(moment.isoformat(), "NWB session_start_time and starting_time")
    return Fact(start.isoformat(), "NWB session_start_time")
