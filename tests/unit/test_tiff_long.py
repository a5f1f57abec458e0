"""Long TIFF files open at once, and irregular ones are still read right."""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from tiff_makers import ASCII, LONG8, directory, header, page_tags, text, write_pages

from caiman_gui.errors import InputError
from caiman_gui.io import tiff_ifd
from caiman_gui.io.reader import ReadChoice
from caiman_gui.io.tiff import TiffMovie

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

N_FRAMES, HEIGHT, WIDTH = 95_000, 512, 512
FRAME_BYTES = 2 * HEIGHT * WIDTH


needs_holes = pytest.mark.skipif(os.name == "nt", reason="needs files with holes")


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Collect how many bytes of directories each call reads."""
    counts: list[int] = []
    plain = tiff_ifd.TiffBytes.read

    def counted(self: tiff_ifd.TiffBytes, offset: int, count: int) -> bytes:
        counts.append(count)
        return plain(self, offset, count)

    monkeypatch.setattr(tiff_ifd.TiffBytes, "read", counted)
    return counts


def write_sparse(path: Path, directories: list[tuple[int, bytes]], size: int, first: int) -> None:
    with path.open("wb") as file:
        file.write(header(first, is_big=True))
        file.truncate(size)
        for at, raw in directories:
            file.seek(at)
            file.write(raw)


def sparse_interleaved(path: Path, n_frames: int, step: int, kept: set[int]) -> None:
    """Write a file with a directory before each frame; only some directories are really there."""
    frame = np.empty((HEIGHT, WIDTH), np.uint16)
    pieces = []
    for number in sorted(kept):
        at = 16 + number * step
        link = at + step if number < n_frames - 1 else 0
        tags = [(270, ASCII, text(f"frameTimestamps_sec = {number / 30:014.6f}"))]
        tags = page_tags(frame, at + step - FRAME_BYTES, tuple(tags))
        tags = [(tag, LONG8 if tag == 273 else code, value) for tag, code, value in tags]
        pieces.append((at, directory(tags, at, link, is_big=True)))
    write_sparse(path, pieces, 16 + n_frames * step, 16)


@needs_holes
def test_a_long_file_with_directories_between_its_frames(
    tmp_path: Path, read_bytes: list[int]
) -> None:
    n_frames, step = 3_000, FRAME_BYTES + 1024
    sparse_interleaved(tmp_path / "a.tif", n_frames, step, set(range(n_frames)))
    movie = TiffMovie(tmp_path / "a.tif")
    assert movie.shape == (n_frames, HEIGHT, WIDTH)
    assert len(read_bytes) < 100
    assert sum(read_bytes) < 100_000
    for number in (0, 1, 1500, n_frames - 1):
        assert movie.frames(number, number + 1).shape == (1, HEIGHT, WIDTH)
    movie.close()


@needs_holes
def test_a_50_gb_file_of_one_series(tmp_path: Path, read_bytes: list[int]) -> None:
    frame = np.empty((HEIGHT, WIDTH), np.uint16)
    shape = text(json.dumps({"shape": [N_FRAMES, HEIGHT, WIDTH]}))
    first_tags = page_tags(frame, 4096, ((270, ASCII, shape),))
    later = 4096 + N_FRAMES * FRAME_BYTES

    plain = [
        (tag, LONG8 if tag == 273 else code, value) for tag, code, value in page_tags(frame, 0)
    ]
    raw = directory(plain, 0, 0, is_big=True)
    block = np.tile(np.frombuffer(raw, np.uint8), (N_FRAMES - 1, 1))
    numbers = np.arange(1, N_FRAMES, dtype="<u8")
    links = later + numbers * len(raw)
    links[-1] = 0
    data_at = 8 + 20 * [tag for tag, _, _ in plain].index(273) + 12
    block[:, data_at : data_at + 8] = _bytes(4096 + numbers * FRAME_BYTES)
    block[:, -8:] = _bytes(links)
    pieces = [
        (16, directory(first_tags, 16, later, is_big=True)),
        (later, block.tobytes()),
    ]
    write_sparse(tmp_path / "a.tif", pieces, later + block.size, 16)
    marks = {0: 7, 50_000: 9, N_FRAMES - 1: 11}
    with (tmp_path / "a.tif").open("r+b") as file:
        for number, value in marks.items():
            file.seek(4096 + number * FRAME_BYTES)
            file.write(struct.pack("<H", value))
    movie = TiffMovie(tmp_path / "a.tif")
    assert movie.shape == (N_FRAMES, HEIGHT, WIDTH)
    assert len(read_bytes) < 100
    for number, value in marks.items():
        assert movie.frames(number, number + 1)[0, 0, 0] == value
        assert movie.frames(number, number + 1)[0, 0, 1] == 0
    movie.close()
    with (tmp_path / "a.tif").open("r+b") as file:
        file.truncate(later - 10_000)
    with pytest.raises(InputError, match=f"only {N_FRAMES - 1} of {N_FRAMES} frames"):
        TiffMovie(tmp_path / "a.tif")


def small(n_frames: int = 300) -> np.ndarray:
    return np.random.default_rng(8).integers(0, 255, (n_frames, 8, 9)).astype(np.uint8)


def test_regular_pages_that_break_off_and_go_on(tmp_path: Path) -> None:
    movie = small()

    def extra(number: int) -> list:
        words = "a longer description" if 100 <= number < 103 or number == 222 else "short"
        return [(270, ASCII, text(words))]

    write_pages(tmp_path / "a.tif", movie, extra)
    found = TiffMovie(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.frames(0, 300), movie)
    found.close()


def _bytes(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype("<u8").view(np.uint8).reshape(-1, 8)


@pytest.mark.parametrize("is_big", [True, False])
def test_a_page_that_only_looks_regular_is_found_when_it_is_read(
    tmp_path: Path, is_big: bool
) -> None:
    """Pages 20 and 21 swap their pixels: every page is in its place, but points elsewhere."""
    movie = small(64)
    places = write_pages(tmp_path / "a.tif", movie, is_big=is_big)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    size, count, head = (20, 8, 12) if is_big else (12, 2, 8)
    tags = [tag for tag, _, _ in page_tags(movie[0], 0)]
    at = [place + count + size * tags.index(273) + head for place in places]
    content[at[20] : at[20] + 4], content[at[21] : at[21] + 4] = (
        content[at[21] : at[21] + 4],
        content[at[20] : at[20] + 4],
    )
    (tmp_path / "a.tif").write_bytes(content)
    movie[[20, 21]] = movie[[21, 20]]
    found = TiffMovie(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.frames(18, 24), movie[18:24])
    np.testing.assert_array_equal(found.frames(0, 64), movie)
    found.close()


def test_a_list_that_is_broken_in_its_middle_is_told_when_it_is_read(tmp_path: Path) -> None:
    movie = small(64)
    places = write_pages(tmp_path / "a.tif", movie)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    link = places[21] - movie[0].nbytes - 8
    assert struct.unpack_from("<Q", content, link)[0] == places[21]
    struct.pack_into("<Q", content, link, 0)
    (tmp_path / "a.tif").write_bytes(content)
    found = TiffMovie(tmp_path / "a.tif")
    if found.shape[0] == 64:  # jumped over
        for _ in range(2):
            with pytest.raises(InputError, match="breaks off after 21 of 64 frames"):
                found.frames(18, 24)
    found.close()


def test_multi_strip_pages_at_equal_steps(tmp_path: Path) -> None:
    movie = small()
    with tifffile.TiffWriter(tmp_path / "a.tif", bigtiff=True) as tif:
        for frame in movie:
            tif.write(frame, contiguous=False, metadata=None, rowsperstrip=2)
    found = TiffMovie(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.frames(0, 300), movie)
    np.testing.assert_array_equal(found.frames(250, 251), movie[250:251])
    found.close()


def test_directories_after_their_pixels(tmp_path: Path) -> None:
    """Some programs write the pixels first; strips in one piece or scattered."""
    movie = small(50)
    content, at = bytearray(header(0, is_big=False)), []
    for frame in movie:
        data = len(content)
        content += frame.tobytes() + bytes(4 - frame.nbytes % 4)
        place = len(content)
        if at:
            struct.pack_into("<I", content, at[-1], place)
        else:
            struct.pack_into("<I", content, 4, place)
        raw = directory(page_tags(frame, data), place, 0, is_big=False)
        at.append(place + 2 + 12 * len(page_tags(frame, data)))
        content += raw
    (tmp_path / "a.tif").write_bytes(content)
    found = TiffMovie(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.frames(0, 50), movie)
    found.close()


def test_a_list_in_a_circle_is_told(tmp_path: Path) -> None:
    movie = small(10)
    places = write_pages(tmp_path / "a.tif", movie)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    struct.pack_into("<Q", content, len(content) - movie[0].nbytes - 8, places[4])
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match="cut off after 10 frames"):
        TiffMovie(tmp_path / "a.tif")


def test_old_scanimage_files_beyond_2_gb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caiman_gui.io.tiff_check._OVERFLOW_BYTES", 1000)
    movie = small(40)
    tags = [(270, ASCII, text("scanimage.SI4.channelsSave = 1\nscanimage.SI4.scanFrameRate = 15"))]
    places = write_pages(tmp_path / "a.tif", movie, lambda _: tags, is_big=False)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    for place in places[20:]:
        content[place : place + 40] = b"\xff" * 40
    (tmp_path / "a.tif").write_bytes(content)
    found = TiffMovie(tmp_path / "a.tif")
    np.testing.assert_array_equal(found.frames(0, 40), movie)
    assert "as ScanImage writes it beyond 2 GB" in " ".join(found.facts.notes)
    found.close()


def test_stamps_of_long_files_are_not_all_read(tmp_path: Path, read_bytes: list[int]) -> None:
    movie = small(900)
    software = "SI.hChannels.channelSave = 1\nSI.hRoiManager.scanFrameRate = 30"

    def extra(number: int) -> list:
        seconds = number / 30 * (1.5 if number > 450 else 1)
        words = f"frameTimestamps_sec = {seconds:014.6f}"
        return [(270, ASCII, text(words)), (305, ASCII, text(software))]

    write_pages(tmp_path / "a.tif", movie, extra)
    found = TiffMovie(tmp_path / "a.tif", ReadChoice())
    assert found.facts.timestamps is None
    assert found.facts.frame_rate is not None
    assert found.facts.frame_rate.value == 30
    assert "stamped at 20 Hz: frames may be missing" in found.facts.notes[0]
    assert len(read_bytes) < 100
    found.close()
