"""Looking into HDF5 files of any origin for arrays that may be a movie."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from caiman_gui.errors import InputError
from caiman_gui.io.array_choice import Content, Found
from caiman_gui.io.h5.dataset import Dataset
from caiman_gui.io.h5.file import File
from caiman_gui.io.h5.source import FormatError, UnsupportedError
from caiman_gui.io.refusals import DAMAGE, damaged, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Arrays without two sides of so many values are no movie.
_MIN_SIDE = 4
_MAX_OTHERS = 6


@contextmanager
def opening(path: Path, kind: str) -> Iterator[File]:
    """Open for reading, and close again only if the block fails.

    Raises
    ------
    InputError
        If the file is missing, damaged or cut off, also where that is noticed inside the block.
    """
    file = None
    try:
        file = File(path)
        if file.size < file.end and not file.is_open_elsewhere:
            raise FormatError(f"it ends after {file.size:,} of {file.end:,} bytes")
        yield file
    except DAMAGE as exc:
        if file is not None:
            file.close()
        raise told(path, kind, exc) from exc
    except BaseException:
        if file is not None:
            file.close()
        raise


def told(
    path: Path, kind: str, exc: BaseException, why: str = "its structure makes no sense"
) -> InputError:
    """Tell the user what is wrong; ``why`` where the exception has no words for it."""
    if isinstance(exc, UnsupportedError):
        return InputError(
            f"The {kind} has a form that cannot be read here",
            f"{path}: {exc}.",
            "Store it anew with the HDF5 tools: h5repack -f GZIP=1 old.h5 new.h5.",
        )
    if isinstance(exc, FormatError):
        return damaged(path, kind, str(exc))
    return in_words(path, kind, exc, why)


def look_into(file: File) -> tuple[Content, dict[int, str]]:
    """List the arrays that may be a movie, and the path of each object by its address."""
    found: list[Found] = []
    others: list[str] = []
    paths: dict[int, str] = {}
    for path, item in file.walk():
        paths[item.address] = path
        if isinstance(item, Dataset):
            array = describe(path, item)
            if array is not None:
                found.append(array)
            elif item.shape and len(others) < _MAX_OTHERS:
                others.append(f"{path} ({' x '.join(str(n) for n in item.shape)})")
    return Content(tuple(others), tuple(found)), paths


def require_no_link(file: File, path: Path, wanted: str) -> None:
    """Refuse a file whose movie is a link to another file; such links are never followed.

    Parameters
    ----------
    file : File
    path : Path
    wanted : str
        The dataset that was chosen; empty to look at every link, as where there is no movie.

    Raises
    ------
    InputError
        Names the other file.
    """
    if wanted:
        name = "/" + wanted.strip("/")
        link = file.link(name)
        links = [(name, link)] if link is not None and link.kind == "external" else []
    else:
        links = file.external_links(_MAX_OTHERS)
    if links:
        seen = ", ".join(f"{name} is {link.path} of {link.file}" for name, link in links)
        raise InputError(
            "The movie lies in other files",
            f"{path} only links to it ({seen}); links to other files are not followed.",
            f"Open {links[0][1].file} itself.",
        )


def describe(path: str, item: Any) -> Found | None:
    """Describe an array of numbers with 3 to 5 axes and room for a field; else None."""
    if not isinstance(item, Dataset) or item.dtype is None or not item.shape:
        return None
    shape = item.shape
    if not 3 <= len(shape) <= 5 or 0 in shape or sum(n >= _MIN_SIDE for n in shape) < 2:
        return None
    return Found(path, path, shape, item.dtype, item.chunks, item.is_elsewhere)


def attribute(file: File, path: str, name: str) -> Any:
    """Return an attribute of what is at a path - text, number, several - or None."""
    try:
        item = file.get(path)
        return file.attributes(item).get(name) if item is not None else None
    except DAMAGE:
        return None


def value(file: File, path: str) -> Any:
    """Return the small dataset at a path - text, number, several - or None."""
    try:
        return file.value(file.get(path))
    except DAMAGE:
        return None
