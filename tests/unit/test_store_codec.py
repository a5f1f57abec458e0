"""How a block is stored: as few bits as lose nothing that counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from caiman_gui.io.store_checksum import Checksum, checksum_of
from caiman_gui.io.store_codec import STEP_PER_NOISE, decode_frames, encode, noise_of
from caiman_gui.io.store_format import FLOAT32, UINT8, UINT16


def real(sigma: float = 5.0, n_frames: int = 64) -> Any:
    rng = np.random.default_rng(0)
    return rng.normal(300, sigma, (n_frames, 20, 30)).astype(np.float32)


def decoded(frames: Any, mode: str = "auto") -> Any:
    block = encode(frames, mode)
    out = np.empty((len(frames), frames[0].size), np.float32)
    decode_frames(block.samples, block.offset, block.scale, out)
    return out.reshape(frames.shape)


def test_the_noise_is_found_beneath_drift_and_steps() -> None:
    frames = real(5.0, 400)
    assert noise_of(frames.reshape(400, -1)) == pytest.approx(5.0, rel=0.1)
    frames += np.arange(400, dtype=np.float32)[:, None, None] * 3
    assert noise_of(frames.reshape(400, -1)) == pytest.approx(5.0, rel=0.1)
    assert noise_of(np.ones((10, 50), np.float32)) == 0
    assert noise_of(frames[:2].reshape(2, -1)) == 0


def test_the_step_stays_far_below_the_noise() -> None:
    block = encode(real(), "auto")
    assert block.code == UINT16
    assert block.scale < STEP_PER_NOISE * 5.0
    assert np.abs(decoded(real()) - real()).max() <= block.scale * 0.6


def test_a_range_too_wide_for_the_noise_stays_float32() -> None:
    frames = real()
    frames[3, 4, 5] = 1e6  # a cosmic ray
    block = encode(frames, "auto")
    assert block.code == FLOAT32
    np.testing.assert_array_equal(decoded(frames), frames)
    assert encode(frames, "16-bit").code == UINT16
    assert np.abs(decoded(frames, "16-bit") - frames).max() < 1e6 / 65535


def test_too_few_frames_to_know_the_noise_stay_float32() -> None:
    assert encode(real(n_frames=2), "auto").code == FLOAT32


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e30, 1e-42])
def test_a_flat_block_is_kept_exactly(value: float) -> None:
    frames = np.full((5, 8, 8), value, np.float32)
    assert encode(frames, "auto").code in (UINT8, FLOAT32)
    np.testing.assert_array_equal(decoded(frames), frames)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 3e38])
def test_what_the_arithmetic_cannot_hold_stays_float32(bad: float) -> None:
    frames = real()
    frames[0, 0, 0] = bad
    assert encode(frames, "16-bit").code == FLOAT32
    np.testing.assert_array_equal(decoded(frames), frames)


def test_doubles_beyond_float32_become_infinite() -> None:
    frames = np.full((4, 8, 8), 1e300)
    assert np.isinf(decoded(frames)).all()


def test_tiny_steps_are_no_division_by_zero() -> None:
    frames = np.linspace(0, 1e-40, 4 * 64, dtype=np.float32).reshape(4, 8, 8)
    np.testing.assert_array_equal(decoded(frames, "16-bit"), frames)


@pytest.mark.parametrize("low", [0, 5, 300, -300, 2**23, -(2**23)])
@pytest.mark.parametrize("span", [1, 255, 256, 65535])
def test_whole_numbers_stay_whole_as_float32_too(low: int, span: int) -> None:
    frames = np.random.default_rng(1).integers(low, low + span, (6, 8, 8), endpoint=True)
    frames[0, 0, :2] = low, low + span
    for dtype in (np.int32, np.float32):
        block = encode(frames.astype(dtype), "auto")
        assert block.code == (UINT8 if span < 256 else UINT16)
        assert block.scale == 1
        np.testing.assert_array_equal(decoded(frames.astype(dtype)), frames)


def test_float32_mode_takes_whole_numbers_as_float32() -> None:
    frames = np.arange(6 * 64, dtype=np.uint16).reshape(6, 8, 8)
    assert encode(frames, "float32").code == FLOAT32
    np.testing.assert_array_equal(decoded(frames, "float32"), frames)


def test_a_checksum_does_not_depend_on_the_pieces() -> None:
    data = np.random.default_rng(0).integers(0, 256, 3 * 2**20 + 77).astype(np.uint8)
    pieces = Checksum()
    for first in range(0, len(data), 40960):
        pieces.add(data[first : first + 40960])
    assert pieces.value == checksum_of(data)


def test_a_checksum_tells_small_changes_apart() -> None:
    data = np.random.default_rng(0).integers(0, 256, 20000).astype(np.uint8)
    rng, seen = np.random.default_rng(1), {checksum_of(data)}
    for _ in range(200):  # two bits of the same weight, flipped in opposite directions
        changed = data.copy()
        first, second = rng.integers(0, len(data) // 8, 2) * 8
        changed[first], changed[second] = data[first] ^ 1, data[second] ^ 1
        if first != second:
            seen.add(checksum_of(changed))
    assert len(seen) > 190
    assert checksum_of(np.zeros(4096, np.uint8)) != checksum_of(np.zeros(8192, np.uint8))
