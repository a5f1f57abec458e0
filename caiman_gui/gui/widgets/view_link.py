"""Images of one field that are looked at together: same place, same zoom, whatever their size."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from PySide6.QtCore import QRectF

if TYPE_CHECKING:
    from caiman_gui.gui.widgets.image_view import ImageView

#: Share of the field by which two views may differ and still be taken as the same.
_SAME = 1e-6


class ViewLink:
    """Views that follow each other.

    pyqtgraph's own links share edges, which only works for views of one size; here the centre is
    shared, and the share of the field that fits into the view.
    """

    def __init__(self) -> None:
        self._views: WeakSet[ImageView] = WeakSet()
        self._is_busy = False

    def add(self, view: ImageView) -> None:
        """Let a view follow the others, and they it."""
        self._views.add(view)

    def moved(self, source: ImageView) -> None:
        """Let the others go where one has gone."""
        if self._is_busy or source.image is None or not source.isVisible():
            return
        shape = source.image.shape
        place = _place(source.view.viewRect(), shape)
        self._is_busy = True  # what the others say while they follow is nothing new
        try:
            for view in self._views:
                if view is not source and view.image is not None and view.image.shape == shape:
                    _follow(view, place, shape)
        finally:
            self._is_busy = False


def _place(rect: QRectF, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Return centre x, centre y, and how many times the field (H, W) fits into the view."""
    share = min(rect.width() / shape[1], rect.height() / shape[0])
    return rect.center().x(), rect.center().y(), share


def _follow(view: ImageView, place: tuple[float, float, float], shape: tuple[int, ...]) -> None:
    now = _place(view.view.viewRect(), shape)
    if all(abs(a - b) < _SAME * max(shape) for a, b in zip(now, place, strict=True)):
        return
    x, y, share = place
    width, height = share * shape[1], share * shape[0]
    view.view.setRange(QRectF(x - width / 2, y - height / 2, width, height), padding=0)
