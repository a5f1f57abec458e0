"""How core code reports progress and is stopped, without knowing about Qt."""

from __future__ import annotations

from typing import Protocol


class Cancelled(Exception):
    """The user stopped the work. Never shown as an error."""


class TaskContext(Protocol):
    """Handed into every long function."""

    def progress(self, done: float, total: float, message: str = "") -> None:
        """Report that ``done`` of ``total`` is finished. May be called as often as wanted."""

    def check(self) -> None:
        """Raise Cancelled if the work was stopped. Called at least every 100 ms of work."""


class NullContext:
    """A context that ignores progress and is never cancelled."""

    def progress(self, done: float, total: float, message: str = "") -> None:
        pass

    def check(self) -> None:
        pass


NULL_CONTEXT = NullContext()


class SubContext:
    """A share of another context's progress bar, for one stage of several.

    Parameters
    ----------
    parent : TaskContext
        Where progress goes.
    start, stop : float
        The share of the parent's bar, within 0 ... 1.
    message : str
        Shown when the stage itself gives no message.
    """

    def __init__(self, parent: TaskContext, start: float, stop: float, message: str = "") -> None:
        self._parent = parent
        self._start = start
        self._span = stop - start
        self._message = message

    def progress(self, done: float, total: float, message: str = "") -> None:
        share = min(max(done / total, 0.0), 1.0) if total > 0 else 1.0
        self._parent.progress(self._start + self._span * share, 1.0, message or self._message)

    def check(self) -> None:
        self._parent.check()
