"""Scanbox: pairs of files, inverted bits, channels, planes, and a rate that has to be confirmed."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.io
from flat_files import movie, write_scanbox

from caiman_gui.errors import InputError
from caiman_gui.io import mat5, scanbox
from caiman_gui.io.mat5 import MAT5_MAGIC, read_variable
from caiman_gui.io.reader import ReadChoice

if TYPE_CHECKING:
    from pathlib import Path

CHOICE = ReadChoice()


def opened(path: Path, choice: ReadChoice = CHOICE):
    """Frames and facts."""
    reader = scanbox.open_reader(path, choice)
    frames = reader.frames(0, reader.shape[0])
    assert frames.shape == reader.shape
    np.testing.assert_array_equal(reader.frames(1, 3), frames[1:3])
    reader.close()
    return frames, reader.facts


@pytest.mark.parametrize("suffix", [".sbx", ".mat"])
def test_either_file_of_the_pair_opens_the_movie(tmp_path: Path, suffix: str) -> None:
    stored = movie((9, 20, 36, 1))
    path = write_scanbox(tmp_path, stored).with_suffix(suffix)
    assert scanbox.recognises(path, path.read_bytes()[:4096])
    frames, facts = opened(path)
    np.testing.assert_array_equal(frames, stored[..., 0])
    assert facts.format == "Scanbox, unidirectional"
    assert facts.channels == ("PMT 0",)
    assert facts.n_planes == 1


def test_a_mat_file_alone_is_no_scanbox_movie(tmp_path: Path) -> None:
    write_scanbox(tmp_path, movie((9, 20, 36, 1))).unlink()
    path = tmp_path / "xx0_000_001.mat"
    assert not scanbox.recognises(path, path.read_bytes()[:4096])


def test_suffixes_in_capitals(tmp_path: Path) -> None:
    stored = movie((9, 20, 36, 1))
    path = write_scanbox(tmp_path, stored)
    path.with_suffix(".mat").rename(tmp_path / "xx0_000_001.MAT")
    path = path.rename(tmp_path / "xx0_000_001.SBX")
    np.testing.assert_array_equal(opened(path)[0], stored[..., 0])


@pytest.mark.parametrize("channel", [1, 2])
@pytest.mark.parametrize("chan", [{}, {"chan": {"nchan": 2}}])
def test_channels(tmp_path: Path, channel: int, chan: dict) -> None:
    stored = movie((9, 20, 36, 2))
    path = write_scanbox(tmp_path, stored, **chan)
    frames, facts = opened(path, ReadChoice(channel=channel))
    np.testing.assert_array_equal(frames, stored[..., channel - 1])
    assert facts.channels == ("PMT 0", "PMT 1")
    with pytest.raises(InputError, match="no channel 3"):
        scanbox.open_reader(path, ReadChoice(channel=3))


@pytest.mark.parametrize(
    "volume",
    [
        {"volscan": 1, "otwave": np.arange(3)},
        {"volscan": 1, "otparam": np.array([0, 1500, 3])},
        {"volscan": 1, "etl_table": np.ones((3, 2))},
        {"volscan": np.array([]), "otwave": np.arange(3)},
    ],
    ids=str,
)
def test_planes(tmp_path: Path, volume: dict) -> None:
    stored = movie((11, 20, 36, 2))  # 3 volumes and 2 images of a fourth
    path = write_scanbox(tmp_path, stored, **volume)
    frames, facts = opened(path, ReadChoice(channel=2, plane=3))
    np.testing.assert_array_equal(frames, stored[2::3, ..., 1])
    assert facts.n_planes == 3
    assert facts.frame_rate.value == pytest.approx(7930 / 20 / 3)
    assert "ends within a volume" in facts.notes[-1]


def test_planes_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    path = write_scanbox(
        tmp_path,
        movie((12, 20, 36, 1)),
        volscan=1,
        otwave=np.arange(3),
        otparam=np.array([0, 9, 4]),
    )
    assert "of 3 planes and of 4" in " ".join(opened(path)[1].notes)


def test_frame_rate_of_both_directions(tmp_path: Path) -> None:
    stored = movie((9, 512, 4, 1))
    one = opened(write_scanbox(tmp_path, stored))[1]
    assert one.frame_rate.value == pytest.approx(15.488, abs=1e-3)
    assert one.frame_rate.source == "Scanbox: 7930 Hz / 512 lines"
    assert "Confirm it" in one.notes[-1]
    two = opened(write_scanbox(tmp_path, stored, scanmode=0, recordsPerBuffer=256))[1]
    assert two.frame_rate.value == pytest.approx(30.977, abs=1e-3)
    assert two.frame_rate.source == "Scanbox: 7930 Hz / 512 lines x 2 directions"
    assert two.format == "Scanbox, bidirectional"


def test_two_rates_are_both_named(tmp_path: Path) -> None:
    path = write_scanbox(tmp_path, movie((9, 512, 4, 1)), scanmode=0, recordsPerBuffer=512)
    assert "30.98 frames/s by its lines and 15.49 by its buffers" in opened(path)[1].notes[-1]


def test_a_missing_rate_is_not_guessed(tmp_path: Path) -> None:
    path = write_scanbox(tmp_path, movie((9, 20, 36, 1)), resfreq="unknown")
    assert opened(path)[1].frame_rate is None


def test_dead_columns_are_noted(tmp_path: Path) -> None:
    stored = movie((9, 20, 36, 1))
    stored[:, :, :7] = 65535
    facts = opened(write_scanbox(tmp_path, stored, scanmode=0, recordsPerBuffer=10))[1]
    assert "first 7 columns" in facts.notes[-1]


def test_folded_frames(tmp_path: Path) -> None:
    stored = movie((9, 20, 36, 1))
    frames, facts = opened(write_scanbox(tmp_path, stored, fold_lines=5))
    np.testing.assert_array_equal(frames, stored.reshape(36, 5, 36))
    assert facts.frame_rate.value == pytest.approx(7930 / 5)
    assert "4 frames" in facts.notes[0]


def test_pixel_size_of_the_calibration(tmp_path: Path) -> None:
    table = np.array([(1.5, 1.5), (0.7, 0.9)], [("x", "O"), ("y", "O")])
    config = {"lines": 20, "magnification": 1}
    path = write_scanbox(tmp_path, movie((9, 20, 36, 1)), calibration=table, config=config)
    assert opened(path)[1].pixel_size.value == 1.5
    config["magnification"] = 2
    path = write_scanbox(tmp_path, movie((9, 20, 36, 1)), calibration=table, config=config)
    facts = opened(path)[1]
    assert facts.pixel_size is None
    assert "not square" in " ".join(facts.notes)


@pytest.mark.parametrize(
    ("info", "word"),
    [
        ({"sz": np.array([10**6, 10**6])}, "frames of 1000000 x"),
        ({"sz": np.array([3000, 3000])}, "0 of 1"),
        ({"sz": "large"}, "0 of 1"),
    ],
    ids=str,
)
def test_sizes_that_do_not_fit(tmp_path: Path, info: dict, word: str) -> None:
    path = write_scanbox(tmp_path, movie((9, 20, 36, 1)), **info)
    with pytest.raises(InputError, match=word):
        scanbox.open_reader(path, CHOICE)


@pytest.mark.parametrize("missing", [".sbx", ".mat"])
def test_half_a_pair(tmp_path: Path, missing: str) -> None:
    path = write_scanbox(tmp_path, movie((9, 20, 36, 1)))
    path.with_suffix(missing).unlink()
    other = path.with_suffix(".mat" if missing == ".sbx" else ".sbx")
    with pytest.raises(InputError, match="missing"):
        scanbox.open_reader(other, CHOICE)


@pytest.mark.parametrize(
    "content", [b"", b"MATLAB 7.3 MAT-file", b"text", MAT5_MAGIC, MAT5_MAGIC + bytes(500)]
)
def test_descriptions_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    path = write_scanbox(tmp_path, movie((9, 20, 36, 1)))
    path.with_suffix(".mat").write_bytes(content)
    with pytest.raises(InputError, match=r"description|damaged"):
        scanbox.open_reader(path, CHOICE)


@pytest.mark.parametrize("is_compressed", [False, True])
def test_values_of_a_mat_file(tmp_path: Path, is_compressed: bool) -> None:
    cell = np.array(["on", np.arange(3)], object)
    table = np.array([(1, "a"), (2, "b")], [("x", "O"), ("y", "O")])
    values = {
        "a": np.arange(6, dtype="i2").reshape(2, 3),
        "b": {"c": {"d": 1.5}, "text": "µ 10", "none": np.array([])},
        "cell": cell,
        "table": table,
        "flag": np.array([[True, False]]),
        "sparse": scipy.sparse.csc_matrix(np.eye(3)),
    }
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"other": np.eye(3), "v": values}, do_compression=is_compressed)
    found = read_variable(path, "v")
    np.testing.assert_array_equal(found["a"], values["a"])
    assert found["b"]["c"]["d"] == 1.5
    assert found["b"]["text"] == "µ 10"
    assert found["b"]["none"].size == 0
    assert found["cell"][0] == "on"
    assert found["cell"][1].tolist() == [[0, 1, 2]]
    assert [row["y"] for row in found["table"]] == ["a", "b"]
    assert found["flag"].tolist() == [[1, 0]]
    assert found["sparse"] is None
    assert read_variable(path, "absent") is None


def test_what_inflates_without_end_is_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(mat5, "_MAX_BYTES", 2**16)
    bomb = zlib.compress(bytes(2**17))
    element = (15).to_bytes(4, "little") + len(bomb).to_bytes(4, "little") + bomb
    (tmp_path / "a.mat").write_bytes(MAT5_MAGIC.ljust(124) + b"\0\1IM" + element)
    with pytest.raises(InputError, match="makes no sense"):
        read_variable(tmp_path / "a.mat", "info")
