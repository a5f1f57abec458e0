"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from caiman_gui import files
from caiman_gui.errors import ResourceError
from caiman_gui.io.atomic import atomic_path, format_bytes, require_space, write_text_atomic

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_and_nothing_else(tmp_path: Path) -> None:
    write_text_atomic(tmp_path / "new" / "a.txt", "one\nµm\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "one\nµm\n".encode()
    assert names(tmp_path / "new") == ["a.txt"]


def test_a_failure_inside_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        write_half()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EACCES, "may not be written"),
        (errno.EIO, "could not"),
    ],
)
def test_faults_of_the_disk_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, word: str
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(ResourceError, match=word) as caught:
        write_text_atomic(target, "new")
    assert str(target) in caught.value.detail
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="is a file, not a folder"):
        write_text_atomic(tmp_path / "file" / "new.txt", "")
    with pytest.raises(ResourceError, match="is a file, not a folder"):
        write_text_atomic(tmp_path / "file" / "deep" / "new.txt", "")


def test_h5py_words_for_a_full_disk_are_understood(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="disk is full"), atomic_path(tmp_path / "a.h5"):
        raise RuntimeError("Can't decrement id ref count (file write failed: errno = 28, ...)")
    with pytest.raises(RuntimeError, match="a bug"), atomic_path(tmp_path / "a.h5"):
        raise RuntimeError("a bug")


def test_hdf5_can_be_written_through_it(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.h5") as temporary, h5py.File(temporary, "w") as file:
        file["x"] = np.arange(3)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["x"][2] == 2


def test_space_is_checked_before(tmp_path: Path) -> None:
    require_space(tmp_path / "not" / "yet" / "there", 10)
    with pytest.raises(ResourceError, match="Not enough disk space") as caught:
        require_space(tmp_path / "a", 10**18)
    assert "1000000.0 TB" in caught.value.detail


def test_bytes_in_words() -> None:
    assert format_bytes(12) == "12 bytes"
    assert format_bytes(5_200_000_000) == "5.2 GB"
