"""Every layout of TIFF gives its frames, and says what they are."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from tiff_makers import ASCII, text, write_pages

from caiman_gui.errors import InputError
from caiman_gui.io.plain import PlainFrames
from caiman_gui.io.tiff import TiffMovie, recognises

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (40, 30, 42)


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4000, SHAPE).astype(np.uint16)


def read_all(path: Path) -> np.ndarray:
    movie = TiffMovie(path)
    try:
        whole = movie.frames(0, movie.shape[0])
        assert whole.shape == movie.shape
        assert whole.dtype == movie.dtype
        assert whole.dtype.isnative
        np.testing.assert_array_equal(movie.frames(3, 5), whole[3:5])
        np.testing.assert_array_equal(movie.frames(-5, 1), whole[:1])
        assert movie.frames(9, 4).shape == (0, *whole.shape[1:])
        return whole
    finally:
        movie.close()


def notes(path: Path) -> str:
    movie = TiffMovie(path)
    movie.close()
    return " ".join(movie.facts.notes)


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"metadata": None},
    {"bigtiff": True, "byteorder": ">"},
    {"byteorder": ">", "rowsperstrip": 4},
    {"imagej": True, "metadata": {"axes": "TYX"}},
    {"ome": True, "metadata": {"axes": "TYX"}},
    {"compression": "lzw", "predictor": True},
    {"compression": "lzw", "byteorder": ">", "predictor": True},
    {"compression": "zlib", "metadata": None},
    {"compression": "zstd", "rowsperstrip": 8},
    {"compression": "lzma"},
    {"compression": "packbits"},
    {"compression": "zlib", "tile": (16, 16), "predictor": True},
    {"tile": (16, 16)},
    {"tile": (32, 48), "byteorder": ">"},
    {"rowsperstrip": 7},
    {"rowsperstrip": 1, "bigtiff": True, "metadata": None},
]


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
def test_every_layout_gives_the_same_frames(
    tmp_path: Path, frames: np.ndarray, options: dict
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames, photometric="minisblack", **options)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">i2", "i4", "u4", "f2", "f4", ">f8", "?"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_sample_types(
    tmp_path: Path, frames: np.ndarray, dtype: str, compression: str | None
) -> None:
    stored = (frames // 40).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, compression=compression)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), stored)


def test_negative_numbers_stay_negative(tmp_path: Path, frames: np.ndarray) -> None:
    signed = frames.astype(np.int16) - 2000
    write_pages(tmp_path / "a.tif", signed)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), signed)


@pytest.mark.parametrize("codec", ["jpeg", "jpeg2000"])
def test_compressed_as_images(tmp_path: Path, codec: str) -> None:
    smooth = np.arange(64)[:, None] + np.arange(48) + np.arange(5)[:, None, None]
    smooth = smooth.astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", smooth, compression=codec, photometric="minisblack")
    whole = read_all(tmp_path / "a.tif")
    assert np.abs(whole.astype(int) - smooth).max() <= 4
    np.testing.assert_array_equal(whole, tifffile.imread(tmp_path / "a.tif"))


def test_packed_samples_of_12_bits(tmp_path: Path, frames: np.ndarray) -> None:
    rows = frames[0, :, :42]
    packed = np.zeros((30, 63), np.uint8)
    packed[:, 0::3] = rows[:, 0::2] >> 4
    packed[:, 1::3] = (rows[:, 0::2] & 15) << 4 | rows[:, 1::2] >> 8
    packed[:, 2::3] = rows[:, 1::2] & 255
    places = write_pages(tmp_path / "a.tif", rows[None], is_big=False)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[places[0] + 2 + 2 * 12 + 8] = 12
    content[-rows.nbytes :] = packed.tobytes()
    content += bytes(rows.nbytes - packed.nbytes)
    (tmp_path / "a.tif").write_bytes(content)
    movie = TiffMovie(tmp_path / "a.tif")
    np.testing.assert_array_equal(movie.frames(0, 1)[0], rows)
    movie.close()


def test_pages_with_their_directories_in_between(tmp_path: Path, frames: np.ndarray) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for frame in frames:
            tif.write(frame, contiguous=False, metadata=None)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)


@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"rowsperstrip": 4}], ids=str)
def test_pages_that_each_describe_themselves_are_one_movie(
    tmp_path: Path, frames: np.ndarray, options: dict
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for frame in frames:
            tif.write(frame, contiguous=False, **options)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)
    assert notes(tmp_path / "a.tif") == ""


def test_many_small_pages_with_directories_in_between(tmp_path: Path) -> None:
    movie = np.random.default_rng(2).integers(0, 9, (700, 9, 11)).astype(np.uint8)
    write_pages(tmp_path / "a.tif", movie)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), movie)


def test_frames_larger_than_what_is_read_at_a_time(tmp_path: Path) -> None:
    large = np.arange(3 * 900 * 1100, dtype=np.uint32).reshape(3, 900, 1100).astype(">u4")
    tifffile.imwrite(tmp_path / "a.tif", large, photometric="minisblack")
    movie = TiffMovie(tmp_path / "a.tif")
    np.testing.assert_array_equal(movie.frames(0, 3), large)
    movie.close()


def test_imagej_single_directory_for_all_images(tmp_path: Path, frames: np.ndarray) -> None:
    description = text("ImageJ=1.53t\nimages=40\nframes=40\nfinterval=0.1\n")
    write_pages(tmp_path / "a.tif", frames[:1], lambda _: [(270, ASCII, description)], is_big=False)
    with (tmp_path / "a.tif").open("ab") as file:
        file.write(frames[1:].tobytes())
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)


def test_a_truncated_file_with_one_directory_is_told(tmp_path: Path) -> None:
    big = np.zeros((6, 200, 200), np.uint16)
    description = text("ImageJ=1.53t\nimages=6\nframes=6\n")
    write_pages(tmp_path / "a.tif", big[:1], lambda _: [(270, ASCII, description)], is_big=False)
    with (tmp_path / "a.tif").open("ab") as file:
        file.write(big[1:].tobytes()[:-50])
    with pytest.raises(InputError, match="only 5 of 6 frames"):
        TiffMovie(tmp_path / "a.tif")


@pytest.mark.parametrize("predictor", [2, 3])
@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"tile": (16, 16)}], ids=str)
def test_predicted_real_numbers(
    tmp_path: Path, frames: np.ndarray, predictor: int, options: dict
) -> None:
    stored = (frames / 7).astype(np.float32) if predictor == 3 else frames
    tifffile.imwrite(tmp_path / "a.tif", stored, compression="zlib", predictor=predictor, **options)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), stored)


def test_the_largest_series_is_used(tmp_path: Path, frames: np.ndarray) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(frames[0, :9, :9], metadata=None)
        tif.write(frames, metadata=None)
        tif.write(frames[:5, :12], metadata=None)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)
    assert "3 image series" in notes(tmp_path / "a.tif")


def test_thumbnails_between_the_frames_are_left_out(tmp_path: Path, frames: np.ndarray) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for frame in frames:
            tif.write(frame, contiguous=False, metadata=None)
            tif.write(frame[::3, ::3], contiguous=False, metadata=None, subfiletype=1)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)
    assert notes(tmp_path / "a.tif") == ""


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}], ids=str)
def test_many_threads_read_the_right_frames(
    tmp_path: Path, frames: np.ndarray, options: dict
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for frame in frames:
            tif.write(frame, contiguous=False, metadata=None, **options)
    starts = np.random.default_rng(0).integers(0, 38, 200)
    movie = TiffMovie(tmp_path / "a.tif")
    with ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(lambda start: movie.frames(start, start + 2), starts))
    movie.close()
    for start, piece in zip(starts, pieces, strict=True):
        np.testing.assert_array_equal(piece, frames[start : start + 2])


def test_compressed_frames_decoded_by_several_threads(tmp_path: Path) -> None:
    movie = np.random.default_rng(0).integers(0, 200, (12, 300, 400)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", movie, compression="zlib", photometric="minisblack")
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), movie)


def test_complex_samples_are_refused(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames.astype(np.complex64))
    with pytest.raises(InputError, match="complex64"):
        TiffMovie(tmp_path / "a.tif")


def test_unknown_compression_is_refused(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames[:5, :16, :16], compression="lerc")
    with pytest.raises(InputError, match="compression number 34887"):
        TiffMovie(tmp_path / "a.tif")


def test_a_failing_disk_is_not_called_a_damaged_file(
    tmp_path: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "far.tif", frames, photometric="minisblack")

    def fail(*args: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    movie = TiffMovie(tmp_path / "far.tif")
    monkeypatch.setattr(PlainFrames, "read", fail)
    with pytest.raises(InputError, match="Check that the disk is connected"):
        movie.frames(0, 1)
    movie.close()


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("n_read", [0, 3])
def test_reading_after_closing_is_told(
    tmp_path: Path, frames: np.ndarray, compression: str | None, n_read: int
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames, compression=compression)
    movie = TiffMovie(tmp_path / "a.tif")
    movie.frames(0, n_read)
    movie.close()
    movie.close()
    with pytest.raises(InputError, match="cannot be read"):
        movie.frames(0, 1)


def test_tiff_is_recognised_by_its_first_bytes(tmp_path: Path) -> None:
    assert recognises(tmp_path / "a.dat", b"II*\0" + bytes(12))
    assert not recognises(tmp_path / "a.tif", b"\x89PNG")


@pytest.mark.data
def test_shared_recordings_are_read_as_tifffile_reads_them(shared_data: Path) -> None:
    paths = sorted(shared_data.glob("*/*.tif")) + sorted(shared_data.glob("*/example-tiffs/0.tif"))
    assert len(paths) > 5
    for path in paths:
        movie = TiffMovie(path)
        whole = tifffile.imread(path)
        if whole.ndim == 4:
            whole = whole[:, 0]
        np.testing.assert_array_equal(movie.frames(0, movie.shape[0]), whole.reshape(movie.shape))
        movie.close()
