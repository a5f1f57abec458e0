"""Small whole recordings of every format, from which damaged ones are made."""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from caiman_gui.io.reader import ReadChoice

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))

MOVIE = np.random.default_rng(5).integers(0, 4000, (12, 14, 18)).astype(np.uint16)


@dataclass(frozen=True)
class Seed:
    """One recording.

    Attributes
    ----------
    name : str
    folder : Path
        Its files, and nothing else.
    opened : str
        What is opened: a file in the folder, or ``.`` for the folder itself.
    hurt : str
        The file that is damaged.
    """

    name: str
    folder: Path
    opened: str
    hurt: str

    @property
    def choice(self) -> ReadChoice:
        """What is read of it."""
        from caiman_gui.io.reader import RawGeometry, ReadChoice

        raw = RawGeometry(18, 14, header_bytes=16) if self.name == "raw" else None
        return ReadChoice(raw=raw)

    @contextmanager
    def damaged(self, mutate: Callable[[bytes], bytes]) -> Iterator[Path]:
        """Yield the path of a damaged copy."""
        with tempfile.TemporaryDirectory(dir=self.folder.parent, prefix="try-") as place:
            copy = Path(place) / "seed"
            if self.opened == self.hurt and not any(
                p.name != self.opened for p in self.folder.iterdir()
            ):
                copy.mkdir()
            else:
                shutil.copytree(self.folder, copy)
            (copy / self.hurt).write_bytes(mutate((self.folder / self.hurt).read_bytes()))
            yield copy / self.opened


def make(folder: Path, only: list[str] | None) -> list[str]:
    """Write all seeds into a folder; returns their names."""
    names = []
    for name, (write, opened, hurt) in MAKERS.items():
        if only and name not in only:
            continue
        place = folder / name
        place.mkdir()
        write(place)
        (folder / f"{name}.seed").write_text(f"{opened}\n{hurt}")
        names.append(name)
    return names


def load(folder: Path, names: list[str]) -> list[Seed]:
    """Return seeds that were written."""
    seeds = []
    for name in names:
        opened, hurt = (folder / f"{name}.seed").read_text().split("\n")
        seeds.append(Seed(name, folder / name, opened, hurt))
    return seeds


def _tiff(**options: Any) -> Callable[[Path], None]:
    def write(place: Path) -> None:
        import tifffile

        data = options.pop("data", MOVIE)
        tifffile.imwrite(place / "m.tif", data, **options)

    return write


def _tiff_pages(place: Path) -> None:
    import tifffile

    with tifffile.TiffWriter(place / "m.tif", bigtiff=True) as tif:
        for frame in MOVIE:
            tif.write(frame, contiguous=False, metadata=None)


def _scanimage(place: Path) -> None:
    import tifffile

    text = "\n".join(
        f"SI.{key} = {value}"
        for key, value in {
            "hChannels.channelSave": "[1;2]",
            "hRoiManager.scanFrameRate": 30.0,
            "hStackManager.enable": "true",
            "hStackManager.numSlices": 2,
            "hStackManager.framesPerSlice": 1,
            "VERSION_MAJOR": 5,
        }.items()
    )
    with tifffile.TiffWriter(place / "m.tif", bigtiff=True) as tif:
        for index, frame in enumerate(MOVIE):
            tif.write(
                frame.astype(np.int16), contiguous=False, metadata=None, software=text,
                description=f"frameNumbers = {index}\nframeTimestamps_sec = {index / 30}",
            )  # fmt: skip


def _images(suffix: str) -> Callable[[Path], None]:
    def write(place: Path) -> None:
        import cv2

        for index, frame in enumerate(MOVIE[:4]):
            cv2.imwrite(str(place / f"frame{index}{suffix}"), (frame >> 4).astype(np.uint8))

    return write


def _hdf5(**options: Any) -> Callable[[Path], None]:
    def write(place: Path) -> None:
        import h5py

        with h5py.File(place / "m.h5", "w", libver=options.pop("libver", None)) as file:
            data = file.create_dataset("mov", data=MOVIE, **options)
            data.attrs["fr"] = 20.0
            file["other"] = MOVIE[:3, :4]

    return write


