"""Movies of 50 GB, all zeros: opened at once, any frame shown, hardly any memory taken."""

from __future__ import annotations

import json
import struct
import sys
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from flat_files import isxd_footer, movie, write_scanbox, write_suite2p

from caiman_gui.io import caiman_mmap, inscopix, npy, raw_binary, scanbox, suite2p_bin
from caiman_gui.io.reader import RawGeometry, ReadChoice

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="files are not sparse there by themselves"
)
N_FRAMES, HEIGHT, WIDTH = 50_000, 512, 1000
N_BYTES = N_FRAMES * HEIGHT * WIDTH * 2
#: Stored pixel by pixel, a frame of more pixels touches as many places of the file.
PIXELWISE = (2_000_000, 128, 100)


def lengthen(path: Path, n_bytes: int = N_BYTES) -> Path:
    with path.open("ab") as file:
        file.truncate(file.tell() + n_bytes)
    return path


def long_array(folder: Path, shape: tuple[int, int, int], *, is_fortran: bool) -> Path:
    header = np.lib.format.header_data_from_array_1_0(np.zeros((1, 1, 1), "u2"))
    with (folder / "a.npy").open("wb") as file:
        header |= {"shape": shape, "fortran_order": is_fortran}
        np.lib.format.write_array_header_1_0(file, header)
    return lengthen(folder / "a.npy", int(np.prod(shape)) * 2)


def long_map(folder: Path, shape: tuple[int, int, int], order: str) -> Path:
    n_frames, height, width = shape
    name = f"a_d1_{height}_d2_{width}_d3_1_order_{order}_frames_{n_frames}.mmap"
    return lengthen(folder / name, n_frames * height * width * 4)


def long_isxd(folder: Path) -> Path:
    footer = isxd_footer(movie((1, HEIGHT, WIDTH)))
    footer["timingInfo"]["numTimes"] = N_FRAMES
    text = json.dumps(footer).encode()
    path = lengthen(folder / "a.isxd")
    with path.open("ab") as file:
        file.write(text + b"\0" + struct.pack("<q", len(text)))
    return path


def long_scanbox(folder: Path) -> Path:
    frame = 65535 - movie((1, HEIGHT, WIDTH, 1))
    return lengthen(write_scanbox(folder, frame), N_BYTES - frame.nbytes)


def long_suite2p(folder: Path) -> Path:
    frame = 0 * movie((1, HEIGHT, WIDTH), "i2")
    return lengthen(write_suite2p(folder, frame, nframes=N_FRAMES), N_BYTES - frame.nbytes)


@pytest.mark.parametrize(
    ("module", "make", "value"),
    [
        (npy, lambda f: long_array(f, (N_FRAMES, HEIGHT, WIDTH), is_fortran=False), 0),
        (npy, lambda f: long_array(f, PIXELWISE, is_fortran=True), 0),
        (caiman_mmap, lambda f: long_map(f, (N_FRAMES // 2, HEIGHT, WIDTH), "F"), 0),
        (caiman_mmap, lambda f: long_map(f, (PIXELWISE[0] // 2, *PIXELWISE[1:]), "C"), 0),
        (raw_binary, lambda f: lengthen(f / "a.raw"), 0),
        (inscopix, long_isxd, 0),
        (suite2p_bin, long_suite2p, 0),
        (scanbox, long_scanbox, 65535),
    ],
    ids=["npy", "npy-F", "mmap-F", "mmap-C", "raw", "isxd", "suite2p", "sbx"],
)
def test_opening_does_not_depend_on_the_length(tmp_path: Path, module, make, value: int) -> None:
    path = make(tmp_path)
    assert path.stat().st_size > 50e9
    process = psutil.Process()
    before = process.memory_info().rss
    reader = module.open_reader(path, ReadChoice(raw=RawGeometry(WIDTH, HEIGHT)))
    assert np.prod(reader.shape, dtype=float) * reader.dtype.itemsize > 50e9
    last = reader.shape[0] - 1
    assert (reader.frames(last, last + 1) == value).all()
    assert process.memory_info().rss - before < 200 * 2**20
    reader.close()
