"""Reader of Inscopix movies (.isxd): bare frames, described by JSON at the end of the file."""

from __future__ import annotations

import json
import struct
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.flat import FlatMovie, Layout
from caiman_gui.io.reader import Fact, FileFacts
from caiman_gui.io.refusals import (
    damaged,
    require_choice,
    require_frame_size,
    truncated,
    unreadable,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.reader import FrameReader, ReadChoice

_KIND = "Inscopix file"
#: The length of the JSON text, which a zero byte follows, is the last thing in the file.
_LENGTH_BYTES = 8
_MAX_FOOTER_BYTES = 2**23
#: Times are kept for each frame of a movie of up to this length.
_MAX_TIMES = 2**26
_DTYPES: dict[int, np.dtype] = {0: np.dtype("<u2"), 1: np.dtype("<f4"), 2: np.dtype("u1")}
_MOVIE, _IMAGE = 0, 4
_OTHER_TYPES = {
    1: "a cell set", 2: "a behaviour movie", 3: "GPIO data", 5: "events", 6: "metrics",
    7: "IMU data", 8: "a vessel set",
}  # fmt: skip
#: The microscope writes 2560 values of 16 bit before each frame, and as many after it.
_SENSOR_BYTES = 2 * 2560
_Ranges = list[tuple[int, int]]
_EXPORT = "Inscopix Data Processing can export it: open it there, then File > Export as TIFF."


def recognises(path: Path, head: bytes) -> bool:
    """Tell by the JSON text at the end, or the suffix where that is missing."""
    if path.suffix.lower() == ".isxd":
        return True
    try:
        text = _footer_text(path)[0].strip()
    except InputError:
        return False
    return text.startswith(b"{") and text.endswith(b"}")


def open_reader(path: Path, choice: ReadChoice) -> FrameReader:
    """Open a movie, with or without what the sensor writes around each frame.

    Raises
    ------
    InputError
        If it is damaged, truncated, or holds no movie but a cell set, events ...
    """
    footer, payload = _read_footer(path)
    _require_movie(path, footer)
    for word, wanted in (("channel", choice.channel), ("plane", choice.plane)):
        require_choice(path, word, wanted, 1)
    try:
        pixels, timing = footer["spacingInfo"]["numPixels"], footer["timingInfo"]
        height, width = _count(pixels["y"]), _count(pixels["x"])
        dtype, n_times = _DTYPES[_count(footer["dataType"])], _count(timing["numTimes"])
        lost = _lost_frames(timing, n_times)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise damaged(path, _KIND, "its description of the movie is incomplete") from exc
    require_frame_size(path, _KIND, height, width, dtype)
    notes: list[str] = []
    layout = _find_frames(path, footer, payload, (n_times, height, width), dtype, lost, notes)
    return FlatMovie(path, _KIND, layout, _facts(footer, layout.shape[0], lost, notes))


def _find_frames(
    path: Path,
    footer: dict[str, Any],
    payload: int,
    shape: tuple[int, int, int],
    dtype: np.dtype,
    lost: _Ranges,
    notes: list[str],
) -> Layout:
    """Find where frames lie. Those that were lost are not in the file."""
    n_times, height, width = shape
    n_lost = sum(last + 1 - first for first, last in lost)
    n_frames = n_times - n_lost
    around = _SENSOR_BYTES if footer.get("hasFrameHeaderFooter") else 0
    step = height * width * dtype.itemsize + 2 * around
    if n_lost and payload == n_times * step:
        n_frames = n_times
        notes.append(f"{n_lost} frames of {path.name} are marked as lost; they may be black.")
    elif n_lost:
        notes.append(
            f"{n_lost} of {n_times} frames of {path.name} were dropped or cut out: they are left "
            "out here, and the times of the others take account of it."
        )
    if payload != n_frames * step and around:
        raise InputError(
            "The layout of this Inscopix movie is not known",
            f"{path}: {payload} bytes are not {n_frames} frames of {height} x {width} px with "
            "what the sensor writes around them.",
            _EXPORT,
        )
    if payload < n_frames * step:
        raise truncated(path, _KIND, payload // step, n_frames)
    if payload > n_frames * step:
        notes.append(
            f"{path.name} is {payload - n_frames * step} bytes longer than its {n_frames} frames; "
            "these bytes are left out."
        )
    strides = (step, width * dtype.itemsize, dtype.itemsize)
    return Layout((n_frames, height, width), dtype, around, strides)


def _facts(footer: dict[str, Any], n_frames: int, lost: _Ranges, notes: list[str]) -> FileFacts:
    timing = footer["timingInfo"]
    period = _ratio(timing.get("period"))
    timestamps = None
    if period and n_frames + sum(last + 1 - first for first, last in lost) == timing["numTimes"]:
        timestamps = _times(n_frames, lost, period)
    spacing = footer["spacingInfo"].get("pixelSize")
    pixel = _ratio(spacing.get("x")) if isinstance(spacing, dict) else None
    recorded = _start(timing.get("start"))
    is_raw = bool(footer.get("hasFrameHeaderFooter"))
    return FileFacts(
        format="Inscopix movie (.isxd)" + (" from the microscope" if is_raw else ""),
        frame_rate=Fact(1 / period, "Inscopix timingInfo.period") if period else None,
        pixel_size=Fact(pixel, "Inscopix spacingInfo.pixelSize") if pixel else None,
        timestamps=Fact(timestamps, "Inscopix timingInfo") if timestamps is not None else None,
        recorded=Fact(recorded, "Inscopix timingInfo.start") if recorded else None,
        notes=tuple(notes),
    )


def _times(n_frames: int, lost: _Ranges, period: float) -> NDArray[np.float64] | None:
    """Seconds at which the frames that are left were taken; None where none is missing."""
    if not lost or n_frames > _MAX_TIMES:
        return None
    first, last = np.array(lost, np.int64).T
    missing = np.cumsum(last + 1 - first)
    stored_before = first - np.concatenate([[0], missing[:-1]])
    stored = np.arange(n_frames)
    ranges_before = np.searchsorted(stored_before, stored, side="right")
    times: NDArray[np.float64] = (stored + np.concatenate([[0], missing])[ranges_before]) * period
    return times


def _lost_frames(timing: dict[str, Any], n_times: int) -> _Ranges:
    """First and last numbers of frames that were dropped, blank or cropped, in order, apart."""
    ranges = [(at, at) for key in ("dropped", "blank") for at in timing.get(key) or ()]
    ranges += [(first, last) for first, last in timing.get("cropped") or ()]
    merged: _Ranges = []
    for first, last in sorted((_count(first), _count(last)) for first, last in ranges):
        if not first <= last < n_times:
            raise ValueError("a lost frame is none of the movie")
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _require_movie(path: Path, footer: dict[str, Any]) -> None:
    kind = footer.get("type")
    if kind in (_MOVIE, _IMAGE):
        return
    what = _OTHER_TYPES.get(kind) if isinstance(kind, int) else None
    raise InputError(
        "This Inscopix file holds no movie",
        f"{path} holds {what or 'data of an unknown type'}.",
        "Choose the recording, or the movie that Inscopix Data Processing made from it.",
    )


def _read_footer(path: Path) -> tuple[dict[str, Any], int]:
    """Read the description, and count the bytes before it."""
    text, start = _footer_text(path)
    try:
        footer = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise damaged(path, _KIND, "its description, at the end, cannot be read") from exc
    if not isinstance(footer, dict):
        raise damaged(path, _KIND, "its description, at the end, cannot be read")
    return footer, start


def _footer_text(path: Path) -> tuple[bytes, int]:
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2) - _LENGTH_BYTES
            if end < 0:
                raise damaged(path, _KIND, "it is too short")
            file.seek(end)
            (length,) = struct.unpack("<q", file.read(_LENGTH_BYTES))
            start = end - length - 1
            if not 0 < length <= _MAX_FOOTER_BYTES or start < 0:
                raise damaged(path, _KIND, "it does not end with a description")
            file.seek(start)
            return file.read(length), start
    except OSError as exc:
        raise unreadable(path, exc) from exc


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**40:
        raise ValueError("not a count")
    return value


def _ratio(value: Any) -> float | None:
    """Value of {num, den}, if it is positive."""
    try:
        ratio = float(value["num"]) / float(value["den"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return ratio if 0 < ratio < 1e12 else None


def _start(value: Any) -> str | None:
    """Date and time of {secsSinceEpoch: {num, den}, utcOffset: seconds}, ISO 8601."""
    if not isinstance(value, dict):
        return None
    seconds, offset = _ratio(value.get("secsSinceEpoch")), value.get("utcOffset", 0)
    if seconds is None or not isinstance(offset, int) or abs(offset) >= 86400:
        return None
    try:
        zone = timezone(timedelta(seconds=offset))
        return datetime.fromtimestamp(seconds, zone).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None
