"""Which of the arrays of a file is the movie."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from caiman_gui.errors import InputError
from caiman_gui.io.reader import SAMPLE_TYPES, Dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

#: Names that programs give to their movie, the most telling first.
_KNOWN = ("mov", "movie", "1", "images", "imaging", "data", "y", "video")
#: A dataset of a known name is preferred to others of up to so many times its size.
_PREFERENCE = 10
_MAX_NAMED = 6


@dataclass(frozen=True, slots=True)
class Found:
    """A numeric array of 3 to 5 axes.

    Attributes
    ----------
    path : str
        For the user and ``ReadChoice.dataset``.
    name : str
        Of the dataset in the file; differs where MATLAB keeps it behind a reference.
    shape : tuple of int
    dtype : numpy.dtype
        As stored.
    chunks : tuple of int or None
    is_elsewhere : bool
        Whether its values lie in other files.
    """

    path: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: tuple[int, ...] | None
    is_elsewhere: bool = False

    @property
    def n_bytes(self) -> int:
        """Size of the whole array."""
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: some of what is no movie, in words, and the arrays that may be one."""

    others: tuple[str, ...]
    found: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An array with its axes.

    Attributes
    ----------
    found : Found
    axes : str
    note : str
        What the user should know about the axes; empty if the file names them.
    priority : int
        A larger one is taken before a smaller one, whatever else.
    """

    found: Found
    axes: str
    note: str = ""
    priority: int = 0

    def to_dataset(self) -> Dataset:
        """Describe it for the user."""
        found = self.found
        return Dataset(found.path, found.shape, found.dtype.name, self.axes)


def pick(
    path: Path, kind: str, candidates: Sequence[Candidate], wanted: str, content: Content
) -> tuple[Candidate, str]:
    """Pick the array that was wanted, else the one that looks most like a movie.

    Returns
    -------
    candidate : Candidate
    note : str
        For the user; empty if there was no choice.

    Raises
    ------
    InputError
        If there is none, or not the wanted one.
    """
    here = [item for item in candidates if not item.found.is_elsewhere]
    if wanted:
        name = "/" + wanted.strip("/")
        for item in here:
            if item.found.path == name:
                return item, ""
        raise _not_there(path, name, here)
    if not here:
        raise _elsewhere(path, candidates) if candidates else _no_movie(path, kind, content)
    largest = max(item.found.n_bytes for item in here)
    best = max(here, key=lambda item: (item.priority, *_rank(item.found, largest)))
    others = [item.found.path for item in here if item is not best]
    if not others:
        return best, ""
    return best, (
        f"{path.name} holds {len(here)} arrays that may be a movie; {best.found.path} is read, "
        f"not {_listed(others)}. Another one can be chosen as the dataset."
    )


def _rank(found: Found, largest: int) -> tuple[bool, int, int]:
    """Usable samples first, then known names, then size."""
    word = found.path.rpartition("/")[2].lower()
    is_known = word in _KNOWN and found.n_bytes * _PREFERENCE >= largest
    return (
        found.dtype.str[1:] in SAMPLE_TYPES,
        len(_KNOWN) - _KNOWN.index(word) if is_known else 0,
        found.n_bytes,
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MAX_NAMED
    return ", ".join(names[:_MAX_NAMED]) + (f" and {more} more" if more > 0 else "")


def _no_movie(path: Path, kind: str, content: Content) -> InputError:
    seen = _listed(content.others) if content.others else "no arrays"
    return InputError(
        f"The {kind} holds no movie",
        f"{path} holds {seen}; a movie is an array of 3 to 5 axes with time, rows and columns.",
        "Choose the file that holds the recording itself.",
    )


def _elsewhere(path: Path, candidates: Sequence[Candidate]) -> InputError:
    return InputError(
        "The movie lies in other files",
        f"{path} only refers to it ({_listed([item.found.path for item in candidates])}).",
        "Open the file that holds the values, or copy the dataset with h5repack.",
    )


def _not_there(path: Path, name: str, here: Sequence[Candidate]) -> InputError:
    known = _listed([item.found.path for item in here])
    return InputError(
        "There is no such dataset",
        f"{path} holds no movie at {name}.",
        f"Choose one of {known}." if here else "Choose the file that holds the recording itself.",
    )
