"""Inscopix: bare frames, frames inside what the sensor writes, lost ones, and what is no movie."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from flat_files import isxd_footer, movie, write_isxd

from caiman_gui.errors import InputError
from caiman_gui.io import inscopix
from caiman_gui.io.reader import ReadChoice

if TYPE_CHECKING:
    from pathlib import Path

CHOICE = ReadChoice()
SENSOR = b"\xa0\x0a" * 2560


def opened(path: Path):
    """Frames and facts."""
    reader = inscopix.open_reader(path, CHOICE)
    frames = reader.frames(0, reader.shape[0])
    np.testing.assert_array_equal(reader.frames(1, 3), frames[1:3])
    reader.close()
    return frames, reader.facts


@pytest.mark.parametrize("dtype", ["<u2", "<f4", "u1"])
def test_frames_and_facts(tmp_path: Path, dtype: str) -> None:
    stored = movie((9, 20, 36), dtype)
    path = write_isxd(tmp_path / "a.isxd", stored, isxd_footer(stored))
    frames, facts = opened(path)
    np.testing.assert_array_equal(frames, stored)
    assert frames.dtype == stored.dtype
    assert facts.format == "Inscopix movie (.isxd)"
    assert (facts.frame_rate.value, facts.pixel_size.value) == (20, 3)
    assert facts.recorded.value == "2016-06-20T12:00:00+01:00"
    assert facts.timestamps is None
    assert facts.notes == ()


def test_told_by_content(tmp_path: Path) -> None:
    stored = movie((9, 20, 36))
    path = write_isxd(tmp_path / "a.dat", stored, isxd_footer(stored))
    assert inscopix.recognises(path, b"")
    (tmp_path / "b.dat").write_bytes(bytes(1000))
    assert not inscopix.recognises(tmp_path / "b.dat", b"")
    assert not inscopix.recognises(tmp_path / "absent.dat", b"")


def test_raw_frames_of_the_microscope(tmp_path: Path) -> None:
    stored = movie((9, 20, 36))
    footer = isxd_footer(stored, hasFrameHeaderFooter=True)
    path = write_isxd(tmp_path / "a.isxd", stored, footer, SENSOR)
    frames, facts = opened(path)
    np.testing.assert_array_equal(frames, stored)
    assert facts.format == "Inscopix movie (.isxd) from the microscope"


def test_an_unknown_layout_of_raw_frames_is_not_guessed_at(tmp_path: Path) -> None:
    stored = movie((9, 20, 36))
    footer = isxd_footer(stored, hasFrameHeaderFooter=True)
    path = write_isxd(tmp_path / "a.isxd", stored, footer, SENSOR[:-4])
    with pytest.raises(InputError, match="layout") as caught:
        inscopix.open_reader(path, CHOICE)
    assert "Export as TIFF" in caught.value.hint


def test_lost_frames_leave_gaps_in_the_times(tmp_path: Path) -> None:
    stored = movie((10, 20, 36))
    footer = isxd_footer(stored)
    footer["timingInfo"] |= {
        "numTimes": 17, "dropped": [4, 7, 8], "cropped": [[0, 1], [16, 16]], "blank": [5],
    }  # fmt: skip
    path = write_isxd(tmp_path / "a.isxd", stored, footer)
    frames, facts = opened(path)
    np.testing.assert_array_equal(frames, stored)
    times = np.array([2, 3, 6, 9, 10, 11, 12, 13, 14, 15]) * 0.05
    np.testing.assert_allclose(facts.timestamps.value, times)
    assert "7 of 17 frames" in facts.notes[0]


def test_places_kept_for_lost_frames(tmp_path: Path) -> None:
    stored = movie((10, 20, 36))
    footer = isxd_footer(stored)
    footer["timingInfo"]["dropped"] = [4]
    frames, facts = opened(write_isxd(tmp_path / "a.isxd", stored, footer))
    assert len(frames) == 10
    assert facts.timestamps is None
    assert "1 frames of a.isxd are marked as lost" in facts.notes[0]


def test_facts_that_are_missing_are_not_guessed(tmp_path: Path) -> None:
    stored = movie((9, 20, 36))
    footer = isxd_footer(stored)
    del footer["spacingInfo"]["pixelSize"], footer["timingInfo"]["start"], footer["fileVersion"]
    footer["timingInfo"]["period"] = {"num": 0, "den": 0}
    facts = opened(write_isxd(tmp_path / "a.isxd", stored, footer))[1]
    assert (facts.frame_rate, facts.pixel_size, facts.recorded) == (None, None, None)


@pytest.mark.parametrize(
    ("kind", "word"),
    [(1, "a cell set"), (5, "events"), (8, "vessel"), (99, "unknown"), ("0", "unk")],
)
def test_other_types_are_named(tmp_path: Path, kind: object, word: str) -> None:
    stored = movie((9, 20, 36))
    path = write_isxd(tmp_path / "a.isxd", stored, isxd_footer(stored, type=kind))
    with pytest.raises(InputError, match=word):
        inscopix.open_reader(path, CHOICE)


@pytest.mark.parametrize(
    "timing",
    [
        {"numTimes": 10**15},
        {"numTimes": -1},
        {"numTimes": 10},
        {"numTimes": 0},
        {"dropped": [9]},
        {"dropped": "many"},
        {"cropped": [[3, 1]]},
        {"cropped": [5]},
        {"numTimes": 2**39, "cropped": [[0, 2**39 - 1]]},
        {"numTimes": 1.5},
    ],
    ids=str,
)
def test_timing_that_makes_no_sense(tmp_path: Path, timing: dict) -> None:
    stored = movie((9, 20, 36))
    footer = isxd_footer(stored)
    footer["timingInfo"] |= timing
    path = write_isxd(tmp_path / "a.isxd", stored, footer)
    with pytest.raises(InputError):
        inscopix.open_reader(path, CHOICE)


@pytest.mark.parametrize("change", ["short", "length", "json", "list", "nested", "pixels", "type"])
def test_damage(tmp_path: Path, change: str) -> None:
    stored = movie((9, 20, 36))
    footer, path = isxd_footer(stored), tmp_path / "a.isxd"
    if change == "pixels":
        footer["spacingInfo"]["numPixels"] = [36, 20]
    if change == "type":
        footer["dataType"] = 7
    raw = write_isxd(path, stored, footer).read_bytes()
    texts = {"json": b"{" * 50, "list": b"[1, 2]", "nested": b"[" * 100_000}
    if change in texts:
        text = texts[change]
        raw = raw[:1000] + text + b"\0" + struct.pack("<q", len(text))
    cut = {"short": raw[:5], "length": raw[:-8] + struct.pack("<q", 2**60)}
    path.write_bytes(cut.get(change, raw))
    with pytest.raises(InputError, match=r"damaged|no movie"):
        inscopix.open_reader(path, CHOICE)


def test_a_file_longer_than_its_frames(tmp_path: Path) -> None:
    stored = movie((9, 20, 36))
    footer = isxd_footer(stored)
    footer["timingInfo"]["numTimes"] = 7
    frames, facts = opened(write_isxd(tmp_path / "a.isxd", stored, footer))
    np.testing.assert_array_equal(frames, stored[:7])
    assert "2880 bytes longer" in facts.notes[0]
