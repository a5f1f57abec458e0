"""What the .mat file beside a Scanbox movie says about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

#: Where the file does not say: 512 lines of 796 samples.
_DEFAULT_SIZE = (512, 796)
_MAX_PLANES = 1000


@dataclass(frozen=True, slots=True)
class ScanboxInfo:
    """Geometry and rate of a recording.

    Attributes
    ----------
    height, width : int
    channels : tuple of str
    n_planes : int
    is_bidirectional : bool
    frame_rate_hz : float or None
        Of each plane.
    rate_source : str
    pixel_size_um : float or None
    notes : tuple of str
        Without the name of the file.
    """

    height: int
    width: int
    channels: tuple[str, ...]
    n_planes: int
    is_bidirectional: bool
    frame_rate_hz: float | None
    rate_source: str
    pixel_size_um: float | None
    notes: tuple[str, ...]


def interpret(info: dict[str, Any]) -> ScanboxInfo:
    """Make sense of the struct ``info``, whose fields differ between versions of Scanbox."""
    notes: list[str] = []
    size = _numbers(info, "sz")
    if len(size) >= 2 and min(size[:2]) >= 1:
        lines, width = int(size[0]), int(size[1])
    else:
        lines, width = _DEFAULT_SIZE
        notes.append(f"does not say how large its frames are; {lines} x {width} px were assumed")
    height = lines
    fold = int(_number(info, "fold_lines") or 0)
    if 0 < fold < lines and lines % fold == 0:
        height = fold
        notes.append(
            f"was recorded with folding: each scan of {lines} lines gives {lines // fold} frames"
        )
    n_planes = _count_planes(info, notes)
    is_bidirectional = _number(info, "scanmode") == 0
    rate, source = _frame_rate(
        info, lines, height, n_planes, is_bidirectional=is_bidirectional, notes=notes
    )
    return ScanboxInfo(
        height,
        width,
        _channels(info),
        n_planes,
        is_bidirectional,
        rate,
        source,
        _pixel_size(info, notes),
        tuple(notes),
    )


def _channels(info: dict[str, Any]) -> tuple[str, ...]:
    """Version 3 counts them; before, 1 stood for both detectors, 2 and 3 for one of them."""
    count = _number(_struct(info, "chan"), "nchan")
    code = _number(info, "channels")
    if count is None:
        count = 2 if code == 1 else _number(info, "nchan") or 1
    if 2 <= count <= 4:
        return tuple(f"PMT {n}" for n in range(int(count)))
    return ({2: "PMT 0", 3: "PMT 1"}.get(int(code or 0), ""),)


def _count_planes(info: dict[str, Any], notes: list[str]) -> int:
    wave, table = len(_numbers(info, "otwave")), _rows(info, "etl_table")
    is_volume = _number(info, "volscan")
    if not (is_volume if is_volume is not None else wave > 1):
        return 1
    parameters = _numbers(info, "otparam")
    stated = int(parameters[2]) if len(parameters) > 2 and 1 < parameters[2] <= _MAX_PLANES else 1
    count = next((n for n in (table, wave) if 1 < n <= _MAX_PLANES), stated)
    if count == 1:
        notes.append("was recorded as a volume, but does not say of how many planes")
    elif stated not in (1, count):
        notes.append(f"speaks of {count} planes and of {stated}; {count} were assumed")
    return count


def _frame_rate(
    info: dict[str, Any],
    lines: int,
    height: int,
    n_planes: int,
    *,
    is_bidirectional: bool,
    notes: list[str],
) -> tuple[float | None, str]:
    """Frame rate = frequency of the mirror / lines per frame x directions / planes.

    Other programs divide by ``recordsPerBuffer``, which should be lines / directions.
    """
    frequency, scanned = _number(info, "resfreq"), _number(_struct(info, "config"), "lines")
    if frequency is None or frequency <= 0:
        return None, ""
    scanned = scanned if scanned is not None and scanned >= 1 else lines
    directions = 2 if is_bidirectional else 1
    rate = frequency / scanned * directions * (lines / height) / n_planes
    records = _number(info, "recordsPerBuffer")
    other = frequency / records * (lines / height) / n_planes if records else rate
    source = f"Scanbox: {frequency:g} Hz / {scanned:g} lines"
    source += " x 2 directions" if is_bidirectional else ""
    source += f" x {lines // height} folds" if height != lines else ""
    source += f" / {n_planes} planes" if n_planes > 1 else ""
    if abs(other - rate) > 0.01 * rate:
        notes.append(
            f"gives {rate:.4g} frames/s by its lines and {other:.4g} by its buffers: check which "
            "is right"
        )
    else:
        notes.append(
            f"does not state its frame rate: {rate:.4g} frames/s follow from the mirror and the "
            "number of lines. Confirm it"
        )
    return rate, source


def _pixel_size(info: dict[str, Any], notes: list[str]) -> float | None:
    """Calibration at the magnification used; version 3 keeps it elsewhere."""
    version, table = _number(info, "scanbox_version"), info.get("calibration")
    at = _number(_struct(info, "config"), "magnification")
    if (
        not isinstance(table, list)
        or at is None
        or not 1 <= at <= len(table)
        or (version or 3) >= 3
    ):
        return None
    entry = table[int(at) - 1]
    x, y = (_number(entry, key) for key in "xy") if isinstance(entry, dict) else (None, None)
    if x is None or y is None or min(x, y) <= 0:
        return None
    if abs(x - y) > 0.05 * y:
        notes.append(f"has pixels that are not square: {x:.3g} µm wide, {y:.3g} µm high")
        return None
    return x


def _struct(info: dict[str, Any], key: str) -> dict[str, Any]:
    value = info.get(key)
    return value if isinstance(value, dict) else {}


def _numbers(info: dict[str, Any], key: str) -> list[float]:
    """Finite numbers of a field, columns first; empty where it holds anything else."""
    value = info.get(key)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "iuf":
        return []
    numbers = [float(number) for number in value.ravel(order="F")[: _MAX_PLANES + 1]]
    return numbers if all(abs(number) < 1e12 for number in numbers) else []


def _number(info: dict[str, Any], key: str) -> float | None:
    numbers = _numbers(info, key)
    return numbers[0] if len(numbers) == 1 else None


def _rows(info: dict[str, Any], key: str) -> int:
    value = info.get(key)
    return len(value) if isinstance(value, np.ndarray) and value.ndim > 1 and value.size else 0
