from __future__ import annotations

import contextlib
import random
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from caiman_gui.errors import InputError
from caiman_gui.io import nwb
from caiman_gui.io.reader import ReadChoice

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.io.reader import FrameReader

pytest.importorskip("pynwb")

MOVIE = np.random.default_rng(0).integers(0, 2000, (23, 40, 48)).astype(np.uint16)
START = datetime(2024, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.nwb"


class Session:
    """An NWB file in the making, by pynwb."""

    def __init__(self, **options: Any) -> None:
        from pynwb import NWBFile
        from pynwb.ophys import OpticalChannel

        self.file = NWBFile("a session", "id", START, **options)
        device = self.file.create_device("microscope")
        channel = OpticalChannel(name="green", description="d", emission_lambda=510.0)
        self.plane = self.file.create_imaging_plane(
            name="plane", optical_channel=channel, description="d", device=device,
            excitation_lambda=920.0, imaging_rate=29.5, indicator="GCaMP6f", location="V1",
            grid_spacing=[0.8, 0.8], grid_spacing_unit="micrometers",
        )  # fmt: skip

    def add(self, data: Any, name: str = "TwoPhotonSeries", **options: Any) -> Any:
        from pynwb.ophys import TwoPhotonSeries

        timing = {} if "timestamps" in options else {"rate": 30.0}
        series = TwoPhotonSeries(
            name=name, data=data, imaging_plane=self.plane, unit="n.a.", **timing, **options
        )
        self.file.add_acquisition(series)
        return series

    def write(self, path: Path) -> None:
        from pynwb import NWBHDF5IO

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with NWBHDF5IO(path, "w") as io:
                io.write(self.file)


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """Keep what pynwb says about its own classes out of the tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def opened(path: Path, **choice: Any) -> FrameReader:
    assert nwb.recognises(path, path.read_bytes()[:4096])
    return nwb.open_reader(path, ReadChoice(**choice))


@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_two_photon_series_with_all_it_knows(path: Path, is_compressed: bool) -> None:
    from pynwb import H5DataIO

    session = Session()
    session.add(H5DataIO(MOVIE, compression="gzip") if is_compressed else MOVIE, starting_time=2.5)
    session.write(path)
    reader = opened(path)
    facts = reader.facts
    np.testing.assert_array_equal(reader.frames(0, 23), MOVIE)
    assert facts.format.startswith("NWB 2.")
    assert facts.format.endswith("TwoPhotonSeries")
    assert facts.frame_rate is not None
    assert facts.pixel_size is not None
    assert facts.indicator is not None
    assert facts.recorded is not None
    assert (facts.frame_rate.value, facts.frame_rate.source) == (30, "NWB rate of the series")
    assert facts.pixel_size.value == pytest.approx(0.8)
    assert facts.indicator.value == "GCaMP6f"
    assert facts.recorded.value == "2024-03-01T09:30:02.500000+00:00"
    assert facts.timestamps is None
    assert (facts.dataset, facts.axes) == ("/acquisition/TwoPhotonSeries/data", "TYX")
    assert "rows from columns" in facts.notes[0]
    reader.close()
    reader = opened(path, axes="TXY")
    np.testing.assert_array_equal(reader.frames(0, 23), MOVIE.transpose(0, 2, 1))
    assert reader.facts.notes == ()
    reader.close()


def test_timestamps(path: Path) -> None:
    times = np.arange(23) / 30 + 0.1
    times[15:] += 0.5
    session = Session()
    session.add(MOVIE, timestamps=times)
    session.write(path)
    reader = opened(path)
    assert reader.facts.timestamps is not None
    np.testing.assert_array_equal(reader.facts.timestamps.value, times)
    assert reader.facts.timestamps.source == "NWB timestamps of the series"
    assert reader.facts.frame_rate is None  # told from the timestamps
    reader.close()


def test_timestamps_that_make_no_sense_are_left_out(path: Path) -> None:
    times = np.arange(23) / 30
    times[5] = -1
    session = Session()
    session.add(MOVIE, timestamps=times)
    session.add(MOVIE, "short", timestamps=times)
    session.write(path)
    with h5py.File(path, "a") as h5:
        series = h5["acquisition/short"]
        del series["timestamps"]
        series["timestamps"] = times[6:]
    reader = opened(path, dataset="/acquisition/TwoPhotonSeries/data")
    assert reader.facts.timestamps is None
    assert "backwards" in reader.facts.notes[0]
    assert reader.facts.frame_rate is not None
    assert reader.facts.frame_rate.source == "NWB imaging_rate of the imaging plane"
    reader.close()
    reader = opened(path, dataset="/acquisition/short/data")
    assert "one timestamp for each of its 23 frames" in reader.facts.notes[0]
    reader.close()


def test_neuroconv_stores_columns_first(path: Path) -> None:
    session = Session(source_script="Created using NeuroConv v0.6.1", source_script_file_name="a")
    session.add(MOVIE.transpose(0, 2, 1))
    session.write(path)
    reader = opened(path)
    assert (reader.facts.axes, reader.facts.notes) == ("TXY", ())
    np.testing.assert_array_equal(reader.frames(0, 23), MOVIE)
    reader.close()


def test_volumes_have_planes(path: Path) -> None:
    volumes = np.random.default_rng(1).integers(0, 99, (5, 40, 48, 3)).astype(np.uint8)
    session = Session()
    session.add(volumes)
    session.write(path)
    reader = opened(path, plane=3)
    assert (reader.facts.axes, reader.facts.n_planes) == ("TYXZ", 3)
    np.testing.assert_array_equal(reader.frames(0, 5), volumes[..., 2])
    reader.close()


def test_one_photon_and_corrected_movies_come_before_other_videos(path: Path) -> None:
    from pynwb.base import TimeSeries
    from pynwb.image import ImageSeries
    from pynwb.ophys import CorrectedImageStack, MotionCorrection, OnePhotonSeries

    session = Session()
    camera = ImageSeries(name="eye", data=np.zeros((99, 64, 64), np.uint8), unit="n.a.", rate=100.0)
    session.file.add_acquisition(camera)
    raw = OnePhotonSeries(
        name="raw", data=MOVIE[:5], imaging_plane=session.plane, unit="n.a.", rate=20.0
    )
    session.file.add_acquisition(raw)
    stack = CorrectedImageStack(
        corrected=ImageSeries(name="corrected", data=MOVIE, unit="n.a.", rate=20.0),
        original=raw,
        xy_translation=TimeSeries(name="xy_translation", data=np.zeros((23, 2)), unit="pixels",
                                  rate=20.0),
    )  # fmt: skip
    module = session.file.create_processing_module("ophys", "d")
    module.add(MotionCorrection(corrected_image_stacks=[stack]))
    session.write(path)
    reader = opened(path)
    assert reader.facts.dataset == "/acquisition/raw/data"
    assert {item.path.rpartition("/")[0] for item in reader.facts.datasets} == {
        "/acquisition/raw",
        "/acquisition/eye",
        "/processing/ophys/MotionCorrection/CorrectedImageStack/corrected",
    }
    reader.close()
    reader = opened(
        path, dataset="/processing/ophys/MotionCorrection/CorrectedImageStack/corrected/data"
    )
    np.testing.assert_array_equal(reader.frames(0, 23), MOVIE)
    assert reader.facts.frame_rate is not None
    assert reader.facts.frame_rate.value == 20
    reader.close()


def test_a_movie_in_another_file_is_named(path: Path) -> None:
    from pynwb.ophys import TwoPhotonSeries

    session = Session()
    series = TwoPhotonSeries(
        name="movie", imaging_plane=session.plane, format="external", unit="n.a.",
        timestamps=np.arange(200.0),
        external_file=["../raw/file_001.tif", "../raw/file_002.tif"], starting_frame=[0, 100],
        dimension=[40, 48],
    )  # fmt: skip
    session.file.add_acquisition(series)
    session.write(path)
    with pytest.raises(InputError, match="lies in another file") as caught:
        opened(path)
    assert "../raw/file_001.tif, ../raw/file_002.tif" in caught.value.detail


def test_a_link_to_another_file_is_named_and_not_followed(path: Path) -> None:
    session = Session()
    session.add(MOVIE)
    session.write(path)
    with h5py.File(path, "a") as h5:
        del h5["acquisition/TwoPhotonSeries/data"]
        h5["acquisition/TwoPhotonSeries/data"] = h5py.ExternalLink("other.nwb", "/data")
    with pytest.raises(InputError, match="lies in another file") as caught:
        opened(path)
    assert "other.nwb" in caught.value.detail


def test_files_without_a_movie_say_what_they_hold(path: Path) -> None:
    from pynwb.base import TimeSeries

    session = Session()
    wheel = TimeSeries(name="wheel", data=np.zeros(100), unit="m", rate=10.0)
    session.file.add_acquisition(wheel)
    session.write(path)
    with pytest.raises(InputError, match="holds no movie") as caught:
        opened(path)
    assert "/acquisition/wheel (TimeSeries)" in caught.value.detail


def test_unknown_words_are_not_facts(path: Path) -> None:
    session = Session()
    session.add(MOVIE)
    session.write(path)
    with h5py.File(path, "a") as h5:
        plane = h5["general/optophysiology/plane"]
        del plane["indicator"]
        plane["indicator"] = "unknown"
        plane["grid_spacing"].attrs["unit"] = "furlongs"
        del h5["session_start_time"]
        h5["session_start_time"] = "yesterday"
    reader = opened(path)
    facts = reader.facts
    assert (facts.indicator, facts.pixel_size, facts.recorded) == (None, None, None)
    reader.close()


def test_it_is_recognised_by_content_or_name(path: Path, tmp_path: Path) -> None:
    session = Session()
    session.add(MOVIE)
    session.write(path)
    other = tmp_path / "renamed.h5"
    other.write_bytes(path.read_bytes())
    assert nwb.recognises(other, other.read_bytes()[:4096])
    with h5py.File(other, "w") as h5:
        h5["mov"] = MOVIE
    assert not nwb.recognises(other, other.read_bytes()[:4096])
    other.write_bytes(path.read_bytes()[:300])
    assert not nwb.recognises(other, other.read_bytes())
    assert not nwb.recognises(path, b"II*\0")


def test_mutated_files_open_or_are_refused(path: Path) -> None:
    session = Session()
    session.add(MOVIE[:5, :16, :20], timestamps=np.arange(5.0))
    session.write(path)
    good, chance = path.read_bytes(), random.Random(5)
    places = [at for at in range(len(good)) if good[at]]
    for _ in range(120):
        bad = bytearray(good)
        for _ in range(chance.choice((1, 10, 100))):
            bad[chance.choice(places)] = chance.randrange(256)
        path.write_bytes(bad[: chance.randrange(len(bad))] if chance.random() < 0.1 else bad)
        with (
            contextlib.suppress(InputError),
            contextlib.closing(nwb.open_reader(path, ReadChoice())) as reader,
        ):
            reader.frames(0, 2)


@pytest.mark.data
def test_a_file_of_suite2p_names_no_movie(shared_data: Path) -> None:
    with pytest.raises(InputError, match="lies in another file"):
        opened(shared_data / "suite2p-files" / "suite2p" / "ophys.nwb")
