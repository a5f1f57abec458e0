"""Movies are written as TIFF so that they come back the same."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.task import Cancelled
from caiman_gui.errors import ResourceError
from caiman_gui.io import tiff_writer
from caiman_gui.io.movie import open_movie
from caiman_gui.io.tiff_writer import write_movie_tiff

if TYPE_CHECKING:
    from pathlib import Path


class Context:
    """Cancels after some frames, and remembers the progress."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen: list[float] = []

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.seen.append(done / total)

    def check(self) -> None:
        self.limit -= 1
        if self.limit < 0:
            raise Cancelled


@pytest.mark.parametrize("dtype", ["float32", "uint16", "int16"])
@pytest.mark.parametrize("n_frames", [1, 300])
def test_round_trip(tmp_path: Path, dtype: str, n_frames: int) -> None:
    movie = (np.random.default_rng(0).normal(size=(n_frames, 13, 17)) * 100).astype(dtype)
    context = Context(10**6)
    write_movie_tiff(tmp_path / "m.tif", ArrayMovie(movie), context)
    assert context.seen[-1] == 1
    with open_movie([tmp_path / "m.tif"]) as read:
        assert read.dtype == dtype
        np.testing.assert_array_equal(read.frames(0, n_frames), movie)
    with tifffile.TiffFile(tmp_path / "m.tif") as tif:
        assert tif.is_bigtiff
        assert tif.series[0].dataoffset is not None  # contiguous: fast for every reader


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        write_movie_tiff(tmp_path / "m.tif", ArrayMovie(np.zeros((50, 9, 9))), Context(20))
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_writer, "_DIRECTORY_BYTES", 10**15)
    with pytest.raises(ResourceError, match="Not enough disk space"):
        write_movie_tiff(tmp_path / "m.tif", ArrayMovie(np.zeros((50, 9, 9))))
    assert os.listdir(tmp_path) == []
