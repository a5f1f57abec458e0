"""Reader of Suite2p's registered movies (data.bin), described by the .npy files beside them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.files import is_file
from caiman_gui.io.flat import FlatMovie, Layout, file_size
from caiman_gui.io.reader import Fact, FileFacts
from caiman_gui.io.refusals import require_choice, require_frame_size, truncated, unreadable
from caiman_gui.io.safe_npy import read_objects

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.io.reader import FrameReader, ReadChoice

_KIND = "Suite2p movie"
_DTYPE = np.dtype("<i2")
#: The small ones first: ops.npy, which older versions wrote alone, may hold 100 MB of images.
_DESCRIPTIONS = ("db.npy", "settings.npy", "ops.npy", "reg_outputs.npy")
_DATA, _SECOND = "data.bin", "data_chan2.bin"
_MAX_SIDE, _MAX_NUMBER, _MAX_RATE_HZ = 2**20, 2**40, 1e6


def recognises(path: Path, head: bytes) -> bool:
    """Tell by the company: the file itself has no header."""
    return path.suffix.lower() == ".bin" and any(is_file(p) for p in _descriptions(path.parent))


def find_data_bin(folder: Path) -> Path | None:
    """Find the movie in a folder that Suite2p wrote: that of a plane, or one above it.

    Raises
    ------
    InputError
        If it holds several planes.
    """
    if _holds_movie(folder):
        return folder / _DATA
    for parent in (folder / "suite2p", folder):
        planes = _planes(parent)
        if len(planes) > 1:
            names = ", ".join(plane.name for plane in planes)
            raise InputError(
                "The Suite2p folder holds several planes",
                f"{parent} holds {names}.",
                "Open the folder of one plane.",
            )
        if planes:
            return planes[0] / _DATA
    return None


def open_reader(path: Path, choice: ReadChoice) -> FrameReader:
    """Open a binary movie of Suite2p.

    Raises
    ------
    InputError
        If what describes it is missing, damaged or does not fit.
    """
    facts = _read_descriptions(path)
    height, width = _side(facts, "Ly", 0), _side(facts, "Lx", 1)
    if not height or not width:
        raise InputError(
            "The size of the Suite2p movie is not known",
            f"Neither of {', '.join(_DESCRIPTIONS)} beside {path} holds Ly and Lx.",
            "Copy the whole folder of the plane again, with ops.npy.",
        )
    require_frame_size(path, _KIND, height, width, _DTYPE)
    has_second = path.name == _DATA and is_file(path.with_name(_SECOND))
    require_choice(path, "channel", choice.channel, 2 if has_second else 1)
    require_choice(path, "plane", choice.plane, 1)
    movie = path.with_name(_SECOND) if choice.channel == 2 else path
    frame_bytes = height * width * _DTYPE.itemsize
    n_frames, surplus = divmod(file_size(movie), frame_bytes)
    expected = _integer(facts.get("nframes"))
    if not n_frames or (expected and n_frames < expected):
        raise truncated(movie, _KIND, n_frames, max(expected or 1, 1))
    notes = [_origin(movie, facts)]
    if surplus:
        notes.append(f"{movie.name} ends within a frame: its last {surplus} bytes are left out.")
    if expected and n_frames > expected:
        notes.append(f"{movie.name} holds {n_frames} frames; Suite2p speaks of {expected}.")
    layout = Layout((n_frames, height, width), _DTYPE, 0, (frame_bytes, 2 * width, 2))
    rate = _rate(facts)
    return FlatMovie(
        movie,
        _KIND,
        layout,
        FileFacts(
            format="Suite2p binary movie",
            frame_rate=Fact(rate, "Suite2p fs") if rate else None,
            channels=("functional", "second") if has_second else ("",),
            notes=tuple(notes),
        ),
    )


def _origin(movie: Path, facts: dict[str, Any]) -> str:
    run = facts.get("run")
    done = (run if isinstance(run, dict) else facts).get("do_registration", 1)
    if "raw" in movie.stem or (isinstance(done, (int, float)) and not done):
        return f"{movie.name} is the movie as Suite2p read it: not corrected for motion."
    return (
        f"{movie.name} was already corrected for motion by Suite2p: doing it again is not needed."
    )


def _read_descriptions(path: Path) -> dict[str, Any]:
    """Merge what lies beside a movie; a damaged file matters only if no other one tells."""
    facts: dict[str, Any] = {}
    failure: InputError | None = None
    for description in _descriptions(path.parent):
        if not is_file(description):
            continue
        try:
            found = read_objects(description)
        except InputError as exc:
            failure = failure or exc
            continue
        if isinstance(found, dict):
            facts = {key: value for key, value in found.items() if value is not None} | facts
        if _side(facts, "Ly", 0) and _side(facts, "Lx", 1) and _rate(facts):
            return facts
    if failure is not None and not (_side(facts, "Ly", 0) and _side(facts, "Lx", 1)):
        raise failure
    return facts


def _side(facts: dict[str, Any], key: str, axis: int) -> int | None:
    """Height or width: stated, or that of an image."""
    stated = _integer(facts.get(key))
    if stated is not None and 0 < stated <= _MAX_SIDE:
        return stated
    for name in ("refImg", "meanImg"):
        image = facts.get(name)
        if isinstance(image, np.ndarray) and image.ndim == 2:
            return int(image.shape[axis])
    return None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and abs(value) < _MAX_NUMBER else None


def _integer(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number == int(number) else None


def _rate(facts: dict[str, Any]) -> float | None:
    value = _number(facts.get("fs"))
    return float(value) if value is not None and 0 < value < _MAX_RATE_HZ else None


def _descriptions(folder: Path) -> list[Path]:
    return [folder / name for name in _DESCRIPTIONS]


def _holds_movie(folder: Path) -> bool:
    return is_file(folder / _DATA) and any(is_file(path) for path in _descriptions(folder))


def _planes(folder: Path) -> list[Path]:
    """Folders plane0, plane1 ... that hold a movie, in their order."""
    try:
        found = [
            (int(match[1]), path)
            for path in folder.iterdir()
            if (match := re.fullmatch(r"plane(\d{1,6})", path.name)) and _holds_movie(path)
        ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise unreadable(folder, exc) from exc
    return [path for _, path in sorted(found)]
