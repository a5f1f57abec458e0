"""Reader of NumPy arrays (.npy): in C or Fortran order, of any byte order, never unpickled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caiman_gui.errors import InputError
from caiman_gui.io.array_axes import assumed, guess_axes, plan_axes
from caiman_gui.io.flat import FlatMovie, array_layout
from caiman_gui.io.npy_header import KIND, NPY_MAGIC, NpyHeader, read_header
from caiman_gui.io.reader import FileFacts
from caiman_gui.io.refusals import require_sample_type

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from caiman_gui.io.reader import FrameReader, ReadChoice


def recognises(path: Path, head: bytes) -> bool:
    """Tell whether a file starts like a NumPy array."""
    return head.startswith(NPY_MAGIC)


def open_reader(path: Path, choice: ReadChoice) -> FrameReader:
    """Open an array of 3 to 5 axes as a movie.

    Raises
    ------
    InputError
        If it is damaged, truncated, holds objects instead of numbers, or its axes do not fit.
    """
    header = read_header(path)
    dtype = _sample_type(path, header)
    axes = _axes(path, header, choice)
    plan = plan_axes(path, KIND, header.shape, axes, dtype, choice)
    notes = []
    if not choice.axes and not (len(axes) == 3 and plan.axes == "TYX"):
        notes.append(
            assumed(path.name, "The array", header.shape, plan.axes, "does not name its axes")
        )
    layout = array_layout(plan, dtype, header.offset, is_fortran=header.is_fortran)
    if not layout.has_frames_in_a_row:
        notes.append(
            f"{path.name} is stored pixel by pixel: frames are gathered from all over the file."
        )
    facts = FileFacts(
        format=f"NumPy array (.npy {header.version})",
        channels=tuple(str(n + 1) for n in range(plan.size("C"))) if plan.size("C") > 1 else ("",),
        n_planes=plan.size("Z"),
        axes=plan.axes,
        notes=tuple(notes),
    )
    return FlatMovie(path, KIND, layout, facts)


def _sample_type(path: Path, header: NpyHeader) -> np.dtype:
    if header.dtype is None or header.dtype.hasobject:
        what = "records" if header.dtype is None else "Python objects"
        raise InputError(
            "The file holds no movie",
            f"{path} holds {what} instead of numbers.",
            "For a movie that Suite2p corrected, open its data.bin.",
        )
    require_sample_type(header.dtype, path)
    return header.dtype


def _axes(path: Path, header: NpyHeader, choice: ReadChoice) -> str:
    n_axes = len(header.shape)
    if choice.axes:
        return choice.axes
    if not 3 <= n_axes <= 5:
        sides = " x ".join(str(n) for n in header.shape) or "a single number"
        raise InputError(
            "The array is not a movie",
            f"{path} holds {sides}; a movie has 3 axes (time, rows, columns), or up to 5 with "
            "channels and planes.",
            "Open the movie itself; traces and images are not one.",
        )
    return guess_axes(header.shape)
