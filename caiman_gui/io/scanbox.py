"""Reader of Scanbox movies: bit-inverted samples in a .sbx file, described by a .mat file."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.files import is_file
from caiman_gui.io.array_axes import plan_axes
from caiman_gui.io.flat import FlatMovie, array_layout, file_size
from caiman_gui.io.mat5 import MAT5_MAGIC, read_variable
from caiman_gui.io.reader import Fact, FileFacts, ReadChoice
from caiman_gui.io.refusals import require_frame_size, truncated, unreadable
from caiman_gui.io.scanbox_info import ScanboxInfo, interpret

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.io.reader import FrameReader

_KIND = "Scanbox movie"
_DTYPE = np.dtype("<u2")
#: Columns at the left where the digitiser has not settled show the largest value.
_DEAD_VALUE = 65000


def recognises(path: Path, head: bytes) -> bool:
    """Tell by the name, since samples follow no header, or by being the companion of a movie."""
    if path.suffix.lower() == ".sbx":
        return True
    is_mat = path.suffix.lower() == ".mat" and head.startswith((MAT5_MAGIC, b"MATLAB 7.3"))
    return is_mat and is_file(_companion(path, ".sbx"))


def open_reader(path: Path, choice: ReadChoice) -> FrameReader:
    """Open a recording by either file of the pair.

    Raises
    ------
    InputError
        If one of them is missing or damaged, or there is no such channel or plane.
    """
    movie, description = _companion(path, ".sbx"), _companion(path, ".mat")
    info = _read_info(movie, description)
    size = file_size(movie)
    require_frame_size(movie, _KIND, info.height, info.width, _DTYPE)
    images_bytes = info.height * info.width * len(info.channels) * _DTYPE.itemsize
    n_images, surplus = divmod(size, images_bytes)
    n_frames, incomplete = divmod(n_images, info.n_planes)
    if not n_frames:
        raise truncated(movie, _KIND, 0, 1)
    shape = (n_frames, info.n_planes, info.height, info.width, len(info.channels))
    plan = plan_axes(
        movie, _KIND, shape, "TZYXC", _DTYPE, ReadChoice(channel=choice.channel, plane=choice.plane)
    )
    notes = [f"{description.name} {note}." for note in info.notes]
    if surplus or incomplete:
        left_out = size - prod(shape) * _DTYPE.itemsize
        notes.append(
            f"{movie.name} ends within a {'volume' if info.n_planes > 1 else 'frame'}: the last "
            f"{left_out} bytes are left out."
        )
    reader = FlatMovie(
        movie,
        _KIND,
        array_layout(plan, _DTYPE, 0, is_fortran=False),
        _facts(info, tuple(notes)),
        is_inverted=True,
    )
    if info.is_bidirectional:
        with ExitStack() as on_failure:
            on_failure.callback(reader.close)
            notes += _dead_columns(reader)
            on_failure.pop_all()
        reader.facts = replace(reader.facts, notes=tuple(notes))
    return reader


def _facts(info: ScanboxInfo, notes: tuple[str, ...]) -> FileFacts:
    direction = "bidirectional" if info.is_bidirectional else "unidirectional"
    rate, pixel = info.frame_rate_hz, info.pixel_size_um
    return FileFacts(
        format=f"Scanbox, {direction}",
        frame_rate=Fact(rate, info.rate_source) if rate else None,
        pixel_size=Fact(pixel, "Scanbox calibration") if pixel else None,
        channels=info.channels,
        n_planes=info.n_planes,
        axes="TZYXC",
        notes=notes,
    )


def _dead_columns(reader: FlatMovie) -> list[str]:
    """Note how many columns at the left hold no data, if the first frame shows some."""
    dead = np.median(reader.frames(0, 1)[0], axis=0) >= _DEAD_VALUE
    count = int(np.argmin(dead)) if not dead.all() else 0
    if not count:
        return []
    return [
        f"The first {count} columns of {reader.path.name} hold no data, as usual in bidirectional "
        "mode: crop them."
    ]


def _read_info(movie: Path, description: Path) -> ScanboxInfo:
    for path, what in ((movie, "movie (.sbx)"), (description, "description (.mat)")):
        if not is_file(path):
            raise InputError(
                f"The {what} of the Scanbox recording is missing",
                f"{path} does not exist; a recording is a pair of files of the same name.",
                f"Copy it from the microscope into the folder {path.parent}.",
            )
    try:
        with description.open("rb") as file:
            head = file.read(len(MAT5_MAGIC))
    except OSError as exc:
        raise unreadable(description, exc) from exc
    if head.startswith(b"MATLAB 7.3"):
        raise InputError(
            "The description of the Scanbox recording is of a newer format",
            f"{description} was saved again as MATLAB 7.3.",
            "Save it in MATLAB as before: load(...), then save(..., 'info', '-v7').",
        )
    info = read_variable(description, "info") if head == MAT5_MAGIC else None
    if not isinstance(info, dict):
        raise InputError(
            "The description of the Scanbox recording cannot be read",
            f"{description} holds no MATLAB struct 'info'.",
            "Copy the .mat file that Scanbox wrote beside the movie again.",
        )
    return interpret(info)


def _companion(path: Path, suffix: str) -> Path:
    """Return the file of the same name, whatever the case of its suffix."""
    if path.suffix.lower() == suffix:
        return path
    upper = path.with_suffix(suffix.upper())
    return upper if is_file(upper) else path.with_suffix(suffix)
