"""Writers of small movies in formats that nothing here writes: Scanbox, Inscopix, Suite2p."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import scipy.io

if TYPE_CHECKING:
    from pathlib import Path


def movie(shape: tuple[int, ...], dtype: str = "u2", seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, 2 if np.dtype(dtype).kind == "b" else 100, shape).astype(dtype)


def write_mmap(folder: Path, frames: np.ndarray, order: str, ending: str = "") -> Path:
    """``frames`` (T, d3, d1, d2), as CaImAn stores them: pixels in Fortran order, float32."""
    n_frames, d3, d1, d2 = frames.shape
    name = f"Yr_d1_{d1}_d2_{d2}_d3_{d3}_order_{order}_frames_{n_frames}{ending}.mmap"
    pixels = frames.transpose(2, 3, 1, 0).reshape(-1, n_frames, order="F")
    pixels.astype("<f4").ravel(order=order).tofile(folder / name)
    return folder / name


def write_scanbox(folder: Path, stored: np.ndarray, name: str = "xx0_000_001", **info) -> Path:
    """``stored`` (N, rows, columns, channels): N images, whichever plane they are of."""
    fields = {
        "sz": np.array(stored.shape[1:3]),
        "channels": 1 if stored.shape[3] == 2 else 2,
        "scanmode": 1,
        "resfreq": 7930.0,
        "recordsPerBuffer": stored.shape[1],
        "config": {"lines": stored.shape[1], "magnification": 1},
        "scanbox_version": 2,
        "volscan": 0,
        "otwave": np.array([]),
        "messages": np.array(["start", "stop"], object),
    } | info
    scipy.io.savemat(folder / f"{name}.mat", {"info": fields}, do_compression=True)
    (65535 - stored.astype("<u2")).astype("<u2").tofile(folder / f"{name}.sbx")
    return folder / f"{name}.sbx"


def isxd_footer(frames: np.ndarray, **changes) -> dict:
    n_frames, height, width = frames.shape
    return {
        "type": 0,
        "dataType": {"u2": 0, "f4": 1, "u1": 2}[frames.dtype.str[1:]],
        "fileVersion": 1,
        "hasFrameHeaderFooter": False,
        "spacingInfo": {
            "numPixels": {"x": width, "y": height},
            "pixelSize": {"x": {"num": 3, "den": 1}, "y": {"num": 3, "den": 1}},
        },
        "timingInfo": {
            "numTimes": n_frames,
            "period": {"num": 50, "den": 1000},
            "start": {"secsSinceEpoch": {"num": 1466420400000, "den": 1000}, "utcOffset": 3600},
            "dropped": [],
            "cropped": [],
        },
    } | changes


def write_isxd(path: Path, frames: np.ndarray, footer: dict, around: bytes = b"") -> Path:
    text = json.dumps(footer, indent=4).encode()
    body = b"".join(around + frame.tobytes() + around for frame in frames)
    path.write_bytes(body + text + b"\0" + struct.pack("<q", len(text)))
    return path


def write_suite2p(folder: Path, frames: np.ndarray, name: str = "ops.npy", **ops) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    _, height, width = frames.shape
    facts = {"Ly": height, "Lx": width, "nframes": len(frames), "fs": 15.5} | ops
    np.save(folder / name, facts, allow_pickle=True)
    frames.astype("<i2").tofile(folder / "data.bin")
    return folder / "data.bin"
