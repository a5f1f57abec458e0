"""The list of pages of a TIFF file, found without visiting each where they lie at equal steps.

Every page names the place of the next one, so that a list can only be followed from its beginning:
100,000 reads for a long recording, before its first frame is shown. But acquisition programs write
page after page in the same way. Once three pages follow each other at equal distances, the walk
jumps ahead by as many steps as it dares, and goes on only from a place where it finds the page
that must be there: with the same tags, pixels and successor at the expected places. What lies
between is checked when it is read (``tiff_pages``).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.io.tiff_ifd import DamagedTiff, Directory
from caiman_gui.io.tiff_kind import plain_offset, read_kind
from caiman_gui.io.tiff_template import UNKNOWN, Template

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.tiff_ifd import TiffBytes

#: Columns of a run of pages: place of its first directory and their distance, number of pages,
#: place of the first pixels (-1: not known) and their distance, number of the template.
IFD, IFD_STEP, COUNT, DATA, DATA_STEP, TEMPLATE = range(6)
#: Templates that are tried before a directory is read tag by tag.
_N_RECENT = 4
#: A list of more pages is a damaged one.
MAX_PAGES = 2**24


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """The pages of a file in their order.

    Attributes
    ----------
    runs : (R, 6) int64
        Pages at equal steps, or single ones; for the columns see ``IFD`` and the following names.
    templates : tuple of Template
    is_cut : bool
        Whether the list ends at a place where there is no page, instead of at its end mark.
    """

    runs: NDArray[np.int64]
    templates: tuple[Template, ...]
    is_cut: bool

    @property
    def n_pages(self) -> int:
        """Pages of all kinds."""
        return int(self.runs[:, COUNT].sum())


def walk(source: TiffBytes, *, is_jumping: bool = True) -> Chain:
    """Follow the list of pages to its end.

    Parameters
    ----------
    source : TiffBytes
    is_jumping : bool
        False visits every page, as a list that turns out to be irregular needs it.

    Raises
    ------
    DamagedTiff
        If there is no first page.
    """
    return _Walk(source).follow(is_jumping)


class _Walk:
    def __init__(self, source: TiffBytes) -> None:
        self._source = source
        self._templates: list[Template] = []
        self._known: dict[object, int] = {}
        self._rows = array("q")
        self._guess = 512
        self._n_pages = 0
        self._top = 0
        self._jumped: list[range] = []

    def follow(self, is_jumping: bool) -> Chain:
        if not 0 < self._source.first < self._source.size:
            beyond = self._source.first > self._source.size
            raise DamagedTiff(
                "its list of pages lies beyond its end" if beyond else "it holds no image"
            )
        at, is_cut, seen, last = self._source.first, False, set[int](), [(0, 0, -1)] * 3
        patience, waited = 1, 0
        while at:
            is_circle = at in seen or (at <= self._top and self._was_jumped_over(at))
            found = None if is_circle or self._n_pages > MAX_PAGES else self._visit(at)
            if found is None:
                is_cut = True
                break
            seen.add(at)
            template, data, link = found
            self._add(at, 0, 1, data, 0, template)
            last = [*last[1:], (at, data, template)]
            waited += 1
            step = _equal_step(last) if is_jumping and waited >= patience else None
            at = link
            if step is None or link != last[-1][0] + step[0]:
                continue
            waited, n_jumped = 0, self._jump(link, *step, last[-1])
            patience = 1 if n_jumped else 2 * patience
            if n_jumped:
                self._add(link, step[0], n_jumped, data + step[1], step[1], template)
                at = link + n_jumped * step[0]
                seen.add(at - step[0])
        runs = np.frombuffer(self._rows, np.int64).reshape(-1, 6).copy()
        return Chain(runs, tuple(self._templates), is_cut)

    def _add(self, *row: int) -> None:
        self._rows.extend(row)
        self._n_pages += row[COUNT]
        at, step, n_pages = row[IFD], row[IFD_STEP], row[COUNT]
        self._top = max(self._top, at, at + (n_pages - 1) * step)
        if n_pages > 1:
            self._jumped.append(range(at, at + n_pages * step, step))

    def _was_jumped_over(self, at: int) -> bool:
        return any(at in places for places in self._jumped)

    def _visit(self, at: int) -> tuple[int, int, int] | None:
        """Return template, place of the pixels and of the next page; None if there is no page."""
        raw = self._source.read(at, self._guess)
        for number in range(len(self._templates) - 1, -1, -1)[:_N_RECENT]:
            template = self._templates[number]
            if template.matches(raw):
                return number, template.data(raw), template.link(raw)
        try:
            page = Directory(self._source, at)
            template = Template(page, read_kind(page))
            data = template.data(page.raw)
            if data < 0 and template.kind.is_plain:
                data = plain_offset(page, template.kind)
        except DamagedTiff:
            if self._n_pages == 0:
                raise
            return None
        number = self._known.setdefault(template.key, len(self._templates))
        if number == len(self._templates):
            self._templates.append(template)
        self._guess = max(self._guess, template.length)
        return number, data, page.next

    def _jump(self, at: int, step: int, data_step: int, last: tuple[int, int, int]) -> int:
        """Return how many pages from ``at`` on are found at equal steps."""
        template = self._templates[last[2]]
        data = last[1] + data_step if last[1] >= 0 else UNKNOWN
        if abs(step) < template.length:
            return 0
        limit = (self._source.size - at) // step + 1 if step > 0 else at // -step + 1

        def is_there(n: int) -> bool:
            """Tell whether page ``n`` of the run, from 0, is there and followed by another."""
            place = at + n * step
            raw = self._source.read(place, template.length)
            if not template.matches(raw) or template.link(raw) != place + step:
                return False
            return not template.is_single_strip or template.data(raw) == data + n * data_step

        n_found, ahead, is_growing = 0, 1, True
        while ahead:
            wanted = n_found + ahead
            if wanted <= min(limit, MAX_PAGES) and is_there(wanted - 1):
                n_found = wanted
            else:
                is_growing = False
            ahead = ahead * 2 if is_growing else ahead // 2
        return n_found


def _equal_step(last: list[tuple[int, int, int]]) -> tuple[int, int] | None:
    """Return the steps between the directories and the pixels of three pages, if they are equal."""
    (at0, data0, first), (at1, data1, second), (at2, data2, third) = last
    if first < 0 or not first == second == third or at2 - at1 != at1 - at0:
        return None
    if data2 - data1 != data1 - data0:
        return None
    return at2 - at1, data2 - data1
