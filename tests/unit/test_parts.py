"""Recordings of many files: few are open at a time, and all are read as one movie."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from caiman_gui.errors import InputError
from caiman_gui.io.movie import open_movie
from caiman_gui.io.parts import MOST_OPEN

if TYPE_CHECKING:
    from pathlib import Path


def write_parts(folder: Path, count: int, n_frames: int = 3) -> tuple[list[Path], np.ndarray]:
    movie = np.random.default_rng(0).integers(0, 99, (count * n_frames, 6, 7)).astype(np.uint16)
    paths = [folder / f"part{index}.tif" for index in range(count)]
    for index, path in enumerate(paths):
        frames = movie[index * n_frames : (index + 1) * n_frames]
        tifffile.imwrite(path, frames, photometric="minisblack")
    return paths, movie


def n_open(movie: object) -> int:
    return sum(part.reader is not None for part in movie._pool.parts)  # type: ignore[attr-defined]


def test_only_the_files_used_last_are_open(tmp_path: Path) -> None:
    paths, expected = write_parts(tmp_path, MOST_OPEN + 5)
    with open_movie(paths) as movie:
        assert n_open(movie) == MOST_OPEN
        np.testing.assert_array_equal(movie.frames(0, movie.shape[0]), expected)
        np.testing.assert_array_equal(movie.frames(1, 5), expected[1:5])
        assert n_open(movie) == MOST_OPEN
    assert n_open(movie) == 0


def test_many_threads_read_what_they_ask_for(tmp_path: Path) -> None:
    paths, expected = write_parts(tmp_path, 3 * MOST_OPEN)
    with open_movie(paths) as movie, ThreadPoolExecutor(8) as pool:
        wanted = np.random.default_rng(1).integers(0, len(expected) - 4, 200)
        for start, frames in zip(
            wanted, pool.map(lambda i: movie.frames(i, i + 4), wanted), strict=True
        ):
            np.testing.assert_array_equal(frames, expected[start : start + 4])


def test_a_file_replaced_meanwhile_is_noticed(tmp_path: Path) -> None:
    paths, _ = write_parts(tmp_path, MOST_OPEN + 2)
    with open_movie(paths) as movie:
        tifffile.imwrite(paths[0], np.zeros((3, 6, 9), np.uint16), photometric="minisblack")
        with pytest.raises(InputError, match=r"part0\.tif held 3 frames of 6 x 7 px"):
            movie.frames(0, 1)


def test_a_closed_movie_opens_nothing_again(tmp_path: Path) -> None:
    paths, _ = write_parts(tmp_path, 2)
    movie = open_movie(paths)
    movie.close()
    with pytest.raises(InputError, match="closed"):
        movie.frames(0, 1)
    assert n_open(movie) == 0


def test_many_single_images_are_one_sequence(tmp_path: Path) -> None:
    paths, expected = write_parts(tmp_path, 40, n_frames=1)
    with open_movie(paths) as movie:
        assert len(movie._pool.parts) == 1
        np.testing.assert_array_equal(movie.frames(0, 40), expected)
