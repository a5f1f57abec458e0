"""Channels, planes and time are found in a TIFF file, and chosen among."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from caiman_gui.errors import InputError
from caiman_gui.io.reader import ReadChoice
from caiman_gui.io.tiff import TiffMovie, open_reader

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4000, (40, 30, 42)).astype(np.uint16)


def read_all(path: Path, choice: ReadChoice | None = None) -> np.ndarray:
    movie = TiffMovie(path, choice)
    try:
        return movie.frames(0, movie.shape[0])
    finally:
        movie.close()


def notes(path: Path, choice: ReadChoice | None = None) -> str:
    movie = TiffMovie(path, choice)
    movie.close()
    return " ".join(movie.facts.notes)


@pytest.mark.parametrize("order", ["TZC", "ZTC", "TCZ"])
def test_imagej_hyperstacks_of_any_order(tmp_path: Path, frames: np.ndarray, order: str) -> None:
    sizes = {"T": 5, "Z": 4, "C": 2}
    stack = frames.reshape(*(sizes[letter] for letter in order), 30, 42)
    words = {"T": "frames", "Z": "slices", "C": "channels"}
    lines = [f"{words[a]}={n}" for a, n in sizes.items()]
    description = "\n".join(
        ["ImageJ=1.53t", "images=40", *lines, f"order={order[::-1].lower()}", ""]
    )
    tifffile.imwrite(
        tmp_path / "a.tif", frames, description=description, metadata=None, photometric="minisblack"
    )
    for channel in (1, 2):
        for plane in (1, 4):
            whole = read_all(tmp_path / "a.tif", ReadChoice(channel=channel, plane=plane))
            place: list[Any] = [slice(None)] * 3
            place[order.index("Z")], place[order.index("C")] = plane - 1, channel - 1
            np.testing.assert_array_equal(whole, stack[tuple(place)])


@pytest.mark.parametrize("options", [{"imagej": True}, {"ome": True}, {}], ids=str)
def test_channels_and_planes_are_chosen(tmp_path: Path, frames: np.ndarray, options: dict) -> None:
    stack = frames.reshape(5, 4, 2, 30, 42)
    tifffile.imwrite(
        tmp_path / "a.tif", stack, metadata={"axes": "TZCYX"}, photometric="minisblack", **options
    )
    movie = open_reader(tmp_path / "a.tif", ReadChoice())
    assert movie.facts.n_planes == 4
    assert len(movie.facts.channels) == 2
    assert movie.facts.axes == "TZCYX"
    assert "holds 2 channels" in " ".join(movie.facts.notes)
    assert "holds 4 planes; the first is read" in " ".join(movie.facts.notes)
    movie.close()
    chosen = ReadChoice(channel=2, plane=3)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif", chosen), stack[:, 2, 1])
    assert notes(tmp_path / "a.tif", chosen) == ""
    for wrong in (ReadChoice(channel=3), ReadChoice(plane=5), ReadChoice(channel=0)):
        with pytest.raises(InputError, match="There is no"):
            TiffMovie(tmp_path / "a.tif", wrong)


def test_a_z_stack_with_channels_is_read_as_time(tmp_path: Path, frames: np.ndarray) -> None:
    stack = frames.reshape(20, 2, 30, 42)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    chosen = read_all(tmp_path / "a.tif", ReadChoice(channel=2))
    np.testing.assert_array_equal(chosen, stack[:, 1])
    assert "planes (z); they are read as frames" in notes(tmp_path / "a.tif")


@pytest.mark.parametrize(("axes", "word"), [("ZYX", "planes"), ("CYX", "channels")])
def test_a_lone_stack_is_read_as_time_and_says_so(
    tmp_path: Path, frames: np.ndarray, axes: str, word: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames, imagej=True, metadata={"axes": axes})
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)
    assert f"calls its 40 images {word}" in notes(tmp_path / "a.tif")


def test_up_to_four_images_called_channels_are_channels(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames[:3], imagej=True, metadata={"axes": "CYX"})
    movie = TiffMovie(tmp_path / "a.tif", ReadChoice(channel=3))
    assert movie.shape == (1, 30, 42)
    np.testing.assert_array_equal(movie.frames(0, 1)[0], frames[2])
    movie.close()


def test_axes_without_names_are_assumed_or_chosen(tmp_path: Path, frames: np.ndarray) -> None:
    stack = frames.reshape(20, 2, 30, 42)
    tifffile.imwrite(tmp_path / "a.tif", stack)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), stack[:, 0])
    assert "20 x 2 images; they are read as time x planes" in notes(tmp_path / "a.tif")
    chosen = ReadChoice(axes="TCYX", channel=2)
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif", chosen), stack[:, 1])
    assert notes(tmp_path / "a.tif", chosen) == ""
    tifffile.imwrite(tmp_path / "b.tif", frames.reshape(2, 20, 30, 42))
    assert "read as planes x time" in notes(tmp_path / "b.tif")


def test_more_axes_than_a_movie_has_are_refused(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames.reshape(2, 2, 2, 5, 30, 42))
    with pytest.raises(InputError, match="2 x 2 x 2 x 5 images"):
        TiffMovie(tmp_path / "a.tif")


def test_four_axes_of_which_one_is_single_are_fine(tmp_path: Path, frames: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames[:, None])
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif"), frames)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"byteorder": ">"}], ids=str)
def test_colours_are_channels(
    tmp_path: Path, frames: np.ndarray, planar: str, options: dict
) -> None:
    rgb = np.stack([frames[:10], frames[10:20], frames[20:30]], axis=-1 if planar[0] == "c" else 1)
    tifffile.imwrite(
        tmp_path / "a.tif", rgb, photometric="rgb", planarconfig=planar, metadata=None, **options
    )
    movie = TiffMovie(tmp_path / "a.tif")
    assert movie.facts.channels == ("red", "green", "blue")
    assert "(red, green, blue); the first is read" in movie.facts.notes[0]
    movie.close()
    for channel in (1, 2, 3):
        np.testing.assert_array_equal(
            read_all(tmp_path / "a.tif", ReadChoice(channel=channel)),
            frames[10 * (channel - 1) : 10 * channel],
        )


@pytest.mark.parametrize("options", [{}, {"tile": (32, 32)}, {"subsampling": (1, 1)}], ids=str)
def test_colours_compressed_as_jpeg(tmp_path: Path, options: dict) -> None:
    grey = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    rgb = np.stack([np.dstack([grey, grey // 2, 255 - grey])] * 3)
    tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb", compression="jpeg", **options)
    movie = TiffMovie(tmp_path / "a.tif", ReadChoice(channel=3))
    assert movie.facts.format == "TIFF (JPEG)"
    decoded = tifffile.imread(tmp_path / "a.tif")[..., 2]
    np.testing.assert_array_equal(movie.frames(0, 3), decoded)
    movie.close()


def test_samples_that_are_no_colours_are_channels(tmp_path: Path, frames: np.ndarray) -> None:
    pairs = frames.reshape(20, 2, 30, 42)
    tifffile.imwrite(
        tmp_path / "a.tif", pairs, photometric="minisblack", planarconfig="separate", metadata=None
    )
    np.testing.assert_array_equal(read_all(tmp_path / "a.tif", ReadChoice(channel=2)), pairs[:, 1])
    assert "holds 2 channels; the first is read" in notes(tmp_path / "a.tif")


def test_transparency_is_no_channel(tmp_path: Path, frames: np.ndarray) -> None:
    rgba = (frames[:8, :, :, None] // 20).astype(np.uint8).repeat(4, axis=3)
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.raises(InputError, match="no channel 4"):
        TiffMovie(tmp_path / "a.tif", ReadChoice(channel=4))
