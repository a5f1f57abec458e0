"""Mutated and truncated files of the flat formats: each opens, or is refused in words."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from flat_files import (
    isxd_footer,
    movie,
    write_isxd,
    write_mmap,
    write_scanbox,
    write_suite2p,
)

from caiman_gui.errors import InputError
from caiman_gui.io import caiman_mmap, inscopix, npy, raw_binary, raw_guess, scanbox, suite2p_bin
from caiman_gui.io.reader import RawGeometry, ReadChoice

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from caiman_gui.io.reader import FrameReader

#: Of each format; tens of thousands are run by hand.
N_MUTANTS = 150
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)


@dataclass(frozen=True)
class Victim:
    """A file to be damaged (the bytes from ``first`` to ``last``), and the one to be opened."""

    module: ModuleType
    opened: Path
    damaged: Path
    first: int = 0
    last: int | None = None


def victim(folder: Path, kind: str) -> Victim:
    frames = movie((6, 8, 10))
    if kind in ("npy", "npy-F"):
        np.save(folder / "a.npy", np.asarray(frames, order="F" if kind == "npy-F" else "C"))
        return Victim(npy, folder / "a.npy", folder / "a.npy", 0, 80)
    if kind == "sbx":
        path = write_scanbox(folder, movie((6, 8, 10, 2)))
        return Victim(scanbox, path, path)
    if kind == "mat":
        import scipy.io

        path = write_scanbox(folder, movie((6, 8, 10, 1)))
        info = {"sz": np.array([8, 10]), "channels": 2, "resfreq": 7930.0, "otwave": np.arange(2)}
        scipy.io.savemat(path.with_suffix(".mat"), {"info": info})
        return Victim(scanbox, path.with_suffix(".mat"), path.with_suffix(".mat"), 116)
    if kind == "isxd":
        path = write_isxd(folder / "a.isxd", frames, isxd_footer(frames))
        return Victim(inscopix, path, path, frames.nbytes)
    if kind == "suite2p":
        path = write_suite2p(folder, movie((6, 8, 10), "i2"), refImg=frames[0], date="x")
        return Victim(suite2p_bin, path, folder / "ops.npy")
    path = write_mmap(folder, movie((6, 1, 8, 10), "f4"), "C")
    return Victim(caiman_mmap, path, path)


def mutate(raw: bytes, first: int, last: int | None, rng: np.random.Generator) -> bytes:
    """Change a few digits, bytes or words; cut; or insert."""
    data, end = bytearray(raw), last if last is not None else len(raw)
    how = int(rng.integers(8))
    if how == 0:
        return bytes(data[: rng.integers(len(raw) + 1)])
    if how == 1:
        at = int(rng.integers(first, end))
        return bytes(data[:at] + rng.bytes(int(rng.integers(1, 20))) + data[at:])
    digits = [at for at in range(first, end) if 48 <= data[at] < 58] or [first]
    if how == 2:  # a number of another length
        at = digits[int(rng.integers(len(digits)))]
        data[at : at + 1] = str(rng.integers(10 ** int(rng.integers(1, 16)))).encode()
        return bytes(data)
    for _ in range(int(rng.integers(1, 3))):
        at = int(rng.integers(first, max(first + 1, end - 8)))
        if how == 3:
            data[at] = _EXTREMES[int(rng.integers(len(_EXTREMES)))]
        elif how == 4:
            data[at] = int(rng.integers(256))
        elif how == 5:
            struct.pack_into("<I", data, at, int(rng.integers(2**32)) >> int(rng.integers(32)))
        else:
            data[digits[int(rng.integers(len(digits)))]] = 48 + int(rng.integers(10))
    return bytes(data)


def try_to_read(module: ModuleType, path: Path, choice: ReadChoice) -> bool:
    """Open a file and read a few frames; False if it is refused."""
    try:
        reader = module.open_reader(path, choice)
    except InputError as exc:
        refusal = exc
    else:
        return frames_fit(reader, path)
    assert refusal.title
    assert refusal.hint
    return False


def frames_fit(reader: FrameReader, path: Path) -> bool:
    try:
        n_frames, height, width = reader.shape
        assert n_frames * height * width * reader.dtype.itemsize <= 8 * path.stat().st_size
        assert reader.frames(0, 2).shape == (min(2, n_frames), height, width)
        assert reader.frames(n_frames - 1, n_frames).shape == (1, height, width)
    finally:
        reader.close()
    return True


KINDS = ["npy", "npy-F", "sbx", "mat", "isxd", "suite2p", "mmap"]


@pytest.mark.parametrize("kind", KINDS)
def test_mutants_open_or_are_refused(tmp_path: Path, kind: str) -> None:
    target = victim(tmp_path, kind)
    raw = target.damaged.read_bytes()
    rng = np.random.default_rng(KINDS.index(kind))
    opened = 0
    for _ in range(N_MUTANTS):
        target.damaged.write_bytes(mutate(raw, target.first, target.last, rng))
        plane, channel = (int(n) for n in rng.choice([1, 1, 1, 2], 2))
        opened += try_to_read(target.module, target.opened, ReadChoice("", "", channel, plane))
    target.damaged.write_bytes(raw)
    assert try_to_read(target.module, target.opened, ReadChoice())
    assert 0 < opened < N_MUTANTS


def test_any_name_of_a_map_and_any_axes(tmp_path: Path) -> None:
    path = write_mmap(tmp_path, movie((6, 1, 8, 10), "f4"), "F")
    np.save(tmp_path / "a.npy", movie((6, 8, 10, 2)))
    name, rng = path.stem.encode(), np.random.default_rng(1)
    for _ in range(N_MUTANTS):
        changed = mutate(name, 0, None, rng).decode("ascii", "replace").replace("/", "_")
        path = path.rename(path.with_name(changed.replace("\0", "_").replace("�", "_") + ".mmap"))
        try_to_read(caiman_mmap, path, ReadChoice())
        axes = "".join(rng.choice(list("TYXCZ"), 4))
        try_to_read(npy, tmp_path / "a.npy", ReadChoice(axes=axes))


def test_any_geometry_of_raw_frames(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.raw", np.random.default_rng(1)
    path.write_bytes(rng.bytes(5000))
    for _ in range(N_MUTANTS):
        sides = [int(n) >> int(rng.integers(40)) for n in rng.integers(-9, 2**40, 4)]
        kind = str(rng.choice(["uint8", "uint16", "float32", "float64", "int64", "O", "V8", ""]))
        geometry = RawGeometry(sides[0], sides[1], kind, bool(sides[2] % 2), sides[2], sides[3])
        try_to_read(raw_binary, path, ReadChoice(raw=geometry))


def test_suggestions_for_any_bytes(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.raw", np.random.default_rng(1)
    for _ in range(20):
        raw = rng.bytes(int(rng.integers(5000))) * int(rng.integers(1, 9))
        path.write_bytes(mutate(raw + b"x", 0, None, rng))
        for geometry in raw_guess.suggest_geometries(path):
            assert try_to_read(raw_binary, path, ReadChoice(raw=geometry))