def _mat73(place: Path) -> None:
    import h5py

    with h5py.File(place / "m.mat", "w", userblock_size=512) as file:
        data = file.create_dataset("Y", data=MOVIE, chunks=True, compression="gzip")
        data.attrs["MATLAB_class"] = np.bytes_(b"uint16")
    with (place / "m.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\0\2IM")


def _mat5(place: Path) -> None:
    import scipy.io

    scipy.io.savemat(place / "m.mat", {"Y": MOVIE.transpose(1, 2, 0)}, do_compression=True)


def _nwb(place: Path) -> None:
    import h5py

    with h5py.File(place / "m.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.7.0"
        series = file.create_group("acquisition/TwoPhotonSeries")
        series.attrs["neurodata_type"] = "TwoPhotonSeries"
        series["data"] = MOVIE
        series.create_dataset("starting_time", data=0.0).attrs["rate"] = 30.0
        plane = file.create_group("general/optophysiology/plane")
        plane.attrs["neurodata_type"] = "ImagingPlane"
        plane["indicator"] = "GCaMP6f"
        plane["imaging_rate"] = 30.0


def _zarr(version: int) -> Callable[[Path], None]:
    def write(place: Path) -> None:
        import zarr

        store = zarr.open_group(str(place / "m.zarr"), mode="w", zarr_format=version)
        data = store.create_array("mov", shape=MOVIE.shape, chunks=(4, 14, 18), dtype="uint16")
        data[:] = MOVIE

    return write


def _video(suffix: str, codec: str, pixels: str) -> Callable[[Path], None]:
    def write(place: Path) -> None:
        import av

        with av.open(str(place / f"m{suffix}"), "w") as out:
            stream = out.add_stream(codec, rate=20)
            stream.width, stream.height, stream.pix_fmt = 32, 24, pixels
            for frame in MOVIE:
                grey = np.tile((frame >> 4).astype(np.uint8), (2, 2))[:24, :32]
                image = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey), format="gray")
                out.mux(stream.encode(image.reformat(format=pixels)))
            out.mux(stream.encode())

    return write


def _miniscope(place: Path) -> None:
    import json

    _video(".avi", "ffv1", "gray")(place)
    (place / "m.avi").rename(place / "0.avi")
    rows = "".join(f"{i},{50 * i + 7},{i % 3}\n" for i in range(len(MOVIE)))
    (place / "timeStamps.csv").write_text("Frame Number,Time Stamp (ms),Buffer Index\n" + rows)
    meta = {"deviceType": "Miniscope_V4_BNO", "frameRate": "20FPS", "deviceName": "scope"}
    (place / "metaData.json").write_text(json.dumps(meta))


def _npy(place: Path) -> None:
    np.save(place / "m.npy", MOVIE)


def _npy_fortran(place: Path) -> None:
    np.save(place / "m.npy", np.asfortranarray(MOVIE))


def _mmap(order: str) -> Callable[[Path], None]:
    def write(place: Path) -> None:
        from flat_files import write_mmap

        write_mmap(place, MOVIE[:, None].astype(np.float32), order).rename(
            place / f"Yr_d1_14_d2_18_d3_1_order_{order}_frames_12.mmap"
        )

    return write


def _scanbox(place: Path) -> None:
    from flat_files import write_scanbox

    write_scanbox(place, MOVIE[..., None])


def _inscopix(place: Path) -> None:
    from flat_files import isxd_footer, write_isxd

    write_isxd(place / "m.isxd", MOVIE, isxd_footer(MOVIE))


def _suite2p(place: Path) -> None:
    from flat_files import write_suite2p

    write_suite2p(place, MOVIE.astype(np.int16))


def _raw(place: Path) -> None:
    (place / "m.raw").write_bytes(b"some header here" + MOVIE.tobytes())


