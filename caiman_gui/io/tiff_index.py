"""Where the pages of one kind and their pixels lie in a TIFF file, looked up as they are needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import numpy as np

from caiman_gui.io.tiff_chain import (
    COUNT,
    DATA,
    DATA_STEP,
    MAX_PAGES,
    TEMPLATE,
    walk,
)
from caiman_gui.io.tiff_ifd import DamagedTiff, Directory
from caiman_gui.io.tiff_kind import plain_offset, read_kind
from caiman_gui.io.tiff_template import UNKNOWN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.tiff_chain import Chain
    from caiman_gui.io.tiff_ifd import TiffBytes
    from caiman_gui.io.tiff_kind import PageKind
    from caiman_gui.io.tiff_template import Template

#: Place of the pixels of a page whose strips lie apart from each other.
SCATTERED: Final = -2
#: Directories that lie closer together are read many at a time.
_DENSE_BYTES = 2**14
_BLOCK_BYTES = 2**18


class _Places:
    """The pages of one kind in a list of all; replaced as a whole, so that threads may read on.

    Attributes
    ----------
    runs, starts : (R, 6), (R,) int64
        As in ``Chain``, and the number of the first page of each.
    data : (n_pages,) int64
        Where the pixels of each page start, once that is sure.
    numbers : (n_pages,) int64
        Places among the pages of all kinds.
    """

    def __init__(self, chain: Chain, kind: PageKind) -> None:
        chosen = np.array([template.kind == kind for template in chain.templates], bool)
        is_mine = chosen[chain.runs[:, TEMPLATE]]
        counts = chain.runs[:, COUNT]
        firsts = (np.cumsum(counts) - counts)[is_mine]
        self.templates: tuple[Template, ...] = chain.templates
        self.runs = chain.runs[is_mine]
        counts = self.runs[:, COUNT]
        self.starts = np.cumsum(counts) - counts
        self.n_pages = int(counts.sum())
        self.numbers = np.repeat(firsts - self.starts, counts) + np.arange(self.n_pages)
        self.data = np.full(self.n_pages, UNKNOWN, np.int64)
        single = counts == 1
        self.data[self.starts[single]] = self.runs[single, DATA]

    def expected(self) -> NDArray[np.int64]:
        """Return where the pixels of each page should start; -1 where only its directory says."""
        within = np.arange(self.n_pages) - np.repeat(self.starts, self.runs[:, COUNT])
        data, step = np.repeat(self.runs[:, [DATA, DATA_STEP]], self.runs[:, COUNT], axis=0).T
        return np.where(data >= 0, data + within * step, UNKNOWN)

    def directory(self, source: TiffBytes, page: int, kind: PageKind) -> Directory | None:
        """Return the tags of a page; None if it is not where it should be."""
        run = int(np.searchsorted(self.starts, page, "right")) - 1
        ifd, step, count, _, _, number = self.runs[run].tolist()
        within = page - int(self.starts[run])
        try:
            found = Directory(source, ifd + within * step)
            if not self.templates[number].matches(found.raw) and read_kind(found) != kind:
                return None
        except DamagedTiff:
            return None
        is_linked = found.next == found.offset + step or within == count - 1
        return found if is_linked else None


class PageIndex:
    """Finds pages and their pixels. Thread-safe.

    Pages that were jumped over when the file was opened are compared with what was expected when
    they are asked for. One that is not there makes the whole list be visited once, page by page.

    Parameters
    ----------
    source : TiffBytes
    chain : Chain
    kind : PageKind
        Pages of other kinds are left out.
    """

    def __init__(self, source: TiffBytes, chain: Chain, kind: PageKind) -> None:
        self._source = source
        self._kind = kind
        self._lock = threading.Lock()
        self._places = _Places(chain, kind)
        self._steps: NDArray[np.int64] | None = None
        self._is_exact = False
        self._damage = ""

    @property
    def n_pages(self) -> int:
        """Number of images."""
        return self._places.n_pages if self._steps is None else len(self._steps)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Places of the pages among the pages of all kinds, (n_pages,)."""
        return self._places.numbers

    def use_steps(self, n_images: int, first: int, step: int) -> None:
        """Take images that lie at equal steps, whether they have directories or not.

        Raises
        ------
        DamagedTiff
            If they are too many to be true.
        """
        if n_images > MAX_PAGES:
            raise DamagedTiff(f"it claims {n_images} frames")
        self._steps = first + step * np.arange(n_images, dtype=np.int64)

    def expected(self) -> NDArray[np.int64]:
        """Return where the pixels of each page should start, (n_pages,); -1: not known."""
        return self._steps if self._steps is not None else self._places.expected()

    def directory(self, page: int) -> Directory:
        """Return the tags of a page.

        Raises
        ------
        DamagedTiff
            If it is not there.
        """
        if page >= self._places.n_pages:
            raise DamagedTiff(f"image {page + 1} has no directory of its own")
        found = self._places.directory(self._source, page, self._kind)
        if found is None:
            self._visit_all()
            found = self._places.directory(self._source, page, self._kind)
        if found is None:
            raise DamagedTiff(f"page {page + 1} makes no sense")
        return found

    def locate(self, pages: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where the pixels of plain pages start, or ``SCATTERED``.

        Raises
        ------
        DamagedTiff
            If a page is not there.
        """
        if self._steps is not None:
            return self._steps[pages]
        places = self._places
        found = places.data[pages]
        if not (found == UNKNOWN).any():
            return found
        for page in pages[found == UNKNOWN].tolist():
            if places.data[page] != UNKNOWN or self._find(places, page, int(pages[-1]) + 1):
                continue
            if places is not self._visit_all():
                return self.locate(pages)
            raise DamagedTiff(f"page {page + 1} makes no sense")
        return places.data[pages]

    def _find(self, places: _Places, page: int, stop: int) -> bool:
        """Look up a page and those after it in its run, up to ``stop``; False if one is odd."""
        run = int(np.searchsorted(places.starts, page, "right")) - 1
        ifd, step, count, data, data_step, number = places.runs[run].tolist()
        template, within = places.templates[number], page - int(places.starts[run])
        at, expected = ifd + within * step, data + within * data_step
        if template.is_single_strip and template.length <= step <= _DENSE_BYTES:
            n_pages = min(max(1, _BLOCK_BYTES // step), count - within)
            rows = self._rows(at, step, n_pages, template.length)
            if rows is None or not template.are_regular(rows, at, step, expected, data_step):
                return False
            places.data[page : page + n_pages] = expected + data_step * np.arange(n_pages)
            return True
        for index in range(max(1, min(count - within, stop - page))):
            raw = self._source.read(at, template.length)
            if not template.matches(raw):
                return index > 0 or self._find_slowly(places, page)
            if count > 1 and template.link(raw) != at + step:
                return False
            place = template.data(raw)
            if place != expected and count > 1 and template.is_single_strip:
                return False
            if not template.is_single_strip:
                place = template.strips(self._source, raw)
                if place == UNKNOWN:
                    return index > 0 or self._find_slowly(places, page)
            self._put(places, page + index, place)
            at, expected = at + step, expected + data_step
        return True

    def _rows(self, at: int, step: int, n_rows: int, length: int) -> NDArray[np.uint8] | None:
        """Read the beginnings (n_rows, length) of blocks at equal steps; None if some lack."""
        block = np.frombuffer(self._source.read(at, (n_rows - 1) * step + length), np.uint8)
        if len(block) < (n_rows - 1) * step + length:
            return None
        return np.lib.stride_tricks.as_strided(block, (n_rows, length), (step, 1))

    def _find_slowly(self, places: _Places, page: int) -> bool:
        found = places.directory(self._source, page, self._kind)
        if found is None:
            return False
        place = plain_offset(found, self._kind)
        self._put(places, page, place if place >= 0 else SCATTERED)
        return True

    def _put(self, places: _Places, page: int, place: int) -> None:
        if place + self._kind.image_bytes > self._source.size:
            raise DamagedTiff(f"the pixels of page {page + 1} lie beyond its end")
        places.data[page] = place

    def _visit_all(self) -> _Places:
        """Visit every page, where the list turns out to be less regular than it looked."""
        with self._lock:
            if self._damage:
                raise DamagedTiff(self._damage)
            if not self._is_exact:
                places = _Places(walk(self._source, is_jumping=False), self._kind)
                if places.n_pages != self._places.n_pages:
                    self._damage = (
                        f"its list of pages breaks off after {places.n_pages} of "
                        f"{self._places.n_pages} frames"
                    )
                    raise DamagedTiff(self._damage)
                self._places, self._is_exact = places, True
            return self._places
