"""What a TIFF file says about itself, and where it says it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from caiman_gui.io.reader import Fact, FileFacts
from caiman_gui.io.refusals import DAMAGE
from caiman_gui.io.tiff_dialect import (
    Dialect,
    read_imagej,
    read_shaped,
    tag_pixel_sizes,
    tag_recorded,
)
from caiman_gui.io.tiff_kind import COMPRESSIONS
from caiman_gui.io.tiff_microscopes import (
    is_lsm,
    is_metamorph,
    is_micromanager,
    read_lsm,
    read_metamorph,
    with_micromanager,
)
from caiman_gui.io.tiff_ome import is_ome, read_ome
from caiman_gui.io.tiff_scanimage import is_scanimage, read_scanimage

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from caiman_gui.io.reader import ReadChoice
    from caiman_gui.io.tiff_axes import Arrangement
    from caiman_gui.io.tiff_dialect import Opened
    from caiman_gui.io.tiff_index import PageIndex

_SOFTWARE: Final = 305
_MAX_RATE_HZ = 10_000
_MAX_PIXEL_UM = 1_000
#: Times that stand in the pages themselves are read from all of them up to this number: each is
#: a place of its own on the disk.
_MAX_STAMPED = 500
#: Two frame rates that differ by less are the same.
_SAME_RATE = 0.01
_COLOURS = ("red", "green", "blue")


def read_dialect(opened: Opened) -> Dialect:
    """Read the description of a file, whoever wrote it.

    Raises
    ------
    InputError
        If it is of a kind that cannot be read.
    """
    texts = opened.first.descriptions()
    if is_scanimage(opened.first.text(_SOFTWARE), texts[0] if texts else ""):
        return read_scanimage(opened)
    if is_lsm(opened):
        return read_lsm(opened)
    if is_metamorph(opened):
        return read_metamorph(opened)
    found = _described(texts, opened)
    return with_micromanager(found, opened) if is_micromanager(opened) else found


def _described(texts: Sequence[str], opened: Opened) -> Dialect:
    for text in texts:
        if is_ome(text):
            return read_ome(text, opened)
    for text in texts:
        if text.startswith(("ImageJ=", "SCIFIO=")):
            return read_imagej(text, opened)
        if text.startswith('{"shape"'):
            try:
                return read_shaped(text, opened)
            except DAMAGE:
                continue
    return Dialect()


def read_facts(
    opened: Opened,
    dialect: Dialect,
    found: Arrangement,
    pages: NDArray[np.int64],
    index: PageIndex,
    choice: ReadChoice,
    notes: list[str],
) -> FileFacts:
    """Put together what the file says about the frames of the chosen channel and plane.

    Parameters
    ----------
    opened : Opened
    dialect : Dialect
    found : Arrangement
        Of the pages.
    pages : (T,) int64
        Those that are read.
    index : PageIndex
    choice : ReadChoice
    notes : list of str
        What was found odd so far.
    """
    stamps = _stamps(dialect, pages, index)
    rate = _plausible(dialect.rates, _MAX_RATE_HZ)
    measured = _measured_rate(stamps, len(pages), dialect.stamp_source)
    notes = [*notes, *dialect.notes, *found.notes]
    if rate is None or dialect.is_rate_wish:
        rate = measured or rate
    elif measured is not None and abs(measured.value / rate.value - 1) > _SAME_RATE:
        notes.append(
            f"{opened.name} gives a frame rate of {rate.value:.4g} Hz, but its frames are "
            f"stamped at {measured.value:.4g} Hz: frames may be missing."
        )
    channels = _channels(opened, dialect, found)
    n_planes = found.pages.shape[1]
    notes += _choices(opened.name, channels, n_planes, choice)
    sizes = (*dialect.pixel_sizes, *tag_pixel_sizes(opened.first))
    recorded = [*dialect.recorded, *tag_recorded(opened.first)]
    is_complete = len(stamps) == len(pages) > 1 and bool((np.diff(stamps) >= 0).all())
    return FileFacts(
        format=_format(opened, dialect),
        frame_rate=rate,
        pixel_size=_plausible(sizes, _MAX_PIXEL_UM),
        timestamps=Fact(stamps, dialect.stamp_source) if is_complete else None,
        recorded=Fact(*recorded[0]) if recorded else None,
        channels=channels,
        n_planes=n_planes,
        axes=_axes(found.pages.shape, opened),
        notes=tuple(notes),
    )


def _format(opened: Opened, dialect: Dialect) -> str:
    base = "BigTIFF" if opened.first.source.is_big else "TIFF"
    packed = COMPRESSIONS.get(opened.kind.compression, "")
    return f"{dialect.format} {base}".strip() + (f" ({packed})" if packed else "")


def _axes(shape: tuple[int, ...], opened: Opened) -> str:
    letters = [letter for letter, n in zip("TZC", shape, strict=True) if n > 1 or letter == "T"]
    return "".join(letters) + "YX" + ("S" if opened.kind.samples > 1 else "")


def _channels(opened: Opened, dialect: Dialect, found: Arrangement) -> tuple[str, ...]:
    """Name the channels: pages of their own, samples of a pixel, or both."""
    n_outer, n_inner = found.pages.shape[2], opened.kind.n_channels
    names = dialect.channels
    if opened.kind.is_rgb:
        outer = names if len(names) == n_outer else ("",) * n_outer
        return tuple(f"{name} {colour}".strip() for name in outer for colour in _COLOURS)
    return names if len(names) == n_outer * n_inner else ("",) * (n_outer * n_inner)


def _choices(
    name: str, channels: Sequence[str], n_planes: int, choice: ReadChoice
) -> Iterable[str]:
    if len(channels) > 1 and choice.channel == 1:
        named = f" ({', '.join(channels)})" if all(channels) else ""
        yield f"{name} holds {len(channels)} channels{named}; the first is read."
    if n_planes > 1 and choice.plane == 1:
        yield f"{name} holds {n_planes} planes; the first is read."


def _plausible(candidates: Iterable[tuple[float | None, str]], upper: float) -> Fact[float] | None:
    for value, source in candidates:
        if value is not None and math.isfinite(value) and 0 < value <= upper:
            return Fact(value, source)
    return None


def _stamps(dialect: Dialect, pages: NDArray[np.int64], index: PageIndex) -> NDArray[np.float64]:
    """Return the times of all frames, of the first and the last one, or none."""
    nothing = np.empty(0)
    if dialect.stamps is not None:
        in_range = len(pages) > 0 and int(pages.max()) < len(dialect.stamps)
        stamps = dialect.stamps[pages] if in_range else nothing
        return stamps if np.isfinite(stamps).all() else nothing
    if dialect.stamp is None or len(pages) < 2:
        return nothing
    wanted = pages if len(pages) <= _MAX_STAMPED else pages[[0, -1]]
    times = []
    for page in wanted.tolist():
        try:
            time = dialect.stamp(index.directory(page))
        except DAMAGE:
            time = None
        if time is None or not math.isfinite(time):
            return nothing
        times.append(time)
    return np.array(times)


def _measured_rate(stamps: NDArray[np.float64], n_frames: int, source: str) -> Fact[float] | None:
    """Return the mean frame rate between the first and the last frame."""
    if len(stamps) < 2 or not stamps[-1] > stamps[0]:
        return None
    rate = (n_frames - 1) / float(stamps[-1] - stamps[0])
    return _plausible([(rate, f"{source} of the first and last frame")], _MAX_RATE_HZ)
