"""Opening recordings: every kind of TIFF gives its frames, every bad file plain words."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile

from caiman_gui.core.movie import Movie
from caiman_gui.errors import InputError
from caiman_gui.io.fingerprint import fingerprint
from caiman_gui.io.movie import MovieFile, open_movie
from caiman_gui.io.plain import PlainFrames
from caiman_gui.io.reader import Fact, ReadChoice

SHAPE = (40, 30, 42)


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4000, SHAPE).astype(np.uint16)


def read_all(path: Path) -> np.ndarray:
    with open_movie([path]) as movie:
        assert isinstance(movie, Movie)
        whole = movie.frames(0, movie.shape[0])
        assert whole.shape == movie.shape
        assert whole.dtype == movie.dtype
        np.testing.assert_array_equal(movie.frames(3, 5), whole[3:5])
        return whole


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"bigtiff": True, "byteorder": ">"},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"ome": True, "metadata": {"axes": "TYX"}},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib", "metadata": None},
        {"tile": (16, 16)},
        {"rowsperstrip": 7},
    ],
    ids=str,
)
def test_every_layout_gives_the_same_frames(
    tmp_path: Path, frames: np.ndarray, options: dict
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames, **options)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">i2", "i4", "u4", "f4", ">f8"])
def test_sample_types(tmp_path: Path, frames: np.ndarray, dtype: str) -> None:
    stored = (frames // 40).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored)
    whole = read_all(tmp_path / "a.tif")
    assert whole.dtype.isnative
    np.testing.assert_array_equal(whole, stored)


def test_pages_with_their_directories_in_between(tmp_path: Path, frames: np.ndarray) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for frame in frames:
            tif.write(frame, contiguous=False, metadata=None)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)


def test_the_extension_does_not_matter(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames)
    (tmp_path / "a.tif").rename(tmp_path / "movie of day 1 (µm).dat")
    np.testing.assert_array_equal(read_all(tmp_path / "movie of day 1 (µm).dat"), frames)


def test_a_single_page_is_one_frame(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames[0])
    with open_movie([tmp_path / "a.tif"]) as movie:
        assert movie.shape == (1, 30, 42)


def test_imagej_frame_rate_and_pixel_size(tmp_path: Path, frames: np.ndarray) -> None:
    meta = {"axes": "TYX", "finterval": 0.05, "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", frames, imagej=True, resolution=(2, 2), metadata=meta)
    with open_movie([tmp_path / "a.tif"]) as movie:
        assert movie.info.frame_rate == Fact(pytest.approx(20), "ImageJ finterval")
        assert movie.info.pixel_size == Fact(pytest.approx(0.5), "ImageJ resolution")
        assert movie.info.notes == ()


def test_ome_frame_rate_and_pixel_size(tmp_path: Path, frames: np.ndarray) -> None:
    meta = {
        "axes": "TYX",
        "TimeIncrement": 50,
        "TimeIncrementUnit": "ms",
        "PhysicalSizeX": 1.3,
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", frames, metadata=meta)
    with open_movie([tmp_path / "a.ome.tif"]) as movie:
        assert movie.info.frame_rate == Fact(pytest.approx(20), "OME TimeIncrement")
        assert movie.info.pixel_size == Fact(pytest.approx(1.3), "OME PhysicalSizeX")


def test_a_file_that_says_nothing_is_not_guessed_at(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames)
    with open_movie([tmp_path / "a.tif"]) as movie:
        assert movie.info.frame_rate is None
        assert movie.info.pixel_size is None


def test_a_z_stack_is_read_as_time_and_says_so(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames, imagej=True, metadata={"axes": "ZYX"})
    with open_movie([tmp_path / "a.tif"]) as movie:
        assert movie.shape == SHAPE
        assert "read as frames" in movie.info.notes[0]


@pytest.mark.parametrize(
    ("axes", "choice", "words"),
    [
        ("TCYX", ReadChoice(channel=2), "2 channels; the first is read"),
        ("TZYX", ReadChoice(plane=2), "2 planes; the first is read"),
    ],
)
def test_channels_and_planes_are_chosen(
    tmp_path: Path, frames: np.ndarray, axes: str, choice: ReadChoice, words: str
) -> None:
    stack = frames.reshape(20, 2, 30, 42)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": axes})
    with open_movie([tmp_path / "a.tif"]) as movie:
        assert words in movie.info.notes[0]
        np.testing.assert_array_equal(movie.frames(0, 20), stack[:, 0])
    with open_movie([tmp_path / "a.tif"], choice) as movie:
        assert movie.info.notes == ()
        np.testing.assert_array_equal(movie.frames(0, 20), stack[:, 1])


def test_four_axes_of_which_one_is_single_are_fine(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames[:, None])
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)


def test_colours_are_channels_and_complex_numbers_are_refused(
    tmp_path: Path, frames: np.ndarray
) -> None:
    rgb = (frames[:3, :, :, None] // 20).astype(np.uint8).repeat(3, axis=3)
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb")
    tifffile.imwrite(tmp_path / "complex.tif", frames.astype(np.complex64))
    with open_movie([tmp_path / "rgb.tif"]) as movie:
        assert movie.info.channels == ("red", "green", "blue")
    with pytest.raises(InputError, match="complex64"):
        open_movie([tmp_path / "complex.tif"])


@pytest.mark.parametrize("share", [0.0005, 0.001, 0.01, 0.3, 0.8, 0.99])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"compression": "lzw", "metadata": None},
        {"bigtiff": True},
    ],
    ids=str,
)
def test_truncated_files_are_refused(
    tmp_path: Path, frames: np.ndarray, options: dict, share: float
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames, **options)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as caught:
        open_movie([tmp_path / "cut.tif"])
    assert "cut.tif" in caught.value.detail
    assert caught.value.hint


def test_a_truncated_file_says_how_many_frames_are_left(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"only 2[01] of 40 frames"):
        open_movie([tmp_path / "cut.tif"])


def test_damaged_bytes_never_end_in_another_error(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames[:6], compression="zlib")
    content = bytearray((tmp_path / "a.tif").read_bytes())
    rng = np.random.default_rng(3)
    for _ in range(60):
        broken = bytearray(content)
        for at in rng.integers(4, min(len(broken), 900), 8):
            broken[at] = rng.integers(256)
        (tmp_path / "b.tif").write_bytes(broken)
        with suppress(InputError), open_movie([tmp_path / "b.tif"]) as movie:
            movie.frames(0, min(movie.shape[0], 10))


def test_files_that_are_no_movie(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("hello")
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "hdf.tif").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "folder.tif").mkdir()
    for name, word in (
        ("text", "format of the file is not known"),
        ("empty", "empty"),
        ("hdf", "HDF5"),
        ("folder", "folder"),
        ("missing", "does not exist"),
    ):
        path = tmp_path / f"{name}.tif"
        with pytest.raises(InputError, match=word) as caught:
            open_movie([path])
        assert str(path) in caught.value.detail
        assert caught.value.hint
    with pytest.raises(InputError, match="No movie"):
        open_movie([])


def test_a_failing_disk_is_not_called_a_damaged_file(
    tmp_path: Path, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "far.tif"
    tifffile.imwrite(path, frames, photometric="minisblack")

    def fail(*args: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with open_movie([path]) as movie:
        monkeypatch.setattr(PlainFrames, "read", fail)
        with pytest.raises(InputError, match="Check that the disk is connected"):
            movie.frames(0, 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.tif"
    os.mkfifo(path)
    with pytest.raises(InputError, match="a pipe or a device"):
        open_movie([path])


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    if os.name == "posix" and os.geteuid() != 0:
        (tmp_path / "a.tif").chmod(0)
    else:

        def denied(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(InputError, match="may not be read"):
        open_movie([tmp_path / "a.tif"])


def test_several_files_follow_each_other(tmp_path: Path, frames: np.ndarray) -> None:
    paths = []
    for number, part in enumerate(np.split(frames, [7, 8, 25])):
        paths.append(tmp_path / f"{number}.tif")
        tifffile.imwrite(paths[-1], part, compression="zlib" if number == 2 else None)
    with open_movie(paths) as movie:
        assert movie.shape == SHAPE
        assert movie.info.paths == tuple(paths)
        np.testing.assert_array_equal(movie.frames(0, 40), frames)
        np.testing.assert_array_equal(movie.frames(5, 30), frames[5:30])
        np.testing.assert_array_equal(movie.frames(38, 99), frames[38:])


def test_files_of_another_size_or_type_are_named(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames)
    tifffile.imwrite(tmp_path / "size.tif", frames[:, :20])
    tifffile.imwrite(tmp_path / "type.tif", frames.astype(np.float32))
    for name in ("size.tif", "type.tif"):
        with pytest.raises(InputError, match="do not belong together") as caught:
            open_movie([tmp_path / "a.tif", tmp_path / name])
        assert "a.tif" in caught.value.detail
        assert name in caught.value.detail


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_many_threads_read_the_right_frames(
    tmp_path: Path, frames: np.ndarray, compression: str | None
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames, compression=compression)
    starts = np.random.default_rng(0).integers(0, 38, 200)
    with open_movie([tmp_path / "a.tif"]) as movie, ThreadPoolExecutor(4) as pool:
        pieces = list(pool.map(lambda start: movie.frames(start, start + 2), starts))
    for start, piece in zip(starts, pieces, strict=True):
        np.testing.assert_array_equal(piece, frames[start : start + 2])


def test_fingerprint_follows_the_content_not_the_place(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames)
    before = fingerprint([tmp_path / "a.tif"])
    (tmp_path / "a.tif").rename(tmp_path / "b.tif")
    assert fingerprint([tmp_path / "b.tif"]) == before
    tifffile.imwrite(tmp_path / "b.tif", frames + 1)
    assert fingerprint([tmp_path / "b.tif"]) != before
    with pytest.raises(InputError, match="does not exist"):
        fingerprint([tmp_path / "a.tif"])


def test_shared_recordings_open(shared_data: Path) -> None:
    movie: MovieFile
    with open_movie([shared_data / "imageio-calcium-movie" / "calcium_imaging.tif"]) as movie:
        assert movie.shape == (1000, 30, 40)
    with open_movie([shared_data / "thunder-mouse-fish" / "mouse_500x64x64_int16.tif"]) as movie:
        assert movie.shape == (500, 64, 64)
        assert movie.frames(499, 500).std() > 0
    parts = [shared_data / "sima-example" / "example-tiffs" / f"{i}.tif" for i in range(3)]
    with open_movie(parts) as movie:
        assert movie.shape == (3, 173, 173)
        assert "complete with 1" in movie.info.notes[0]
