"""Telling recordings apart by their content, wherever they lie."""

from __future__ import annotations

import hashlib
import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Bytes hashed at the beginning, the middle and the end of a file.
_SAMPLE_BYTES = 2**20
#: Files of a folder whose names and sizes are looked at.
_MOST_LISTED = 20_000


def fingerprint(paths: Sequence[Path]) -> str:
    """Hash of size and of the head, middle and tail of every file; independent of its place.

    Of a folder, the names and sizes of its files count, and the content of three of them.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            if path.is_dir():
                _add_folder(digest, path)
            else:
                _add_file(digest, path)
        except OSError as exc:
            raise unreadable(path, exc) from exc
    return digest.hexdigest()[:32]


def _add_file(digest: Any, path: Path) -> None:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        digest.update(str(size).encode())
        for start in (0, (size - _SAMPLE_BYTES) // 2, size - _SAMPLE_BYTES):
            file.seek(max(0, start))
            digest.update(file.read(_SAMPLE_BYTES))


def _add_folder(digest: Any, folder: Path) -> None:
    files = list(islice(_walk(folder), _MOST_LISTED))
    for path in files:
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name} {path.stat().st_size}".encode(errors="replace"))
    for index in sorted({0, len(files) // 2, len(files) - 1} if files else ()):
        _add_file(digest, files[index])


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in an order that is the same on every system."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_file():
            yield folder / entry.name
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(folder / entry.name)