def _store(place: Path) -> None:
    from caiman_gui.io.store_writer import StoreWriter

    with StoreWriter(place / "m.cgm", MOVIE.shape, dtype=MOVIE.dtype) as writer:
        writer.write(0, MOVIE)


_SIX = MOVIE.reshape(6, 2, 14, 18)
#: Name -> what writes it, what is opened, what is damaged.
MAKERS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "tiff": (_tiff(), "m.tif", "m.tif"),
    "tiff-big-endian": (_tiff(bigtiff=True, byteorder=">"), "m.tif", "m.tif"),
    "tiff-pages": (_tiff_pages, "m.tif", "m.tif"),
    "tiff-lzw": (_tiff(compression="lzw", predictor=True), "m.tif", "m.tif"),
    "tiff-zlib-tiles": (_tiff(compression="zlib", tile=(16, 16)), "m.tif", "m.tif"),
    "imagej": (_tiff(data=_SIX, imagej=True, metadata={"axes": "TCYX"}), "m.tif", "m.tif"),
    "ome": (_tiff(data=_SIX, ome=True, metadata={"axes": "TZYX"}), "m.tif", "m.tif"),
    "scanimage": (_scanimage, "m.tif", "m.tif"),
    "png": (_images(".png"), ".", "frame0.png"),
    "jpeg": (_images(".jpg"), ".", "frame2.jpg"),
    "hdf5": (_hdf5(), "m.h5", "m.h5"),
    "hdf5-chunks": (_hdf5(chunks=(3, 14, 18), compression="gzip"), "m.h5", "m.h5"),
    "hdf5-latest": (_hdf5(chunks=(1, 14, 18), libver="latest"), "m.h5", "m.h5"),
    "mat-7.3": (_mat73, "m.mat", "m.mat"),
    "mat-5": (_mat5, "m.mat", "m.mat"),
    "nwb": (_nwb, "m.nwb", "m.nwb"),
    "zarr-2": (_zarr(2), "m.zarr", "m.zarr/mov/.zarray"),
    "zarr-2-chunk": (_zarr(2), "m.zarr", "m.zarr/mov/0.0.0"),
    "zarr-3": (_zarr(3), "m.zarr", "m.zarr/mov/zarr.json"),
    "zarr-3-chunk": (_zarr(3), "m.zarr", "m.zarr/mov/c/0/0/0"),
    "avi-ffv1": (_video(".avi", "ffv1", "gray"), "m.avi", "m.avi"),
    "avi-mjpeg": (_video(".avi", "mjpeg", "yuvj420p"), "m.avi", "m.avi"),
    "avi-raw": (_video(".avi", "rawvideo", "gray"), "m.avi", "m.avi"),
    "mkv-ffv1": (_video(".mkv", "ffv1", "gray"), "m.mkv", "m.mkv"),
    "mp4-mpeg4": (_video(".mp4", "mpeg4", "yuv420p"), "m.mp4", "m.mp4"),
    "miniscope-times": (_miniscope, ".", "timeStamps.csv"),
    "miniscope-meta": (_miniscope, ".", "metaData.json"),
    "npy": (_npy, "m.npy", "m.npy"),
    "npy-fortran": (_npy_fortran, "m.npy", "m.npy"),
    "mmap-f": (
        _mmap("F"),
        "Yr_d1_14_d2_18_d3_1_order_F_frames_12.mmap",
        "Yr_d1_14_d2_18_d3_1_order_F_frames_12.mmap",
    ),
    "mmap-c": (
        _mmap("C"),
        "Yr_d1_14_d2_18_d3_1_order_C_frames_12.mmap",
        "Yr_d1_14_d2_18_d3_1_order_C_frames_12.mmap",
    ),
    "scanbox": (_scanbox, "xx0_000_001.sbx", "xx0_000_001.mat"),
    "inscopix": (_inscopix, "m.isxd", "m.isxd"),
    "suite2p": (_suite2p, ".", "ops.npy"),
    "raw": (_raw, "m.raw", "m.raw"),
}
