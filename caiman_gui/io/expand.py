"""What a user points at - files, folders - as the list of files that make up one recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caiman_gui.errors import InputError
from caiman_gui.io.formats import IMAGE_SUFFIXES, MOVIE_SUFFIXES, is_readable_folder
from caiman_gui.io.natural import natural_key
from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

#: From so many files on they may be the single images of one movie.
_MANY = 16
#: Suffixes of files that accompany a movie and are read with it.
_COMPANIONS = (".mat", ".dat", ".bin")


@dataclass(frozen=True, slots=True)
class Source:
    """Files that one reader, or several in a row, turn into one movie.

    Attributes
    ----------
    files : tuple of Path
        In order of time.
    is_sequence : bool
        Whether each file holds a single image.
    folder : Path or None
        The folder they were found in, if the user pointed at that.
    """

    files: tuple[Path, ...]
    is_sequence: bool = False
    folder: Path | None = None


def expand(paths: Sequence[Path]) -> tuple[Source, ...]:
    """Find the files behind each path.

    Raises
    ------
    InputError
        If a folder holds no recording, or several that do not belong together.
    """
    if len(paths) >= _MANY and all(_is_image(path) for path in paths) and _are_single_images(paths):
        return (Source(tuple(paths), is_sequence=True),)
    return tuple(_expand_one(path) for path in paths)


def _expand_one(path: Path) -> Source:
    try:
        is_folder = path.is_dir()
    except OSError as exc:  # a name too long for this system, a disk that does not answer
        raise unreadable(path, exc) from exc
    if not is_folder:
        return Source((path,))
    if is_readable_folder(path):
        return Source((path,))
    from caiman_gui.io.miniscope import video_files
    from caiman_gui.io.suite2p_bin import find_data_bin

    videos = video_files(path)
    if videos:
        return Source(videos, folder=path)
    data_bin = find_data_bin(path)
    if data_bin is not None:
        return Source((data_bin,), folder=path)
    return _from_listing(path)


def _from_listing(folder: Path) -> Source:
    try:
        files = sorted((p for p in folder.iterdir() if p.is_file()), key=natural_key)
    except OSError as exc:
        raise unreadable(folder, exc) from exc
    visible = [p for p in files if not p.name.startswith(".")]
    movies = [p for p in visible if p.suffix.lower() in MOVIE_SUFFIXES]
    images = [p for p in visible if p.suffix.lower() in IMAGE_SUFFIXES]
    kinds = {p.suffix.lower() for p in movies} - set(_COMPANIONS)
    if len({_family(kind) for kind in kinds}) > 1:
        raise InputError(
            "The folder holds recordings of different formats",
            f"{folder} holds {', '.join(sorted(kinds))} files.",
            "Choose the files of one recording inside it.",
        )
    if kinds:
        chosen = tuple(p for p in movies if p.suffix.lower() in kinds)
        return Source(chosen, is_sequence=_are_single_images(chosen), folder=folder)
    if len(images) > 1:
        return Source(_of_one_kind(images), is_sequence=True, folder=folder)
    if movies:
        return Source(tuple(movies), folder=folder)
    raise InputError(
        "No movie in this folder",
        f"{folder} holds {_count(visible)}.",
        "Choose the folder that holds the movie files, or the files themselves.",
    )


def _is_image(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in IMAGE_SUFFIXES or _family(suffix) == "tiff"


def _family(suffix: str) -> str:
    if suffix in (".tif", ".tiff", ".btf", ".tf8"):
        return "tiff"
    return "hdf5" if suffix in (".h5", ".hdf5", ".hdf") else suffix


def _of_one_kind(images: Iterable[Path]) -> tuple[Path, ...]:
    """Return the images of the most frequent suffix: a preview may lie beside the frames."""
    by_kind: dict[str, list[Path]] = {}
    for image in images:
        by_kind.setdefault(image.suffix.lower(), []).append(image)
    most = max(by_kind, key=lambda kind: len(by_kind[kind]))
    return tuple(by_kind[most])


def _are_single_images(files: Sequence[Path]) -> bool:
    from caiman_gui.io.tiff_sequence import is_single_image

    return len(files) > 1 and all(is_single_image(path) for path in (files[0], files[-1]))


def _count(files: Sequence[Path]) -> str:
    if not files:
        return "no files"
    return (
        f"{len(files):,} files, but none of them is a movie"
        if len(files) > 1
        else (f"only {files[0].name}, which is no movie")
    )
