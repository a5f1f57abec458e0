"""Movies in MATLAB files: version 7.3, which is HDF5, and the older ones, up to a size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from caiman_gui.io.array_axes import assumed, guess_axes
from caiman_gui.io.array_choice import Candidate, pick
from caiman_gui.io.h5.dataset import Dataset
from caiman_gui.io.h5.source import signature_at
from caiman_gui.io.hdf5_facts import frame_rate, pixel_size
from caiman_gui.io.hdf5_movie import open_candidate
from caiman_gui.io.hdf5_walk import attribute, look_into, opening, value
from caiman_gui.io.reader import FileFacts
from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from caiman_gui.io.array_choice import Found
    from caiman_gui.io.h5.file import File
    from caiman_gui.io.reader import FrameReader, ReadChoice

KIND = "MAT file"
#: Where version 7.3 keeps the values of cells and structs.
_REFERENCED = "/#refs#/"
_INTERNAL = "/#subsystem#/"
#: Classes that MATLAB stores as numbers, but that are none.
_NO_NUMBERS = ("char", "cell", "struct", "function_handle")


def recognises(path: Path, head: bytes) -> bool:
    """Tell whether a file is a MAT file by its first 4096 bytes; ``path`` is not looked at."""
    if not head.startswith(b"MATLAB"):
        return False
    return signature_at(head) == 512 or (
        len(head) >= 128 and head[126:128] in (b"IM", b"MI") and 1 in head[124:126]
    )


def open_reader(path: Path, choice: ReadChoice) -> FrameReader:
    """Open the variable that was chosen, else the one that looks most like a movie.

    Arrays are taken as MATLAB hands them to other programs: the last of its dimensions first.
    A variable Y x X x T has the axes "TXY".

    Raises
    ------
    InputError
        If the file is missing, damaged, too large for its version, or holds no movie.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(1024)
    except OSError as exc:
        raise unreadable(path, exc) from exc
    if signature_at(head) is None:
        from caiman_gui.io.mat_old import open_old

        return open_old(path, choice)
    with opening(path, KIND) as file:
        content, paths = look_into(file)
        labels = _labels_of_cells(file, paths)
        candidates = [
            _candidate(path, found, labels) for found in content.found if _is_array(file, found)
        ]
        candidate, note = pick(path, KIND, candidates, choice.dataset, content)
        name = candidate.found.name
        facts = FileFacts(
            format="MATLAB 7.3",
            frame_rate=frame_rate(file, name, is_matlab=True),
            pixel_size=pixel_size(file, name, is_matlab=True),
            notes=(note,) if note else (),
        )
        return open_candidate(path, KIND, file, candidate, candidates, choice, facts)


def matlab_axes(path: Path, name: str, shape: tuple[int, ...], chunks: Any) -> tuple[str, str]:
    """Axes of a MATLAB array, the last dimension first, and the note about them."""
    axes = guess_axes(shape, chunks, is_matlab=True)
    return axes, assumed(path.name, name.strip("/"), shape, axes, "does not name its axes")


def _candidate(path: Path, found: Found, labels: dict[str, str]) -> Candidate:
    found = replace(found, path=labels.get(found.name, found.path))
    axes, note = matlab_axes(path, found.path, found.shape, found.chunks)
    return Candidate(found, axes, note)


def _is_array(file: File, found: Found) -> bool:
    if found.name.startswith(_INTERNAL) or attribute(file, found.name, "MATLAB_empty"):
        return False
    return attribute(file, found.name, "MATLAB_class") not in _NO_NUMBERS


def _labels_of_cells(file: File, paths: Mapping[int, str]) -> dict[str, str]:
    """Names such as "/movies{2}" for the datasets that cells refer to."""
    labels: dict[str, str] = {}
    for path, item in file.walk():
        if not isinstance(item, Dataset) or item.value_type.kind != "reference":
            continue
        addresses = None if path.startswith((_REFERENCED, _INTERNAL)) else value(file, path)
        for number, address in enumerate(addresses if isinstance(addresses, list) else [], 1):
            if address in paths:
                labels.setdefault(paths[address], f"{path}{{{number}}}")
    return labels
