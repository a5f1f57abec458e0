"""NumPy arrays, CaImAn maps and raw frames: equal sample by sample, whatever their order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from flat_files import movie, write_mmap

from caiman_gui.errors import InputError
from caiman_gui.io import caiman_mmap, npy, pixelwise, raw_binary
from caiman_gui.io.flat import FlatMovie, Layout
from caiman_gui.io.reader import FileFacts, RawGeometry, ReadChoice

if TYPE_CHECKING:
    from pathlib import Path

CHOICE = ReadChoice()


def read_all(module, path: Path, choice: ReadChoice = CHOICE) -> np.ndarray:
    """All frames, after checking that parts of them are the same."""
    reader = module.open_reader(path, choice)
    try:
        whole = reader.frames(0, reader.shape[0])
        assert whole.shape == reader.shape
        assert whole.dtype == reader.dtype
        assert whole.dtype.isnative
        assert whole.flags.c_contiguous
        np.testing.assert_array_equal(reader.frames(2, 4), whole[2:4])
        np.testing.assert_array_equal(reader.frames(-3, 1), whole[:1])
        np.testing.assert_array_equal(reader.frames(3, 10**9), whole[3:])
        assert reader.frames(5, 2).shape == (0, *whole.shape[1:])
        assert reader.frames(10**9, 10**9 + 5).shape == (0, *whole.shape[1:])
    finally:
        reader.close()
        reader.close()
    return whole


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", ">u2", "<i2", "u4", ">i4", "f2", "<f4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_type_and_order(tmp_path: Path, dtype: str, order: str) -> None:
    stored = movie((9, 20, 36), dtype)
    np.save(tmp_path / "a.npy", np.asarray(stored, order=order))
    whole = read_all(npy, tmp_path / "a.npy")
    np.testing.assert_array_equal(whole, stored)
    assert whole.dtype == stored.dtype.newbyteorder("=")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions_of_the_header(tmp_path: Path, version: tuple[int, int]) -> None:
    stored = movie((9, 20, 36))
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, stored, version=version)
    np.testing.assert_array_equal(read_all(npy, tmp_path / "a.npy"), stored)


def test_header_as_python_2_wrote_it(tmp_path: Path) -> None:
    stored = movie((9, 20, 36))
    header = b"{'descr': '<u2', 'fortran_order': False, 'shape': (9L, 20L, 36L), }\n"
    raw = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    (tmp_path / "a.npy").write_bytes(raw + stored.tobytes())
    np.testing.assert_array_equal(read_all(npy, tmp_path / "a.npy"), stored)


@pytest.mark.parametrize("axes", ["".join(p) for p in permutations("TYX")])
@pytest.mark.parametrize("order", ["C", "F"])
def test_chosen_axes(tmp_path: Path, axes: str, order: str) -> None:
    stored = movie((9, 20, 36))
    arranged = stored.transpose(["TYX".index(letter) for letter in axes])
    np.save(tmp_path / "a.npy", np.asarray(arranged, order=order))
    choice = ReadChoice(axes=axes.lower())
    np.testing.assert_array_equal(read_all(npy, tmp_path / "a.npy", choice), stored)


@pytest.mark.parametrize("axes", ["TZYXC", "CZTYX", "YXTCZ", "ZCYXT", "TYXCZ", "XYZCT", "YTZXC"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_channels_and_planes(tmp_path: Path, axes: str, order: str) -> None:
    stored = movie((7, 3, 12, 10, 2))  # T Z Y X C
    arranged = stored.transpose(["TZYXC".index(letter) for letter in axes])
    np.save(tmp_path / "a.npy", np.asarray(arranged, order=order))
    choice = ReadChoice(axes=axes, channel=2, plane=3)
    np.testing.assert_array_equal(read_all(npy, tmp_path / "a.npy", choice), stored[:, 2, :, :, 1])
    reader = npy.open_reader(tmp_path / "a.npy", ReadChoice(axes=axes))
    assert (reader.facts.n_planes, reader.facts.channels) == (3, ("1", "2"))
    reader.close()
    with pytest.raises(InputError, match="no plane 4"):
        npy.open_reader(tmp_path / "a.npy", ReadChoice(axes=axes, plane=4))


def test_an_assumed_order_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", movie((64, 64, 200)))
    reader = npy.open_reader(tmp_path / "a.npy", CHOICE)
    assert reader.shape == (200, 64, 64)
    assert "does not name its axes" in " ".join(reader.facts.notes)
    reader.close()


def test_blocks_of_pixelwise_frames_are_kept_apart(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pixelwise, "_BLOCK_BYTES", 5 * 20 * 36 * 2)
    monkeypatch.setattr(pixelwise, "_WINDOW_BYTES", 3 * 23 * 36 * 2)
    stored = movie((23, 20, 36))
    np.save(tmp_path / "a.npy", np.asfortranarray(stored))
    np.testing.assert_array_equal(read_all(npy, tmp_path / "a.npy"), stored)
    reader = npy.open_reader(tmp_path / "a.npy", CHOICE)
    assert "pixel by pixel" in reader.facts.notes[0]
    for at in [*range(23), *range(22, -1, -1), 0, 22, 11]:
        np.testing.assert_array_equal(reader.frames(at, at + 1), stored[at : at + 1])
    np.testing.assert_array_equal(reader.frames(3, 18), stored[3:18])
    reader.close()


@pytest.mark.parametrize("order", ["C", "F"])
def test_many_threads_read_the_same_movie(tmp_path: Path, order: str) -> None:
    stored = movie((50, 20, 36))
    np.save(tmp_path / "a.npy", np.asarray(stored, order=order))
    reader = npy.open_reader(tmp_path / "a.npy", CHOICE)
    with ThreadPoolExecutor(4) as pool:
        for at, frames in enumerate(pool.map(lambda n: reader.frames(n, n + 3), range(48))):
            np.testing.assert_array_equal(frames, stored[at : at + 3])
    reader.close()


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_closed_or_shortened_file_is_told(tmp_path: Path, order: str) -> None:
    np.save(tmp_path / "a.npy", np.asarray(movie((50, 20, 36)), order=order))
    reader = npy.open_reader(tmp_path / "a.npy", CHOICE)
    with (tmp_path / "a.npy").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(InputError):
        reader.frames(0, 50)
    reader.close()
    with pytest.raises(InputError):
        reader.frames(0, 50)


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (np.zeros((5, 4, 4), complex), "brightness"),
        (np.zeros((5, 4, 4), np.int64), "brightness"),
        (np.zeros((5, 4, 4), "S3"), "brightness"),
        (np.zeros((5, 4, 4), [("a", "i2")]), "records"),
        (np.full((5, 4, 4), None), "objects"),
        (np.zeros((40, 300), np.float32), "not a movie"),
        (np.zeros((), np.float32), "single number"),
        (np.zeros((1,) * 7, np.float32), "not a movie"),
        (np.zeros((0, 4, 4), np.float32), "frames"),
        (np.zeros((5, 0, 4), np.float32), "frames of 0 x 4"),
    ],
    ids=str,
)
def test_arrays_that_are_no_movie(tmp_path: Path, array: np.ndarray, word: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=word):
        npy.open_reader(tmp_path / "a.npy", CHOICE)


@pytest.mark.parametrize("axes", ["TY", "TYY", "TXQ", "TZC", "TYXC", "A" * 99])
def test_axes_that_do_not_fit(tmp_path: Path, axes: str) -> None:
    np.save(tmp_path / "a.npy", movie((9, 20, 36)))
    with pytest.raises(InputError, match="axis order"):
        npy.open_reader(tmp_path / "a.npy", ReadChoice(axes=axes))


def test_a_truncated_array_names_its_whole_frames(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", movie((9, 20, 36)))
    raw = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(raw[: 128 + 5 * 20 * 36 * 2 - 1])
    with pytest.raises(InputError, match="only 4 of 9 frames"):
        npy.open_reader(tmp_path / "a.npy", CHOICE)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("ending", ["", "_"])
def test_caiman_maps(tmp_path: Path, order: str, ending: str) -> None:
    stored = movie((11, 1, 20, 36), "f4")
    path = write_mmap(tmp_path, stored, order, ending)
    assert caiman_mmap.recognises(path, b"")
    np.testing.assert_array_equal(read_all(caiman_mmap, path), stored[:, 0])
    reader = caiman_mmap.open_reader(path, CHOICE)
    assert reader.facts.format == f"CaImAn memory map, order {order}"
    assert "shifted the values" in reader.facts.notes[0]
    reader.close()


@pytest.mark.parametrize("order", ["C", "F"])
def test_caiman_maps_of_volumes(tmp_path: Path, order: str) -> None:
    stored = movie((11, 3, 20, 36), "f4")
    path = write_mmap(tmp_path, stored, order)
    np.testing.assert_array_equal(read_all(caiman_mmap, path, ReadChoice(plane=2)), stored[:, 1])


def test_the_last_occurrence_in_a_chained_name_counts(tmp_path: Path) -> None:
    stored = movie((11, 1, 20, 36), "f4")
    path = write_mmap(tmp_path, stored, "F")
    chained = path.with_name(f"a_d1_5_d2_6_d3_7_order_C_frames_8_els_{path.name}")
    path.rename(chained)
    np.testing.assert_array_equal(read_all(caiman_mmap, chained), stored[:, 0])


@pytest.mark.parametrize(
    "name", ["movie.mmap", "a_d1_5_d2_6_d3_1_frames_8.mmap", "a_d1_0_d2_6_order_C_frames_8.mmap"]
)
def test_names_that_say_too_little(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(4000))
    with pytest.raises(InputError, match="incomplete"):
        caiman_mmap.open_reader(tmp_path / name, CHOICE)


def test_maps_shorter_or_longer_than_their_name_says(tmp_path: Path) -> None:
    path = write_mmap(tmp_path, movie((11, 1, 20, 36), "f4"), "F")
    with path.open("ab") as file:
        file.write(bytes(5))
    reader = caiman_mmap.open_reader(path, CHOICE)
    assert "5 bytes longer" in reader.facts.notes[-1]
    reader.close()
    with path.open("r+b") as file:
        file.truncate(4000)
    with pytest.raises(InputError, match="only 1 of 11"):
        caiman_mmap.open_reader(path, CHOICE)


@pytest.mark.parametrize(("header", "gap"), [(0, 0), (512, 0), (33, 16), (0, 5)])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", ">f4"])
def test_raw_frames(tmp_path: Path, header: int, gap: int, dtype: str) -> None:
    stored = movie((9, 20, 36), dtype)
    body = (b"\xff" * gap).join(frame.tobytes() for frame in stored)
    (tmp_path / "a.raw").write_bytes(b"\xff" * header + body)
    geometry = RawGeometry(36, 20, np.dtype(dtype).name, dtype[0] == ">", header, gap)
    choice = ReadChoice(raw=geometry)
    np.testing.assert_array_equal(read_all(raw_binary, tmp_path / "a.raw", choice), stored)


def test_raw_frames_that_do_not_fill_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(10_000))
    reader = raw_binary.open_reader(tmp_path / "a.raw", ReadChoice(raw=RawGeometry(36, 20)))
    assert reader.shape == (6, 20, 36)
    assert "1360 bytes" in reader.facts.notes[0]
    reader.close()


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        RawGeometry(0, 20),
        RawGeometry(-5, 20),
        RawGeometry(10**9, 10**9),
        RawGeometry(36, 20, "int64"),
        RawGeometry(36, 20, "nonsense"),
        RawGeometry(36, 20, header_bytes=-1),
        RawGeometry(36, 20, header_bytes=10**15),
        RawGeometry(200, 200),
    ],
    ids=str,
)
def test_impossible_geometries(tmp_path: Path, geometry: RawGeometry | None) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(10_000))
    assert not raw_binary.recognises(tmp_path / "a.raw", bytes(100))
    with pytest.raises(InputError):
        raw_binary.open_reader(tmp_path / "a.raw", ReadChoice(raw=geometry))


def test_a_layout_of_scattered_frames_is_refused_if_absurd(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(1000))
    layout = Layout((1, 2, 2), np.dtype("u1"), 0, (2**40, 2**31, 1))
    with pytest.raises(InputError):
        FlatMovie(path, "raw movie", layout, FileFacts("raw"))
