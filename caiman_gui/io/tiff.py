"""Lazy reader of TIFF movies: classic and BigTIFF, ImageJ, OME, ScanImage, compressed or not."""

from __future__ import annotations

import logging
import struct
import threading
from contextlib import ExitStack
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from caiman_gui.errors import InputError
from caiman_gui.io.tiff_metadata import ome_pixels, read_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

#: Little- and big-endian, classic and BigTIFF.
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: A larger frame is a damaged header rather than a camera.
MAX_FRAME_BYTES = 2**30
#: All that tifffile and the codecs raise on damaged files.
_DAMAGE = (
    tifffile.TiffFileError, ValueError, IndexError, KeyError, TypeError, AttributeError, OSError,
    EOFError, OverflowError, AssertionError, ZeroDivisionError, RuntimeError, MemoryError,
    struct.error,
)  # fmt: skip
_DTYPES = ("u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8")
_COPY_HINT = "The file was probably not written or copied to the end: copy or export it again."

# Without a handler of its own, tifffile's warnings would be printed to a terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


class TiffMovie:
    """One TIFF file as a movie (T, H, W). Thread-safe; reads only the frames asked for.

    Parameters
    ----------
    path : Path
        An existing, readable file.

    Raises
    ------
    InputError
        If it is damaged, truncated, in colour, or holds more than frames of one plane and
        channel.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._tif: Any = None
        self._raw = path.open("rb", buffering=0)
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            try:
                self._tif = tifffile.TiffFile(path)
                self._scan()
            except _DAMAGE as exc:
                is_clear = isinstance(exc, tifffile.TiffFileError) and str(exc)
                why = str(exc) if is_clear else "its directory of pages makes no sense"
                raise _in_words(path, exc, why.strip().rstrip(".")) from exc
            on_failure.pop_all()

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        start, stop = max(0, start), min(stop, self.shape[0])
        out = np.empty((max(0, stop - start), *self.shape[1:]), self._stored_dtype)
        try:
            if self._offsets is not None:
                self._read_plain(start, out)
            else:
                self._decode_pages(start, out)
        except InputError:
            raise
        except _DAMAGE as exc:
            which = f"frame {start}" if stop - start == 1 else f"frames {start} to {stop - 1}"
            raise _in_words(self.path, exc, f"{which} cannot be decoded") from exc
        return out.astype(self.dtype, copy=False)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._raw.close()
            if self._tif is not None:
                self._tif.close()

    def _scan(self) -> None:
        """Find shape, type, metadata and where the frames lie."""
        tif, notes = self._tif, []
        if not tif.series:
            raise _damaged(self.path, "it holds no image")
        series = max(tif.series, key=lambda item: prod(item.shape))
        if len(tif.series) > 1:
            notes.append(
                f"{self.path.name} holds {len(tif.series)} image series of different kinds; "
                f"the largest one is used."
            )
        page = series.keyframe
        n_frames, note = _count_frames(series, self.path)
        if note:
            notes.append(note)
        self._stored_dtype = np.dtype(page.dtype).newbyteorder(tif.byteorder)
        _require_usable_type(self._stored_dtype, self.path)
        self.dtype = self._stored_dtype.newbyteorder("=")
        self.shape = (n_frames, int(page.imagelength), int(page.imagewidth))
        frame_bytes = prod(self.shape[1:]) * self.dtype.itemsize
        if not 0 < frame_bytes <= MAX_FRAME_BYTES:
            raise _damaged(self.path, f"it claims frames of {self.shape[1]} x {self.shape[2]} px")
        self._pages = series.pages
        self._offsets = _frame_offsets(series, n_frames, frame_bytes)
        notes += self._require_complete(series, frame_bytes)
        self.metadata = read_metadata(tif, tuple(notes))

    def _require_complete(self, series: Any, frame_bytes: int) -> Iterator[str]:
        """Refuse a file that ends too early; yield a note where only its description is wrong."""
        size, n_frames = self.path.stat().st_size, self.shape[0]
        declared = max(n_frames, _declared_frames(self._tif))
        if self._offsets is not None:
            inside = self._offsets + frame_bytes <= size
            if not inside.all():
                raise _truncated(self.path, int(np.argmin(inside)), declared)
        elif any(page is None for page in self._pages):
            missing = sum(page is None for page in self._pages)
            raise _damaged(self.path, f"{missing} of {n_frames} frames are missing")
        else:
            last = self._pages[len(self._pages) - 1]
            if any(
                offset + count > size
                for offset, count in zip(last.dataoffsets, last.databytecounts, strict=False)
            ):
                raise _truncated(self.path, self._count_inside(size), declared)
        if _is_chain_broken(self.path, self._tif):
            readable = self._count_inside(size)
            first = series.keyframe.dataoffsets[0]
            if self._offsets is not None and len(self._offsets) < 2 < declared:
                readable = max(readable, (size - first) // frame_bytes)
            raise _truncated(self.path, min(readable, declared), declared)
        if declared > n_frames:
            first = series.keyframe.dataoffsets[0]
            if n_frames == 1 and size - first >= 2 * frame_bytes + 2**16:
                raise _truncated(self.path, (size - first) // frame_bytes, declared)
            yield (
                f"The description of {self.path.name} speaks of {declared} images, "
                f"but the file is complete with {n_frames}."
            )

    def _count_inside(self, size: int) -> int:
        """Frames whose data end before the file does."""
        if self._offsets is not None:
            frame_bytes = prod(self.shape[1:]) * self.dtype.itemsize
            return int(np.sum(self._offsets + frame_bytes <= size))
        return sum(
            all(
                offset + count <= size
                for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
            )
            for page in self._pages
        )

    def _read_plain(self, start: int, out: NDArray[np.generic]) -> None:
        """Read uncompressed frames, each run of adjoining ones by one call."""
        offsets, frame_bytes = self._offsets, prod(self.shape[1:]) * self.dtype.itemsize
        if offsets is None:
            return
        wanted = offsets[start : start + len(out)]
        breaks = np.flatnonzero(np.diff(wanted) != frame_bytes) + 1
        for first, last in zip([0, *breaks], [*breaks, len(wanted)], strict=True):
            if first == last:
                continue
            target = out[first:last].reshape(-1).view(np.uint8).data
            with self._lock:
                self._raw.seek(int(wanted[first]))
                done = 0
                while done < len(target):
                    count = self._raw.readinto(target[done:])
                    if not count:
                        lost = start + int(first) + done // frame_bytes
                        raise _truncated(self.path, lost, self.shape[0])
                    done += count

    def _decode_pages(self, start: int, out: NDArray[np.generic]) -> None:
        for index, frame in enumerate(out, start):
            with self._lock:
                page = self._pages[index]
            image = page.asarray(lock=self._lock, maxworkers=1)
            frame[...] = np.reshape(image, self.shape[1:])


def _count_frames(series: Any, path: Path) -> tuple[int, str]:
    """Count the frames of a series; with a note where its axes leave a choice."""
    axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    long = [(axis, n) for axis, n in zip(axes, shape, strict=True) if n > 1 and axis not in "YX"]
    sizes = {axis: prod(n for a, n in long if a == axis) for axis, _ in long}
    if "S" in sizes:
        raise InputError(
            "This is a colour image",
            f"{path} stores {sizes['S']} colour samples a pixel (RGB); a movie has one.",
            "Save it in grey (ImageJ: Image > Type > 16-bit) or export a single channel.",
        )
    if len(long) > 1:
        raise _too_many_axes(path, sizes, tuple(shape))
    if not long:
        return 1, ""
    axis, n_frames = long[0]
    if axis == "C" and n_frames <= 4:
        raise _too_many_axes(path, sizes, tuple(shape))
    if axis in "ZC":
        word = "planes (z)" if axis == "Z" else "channels"
        return n_frames, f"{path.name} calls its {n_frames} images {word}; they are read as frames."
    return n_frames, ""


def _too_many_axes(path: Path, sizes: dict[str, int], shape: tuple[int, ...]) -> InputError:
    channels, planes = sizes.get("C", 1), sizes.get("Z", 1)
    parts = []
    if channels > 1:
        parts.append(f"{channels} channels")
    if planes > 1:
        parts.append(f"{planes} planes")
    frames = sizes.get("T", 1)
    what = " and ".join(parts)
    why = f"{path} holds {what}, with {frames} frame{'s' if frames != 1 else ''} each."
    if not parts:
        sides = " x ".join(str(n) for n in shape)
        why = f"{path} holds an array of {sides}; a movie is time x rows x columns."
    return InputError(
        "The file holds more than one channel or plane",
        why,
        "Export one channel and one plane as a movie of its own (ImageJ: Image > Duplicate..., "
        "or Image > Hyperstacks > Reduce Dimensionality), then open that.",
    )


def _frame_offsets(series: Any, n_frames: int, frame_bytes: int) -> NDArray[np.int64] | None:
    """Byte at which each frame starts, or None if frames have to be decoded."""
    if series.is_multifile:
        return None
    start = series.dataoffset
    if start is not None:
        return int(start) + frame_bytes * np.arange(n_frames, dtype=np.int64)
    pages = series.pages
    if len(pages) != n_frames or not all(page is not None and page.is_final for page in pages):
        return None
    return np.array([page.dataoffsets[0] for page in pages], np.int64)


def _declared_frames(tif: Any) -> int:
    """Frames the description speaks of; 0 if it does not."""
    if tif.is_imagej:
        meta = tif.imagej_metadata or {}
        axes = prod(int(meta.get(name, 1)) for name in ("frames", "slices", "channels"))
        return max(int(meta.get("images", 0)), axes)
    if tif.is_ome:
        pixels = ome_pixels(tif)
        sizes = [pixels.get(name, "1") for name in ("SizeT", "SizeZ", "SizeC")]
        return prod(int(size) if size.isdecimal() else 1 for size in sizes)
    if tif.is_shaped:
        return max(
            (prod(meta["shape"][:-2]) for meta in tif.shaped_metadata or () if "shape" in meta),
            default=0,
        )
    return 0


def _is_chain_broken(path: Path, tif: Any) -> bool:
    """Whether the list of pages ends at a place outside the file instead of at its end mark."""
    order, size = tif.byteorder, path.stat().st_size
    count_format, entry, offset_format = (
        (order + "Q", 20, order + "Q") if tif.is_bigtiff else (order + "H", 12, order + "I")
    )
    seen: set[int] = set()
    with path.open("rb") as file:

        def number(at: int, form: str) -> int | None:
            file.seek(at)
            raw = file.read(struct.calcsize(form))
            return struct.unpack(form, raw)[0] if len(raw) == struct.calcsize(form) else None

        offset = number(8 if tif.is_bigtiff else 4, offset_format)
        while offset:
            count = number(offset, count_format) if offset < size and offset not in seen else None
            if count is None:
                return True
            seen.add(offset)
            offset = number(offset + struct.calcsize(count_format) + count * entry, offset_format)
    return offset is None


def _require_usable_type(dtype: np.dtype, path: Path) -> None:
    if dtype.str[1:] not in _DTYPES:
        raise InputError(
            "The samples are of a type that is not a brightness",
            f"{path} stores {dtype.name}; a movie holds integers of up to 32 bit or real numbers.",
            "Export the movie as 16-bit integers.",
        )


def _in_words(path: Path, exc: BaseException, why: str) -> InputError:
    """Tell a disk that fails from content that is damaged, which ``why`` explains."""
    if isinstance(exc, OSError) and exc.errno is not None:  # the disk, not the content
        return InputError(
            "The file cannot be read",
            f"{path}: {exc.strerror or exc}.",
            "Check that the disk is connected, or copy the file to this computer.",
        )
    return _damaged(path, why)


def _damaged(path: Path, why: str) -> InputError:
    return InputError("The TIFF file is damaged", f"{path}: {why}.", _COPY_HINT)


def _truncated(path: Path, readable: int, expected: int) -> InputError:
    if readable < expected:
        why = f"only {readable} of {expected} frames are complete"
    else:
        why = f"its list of pages is cut off after {readable} frame{'s' if readable != 1 else ''}"
    return InputError("The TIFF file ends too early", f"{path}: {why}.", _COPY_HINT)
