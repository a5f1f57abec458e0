"""What Micro-Manager, MetaMorph and Zeiss' LSM software say in their TIFF files."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.tiff_dialect import Dialect, inverse, number, product

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.tiff_dialect import Opened
    from caiman_gui.io.tiff_ifd import Directory, TiffBytes

_MM_INDEX, _MM_INDEX_BLOCK, _MM_SUMMARY = 54773648, 3453623, 2355492
_MM_PAGE = 51123
_MAX_SUMMARY_BYTES = 2**24
_ELAPSED = re.compile(r'"ElapsedTime-ms"\s*:\s*"?([-+.\deE]+)')
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)")
_UIC2: Final = 33629
_LSM_INFO: Final = 34412
_DAY_S = 86_400
_LSM_LIMIT = 2**32


def is_micromanager(opened: Opened) -> bool:
    """Tell whether Micro-Manager wrote the file."""
    return _MM_PAGE in opened.first or _mm_header(opened.first.source)[0] == _MM_INDEX


def with_micromanager(found: Dialect, opened: Opened) -> Dialect:
    """Add what Micro-Manager knows to what the description, usually OME's, says."""
    summary = _mm_summary(opened.first.source)
    names = summary.get("ChNames")
    channels = tuple(map(str, names)) if isinstance(names, list) else ()
    if found.table is None:
        table, notes = _mm_table(opened)
        found = replace(found, table=table, channels=channels, notes=found.notes + notes)
    interval = number(summary.get("Interval_ms"))
    size = number(summary.get("PixelSize_um", summary.get("PixelSizeUm")))
    return replace(
        found,
        format=f"Micro-Manager {found.format}".strip(),
        channels=found.channels if any(found.channels) else channels,
        rates=(*found.rates, (inverse(interval, 1e-3), "Micro-Manager Interval_ms")),
        is_rate_wish=True,
        recorded=(*found.recorded, *_mm_recorded(summary)),
        pixel_sizes=(*found.pixel_sizes, (size, "Micro-Manager PixelSize_um")),
        stamp=_mm_stamp,
        stamp_source="Micro-Manager ElapsedTime-ms",
        stamps=None,
    )


def _mm_header(source: TiffBytes) -> tuple[int, ...]:
    raw = source.read(8, 32)
    return struct.unpack(source.order + "8I", raw) if len(raw) == 32 else (0,) * 8


def _mm_summary(source: TiffBytes) -> dict[str, Any]:
    *_, mark, length = _mm_header(source)
    if mark != _MM_SUMMARY or length > _MAX_SUMMARY_BYTES:
        return {}
    try:
        summary = json.loads(source.read(40, length))
    except (ValueError, RecursionError):
        return {}
    return summary if isinstance(summary, dict) else {}


def _mm_recorded(summary: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    for key in ("StartTime", "Time"):
        found = _DATE.match(str(summary.get(key, "")))
        if found:
            return ((f"{found.group(1)}T{found.group(2)}", f"Micro-Manager {key}"),)
    return ()


def _mm_table(opened: Opened) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Return the pages (T, Z, C) of the first position, by the index in the file."""
    source = opened.first.source
    mark, where, *_ = _mm_header(source)
    head = source.read(where, 8) if mark == _MM_INDEX else b""
    if len(head) < 8:
        return None, ()
    mark, count = struct.unpack(source.order + "II", head)
    if mark != _MM_INDEX_BLOCK or where + 8 + 20 * count > source.size or not count:
        return None, ()
    raw = np.frombuffer(source.read(where + 8, 20 * count), source.order + "u4")
    rows = raw.reshape(-1, 5).astype(np.int64)  # channel, plane, frame, position, directory
    rows = rows[np.argsort(rows[:, 4], kind="stable")]  # the order of the pages
    if len(rows) != opened.n_pages:
        return None, ()
    is_first = rows[:, 3] == rows[0, 3]
    places = [np.unique(rows[is_first, at], return_inverse=True) for at in (2, 1, 0)]
    shape = tuple(len(values) for values, _ in places)
    if prod(shape) > 2 * len(rows) + 1000:
        return None, ()
    table = np.full(shape, -1, np.int64)
    table[tuple(place for _, place in places)] = np.flatnonzero(is_first)
    n_positions = len(np.unique(rows[:, 3]))
    note = f"{opened.name} holds {n_positions} positions; the first is read."
    return table, (note,) if n_positions > 1 else ()


def _mm_stamp(page: Directory) -> float | None:
    found = _ELAPSED.search(page.text(_MM_PAGE))
    return product(number(found.group(1)), 1e-3) if found else None


def is_metamorph(opened: Opened) -> bool:
    """Tell whether the file is a MetaMorph stack: one page that stands for all."""
    return _UIC2 in opened.first


def read_metamorph(opened: Opened) -> Dialect:
    """Read the times of the images of a MetaMorph stack."""
    first = opened.first
    _, n_images, at = first.entries[_UIC2]
    where = first.source.link.unpack_from(first.raw, at)[0]
    if 24 * n_images + where > first.source.size:
        return Dialect(format="MetaMorph", declared=n_images, is_contiguous=True)
    raw = np.frombuffer(first.source.read(where, 24 * n_images), first.source.order + "u4")
    rows = raw.reshape(-1, 6).astype(np.float64)  # z, created and changed: day, millisecond
    stamps = (rows[:, 2] - rows[:1, 2]) * _DAY_S + (rows[:, 3] - rows[:1, 3]) * 1e-3
    return Dialect(
        format="MetaMorph",
        axes="T",
        sizes=(n_images,),
        declared=n_images,
        is_contiguous=True,
        stamps=stamps,
        stamp_source="MetaMorph time stamps",
    )


def is_lsm(opened: Opened) -> bool:
    """Tell whether the file is a Zeiss LSM file."""
    return _LSM_INFO in opened.first


def read_lsm(opened: Opened) -> Dialect:
    """Read dimensions, interval and voxel size of a Zeiss LSM file.

    Raises
    ------
    InputError
        If it is so large that its places of images have overflowed.
    """
    source = opened.first.source
    if source.size >= _LSM_LIMIT:
        raise InputError(
            "The LSM file is too large to be read",
            f"{source.path} is larger than 4 GB, where this format loses the places of its images.",
            "Export it from ZEN as OME-TIFF.",
        )
    raw = opened.first.data(_LSM_INFO)
    if len(raw) < 120:
        return Dialect(format="Zeiss LSM")
    order = source.order
    n_planes, _, n_frames = struct.unpack_from(order + "3i", raw, 16)
    voxel = struct.unpack_from(order + "d", raw, 40)[0]
    interval = struct.unpack_from(order + "d", raw, 112)[0]
    return Dialect(
        format="Zeiss LSM",
        axes="TZ",
        sizes=(max(1, n_frames), max(1, n_planes)),
        declared=max(1, n_frames) * max(1, n_planes),
        rates=((inverse(interval, 1.0), "LSM TimeInterval"),),
        pixel_sizes=((voxel * 1e6, "LSM VoxelSizeX"),),
    )
