"""Folders of single images are movies, however many files there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import tifffile

from caiman_gui.errors import InputError
from caiman_gui.io import image_sequence
from caiman_gui.io.reader import ReadChoice
from caiman_gui.io.tiff_sequence import is_single_image, open_sequence

if TYPE_CHECKING:
    from pathlib import Path

N_FRAMES = 12


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 4000, (N_FRAMES, 31, 40)).astype(np.uint16)


def write_tiffs(folder: Path, frames: np.ndarray, **options: object) -> list[Path]:
    paths = [folder / f"µ frame {n}.tif" for n in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        tifffile.imwrite(path, frame, photometric="minisblack", **options)
    return paths


def write_images(folder: Path, frames: np.ndarray, suffix: str) -> list[Path]:
    paths = [folder / f"µ {n}{suffix}" for n in range(len(frames))]
    for path, frame in zip(paths, frames, strict=True):
        path.write_bytes(cv2.imencode(suffix, frame)[1].tobytes())
    return paths


@pytest.mark.parametrize(
    "options",
    [{}, {"byteorder": ">"}, {"compression": "lzw"}, {"bigtiff": True}, {"rowsperstrip": 5}],
    ids=str,
)
def test_tiff_files_of_one_page(tmp_path: Path, frames: np.ndarray, options: dict) -> None:
    paths = write_tiffs(tmp_path, frames, **options)
    movie = open_sequence(paths, ReadChoice())
    assert movie.shape == frames.shape
    assert movie.dtype == np.uint16
    assert movie.facts.format.startswith("12 files (")
    np.testing.assert_array_equal(movie.frames(0, N_FRAMES), frames)
    np.testing.assert_array_equal(movie.frames(5, 7), frames[5:7])
    np.testing.assert_array_equal(movie.frames(10, 99), frames[10:])
    assert movie.frames(0, N_FRAMES).dtype.isnative
    assert movie.frames(4, 4).shape == (0, 31, 40)
    movie.close()
    assert is_single_image(paths[0])


def test_files_written_in_different_ways_still_fit(tmp_path: Path, frames: np.ndarray) -> None:
    paths = write_tiffs(tmp_path, frames)
    tifffile.imwrite(paths[4], frames[4], byteorder=">", compression="zlib", description="other")
    movie = open_sequence(paths, ReadChoice())
    np.testing.assert_array_equal(movie.frames(0, N_FRAMES), frames)


def test_channels_in_every_file(tmp_path: Path, frames: np.ndarray) -> None:
    paths = []
    for number, pair in enumerate(frames.reshape(6, 2, 31, 40)):
        paths.append(tmp_path / f"{number}.tif")
        tifffile.imwrite(paths[-1], pair, imagej=True, metadata={"axes": "CYX"})
    movie = open_sequence(paths, ReadChoice(channel=2))
    assert movie.shape == (6, 31, 40)
    np.testing.assert_array_equal(movie.frames(0, 6), frames[1::2])


@pytest.mark.parametrize(("suffix", "dtype"), [(".png", "u2"), (".png", "u1"), (".bmp", "u1"),
                                               (".pgm", "u1"), (".pgm", "u2")])  # fmt: skip
def test_images_without_loss(tmp_path: Path, frames: np.ndarray, suffix: str, dtype: str) -> None:
    stored = (frames // 16 if dtype == "u1" else frames).astype(dtype)
    paths = write_images(tmp_path, stored, suffix)
    movie = open_sequence(paths, ReadChoice())
    assert movie.dtype == dtype
    np.testing.assert_array_equal(movie.frames(0, N_FRAMES), stored)
    assert is_single_image(paths[0])
    alone = image_sequence.open_reader(paths[3], ReadChoice())
    assert alone.shape == (1, 31, 40)
    np.testing.assert_array_equal(alone.frames(0, 5), stored[3:4])


def test_jpeg_is_close_and_says_so(tmp_path: Path) -> None:
    smooth = (np.arange(31)[:, None] + np.arange(40) + np.arange(3)[:, None, None]).astype("u1")
    movie = open_sequence(write_images(tmp_path, smooth, ".jpg"), ReadChoice())
    assert np.abs(movie.frames(0, 3).astype(int) - smooth).max() <= 4
    assert "compression has changed" in movie.facts.notes[0]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm"])
def test_colours_are_channels(tmp_path: Path, frames: np.ndarray, suffix: str) -> None:
    blue_green_red = (frames.reshape(4, 3, 31, 40) // 16).astype(np.uint8).transpose(0, 2, 3, 1)
    paths = write_images(tmp_path, blue_green_red, suffix)
    movie = open_sequence(paths, ReadChoice())
    assert movie.facts.channels == ("red", "green", "blue")
    assert "in colour; its channel red is read" in movie.facts.notes[0]
    np.testing.assert_array_equal(movie.frames(0, 4), blue_green_red[..., 2])
    blue = open_sequence(paths, ReadChoice(channel=3))
    np.testing.assert_array_equal(blue.frames(0, 4), blue_green_red[..., 0])
    with pytest.raises(InputError, match="no channel 4"):
        open_sequence(paths, ReadChoice(channel=4))


def test_files_are_only_looked_at_when_their_frame_is_wanted(
    tmp_path: Path, frames: np.ndarray
) -> None:
    paths = write_tiffs(tmp_path, frames)
    paths[3].unlink()
    tifffile.imwrite(paths[5], frames[5, :20], photometric="minisblack")
    tifffile.imwrite(paths[6], frames[6].astype(np.float32), photometric="minisblack")
    tifffile.imwrite(paths[7], frames[:5], photometric="minisblack")
    paths[8].write_bytes(b"nothing of the kind")
    paths[9].write_bytes(paths[9].read_bytes()[:-30])
    movie = open_sequence(paths, ReadChoice())
    np.testing.assert_array_equal(movie.frames(0, 3), frames[:3])
    for number, words in (
        (3, "does not exist"),
        (5, "do not belong together"),
        (6, "float32"),
        (7, "more than one frame"),
        (8, "not an image"),
        (9, "ends too early"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            movie.frames(number, number + 1)
        assert str(paths[number]) in caught.value.detail
        assert caught.value.hint


def test_damaged_images_are_told_and_named(tmp_path: Path, frames: np.ndarray) -> None:
    png, jpg, bmp, pgm = (
        write_images(tmp_path, (frames[:1] // 16).astype(np.uint8), suffix)[0]
        for suffix in (".png", ".jpg", ".bmp", ".pgm")
    )
    for path in (png, jpg, bmp, pgm):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError) as caught:
            open_sequence([path], ReadChoice())
        assert str(path) in caught.value.detail
    huge = bytearray(cv2.imencode(".png", frames[0])[1].tobytes())
    huge[16:24] = b"\0\0\x4f\xff\0\0\x4f\xff"
    png.write_bytes(huge)
    with pytest.raises(InputError, match="claims"):
        open_sequence([png], ReadChoice())


def test_no_files_and_other_files(tmp_path: Path, frames: np.ndarray) -> None:
    with pytest.raises(InputError, match="No image"):
        open_sequence([], ReadChoice())
    (tmp_path / "a.txt").write_text("BM is how this text starts, but it is no picture at all")
    assert not is_single_image(tmp_path / "a.txt")
    assert not is_single_image(tmp_path / "missing.tif")
    tifffile.imwrite(tmp_path / "long.tif", frames)
    assert not is_single_image(tmp_path / "long.tif")
    with pytest.raises(InputError, match="more than one frame"):
        open_sequence([tmp_path / "long.tif"], ReadChoice())


def test_a_longer_file_among_them_is_told(tmp_path: Path, frames: np.ndarray) -> None:
    paths = write_tiffs(tmp_path, frames[:3])
    # one directory, three frames behind each other, as ImageJ and tifffile write
    tifffile.imwrite(paths[1], frames[:3], photometric="minisblack")
    movie = open_sequence(paths, ReadChoice())
    assert np.array_equal(movie.frames(0, 1)[0], frames[0])
    with pytest.raises(InputError, match="holds 3 frames"):
        movie.frames(1, 2)
