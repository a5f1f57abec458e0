"""Outlines of all components over an image, by state, and the current one in white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QColor, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsPathItem

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.contours import outlines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from caiman_gui.core.results import Component, ComponentSet, Decision

State = Literal["accepted", "rejected", "unsure"]
STATES: tuple[State, ...] = ("accepted", "rejected", "unsure")
_DASHES: dict[State, list[float]] = {"accepted": [], "rejected": [4, 3], "unsure": [1, 2]}
#: A click this far from the nearest centre still picks it.
REACH_PX = 12.0
#: The field is divided into so many tiles a side: what changes is drawn again, and no more.
TILES = 5
Key = tuple[State, int]


def state_of(decision: Decision | None) -> State:
    """State a component is drawn and listed in: unsure if the user said so."""
    if decision is None:
        return "accepted"
    if decision.label == "unsure":
        return "unsure"
    return "accepted" if decision.accepted else "rejected"


class PixelIndex:
    """Which components cover a pixel, and which centre is nearest."""

    def __init__(self, components: ComponentSet) -> None:
        self._width = components.fov_shape[1]
        items = components.items
        self._ids = np.array([item.id for item in items], np.int64)
        self._centers = np.array([item.center(self._width) for item in items]).reshape(-1, 2)
        pixels = np.concatenate([item.pixels for item in items] or [np.zeros(0, np.int32)])
        weights = [
            item.weights / (item.weights.max() or 1.0) for item in items if len(item.weights)
        ]
        owners = np.repeat(np.arange(len(items)), [item.pixels.size for item in items])
        order = np.argsort(pixels, kind="stable")
        self._pixels, self._owners = pixels[order], owners[order]
        self._weights = np.concatenate(weights or [np.zeros(0, np.float32)])[order]

    def at(self, row: float, col: float) -> int | None:
        """Id of the component with most weight at a pixel, else of the nearest centre in reach."""
        if not self._ids.size:
            return None
        if 0 <= col < self._width and row >= 0:
            pixel = int(row) * self._width + int(col)
            first, last = np.searchsorted(self._pixels, [pixel, pixel + 1])
            if last > first:
                best = first + int(np.argmax(self._weights[first:last]))
                return int(self._ids[self._owners[best]])
        distances = np.hypot(*(self._centers - (row, col)).T)
        nearest = int(np.argmin(distances))
        return int(self._ids[nearest]) if distances[nearest] <= REACH_PX else None


class FootprintLayer(QObject):
    """Draws outlines into a view box and says which component lies at a point.

    Outlines of one state and tile of the field are one path: few items for the scene, and little
    to draw again when a decision or the current component changes.
    """

    def __init__(self, view_box: pg.ViewBox, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._components: ComponentSet | None = None
        self._states: dict[int, State] = {}
        self._index: PixelIndex | None = None
        self._current: int | None = None
        self._selected: tuple[int, ...] = ()
        self._is_shown = True
        self._shown_states = dict.fromkeys(STATES, True)
        self._box = view_box
        self._by_id: dict[int, Component] = {}
        self._tiles: dict[int, int] = {}
        self._paths: dict[Key, QGraphicsPathItem] = {}
        self._drawn: dict[Key, list[int]] = {}
        self._selected_path = _path_item(view_box, 21)
        self._halo = _path_item(view_box, 22)
        self._current_path = _path_item(view_box, 23)
        style = theme.DARK  # images are dark in the light theme, too
        self._pens = {state: _pen(getattr(style, state), 1.5, _DASHES[state]) for state in STATES}
        self._selected_path.setPen(_pen(style.current, 1.5, [3, 2]))
        self._halo.setPen(_pen(style.halo, 5.0, []))
        self._current_path.setPen(_pen(style.current, 2.0, []))

    def set_components(
        self, components: ComponentSet | None, decisions: Mapping[int, Decision]
    ) -> None:
        """Show a set of components, each in the state its decision gives it."""
        if components is not self._components:
            self._components, self._index = components, None
            items = components.items if components is not None else ()
            self._by_id = {item.id: item for item in items}
            self._tiles = _tiles(components) if components is not None else {}
            self._drawn = {}
        self.set_decisions(decisions)
        self._draw_current()

    def set_decisions(self, decisions: Mapping[int, Decision]) -> None:
        """Move outlines between states; cheap, called on every label and threshold change."""
        self._states = {number: state_of(decisions.get(number)) for number in self._by_id}
        groups: dict[Key, list[int]] = {}
        for number, state in self._states.items():
            groups.setdefault((state, self._tiles[number]), []).append(number)
        for key in {*self._paths, *groups}:
            wanted = groups.get(key, [])
            if self._drawn.get(key) != wanted:
                self._path_item(key).setPath(self._path(wanted))
        self._drawn = groups | {key: [] for key in self._paths if key not in groups}

    def _path_item(self, key: Key) -> QGraphicsPathItem:
        item = self._paths.get(key)
        if item is None:
            item = self._paths[key] = _path_item(self._box, 20)
            item.setPen(self._pens[key[0]])
            item.setVisible(self._is_shown and self._shown_states[key[0]])
        return item

    def set_current(self, component_id: int | None, selected: Iterable[int] = ()) -> None:
        """Mark the current component, and the others of a multiple selection."""
        self._current = component_id
        self._selected = tuple(i for i in selected if i != component_id)
        self._draw_current()

    def set_shown(self, is_shown: bool) -> None:
        """Show or hide all outlines but the current one."""
        self._is_shown = is_shown
        self._update_visibility()

    @property
    def is_shown(self) -> bool:
        """Whether outlines are shown."""
        return self._is_shown

    def set_state_shown(self, state: State, is_shown: bool) -> None:
        """Show or hide the outlines of one state."""
        self._shown_states[state] = is_shown
        self._update_visibility()

    def counts(self) -> dict[State, int]:
        """Return the number of components in each state."""
        values = list(self._states.values())
        return {state: values.count(state) for state in STATES}

    def hit(self, row: float, col: float) -> int | None:
        """Id of the component at a point of the image, or None."""
        if self._components is None:
            return None
        if self._index is None:
            self._index = PixelIndex(self._components)
        return self._index.at(row, col)

    def _update_visibility(self) -> None:
        for (state, _), item in self._paths.items():
            item.setVisible(self._is_shown and self._shown_states[state])

    def _draw_current(self) -> None:
        current = self._path(() if self._current is None else (self._current,))
        self._halo.setPath(current)
        self._current_path.setPath(current)
        self._selected_path.setPath(self._path(self._selected))

    def _path(self, ids: Iterable[int]) -> QPainterPath:
        if self._components is None:
            return QPainterPath()
        chosen = [self._by_id[i] for i in ids if i in self._by_id]
        return to_path(outlines(chosen, self._components.fov_shape[1]))


def _tiles(components: ComponentSet) -> dict[int, int]:
    """Id -> number of the tile in which the centre of the component lies."""
    height, width = components.fov_shape
    out = {}
    for item in components.items:
        row, col = item.center(width)
        y = min(max(int(row * TILES / height), 0), TILES - 1)
        out[item.id] = y * TILES + min(max(int(col * TILES / width), 0), TILES - 1)
    return out


def to_path(points: NDArray[np.float32]) -> QPainterPath:
    """Painter path of polygons (n, 2), each ended by a row of NaN."""
    if not len(points):
        return QPainterPath()
    x, y = points.T.astype(np.float64)
    path: QPainterPath = pg.arrayToQPath(x, y, connect="finite")
    return path


def _path_item(view_box: pg.ViewBox, z: int) -> QGraphicsPathItem:
    item = QGraphicsPathItem()
    item.setZValue(z)
    item.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
    view_box.addItem(item, ignoreBounds=True)
    return item


def _pen(name: str, width: float, dashes: list[float]) -> QPen:
    pen = QPen(QColor(name), width)
    pen.setCosmetic(True)
    if dashes:
        pen.setDashPattern(dashes)
    return pen
