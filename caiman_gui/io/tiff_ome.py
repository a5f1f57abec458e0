"""What the OME description in a TIFF file says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.io.tiff_dialect import (
    MICROMETRES,
    SECONDS,
    Candidates,
    Dialect,
    attributes,
    inverse,
    number,
    product,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from caiman_gui.io.tiff_dialect import Opened

#: Search patterns rather than a parser of XML: they read what is left of a damaged description,
#: and no description can make them expand anything.
_IMAGE = re.compile(r"<(?:\w+:)?Image\b[^>]*>")
_PIXELS = re.compile(r"<(?:\w+:)?Pixels\b[^>]*>")
_CHANNEL = re.compile(r"<(?:\w+:)?Channel\b[^>]*>")
_PLANE = re.compile(r"<(?:\w+:)?Plane\b[^>]*>")
_TIFF_DATA = re.compile(r"<(?:\w+:)?TiffData\b([^>]*)>(?:\s*<(?:\w+:)?UUID\b([^>]*)>([^<]*)<)?")
_ROOT = re.compile(r"<(?:\w+:)?OME\b[^>]*>")
_DATE = re.compile(r"<(?:\w+:)?(?:AcquisitionDate|AcquiredDate)\b[^>]*>([^<]+)<")
#: Names of other files that a note lists.
_N_LISTED = 3


@dataclass(frozen=True, slots=True)
class _Block:
    """One image of the description: the file's planes of it, and its text."""

    text: str
    pixels: Mapping[str, str]
    planes: NDArray[np.int64]
    pages: NDArray[np.int64]
    sizes: tuple[int, ...]
    axes: str


def is_ome(text: str) -> bool:
    """Tell whether a description is OME's."""
    return text.rstrip()[-4:] == "OME>" or ("<OME" in text[:2000] and "<Pixels" in text)


def read_ome(text: str, opened: Opened) -> Dialect:
    """Read an OME description.

    Planes that lie in other files are left out: those files are opened as parts of the recording.
    """
    others: set[str] = set()
    read = [_read_block(part, text, opened, others) for part in _image_texts(text)]
    blocks = [block for block in read if block is not None]
    if not blocks:
        return Dialect(format="OME")
    block = max(blocks, key=lambda item: len(item.pages))
    notes = []
    n_images = sum(len(item.pages) > 0 for item in blocks)
    if n_images > 1:
        notes.append(f"{opened.name} holds {n_images} OME images; the one of most planes is used.")
    if others:
        names = ", ".join(sorted(others)[:_N_LISTED]) + (", ..." if len(others) > _N_LISTED else "")
        notes.append(
            f"{opened.name} is part of a recording in {len(others) + 1} files; the others "
            f"({names}) are read only if they are opened with it."
        )
    table, channels, stamps = _tabulated(block, opened)
    return Dialect(
        format="OME",
        axes=block.axes,
        sizes=block.sizes,
        table=table,
        declared=0 if others or n_images > 1 else prod(block.sizes),
        channels=channels,
        rates=((_rate(block.pixels), "OME TimeIncrement"),),
        pixel_sizes=_pixel_sizes(block.pixels),
        recorded=tuple((date.strip(), "OME AcquisitionDate") for date in _DATE.findall(text)[:1]),
        stamps=stamps,
        stamp_source="OME DeltaT",
        notes=tuple(notes),
    )


def _image_texts(text: str) -> list[str]:
    starts = [match.start() for match in _IMAGE.finditer(text)]
    if not starts:
        return [text]
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


def _read_block(part: str, text: str, opened: Opened, others: set[str]) -> _Block | None:
    element = _PIXELS.search(part)
    if element is None:
        return None
    pixels = attributes(element.group())
    axes = pixels.get("DimensionOrder", "XYCZT").upper()[:1:-1]
    counts = {letter: max(1, whole(pixels.get(f"Size{letter}"))) for letter in "TZC"}
    channel = _CHANNEL.search(part)
    samples = whole(attributes(channel.group()).get("SamplesPerPixel")) if channel else 1
    samples = max(samples, 1 if opened.kind.samples == 1 else opened.kind.samples)
    if counts["C"] % samples == 0:
        counts["C"] //= samples
    if sorted(axes) != ["C", "T", "Z"] or prod(counts.values()) > 2**31:
        return None
    sizes = tuple(counts[letter] for letter in axes)
    entries = np.array(list(_entries(part, text, opened, others, axes, sizes)), np.int64)
    entries = entries.reshape(-1, 3)
    n_pages = entries[:, 2].clip(0, int(opened.numbers[-1]) + 1 if opened.n_pages else 0)
    within = np.arange(n_pages.sum()) - np.repeat(np.cumsum(n_pages) - n_pages, n_pages)
    planes = np.repeat(entries[:, 0], n_pages) + within
    numbers = np.repeat(entries[:, 1], n_pages) + within
    place = np.searchsorted(opened.numbers, numbers).clip(0, max(0, opened.n_pages - 1))
    is_here = (planes < prod(sizes)) & (numbers >= 0) & (opened.numbers[place] == numbers)
    return _Block(part, pixels, planes[is_here], place[is_here], sizes, axes)


