"""Which reader opens a file: told by its content, and by its name only where that is the header."""

from __future__ import annotations

import importlib
import stat
from typing import TYPE_CHECKING, Any

from caiman_gui.errors import InputError, UnknownFormatError
from caiman_gui.io.reader import ReadChoice
from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.io.reader import FrameReader

#: Modules of ``caiman_gui.io``, the most certain signs first; each is imported when its turn
#: comes, so that opening a TIFF does not load the libraries of other formats.
READERS = (
    "tiff", "npy", "caiman_mmap", "scanbox", "mat_file", "nwb", "hdf5_movie", "inscopix",
    "suite2p_bin", "video", "image_sequence",
)  # fmt: skip
#: Readers of folders.
FOLDER_READERS = ("zarr_movie",)
#: Beginnings of file names that readers recognise, for dialogs and folders.
MOVIE_SUFFIXES = (
    ".tif", ".tiff", ".btf", ".tf8", ".h5", ".hdf5", ".hdf", ".mat", ".nwb", ".nc", ".zarr",
    ".avi", ".mkv", ".mp4", ".mov", ".m4v", ".wmv", ".mpg", ".npy", ".mmap", ".sbx", ".isxd",
    ".bin", ".raw", ".dat",
)  # fmt: skip
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm")
#: Bytes from the beginning that ``recognises`` is given.
HEAD_BYTES = 4096


def open_reader(path: Path, choice: ReadChoice | None = None) -> FrameReader:
    """Open one file or folder with the reader that recognises it.

    Raises
    ------
    InputError
        If it is missing, unreadable, damaged or no movie that any reader knows.
    """
    choice = choice if choice is not None else ReadChoice()
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return _open_folder(path, choice)
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise InputError(
                "This is not a file",
                f"{path} is a pipe or a device, which cannot be read twice.",
                "Write the movie to a file, and open that.",
            )
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    if not head:
        raise InputError(
            "The file is empty",
            f"{path} holds 0 bytes.",
            "It was probably not copied to the end: copy it again.",
        )
    for name in READERS:
        module = _module(name)
        if module.recognises(path, head):
            return _opened(module, path, choice)
    if choice.raw is not None:
        return _opened(_module("raw_binary"), path, choice)
    raise _unknown(path, head)


def is_readable_folder(path: Path) -> bool:
    """Tell whether a folder is one movie by itself, as Zarr stores are."""
    return any(_module(name).recognises(path, b"") for name in FOLDER_READERS)


def _open_folder(path: Path, choice: ReadChoice) -> FrameReader:
    for name in FOLDER_READERS:
        module = _module(name)
        if module.recognises(path, b""):
            return _opened(module, path, choice)
    raise InputError(
        "This is a folder, not a movie", str(path), "Choose the movie files inside it."
    )


def _module(name: str) -> Any:
    return importlib.import_module(f"caiman_gui.io.{name}")


def _opened(module: Any, path: Path, choice: ReadChoice) -> FrameReader:
    reader: FrameReader = module.open_reader(path, choice)
    return reader


#: First bytes of kinds of files that are recognised, but hold no movie.
_OTHER_KINDS = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"%PDF", "a PDF document"),
    (b"{", "a text file"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"\x1f\x8b", "a compressed archive"),
    (b"7z\xbc\xaf", "a compressed archive"),
)
_FORMATS = (
    "TIFF, HDF5, NWB, MAT, Zarr, AVI, MKV, MP4, NPY, CaImAn .mmap, Scanbox .sbx, Inscopix .isxd "
    "and Suite2p data.bin"
)


def _unknown(path: Path, head: bytes) -> InputError:
    kind = next((name for magic, name in _OTHER_KINDS if head.startswith(magic)), "")
    if kind:
        return InputError(
            "This is not a movie", f"{path} is {kind}.", f"Movies that can be read: {_FORMATS}."
        )
    return UnknownFormatError(
        "The format of the file is not known",
        f"{path} does not start like any movie that can be read ({_FORMATS}).",
        "If it holds bare frames without a header, give their width and height "
        "(Raw data; --raw.width-px and --raw.height-px).",
    )
