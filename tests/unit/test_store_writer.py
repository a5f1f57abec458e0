"""Writing the store: whole or not at all, and gone on with after any interruption."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.task import Cancelled, NullContext
from caiman_gui.errors import InputError, ResourceError
from caiman_gui.io import store_writer
from caiman_gui.io.convert import convert
from caiman_gui.io.store import StoredMovie
from caiman_gui.io.store_format import PAGE_BYTES
from caiman_gui.io.store_writer import StoreWriter, part_path

if TYPE_CHECKING:
    from pathlib import Path

N_FRAMES = 900


def movie_of(n_frames: int = N_FRAMES, dtype: str = "float32") -> Any:
    rng = np.random.default_rng(2)
    return rng.normal(100, 5, size=(n_frames, 9, 13)).astype(dtype)


def write(path: Path, movie: Any, *, first: int = 0, step: int = 77, **options: Any) -> None:
    with StoreWriter(path, movie.shape, dtype=movie.dtype, key="k", **options) as writer:
        for start in range(first, len(movie), step):
            writer.write(start, movie[start : start + step])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.cgm"


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    """The file as it has to become."""
    write(tmp_path / "whole", movie_of())
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "whole").unlink()
    return content


class Disk:
    """Stands in for ``_write_all`` on a disk that is full after some bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, file: Any, data: Any) -> None:
        data = memoryview(data)
        file.write(data[: self.room])
        self.room -= len(data)
        if self.room < 0:
            self.room = 0
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def rooms(size: int) -> list[int]:
    """Bytes after which a disk may be full: around every border, and evenly between."""
    block = 64 + 2 * 256 * 117
    borders = [PAGE_BYTES + block * i for i in range(4)]
    near = [border + more for border in (0, *borders, size) for more in (-1, 0, 1, 63, 64, 65)]
    return sorted({room for room in [*near, *range(0, size, size // 25)] if 0 <= room < size})


def test_a_full_disk_at_any_byte_leaves_nothing(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie = movie_of()
    for room in rooms(len(whole)):
        monkeypatch.setattr(store_writer, "_write_all", Disk(room))
        with pytest.raises(ResourceError, match="disk is full"):
            write(path, movie)
        assert os.listdir(path.parent) == []


def test_a_full_disk_at_any_byte_is_resumed(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    movie = movie_of()
    for room in rooms(len(whole)):
        with monkeypatch.context() as patch:
            patch.setattr(store_writer, "_write_all", Disk(room))
            with pytest.raises(ResourceError, match="disk is full") as caught:
                write(path, movie, resume=True)
        is_kept = room >= PAGE_BYTES + 64 + 2 * 256 * 117
        assert part_path(path).exists() == is_kept
        assert ("are kept" in caught.value.detail) == is_kept
        convert(ArrayMovie(movie), path, key="k")
        assert path.read_bytes() == whole
        assert os.listdir(path.parent) == ["m.cgm"]
        path.unlink()


@pytest.mark.parametrize("memory_bytes", [0, 2**30])
def test_what_is_written_does_not_depend_on_the_pieces(
    path: Path, whole: bytes, memory_bytes: int
) -> None:
    for step in (1, 256, 300, N_FRAMES):
        write(path, movie_of(), step=step, memory_bytes=memory_bytes)
        assert path.read_bytes() == whole


def test_a_part_cut_anywhere_is_gone_on_with(path: Path, whole: bytes) -> None:
    movie = movie_of()
    block = 64 + 2 * 256 * 117
    for size in rooms(len(whole)):
        part_path(path).write_bytes(whole[:size])
        with StoreWriter(path, movie.shape, key="k", resume=True) as writer:
            n_blocks = max(0, (size - PAGE_BYTES) // block)
            if size >= len(whole) - 32 - 4 * 32:  # the last block is shorter
                n_blocks = 4
            assert writer.n_done == min(256 * n_blocks, N_FRAMES)
            if writer.n_done < N_FRAMES:
                writer.write(writer.n_done, movie[writer.n_done :])
        assert path.read_bytes() == whole


def test_a_damaged_part_is_used_up_to_the_damage(path: Path, whole: bytes) -> None:
    movie = movie_of()
    block = 64 + 2 * 256 * 117
    for place in (*range(0, PAGE_BYTES, 300), *range(PAGE_BYTES, len(whole), 2111)):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        part_path(path).write_bytes(damaged)
        with StoreWriter(path, movie.shape, key="k", resume=True) as writer:
            usable = (place - PAGE_BYTES) // block if place >= PAGE_BYTES else 0
            assert usable * 256 <= writer.n_done
            writer.write(0, movie)  # frames that are there are passed over
        assert path.read_bytes() == whole


def test_pages_lost_with_the_power_are_written_again(path: Path, whole: bytes) -> None:
    lost = bytearray(whole)
    lost[PAGE_BYTES + 8192 : PAGE_BYTES + 12288] = bytes(4096)
    part_path(path).write_bytes(lost)
    with StoreWriter(path, (N_FRAMES, 9, 13), key="k", resume=True) as writer:
        assert writer.n_done == 0
        writer.write(0, movie_of())
    assert path.read_bytes() == whole


def test_another_movie_is_not_gone_on_with(path: Path) -> None:
    movie = movie_of()
    for other in ({"key": "x"}, {"mode": "float32"}, {"dtype": np.uint16}):
        writer = StoreWriter(path, movie.shape, **{"key": "k", **other})
        writer.write(0, movie[:600])
        writer.abort(keep=True)
        assert part_path(path).exists()
        with StoreWriter(path, movie.shape, key="k", resume=True) as writer:
            assert writer.n_done == 0
            writer.abort()
        assert not part_path(path).exists()


_CHILD = """
import sys
from pathlib import Path
import numpy as np
from caiman_gui.io.store_writer import StoreWriter
movie = np.random.default_rng(2).normal(100, 5, size=(900, 9, 13)).astype(np.float32)
with StoreWriter(Path(sys.argv[1]), movie.shape, key="k", resume=True) as writer:
    for start in range(900):
        writer.write(start, movie[start : start + 1])
        if start >= int(sys.argv[2]):
            print(start, flush=True)
"""


@pytest.mark.parametrize("frame", [0, 300, 700])
def test_a_killed_program_is_gone_on_with(path: Path, whole: bytes, frame: int) -> None:
    command = [sys.executable, "-c", _CHILD, str(path), str(frame)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
    convert(ArrayMovie(movie_of()), path, key="k")
    assert path.read_bytes() == whole
    assert os.listdir(path.parent) == ["m.cgm"]


def test_an_unfinished_movie_is_never_taken_for_a_whole_one(path: Path, whole: bytes) -> None:
    writer = StoreWriter(path, (N_FRAMES, 9, 13), key="k")
    writer.write(0, movie_of())
    assert not path.exists()
    writer.abort(keep=True)
    os.replace(part_path(path), path)
    with pytest.raises(InputError, match=r"its end is missing|ends too early"):
        StoredMovie(path)


class StopAt(NullContext):
    """A context that is cancelled after some progress."""

    def __init__(self, done: float) -> None:
        self.limit, self.done = done, 0.0

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.done = done

    def check(self) -> None:
        if self.done >= self.limit:
            raise Cancelled


def test_a_stopped_conversion_goes_on_where_it_was(path: Path, whole: bytes) -> None:
    read: list[int] = []

    class Watched(ArrayMovie):
        def frames(self, start: int, stop: int) -> Any:
            read.append(start)
            return super().frames(start, stop)

    movie = Watched(movie_of())
    with pytest.raises(Cancelled):
        convert(movie, path, key="k", ctx=StopAt(600))
    assert os.listdir(path.parent) == [".m.cgm.part"]
    read.clear()
    convert(movie, path, key="k")
    assert read[0] == 512
    assert path.read_bytes() == whole


def test_checking_a_long_part_can_be_stopped(path: Path) -> None:
    with pytest.raises(Cancelled):
        convert(ArrayMovie(movie_of()), path, key="k", ctx=StopAt(600))
    with pytest.raises(Cancelled):
        convert(ArrayMovie(movie_of()), path, key="k", ctx=StopAt(0))
    assert part_path(path).exists()


@pytest.mark.parametrize("resume", [False, True])
def test_an_exception_keeps_only_what_is_wanted(path: Path, resume: bool) -> None:
    def fail() -> None:
        with StoreWriter(path, (N_FRAMES, 9, 13), key="k", resume=resume) as writer:
            writer.write(0, movie_of()[:300])
            raise KeyError("cancelled")

    with pytest.raises(KeyError):
        fail()
    assert part_path(path).exists() == resume
    assert not path.exists()


def test_an_abort_leaves_the_old_movie(path: Path, whole: bytes) -> None:
    write(path, movie_of())
    writer = StoreWriter(path, (N_FRAMES, 9, 13), key="k")
    writer.write(0, movie_of()[:300] + 1)
    writer.abort()
    writer.abort()
    assert path.read_bytes() == whole
    assert os.listdir(path.parent) == ["m.cgm"]


def test_frames_have_to_follow_each_other(path: Path) -> None:
    with StoreWriter(path, (10, 4, 4)) as writer:
        with pytest.raises(ValueError, match="do not follow"):
            writer.write(3, np.zeros((2, 4, 4), np.float32))
        with pytest.raises(ValueError, match="in a movie of"):
            writer.write(0, np.zeros((2, 4, 5), np.float32))
        writer.write(0, np.zeros((9, 4, 4), np.float32))
        with pytest.raises(ValueError, match="do not follow"):
            writer.write(0, np.zeros((1, 4, 4), np.float32))
        with pytest.raises(ValueError, match="9 of 10"):
            writer.commit()
        writer.write(9, np.zeros((1, 4, 4), np.float32))
    assert path.exists()


def test_frames_may_be_changed_once_they_were_written(path: Path) -> None:
    movie = movie_of(dtype="uint16")
    with StoreWriter(path, movie.shape, dtype=np.uint16) as writer:
        for start in range(0, N_FRAMES, 256):
            frames = movie[start : start + 256].copy()
            writer.write(start, frames)
            frames[...] = 0
    with StoredMovie(path) as stored:
        np.testing.assert_array_equal(stored.frames(0, N_FRAMES), movie)


def test_a_disk_too_small_is_refused_at_once(path: Path) -> None:
    with pytest.raises(ResourceError, match="Not enough disk space"):
        StoreWriter(path, (10**9, 500, 500))
    assert os.listdir(path.parent) == []


def test_a_folder_that_may_not_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(ResourceError, match="may not be written"):
        StoreWriter(path, (10, 8, 8))


@pytest.mark.parametrize("resume", [False, True])
def test_a_failing_rename_leaves_no_movie(
    path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(store_writer.os, "replace", fail)
        with pytest.raises(ResourceError, match="may not be written"):
            write(path, movie_of(), resume=resume)
    assert part_path(path).exists() == resume
    assert not path.exists()
    write(path, movie_of(), resume=True)
    assert path.read_bytes() == whole


def test_no_thread_is_left(path: Path) -> None:
    before = threading.active_count()
    write(path, movie_of())
    StoreWriter(path, (N_FRAMES, 9, 13)).abort()
    assert threading.active_count() == before