def _entries(
    part: str, text: str, opened: Opened, others: set[str], axes: str, sizes: tuple[int, ...]
) -> Iterator[tuple[int, int, int]]:
    """Yield first plane, first page and number of planes of every entry about this file."""
    found = _TIFF_DATA.findall(part)
    elsewhere = _other_files({(uuid, value) for _, uuid, value in found}, text, opened.name)
    others.update(elsewhere.values())
    strides = [prod(sizes[at + 1 :]) for at in range(len(sizes))]
    for element, uuid, value in found:
        if (uuid, value) in elsewhere:
            continue
        entry = attributes(element)
        first = [whole(entry.get(f"First{letter}")) for letter in axes]
        if any(not 0 <= at < size for at, size in zip(first, sizes, strict=True)):
            continue
        everything = 1 if "IFD" in entry else prod(sizes)
        count = whole(entry.get("PlaneCount", entry.get("NumPlanes", everything)))
        plane = sum(at * stride for at, stride in zip(first, strides, strict=True))
        page = whole(entry.get("IFD"))
        if 0 <= page < 2**31 and 0 < count < 2**31:
            yield plane, page, count


def _other_files(
    files: set[tuple[str, str]], text: str, own_name: str
) -> dict[tuple[str, str], str]:
    """Return those of the (element, UUID) pairs that stand for other files, and their names."""
    root = _ROOT.search(text)
    own_uuid = attributes(root.group()).get("UUID", "") if root else ""
    names = {(uuid, value): attributes(uuid).get("FileName", "") for uuid, value in files}
    is_renamed = len(set(names.values())) == 1 and all(value != own_uuid for _, value in files)
    return {
        (uuid, value): name
        for (uuid, value), name in names.items()
        if uuid
        and not is_renamed
        and not (own_uuid and value.strip() == own_uuid)
        and name.lower() != own_name.lower()
    }


def _tabulated(
    block: _Block, opened: Opened
) -> tuple[NDArray[np.int64] | None, tuple[str, ...], NDArray[np.float64] | None]:
    """Return the table of pages, the names of its channels, and the time of each page."""
    names = [attributes(element).get("Name", "") for element in _CHANNEL.findall(block.text)]
    if not len(block.pages):
        return None, tuple(names), None
    where = dict(zip(block.axes, np.unravel_index(block.planes, block.sizes), strict=True))
    kept, places = {}, []
    for letter in "TZC":
        kept[letter], inverse_places = np.unique(where[letter], return_inverse=True)
        places.append(inverse_places)
    shape = tuple(len(kept[letter]) for letter in "TZC")
    if prod(shape) > 2 * len(block.pages) + 1000:  # nothing but damage is so full of holes
        return None, tuple(names), None
    table = np.full(shape, -1, np.int64)
    table[tuple(places)] = block.pages
    channels = tuple(names[c] if c < len(names) else "" for c in kept["C"].tolist())
    return table, channels, _stamps(block, where, opened.n_pages)


def _stamps(
    block: _Block, where: Mapping[str, NDArray[np.int64]], n_pages: int
) -> NDArray[np.float64] | None:
    """Return the time of every page in seconds, NaN where it is not said; None if nowhere."""
    elements = _PLANE.findall(block.text)
    if not elements or "DeltaT" not in elements[0]:
        return None
    times: dict[tuple[int, int, int], float] = {}
    for element in elements:
        plane = attributes(element)
        seconds = product(number(plane.get("DeltaT")), SECONDS.get(plane.get("DeltaTUnit", "s")))
        if seconds is not None:
            times[whole(plane.get("TheT")), whole(plane.get("TheZ")), whole(plane.get("TheC"))] = (
                seconds
            )
    stamps = np.full(n_pages, np.nan)
    planes = zip(*(where[letter].tolist() for letter in "TZC"), strict=True)
    stamps[block.pages] = [times.get(plane, np.nan) for plane in planes]
    return stamps


def _rate(pixels: Mapping[str, str]) -> float | None:
    unit = SECONDS.get(pixels.get("TimeIncrementUnit", "s"))
    return inverse(number(pixels.get("TimeIncrement")), unit)


def _pixel_sizes(pixels: Mapping[str, str]) -> Candidates:
    unit = MICROMETRES.get(pixels.get("PhysicalSizeXUnit", "µm"))
    return ((product(number(pixels.get("PhysicalSizeX")), unit), "OME PhysicalSizeX"),)
