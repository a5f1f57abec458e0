"""Which page of a TIFF file holds which frame, plane and channel."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Final

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.tiff_dialect import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.tiff_dialect import Dialect

#: Up to so many channels without time are channels; more are frames that were called so.
MAX_CHANNELS: Final = 4
_WORDS = {"T": "time", "Z": "planes", "C": "channels"}


@dataclass(frozen=True, slots=True, eq=False)
class Arrangement:
    """Pages put in order.

    Attributes
    ----------
    pages : (T, Z, C) int64
        -1 where the file lacks one.
    axes : str
        Of the pages as they are understood, the slowest first.
    notes : tuple of str
    """

    pages: NDArray[np.int64]
    axes: str
    notes: tuple[str, ...] = ()


def arrange(dialect: Dialect, n_pages: int, name: str, wanted_axes: str = "") -> Arrangement:
    """Put the pages of a file in order.

    Parameters
    ----------
    dialect : Dialect
    n_pages : int
    name : str
        Of the file, for notes.
    wanted_axes : str
        Of the whole array, as the user names them; empty: as the file says.

    Raises
    ------
    InputError
        If there are more axes than time, planes and channels.
    """
    if dialect.table is not None:
        return _without_lone_stack(Arrangement(dialect.table, "TZC"), name)
    axes, sizes, notes = _fitted(dialect, n_pages, name)
    axes, assumed = _named(axes, sizes, name, wanted_axes)
    numbers = np.arange(prod(sizes), dtype=np.int64).reshape(sizes)
    found = Arrangement(_transposed(numbers, axes), axes, (*notes, *assumed))
    return _without_lone_stack(found, name)


def _fitted(
    dialect: Dialect, n_pages: int, name: str
) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
    """Reconcile the axes that are described with the pages that are there."""
    long = [(a, n) for a, n in zip(dialect.axes, dialect.sizes, strict=True) if n > 1]
    axes, sizes = "".join(a for a, _ in long), tuple(n for _, n in long)
    total = prod(sizes)
    if total == n_pages:
        return axes, sizes, ()
    if not sizes:
        return "T", (n_pages,), ()
    inner = total // sizes[0]
    n_slow = n_pages // inner
    if n_pages > total and axes[0] != "T":
        if "T" in axes or n_pages % total:
            return "T", (n_pages,), (_does_not_fit(name, total, n_pages),)
        return "T" + axes, (n_pages // total, *sizes), ()  # one after the other
    if n_slow < 1:
        return "T", (n_pages,), ()
    tail = n_pages - n_slow * inner
    notes = (
        (f"Left out of {name}: {counted(tail, 'image')} of an incomplete frame at its end.",)
        if tail
        else ()
    )
    return axes, (n_slow, *sizes[1:]), notes


def _does_not_fit(name: str, total: int, n_pages: int) -> str:
    return (
        f"The description of {name} speaks of {total} images, but the file holds {n_pages}; they "
        f"are read as the frames of one movie."
    )


def _named(
    axes: str, sizes: tuple[int, ...], name: str, wanted: str
) -> tuple[str, tuple[str, ...]]:
    """Give every axis a meaning, and say which was assumed."""
    leading = "".join(letter for letter in wanted.upper() if letter in "TZC")
    if wanted and len(leading) == len(sizes) == len(set(leading)):
        return leading, ()
    unnamed = [letter for letter in axes if letter not in _WORDS]
    repeated = len([a for a in axes if a in _WORDS]) > len({a for a in axes if a in _WORDS})
    free = [letter for letter in "TZC" if letter not in axes]
    if len(unnamed) > len(free) or repeated:
        raise _too_many_axes(name, sizes)
    if not unnamed:
        return axes, ()
    named = _filled(axes, sizes, free)
    if named == "T":
        return named, ()
    sides = " x ".join(str(n) for n in sizes)
    words = " x ".join(_WORDS[letter] for letter in named)
    return named, (f"{name} holds {sides} images; they are read as {words}.",)


def _filled(axes: str, sizes: tuple[int, ...], free: list[str]) -> str:
    """Name the unnamed axes: the longest is time, unless there is one already."""
    unnamed = [at for at, letter in enumerate(axes) if letter not in _WORDS]
    named = list(axes)
    if free[0] == "T":
        longest = max(unnamed, key=lambda at: sizes[at])
        named[longest] = "T"
        unnamed.remove(longest)
        free = free[1:]
    for at, letter in zip(unnamed, free, strict=False):
        named[at] = letter
    return "".join(named)


def _transposed(numbers: NDArray[np.int64], axes: str) -> NDArray[np.int64]:
    """Bring an array with named axes into the order (T, Z, C)."""
    missing = "".join(letter for letter in "TZC" if letter not in axes)
    numbers = numbers.reshape(numbers.shape + (1,) * len(missing))
    return numbers.transpose([(axes + missing).index(letter) for letter in "TZC"])


def _without_lone_stack(found: Arrangement, name: str) -> Arrangement:
    """Read planes or many channels that lack time as frames: most such stacks are movies."""
    n_frames, n_planes, n_channels = found.pages.shape
    if n_frames > 1 or (n_planes == 1 and n_channels <= MAX_CHANNELS):
        return found
    letter = "Z" if n_planes > 1 else "C"
    pages = found.pages.transpose((1, 0, 2) if letter == "Z" else (2, 1, 0))
    word = "planes (z)" if letter == "Z" else "channels"
    return Arrangement(
        pages,
        found.axes.replace("T", "").replace(letter, "T"),
        (*found.notes, f"{name} calls its {len(pages)} images {word}; they are read as frames."),
    )


def _too_many_axes(name: str, sizes: tuple[int, ...]) -> InputError:
    sides = " x ".join(str(n) for n in sizes)
    return InputError(
        "The file holds more than frames, planes and channels",
        f"{name} holds an array of {sides} images; a movie has time, planes and channels.",
        "Export one position or one series as a movie of its own, then open that.",
    )
