"""Miniscope folders: videos in order, times that fit them, lost frames, and what is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from caiman_gui.errors import InputError
from caiman_gui.io.miniscope import describe_folder, video_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = {
    "ROI": {"height": 608, "leftEdge": 0, "topEdge": 0, "width": 608},
    "compression": "FFV1",
    "deviceName": "My_V4_Miniscope",
    "deviceType": "Miniscope_V4_BNO",
    "frameRate": "20FPS",
    "framesPerFile": 1000,
}
SESSION = {
    "animalName": "m1",
    "recordingStartTime": {
        "year": 2021, "month": 3, "day": 4, "hour": 15, "minute": 6, "second": 7, "msec": 89,
        "msecSinceEpoch": 1614870367089,
    },
}  # fmt: skip


def v4_session(
    root: Path, n_rows: int = 2500, n_files: int = 3, name: str = "15_06_07", **settings: object
) -> Path:
    """Write a session with a microscope and a camera; return the microscope's folder."""
    session = root / "lab" / "exp" / "m1" / "2021_03_04" / name
    device = session / "My_V4_Miniscope"
    camera = session / "My_WebCam"
    for folder in (device, camera):
        folder.mkdir(parents=True)
        for k in range(n_files):
            (folder / f"{k}.avi").touch()
    (session / "metaData.json").write_text(json.dumps(SESSION))
    (device / "metaData.json").write_text(json.dumps(SETTINGS | settings))
    (camera / "metaData.json").write_text(json.dumps({"deviceType": "WebCam"}))
    write_times(device, range(n_rows))
    return device


def write_times(device: Path, numbers: range | np.ndarray, daq: np.ndarray | None = None) -> None:
    """Write times of a 20 Hz recording: frame ``numbers`` of the microscope were received."""
    rows = []
    for k, number in enumerate(numbers):
        time = round(number * 50) - 3 if daq is None else round(daq[k] * 50)
        rows.append(f"{k},{time},0" + ("" if daq is None else f",{daq[k]}"))
    header = "Frame Number,Time Stamp (ms),Buffer Index"
    header += "" if daq is None else ",DAQ Frame Number"
    (device / "timeStamps.csv").write_text("\n".join([header, *rows]) + "\n")


def v3_folder(root: Path, n_frames: int = 2300, n_camera: int = 1500) -> Path:
    folder = root / "H15_M6_S7"
    folder.mkdir()
    for k in range(1, 12):
        (folder / f"msCam{k}.avi").touch()
        (folder / f"behavCam{k}.avi").touch()
    rows = [f"1\t{k + 1}\t{round(k * 1000 / 30)}\t1" for k in range(n_frames)]
    rows[0] = "1\t1\t4294967\t1"  # as the program often writes it
    rows += [f"0\t{k + 1}\t{round(k * 1000 / 20)}\t1" for k in range(n_camera)]
    table = "\n".join(["camNum\tframeNum\tsysClock\tbuffer", *rows])
    (folder / "timestamp.dat").write_text(table)
    return folder


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_version_4_is_found_from_every_level(tmp_path: Path) -> None:
    device = v4_session(tmp_path, n_files=12)
    for folder in (device, *list(device.parents)[:5]):
        assert video_files(folder) == tuple(device / f"{k}.avi" for k in range(12))
    camera = device.parent / "My_WebCam"
    assert names(video_files(camera)) == [f"{k}.avi" for k in range(12)]


def test_version_3_leaves_the_animal_out(tmp_path: Path) -> None:
    folder = v3_folder(tmp_path)
    assert names(video_files(folder)) == [f"msCam{k}.avi" for k in range(1, 12)]
    for path in folder.glob("msCam*"):
        path.unlink()
    assert names(video_files(folder)) == [f"behavCam{k}.avi" for k in range(1, 12)]


def test_other_folders_are_none(tmp_path: Path) -> None:
    assert video_files(tmp_path) == ()
    (tmp_path / "3.avi").touch()  # a number alone makes no recording
    (tmp_path / "holiday.avi").touch()
    assert video_files(tmp_path) == ()
    with pytest.raises(InputError, match="no Miniscope recording"):
        describe_folder(tmp_path, 10)
    with pytest.raises(InputError, match="does not exist"):
        video_files(tmp_path / "none")


def test_a_folder_that_may_not_be_read_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = v4_session(tmp_path)
    (tmp_path / "lost+found").mkdir()
    iterdir = type(tmp_path).iterdir

    def guarded(path: Path) -> Iterator[Path]:
        if path.name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(type(tmp_path), "iterdir", guarded)
    assert {path.parent for path in video_files(tmp_path)} == {device}


def test_several_recordings_are_listed(tmp_path: Path) -> None:
    device = v4_session(tmp_path)
    v4_session(tmp_path, name="16_00_00")
    assert video_files(device)
    with pytest.raises(InputError, match="several Miniscope recordings") as caught:
        video_files(tmp_path)
    assert "15_06_07" in caught.value.detail
    assert "16_00_00" in caught.value.detail


def test_times_of_version_4(tmp_path: Path) -> None:
    facts = describe_folder(v4_session(tmp_path), 2500)
    assert facts.format == "UCLA Miniscope V4 video (FFV1)"
    assert facts.timestamps is not None
    np.testing.assert_allclose(facts.timestamps.value, np.arange(2500) / 20 - 0.003)
    assert facts.timestamps.source == "timeStamps.csv"
    assert facts.frame_rate is not None
    assert facts.frame_rate.value == pytest.approx(20)
    assert facts.frame_rate.source == "timeStamps.csv"
    assert facts.recorded is not None
    assert facts.recorded.value == "2021-03-04T15:06:07.089"
    assert facts.dropped == ()
    assert facts.notes == ()


