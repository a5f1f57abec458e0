"""Frames that lie uncompressed in a file: read by as few calls as possible."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.io.refusals import truncated, unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class PlainFrames:
    """Reads runs of bytes into frames. Thread-safe.

    Parameters
    ----------
    path : Path
    kind : str
        Name of the format in messages, such as "TIFF file".
    n_frames : int
        For messages.

    Raises
    ------
    InputError
        If the file cannot be opened.
    """

    def __init__(self, path: Path, kind: str, n_frames: int) -> None:
        self._path = path
        self._kind = kind
        self._n_frames = n_frames
        self._lock = threading.Lock()
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as exc:
            raise unreadable(path, exc) from exc

    def read(self, offsets: NDArray[np.int64], out: NDArray[np.generic], first: int = 0) -> None:
        """Fill frames (n, ...) from the byte offset of each; adjoining ones by one call.

        Parameters
        ----------
        offsets : (n,) int64
        out : (n, ...) C-contiguous
            In the byte order of the file.
        first : int
            Number of the first frame, for messages.
        """
        if not len(out):
            return
        n_bytes = out[0].nbytes
        flat = out.reshape(-1).view(np.uint8).data
        breaks = (np.flatnonzero(offsets[1:] - offsets[:-1] != n_bytes) + 1).tolist()
        for begin, end in zip([0, *breaks], [*breaks, len(out)], strict=True):
            target = flat[begin * n_bytes : end * n_bytes]
            done = self._fill(int(offsets[begin]), target)
            if done < len(target):
                lost = first + begin + done // n_bytes
                raise truncated(self._path, self._kind, lost, self._n_frames)

    def _fill(self, offset: int, target: memoryview) -> int:
        done = 0
        try:
            with self._lock:
                self._file.seek(offset)
                while done < len(target):
                    count = self._file.readinto(target[done:])
                    if not count:
                        break
                    done += count
        except OSError as exc:
            raise unreadable(self._path, exc) from exc
        except ValueError as exc:  # closed meanwhile
            raise unreadable(self._path, OSError(str(exc))) from exc
        return done

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
