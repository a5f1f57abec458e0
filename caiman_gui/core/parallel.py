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
    function: Callable[[In], Out],
    items: Iterable[In],
    *,
    n_threads: int,
    ctx: TaskContext,
    n_in_flight: int | None = None,
) -> Iterator[Out]:
    """Apply a function that releases the GIL to every item; yield results in order of the items.

    At most ``n_in_flight`` items (by default ``2 * n_threads``) are begun or waiting, so memory
    stays bounded. ``ctx.check()`` runs between results; on cancel the pieces already started are
    awaited and the rest dropped.
    """
    if n_threads <= 1:
        for item in items:
            ctx.check()
            yield function(item)
        return
    most = 2 * n_threads if n_in_flight is None else max(1, n_in_flight)
    yield from _pooled(function, items, n_threads, most, ctx)


def read_ahead(
    function: Callable[[In], Out], items: Iterable[In], *, n_ahead: int, ctx: TaskContext
) -> Iterator[Out]:
    """Apply a function to every item, in another thread and up to ``n_ahead`` items early.

    The caller works on one result while the next ones are made. With 0 nothing is made early.
    """
    if n_ahead < 1:
        yield from thread_map(function, items, n_threads=1, ctx=ctx)
    else:
        yield from _pooled(function, items, 1, n_ahead + 1, ctx)


def _pooled(
    function: Callable[[In], Out],
    items: Iterable[In],
    n_threads: int,
    n_in_flight: int,
    ctx: TaskContext,
) -> Iterator[Out]:
    with ThreadPoolExecutor(n_threads, thread_name_prefix="core") as pool:
        pending = []
        try:
            for item in items:
                ctx.check()
                pending.append(pool.submit(function, item))
                if len(pending) >= n_in_flight:
                    yield pending.pop(0).result()
            while pending:
                ctx.check()
                yield pending.pop(0).result()
        finally:
            for future in pending:
                future.cancel()
