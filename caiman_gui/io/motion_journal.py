"""Notes beside an unfinished corrected movie, from which motion correction goes on."""

from __future__ import annotations

import json
import os
import struct
import zlib
from contextlib import suppress
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.motion.progress import Aligned
from caiman_gui.io.atomic import storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.store_writer import StoreWriter

_MAGIC = b"CGJOURN1"
_START = struct.Struct("<8sII")
#: Frames between two notes: a note takes as much room as some ten frames.
EVERY_FRAMES = 512
#: Together they reach back further than the movie file lags behind: three blocks of 256 frames.
_N_NOTES = 4
_ARRAYS = tuple(field.name for field in fields(Aligned) if field.name != "n_done")
#: Of these only the frames that are done are kept.
_PER_FRAME = ("shifts", "before", "after")


class MotionJournal:
    """Some notes in turns, the newest of which may be ahead of what the movie file holds.

    Parameters
    ----------
    path : Path
        The corrected movie that is being written.
    key : str
        Tells what it is made from: notes of another key are not used.
    writer : StoreWriter
        Open; its finished frames limit what can be gone on from.
    """

    def __init__(self, path: Path, key: str, writer: StoreWriter) -> None:
        self._path = path
        self._key = key
        self._n_stored = writer.n_done
        self._places = journal_paths(path)
        self._turn = 0
        self._noted = 0

    def restore(self, blank: Aligned) -> Aligned:
        """Return what an interrupted run has left, or ``blank``."""
        found = [self._read(place, blank) for place in self._places]
        usable = [item for item in found if item is not None and item.n_done <= self._n_stored]
        best = max(usable, key=lambda item: item.n_done, default=blank)
        self._noted = best.n_done
        if best is not blank:  # the note that is used must not be the first that is written over
            self._turn = (next(i for i, item in enumerate(found) if item is best) + 1) % _N_NOTES
        return best

    def note(self, aligned: Aligned) -> None:
        """Keep the present state, if the last one kept is old enough.

        Raises
        ------
        ResourceError
            If it cannot be written.
        """
        if aligned.n_done - self._noted < EVERY_FRAMES:
            return
        place = self._places[self._turn]
        parts = [np.ascontiguousarray(array) for array in _kept(aligned)]
        text = json.dumps({"key": self._key, "n_done": aligned.n_done}).encode()
        body = b"".join(part.tobytes() for part in parts)
        temporary = place.with_name(f"{place.name}.new.part")
        try:
            with temporary.open("wb") as file:
                file.write(_START.pack(_MAGIC, len(text), zlib.crc32(body, zlib.crc32(text))))
                file.write(text)
                file.write(body)
            os.replace(temporary, place)
        except OSError as exc:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise storage_error(exc, self._path) from exc
        self._noted, self._turn = aligned.n_done, (self._turn + 1) % _N_NOTES

    def remove(self) -> None:
        """Remove the notes: the movie is finished."""
        for place in self._places:
            with suppress(OSError):
                place.unlink(missing_ok=True)

    def _read(self, place: Path, blank: Aligned) -> Aligned | None:
        """Return what a note holds; None if there is none, or it is of another run or torn."""
        try:
            raw = place.read_bytes()
            magic, length, crc = _START.unpack_from(raw)
            text, body = raw[_START.size :][:length], raw[_START.size + length :]
            values = json.loads(text)
            n_done = int(values["n_done"])
        except (OSError, ValueError, KeyError, TypeError, struct.error):
            return None
        is_whole = magic == _MAGIC and crc == zlib.crc32(body, zlib.crc32(text))
        if not is_whole or values["key"] != self._key or not 0 < n_done <= len(blank.before):
            return None
        arrays: dict[str, NDArray[Any]] = {}
        for name, kept in zip(_ARRAYS, _kept(replace(blank, n_done=n_done)), strict=True):
            part, body = body[: kept.nbytes], body[kept.nbytes :]
            if len(part) != kept.nbytes:
                return None
            array = np.array(getattr(blank, name))
            found = np.frombuffer(part, kept.dtype).reshape(kept.shape)
            array[: len(kept)] = found
            arrays[name] = array
        return None if body else Aligned(n_done=n_done, **arrays)


def journal_paths(path: Path) -> tuple[Path, ...]:
    """Where the notes about an unfinished movie lie."""
    return tuple(path.with_name(f".{path.name}.{turn}.part") for turn in range(_N_NOTES))


def _kept(aligned: Aligned) -> Iterator[NDArray[Any]]:
    for name in _ARRAYS:
        array = getattr(aligned, name)
        yield array[: aligned.n_done] if name in _PER_FRAME else array
