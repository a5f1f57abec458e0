"""Any movie becomes a stored one, in one pass that can be stopped and gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caiman_gui.core.budget import DEFAULT_BYTES
from caiman_gui.core.task import NULL_CONTEXT, TaskContext
from caiman_gui.io.store_writer import StoreWriter

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.core.movie import Movie

#: Frames read at a time: some formats take milliseconds for each, and cancelling must not wait.
_READ_FRAMES = 32


def convert(
    movie: Movie,
    path: Path,
    *,
    key: str,
    mode: str = "auto",
    memory_bytes: int = DEFAULT_BYTES,
    ctx: TaskContext = NULL_CONTEXT,
) -> None:
    """Write any movie into a store. Stopped or failed, it goes on where it was the next time.

    Parameters
    ----------
    movie : Movie
    path : Path
    key : str
        Tells what the movie is made from.
    mode : {"auto", "16-bit", "float32"}
    memory_bytes : int
    ctx : TaskContext

    Raises
    ------
    ResourceError
        If the disk is full or may not be written.
    Cancelled
        If the user stopped it.
    """
    n_frames = movie.shape[0]
    with StoreWriter(
        path, movie.shape, dtype=movie.dtype, mode=mode, key=key, resume=True,
        memory_bytes=memory_bytes, ctx=ctx,
    ) as writer:  # fmt: skip
        step = min(_READ_FRAMES, writer.block_frames)
        for start in range(writer.n_done, n_frames, step):
            ctx.check()
            ctx.progress(start, n_frames, "Storing the movie")
            writer.write(start, movie.frames(start, min(start + step, n_frames)))
        ctx.check()
        writer.commit()
    ctx.progress(n_frames, n_frames, "Storing the movie")