def test_times_of_version_3_are_those_of_the_microscope(tmp_path: Path) -> None:
    facts = describe_folder(v3_folder(tmp_path), 2300)
    assert facts.format == "UCLA Miniscope V3 video"
    assert facts.timestamps is not None
    np.testing.assert_allclose(facts.timestamps.value, np.arange(2300) / 30, atol=2e-3)
    assert facts.frame_rate is not None
    assert facts.frame_rate.value == pytest.approx(30, rel=1e-3)
    assert facts.dropped == ()


def test_version_3_with_equal_counts_says_that_it_guessed(tmp_path: Path) -> None:
    facts = describe_folder(v3_folder(tmp_path, 1500, 1500), 1500)
    assert any("as many frames of two cameras" in note for note in facts.notes)


def test_lost_frames_are_found_by_gaps_in_time(tmp_path: Path) -> None:
    device = v4_session(tmp_path)
    write_times(device, np.delete(np.arange(2503), [100, 500, 501]))
    facts = describe_folder(device, 2500)
    assert facts.dropped == ((99, 1), (498, 2))
    assert any("3 frames were lost while recording, after frame 100, 499" in n for n in facts.notes)
    assert facts.frame_rate is not None
    assert facts.frame_rate.value == pytest.approx(20)


def test_lost_frames_are_found_by_the_counter(tmp_path: Path) -> None:
    device = v4_session(tmp_path)
    write_times(device, range(2500), daq=np.delete(np.arange(2501), 7))
    facts = describe_folder(device, 2500)
    assert facts.dropped == ((6, 1),)
    assert any("1 frame was lost" in n and "counter of the microscope" in n for n in facts.notes)


@pytest.mark.parametrize(("n_rows", "n_kept"), [(2503, 2500), (2497, 2497), (9000, 2500)])
def test_counts_that_differ_use_the_common_length(tmp_path: Path, n_rows: int, n_kept: int) -> None:
    facts = describe_folder(v4_session(tmp_path, n_rows), 2500)
    assert facts.timestamps is not None
    assert len(facts.timestamps.value) == n_kept
    assert any(f"lists {n_rows} frames, the videos hold 2500" in note for note in facts.notes)


def test_a_table_of_another_recording_gives_no_time_stamps(tmp_path: Path) -> None:
    facts = describe_folder(v4_session(tmp_path, 900), 2500)
    assert facts.timestamps is None
    assert any("not used" in note for note in facts.notes)


def test_later_videos_alone_get_their_own_times(tmp_path: Path) -> None:
    device = v4_session(tmp_path)
    (device / "0.avi").unlink()
    facts = describe_folder(device, 1500)
    assert facts.timestamps is not None
    assert facts.timestamps.value[0] == pytest.approx(1000 / 20 - 0.003)
    assert len(facts.timestamps.value) == 1500
    (device / "0.avi").touch()
    (device / "1.avi").unlink()
    facts = describe_folder(device, 1500)
    assert facts.timestamps is None
    assert any("missing" in note for note in facts.notes)


def test_without_a_table_the_settings_give_the_rate(tmp_path: Path) -> None:
    for number, setting in enumerate(("20FPS", 20, "20.0")):
        device = v4_session(tmp_path / str(number), frameRate=setting)
        (device / "timeStamps.csv").unlink()
        facts = describe_folder(device, 2500)
        assert facts.frame_rate is not None
        assert facts.frame_rate.value == 20
        assert facts.frame_rate.source == "metaData.json"
        assert any("no timeStamps.csv" in note for note in facts.notes)


def test_settings_that_contradict_the_times_are_noted(tmp_path: Path) -> None:
    facts = describe_folder(v4_session(tmp_path, frameRate="30FPS"), 2500)
    assert facts.frame_rate is not None
    assert facts.frame_rate.value == pytest.approx(20)
    assert any("promises 30 frames in a second" in note for note in facts.notes)


def test_flat_start_time(tmp_path: Path) -> None:
    folder = v3_folder(tmp_path)
    flat = {"year": 2019, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5}
    (folder / "metaData.json").write_text(json.dumps(flat))
    recorded = describe_folder(folder, 2300).recorded
    assert recorded is not None
    assert recorded.value == "2019-01-02T03:04:05.000"
    (folder / "metaData.json").write_text('{"recordingStartTime": {"msecSinceEpoch": 0}}')
    recorded = describe_folder(folder, 2300).recorded
    assert recorded is not None
    assert recorded.value == "1970-01-01T00:00:00.000+00:00"


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{", '{"frameRate": {}, "deviceType": 5, "recordingStartTime": 3}', "\x00" * 99,
        '{"framesPerFile": -1, "year": "x"}', "[" * 100_000, '{"frameRate": "1e99", "msec": 1e999}',
    ],
)  # fmt: skip
def test_damaged_settings_and_tables_do_no_harm(tmp_path: Path, content: str) -> None:
    device = v4_session(tmp_path)
    (device / "metaData.json").write_text(content)
    (device.parent / "metaData.json").write_text(content)
    assert describe_folder(device, 2500).timestamps is not None
    (device / "timeStamps.csv").write_text(content)
    facts = describe_folder(device, 2500)
    assert facts.timestamps is None
    assert facts.notes


def test_decreasing_times_are_not_used(tmp_path: Path) -> None:
    device = v4_session(tmp_path)
    write_times(device, np.r_[0:1000, 400:1900])
    facts = describe_folder(device, 2500)
    assert facts.timestamps is None
    assert any("decrease" in note for note in facts.notes)
