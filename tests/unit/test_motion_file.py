"""The motion file keeps every shift, and says what is in it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from caiman_gui.core.results import MotionResult
from caiman_gui.errors import InputError
from caiman_gui.io.motion_file import read_motion, write_motion

if TYPE_CHECKING:
    from pathlib import Path


def motion(n_patches: int) -> MotionResult:
    rng = np.random.default_rng(1)
    return MotionResult(
        shifts=rng.normal(size=(20, n_patches, 2)),
        patch_centers_px=rng.normal(size=(n_patches, 2)),
        patch_size_px=np.array([8.0, 9.0]),
        template=rng.normal(size=(8, 9)),
        correlation=rng.normal(size=20),
        correlation_before=np.full(20, np.nan),
        mean_before=rng.normal(size=(8, 9)),
        mean_after=rng.normal(size=(8, 9)),
        valid=np.ones((8, 9), bool).astype(np.float32),
    )


@pytest.mark.parametrize("n_patches", [1, 6])
def test_round_trip(tmp_path: Path, n_patches: int) -> None:
    ours = motion(n_patches)
    write_motion(tmp_path / "motion.h5", ours)
    read = read_motion(tmp_path / "motion.h5")
    for field in fields(MotionResult):
        np.testing.assert_array_equal(getattr(ours, field.name), getattr(read, field.name))
    with h5py.File(tmp_path / "motion.h5") as file:
        assert file["shifts"].dtype == np.float32
        assert file["shifts"].shape == (20, n_patches, 2)
        assert "ADDED" in file["shifts"].attrs["about"]


def test_only_the_shifts_are_needed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "motion.h5", "w") as file:
        file["shifts"] = np.zeros((5, 1, 2))
        file["patch_centers_px"] = np.zeros((1, 2))
        file["patch_size_px"] = np.ones(2)
        file["template"] = np.ones((3, 4))
    read = read_motion(tmp_path / "motion.h5")
    assert np.isnan(read.correlation).all()
    assert (read.valid == 1).all()


def test_damaged_files_are_told(tmp_path: Path) -> None:
    write_motion(tmp_path / "a.h5", motion(2))
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(content[: len(content) // 2])
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["patch_centers_px"]
        file["patch_centers_px"] = np.zeros((9, 2))
    for name in ("cut.h5", "a.h5", "missing.h5"):
        with pytest.raises(InputError, match=name):
            read_motion(tmp_path / name)
