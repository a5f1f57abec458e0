"""Writing a movie as BigTIFF, block by block, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tifffile

from caiman_gui import __version__
from caiman_gui.core.movie import block_length
from caiman_gui.core.task import NULL_CONTEXT
from caiman_gui.io.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.task import TaskContext

#: Room for the pages' directories, per frame.
_DIRECTORY_BYTES = 512


def write_movie_tiff(path: Path, movie: Movie, ctx: TaskContext = NULL_CONTEXT) -> None:
    """Write every frame with the type it has; ImageJ, Fiji and tifffile open the file.

    Parameters
    ----------
    path : Path
        Replaced at once when complete.
    movie : Movie
        (T, H, W)
    ctx : TaskContext
        Cancelling leaves no file behind.

    Raises
    ------
    ResourceError
        If the disk is full or may not be written.
    """
    n_frames, height, width = movie.shape
    dtype = np.dtype(movie.dtype).newbyteorder("=")
    needed = n_frames * (height * width * dtype.itemsize + _DIRECTORY_BYTES)
    with (
        atomic_path(path, needed_bytes=needed) as temporary,
        tifffile.TiffWriter(temporary, bigtiff=True) as tif,
    ):
        tif.write(
            _frames(movie, ctx),
            shape=movie.shape,
            dtype=dtype,
            photometric="minisblack",
            software=f"caiman-gui {__version__}",
            metadata={"axes": "TYX"},
        )


def _frames(movie: Movie, ctx: TaskContext) -> Iterator[NDArray[np.generic]]:
    n_frames, step = movie.shape[0], block_length(movie)
    dtype = np.dtype(movie.dtype).newbyteorder("=")
    for start in range(0, n_frames, step):
        block = movie.frames(start, min(start + step, n_frames))
        for index, frame in enumerate(block, start):
            ctx.check()
            ctx.progress(index, n_frames, "Writing the movie")
            yield np.ascontiguousarray(frame, dtype=dtype)
    ctx.progress(n_frames, n_frames, "Writing the movie")
