"""One image: zoom, pan, contrast, colour map, and what lies under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.color_maps import lookup_table
from caiman_gui.gui.widgets.frame_item import FrameItem
from caiman_gui.gui.widgets.view_link import ViewLink

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QResizeEvent

#: Percentiles of automatic contrast: a few hot or dead pixels must not decide it.
CONTRAST_PERCENTILES = (1.0, 99.5)
#: Pixels looked at to find the contrast.
_CONTRAST_SAMPLE = 65_536


def contrast_limits(image: NDArray[Any]) -> tuple[float, float]:
    """Return (low, high) display levels of an image from its percentiles, low < high.

    Pixels of exactly zero are left out: they are borders without data, or dark enough.
    """
    step = max(1, int(np.sqrt(image.size / _CONTRAST_SAMPLE)))
    sample = np.asarray(image[::step, ::step], dtype=np.float32)
    sample = sample[np.isfinite(sample)]
    sample = sample[sample != 0]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(sample, CONTRAST_PERCENTILES))
    if high <= low:
        low, high = float(sample.min()), float(sample.max())
    return (low, high) if high > low else (low, low + 1.0)


class _ImageBox(pg.ViewBox):  # type: ignore[misc]
    """A view box whose double click shows everything and which has no menu."""

    def __init__(self) -> None:
        super().__init__(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0.02)

    def mouseDoubleClickEvent(self, event: Any) -> None:
        self.autoRange()
        event.accept()


class ImageView(pg.GraphicsView):  # type: ignore[misc]
    """An image (H, W), row-major, pixels square.

    Wheel zooms around the pointer, drag pans, double click shows all.

    Attributes
    ----------
    view : pyqtgraph.ViewBox
        In image coordinates, x = column, y = row; layers are added with ``view.addItem``.
    image_item : FrameItem

    Signals
    -------
    hovered : row, column, value
        The pointer is over this pixel; also when its value changes under a resting pointer.
    left
    clicked : row, column, keyboard modifiers
    levelsChanged : low, high
    lookChanged
        Colour map, gamma, or whether saturated pixels are marked.
    imageShown
        Another image, or none.
    """

    hovered = Signal(int, int, float)  # row, column, value
    left = Signal()
    clicked = Signal(int, int, object)  # row, column, keyboard modifiers
    levelsChanged = Signal(float, float)
    lookChanged = Signal()
    imageShown = Signal()

    def __init__(
        self, title: str = "", color_map: str = "grey", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent=parent, useOpenGL=False, background=theme.current().image)
        self.view = _ImageBox()
        self.setCentralItem(self.view)
        self.image_item = FrameItem()
        self.view.addItem(self.image_item)
        self._image: NDArray[Any] | None = None
        self._levels: tuple[float, float] | None = None
        self._gamma = 1.0
        self._saturation: float | None = None
        self._marks_saturated = False
        self._pointed: tuple[int, int] | None = None
        self._link: ViewLink | None = None
        self._title = theme.label(title, "overlay")
        self._title.setParent(self)
        self._title.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._title.move(8, 8)
        self._readout = theme.label("", "overlay")
        self._readout.setParent(self)
        self._readout.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._readout.hide()
        self.setMinimumSize(160, 120)
        self.setAccessibleName(title or "Image")
        self.view.sigRangeChanged.connect(self._on_range)
        self.scene().sigMouseMoved.connect(self._on_moved)
        self.scene().sigMouseClicked.connect(self._on_clicked)
        self.set_color_map(color_map)
        self.set_title(title)

    # ------------------------------------------------------------------ image
    @property
    def image(self) -> NDArray[Any] | None:
        """The image shown, or None."""
        return self._image

    def set_image(self, image: NDArray[Any] | None, auto_levels: bool = True) -> None:
        """Show an image (H, W); None clears the view.

        Parameters
        ----------
        auto_levels : bool
            Take the contrast from this image; otherwise it stays as it is.
        """
        old_shape = None if self._image is None else self._image.shape
        self._image = image
        if image is None:
            self.image_item.clear()
            self._hide_readout()
            self.imageShown.emit()
            return
        if auto_levels or self._levels is None:
            self.set_levels(*contrast_limits(image), redraw=False)
        self.image_item.setImage(image, autoLevels=False, levels=self._levels)
        if image.shape != old_shape:
            self._show_saturated()
            self.reset_view()
        if self._pointed is not None:
            self._show_readout(self._pointed)
        self.imageShown.emit()

    @property
    def levels(self) -> tuple[float, float]:
        """(low, high): the values shown as black and as white."""
        return self._levels or (0.0, 1.0)

    def set_levels(self, low: float, high: float, *, redraw: bool = True) -> None:
        """Set the values shown as black and as white."""
        if high <= low:
            high = low + max(abs(low) * 1e-6, 1e-6)
        if (low, high) == self._levels:
            return
        self._levels = (float(low), float(high))
        if redraw and self._image is not None:
            self.image_item.setLevels(self._levels)
        self.levelsChanged.emit(*self._levels)

    def auto_levels(self) -> None:
        """Take the contrast from the image shown."""
        if self._image is not None:
            self.set_levels(*contrast_limits(self._image))

    def full_range(self) -> None:
        """Show everything from the lowest to the highest value of the image shown."""
        if self._image is None:
            return
        values = self._image[np.isfinite(self._image)]
        if values.size:
            self.set_levels(float(values.min()), float(values.max()))

    def set_color_map(self, name: str) -> None:
        """Choose one of COLOR_MAPS."""
        self._color_map = name
        self._show_colors()

    @property
    def color_map(self) -> str:
        """Name of the colour map."""
        return self._color_map

    @property
    def gamma(self) -> float:
        """Exponent of the brightness; below 1 dark pixels are lifted."""
        return self._gamma

    def set_gamma(self, gamma: float) -> None:
        """Set the exponent of the brightness."""
        self._gamma = float(gamma)
        self._show_colors()

    @property
    def saturation(self) -> float | None:
        """Value from which a pixel counts as saturated: as set, else the highest of its type."""
        if self._saturation is not None or self._image is None:
            return self._saturation
        kind = self._image.dtype
        return float(np.iinfo(kind).max) if kind.kind in "iu" else None

    def set_saturation(self, value: float | None) -> None:
        """Tell from which value pixels are saturated, where it is not the end of their type."""
        self._saturation = value
        self._show_saturated()

    @property
    def marks_saturated(self) -> bool:
        """Whether saturated pixels are shown in red."""
        return self._marks_saturated

    def mark_saturated(self, is_marked: bool) -> None:
        """Show saturated pixels in red, or like the others."""
        self._marks_saturated = is_marked
        self._show_saturated()
        self.lookChanged.emit()

    def _show_colors(self) -> None:
        self.image_item.setLookupTable(lookup_table(self._color_map, self._gamma))
        self.lookChanged.emit()

    def _show_saturated(self) -> None:
        self.image_item.mark_saturated(self.saturation if self._marks_saturated else None)

    # ------------------------------------------------------------------- view
    def set_title(self, text: str) -> None:
        """Show a title over the top left corner; empty hides it."""
        self._title.setText(text)
        self._title.adjustSize()
        self._title.setVisible(bool(text))
        self._title.raise_()

    def title(self) -> str:
        """Return the title."""
        return self._title.text()

    def reset_view(self) -> None:
        """Show the whole image."""
        self.view.autoRange()

    def link_to(self, other: ImageView) -> None:
        """Share zoom and position with another view and those it is linked to already."""
        if other._link is None:
            other._link = ViewLink()
            other._link.add(other)
        self._link = other._link
        self._link.add(self)

    def center_on(self, row: float, col: float, size_px: float) -> None:
        """Show ``size_px`` pixels around a point (row, column)."""
        half = size_px / 2
        self.view.setRange(
            xRange=(col - half, col + half), yRange=(row - half, row + half), padding=0
        )

    def apply_theme(self, colors: theme.Theme) -> None:
        """Take the colours of a theme."""
        self.setBackground(QColor(colors.image))

    def close(self) -> bool:
        """Close like any widget: pyqtgraph would take the scene apart and can crash at that."""
        return QWidget.close(self)

    # ----------------------------------------------------------------- events
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # The first resize is the first time that the view knows its size.
        if event is not None and not event.oldSize().isValid() and self._image is not None:
            self.reset_view()

    def _on_range(self) -> None:
        if self._link is not None:
            self._link.moved(self)

    def _pixel(self, scene_position: QPointF) -> tuple[int, int] | None:
        if self._image is None:
            return None
        point = self.view.mapSceneToView(scene_position)
        row, col = int(np.floor(point.y())), int(np.floor(point.x()))
        height, width = self._image.shape[:2]
        return (row, col) if 0 <= row < height and 0 <= col < width else None

    def _on_moved(self, scene_position: QPointF) -> None:
        self._pointed = self._pixel(scene_position)
        if self._pointed is None:
            self._hide_readout()
        else:
            self._show_readout(self._pointed)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hide_readout()

    def _hide_readout(self) -> None:
        self._pointed = None
        self._readout.hide()
        self.left.emit()

    def _show_readout(self, pixel: tuple[int, int]) -> None:
        if self._image is None or any(
            p >= n for p, n in zip(pixel, self._image.shape, strict=False)
        ):
            self._hide_readout()
            return
        value = float(self._image[pixel])
        self._readout.setText(f"row {pixel[0]}, column {pixel[1]}: {value:.4g}")
        self._readout.adjustSize()
        self._readout.move(8, self.height() - self._readout.height() - 8)
        self._readout.show()
        self.hovered.emit(*pixel, value)

    def _on_clicked(self, event: Any) -> None:
        if event.button() != Qt.MouseButton.LeftButton or event.double():
            return
        pixel = self._pixel(event.scenePos())
        if pixel is not None:
            self.clicked.emit(*pixel, event.modifiers())
