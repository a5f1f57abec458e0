"""The files of a recording, of which only those used last are open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from caiman_gui.errors import InputError
from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from caiman_gui.io.reader import FileFacts, FrameReader

#: Readers open at a time: each holds a file and may cache some frames.
MOST_OPEN = 8


class Part:
    """One file of a recording: what is known of it, and how it is opened again.

    Parameters
    ----------
    open_reader : callable
        Opens the file.
    reader : FrameReader
        As just opened.
    """

    def __init__(self, open_reader: Callable[[], FrameReader], reader: FrameReader) -> None:
        self.open_reader = open_reader
        self.path = reader.path
        self.shape = reader.shape
        self.dtype = reader.dtype
        self.facts: FileFacts = reader.facts
        self.reader: FrameReader | None = reader
        self.n_users = 0


class PartPool:
    """Keeps the readers used last open. Thread-safe."""

    def __init__(self, most_open: int = MOST_OPEN) -> None:
        self.parts: list[Part] = []
        self._most = most_open
        self._open: OrderedDict[int, Part] = OrderedDict()
        self._lock = threading.Lock()
        self._is_closed = False

    def add(self, part: Part) -> None:
        """Take one more part, which is open."""
        with self._lock:
            self._open[len(self.parts)] = part
            self.parts.append(part)
            self._shut_idle()

    @contextmanager
    def reader(self, index: int) -> Iterator[FrameReader]:
        """Give the reader of a part, open for as long as the block runs.

        Raises
        ------
        InputError
            If the file cannot be opened again, or is another one now.
        """
        part = self.parts[index]
        with self._lock:
            if self._is_closed:
                raise unreadable(part.path, OSError("it was closed meanwhile"))
            if part.reader is None:
                part.reader = _reopened(part)
            reader = part.reader
            part.n_users += 1
            self._open[index] = part
            self._open.move_to_end(index)
            self._shut_idle()
        try:
            yield reader
        finally:
            with self._lock:
                part.n_users -= 1
                self._shut_idle()

    def close(self) -> None:
        """Close every file."""
        with self._lock:
            self._is_closed = True
            for part in self._open.values():
                if part.reader is not None:
                    part.reader.close()
                    part.reader = None
            self._open.clear()

    def _shut_idle(self) -> None:
        for index in list(self._open):
            if len(self._open) <= self._most:
                return
            part = self._open[index]
            if part.n_users == 0 and part.reader is not None:
                part.reader.close()
                part.reader = None
                del self._open[index]


def _reopened(part: Part) -> FrameReader:
    reader = part.open_reader()
    if reader.shape != part.shape or reader.dtype != part.dtype:
        reader.close()
        raise InputError(
            "The movie has changed",
            f"{part.path} held {part.shape[0]} frames of {part.shape[1]} x {part.shape[2]} px, "
            f"now it holds {reader.shape[0]} of {reader.shape[1]} x {reader.shape[2]} px.",
            "Put the old file back, or open the movie again.",
        )
    return reader
