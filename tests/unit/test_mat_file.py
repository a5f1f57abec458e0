from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from caiman_gui.errors import InputError
from caiman_gui.io import mat_file, mat_old
from caiman_gui.io.reader import ReadChoice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from caiman_gui.io.reader import FrameReader

#: Rows, columns, frames, as a MATLAB user has it.
MATLAB = np.random.default_rng(0).integers(0, 2000, (40, 48, 23)).astype(np.uint16)
MOVIE = MATLAB.transpose(2, 0, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "movie.mat"


def write_73(path: Path, fill: Callable[[h5py.File], None]) -> None:
    """Write what MATLAB does with -v7.3: HDF5 behind a block of 512 bytes."""
    with h5py.File(path, "w", userblock_size=512) as h5:
        fill(h5)
    words = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Fri Mar 1 09:30:00 2024"
    with path.open("r+b") as file:
        file.write(words.ljust(124) + b"\x00\x02IM")


def put(h5: h5py.File, name: str, array: np.ndarray, **options: Any) -> h5py.Dataset:
    """Store an array as MATLAB does: the last side first."""
    dataset = h5.create_dataset(name, data=array.T, **options)
    word = {"f8": "double", "f4": "single"}.get(array.dtype.str[1:], array.dtype.name)
    dataset.attrs["MATLAB_class"] = np.bytes_(word)
    return dataset


def opened(path: Path, **choice: Any) -> FrameReader:
    assert mat_file.recognises(path, path.read_bytes()[:4096])
    return mat_file.open_reader(path, ReadChoice(**choice))


def require_equal(reader: FrameReader, movie: np.ndarray) -> None:
    assert reader.shape == movie.shape
    np.testing.assert_array_equal(reader.frames(0, len(movie)), movie)
    np.testing.assert_array_equal(reader.frames(3, 8), movie[3:8])
    np.testing.assert_array_equal(reader.frames(-3, 1), movie[:1])
    assert reader.frames(5, 2).shape == (0, *movie.shape[1:])
    assert reader.frames(0, 2).flags.c_contiguous
    reader.close()


@pytest.mark.parametrize("options", [{}, {"chunks": (4, 16, 40), "compression": "gzip"}], ids=str)
def test_version_73(path: Path, options: dict) -> None:
    def fill(h5: h5py.File) -> None:
        put(h5, "Y", MATLAB, **options)
        put(h5, "Fs", np.array([[29.5]]))
        put(h5, "name", np.frombuffer(b"a b c d ", np.uint16)[None])
        h5["name"].attrs["MATLAB_class"] = np.bytes_("char")

    write_73(path, fill)
    reader = opened(path)
    facts = reader.facts
    assert (facts.format, facts.dataset, facts.axes) == ("MATLAB 7.3", "/Y", "TXY")
    assert facts.frame_rate is not None
    assert (facts.frame_rate.value, facts.frame_rate.source) == (29.5, "MATLAB variable Fs")
    assert "axis order" in facts.notes[0]
    assert len(facts.datasets) == 1
    require_equal(reader, MOVIE)


def test_structs_and_cells(path: Path) -> None:
    def fill(h5: h5py.File) -> None:
        put(h5, "data/small", MATLAB[:, :, :3])
        put(h5, "data/info/frameRate", np.array([[20.0]]))
        first = put(h5, "#refs#/b", MATLAB)
        second = put(h5, "#refs#/c", MATLAB[:, :, ::-1])
        cells = h5.create_dataset("movies", (2, 1), h5py.ref_dtype)
        cells[:, 0] = first.ref, second.ref
        cells.attrs["MATLAB_class"] = np.bytes_("cell")
        put(h5, "#subsystem#/MCOS", MATLAB)
        empty = put(h5, "empty", np.zeros((3, 4, 4), np.uint64))
        empty.attrs["MATLAB_empty"] = 1

    write_73(path, fill)
    reader = opened(path)
    paths = {item.path for item in reader.facts.datasets}
    assert paths == {"/data/small", "/movies{1}", "/movies{2}"}
    reader.close()
    require_equal(opened(path, dataset="/movies{2}"), MOVIE[::-1])
    reader = opened(path, dataset="/data/small")
    assert reader.shape == (3, 40, 48)
    reader.close()


def test_channels_of_version_73(path: Path) -> None:
    both = np.stack([MATLAB, MATLAB + 1], axis=2)  # rows, columns, channels, frames
    write_73(path, lambda h5: put(h5, "Y", both))
    reader = opened(path, channel=2)
    assert (reader.facts.axes, reader.facts.channels) == ("TCXY", ("", ""))
    require_equal(reader, MOVIE + 1)


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_older_versions(path: Path, dtype: str, is_compressed: bool) -> None:
    stored = (MATLAB % 200).astype(dtype) + (0.5 if dtype[0] == "f" else 0)
    info = {"rate": 3.0, "name": "text"}
    savemat(path, {"a": np.zeros((3, 4)), "Y": stored, "fr": 15.0, "info": info},
            do_compression=is_compressed)  # fmt: skip
    reader = opened(path)
    facts = reader.facts
    assert (facts.format, facts.dataset, facts.axes) == ("MATLAB 5 to 7", "/Y", "TXY")
    assert facts.frame_rate is not None
    assert (facts.frame_rate.value, facts.frame_rate.source) == (15, "MATLAB variable fr")
    assert reader.dtype == np.dtype(dtype)
    require_equal(reader, stored.transpose(2, 0, 1))


def test_whole_numbers_are_read_as_matlab_stores_them(path: Path) -> None:
    # MATLAB, unlike SciPy, stores a double array of whole numbers as integers.
    savemat(path, {"Y": MATLAB})
    raw = bytearray(path.read_bytes())
    place = raw.index(b"\x06\x00\x00\x00\x08\x00\x00\x00") + 8  # the flags of the array
    assert raw[place] == 11  # uint16
    raw[place] = 6  # double
    path.write_bytes(raw)
    reader = opened(path)
    assert reader.dtype == np.uint16
    require_equal(reader, MOVIE)


def test_the_order_can_be_chosen(path: Path) -> None:
    savemat(path, {"Y": MOVIE})  # frames first also in MATLAB
    require_equal(opened(path, axes="XYT"), MOVIE)


def test_files_without_a_movie_say_what_they_hold(path: Path) -> None:
    savemat(path, {"traces": np.zeros((3, 40)), "info": {"a": 1}, "z": 1j * np.ones((9, 9, 9))})
    with pytest.raises(InputError, match="holds no movie") as caught:
        opened(path)
    assert "traces (3 x 40 numbers), info (1 x 1 struct)" in caught.value.detail
    assert "complex" in caught.value.detail


def test_large_variables_are_not_inflated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat(path, {"Y": MATLAB}, do_compression=True)
    monkeypatch.setattr(mat_old, "MAX_BYTES", MATLAB.nbytes - 1)
    with pytest.raises(InputError, match="too large for its version") as caught:
        opened(path)
    assert "-v7.3" in caught.value.hint
    savemat(path, {"Y": MATLAB}, do_compression=False)
    require_equal(opened(path), MOVIE)  # read by place, whatever its size


def test_other_files_are_not_recognised(path: Path) -> None:
    assert not mat_file.recognises(path, b"MATLAB" + bytes(4000))
    assert not mat_file.recognises(path, b"\x89HDF\r\n\x1a\n" + bytes(4000))
    with pytest.raises(InputError, match="does not exist"):
        mat_file.open_reader(path, ReadChoice())


@pytest.mark.parametrize("kind", ["7.3", "plain", "compressed"])
def test_mutated_files_open_or_are_refused(path: Path, kind: str) -> None:
    small = MATLAB[:16, :20, :5]
    if kind == "7.3":
        write_73(path, lambda h5: put(h5, "Y", small, chunks=(2, 20, 16), compression="gzip"))
    else:
        savemat(path, {"Y": small, "fr": 3.0}, do_compression=kind == "compressed")
    good, chance = path.read_bytes(), random.Random(1)
    places = [at for at in range(len(good)) if good[at]]
    for _ in range(200):
        bad = bytearray(good)
        for _ in range(chance.choice((1, 2, 5))):
            bad[chance.choice(places)] = chance.randrange(256)
        path.write_bytes(bad[: chance.randrange(len(bad))] if chance.random() < 0.1 else bad)
        with (
            contextlib.suppress(InputError),
            contextlib.closing(mat_file.open_reader(path, ReadChoice())) as reader,
        ):
            reader.frames(0, 2)


@pytest.mark.data
def test_real_files(shared_data: Path) -> None:
    for name in ("fissa-traces/examples_cNMFdata.mat", "caiman-reference/tmppy.mat"):
        with pytest.raises(InputError, match="holds no movie"):
            opened(shared_data / name)
