"""Where log records go: the terminal, a file, and a ring in memory for the Log panel."""

from __future__ import annotations

import logging
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = ("debug", "info", "warning", "error")
RING_SIZE = 5_000
_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class SupportsWrite(Protocol):
    """What a log handler needs of a stream."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class _OneLine(logging.Formatter):
    """Tells a person what happened; tracebacks are for the file."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.capitalize()}: {record.getMessage()}"


def _is_for_users(record: logging.LogRecord) -> bool:
    """Keep Python's own warnings, which name lines of code, off the terminal."""
    return record.name != "py.warnings"


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
        """Return the formatted records at or above a level, oldest first."""
        with self._guard:
            return [text for number, text in self._records if number >= level]


def setup_logging(
    level: str = "info", log_file: Path | None = None, *, stream: SupportsWrite | None = None
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
    stream : text stream, optional
        Gets the records too; by default nobody does, since a windowed program has no stderr.
    """
    close_logging()
    logging.raiseExceptions = False  # a full disk must not print a traceback for each record
    logging.captureWarnings(True)
    number = getattr(logging, level.upper())
    kept = min(number, logging.INFO)
    memory = MemoryHandler()
    handlers: list[logging.Handler] = [memory]
    if log_file is not None:
        handlers.append(
            logging.FileHandler(log_file, mode="w", encoding="utf-8", errors="backslashreplace")
        )
        handlers[-1].setFormatter(logging.Formatter(_FORMAT))
    for handler in handlers:
        handler.setLevel(kept)
    if stream is not None:
        terminal = logging.StreamHandler(stream)
        terminal.setLevel(number)
        terminal.setFormatter(_OneLine())
        if number > logging.DEBUG:
            terminal.addFilter(_is_for_users)
        handlers.append(terminal)
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in handlers:
        handler.set_name("caiman_gui")
        root.addHandler(handler)
    logging.getLogger("caiman_gui").setLevel(kept)
    return memory


def close_logging() -> None:
    """Detach and close what ``setup_logging`` set up."""
    logging.captureWarnings(False)
    root = logging.getLogger()
    for handler in list(root.handlers):
        if handler.get_name() == "caiman_gui":
            root.removeHandler(handler)
            handler.close()


def log_file() -> Path | None:
    """Return the file the records go to now, if there is one."""
    for handler in logging.getLogger().handlers:
        if handler.get_name() == "caiman_gui" and isinstance(handler, logging.FileHandler):
            return Path(handler.baseFilename)
    return None
