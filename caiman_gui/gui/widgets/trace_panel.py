"""Traces of pixels that are clicked and regions that are drawn on movies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from caiman_gui.app.frames import SOURCES
from caiman_gui.app.region_traces import RegionTraces
from caiman_gui.gui.widgets.region_tools import RegionTools
from caiman_gui.gui.widgets.trace_strip import TraceStrip

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.app.context import AppContext
    from caiman_gui.app.selection import Selection
    from caiman_gui.gui.time_scale import TimeScale
    from caiman_gui.gui.widgets.movie_view import MovieView

#: Number of the clicked pixel among the regions of a movie.
_PIXEL = 0
_Key = tuple[int, int]


class TracePanel(QWidget):
    """Reads and shows the traces of places chosen on one or several movies.

    Hidden until there is something to show.

    Parameters
    ----------
    ctx : AppContext
    selection : Selection
        Whose frame the line is at, and which a click moves.

    Signals
    -------
    toolTaken
        One of the drawing tools was taken into the hand.
    """

    toolTaken = Signal()

    def __init__(self, ctx: AppContext, selection: Selection) -> None:
        super().__init__()
        self._movies: list[MovieView] = []
        self._pixels: dict[int, tuple[int, int]] = {}
        self._shares: dict[Any, float] = {}
        self.tools: list[RegionTools] = []
        self.strip = TraceStrip()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.strip)
        self.reader = RegionTraces(ctx.tasks, ctx.frames, self)
        self.reader.traceChanged.connect(self._on_trace)
        self.reader.progressed.connect(self._on_progress)
        self.reader.ended.connect(self._on_ended)
        self.reader.failed.connect(ctx.reporter.report)
        self.strip.frameChosen.connect(selection.set_frame)
        self.strip.stopRequested.connect(self.reader.cancel_all)
        self.strip.closeRequested.connect(self.clear)
        selection.frameChanged.connect(self.strip.set_frame)
        self.hide()

    def attach(self, movie: MovieView) -> RegionTools:
        """Let places be chosen on a movie; returns its tools."""
        index = len(self._movies)
        tools = RegionTools(movie.view, 2 * index)
        self._movies.append(movie)
        self.tools.append(tools)
        movie.view.clicked.connect(partial(self._on_clicked, index))
        movie.sourceSwitched.connect(partial(self._on_source, index))
        tools.regionChanged.connect(partial(self._on_region, index))
        tools.regionRemoved.connect(partial(self._on_removed, index))
        tools.toolTaken.connect(self.toolTaken)
        return tools

    def set_scale(self, scale: TimeScale) -> None:
        """Take other times of the frames."""
        self.strip.set_scale(scale)

    @Slot()
    def clear(self) -> None:
        """Delete all regions, stop reading, and hide."""
        self.reader.cancel_all()
        self._pixels.clear()
        for tools in self.tools:
            tools.clear()
        for key in self.strip.keys:
            self.strip.remove(key)
        self.hide()

    def forget(self, movie: MovieView) -> None:
        """Delete the regions of one movie."""
        index = self._movies.index(movie)
        self.tools[index].clear()
        self._pixels.pop(index, None)
        for key in self.strip.keys:
            if isinstance(key, tuple) and key[0] == index:
                self._forget((index, key[1]))

    def put_away(self) -> None:
        """Draw no more."""
        for tools in self.tools:
            tools.put_away()

    # ---------------------------------------------------------------- reading
    def _read(self, key: _Key) -> None:
        index, number = key
        movie, tools = self._movies[index], self.tools[index]
        image = movie.view.image
        if image is None:
            return
        if number == _PIXEL:
            row, col = self._pixels[index]
            pixels = np.array([row * image.shape[1] + col])
        else:
            pixels = tools.pixels(number)
        if not pixels.size:
            return
        self.strip.set_trace(key, self._name(key), tools.color(number), np.zeros(0, np.float32))
        self.reader.read(key, f"Trace of {self._name(key).lower()}", movie.source, pixels)
        self.show()

    def _name(self, key: _Key) -> str:
        index, number = key
        if number == _PIXEL:
            name = "Pixel {}, {}".format(*self._pixels[index])
        else:
            name = f"Region {number}"
        if len(self._movies) == 1:
            return name
        source = self._movies[index].source
        return f"{name} · {SOURCES.get(source, source)}"

    def _forget(self, key: _Key) -> None:
        self.reader.cancel(key)
        self.strip.remove(key)
        if not self.strip.keys:
            self.hide()

    # -------------------------------------------------------------- reactions
    def _on_clicked(self, index: int, row: int, col: int, _modifiers: object) -> None:
        self._pixels[index] = (row, col)
        self.tools[index].mark_pixel((row, col))
        self._read((index, _PIXEL))

    def _on_region(self, index: int, number: int) -> None:
        self._read((index, number))

    def _on_removed(self, index: int, number: int) -> None:
        self._forget((index, number))

    def _on_source(self, index: int, _source: str) -> None:
        for key in self.strip.keys:
            if isinstance(key, tuple) and key[0] == index:
                self._read(key)

    @Slot(object, object, bool)
    def _on_trace(self, key: _Key, values: NDArray[np.float32], _is_complete: bool) -> None:
        self.strip.set_trace(key, self._name(key), self.tools[key[0]].color(key[1]), values)

    @Slot(object, float)
    def _on_progress(self, key: _Key, share: float) -> None:
        self._shares[key] = share
        self._show_progress()

    @Slot(object)
    def _on_ended(self, key: _Key) -> None:
        self._shares.pop(key, None)
        self._show_progress()

    def _show_progress(self) -> None:
        """Show the share of all that is being read; those that wait have none yet."""
        keys = self.reader.keys
        shares = [self._shares.get(key, 0.0) for key in keys]
        self.strip.set_progress(sum(shares) / len(shares) if shares else None)
