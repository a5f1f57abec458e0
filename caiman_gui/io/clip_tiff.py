"""A clip as TIFF: the values of the movies themselves, or the pictures as shown."""

from __future__ import annotations

import errno
import os
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from caiman_gui import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: What fits into a classic TIFF, with room for the directories.
_CLASSIC_BYTES = 2**32 - 2**25
#: Room for the directory of one frame.
_DIRECTORY_BYTES = 512
#: Pages that are named; ImageJ reads all names before it shows anything.
_MOST_LABELS = 20_000
#: Types that ImageJ's own files can have, and OME's.
_IMAGEJ, _OME = ("uint8", "uint16", "float32"), ("int8", "int16", "int32", "uint32", "float64")


def tiff_dtype(dtypes: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """Return the type that holds the values of all movies of a clip and that TIFF programs read."""
    common = np.result_type(*dtypes)
    if common.name in (*_IMAGEJ, *_OME):
        return np.dtype(common.name)
    if common.kind in "biu" and common.itemsize == 1:
        return np.dtype(np.uint8)
    return np.dtype(np.float32 if common.name == "float16" else np.float64)


@dataclass(frozen=True, slots=True)
class TiffFacts:
    """What a TIFF of original values says about itself.

    Attributes
    ----------
    shape : (T, C, H, W)
    dtype : numpy.dtype
        As ``tiff_dtype`` returns it.
    interval_s, pixel_size_um : float or None
        None where not known.
    names : tuple of str
        Of the channels.
    levels : (low, high)
        The contrast that ImageJ shows at first.
    """

    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    interval_s: float | None
    pixel_size_um: float | None
    names: tuple[str, ...]
    levels: tuple[float, float]

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        n_times, n_channels, height, width = self.shape
        return n_times * n_channels * (height * width * self.dtype.itemsize + _DIRECTORY_BYTES)


def write_tiff(path: Path, frames: Iterable[NDArray[Any]], facts: TiffFacts) -> str:
    """Write frames one by one, so that Fiji opens them with their time and scale.

    Small files are ImageJ's own hyperstacks. Types unknown to ImageJ, and files of 4 GB or more,
    are OME-TIFF (BigTIFF), which Fiji reads as well.

    Parameters
    ----------
    path : Path
    frames : iterable of (H, W)
        All channels of the first time, then those of the second ...
    facts : TiffFacts

    Returns
    -------
    str
        What kind of file it is.
    """
    is_classic = facts.dtype.name in _IMAGEJ and facts.n_bytes < _CLASSIC_BYTES
    common: dict[str, Any] = {
        "shape": facts.shape,
        "dtype": facts.dtype,
        "photometric": "minisblack",
        "software": f"caiman-gui {__version__}",
    }
    if is_classic and facts.pixel_size_um is not None:
        common["resolution"] = (1 / facts.pixel_size_um, 1 / facts.pixel_size_um)
    samples = (np.ascontiguousarray(frame, dtype=facts.dtype) for frame in frames)
    kind = {"imagej": True} if is_classic else {"ome": True, "bigtiff": True}
    metadata = _imagej(facts) if is_classic else _ome(facts)
    with _full_disk_named(), tifffile.TiffWriter(path, **kind) as tif:
        tif.write(samples, metadata=metadata, **common)
    return "ImageJ TIFF" if is_classic else "OME-TIFF"


def write_rgb_tiff(
    path: Path,
    pictures: Iterable[NDArray[np.uint8]],
    n_pictures: int,
    shape: tuple[int, int],
    fps: float,
) -> str:
    """Write pictures (h, w, 3) one by one. Returns what kind of file it is."""
    whole = (n_pictures, *shape, 3)
    n_bytes = n_pictures * (shape[0] * shape[1] * 3 + _DIRECTORY_BYTES)
    is_classic = n_bytes < _CLASSIC_BYTES
    metadata = {"axes": "TYXS", "finterval": 1 / fps, "tunit": "s", "fps": fps}
    kind = {"imagej": True} if is_classic else {"bigtiff": True}
    with _full_disk_named(), tifffile.TiffWriter(path, **kind) as tif:
        tif.write(
            iter(pictures), shape=whole, dtype=np.uint8, photometric="rgb", metadata=metadata,
            software=f"caiman-gui {__version__}",
        )  # fmt: skip
    return "ImageJ TIFF" if is_classic else "BigTIFF"


@contextmanager
def _full_disk_named() -> Iterator[None]:
    """Give the error its number that numpy leaves out when it writes less than it was told to."""
    try:
        yield
    except OSError as exc:
        if exc.errno is None and "requested and" in str(exc):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from exc
        raise


def _imagej(facts: TiffFacts) -> dict[str, Any]:
    low, high = facts.levels
    metadata: dict[str, Any] = {
        "axes": "TCYX", "mode": "grayscale", "loop": False, "min": low, "max": high,
    }  # fmt: skip
    if facts.interval_s is not None:
        metadata |= {"finterval": facts.interval_s, "tunit": "s", "fps": 1 / facts.interval_s}
    if facts.pixel_size_um is not None:
        metadata["unit"] = "um"
    if facts.shape[1] > 1 and facts.shape[0] * facts.shape[1] <= _MOST_LABELS:
        metadata["Labels"] = list(facts.names) * facts.shape[0]
    return metadata


def _ome(facts: TiffFacts) -> dict[str, Any]:
    about = f"caiman-gui {facts.shape} {' '.join(facts.names)}"
    metadata: dict[str, Any] = {
        "axes": "TCYX",
        "Channel": {"Name": list(facts.names)},
        # By default it tells the time of writing: the same clip would have other bytes each time.
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_URL, about)),
    }
    if facts.interval_s is not None:
        metadata |= {"TimeIncrement": facts.interval_s, "TimeIncrementUnit": "s"}
    if facts.pixel_size_um is not None:
        for axis in "XY":
            metadata[f"PhysicalSize{axis}"] = facts.pixel_size_um
            metadata[f"PhysicalSize{axis}Unit"] = "µm"
    return metadata
