"""The corrected movie: what is written comes back, and damage never passes unseen."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from caiman_gui.core.movie import Movie, pixel_blocks
from caiman_gui.errors import InputError, ResourceError
from caiman_gui.io import corrected
from caiman_gui.io.corrected import HEADER_BYTES, CorrectedMovie, CorrectedWriter, frames_per_block

if TYPE_CHECKING:
    from pathlib import Path


def make(path: Path, n_frames: int = 600, height: int = 9, width: int = 13) -> np.ndarray:
    movie = np.random.default_rng(2).normal(size=(n_frames, height, width)).astype(np.float32)
    with CorrectedWriter(path, movie.shape) as writer:
        for start in range(0, n_frames, 77):
            writer.write(start, movie[start : start + 77])
    return movie


@pytest.mark.parametrize("n_frames", [1, 255, 256, 257, 600])
def test_round_trip(tmp_path: Path, n_frames: int) -> None:
    movie = make(tmp_path / "m.bin", n_frames)
    with CorrectedMovie(tmp_path / "m.bin") as stored:
        assert isinstance(stored, Movie)
        assert stored.shape == movie.shape
        np.testing.assert_array_equal(stored.frames(0, n_frames), movie)
        np.testing.assert_array_equal(
            stored.frames(n_frames // 2, n_frames + 9), movie[n_frames // 2 :]
        )
        assert stored.frames(5, 5).shape == (0, 9, 13)
    assert [path.name for path in tmp_path.iterdir()] == ["m.bin"]


def test_pixel_blocks_come_straight_from_disk(tmp_path: Path) -> None:
    movie = make(tmp_path / "m.bin")
    with CorrectedMovie(tmp_path / "m.bin") as stored:
        pieces = list(pixel_blocks(stored))
        assert [start for start, _ in pieces] == [0, 256, 512]
        whole = np.concatenate([block for _, block in pieces], axis=1)
        np.testing.assert_array_equal(whole, movie.reshape(600, -1).T)
        assert all(block.flags.c_contiguous for _, block in pieces)
        with pytest.raises(ValueError, match="not a block"):
            stored.pixel_block(3, 9)


def test_blocks_stay_small() -> None:
    assert frames_per_block(30, 40) == 256
    assert frames_per_block(2048, 2048) == 16
    assert 4 * 512 * 512 * frames_per_block(512, 512) <= 16 * 2**20


def test_frames_have_to_follow_each_other(tmp_path: Path) -> None:
    with CorrectedWriter(tmp_path / "m.bin", (10, 4, 4)) as writer:
        with pytest.raises(ValueError, match="do not follow"):
            writer.write(3, np.zeros((2, 4, 4), np.float32))
        with pytest.raises(ValueError, match="in a movie of"):
            writer.write(0, np.zeros((2, 4, 5), np.float32))
        writer.write(0, np.zeros((9, 4, 4), np.float32))
        with pytest.raises(ValueError, match="9 of 10"):
            writer.commit()
        writer.write(9, np.zeros((1, 4, 4), np.float32))
    assert (tmp_path / "m.bin").exists()


def test_an_abort_leaves_the_old_movie(tmp_path: Path) -> None:
    path = tmp_path / "m.bin"
    movie = make(path)

    def fail() -> None:
        with CorrectedWriter(path, movie.shape) as writer:
            writer.write(0, movie[:300] + 1)
            raise KeyError("cancelled")

    with pytest.raises(KeyError):
        fail()
    with CorrectedMovie(path) as stored:
        np.testing.assert_array_equal(stored.frames(0, 600), movie)
    assert os.listdir(tmp_path) == ["m.bin"]


def test_a_disk_too_small_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="Not enough disk space"):
        CorrectedWriter(tmp_path / "m.bin", (10**9, 500, 500))
    assert os.listdir(tmp_path) == []


class FullFile:
    """A file on a disk that is full after a few bytes."""

    def __init__(self, file: object, room: int) -> None:
        self._file, self._room = file, room

    def write(self, data: bytes) -> int:
        self._room -= len(data)
        if self._room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._file.write(data)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path) -> None:
    writer = CorrectedWriter(tmp_path / "m.bin", (600, 9, 13))
    writer._file = FullFile(writer._file, 200_000)  # type: ignore[assignment]

    def write_all() -> None:
        with writer:
            for start in range(0, 600, 100):
                writer.write(start, np.zeros((100, 9, 13), np.float32))

    with pytest.raises(ResourceError, match="disk is full"):
        write_all()
    assert os.listdir(tmp_path) == []


def test_a_failing_rename_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(corrected.os, "replace", fail)
    with pytest.raises(ResourceError, match="may not be written"):
        make(tmp_path / "m.bin")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9999])
def test_truncated_movies_are_refused(tmp_path: Path, share: float) -> None:
    make(tmp_path / "m.bin")
    content = (tmp_path / "m.bin").read_bytes()
    (tmp_path / "m.bin").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"m\.bin"):
        CorrectedMovie(tmp_path / "m.bin")


def test_one_changed_byte_is_noticed(tmp_path: Path) -> None:
    movie = make(tmp_path / "m.bin")
    content = bytearray((tmp_path / "m.bin").read_bytes())
    content[HEADER_BYTES + 4 * 256 * 9 * 13 + 50] ^= 1
    (tmp_path / "m.bin").write_bytes(content)
    with CorrectedMovie(tmp_path / "m.bin") as stored:
        np.testing.assert_array_equal(stored.frames(0, 256), movie[:256])
        with pytest.raises(InputError, match="checksum of frames 256"):
            stored.frames(300, 301)


def test_headers_that_lie_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "m.bin")
    content = (tmp_path / "m.bin").read_bytes()
    for old, new in (
        (b"[600, 9, 13]", b"[600, 9, -3]"),
        (b"[600, 9, 13]", b"[900, 9, 13]"),
        (b'"version": 1', b'"version": 7'),
        (b'"block_frames": 256', b'"block_frames": "x"'),
        (b"cguimov1", b"cguimovX"),
    ):
        (tmp_path / "m.bin").write_bytes(content.replace(old, new))
        with pytest.raises(InputError):
            CorrectedMovie(tmp_path / "m.bin")
    with pytest.raises(InputError):
        CorrectedMovie(tmp_path / "missing.bin")


def test_threads_and_a_small_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    movie = make(tmp_path / "m.bin", 2000)
    monkeypatch.setattr(corrected, "CACHE_BYTES", 4 * 256 * 9 * 13 * 2)
    starts = np.random.default_rng(0).integers(0, 1990, 200)
    with CorrectedMovie(tmp_path / "m.bin") as stored, ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(lambda start: stored.frames(start, start + 5), starts))
        assert len(stored._cache) <= 2
    for start, piece in zip(starts, pieces, strict=True):
        np.testing.assert_array_equal(piece, movie[start : start + 5])
