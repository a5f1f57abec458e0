"""The memory budget: how much may be in memory at once, whatever the length of a movie.

A budget is what a step may take on top of what the program holds already. It decides how many
pieces of work are in memory at the same time and whether something is kept or read again, never
how the pieces are cut: results are the same for every budget and every number of threads.
"""

from __future__ import annotations

#: Budget of callers that name none.
DEFAULT_BYTES = 2 * 2**30
#: What working on one trace takes, in copies of it as float64.
TRACE_COPIES = 24


def pieces_in_memory(memory_bytes: int, piece_bytes: int, *, held_bytes: int = 0, most: int) -> int:
    """Return how many pieces of work may be in memory at once, from 1 to ``most``.

    Parameters
    ----------
    memory_bytes : int
        The budget.
    piece_bytes : int
        What one piece takes while it is worked on, copies included.
    held_bytes : int
        What is held all the time besides.
    most : int
        More pieces than this are of no use.
    """
    left = max(0, memory_bytes - held_bytes)
    return max(1, min(most, left // max(1, piece_bytes)))
