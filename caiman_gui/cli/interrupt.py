"""Stops a command within a second of Ctrl-C, whatever it is doing."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from caiman_gui.core.task import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from caiman_gui.cli.console import ConsoleContext

Out = TypeVar("Out")

_POLL_S = 0.05
#: What the work gets to stop by itself; compiling a kernel, for instance, cannot look up.
GRACE_S = 0.4
#: Compilers recurse deeply, and some systems give threads small stacks.
_STACK_BYTES = 16 * 2**20


class Abandoned(Cancelled):
    """The work did not stop in time and still runs: the process has to end."""


class _Job(Generic[Out]):
    def __init__(self, work: Callable[[], Out]) -> None:
        self._work = work
        self.result: Out | None = None
        self.error: BaseException | None = None
        self.is_done = threading.Event()

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as exc:  # noqa: BLE001 handed on to the thread that waits
            self.error = exc
        finally:
            self.is_done.set()


def run_interruptible(work: Callable[[], Out], ctx: ConsoleContext) -> Out:
    """Run work in a thread, and stop it on SIGINT or SIGTERM.

    Parameters
    ----------
    work : callable
        It calls ``ctx.check()`` often.
    ctx : ConsoleContext
        Stopped by the signals.

    Raises
    ------
    Cancelled
        If the work stopped when asked to.
    Abandoned
        If it did not within the grace time.
    """
    job = _Job(work)
    previous = threading.stack_size(_STACK_BYTES)
    try:
        thread = threading.Thread(target=job.run, name="work", daemon=True)
        with _signals_stop(ctx):
            thread.start()
            _wait(job.is_done, ctx)
    finally:
        threading.stack_size(previous)
    thread.join()
    if job.error is not None:
        raise job.error
    return job.result  # type: ignore[return-value]


def _wait(is_done: threading.Event, ctx: ConsoleContext) -> None:
    deadline: float | None = None
    while not is_done.wait(_POLL_S):  # short waits: signals are only seen between them on Windows
        if not ctx.is_stopped:
            continue
        if deadline is None:
            deadline = time.monotonic() + GRACE_S
        elif time.monotonic() > deadline:
            raise Abandoned


@contextlib.contextmanager
def _signals_stop(ctx: ConsoleContext) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        ctx.stop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
