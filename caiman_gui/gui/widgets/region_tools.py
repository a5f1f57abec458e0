"""Tools to draw regions on a movie, whose traces are shown below it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.region_item import RegionItem
from caiman_gui.gui.widgets.region_layer import RegionLayer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QKeyEvent

    from caiman_gui.core.prepare.regions import Region
    from caiman_gui.gui.widgets.image_view import ImageView

_TOOLS = (
    ("freehand", "draw", "Draw a region by hand; its mean trace appears below"),
    ("rectangle", "rectangle", "Draw a rectangle; its mean trace appears below"),
    ("ellipse", "ellipse", "Draw an ellipse; its mean trace appears below"),
)
_MARGIN_PX = 8


class RegionTools(QObject):
    """A row of tools in the corner of an image, and the regions drawn with them.

    Parameters
    ----------
    view : ImageView
    first_color : int
        Place in the list of colours to begin with; other images begin elsewhere.

    Signals
    -------
    regionChanged : int
        Number of a region that was drawn, moved or resized.
    regionRemoved : int
    toolTaken
        One of the tools was taken into the hand.
    """

    regionChanged = Signal(int)
    regionRemoved = Signal(int)
    toolTaken = Signal()

    def __init__(self, view: ImageView, first_color: int = 0) -> None:
        super().__init__(view)
        self._view = view
        self._first_color = first_color
        self._items: dict[int, RegionItem] = {}
        self._chosen: int | None = None
        self._next = 1
        self.pen = RegionLayer(view, theme.CATEGORICAL[0])
        self.pen.drawn.connect(self.add)
        self.pixel_mark = pg.ScatterPlotItem(size=13, pxMode=True, symbol="+")
        self.pixel_mark.setZValue(21)
        self.pixel_mark.setPen(pg.mkPen(self.color(0), width=1.5))
        view.view.addItem(self.pixel_mark, ignoreBounds=True)
        self.buttons: dict[str, QToolButton] = {}
        self.bar = self._build_bar(view)
        view.installEventFilter(self)

    def _build_bar(self, view: ImageView) -> QFrame:
        bar = QFrame(view)
        bar.setObjectName("imageTools")
        row = QHBoxLayout(bar)
        row.setContentsMargins(2, 2, 2, 2)
        row.setSpacing(0)
        for name, icon, tip in _TOOLS:
            button = QToolButton()
            button.setCheckable(True)
            theme.set_icon(button, icon, "on_overlay")
            button.setToolTip(tip)
            button.setAccessibleName(tip)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda is_on, n=name: self._on_tool(n, is_on))
            self.buttons[name] = button
            row.addWidget(button)
        return bar

    # ---------------------------------------------------------------- regions
    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the regions, in the order in which they were drawn."""
        return tuple(self._items)

    def color(self, number: int) -> str:
        """Colour of a region; 0 is the single pixel."""
        return theme.CATEGORICAL[(self._first_color + number) % len(theme.CATEGORICAL)]

    def pixels(self, number: int) -> NDArray[np.int64]:
        """Pixels of a region, numbered in C order."""
        image = self._view.image
        assert image is not None
        return self._items[number].pixels((image.shape[0], image.shape[1]))

    def add(self, region: Region) -> int:
        """Show a region and return its number."""
        number, self._next = self._next, self._next + 1
        item = RegionItem(region, self.color(number), str(number))
        item.chosen.connect(partial(self.choose, number))
        item.removeRequested.connect(partial(self.remove, number))
        item.removeAllRequested.connect(self.clear)
        item.sigRegionChangeFinished.connect(partial(self._on_moved, number))
        self._items[number] = item
        self._view.view.addItem(item, ignoreBounds=True)
        self.choose(number)
        self.regionChanged.emit(number)
        return number

    def choose(self, number: int | None) -> None:
        """Let keys act on a region, or on none."""
        self._chosen = number
        for key, item in self._items.items():
            item.set_chosen(key == number)

    def remove(self, number: int) -> None:
        """Delete a region."""
        self._view.view.removeItem(self._items.pop(number))
        if self._chosen == number:
            self.choose(next(reversed(self._items), None))
        self.regionRemoved.emit(number)

    def remove_chosen(self) -> None:
        """Delete the region that was clicked or drawn last."""
        if self._chosen is not None:
            self.remove(self._chosen)

    def clear(self) -> None:
        """Delete all regions and unmark the pixel."""
        for number in self.numbers:
            self.remove(number)
        self._next = 1
        self.mark_pixel(None)

    def mark_pixel(self, pixel: tuple[int, int] | None) -> None:
        """Mark a pixel (row, column), or none."""
        place = [] if pixel is None else [(pixel[1] + 0.5, pixel[0] + 0.5)]
        self.pixel_mark.setData(pos=place)

    # ------------------------------------------------------------------ tools
    def put_away(self) -> None:
        """Draw no more; dragging moves the image again."""
        self._on_tool("", False)

    def _on_tool(self, name: str, is_on: bool) -> None:
        self.pen.set_tool(name if is_on else "")
        for other, button in self.buttons.items():
            button.setChecked(is_on and other == name)
        if is_on:
            self.toolTaken.emit()

    def _on_moved(self, number: int, *_: object) -> None:
        if number in self._items:
            self.regionChanged.emit(number)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind in (QEvent.Type.Resize, QEvent.Type.Show):
            self.bar.adjustSize()
            self.bar.move(self._view.width() - self.bar.width() - _MARGIN_PX, _MARGIN_PX)
        elif kind in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            return self._on_key(event)  # type: ignore[arg-type]
        return False

    def _on_key(self, event: QKeyEvent) -> bool:
        """Take Escape and Delete before the shortcuts around, but only if they mean something."""
        key = event.key()
        if key == Qt.Key.Key_Escape and self.pen.tool:
            act = self.put_away
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and self._chosen is not None:
            act = self.remove_chosen
        else:
            return False
        if event.type() == QEvent.Type.KeyPress:
            act()
        event.accept()
        return True
