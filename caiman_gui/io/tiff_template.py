"""How the directory of a TIFF page looks, so that others that look the same are read at once."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from caiman_gui.io.tiff_kind import KIND_TAGS, STRIP_COUNTS, STRIP_OFFSETS, plain_offset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.tiff_ifd import Directory, TiffBytes
    from caiman_gui.io.tiff_kind import PageKind

UNKNOWN: Final = -1
_OFFSET_TYPES = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
#: Lists of strips that lie further apart are read on their own.
_MAX_LIST_BYTES = 2**16


@dataclass(frozen=True, slots=True, eq=False)
class _Strips:
    """Lists of strips that follow each other, alike in all pages but for where they begin."""

    offsets_at: int
    counts_at: int
    counts: bytes
    relative: NDArray[np.generic]


class Template:
    """What the directories of similar pages have in common, and where they differ.

    Parameters
    ----------
    page : Directory
    kind : PageKind

    Attributes
    ----------
    length : int
        Bytes of the directory.
    is_single_strip : bool
        Whether the directory itself says where the pixels are.
    key : hashable
        Equal for templates that are the same.
    """

    def __init__(self, page: Directory, kind: PageKind) -> None:
        self.kind = kind
        self.length = len(page.raw)
        self._link = page.source.link
        self._link_at = self.length - self._link.size
        code, n_strips, at = page.entries.get(STRIP_OFFSETS, (0, 0, 0))
        is_plain = kind.is_plain and code in _OFFSET_TYPES
        self.is_single_strip = is_plain and n_strips == 1
        self._data: tuple[struct.Struct, int] | None = None
        if self.is_single_strip:
            self._data = struct.Struct(page.source.order + _OFFSET_TYPES[code]), at
        self._strips = _read_strips(page, kind) if is_plain and n_strips > 1 else None
        fixed = [(0, page.source.count.size)]
        for tag, (_, _, at) in page.entries.items():
            begin = at + page.source.link.size - page.source.entry.size
            if tag in KIND_TAGS and page.is_inline(tag):
                fixed.append((begin, begin + page.source.entry.size))
            elif tag in (STRIP_OFFSETS, STRIP_COUNTS):
                fixed.append((begin, at))
        self._fixed = tuple((a, b, page.raw[a:b]) for a, b in _joined(fixed))
        self.key = (self.length, self.kind, self._fixed)

    def matches(self, raw: bytes) -> bool:
        """Tell whether bytes are the directory of a page of this kind."""
        return len(raw) >= self.length and all(raw[a:b] == same for a, b, same in self._fixed)

    def link(self, raw: bytes) -> int:
        """Return the place of the next directory."""
        return int(self._link.unpack_from(raw, self._link_at)[0])

    def data(self, raw: bytes) -> int:
        """Return the place of the pixels, where the directory itself says it."""
        return int(self._data[0].unpack_from(raw, self._data[1])[0]) if self._data else UNKNOWN

    def strips(self, source: TiffBytes, raw: bytes) -> int:
        """Return the place of the pixels by lists of strips like those of the first page."""
        lists = self._strips
        if lists is None:
            return UNKNOWN
        offsets_at = self._link.unpack_from(raw, lists.offsets_at)[0]
        counts_at = self._link.unpack_from(raw, lists.counts_at)[0]
        begin = min(offsets_at, counts_at)
        end = max(offsets_at + lists.relative.nbytes, counts_at + len(lists.counts))
        if end - begin > _MAX_LIST_BYTES:
            return UNKNOWN
        block = source.read(begin, end - begin)
        counts = block[counts_at - begin : counts_at - begin + len(lists.counts)]
        if len(block) < end - begin or counts != lists.counts:
            return UNKNOWN
        relative = lists.relative
        offsets = np.frombuffer(block, relative.dtype, len(relative), offsets_at - begin)
        return int(offsets[0]) if (offsets - offsets[0] == relative).all() else UNKNOWN

    def are_regular(
        self, raw: NDArray[np.uint8], at: int, step: int, data: int, data_step: int
    ) -> bool:
        """Tell whether directories (n, length) are those of pages at equal steps.

        Parameters
        ----------
        raw : (n, length) uint8
        at, step : int
            Place of the first directory, and the distance of the next.
        data, data_step : int
            The same for their pixels.
        """
        for begin, end, same in self._fixed:
            if (raw[:, begin:end] != np.frombuffer(same, np.uint8)).any():
                return False
        numbers = np.arange(len(raw))
        links = _column(raw, self._link_at, self._link)
        if (links != at + (numbers + 1) * step).any():
            return False
        if self._data is None:
            return False
        places = _column(raw, self._data[1], self._data[0])
        return bool((places == data + numbers * data_step).all())


def _column(raw: NDArray[np.uint8], at: int, form: struct.Struct) -> NDArray[np.int64]:
    """Return the number at one place of each row."""
    order, letter = form.format[0], form.format[1]
    numbers = np.ascontiguousarray(raw[:, at : at + form.size]).view(f"{order}{letter}")
    return numbers.ravel().astype(np.int64)


def _read_strips(page: Directory, kind: PageKind) -> _Strips | None:
    """Return the lists of strips of a page, if its pixels are in one piece."""
    if STRIP_COUNTS not in page or page.is_inline(STRIP_OFFSETS) or page.is_inline(STRIP_COUNTS):
        return None
    offsets = page.array(STRIP_OFFSETS)
    if len(offsets) != kind.n_segments or plain_offset(page, kind) < 0:
        return None
    return _Strips(
        offsets_at=page.entries[STRIP_OFFSETS][2],
        counts_at=page.entries[STRIP_COUNTS][2],
        counts=page.data(STRIP_COUNTS),
        relative=offsets - offsets[0],
    )


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join adjoining spans of bytes."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and joined[-1][1] == begin:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((begin, end))
    return joined
