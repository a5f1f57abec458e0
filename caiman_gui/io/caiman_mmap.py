"""Reader of CaImAn's memory-mapped movies (.mmap), whose name is their only header."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.array_axes import plan_axes
from caiman_gui.io.flat import FlatMovie, array_layout, file_size
from caiman_gui.io.reader import FileFacts

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.io.reader import FrameReader, ReadChoice

_KIND = "CaImAn movie"
_DTYPE = np.dtype("<f4")
#: Such as Yr_d1_512_d2_512_d3_1_order_F_frames_3000.mmap; older files end in _.mmap.
_KEY = re.compile(r"_(d1|d2|d3|frames)_(\d{1,12})(?=_|\Z)")
_ORDER = re.compile(r"_order_([CF])(?=_|\Z)")
#: The number of frames stands at the end, where "frames" may have been lost.
_LAST_NUMBER = re.compile(r"(?<!_d[123])_(\d{1,12})_?\Z")


def recognises(path: Path, head: bytes) -> bool:
    """Tell by the name, which is all the header such a file has."""
    return path.suffix.lower() == ".mmap"


def open_reader(path: Path, choice: ReadChoice) -> FrameReader:
    """Open a movie in order F (frame by frame) or C (pixel by pixel).

    Raises
    ------
    InputError
        If the name does not say how the movie is stored, or the file is too small for it.
    """
    sizes, is_by_frame = _parse_name(path)
    notes = [
        f"CaImAn may have shifted the values of {path.name}, to keep them above zero, and set its "
        "borders to zero: they need not be those of the microscope."
    ]
    if is_by_frame:  # T, Z, X, Y: columns one after the other
        shape, axes = (sizes["frames"], sizes["d3"], sizes["d2"], sizes["d1"]), "TZXY"
    else:
        shape, axes = (sizes["d3"], sizes["d2"], sizes["d1"], sizes["frames"]), "ZXYT"
        notes.append(
            f"{path.name} is stored pixel by pixel (order C): frames are gathered from all over "
            "the file. CaImAn's file of order F plays faster."
        )
    plan = plan_axes(path, _KIND, shape, axes, _DTYPE, replace(choice, axes=""))
    surplus = file_size(path) - sizes["pixels"] * sizes["frames"] * _DTYPE.itemsize
    if surplus > 0:
        notes.append(
            f"{path.name} is {surplus} bytes longer than its name says; they are left out."
        )
    facts = FileFacts(
        format=f"CaImAn memory map, order {'F' if is_by_frame else 'C'}",
        n_planes=sizes["d3"],
        axes=axes,
        notes=tuple(notes),
    )
    return FlatMovie(path, _KIND, array_layout(plan, _DTYPE, 0, is_fortran=False), facts)


def _parse_name(path: Path) -> tuple[dict[str, int], bool]:
    """Sizes, and whether the order is F. The last occurrence counts: names are often chained."""
    stem = path.stem
    sizes = {"d3": 1}
    sizes |= {key: int(value) for key, value in _KEY.findall(stem)}
    orders = _ORDER.findall(stem)
    if last := _LAST_NUMBER.search(stem):
        sizes["frames"] = int(last[1])
    if not orders or not {"d1", "d2", "frames"} <= sizes.keys() or min(sizes.values()) < 1:
        raise InputError(
            "The name of the CaImAn movie is incomplete",
            f"{path} does not say how its samples are stored.",
            "Give it back the name CaImAn wrote, such as "
            "movie_d1_512_d2_512_d3_1_order_F_frames_3000.mmap.",
        )
    sizes["pixels"] = sizes["d1"] * sizes["d2"] * sizes["d3"]
    return sizes, orders[-1] == "F"
