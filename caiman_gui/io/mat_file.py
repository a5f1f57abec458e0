"""Movies in MATLAB files: version 7.3, which is HDF5, and the older ones, up to a size."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from caiman_gui.io.array_axes import assumed, guess_axes
from caiman_gui.io.array_choice import Candidate, pick
from caiman_gui.io.hdf5_facts import frame_rate, pixel_size
from caiman_gui.io.hdf5_movie import open_candidate
from caiman_gui.io.hdf5_walk import attribute, look_into, opening, resolve, signature_at, walk
from caiman_gui.io.reader import FileFacts
from caiman_gui.io.refusals import DAMAGE

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.io.array_choice import Found
    from caiman_gui.io.reader import FrameReader, ReadChoice

KIND = "MAT file"
#: Where version 7.3 keeps the values of cells and structs.
_REFERENCED = "/#refs#/"
_INTERNAL = "/#subsystem#/"
#: Classes that MATLAB stores as numbers, but that are none.
_NO_NUMBERS = ("char", "cell", "struct", "function_handle")
_MAX_CELLS = 1_000


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
    with path.open("rb") as stream:
        head = stream.read(1024)
    if signature_at(head) is None:
        from caiman_gui.io.mat_old import open_old

        return open_old(path, choice)
    with opening(path, KIND) as file:
        content = look_into(file)
        labels = _labels_of_cells(file)
        candidates = [
            _candidate(path, found, labels) for found in content.found if _is_array(file, found)
        ]
        candidate, note = pick(path, KIND, candidates, choice.dataset, content)
        name = candidate.found.name
        facts = FileFacts(
            format="MATLAB 7.3",
            frame_rate=frame_rate(file, name, "MATLAB variable"),
            pixel_size=pixel_size(file, name, "MATLAB variable"),
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


def _is_array(file: h5py.File, found: Found) -> bool:
    item = resolve(file, found.name)
    if found.name.startswith(_INTERNAL) or attribute(item, "MATLAB_empty"):
        return False
    return attribute(item, "MATLAB_class") not in _NO_NUMBERS


def _labels_of_cells(file: h5py.File) -> dict[str, str]:
    """Names such as "/movies{2}" for the datasets that cells refer to."""
    labels: dict[str, str] = {}
    for path, item in walk(file):
        if not isinstance(item, h5py.Dataset) or path.startswith((_REFERENCED, _INTERNAL)):
            continue
        try:
            if h5py.check_ref_dtype(item.dtype) is not h5py.Reference or not item.shape:
                continue
            if prod(item.shape) > _MAX_CELLS:
                continue
            for number, reference in enumerate(np.ravel(item[()]), 1):
                name = h5py.h5r.get_name(reference, file.id) if reference else None
                if name:
                    labels.setdefault(name.decode(), f"{path}{{{number}}}")
        except DAMAGE:
            continue
    return labels
