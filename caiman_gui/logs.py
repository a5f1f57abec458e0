"""Where log records go: the terminal, a file, and a ring in memory for the Log panel."""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEVELS = ("debug", "info", "warning", "error")
RING_SIZE = 5_000
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class MemoryHandler(logging.Handler):
    """Keeps the last records, and tells a listener that there are new ones.

    Parameters
    ----------
    size : int
        Number of records kept.
    """

    def __init__(self, size: int = RING_SIZE) -> None:
        super().__init__()
        self._records: deque[tuple[int, str]] = deque(maxlen=size)
        self._guard = threading.Lock()
        self.listener: Callable[[], None] | None = None
        self.setFormatter(logging.Formatter(_FORMAT, "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        line = (record.levelno, self.format(record))
        with self._guard:
            self._records.append(line)
        listener = self.listener
        if listener is not None:
            listener()

    def lines(self, level: int = logging.DEBUG) -> list[str]:
        """Formatted records at or above a level, oldest first."""
        with self._guard:
            return [text for number, text in self._records if number >= level]


def setup_logging(
    level: str = "info", log_file: Path | None = None, *, console: bool = True
) -> MemoryHandler:
    """Send the program's log records to the terminal, to a file and to memory.

    Calling it again replaces what it set up before. Other packages' records are let through from
    warnings on.

    Parameters
    ----------
    level : {"debug", "info", "warning", "error"}
        What the terminal shows; file and memory keep info and above, or more if asked for.
    log_file : Path, optional
        Written anew. An OSError is the caller's to explain.
    console : bool
        Whether stderr gets the records; it does not exist in a windowed program.
    """
    close_logging()
    number = getattr(logging, level.upper())
    kept = min(number, logging.INFO)
    memory = MemoryHandler()
    handlers: list[logging.Handler] = [memory]
    if log_file is not None:
        handlers.append(logging.FileHandler(log_file, mode="w", encoding="utf-8"))
        handlers[-1].setFormatter(logging.Formatter(_FORMAT))
    for handler in handlers:
        handler.setLevel(kept)
    if console and sys.stderr is not None:
        stream = logging.StreamHandler(sys.stderr)
        stream.setLevel(number)
        stream.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        handlers.append(stream)
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in handlers:
        handler.set_name("caiman_gui")
        root.addHandler(handler)
    logging.getLogger("caiman_gui").setLevel(kept)
    return memory


def close_logging() -> None:
    """Detach and close what ``setup_logging`` set up."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if handler.get_name() == "caiman_gui":
            root.removeHandler(handler)
            handler.close()
