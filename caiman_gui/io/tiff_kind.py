"""What kind of image a TIFF page holds: size, samples, and how they are stored."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING, Final

import numpy as np

from caiman_gui.io.tiff_ifd import NONSENSE, DamagedTiff

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.tiff_ifd import Directory

STRIP_OFFSETS: Final = 273
STRIP_COUNTS: Final = 279
TILE_OFFSETS: Final = 324
TILE_COUNTS: Final = 325
#: Tags that make up the kind of a page.
KIND_TAGS: Final = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 322, 323, 339, 530, 32997}
)
#: Names of compressions, by the value of their tag.
COMPRESSIONS: Final = {
    1: "", 5: "LZW", 7: "JPEG", 8: "deflate", 32773: "PackBits", 32946: "deflate",
    33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000",
    34925: "LZMA", 50000: "Zstandard",
}  # fmt: skip
_UNSIGNED, _SIGNED, _REAL, _COMPLEX_INTEGER, _COMPLEX = 1, 2, 3, 5, 6
_RGB, _YCBCR = 2, 6
_MAX_SAMPLES = 1024


@dataclass(frozen=True, slots=True)
class PageKind:
    """Two pages of one kind can be frames of one movie, decoded in one way.

    Attributes
    ----------
    height, width : int
        Pixels.
    depth : int
        Images in one page; 1 in all files but a few.
    samples : int
        Samples of a pixel: 3 for RGB.
    is_planar : bool
        Whether the samples are stored as one image after the other.
    bits, sample_format : int
        Of one sample; bits is 0 if they differ.
    rows_per_strip : int
    tile_shape : (int, int) or None
        (height, width)
    is_reduced : bool
        Whether it is a thumbnail or a mask.
    """

    height: int
    width: int
    depth: int
    samples: int
    is_planar: bool
    bits: int
    sample_format: int
    compression: int
    predictor: int
    fill_order: int
    photometric: int
    subsampling: tuple[int, ...]
    rows_per_strip: int
    tile_shape: tuple[int, int] | None
    is_reduced: bool

    @property
    def is_rgb(self) -> bool:
        """Whether the first three samples are red, green and blue."""
        return self.photometric in (_RGB, _YCBCR) and self.samples >= 3

    @property
    def n_channels(self) -> int:
        """Samples of a pixel that are channels: the transparency of a colour is none."""
        return 3 if self.is_rgb else self.samples

    @property
    def dtype(self) -> np.dtype:
        """Type of a sample once decoded, in native order."""
        bits, form = self.bits, self.sample_format
        if form in (_COMPLEX, _COMPLEX_INTEGER):
            return np.dtype(np.complex64)
        if form == _REAL and bits in (16, 24, 32, 64):
            return np.dtype(f"f{4 if bits == 24 else bits // 8}")
        if form == _SIGNED and bits in (8, 16, 32, 64):
            return np.dtype(f"i{bits // 8}")
        if bits == 1:
            return np.dtype(bool)
        if form not in (_SIGNED, _REAL) and 0 < bits <= 64:
            return np.dtype(f"u{next(size for size in (1, 2, 4, 8) if bits <= 8 * size)}")
        raise DamagedTiff(f"it claims samples of {bits} bits of type {form}")

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W), (H, W, S) or (S, H, W)."""
        if self.samples == 1:
            return self.height, self.width
        if self.is_planar:
            return self.samples, self.height, self.width
        return self.height, self.width, self.samples

    @property
    def image_bytes(self) -> int:
        """Bytes of one decoded page with all its samples."""
        return prod(self.image_shape) * self.dtype.itemsize

    @property
    def is_plain(self) -> bool:
        """Whether the samples are stored as they are in memory, but for their byte order."""
        return (
            self.compression == 1
            and self.predictor == 1
            and self.fill_order == 1
            and self.tile_shape is None
            and self.depth == 1
            and self.bits == 8 * self.dtype.itemsize
        )

    @property
    def segment_shape(self) -> tuple[int, int]:
        """(height, width) of a strip or tile."""
        return self.tile_shape or (self.rows_per_strip, self.width)

    @property
    def n_segments(self) -> int:
        """Strips or tiles of a page."""
        rows, columns = self.segment_shape
        planes = self.samples if self.is_planar else 1
        return ceil(self.height / rows) * ceil(self.width / columns) * planes


def read_kind(page: Directory) -> PageKind:
    """Read the kind of a page.

    Raises
    ------
    DamagedTiff
        If the page lacks a size, or claims what cannot be.
    """
    samples = page.number(277, 1)
    if samples > _MAX_SAMPLES:
        raise DamagedTiff(f"it claims {samples} samples a pixel")
    height, width = page.number(257, 0), page.number(256, 0)
    rows = page.number(278, height) if page.entries.get(278, (0, 1, 0))[1] == 1 else height
    tile = (page.number(323, 0), page.number(322, 0)) if 322 in page else None
    if samples < 1 or height < 1 or width < 1 or rows < 1 or (tile is not None and min(tile) < 1):
        raise DamagedTiff(NONSENSE)
    bits = page.array(258)[:samples].tolist() if 258 in page else [1]
    forms = page.array(339)[:samples].tolist() if 339 in page else [_UNSIGNED]
    return PageKind(
        height=height,
        width=width,
        depth=page.number(32997, 1),
        samples=samples,
        is_planar=samples > 1 and page.number(284, 1) == 2,
        bits=int(bits[0]) if len(set(bits)) == 1 else 0,
        sample_format=int(forms[0]) if len(set(forms)) == 1 else 0,
        compression=page.number(259, 1),
        predictor=page.number(317, 1),
        fill_order=page.number(266, 1),
        photometric=page.number(262, 1),
        subsampling=tuple(page.array(530).tolist()) if 530 in page else (),
        rows_per_strip=min(rows, height),
        tile_shape=tile,
        is_reduced=bool(page.number(254, 0) & 0b101) or page.number(255, 0) == 2,
    )


def read_segments(page: Directory, kind: PageKind) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return byte offset and byte count of every strip or tile.

    Raises
    ------
    DamagedTiff
        If some are missing.
    """
    tags = (TILE_OFFSETS, TILE_COUNTS) if TILE_OFFSETS in page else (STRIP_OFFSETS, STRIP_COUNTS)
    offsets, counts = page.offsets(tags[0]), page.offsets(tags[1])
    if not len(counts) and kind.is_plain and len(offsets) == 1:
        counts = np.array([kind.image_bytes], np.int64)
    if min(len(offsets), len(counts)) < kind.n_segments:
        raise DamagedTiff("a page does not say where its pixels are")
    return offsets[: kind.n_segments], counts[: kind.n_segments]


def plain_offset(page: Directory, kind: PageKind) -> int:
    """Return the byte at which the pixels of a plain page start; -1 if they are scattered."""
    offsets = page.offsets(STRIP_OFFSETS)
    if not len(offsets):
        raise DamagedTiff("a page does not say where its pixels are")
    if len(offsets) > 1:
        offsets, counts = read_segments(page, kind)
        ends = offsets + counts
        if counts.sum() != kind.image_bytes or (ends[:-1] != offsets[1:]).any():
            return -1
    return int(offsets[0])
