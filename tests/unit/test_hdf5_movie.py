from __future__ import annotations

import random
import tracemalloc
from threading import Thread
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from caiman_gui.errors import InputError
from caiman_gui.io import hdf5_movie
from caiman_gui.io.reader import FrameReader, ReadChoice

if TYPE_CHECKING:
    from pathlib import Path

MOVIE = np.random.default_rng(0).integers(0, 2000, (23, 40, 48)).astype(np.uint16)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "movie µ.h5"


def opened(path: Path, **choice: object) -> FrameReader:
    assert hdf5_movie.recognises(path, path.read_bytes()[:4096])
    return hdf5_movie.open_reader(path, ReadChoice(**choice))  # type: ignore[arg-type]


def require_equal(reader: FrameReader, movie: np.ndarray) -> None:
    """Compare whole, in parts and beyond the ends, then close."""
    assert reader.shape == movie.shape
    whole = reader.frames(0, len(movie))
    assert whole.dtype == reader.dtype
    assert whole.dtype.isnative
    assert whole.flags.c_contiguous
    np.testing.assert_array_equal(whole, movie)
    np.testing.assert_array_equal(reader.frames(3, 8), movie[3:8])
    np.testing.assert_array_equal(reader.frames(-5, 2), movie[:2])
    np.testing.assert_array_equal(reader.frames(len(movie) - 1, 10_000), movie[-1:])
    assert reader.frames(9, 4).shape == (0, *movie.shape[1:])
    reader.close()
    reader.close()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (1, 40, 48)},
        {"chunks": (7, 16, 16), "compression": "gzip", "shuffle": True},
        {"chunks": (23, 4, 4), "compression": "lzf"},
        {"chunks": (23, 40, 48), "fletcher32": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("axes", ["TYX", "TXY", "YXT"])
def test_every_storage_and_order_gives_the_same_frames(
    path: Path, options: dict, axes: str
) -> None:
    order = ["TYX".index(letter) for letter in axes]
    if "chunks" in options:
        options = {**options, "chunks": tuple(options["chunks"][n] for n in order)}
    with h5py.File(path, "w") as h5:
        h5.create_dataset("mov", data=MOVIE.transpose(order), **options)
    reader = opened(path, axes=axes)
    assert reader.facts.axes == axes
    require_equal(reader, MOVIE)


@pytest.mark.parametrize("dtype", ["u1", "i1", ">u2", "i4", "f2", ">f4", "f8", "?"])
@pytest.mark.parametrize("chunks", [None, (5, 40, 48)])
def test_sample_types(path: Path, dtype: str, chunks: tuple[int, ...] | None) -> None:
    stored = (MOVIE % 100).astype(dtype)
    with h5py.File(path, "w") as h5:
        h5.create_dataset("mov", data=stored, chunks=chunks)
    require_equal(opened(path), stored)


def test_channels_and_planes(path: Path) -> None:
    movie = np.random.default_rng(1).integers(0, 255, (6, 3, 40, 48, 2)).astype(np.uint8)
    with h5py.File(path, "w") as h5:
        for name, options in (("imaging", {}), ("chunked", {"chunks": (1, 1, 40, 48, 1)})):
            dataset = h5.create_dataset(name, data=movie, **options)
            dataset.attrs["DIMENSION_LABELS"] = ["t", "z", "y", "x", "c"]
            dataset.attrs["channel_names"] = [b"green", b"red"]
    for name in ("/imaging", "chunked"):
        reader = opened(path, dataset=name, channel=2, plane=3)
        assert (reader.facts.channels, reader.facts.n_planes) == (("green", "red"), 3)
        assert (reader.facts.axes, reader.facts.notes) == ("TZYXC", ())
        require_equal(reader, movie[:, 2, :, :, 1])
    with pytest.raises(InputError, match="no plane 4"):
        opened(path, plane=4)


def test_the_likeliest_array_is_read_and_the_others_are_offered(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5["analysis/footprints"] = np.zeros((30, 40, 48), np.float32)
        h5["mov"] = MOVIE
        h5["mov"].attrs.update(fr=30.0, start_time=0.0, file_name=["a.tif"])
        h5["counts"] = np.zeros((50, 40, 48), np.int64)
        h5["traces"] = np.zeros((30, 500))
        h5["kernel"] = np.zeros((10, 2, 2))
    reader = opened(path)
    facts = reader.facts
    assert facts.dataset == "/mov"
    assert {item.path for item in facts.datasets} == {"/mov", "/analysis/footprints", "/counts"}
    assert facts.frame_rate is not None
    assert facts.frame_rate.value == 30
    assert facts.frame_rate.source == "HDF5 attribute fr of /mov"
    assert "3 arrays" in facts.notes[0]
    assert "axis order" in facts.notes[1]
    reader.close()
    reader = opened(path, dataset="analysis/footprints", axes="tyx")
    assert reader.shape == (30, 40, 48)
    assert reader.facts.notes == ()
    reader.close()
    with pytest.raises(InputError, match="not a brightness"):
        opened(path, dataset="/counts")
    with pytest.raises(InputError, match="no such dataset") as caught:
        opened(path, dataset="/traces")
    assert "/mov" in caught.value.hint


def test_a_much_larger_array_beats_a_known_name(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5["data"] = MOVIE[:2]
        h5["raw/frames"] = np.zeros((40, 40, 48), np.uint16)
    reader = opened(path)
    assert reader.facts.dataset == "/raw/frames"
    reader.close()


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("frame_rate", 20.0, "HDF5 attribute frame_rate of /session/mov"),
        ("FrameRate", np.array([20.0]), "HDF5 attribute FrameRate of /session/mov"),
        ("fs", np.float32(20), "HDF5 attribute fs of /session/mov"),
    ],
)
def test_conventional_names_of_the_frame_rate(
    path: Path, name: str, value: object, where: str
) -> None:
    with h5py.File(path, "w") as h5:
        h5["session/mov"] = MOVIE
        h5["session/mov"].attrs[name] = value
    reader = opened(path)
    assert reader.facts.frame_rate is not None
    assert (reader.facts.frame_rate.value, reader.facts.frame_rate.source) == (20, where)
    reader.close()


def test_facts_in_groups_and_datasets_beside_the_movie(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5["session/mov"] = MOVIE
        h5["session/sampling_rate"] = np.array([[15.5]])
        h5.attrs["um_per_pixel"] = 1.25
        h5.attrs["fr"] = "unknown"
    reader = opened(path)
    rate, size = reader.facts.frame_rate, reader.facts.pixel_size
    assert rate is not None
    assert size is not None
    assert (rate.value, rate.source) == (15.5, "HDF5 dataset /session/sampling_rate")
    assert (size.value, size.source) == (1.25, "HDF5 attribute um_per_pixel")
    reader.close()


@pytest.mark.parametrize("rate", [0.0, -3.0, np.nan, np.inf, 1e9])
def test_impossible_rates_are_not_reported(path: Path, rate: float) -> None:
    with h5py.File(path, "w") as h5:
        h5["mov"] = MOVIE
        h5["mov"].attrs["fr"] = rate
    reader = opened(path)
    assert reader.facts.frame_rate is None
    reader.close()


def test_axes_named_by_scales_as_in_netcdf(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5["varr"] = MOVIE.transpose(1, 2, 0)
        h5["A"] = np.zeros((30, 40, 48))
        for name, size in (("frame", 23), ("height", 40), ("width", 48), ("unit_id", 30)):
            h5[name] = np.arange(size)
            h5[name].make_scale(name)
        for array, names in (("varr", ("height", "width", "frame")),
                             ("A", ("unit_id", "height", "width"))):  # fmt: skip
            for number, name in enumerate(names):
                h5[array].dims[number].attach_scale(h5[name])
    reader = opened(path)
    assert (reader.facts.dataset, reader.facts.axes) == ("/varr", "YXT")
    assert len(reader.facts.datasets) == 1
    assert reader.facts.notes == ()
    require_equal(reader, MOVIE)


def test_ciatah_movies_are_turned_as_matlab_has_them(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5.create_dataset(
            "1", data=MOVIE.transpose(0, 2, 1), chunks=(1, 48, 40), compression="gzip"
        )
        h5["movie/info/date"] = "20240101"
    reader = opened(path)
    assert reader.facts.axes == "TXY"
    assert "CIAtah" in reader.facts.notes[0]
    require_equal(reader, MOVIE)


def test_planes_without_time_are_read_as_frames_and_told(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5["stack"] = MOVIE
        h5["stack"].attrs["axes"] = "zyx"
    reader = opened(path)
    assert reader.shape == MOVIE.shape
    assert "read as frames" in reader.facts.notes[0]
    reader.close()


def test_files_without_a_movie_say_what_they_hold(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5["estimates/C"] = np.zeros((30, 500))
    with pytest.raises(InputError, match="holds no movie") as caught:
        opened(path)
    assert "/estimates/C (30 x 500)" in caught.value.detail


def test_nothing_outside_the_file_is_read(path: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as h5:
        h5["mov"] = MOVIE
    layout = h5py.VirtualLayout(MOVIE.shape, MOVIE.dtype)
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "mov", MOVIE.shape)
    with h5py.File(path, "w") as h5:
        h5["linked"] = h5py.ExternalLink("other.h5", "/mov")
        h5.create_virtual_dataset("virtual", layout)
    with pytest.raises(InputError, match="lies in other files") as caught:
        opened(path)
    assert "/virtual" in caught.value.detail
    with pytest.raises(InputError):
        opened(path, dataset="/linked")


def test_loops_of_groups_end(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5["a/mov"] = MOVIE
        h5["a/b/up"] = h5["a"]
        h5["soft"] = h5py.SoftLink("/soft")
    reader = opened(path)
    assert [item.path for item in reader.facts.datasets] == ["/a/mov"]
    reader.close()


def test_unknown_compression_and_absurd_chunks_are_told(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5.create_dataset("mov", data=MOVIE, scaleoffset=0)
    with pytest.raises(InputError, match="compression") as caught:
        opened(path)
    assert "h5repack" in caught.value.hint
    with h5py.File(path, "w") as h5:
        h5.create_dataset("mov", (9, 2**13, 2**13), "u2", chunks=(9, 2**13, 2**13),
                          compression="gzip")  # fmt: skip
    with pytest.raises(InputError, match="too large"):
        opened(path)
    with h5py.File(path, "w") as h5:
        h5.create_dataset("mov", (9, 2**13, 2**13), "u2", chunks=(9, 1, 1))
    with pytest.raises(InputError, match="too small"):
        opened(path)


def test_scattered_frames_are_told(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5.create_dataset("mov", (10_000, 512, 512), "u2", chunks=(10_000, 16, 16))
    reader = opened(path)
    assert "scattered" in reader.facts.notes[1]
    reader.close()


def test_a_file_that_was_never_closed_is_read_with_a_note(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as h5:
        h5.create_dataset("mov", data=MOVIE, chunks=(1, 40, 48), maxshape=(None, 40, 48))
        h5.swmr_mode = True
        h5.flush()
        reader = opened(path)
        assert "was not closed" in reader.facts.notes[-1]
        require_equal(reader, MOVIE)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_told(path: Path, share: float) -> None:
    with h5py.File(path, "w") as h5:
        h5["mov"] = MOVIE
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(InputError) as caught:
        opened(path)
    assert "ends after" in caught.value.detail or "its end" in caught.value.detail
    assert str(path) in caught.value.detail


def test_missing_files_and_other_content_are_told(path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        hdf5_movie.open_reader(path, ReadChoice())
    path.write_bytes(b"no HDF5 at all" * 100)
    assert not hdf5_movie.recognises(path, path.read_bytes())
    with pytest.raises(InputError, match="damaged"):
        hdf5_movie.open_reader(path, ReadChoice())


def test_reading_after_closing_is_told(path: Path) -> None:
    for chunks in (None, (1, 40, 48)):
        with h5py.File(path, "w") as h5:
            h5.create_dataset("mov", data=MOVIE, chunks=chunks)
        reader = opened(path)
        reader.close()
        with pytest.raises(InputError):
            reader.frames(0, 1)


def test_a_damaged_chunk_spoils_only_its_own_frames(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        dataset = h5.create_dataset("mov", data=MOVIE, chunks=(1, 40, 48), compression="gzip")
        where = dataset.id.get_chunk_info(7).byte_offset
    raw = bytearray(path.read_bytes())
    raw[where : where + 20] = bytes(20)
    path.write_bytes(raw)
    reader = opened(path)
    np.testing.assert_array_equal(reader.frames(0, 7), MOVIE[:7])
    with pytest.raises(InputError, match="damaged"):
        reader.frames(5, 9)
    np.testing.assert_array_equal(reader.frames(8, 23), MOVIE[8:])
    reader.close()


def test_many_threads_read_the_same(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5.create_dataset("mov", data=MOVIE, chunks=(3, 20, 48), compression="gzip")
    reader = opened(path)
    wrong: list[int] = []

    def read(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(50):
            at = chance.randrange(20)
            if not np.array_equal(reader.frames(at, at + 3), MOVIE[at : at + 3]):
                wrong.append(at)

    threads = [Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    reader.close()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_opening_50_gb_takes_no_memory(path: Path, is_chunked: bool) -> None:
    shape = (100_000, 512, 512)
    with h5py.File(path, "w") as h5:
        if is_chunked:
            h5.create_dataset("mov", shape, "u2", chunks=(1, 512, 512), compression="gzip")
            h5["mov"][0] = h5["mov"][50_000] = 7
        else:
            made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            made.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            made.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            space = h5py.h5s.create_simple(shape)
            h5py.h5d.create(h5.id, b"mov", h5py.h5t.NATIVE_UINT16, space, made)
    tracemalloc.start()
    reader = hdf5_movie.open_reader(path, ReadChoice())
    assert reader.shape == shape
    assert reader.frames(0, 1).max() == (7 if is_chunked else 0)
    assert reader.frames(50_000, 50_001).max() == (7 if is_chunked else 0)
    assert reader.frames(99_999, 100_000).max() == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e7
    reader.close()


def test_mutated_files_open_or_are_refused(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5.create_dataset("g/mov", data=MOVIE[:5, :16, :20], chunks=(2, 8, 20),
                          compression="gzip", shuffle=True, fletcher32=True)  # fmt: skip
        h5["g/mov"].attrs["DIMENSION_LABELS"] = ["t", "y", "x"]
        h5["fs"] = 20.0
    good, chance = path.read_bytes(), random.Random(3)
    places = [at for at in range(len(good)) if good[at]]
    n_read = 0
    for _ in range(400):
        bad = bytearray(good)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.choice(places) + chance.randrange(3)
            bad[at : at + 1] = chance.randbytes(1)
        path.write_bytes(bad[: chance.randrange(len(bad))] if chance.random() < 0.1 else bad)
        try:
            reader = hdf5_movie.open_reader(path, ReadChoice())
        except InputError:
            continue
        try:
            reader.frames(0, 2)
            reader.frames(reader.shape[0] - 1, reader.shape[0])
            n_read += 1
        except InputError:
            pass
        reader.close()
    assert n_read > 50


@pytest.mark.data
def test_real_files(shared_data: Path) -> None:
    reader = opened(shared_data / "sima-example" / "example.h5")
    assert (reader.shape, reader.facts.axes) == ((20, 128, 256), "YXT")
    assert "axis order" in reader.facts.notes[0]
    import tifffile

    frames = tifffile.imread(shared_data / "sima-example" / "example.tif")
    require_equal(reader, frames)
    reader = opened(shared_data / "sima-example" / "example-volume.h5", plane=2, channel=1)
    assert (reader.shape, reader.facts.n_planes) == ((10, 64, 64), 3)
    assert len(reader.facts.channels) == 2
    assert reader.facts.pixel_size is not None
    assert reader.facts.pixel_size.value == pytest.approx(0.29386, abs=1e-4)
    reader.close()
    allen = shared_data / "allen-ophys-snippets"
    for name, shape in (
        ("movie_100x100x100.h5", (100, 100, 100)),
        ("792757260_test_data.h5", (100, 100, 100)),
        ("dewarping_regression_test_input.h5", (5, 512, 512)),
    ):
        reader = opened(allen / name)
        with h5py.File(allen / name) as h5:
            require_equal(reader, h5[reader.facts.dataset][()])
        assert reader.shape == shape
    for path in [allen / "demix_traces.h5", *(shared_data / "caiman-files").glob("*.hdf5")]:
        with pytest.raises(InputError, match="holds no movie"):
            opened(path)
