"""What a TIFF file knows about its recording is found, with its source, and nothing is guessed."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from tiff_makers import ASCII, text, write_pages

from caiman_gui.errors import InputError
from caiman_gui.io.reader import Fact, FileFacts, ReadChoice
from caiman_gui.io.tiff import TiffMovie

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (24, 16, 20)


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(5).integers(-500, 4000, SHAPE).astype(np.int16)


def opened(path: Path, choice: ReadChoice | None = None) -> tuple[np.ndarray, FileFacts]:
    movie = TiffMovie(path, choice)
    try:
        return movie.frames(0, movie.shape[0]), movie.facts
    finally:
        movie.close()


def assert_fact(fact: Fact | None, value: float, source: str) -> None:
    assert fact is not None
    assert fact.value == pytest.approx(value)
    assert fact.source == source


def test_a_file_that_says_nothing_is_not_guessed_at(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames)
    _, facts = opened(tmp_path / "a.tif")
    assert facts == facts
    assert (facts.frame_rate, facts.pixel_size, facts.timestamps, facts.recorded) == (None,) * 4
    assert facts.channels == ("",)
    assert facts.n_planes == 1
    assert facts.notes == ()
    assert facts.format == "TIFF"


@pytest.mark.parametrize(
    ("unit", "seconds"), [("s", 1.0), ("ms", 1e-3), ("sec", 1.0), ("min", 60.0)]
)
def test_imagej_frame_rate_and_pixel_size(
    tmp_path: Path, frames: np.ndarray, unit: str, seconds: float
) -> None:
    meta = {"axes": "TYX", "finterval": 0.05 / seconds, "tunit": unit, "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", frames, imagej=True, resolution=(2, 2), metadata=meta)
    _, facts = opened(tmp_path / "a.tif")
    assert_fact(facts.frame_rate, 20, "ImageJ finterval")
    assert_fact(facts.pixel_size, 0.5, "ImageJ resolution")
    assert facts.format == "ImageJ TIFF"
    assert facts.notes == ()


def test_resolution_in_centimetres_and_date(tmp_path: Path, frames: np.ndarray) -> None:
    options = {"metadata": None, "resolution": (5000, 5000), "datetime": "2021:03:04 05:06:07"}
    tifffile.imwrite(tmp_path / "a.tif", frames, resolutionunit=3, bigtiff=True, **options)
    tifffile.imwrite(tmp_path / "b.tif", frames, resolutionunit=2, compression="lzw", **options)
    _, facts = opened(tmp_path / "a.tif")
    assert_fact(facts.pixel_size, 2, "TIFF resolution")
    assert facts.recorded == Fact("2021-03-04T05:06:07", "TIFF DateTime")
    assert facts.format == "BigTIFF"
    _, facts = opened(tmp_path / "b.tif")
    assert facts.pixel_size is None  # inches are a printer's
    assert facts.format == "TIFF (LZW)"


def test_ome_facts_and_times_of_planes(tmp_path: Path, frames: np.ndarray) -> None:
    times = np.sort(np.random.default_rng(0).random(12)) * 3000
    delta = np.repeat(times, 2).tolist()
    meta = {
        "axes": "TCYX", "TimeIncrement": 250, "TimeIncrementUnit": "ms",
        "PhysicalSizeX": 1300, "PhysicalSizeXUnit": "nm", "Channel": {"Name": ["green", "red"]},
        "Plane": {"DeltaT": delta, "DeltaTUnit": ["ms"] * 24},
    }  # fmt: skip
    tifffile.imwrite(tmp_path / "a.ome.tif", frames.reshape(12, 2, 16, 20), ome=True, metadata=meta)
    whole, facts = opened(tmp_path / "a.ome.tif", ReadChoice(channel=2))
    np.testing.assert_array_equal(whole, frames[1::2])
    assert facts.channels == ("green", "red")
    assert_fact(facts.frame_rate, 4, "OME TimeIncrement")
    assert_fact(facts.pixel_size, 1.3, "OME PhysicalSizeX")
    assert facts.timestamps is not None
    assert facts.timestamps.source == "OME DeltaT"
    np.testing.assert_allclose(facts.timestamps.value, times / 1000)
    assert "frames may be missing" in facts.notes[0]  # 12 frames in under 3 s are not 4 Hz


def test_ome_planes_in_any_order_and_in_other_files(tmp_path: Path, frames: np.ndarray) -> None:
    order = np.random.default_rng(1).permutation(8)
    entries = "".join(
        f'<TiffData FirstT="{t}" FirstC="{c}" IFD="{order[2 * t + c]}" PlaneCount="1">'
        f'<UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>'
        for t in range(4)
        for c in range(2)
    )
    elsewhere = "".join(
        f'<TiffData FirstT="{t}" IFD="{t - 4}" PlaneCount="1">'
        f'<UUID FileName="b.ome.tif">urn:uuid:2</UUID></TiffData>'
        for t in range(4, 8)
    )
    xml = (
        '<?xml version="1.0"?><OME UUID="urn:uuid:1"><Image ID="Image:0"><AcquisitionDate>'
        '2020-02-03T04:05:06</AcquisitionDate><Pixels DimensionOrder="XYCZT" SizeX="20" '
        f'SizeY="16" SizeC="2" SizeZ="1" SizeT="8" Type="int16">{entries}{elsewhere}'
        "</Pixels></Image></OME>"
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", frames[:8], description=xml, metadata=None)
    (tmp_path / "a.ome.tif").rename(tmp_path / "renamed.tif")
    for channel in (1, 2):
        whole, facts = opened(tmp_path / "renamed.tif", ReadChoice(channel=channel))
        np.testing.assert_array_equal(whole, frames[:8][order[channel - 1 :: 2]])
    assert facts.recorded == Fact("2020-02-03T04:05:06", "OME AcquisitionDate")
    assert "2 files; the others (b.ome.tif)" in " ".join(facts.notes)


def test_ome_missing_planes_are_told(tmp_path: Path, frames: np.ndarray) -> None:
    entries = "".join(f'<TiffData FirstT="{t}" IFD="{i}"/>' for i, t in enumerate((0, 1, 2, 5)))
    second = '<TiffData FirstT="0" FirstC="1" IFD="4"/><TiffData FirstT="2" FirstC="1" IFD="5"/>'
    xml = (
        '<OME><Image><Pixels DimensionOrder="XYCZT" SizeX="20" SizeY="16" SizeC="2" SizeZ="1" '
        f'SizeT="6">{entries}{second}</Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.tif", frames[:6], description=xml, metadata=None)
    whole, facts = opened(tmp_path / "a.tif", ReadChoice(channel=2))
    np.testing.assert_array_equal(whole, frames[4:6])
    assert "2 of 4 frames are missing" in " ".join(facts.notes)


def scanimage(**changes: str) -> str:
    """Return the settings that ScanImage writes, as far as they matter."""
    settings = {
        "SI.VERSION_MAJOR": "2020",
        "SI.hChannels.channelSave": "[1;2]",
        "SI.hChannels.channelName": "{'GCaMP' 'tdTomato' 'Channel 3'}",
        "SI.hRoiManager.scanFrameRate": "30.0",
        "SI.hRoiManager.scanVolumeRate": "7.5",
        "SI.hRoiManager.mroiEnable": "false",
        "SI.hRoiManager.imagingFovUm": "[-300 -240;300 -240;300 240;-300 240]",
        "SI.hRoiManager.imagingFovDeg": "[-20 -16;20 -16;20 16;-20 16]",
        "SI.objectiveResolution": "15",
        "SI.hScan2D.logAverageFactor": "1",
        "SI.hStackManager.enable": "false",
        "SI.hStackManager.numSlices": "3",
        "SI.hStackManager.framesPerSlice": "Inf",
        "SI.hStackManager.numFramesPerVolume": "3",
        "SI.hStackManager.numFramesPerVolumeWithFlyback": "4",
        **{name.replace("__", "."): value for name, value in changes.items()},
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


def write_scanimage(
    path: Path, frames: np.ndarray, software: str, *, first_frame: int = 1, artist: str = ""
) -> None:
    n_channels = 2 if "[1;2]" in software else 1

    def extra(number: int) -> list:
        frame = first_frame + number // n_channels
        description = (
            f"frameNumbers = {frame}\nframeNumberAcquisition = {frame}\n"
            f"frameTimestamps_sec = {frame / 30:.6f}\n"
            f"epoch = [2021 8 23 14 25 31.123]\n"
        )
        tags = [(270, ASCII, text(description)), (305, ASCII, text(software))]
        return [*tags, (315, ASCII, text(artist))] if artist else tags

    write_pages(path, frames, extra)


def test_scanimage_channels(tmp_path: Path, frames: np.ndarray) -> None:
    write_scanimage(tmp_path / "a.tif", frames, scanimage())
    whole, facts = opened(tmp_path / "a.tif")
    np.testing.assert_array_equal(whole, frames[::2])
    assert whole.min() < 0
    assert facts.format == "ScanImage BigTIFF"
    assert facts.channels == ("GCaMP", "tdTomato")
    assert facts.n_planes == 1
    assert_fact(facts.frame_rate, 30, "ScanImage scanFrameRate")
    assert_fact(facts.pixel_size, 600 / 20, "ScanImage imagingFovUm")
    assert facts.recorded == Fact("2021-08-23T14:25:31", "ScanImage epoch")
    assert facts.timestamps is not None
    np.testing.assert_allclose(facts.timestamps.value, np.arange(1, 13) / 30, atol=1e-5)
    assert facts.notes == ("a.tif holds 2 channels (GCaMP, tdTomato); the first is read.",)
    second, _ = opened(tmp_path / "a.tif", ReadChoice(channel=2))
    np.testing.assert_array_equal(second, frames[1::2])


def test_scanimage_volumes_without_their_flyback(tmp_path: Path, frames: np.ndarray) -> None:
    software = scanimage(SI__hStackManager__enable="true", SI__hChannels__channelSave="2")
    write_scanimage(tmp_path / "a.tif", frames, software)
    for plane in (1, 3):
        whole, facts = opened(tmp_path / "a.tif", ReadChoice(plane=plane))
        np.testing.assert_array_equal(whole, frames[plane - 1 :: 4])
    assert facts.n_planes == 3
    assert facts.channels == ("tdTomato",)
    assert_fact(facts.frame_rate, 7.5, "ScanImage scanVolumeRate")
    assert "1 flyback frame after each volume of 3 planes" in " ".join(facts.notes)


def test_scanimage_file_that_begins_within_a_volume(tmp_path: Path, frames: np.ndarray) -> None:
    software = scanimage(SI__hStackManager__enable="true", SI__hChannels__channelSave="1")
    write_scanimage(tmp_path / "a.tif", frames, software, first_frame=3)
    whole, facts = opened(tmp_path / "a.tif")
    np.testing.assert_array_equal(whole, frames[2:-2:4])
    assert "Left out of a.tif: 4 images of incomplete volumes" in " ".join(facts.notes)


def test_scanimage_slow_stack(tmp_path: Path, frames: np.ndarray) -> None:
    software = scanimage(
        SI__hStackManager__enable="true",
        SI__hStackManager__framesPerSlice="8",
        SI__hStackManager__numFramesPerVolume="24",
        SI__hStackManager__numFramesPerVolumeWithFlyback="24",
        SI__hChannels__channelSave="1",
    )
    write_scanimage(tmp_path / "a.tif", frames, software)
    whole, facts = opened(tmp_path / "a.tif", ReadChoice(plane=2))
    np.testing.assert_array_equal(whole, frames[8:16])
    assert_fact(facts.frame_rate, 30, "ScanImage scanFrameRate")


def test_scanimage_averages_frames(tmp_path: Path, frames: np.ndarray) -> None:
    software = scanimage(SI__hScan2D__logAverageFactor="4", SI__hChannels__channelSave="1")
    write_scanimage(tmp_path / "a.tif", frames, software)
    _, facts = opened(tmp_path / "a.tif")
    assert_fact(facts.frame_rate, 7.5, "ScanImage scanFrameRate")


def test_scanimage_mesoscope(tmp_path: Path, frames: np.ndarray) -> None:
    field = {"sizeXY": [4, 8], "pixelResolutionXY": [20, 8]}
    artist = json.dumps({"RoiGroups": {"imagingRoiGroup": {"rois": [{"scanfields": field}] * 2}}})
    software = scanimage(SI__hRoiManager__mroiEnable="true", SI__hChannels__channelSave="1")
    write_scanimage(tmp_path / "a.tif", frames, software, artist=artist)
    _, facts = opened(tmp_path / "a.tif")
    assert "show 2 fields one below the other (mROI)" in facts.notes[0]
    assert_fact(facts.pixel_size, 15 * 4 / 20, "ScanImage objectiveResolution")


def test_scanimage_with_fewer_pages_than_a_volume(tmp_path: Path, frames: np.ndarray) -> None:
    software = scanimage(
        SI__hStackManager__enable="true",
        SI__hStackManager__numSlices="99",
        SI__hChannels__channelSave="1",
    )
    write_scanimage(tmp_path / "a.tif", frames, software)
    whole, facts = opened(tmp_path / "a.tif")
    np.testing.assert_array_equal(whole, frames)
    assert "less than one volume of 99 planes" in facts.notes[0]


@pytest.mark.parametrize(
    ("description", "rate"),
    [
        ("state.acq.frameRate=3.9\rstate.acq.numberOfChannelsSave=2\r", 3.9),
        ("scanimage.SI4.channelsSave = [1;2]\nscanimage.SI4.scanFrameRate = 15.2\n", 15.2),
        ("scanimage.SI.hChannels.channelSave = [1;2]\n"
         "scanimage.SI.hRoiManager.scanFrameRate = 20\n", 20),
    ],
)  # fmt: skip
def test_older_scanimage(tmp_path: Path, frames: np.ndarray, description: str, rate: float) -> None:
    tags = [(270, ASCII, text(description))]
    write_pages(tmp_path / "a.tif", frames, lambda _: tags, is_big=False)
    whole, facts = opened(tmp_path / "a.tif")
    np.testing.assert_array_equal(whole, frames[::2])
    assert_fact(facts.frame_rate, rate, "ScanImage scanFrameRate")
    assert facts.channels == ("channel 1", "channel 2")


def micromanager_block(summary: dict, index_at: int) -> bytes:
    raw = json.dumps(summary).encode()
    numbers = (54773648, index_at, 483765892, 0, 99384722, 0, 2355492, len(raw))
    return (struct.pack("<8I", *numbers) + raw).ljust(600, b" ")


def test_micromanager_places_and_times(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.tif"

    def extra(number: int) -> list:
        page = {"ElapsedTime-ms": 40.0 * (number // 4), "Width": 20}
        return [(51123, ASCII, text(json.dumps(page)))]

    summary = {
        "Interval_ms": 10, "PixelSize_um": 0.65, "ChNames": ["DAPI", "GFP"], "Slices": 2,
        "StartTime": "2022-01-02 03:04:05.678 +0100",
    }  # fmt: skip
    block = micromanager_block(summary, 0)
    places = write_pages(path, frames, extra, is_big=False, block=block)
    index_at = path.stat().st_size
    rows = [
        (c, z, t, 0, place) for place, (t, c, z) in zip(places, np.ndindex(6, 2, 2), strict=True)
    ]
    content = path.read_bytes() + struct.pack("<II", 3453623, len(rows))
    content += b"".join(struct.pack("<5I", *row) for row in rows)
    content = content[:8] + micromanager_block(summary, index_at) + content[8 + 600 :]
    path.write_bytes(content)
    whole, facts = opened(path, ReadChoice(channel=2, plane=2))
    np.testing.assert_array_equal(whole, frames[3::4])
    assert facts.format == "Micro-Manager TIFF"
    assert facts.channels == ("DAPI", "GFP")
    assert facts.n_planes == 2
    assert_fact(facts.pixel_size, 0.65, "Micro-Manager PixelSize_um")
    assert facts.recorded == Fact("2022-01-02T03:04:05", "Micro-Manager StartTime")
    assert facts.frame_rate is not None
    assert facts.frame_rate.value == pytest.approx(25)  # not the 100 Hz that were asked for
    assert facts.timestamps is not None
    np.testing.assert_allclose(facts.timestamps.value, 0.04 * np.arange(6))


def test_metamorph_stack(tmp_path: Path, frames: np.ndarray) -> None:
    rows = [(0, 1, 2459000, 1000 + 50 * n, 2459000, 0) for n in range(24)]
    raw = b"".join(struct.pack("<6I", *row) for row in rows)
    write_pages(tmp_path / "a.stk", frames[:1], lambda _: [(33629, 5, bytes(8 * 24))], is_big=False)
    content = bytearray((tmp_path / "a.stk").read_bytes())
    content += frames[1:].tobytes()
    at = 10 + 12 * 10 + 8  # its tag is the last one
    struct.pack_into("<I", content, at, len(content))
    (tmp_path / "a.stk").write_bytes(bytes(content) + raw)
    whole, facts = opened(tmp_path / "a.stk")
    np.testing.assert_array_equal(whole, frames)
    assert facts.format == "MetaMorph TIFF"
    assert facts.timestamps is not None
    np.testing.assert_allclose(np.diff(facts.timestamps.value), 0.05)


def test_zeiss_lsm_leaves_its_thumbnails_out(tmp_path: Path, frames: np.ndarray) -> None:
    info = bytearray(200)
    struct.pack_into("<I7i", info, 0, 67127628, 200, 20, 16, 2, 1, 12, 2)
    struct.pack_into("<d", info, 40, 5e-7)
    struct.pack_into("<d", info, 112, 0.25)
    with tifffile.TiffWriter(tmp_path / "a.lsm") as tif:
        for number, frame in enumerate(frames):
            tags = [(34412, 1, 200, bytes(info), True)] if number == 0 else []
            tif.write(frame, contiguous=False, metadata=None, extratags=tags)
            tif.write(frame[::2, ::2], contiguous=False, metadata=None, subfiletype=1)
    whole, facts = opened(tmp_path / "a.lsm", ReadChoice(plane=2))
    np.testing.assert_array_equal(whole, frames[1::2])
    assert facts.n_planes == 2
    assert_fact(facts.frame_rate, 4, "LSM TimeInterval")
    assert_fact(facts.pixel_size, 0.5, "LSM VoxelSizeX")


def test_implausible_facts_are_left_out(tmp_path: Path, frames: np.ndarray) -> None:
    meta = {"axes": "TYX", "finterval": 0.0, "unit": "parsec"}
    tifffile.imwrite(tmp_path / "a.tif", frames, imagej=True, resolution=(2, 2), metadata=meta)
    _, facts = opened(tmp_path / "a.tif")
    assert facts.frame_rate is None
    assert facts.pixel_size is None


def test_a_description_that_does_not_fit_is_told(tmp_path: Path, frames: np.ndarray) -> None:
    description = "ImageJ=1.53t\nimages=20\nframes=10\nchannels=2\norder=tcz\n"
    tifffile.imwrite(tmp_path / "a.tif", frames, description=description, metadata=None)
    whole, facts = opened(tmp_path / "a.tif")
    np.testing.assert_array_equal(whole, frames)
    assert "speaks of 20 images, but the file holds 24" in " ".join(facts.notes)
    description = "ImageJ=1.53t\nimages=30\nframes=15\nchannels=2\n"
    tifffile.imwrite(tmp_path / "b.tif", frames[:23], description=description, metadata=None)
    whole, facts = opened(tmp_path / "b.tif", ReadChoice(channel=2))
    np.testing.assert_array_equal(whole, frames[1:23:2])
    assert "complete with 23" in " ".join(facts.notes)
    assert "Left out of b.tif: 1 image of an incomplete frame" in " ".join(facts.notes)


def test_an_lsm_file_that_has_lost_its_places_is_refused(
    tmp_path: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = [(34412, 1, 200, bytes(200), True)]
    tifffile.imwrite(tmp_path / "a.lsm", frames, metadata=None, extratags=tags)
    monkeypatch.setattr("caiman_gui.io.tiff_microscopes._LSM_LIMIT", 1000)
    with pytest.raises(InputError, match="LSM file is too large"):
        TiffMovie(tmp_path / "a.lsm")
