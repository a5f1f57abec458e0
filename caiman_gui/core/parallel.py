"""Threads over independent pieces of work, in a fixed order: results never depend on them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from caiman_gui.core.task import TaskContext

In = TypeVar("In")
Out = TypeVar("Out")


def cpu_count() -> int:
    """Cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def thread_map(
    function: Callable[[In], Out], items: Iterable[In], *, n_threads: int, ctx: TaskContext
) -> Iterator[Out]:
    """Apply a function that releases the GIL to every item; yield results in order of the items.

    At most ``2 * n_threads`` items are in flight, so memory stays bounded. ``ctx.check()`` runs
    between results; on cancel the pieces already started are awaited and the rest dropped.
    """
    if n_threads <= 1:
        for item in items:
            ctx.check()
            yield function(item)
        return
    with ThreadPoolExecutor(n_threads, thread_name_prefix="core") as pool:
        pending = []
        try:
            for item in items:
                ctx.check()
                pending.append(pool.submit(function, item))
                if len(pending) >= 2 * n_threads:
                    yield pending.pop(0).result()
            while pending:
                ctx.check()
                yield pending.pop(0).result()
        finally:
            for future in pending:
                future.cancel()
