"""Whether a TIFF file is whole, told when it is opened and not in the middle of a run."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.refusals import damaged, truncated
from caiman_gui.io.tiff_chain import COUNT, TEMPLATE
from caiman_gui.io.tiff_ifd import DamagedTiff
from caiman_gui.io.tiff_pages import KIND_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from caiman_gui.io.tiff_chain import Chain
    from caiman_gui.io.tiff_dialect import Dialect
    from caiman_gui.io.tiff_kind import PageKind
    from caiman_gui.io.tiff_pages import TiffPages

#: What may follow the last image of a file besides its directory.
_TAIL_BYTES = 2**16
#: Where ScanImage up to 4 lost the places of its pages.
_OVERFLOW_BYTES = 2**31
#: A cut-off file lacks the pixels of its last few pages.
_MAX_INCOMPLETE = 1000


def choose_kind(chain: Chain, name: str) -> tuple[PageKind, str]:
    """Choose the pages that make up the largest movie; with a note if there are others."""
    n_pages = np.bincount(chain.runs[:, TEMPLATE], chain.runs[:, COUNT], len(chain.templates))
    sizes: dict[PageKind, int] = {}
    for template, n in zip(chain.templates, n_pages.tolist(), strict=True):
        kind = template.kind
        sizes[kind] = sizes.get(kind, 0) + int(n) * prod(kind.image_shape)
    whole = {kind: size for kind, size in sizes.items() if not kind.is_reduced} or sizes
    chosen = max(whole, key=lambda kind: whole[kind])
    if len(whole) == 1:
        return chosen, ""
    return chosen, (
        f"{name} holds {len(whole)} image series of different kinds; the largest one is used."
    )


def require_complete(pages: TiffPages, chain: Chain, dialect: Dialect) -> Iterator[str]:
    """Refuse a file that ends too early; yield a note where only its description is wrong.

    Images without a directory of their own are counted here.

    Raises
    ------
    InputError
        Saying how many frames are complete.
    """
    path, size, index = pages.source.path, pages.source.size, pages.index
    if chain.is_cut and dialect.format == "ScanImage" and _extend(pages):
        yield (
            f"The list of pages of {path.name} is broken, as ScanImage writes it beyond 2 GB; "
            f"the frames after that are found by their distance."
        )
        return
    declared = max(index.n_pages, dialect.declared)
    expected = index.expected()
    first, image_bytes = int(expected[0]), pages.kind.image_bytes
    n_fitting = (size - first) // image_bytes if first >= 0 else 0
    if index.n_pages == 1 and declared > 1 and dialect.is_contiguous and pages.kind.is_plain:
        if n_fitting >= declared and not chain.is_cut:
            index.use_steps(declared, first, image_bytes)
            return
        if size - first >= 2 * image_bytes + _TAIL_BYTES:
            raise truncated(path, KIND_NAME, min(n_fitting, declared - 1), declared)
    inside = (expected < 0) | (expected + image_bytes <= size)
    if not inside.all():
        raise truncated(path, KIND_NAME, int(np.argmin(inside)), declared)
    n_complete = _count_complete(pages)
    if chain.is_cut and index.n_pages == 1 < declared:
        n_complete = max(n_complete, min(n_fitting, declared - 1))
    if n_complete < index.n_pages or (chain.is_cut and n_complete < declared):
        raise truncated(path, KIND_NAME, n_complete, declared)
    if chain.is_cut:
        raise _cut_off(pages, n_complete)
    if declared > index.n_pages:
        yield (
            f"The description of {path.name} speaks of {declared} images, but the file is "
            f"complete with {index.n_pages}."
        )


def _count_complete(pages: TiffPages) -> int:
    """Count the pages before those at the end whose pixels are missing."""
    n_pages = pages.index.n_pages
    for n_complete in range(n_pages, max(0, n_pages - _MAX_INCOMPLETE), -1):
        try:
            if pages.is_inside(n_complete - 1):
                return n_complete
        except DamagedTiff as exc:
            if n_complete == 1:
                raise damaged(pages.source.path, KIND_NAME, str(exc)) from exc
    return max(0, n_pages - _MAX_INCOMPLETE)


def _extend(pages: TiffPages) -> bool:
    """Find the pages that an overflown list does not name; False if they are not regular."""
    source, expected = pages.source, pages.index.expected()
    if source.is_big or source.size < _OVERFLOW_BYTES or len(expected) < 3:
        return False
    steps = np.diff(expected)
    first, step = int(expected[0]), int(steps[0])
    if (expected < 0).any() or (steps != step).any() or step < pages.kind.image_bytes:
        return False
    n_images = (source.size - pages.kind.image_bytes - first) // step + 1
    pages.index.use_steps(n_images, first, step)
    return True


def _cut_off(pages: TiffPages, n_complete: int) -> InputError:
    usual = truncated(pages.source.path, KIND_NAME, n_complete, n_complete)
    frames = f"{n_complete} frame{'' if n_complete == 1 else 's'}"
    return InputError(
        usual.title,
        f"{pages.source.path}: its list of pages is cut off after {frames}.",
        usual.hint,
    )
