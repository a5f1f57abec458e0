"""What every reader of a file format offers, and what a user may choose about a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

T = TypeVar("T")

#: A larger frame is a damaged header rather than a camera.
MAX_FRAME_BYTES = 2**30
#: What files without a header are called.
RAW_FORMAT = "raw frames"
#: Types of samples that are a brightness, as ``dtype.str[1:]``.
SAMPLE_TYPES = ("b1", "u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8")


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """A value, and where the file says it, such as "ImageJ finterval"."""

    value: T
    source: str


@dataclass(frozen=True, slots=True)
class RawGeometry:
    """How frames lie in a file without a header.

    Attributes
    ----------
    width_px, height_px : int
    dtype : str
        NumPy's name of the sample type, such as ``uint16``.
    is_big_endian : bool
    header_bytes, gap_bytes : int
        Before the first frame, and between two frames.
    """

    width_px: int
    height_px: int
    dtype: str = "uint16"
    is_big_endian: bool = False
    header_bytes: int = 0
    gap_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ReadChoice:
    """What the user chose where a file leaves a choice.

    Attributes
    ----------
    dataset : str
        Path of the array inside HDF5, NWB, MAT or Zarr; empty: the one that looks most like a
        movie.
    axes : str
        Meaning of the axes of that array, one letter each of T Y X C Z (``TYX``, ``XYT`` ...);
        empty: as the file says, else as its format usually has it.
    channel, plane : int
        Counted from 1.
    raw : RawGeometry or None
        Needed for files that have no header.
    """

    dataset: str = ""
    axes: str = ""
    channel: int = 1
    plane: int = 1
    raw: RawGeometry | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """One array of a file that could be the movie.

    Attributes
    ----------
    path : str
        As in ``ReadChoice.dataset``.
    shape : tuple of int
    dtype : str
    axes : str
        How its axes would be read.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    axes: str


@dataclass(frozen=True, slots=True, eq=False)
class FileFacts:
    """What one file says about itself. What it does not say is None or empty, never guessed.

    Attributes
    ----------
    format : str
        For the user: "ScanImage BigTIFF", "UCLA Miniscope V4 video (FFV1)".
    frame_rate : Fact of float
        Frames of the chosen plane and channel in a second, Hz.
    pixel_size : Fact of float
        µm.
    indicator : Fact of str
        As the file spells it, such as "GCaMP6f".
    timestamps : Fact of (T,) float64
        Seconds, not decreasing; only where the file has one for each frame.
    recorded : Fact of str
        Date and time of the recording, ISO 8601.
    channels : tuple of str
        Names of the channels, one each; ("",) for a file with one nameless channel.
    n_planes : int
    datasets : tuple of Dataset
        The arrays the user may choose from; empty where a format has no such choice.
    dataset, axes : str
        Those that are read.
    notes : tuple of str
        Assumptions that were made, and what looks odd, in plain sentences that name the file.
    """

    format: str
    frame_rate: Fact[float] | None = None
    pixel_size: Fact[float] | None = None
    indicator: Fact[str] | None = None
    timestamps: Fact[NDArray[np.float64]] | None = None
    recorded: Fact[str] | None = None
    channels: tuple[str, ...] = ("",)
    n_planes: int = 1
    datasets: tuple[Dataset, ...] = ()
    dataset: str = ""
    axes: str = ""
    notes: tuple[str, ...] = ()


class FrameReader(Protocol):
    """One opened file or folder as a movie (T, H, W) of one channel and plane. Thread-safe.

    Opening reads only what is needed to know shape and facts, whatever the length; ``frames``
    reads only the frames asked for, and holds no more than a few of them in memory.
    """

    path: Path
    shape: tuple[int, int, int]
    dtype: np.dtype
    facts: FileFacts

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1, clipped to the movie, as (n, H, W) in native order."""

    def close(self) -> None:
        """Close the file. Harmless when repeated."""
