"""Reader of files that hold bare frames and no header: the user says how they lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.flat import FlatMovie, Layout, file_size
from caiman_gui.io.reader import RAW_FORMAT, FileFacts, RawGeometry, ReadChoice
from caiman_gui.io.refusals import require_choice, require_frame_size, require_sample_type

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.io.reader import FrameReader

_KIND = "raw movie"


def recognises(path: Path, head: bytes) -> bool:
    """Never tell: bare frames look like anything, so the user has to say it."""
    return False


def open_reader(path: Path, choice: ReadChoice) -> FrameReader:
    """Open a file of bare frames.

    Raises
    ------
    InputError
        If ``choice.raw`` is missing or impossible, or the file holds not one such frame.
    """
    if choice.raw is None:
        raise InputError(
            "How the frames lie in the file is not known",
            f"{path} has no header that says it.",
            "Give width, height and sample type of its frames (Raw data; --raw.width-px, "
            "--raw.height-px, --raw.dtype).",
        )
    geometry = choice.raw
    dtype = _sample_type(path, geometry)
    for word, wanted in (("channel", choice.channel), ("plane", choice.plane)):
        require_choice(path, word, wanted, 1)
    height, width = geometry.height_px, geometry.width_px
    size, frame_bytes = file_size(path), height * width * dtype.itemsize
    if size < geometry.header_bytes + frame_bytes:
        raise InputError(
            "The file is too small for the raw movie described",
            f"{path} holds {size} bytes; the header and one frame of {height} x {width} px need "
            f"{geometry.header_bytes + frame_bytes}.",
            "Check width, height, sample type and header.",
        )
    require_frame_size(path, _KIND, height, width, dtype)
    if geometry.header_bytes < 0 or geometry.gap_bytes < 0:
        raise InputError(
            "The geometry of the raw movie is impossible",
            f"{path}: a header of {geometry.header_bytes} and gaps of {geometry.gap_bytes} bytes.",
            "Give 0 where there is none.",
        )
    step = frame_bytes + geometry.gap_bytes
    n_frames, left = divmod(size - geometry.header_bytes + geometry.gap_bytes, step)
    notes: tuple[str, ...] = ()
    if left not in (0, geometry.gap_bytes):  # a gap may also follow the last frame
        notes = (
            f"The last {left} bytes of {path.name} do not fill a frame: check width, height and "
            "sample type.",
        )
    layout = Layout(
        (n_frames, height, width),
        dtype,
        geometry.header_bytes,
        (step, width * dtype.itemsize, dtype.itemsize),
    )
    return FlatMovie(path, _KIND, layout, FileFacts(format=RAW_FORMAT, notes=notes))


def _sample_type(path: Path, geometry: RawGeometry) -> np.dtype:
    try:
        dtype = np.dtype(geometry.dtype)
    except (TypeError, ValueError) as exc:
        raise InputError(
            "The sample type is not known",
            f"{path}: {geometry.dtype[:40]!r} is no type of numbers.",
            "Give uint8, uint16, int16, uint32, int32, float32 or float64.",
        ) from exc
    require_sample_type(dtype, path)
    return dtype.newbyteorder(">" if geometry.is_big_endian else "<")
