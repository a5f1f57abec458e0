"""Damaged TIFF files open or are refused in words, at once and in little memory."""

from __future__ import annotations

import json
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from tiff_makers import ASCII, text, write_pages

from caiman_gui.errors import InputError
from caiman_gui.io.reader import ReadChoice
from caiman_gui.io.tiff import TiffMovie

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHAPE = (40, 30, 42)
#: Seconds within which any damaged file is answered.
LIMIT_S = 2.0


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4000, SHAPE).astype(np.uint16)


@pytest.mark.parametrize("share", [0.0005, 0.001, 0.01, 0.3, 0.8, 0.99])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"ome": True, "metadata": {"axes": "TYX"}},
        {"compression": "lzw", "metadata": None},
        {"rowsperstrip": 5},
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
        TiffMovie(tmp_path / "cut.tif")
    assert "cut.tif" in caught.value.detail
    assert caught.value.hint


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"rowsperstrip": 5}], ids=str)
def test_a_truncated_file_says_how_many_frames_are_left(
    tmp_path: Path, frames: np.ndarray, options: dict
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", frames, **options)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"only (19|20|21) of 40 frames"):
        TiffMovie(tmp_path / "cut.tif")


@pytest.mark.parametrize("lost", [1, 100, 2521, 30_000])
def test_a_cut_file_with_directories_between_its_frames(
    tmp_path: Path, frames: np.ndarray, lost: int
) -> None:
    write_pages(tmp_path / "a.tif", frames)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[:-lost])
    complete = 40 - -(-lost // (len(content) // 40))
    words = rf"only {complete} of|cut off after {complete}"
    with pytest.raises(InputError, match=words):
        TiffMovie(tmp_path / "cut.tif")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"II*\0\x08\0\0\0", "it holds no image"),
        (b"II*\0", "its directory of pages makes no sense"),
        (b"II*\0\x99\0\0\0", "its list of pages lies beyond its end"),
        (b"II*\0\0\0\0\0" + bytes(99), "it holds no image"),
        (b"II*\0\x08\0\0\0" + b"\xdb" * 500, "suspicious number of tags"),
    ],
)
def test_damage_is_told_in_words_for_people(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "cut.tif"
    path.write_bytes(content)
    with pytest.raises(InputError) as info:
        TiffMovie(path)
    assert words in info.value.detail
    assert str(path) in info.value.detail


def test_damaged_compression_names_the_frame_and_not_the_codec(
    tmp_path: Path, frames: np.ndarray
) -> None:
    path = tmp_path / "lzw.tif"
    tifffile.imwrite(path, frames, compression="lzw", photometric="minisblack")
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[2].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[at : at + 40] = b"\xff" * 40
    path.write_bytes(bytes(content))
    movie = TiffMovie(path)
    with pytest.raises(InputError) as info:
        movie.frames(2, 3)
    movie.close()
    assert info.value.detail == f"{path}: frame 2 cannot be decoded."


@pytest.mark.parametrize("tag", [256, 257, 277, 278, 258])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_size_that_cannot_be_true_is_refused_before_anything_is_allocated(
    tmp_path: Path, frames: np.ndarray, tag: int, compression: str | None
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, frames[:3, :32, :32], compression=compression, photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        for page in tif.pages:
            page.tags[tag].overwrite(60_000)
    with suppress(InputError):
        movie = TiffMovie(path)
        with suppress(InputError):
            assert movie.frames(0, 1).nbytes < 2**26
        movie.close()


def test_an_image_inside_the_image_may_not_claim_more(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    grey = np.zeros((64, 64), np.uint8)
    tifffile.imwrite(path, grey, compression="jpeg", photometric="minisblack")
    content = bytearray(path.read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = b"\xff\xf0\xff\xf0"
    path.write_bytes(bytes(content))
    movie = TiffMovie(path)
    with pytest.raises(InputError, match="larger than its frame"):
        movie.frames(0, 1)
    movie.close()


@pytest.mark.parametrize(
    "description",
    [
        '{"shape": [99999999999, 99999999999, 30, 42]}',
        '{"shape": [40, 30, 42, 0]}',
        '{"shape": "nonsense"}',
        '{"shape": ' + "[" * 5000,
        "ImageJ=1.5\nimages=99999999999999999999\nframes=-4\nslices=1e400\nchannels=nan\n",
        "ImageJ=1.5\nimages=1000000000\nframes=1000\nslices=1000\nchannels=1000\n",
        '<OME><Image><Pixels DimensionOrder="XYCZT" SizeT="2000000000" SizeC="9" SizeZ="9">'
        '<TiffData IFD="0" PlaneCount="2000000000"/></Pixels></Image></OME>',
        '<OME><Image><Pixels DimensionOrder="XXXXX"/></Image></OME>',
        "SI.hChannels.channelSave = zeros(100000,100000)\nscanimage.SI.x = [",
        "scanimage.SI.hStackManager.enable = true\nscanimage.SI.hStackManager.numSlices = 1e300\n"
        "scanimage.SI.hChannels.channelSave = [1;2;nan;-7;1e30]\n",
        "<OME" + "<Pixels " * 20_000 + "OME>",
    ],
    ids=lambda text: text[:25],
)
def test_a_description_that_makes_no_sense_is_bounded(
    tmp_path: Path, frames: np.ndarray, description: str
) -> None:
    write_pages(tmp_path / "a.tif", frames, first_extra=((270, ASCII, text(description)),))
    started = time.perf_counter()
    with suppress(InputError):
        movie = TiffMovie(tmp_path / "a.tif")
        assert movie.shape[0] <= 40
        movie.frames(0, 40)
        movie.close()
    assert time.perf_counter() - started < LIMIT_S


def specimens(folder: Path, frames: np.ndarray) -> dict[str, Path]:
    """Write one small file of every kind."""
    few = frames[:6]
    kinds: dict[str, Callable[[Path], Any]] = {
        "plain": lambda p: tifffile.imwrite(p, few, metadata=None),
        "shaped": lambda p: tifffile.imwrite(p, few.reshape(3, 2, 30, 42), bigtiff=True),
        "imagej": lambda p: tifffile.imwrite(
            p, few.reshape(3, 2, 30, 42), imagej=True, metadata={"axes": "TCYX"}
        ),
        "ome": lambda p: tifffile.imwrite(
            p, few.reshape(3, 2, 30, 42), ome=True, metadata={"axes": "TZYX"}
        ),
        "lzw": lambda p: tifffile.imwrite(p, few, compression="lzw", predictor=True),
        "tiles": lambda p: tifffile.imwrite(p, few, compression="zlib", tile=(16, 16)),
        "zstd": lambda p: tifffile.imwrite(p, few, compression="zstd", byteorder=">"),
        "jpeg": lambda p: tifffile.imwrite(p, few.astype(np.uint8), compression="jpeg"),
        "jpeg2000": lambda p: tifffile.imwrite(p, few, compression="jpeg2000"),
        "rgb": lambda p: tifffile.imwrite(
            p, few.reshape(2, 3, 30, 42), photometric="rgb", planarconfig="separate"
        ),
        "strips": lambda p: tifffile.imwrite(p, few, rowsperstrip=4),
        "scanimage": lambda p: write_pages(
            p,
            few,
            lambda n: [
                (270, ASCII, text(f"frameTimestamps_sec = {n}\nframeNumberAcquisition = {n}")),
                (305, ASCII, text("SI.hChannels.channelSave = [1;2]\nSI.hStackManager.enable = "
                                  "true\nSI.hStackManager.numSlices = 3")),
                (315, ASCII, text(json.dumps({"RoiGroups": 1}))),
            ],
        ),
        "regular": lambda p: write_pages(p, frames, is_big=False),
        "stack": lambda p: write_pages(
            p, few, first_extra=((33629, 5, struct.pack("<12I", *range(12))),), is_big=False
        ),
    }  # fmt: skip
    for name, write in kinds.items():
        write(folder / f"{name}.tif")
    return {name: folder / f"{name}.tif" for name in kinds}


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Change a few bytes, preferably numbers in the directories, or cut or repeat a piece."""
    broken = bytearray(content)
    way = rng.integers(6)
    if way == 0:
        return bytes(broken[: rng.integers(4, len(broken))])
    for _ in range(rng.integers(1, 9)):
        near = rng.random() < 0.7
        at = int(rng.integers(2, min(len(broken), 900) if near else len(broken)))
        if way == 1:
            value = rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, len(broken), at, 65535])
            broken[at : at + 4] = struct.pack("<I", int(value))
        elif way == 2:
            broken[at] ^= 1 << int(rng.integers(8))
        elif way == 3:
            other = int(rng.integers(len(broken)))
            broken[at : at + 12] = broken[other : other + 12]
        else:
            broken[at] = int(rng.integers(256))
    return bytes(broken)


def answer(path: Path, rng: np.random.Generator) -> None:
    """Open and read a file, which may only fail in words."""
    choice = ReadChoice(channel=int(rng.integers(1, 3)), plane=int(rng.integers(1, 3)))
    with suppress(InputError):
        movie = TiffMovie(path, choice)
        try:
            n_frames = movie.shape[0]
            for start in {0, n_frames // 2, max(0, n_frames - 2)}:
                with suppress(InputError):
                    assert movie.frames(start, start + 2).dtype == movie.dtype
        finally:
            movie.close()


def test_damaged_bytes_never_end_in_another_error(
    tmp_path: Path, frames: np.ndarray, capfd: pytest.CaptureFixture
) -> None:
    rng = np.random.default_rng(3)
    for path in specimens(tmp_path, frames).values():
        content = path.read_bytes()
        for _ in range(25):
            broken = tmp_path / "broken.tif"
            broken.write_bytes(mutated(content, rng))
            started = time.perf_counter()
            answer(broken, rng)
            assert time.perf_counter() - started < LIMIT_S
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
