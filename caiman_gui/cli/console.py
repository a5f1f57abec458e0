"""What the user sees while a command runs: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from typing import TextIO

from caiman_gui.core.task import Cancelled

_BAR_WIDTH = 24
_BAR_EVERY_S = 0.1
_LINE_EVERY_S = 10.0
#: Before this, the time left would be a guess.
_ESTIMATE_AFTER_S = 2.0


class Console:
    """Writes lines to stderr and keeps a progress bar below them. Thread-safe.

    It also is the stream of the log handler, so that records do not run into the bar.

    Parameters
    ----------
    quiet : bool
        Only errors are shown.
    stream : text stream, optional
        By default stderr; None there (a windowed program) shows nothing.
    """

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._quiet = quiet or self._stream is None
        self._is_terminal = self._stream is not None and self._stream.isatty()
        self._guard = threading.RLock()
        self._has_bar = False
        self._last_shown = -_LINE_EVERY_S
        self._stages = {""}
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Show one line."""
        if not self._quiet:
            self.write(text + "\n")

    def write(self, text: str) -> None:
        """Write text above the bar, also when quiet: log records come this way."""
        with self._guard:
            self._clear()
            self._put(text)

    def flush(self) -> None:
        """Do nothing: every write is flushed."""

    def show(self, fraction: float, message: str) -> None:
        """Show how far the work is, as often as is readable."""
        if self._quiet:
            return
        with self._guard:
            now = time.monotonic()
            if self._is_terminal:
                if now - self._last_shown >= _BAR_EVERY_S:
                    self._last_shown = now
                    self._draw(fraction, message, now)
                return
            stage = message.partition(":")[0]  # "Searching for cells: 12 found" is one stage
            if stage not in self._stages or now - self._last_shown >= _LINE_EVERY_S:
                self.write(f"{100 * fraction:3.0f} %  {message}{self._left(fraction, now)}\n")
                self._stages.add(stage)
                self._last_shown = now

    def close(self) -> None:
        """Remove the bar."""
        with self._guard:
            self._clear()

    def _draw(self, fraction: float, message: str, now: float) -> None:
        filled = int(_BAR_WIDTH * fraction)
        bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
        line = f"[{bar}] {100 * fraction:3.0f} %  {message}{self._left(fraction, now)}"
        self._has_bar = True
        self._put(f"\r{line}\x1b[K")

    def _clear(self) -> None:
        if self._has_bar:
            self._has_bar = False
            self._put("\r\x1b[K")

    def _put(self, text: str) -> None:
        """Write, unless nobody listens any more: a run outlives its terminal."""
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # closed, a pipe without a reader, a full disk
            self._stream = None
            self._quiet = True

    def _left(self, fraction: float, now: float) -> str:
        elapsed = now - self._started
        if elapsed < _ESTIMATE_AFTER_S or not 0.02 < fraction < 1:
            return ""
        return f", {clock(elapsed * (1 - fraction) / fraction)} left"


class ConsoleContext:
    """The TaskContext of a command: progress to the console, stopped by a signal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stopped = threading.Event()

    def progress(self, done: float, total: float, message: str = "") -> None:
        fraction = min(max(done / total, 0.0), 1.0) if total > 0 else 1.0
        self._console.show(fraction, message)

    def check(self) -> None:
        if self._stopped.is_set():
            raise Cancelled

    def stop(self) -> None:
        """Make the next ``check`` raise Cancelled."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopped.is_set()


def clock(seconds: float) -> str:
    """Return ``1:05`` or ``2:00:10``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
