"""Suggestions for files without a header: found from the samples, in every usual type."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from caiman_gui.errors import InputError
from caiman_gui.io.raw_guess import suggest_geometries
from caiman_gui.io.reader import RawGeometry

if TYPE_CHECKING:
    from pathlib import Path


def scene(n_frames: int, height: int, width: int, noise: float = 2.0) -> np.ndarray:
    """Frames of blurred cells that blink a little, in shot noise; from 0 to 1."""
    rng = np.random.default_rng(7)
    image = np.zeros((height, width))
    for _ in range(height * width // 300):
        image[rng.integers(height), rng.integers(width)] += rng.uniform(1, 3)
    image = ndimage.gaussian_filter(image, 2.5) + ndimage.gaussian_filter(
        rng.random(image.shape), 6
    )
    brightness = 1 + 0.2 * np.sin(np.arange(n_frames) / 5)
    frames = image * brightness[:, None, None]
    frames += rng.normal(0, noise * image.std(), frames.shape)
    return (frames - frames.min()) / np.ptp(frames)


def first_suggestion(path: Path, frames: np.ndarray, *, header: int = 0, trailer: int = 0):
    path.write_bytes(b"\x5a" * header + frames.tobytes() + b"\x5a" * trailer)
    suggestions = suggest_geometries(path)
    assert suggestions == suggest_geometries(path)
    assert len(set(suggestions)) == len(suggestions) <= 8
    return suggestions[0]


@pytest.mark.parametrize("shape", [(12, 256, 256), (30, 120, 188), (100, 64, 64), (200, 30, 40)])
@pytest.mark.parametrize("noise", [0.3, 2.0])
def test_sides_of_frames(tmp_path: Path, shape: tuple[int, int, int], noise: float) -> None:
    frames = (100 + 3000 * scene(*shape, noise)).astype("<u2")
    found = first_suggestion(tmp_path / "a.raw", frames)
    assert found == RawGeometry(shape[2], shape[1], "uint16")


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("u1", 0, 255), ("<u2", 0, 200), (">u2", 100, 4000), ("<i2", -300, 3000), ("<f4", 0, 1),
        ("<f4", 200, 5000), (">f4", 0, 500), ("<f8", 0, 300), ("<i4", 0, 60_000),
    ],
)  # fmt: skip
def test_types_of_samples(tmp_path: Path, dtype: str, low: float, high: float) -> None:
    frames = (low + (high - low) * scene(20, 100, 160)).astype(dtype)
    found = first_suggestion(tmp_path / "a.raw", frames)
    assert found == RawGeometry(160, 100, np.dtype(dtype).name, dtype[0] == ">")


@pytest.mark.parametrize("header", [512, 1000, 4096])
def test_headers(tmp_path: Path, header: int) -> None:
    frames = (100 + 3000 * scene(20, 100, 160)).astype("<u2")
    found = first_suggestion(tmp_path / "a.raw", frames, header=header)
    assert found == RawGeometry(160, 100, "uint16", header_bytes=header)


def test_trailers_and_single_frames(tmp_path: Path) -> None:
    frames = (100 + 3000 * scene(20, 100, 160)).astype("<u2")
    plain = RawGeometry(160, 100, "uint16")
    assert first_suggestion(tmp_path / "a.raw", frames, trailer=778) == plain
    frames = (100 + 3000 * scene(2, 100, 160, noise=0.3)).astype("<u2")
    assert first_suggestion(tmp_path / "a.raw", frames) == plain
    assert first_suggestion(tmp_path / "a.raw", frames[:1]) == plain


@pytest.mark.parametrize(
    "content",
    [b"", b"abc", bytes(10**6), np.random.default_rng(0).bytes(10**6), b"\xff" * 5000],
    ids=["empty", "tiny", "zeros", "random", "ones"],
)
def test_nothing_is_suggested_where_nothing_stands_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.raw").write_bytes(content)
    assert suggest_geometries(tmp_path / "a.raw") == ()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        suggest_geometries(tmp_path / "a.raw")
