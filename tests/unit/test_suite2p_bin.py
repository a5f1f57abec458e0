"""Suite2p's data.bin: its geometry comes from pickled dicts, which are never unpickled."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from flat_files import movie, write_suite2p

from caiman_gui.errors import InputError
from caiman_gui.io import suite2p_bin
from caiman_gui.io.reader import ReadChoice

if TYPE_CHECKING:
    from pathlib import Path

CHOICE = ReadChoice()


def opened(path: Path, choice: ReadChoice = CHOICE):
    """Frames and facts."""
    reader = suite2p_bin.open_reader(path, choice)
    frames = reader.frames(0, reader.shape[0])
    np.testing.assert_array_equal(reader.frames(1, 3), frames[1:3])
    reader.close()
    return frames, reader.facts


def test_geometry_and_rate_of_ops(tmp_path: Path) -> None:
    stored = movie((9, 20, 36), "i2") - 50
    path = write_suite2p(tmp_path, stored)
    assert suite2p_bin.recognises(path, bytes(100))
    frames, facts = opened(path)
    np.testing.assert_array_equal(frames, stored)
    assert (facts.frame_rate.value, facts.frame_rate.source) == (15.5, "Suite2p fs")
    assert "already corrected for motion" in facts.notes[0]


def test_newer_versions_split_what_they_know(tmp_path: Path) -> None:
    stored = movie((9, 20, 36), "i2")
    path = write_suite2p(tmp_path, stored, "db.npy", fs=None)
    np.save(tmp_path / "settings.npy", {"fs": 31.0, "run": {"do_registration": 0}})
    facts = opened(path)[1]
    assert facts.frame_rate.value == 31
    assert "not corrected" in facts.notes[0]


def test_size_of_the_images_where_nothing_else_says_it(tmp_path: Path) -> None:
    stored = movie((9, 20, 36), "i2")
    path = write_suite2p(tmp_path, stored, "reg_outputs.npy", Ly=None, Lx=None, refImg=stored[0])
    np.testing.assert_array_equal(opened(path)[0], stored)


def test_a_damaged_description_matters_only_if_no_other_tells(tmp_path: Path) -> None:
    stored = movie((9, 20, 36), "i2")
    path = write_suite2p(tmp_path, stored)
    (tmp_path / "db.npy").write_bytes(b"\x93NUMPY damaged")
    np.testing.assert_array_equal(opened(path)[0], stored)
    (tmp_path / "ops.npy").unlink()
    with pytest.raises(InputError, match="damaged"):
        suite2p_bin.open_reader(path, CHOICE)


def test_second_channel(tmp_path: Path) -> None:
    stored = movie((9, 20, 36), "i2")
    path = write_suite2p(tmp_path, stored)
    (stored + 1).tofile(tmp_path / "data_chan2.bin")
    frames, facts = opened(path, ReadChoice(channel=2))
    np.testing.assert_array_equal(frames, stored + 1)
    assert facts.channels == ("functional", "second")
    np.testing.assert_array_equal(opened(tmp_path / "data_chan2.bin")[0], stored + 1)


def test_length(tmp_path: Path) -> None:
    stored = movie((9, 20, 36), "i2")
    path = write_suite2p(tmp_path, stored, nframes=7)
    with path.open("ab") as file:
        file.write(bytes(10))
    frames, facts = opened(path)
    assert len(frames) == 9
    assert "last 10 bytes" in facts.notes[1]
    assert "holds 9 frames; Suite2p speaks of 7" in facts.notes[2]
    write_suite2p(tmp_path, stored, nframes=10)
    with pytest.raises(InputError, match="only 9 of 10"):
        suite2p_bin.open_reader(path, CHOICE)


@pytest.mark.parametrize(
    "ops",
    [{"Ly": None}, {"Ly": -3}, {"Lx": "wide"}, {"Lx": 10**30}, {"Ly": float("nan")}, {"Ly": True}],
    ids=str,
)
def test_geometry_that_makes_no_sense(tmp_path: Path, ops: dict) -> None:
    path = write_suite2p(tmp_path, movie((9, 20, 36), "i2"), **ops)
    with pytest.raises(InputError):
        suite2p_bin.open_reader(path, CHOICE)


def test_finding_the_movie_in_a_folder(tmp_path: Path) -> None:
    find, stored = suite2p_bin.find_data_bin, movie((9, 20, 36), "i2")
    assert find(tmp_path) is None
    assert find(tmp_path / "absent") is None
    path = write_suite2p(tmp_path / "suite2p" / "plane0", stored)
    for folder in (tmp_path, tmp_path / "suite2p", tmp_path / "suite2p" / "plane0"):
        assert find(folder) == path
    (tmp_path / "suite2p" / "combined").mkdir()
    (tmp_path / "suite2p" / "plane1").mkdir()  # without a movie
    assert find(tmp_path) == path
    write_suite2p(tmp_path / "suite2p" / "plane10", stored)
    write_suite2p(tmp_path / "suite2p" / "plane2", stored)
    with pytest.raises(InputError, match="plane0, plane2, plane10"):
        find(tmp_path)


def test_other_binary_files_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(100))
    assert not suite2p_bin.recognises(tmp_path / "data.bin", bytes(100))
    assert suite2p_bin.find_data_bin(tmp_path) is None


@pytest.mark.data
@pytest.mark.parametrize("kept", [("ops.npy",), ("db.npy", "settings.npy"), ("reg_outputs.npy",)])
def test_folder_that_suite2p_wrote(tmp_path: Path, shared_data: Path, kept: tuple) -> None:
    plane = shared_data / "suite2p-files" / "suite2p" / "plane0"
    for name in kept:
        shutil.copy(plane / name, tmp_path / name)
    stored = movie((20, 160, 160), "i2")
    with (tmp_path / "data.bin").open("wb") as file:
        file.seek(1480 * stored[0].nbytes)
        file.write(stored.tobytes())
    reader = suite2p_bin.open_reader(tmp_path / "data.bin", CHOICE)
    assert reader.shape == (1500, 160, 160)
    np.testing.assert_array_equal(reader.frames(1480, 1500), stored)
    if kept != ("reg_outputs.npy",):
        assert reader.facts.frame_rate.value == 30
    reader.close()
