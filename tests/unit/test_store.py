"""The working store: what is written comes back, and damage never passes unseen."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from caiman_gui.core.movie import ArrayMovie, Movie, frames_per_block, pixel_blocks
from caiman_gui.errors import InputError
from caiman_gui.io import store
from caiman_gui.io.convert import convert
from caiman_gui.io.store import StoredMovie
from caiman_gui.io.store_format import PAGE_BYTES, space_needed
from caiman_gui.io.store_writer import StoreWriter

if TYPE_CHECKING:
    from pathlib import Path

INTEGERS = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32")


def noise(n_frames: int = 600, height: int = 9, width: int = 13) -> Any:
    rng = np.random.default_rng(2)
    return rng.normal(100, 5, size=(n_frames, height, width)).astype(np.float32)


def make(path: Path, movie: Any, **options: Any) -> Any:
    with StoreWriter(path, movie.shape, dtype=movie.dtype, **options) as writer:
        for start in range(0, len(movie), 77):
            writer.write(start, movie[start : start + 77])
    return movie


def extremes(dtype: str, n_frames: int) -> Any:
    """Samples from one end of the type to the other, in blocks of 16 bit."""
    rng = np.random.default_rng(3)
    if dtype == "bool":
        return rng.random((n_frames, 5, 7)) > 0.5
    limits = np.iinfo(dtype)
    movie = rng.integers(0, min(2**16, limits.max - limits.min + 1), (n_frames, 5, 7))
    movie += np.where(np.arange(n_frames) // 256 % 2, limits.min, limits.max - movie.max())[
        :, None, None
    ]
    return movie.astype(dtype)


@pytest.mark.parametrize("n_frames", [1, 2, 255, 256, 257, 600])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_whole_numbers_come_back_exactly(tmp_path: Path, dtype: str, n_frames: int) -> None:
    movie = make(tmp_path / "m.cgm", extremes(dtype, n_frames))
    with StoredMovie(tmp_path / "m.cgm") as stored:
        assert isinstance(stored, Movie)
        assert stored.shape == movie.shape
        assert stored.dtype == (np.uint8 if dtype == "bool" else movie.dtype)
        np.testing.assert_array_equal(stored.frames(0, n_frames), movie)
        some = stored.frames(n_frames // 2, n_frames + 9)
        np.testing.assert_array_equal(some, movie[n_frames // 2 :])
        assert some.dtype == stored.dtype
        assert stored.frames(5, 5).shape == (0, 5, 7)
    assert os.listdir(tmp_path) == ["m.cgm"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_real_numbers_come_back_within_a_share_of_the_noise(tmp_path: Path, dtype: str) -> None:
    movie = make(tmp_path / "m.cgm", noise().astype(dtype))
    with StoredMovie(tmp_path / "m.cgm") as stored:
        assert stored.dtype == np.float32
        error = np.abs(stored.frames(0, 600) - movie.astype(np.float32))
        assert error.max() < 0.01 * 5
    assert (tmp_path / "m.cgm").stat().st_size < 2.2 * movie.size


def test_float32_mode_keeps_every_bit(tmp_path: Path) -> None:
    movie = make(tmp_path / "m.cgm", noise(), mode="float32")
    with StoredMovie(tmp_path / "m.cgm") as stored:
        np.testing.assert_array_equal(stored.frames(0, 600), movie)
        assert not stored.is_finite  # as far as the table tells


def test_missing_values_come_back(tmp_path: Path) -> None:
    movie = noise()
    movie[300, 2, 3], movie[301, 0, 0] = np.nan, np.inf
    make(tmp_path / "m.cgm", movie)
    with StoredMovie(tmp_path / "m.cgm") as stored:
        np.testing.assert_array_equal(stored.frames(256, 512), movie[256:512])
        assert not stored.is_finite
        error = np.abs(stored.frames(0, 256) - movie[:256])  # the other blocks are 16 bit
        assert 0 < error.max() < 0.05


def test_wide_integers_become_real_numbers(tmp_path: Path) -> None:
    movie = np.arange(300 * 35, dtype=np.int32).reshape(300, 5, 7) * 1000
    make(tmp_path / "m.cgm", movie)
    with StoredMovie(tmp_path / "m.cgm") as stored:
        assert stored.dtype == np.float32
        np.testing.assert_array_equal(stored.frames(0, 300), movie.astype(np.float32))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_pixel_blocks_hold_what_frames_hold(tmp_path: Path, dtype: str) -> None:
    movie = make(tmp_path / "m.cgm", noise().astype(dtype))
    with StoredMovie(tmp_path / "m.cgm") as stored:
        pieces = list(pixel_blocks(stored))
        assert [start for start, _ in pieces] == [0, 256, 512]
        whole = np.concatenate([block for _, block in pieces], axis=1)
        assert whole.dtype == np.float32
        np.testing.assert_array_equal(whole, stored.frames(0, 600).reshape(600, -1).T)
        np.testing.assert_allclose(whole, movie.reshape(600, -1).T, atol=0.01)
        assert all(block.flags.c_contiguous for _, block in pieces)
        with pytest.raises(ValueError, match="not a block"):
            stored.pixel_block(3, 9)


def test_a_block_read_in_many_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    movie = make(tmp_path / "m.cgm", noise(100, 150, 120).astype(np.uint16))
    monkeypatch.setattr(store, "_PIECE_BYTES", 4096)
    with StoredMovie(tmp_path / "m.cgm") as stored:
        np.testing.assert_array_equal(stored.frames(0, 100), movie)
        last = stored.pixel_block(0, 100)
        np.testing.assert_array_equal(last, movie.reshape(100, -1).T)


@pytest.mark.parametrize("gap_bytes", [0, 2**15])
@pytest.mark.parametrize("mode", ["auto", "float32"])
def test_traces_of_some_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gap_bytes: int, mode: str
) -> None:
    make(tmp_path / "m.cgm", noise(), mode=mode)
    monkeypatch.setattr(store, "_GAP_BYTES", gap_bytes)
    with StoredMovie(tmp_path / "m.cgm") as stored:
        whole = stored.frames(0, 600).reshape(600, -1).T
        numbers = np.array([116, 0, 5, 6, 7, 5, 60])
        np.testing.assert_array_equal(stored.pixels(numbers), whole[numbers])
        assert stored.pixels(np.zeros(0, int)).shape == (0, 600)
        with pytest.raises(ValueError, match="of 117"):
            stored.pixels(np.array([117]))


def test_the_trace_of_a_pixel_reads_only_its_own_samples(tmp_path: Path) -> None:
    make(tmp_path / "m.cgm", noise(600, 64, 64).astype(np.uint16))
    content = bytearray((tmp_path / "m.cgm").read_bytes())
    content[PAGE_BYTES + 64 + 2 * 256 * 1000] ^= 1  # a sample of pixel 1000
    (tmp_path / "m.cgm").write_bytes(content)
    with StoredMovie(tmp_path / "m.cgm") as stored:
        stored.pixels(np.array([1001]))
        with pytest.raises(InputError, match="checksum of frames 0"):
            stored.frames(0, 1)


def test_blocks_depend_on_the_size_of_a_frame_only(tmp_path: Path) -> None:
    assert frames_per_block(30, 40) == 256
    assert frames_per_block(512, 512) == 16
    assert frames_per_block(4096, 4096) == 8
    movie = noise(20, 16, 16).astype(np.uint16)
    one, other = tmp_path / "one.cgm", tmp_path / "other.cgm"
    with StoreWriter(one, movie.shape, dtype=np.uint16, memory_bytes=0) as writer:
        writer.write(0, movie)
    make(other, movie)
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("shape", [(1, 8, 8), (600, 9, 13), (50, 512, 512)])
def test_the_space_needed_is_known_before(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    movie = np.random.default_rng(0).integers(0, 2000, shape).astype(np.uint16)
    convert(ArrayMovie(movie), tmp_path / "m.cgm", key="")
    expected = space_needed(shape, dtype=np.uint16)
    assert abs((tmp_path / "m.cgm").stat().st_size - expected) <= 64
    assert space_needed(shape, mode="float32") >= 4 * movie.size
    assert space_needed(shape, dtype=np.uint8) < 1.01 * movie.size + 5000


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9999])
def test_truncated_movies_are_refused(tmp_path: Path, share: float) -> None:
    make(tmp_path / "m.cgm", noise())
    content = (tmp_path / "m.cgm").read_bytes()
    (tmp_path / "m.cgm").write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"m\.cgm"):
        StoredMovie(tmp_path / "m.cgm")


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    movie = make(tmp_path / "m.cgm", noise(300, 8, 8).astype(np.uint16))
    content = (tmp_path / "m.cgm").read_bytes()
    for place in range(7, len(content), 97):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        (tmp_path / "m.cgm").write_bytes(damaged)
        try:
            with StoredMovie(tmp_path / "m.cgm") as stored:
                read = stored.frames(0, 300)
        except InputError:
            continue
        np.testing.assert_array_equal(read, movie)  # only filling was hit, or a block's own header


def test_cut_and_swapped_pages_are_noticed(tmp_path: Path) -> None:
    make(tmp_path / "m.cgm", noise(256, 32, 32).astype(np.uint16))
    content = (tmp_path / "m.cgm").read_bytes()
    first = PAGE_BYTES + 64
    one, two = content[first : first + 4096], content[first + 4096 : first + 8192]
    for pages in (two + one, bytes(4096) + two, one + one):
        (tmp_path / "m.cgm").write_bytes(content[:first] + pages + content[first + 8192 :])
        with StoredMovie(tmp_path / "m.cgm") as stored, pytest.raises(InputError, match="checksum"):
            stored.pixel_block(0, 256)


def test_a_block_is_checked_once(tmp_path: Path) -> None:
    movie = make(tmp_path / "m.cgm", noise().astype(np.uint16))
    with StoredMovie(tmp_path / "m.cgm") as stored:
        stored.frames(0, 1)
        assert stored._verified.tolist() == [True, False, False]
        np.testing.assert_array_equal(stored.pixel_block(0, 256), movie[:256].reshape(256, -1).T)


def test_headers_that_lie_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "m.cgm", noise())
    content = (tmp_path / "m.cgm").read_bytes()
    assert b'"shape": [600, 9, 13]' in content
    for old, new in (
        (b"[600, 9, 13]", b"[600, 9, 93]"),
        (b'"version": 1', b'"version": 7'),
        (b"CGMOVIE2", b"CGMOVIEX"),
    ):
        (tmp_path / "m.cgm").write_bytes(content.replace(old, new))
        with pytest.raises(InputError):
            StoredMovie(tmp_path / "m.cgm")
    with pytest.raises(InputError):
        StoredMovie(tmp_path / "missing.cgm")


def test_threads_and_a_small_cache(tmp_path: Path) -> None:
    movie = make(tmp_path / "m.cgm", noise(2000).astype(np.uint16))
    starts = np.random.default_rng(0).integers(0, 1400, 100)
    lengths = np.tile([5, 600], 50)
    with (
        StoredMovie(tmp_path / "m.cgm", cache_bytes=2 * 2 * 256 * 9 * 13) as stored,
        ThreadPoolExecutor(4) as pool,
    ):
        pieces = list(pool.map(lambda s, n: stored.frames(s, s + n), starts, lengths))
        assert len(stored._cache) <= 2
    for start, length, piece in zip(starts, lengths, pieces, strict=True):
        np.testing.assert_array_equal(piece, movie[start : start + length])


def test_a_closed_movie_tells_so(tmp_path: Path) -> None:
    make(tmp_path / "m.cgm", noise())
    stored = StoredMovie(tmp_path / "m.cgm")
    stored.frames(0, 1)
    stored.close()
    stored.close()
    with pytest.raises(InputError, match="closed"):
        stored.frames(0, 1)
    os.replace(tmp_path / "m.cgm", tmp_path / "n.cgm")  # Windows allows it of closed files only


def test_the_key_comes_back(tmp_path: Path) -> None:
    make(tmp_path / "m.cgm", noise(), key="motion-1f2a")
    with StoredMovie(tmp_path / "m.cgm") as stored:
        assert stored.key == "motion-1f2a"
    with pytest.raises(ValueError, match="too long"):
        StoreWriter(tmp_path / "n.cgm", (10, 8, 8), key="x" * 5000)
    with pytest.raises(ValueError, match="mode"):
        StoreWriter(tmp_path / "n.cgm", (10, 8, 8), mode="8-bit")
