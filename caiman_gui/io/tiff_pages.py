"""Reading the images of TIFF pages: plain ones by large runs, others decoded."""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING, Final

import numpy as np

from caiman_gui.core.parallel import cpu_count, thread_map
from caiman_gui.core.task import NULL_CONTEXT
from caiman_gui.io.plain import PlainFrames
from caiman_gui.io.tiff_index import SCATTERED, PageIndex
from caiman_gui.io.tiff_kind import read_segments
from caiman_gui.io.tiff_spread import Spread, read_spread

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.io.tiff_chain import Chain
    from caiman_gui.io.tiff_decode import PageDecoder
    from caiman_gui.io.tiff_ifd import TiffBytes
    from caiman_gui.io.tiff_kind import PageKind

KIND_NAME: Final = "TIFF file"
_MAX_THREADS = 4
#: Fewer bytes are decoded faster than threads are started.
_PARALLEL_BYTES = 2**20
#: Smaller frames with directories in between are read many at a time.
_LARGE_FRAME_BYTES = 2**17


class TiffPages:
    """The pages of one kind in a file, as images. Thread-safe.

    Parameters
    ----------
    source : TiffBytes
    chain : Chain
    kind : PageKind

    Attributes
    ----------
    index : PageIndex
    dtype : numpy.dtype
        Of the images, in native order.
    """

    def __init__(self, source: TiffBytes, chain: Chain, kind: PageKind) -> None:
        self.source = source
        self.kind = kind
        self.index = PageIndex(source, chain, kind)
        self._lock = threading.Lock()
        self._decoder: PageDecoder | None = None
        self._plain: PlainFrames | None = None
        self._is_closed = False
        self.dtype = kind.dtype
        stored = self.dtype.newbyteorder(source.order)
        pixel_bytes = stored.itemsize * (1 if kind.is_planar else kind.samples)
        self._spread = Spread(stored, pixel_bytes, kind.height, kind.width)
        self._is_direct = stored == self.dtype and pixel_bytes == stored.itemsize
        self._is_plain = kind.is_plain

    def read(self, pages: NDArray[np.int64], sample: int = 0) -> NDArray[np.generic]:
        """Return the images (n, H, W) of pages, of one sample of each pixel, in native order.

        Raises
        ------
        InputError
            If the file ends too early or may not be read.
        DamagedTiff, or any of ``refusals.DAMAGE``
        """
        if not self._is_plain:
            return self._decode(pages, sample)
        offsets = self.index.locate(pages)
        if (offsets == SCATTERED).any():
            return self._decode(pages, sample)
        return self._read_plain(offsets, sample, int(pages[0]) if len(pages) else 0)

    def close(self) -> None:
        """Close the file. Harmless when repeated."""
        with self._lock:
            self._is_closed = True
            self.source.close()
            if self._plain is not None:
                self._plain.close()

    def decoder(self) -> PageDecoder:
        """Return what decodes the pages.

        Raises
        ------
        InputError, DamagedTiff
            If they cannot be decoded.
        """
        from caiman_gui.io.tiff_decode import PageDecoder

        with self._lock:
            if self._decoder is None:
                self._decoder = PageDecoder(self.source.path, self.source, self.kind)
            return self._decoder

    def is_inside(self, page: int) -> bool:
        """Tell whether the file holds all the pixels of a page.

        Raises
        ------
        DamagedTiff
            If the page makes no sense.
        """
        offsets, counts = read_segments(self.index.directory(page), self.kind)
        if self.kind.is_plain and len(counts) == 1:  # some programs write a wrong count
            return int(offsets[0]) + self.kind.image_bytes <= self.source.size
        return bool((offsets + counts <= self.source.size).all())

    def _read_plain(
        self, offsets: NDArray[np.int64], sample: int, first: int
    ) -> NDArray[np.generic]:
        kind, spread = self.kind, self._spread
        images: NDArray[np.generic] = np.empty((len(offsets), kind.height, kind.width), self.dtype)
        if kind.samples > 1:
            step = kind.height * spread.row_bytes if kind.is_planar else spread.dtype.itemsize
            offsets = offsets + sample * step
        if self._is_direct and (
            images.nbytes >= _LARGE_FRAME_BYTES * len(offsets)
            or bool((offsets[1:] - offsets[:-1] == kind.height * spread.row_bytes).all())
        ):
            self._plain_frames().read(offsets, images, first)
        else:
            read_spread(self._plain_frames(), offsets, images, spread, first)
        return images

    def _plain_frames(self) -> PlainFrames:
        with self._lock:
            if self._is_closed:
                raise OSError(errno.EBADF, "it was closed")
            if self._plain is None:
                self._plain = PlainFrames(self.source.path, KIND_NAME, self.index.n_pages)
            return self._plain

    def _decode(self, pages: NDArray[np.int64], sample: int) -> NDArray[np.generic]:
        kind = self.kind
        decoder = self.decoder()
        images: NDArray[np.generic] = np.empty((len(pages), kind.height, kind.width), self.dtype)

        def fill(place: int) -> None:
            image = decoder.decode(self.index.directory(int(pages[place])))
            if kind.samples > 1:
                image = image[sample] if kind.is_planar else image[..., sample]
            images[place] = image

        is_worth_it = len(pages) > 1 and images.nbytes > _PARALLEL_BYTES
        n_threads = min(_MAX_THREADS, cpu_count()) if is_worth_it else 1
        for _ in thread_map(fill, range(len(pages)), n_threads=n_threads, ctx=NULL_CONTEXT):
            pass
        return images
