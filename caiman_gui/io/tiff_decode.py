"""Decoding of TIFF pages that are compressed, tiled or packed."""

from __future__ import annotations

import io
import logging
import struct
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

from caiman_gui.errors import InputError
from caiman_gui.io.image_header import jpeg2000_size, jpeg_size
from caiman_gui.io.tiff_ifd import DamagedTiff
from caiman_gui.io.tiff_kind import COMPRESSIONS, read_segments

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.tiff_ifd import Directory, TiffBytes
    from caiman_gui.io.tiff_kind import PageKind

# Without a handler of its own, tifffile's warnings would be printed to a terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

_JPEG: Final = 7
_JPEG_2000: Final = (33003, 33004, 33005, 34712)
_JPEG_TABLES = 347
#: Frames that unpack to more than this must not be smaller than a thousandth of it in the file.
_SUSPICIOUS_BYTES = 2**26
_MAX_RATIO = 2000
#: Segments of a page that lie within this of each other are read by one call.
_MAX_GAP_BYTES = 2**16


class PageDecoder:
    """Turns pages of one kind into images. Thread-safe.

    Only a directory of our own making, of tags that were checked, is given to tifffile: it
    chooses the codec and puts strips and tiles together.

    Parameters
    ----------
    path : Path
    source : TiffBytes
    kind : PageKind

    Raises
    ------
    InputError
        If the compression is not supported.
    """

    def __init__(self, path: Path, source: TiffBytes, kind: PageKind) -> None:
        if kind.compression not in COMPRESSIONS:
            raise InputError(
                "The TIFF file is compressed in a way that cannot be read",
                f"{path} uses compression number {kind.compression}.",
                "Save it again uncompressed or with LZW, for instance with ImageJ.",
            )
        if kind.depth != 1:
            raise InputError(
                "The pages of the TIFF file are volumes",
                f"{path} holds {kind.depth} planes in each page.",
                "Save every plane as a page of its own (ImageJ: File > Save As > Tiff...).",
            )
        self._source = source
        self._kind = kind
        with tifffile.TiffFile(io.BytesIO(_lone_page(source.order, kind))) as tif:
            self._page: Any = tif.pages.first
            if self._page.dtype != kind.dtype:
                raise DamagedTiff(f"its samples of {kind.bits} bits cannot be decoded")
            self._page.init_decode()
        self._shape = self._page.shaped[:1] + self._page.shaped[2:]

    def decode(self, page: Directory) -> NDArray[np.generic]:
        """Return the image of a page in native order, of shape ``PageKind.image_shape``.

        Raises
        ------
        DamagedTiff, or any of ``refusals.DAMAGE``
        """
        kind = self._kind
        offsets, counts = read_segments(page, kind)
        stored = int(counts.sum())
        if kind.image_bytes > max(_SUSPICIOUS_BYTES, stored * _MAX_RATIO):
            raise DamagedTiff(f"it claims frames of {kind.height} x {kind.width} px")
        options: dict[str, Any] = {"_fullsize": False}
        if kind.compression == _JPEG:
            options["jpegtables"] = page.data(_JPEG_TABLES) or None
        image: NDArray[np.generic] = np.zeros(self._shape, kind.dtype)  # (planes, H, W, samples)
        for index, data in enumerate(self._read(offsets, counts)):
            if data is None:
                continue  # a segment that was never written is dark
            self._require_size(data)
            part, (plane, _, row, column, _), _ = self._page.decode(data, index, **options)
            part = part[0, : kind.height - row, : kind.width - column]
            image[plane, row : row + part.shape[0], column : column + part.shape[1]] = part
        return image.reshape(kind.image_shape)

    def _read(self, offsets: NDArray[np.int64], counts: NDArray[np.int64]) -> list[bytes | None]:
        """Read all segments, by one call where they lie close together."""
        used = (offsets > 0) & (counts > 0)
        if not used.any():
            return [None] * len(offsets)
        begin, end = int(offsets[used].min()), int((offsets + counts)[used].max())
        if end > self._source.size:
            raise DamagedTiff("its pixels lie beyond its end")
        if end - begin <= counts[used].sum() + _MAX_GAP_BYTES:
            block = self._source.read(begin, end - begin)
            offsets = offsets - begin
            return [
                block[offset : offset + count] if is_used else None
                for offset, count, is_used in zip(
                    offsets.tolist(), counts.tolist(), used.tolist(), strict=True
                )
            ]
        return [
            self._source.read(offset, count) if is_used else None
            for offset, count, is_used in zip(
                offsets.tolist(), counts.tolist(), used.tolist(), strict=True
            )
        ]

    def _require_size(self, data: bytes) -> None:
        """Refuse an image inside the image that claims to be much larger than its place."""
        if self._kind.compression == _JPEG:
            claimed = jpeg_size(data)
        elif self._kind.compression in _JPEG_2000:
            claimed = jpeg2000_size(data)
        else:
            return
        rows, columns = self._kind.segment_shape
        if claimed is not None and prod(claimed) > 4 * (rows + 64) * (columns + 64):
            raise DamagedTiff("a compressed image in it claims to be larger than its frame")


def _lone_page(order: str, kind: PageKind) -> bytes:
    """Return a TIFF file without pixels whose only page is of this kind."""
    samples = kind.samples
    tags: list[tuple[int, str, list[int]]] = [
        (256, "I", [kind.width]),
        (257, "I", [kind.height]),
        (258, "H", [kind.bits] * samples),
        (259, "H", [kind.compression]),
        (262, "H", [kind.photometric]),
        (266, "H", [kind.fill_order]),
        (277, "H", [samples]),
        (284, "H", [2 if kind.is_planar else 1]),
        (317, "H", [kind.predictor]),
        (339, "H", [kind.sample_format] * samples),
    ]
    if kind.subsampling:
        tags.append((530, "H", list(kind.subsampling)))
    where, sizes = ("I", [8] * kind.n_segments), ("I", [1] * kind.n_segments)
    if kind.tile_shape is None:
        tags += [(278, "I", [kind.rows_per_strip]), (273, *where), (279, *sizes)]
    else:
        height, width = kind.tile_shape
        tags += [(322, "I", [width]), (323, "I", [height]), (324, *where), (325, *sizes)]
    tags.sort()
    entries, values = b"", b""
    values_at = 8 + 2 + 12 * len(tags) + 4
    for tag, letter, numbers in tags:
        value = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        head = struct.pack(order + "HHI", tag, 3 if letter == "H" else 4, len(numbers))
        if len(value) > 4:
            entries += head + struct.pack(order + "I", values_at + len(values))
            values += value + b"\0" * (len(value) % 2)
        else:
            entries += head + value.ljust(4, b"\0")
    start = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIH", 42, 8, len(tags))
    return start + entries + bytes(4) + values
