"""Large files of every format, made in no time and without taking room: holes are zeros."""

from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

#: 512 x 512 px of 16 bit make 50 GB.
N_FRAMES_50_GB = 95_368


def tiff_contiguous(folder: Path, n_frames: int, side: int) -> Path:
    """BigTIFF, all frames first, then all directories, as tifffile writes a series."""
    data = n_frames * side * side * 2
    tags = _tags(side)
    size = 8 + 20 * len(tags) + 8
    path = folder / "contiguous.tif"
    with path.open("wb") as file:
        first = 16 + data
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, first))
        file.seek(first)
        for start in range(0, n_frames, 4096):
            chunk = bytearray()
            for index in range(start, min(start + 4096, n_frames)):
                following = first + (index + 1) * size if index + 1 < n_frames else 0
                chunk += _directory(tags, 16 + index * side * side * 2, following)
            file.write(chunk)
    return path


def tiff_interleaved(folder: Path, n_frames: int, side: int) -> Path:
    """BigTIFF with the directory of each frame before it, as microscopes write while recording."""
    tags = _tags(side)
    size = 8 + 20 * len(tags) + 8
    stride = size + side * side * 2
    path = folder / "interleaved.tif"
    with path.open("wb") as file:
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16))
        for index in range(n_frames):
            here = 16 + index * stride
            file.seek(here)
            following = here + stride if index + 1 < n_frames else 0
            file.write(_directory(tags, here + size, following))
        file.truncate(16 + n_frames * stride)
    return path


def _tags(side: int) -> list[tuple[int, int, int]]:
    return [
        (256, 4, side), (257, 4, side), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 16, 0),
        (277, 3, 1), (278, 4, side), (279, 16, side * side * 2), (339, 3, 1),
    ]  # fmt: skip


def _directory(tags: list[tuple[int, int, int]], offset: int, following: int) -> bytes:
    body = struct.pack("<Q", len(tags))
    for code, kind, value in tags:
        body += struct.pack("<HHQQ", code, kind, 1, offset if code == 273 else value)
    return body + struct.pack("<Q", following)


def hdf5_contiguous(folder: Path, n_frames: int, side: int) -> Path:
    """HDF5 with one contiguous dataset that was never written to."""
    import h5py

    path = folder / "contiguous.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("mov", (n_frames, side, side), "u2")
        data[0, 0, 0] = 1  # the room is only given with the first sample
        data[-1, -1, -1] = 1
    return path


def hdf5_chunked(folder: Path, n_frames: int, side: int) -> Path:
    """HDF5 with a chunk for each frame, of which only the first and the last are there."""
    import h5py

    path = folder / "chunked.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("mov", (n_frames, side, side), "u2", chunks=(1, side, side))
        data[0], data[-1] = 1, 2
    return path


def npy(folder: Path, n_frames: int, side: int) -> Path:
    """A NumPy array."""
    path = folder / "movie.npy"
    with path.open("wb") as file:
        header = {"descr": "<u2", "fortran_order": False, "shape": (n_frames, side, side)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + n_frames * side * side * 2)
    return path


def mmap_frames(folder: Path, n_frames: int, side: int) -> Path:
    """CaImAn's memory map, order F (frame by frame), float32."""
    name = f"movie_d1_{side}_d2_{side}_d3_1_order_F_frames_{n_frames}.mmap"
    return _hole(folder / name, n_frames * side * side * 4)


def mmap_pixels(folder: Path, n_frames: int, side: int) -> Path:
    """CaImAn's memory map, order C (pixel by pixel), float32."""
    name = f"movie_d1_{side}_d2_{side}_d3_1_order_C_frames_{n_frames}.mmap"
    return _hole(folder / name, n_frames * side * side * 4)


def _hole(path: Path, n_bytes: int) -> Path:
    with path.open("wb") as file:
        file.truncate(n_bytes)
    return path


MAKERS = {
    "BigTIFF, contiguous": tiff_contiguous,
    "BigTIFF, directories between": tiff_interleaved,
    "HDF5, contiguous": hdf5_contiguous,
    "HDF5, a chunk a frame": hdf5_chunked,
    "NPY": npy,
    "CaImAn mmap, order F": mmap_frames,
    "CaImAn mmap, order C": mmap_pixels,
}


def write_tiff(folder: Path, movie: np.ndarray) -> Path:
    """Uncompressed, one contiguous series."""
    import tifffile

    tifffile.imwrite(folder / "series.tif", movie, bigtiff=True, photometric="minisblack")
    return folder / "series.tif"


def write_tiff_pages(folder: Path, movie: np.ndarray) -> Path:
    """Uncompressed, each page written on its own."""
    import tifffile

    with tifffile.TiffWriter(folder / "pages.tif", bigtiff=True) as tif:
        for frame in movie:
            tif.write(frame, contiguous=False, metadata=None)
    return folder / "pages.tif"


def write_tiff_lzw(folder: Path, movie: np.ndarray) -> Path:
    """Compressed."""
    import tifffile

    tifffile.imwrite(folder / "lzw.tif", movie, compression="lzw", photometric="minisblack")
    return folder / "lzw.tif"


def write_hdf5(folder: Path, movie: np.ndarray) -> Path:
    """Contiguous."""
    import h5py

    with h5py.File(folder / "c.h5", "w") as file:
        file["mov"] = movie
    return folder / "c.h5"


def write_hdf5_gzip(folder: Path, movie: np.ndarray) -> Path:
    """A compressed chunk a frame."""
    import h5py

    with h5py.File(folder / "z.h5", "w") as file:
        file.create_dataset(
            "mov", data=movie, chunks=(1, *movie.shape[1:]), compression="gzip", compression_opts=1
        )
    return folder / "z.h5"


def write_npy(folder: Path, movie: np.ndarray) -> Path:
    """NumPy's own."""
    np.save(folder / "m.npy", movie)
    return folder / "m.npy"


WRITERS = {
    "TIFF, one series": write_tiff,
    "TIFF, separate pages": write_tiff_pages,
    "TIFF, LZW": write_tiff_lzw,
    "HDF5, contiguous": write_hdf5,
    "HDF5, gzip": write_hdf5_gzip,
    "NPY": write_npy,
}


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
