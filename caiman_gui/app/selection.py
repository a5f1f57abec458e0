"""What the user is looking at: shared by all views, never saved, never undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable


class Selection(QObject):
    """The current component, all selected components, and the current frame."""

    #: Id of the current component or None; also emitted when only the others changed.
    componentChanged = Signal(object)
    frameChanged = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ids: tuple[int, ...] = ()
        self._current: int | None = None
        self._frame = 0
        self._n_frames: int | None = None

    @property
    def current_id(self) -> int | None:
        """Id of the component in focus."""
        return self._current

    @property
    def component_ids(self) -> tuple[int, ...]:
        """Ids of all selected components, in the order in which they were selected."""
        return self._ids

    @property
    def frame(self) -> int:
        """Index of the frame shown."""
        return self._frame

    def select(self, component_id: int | None) -> None:
        """Select one component, or none."""
        self.select_many(() if component_id is None else (component_id,))

    def select_many(self, ids: Iterable[int], current: int | None = None) -> None:
        """Select several components; the current one is ``current``, else the last."""
        chosen = tuple(dict.fromkeys(ids))
        if current not in chosen:
            current = chosen[-1] if chosen else None
        if (chosen, current) == (self._ids, self._current):
            return
        self._ids, self._current = chosen, current
        self.componentChanged.emit(current)

    def toggle(self, component_id: int) -> None:
        """Add a component to the selection, or take it out."""
        if component_id in self._ids:
            self.select_many(i for i in self._ids if i != component_id)
        else:
            self.select_many((*self._ids, component_id))

    def set_frame(self, index: int) -> None:
        """Go to a frame; outside of the movie the nearest one is taken."""
        index = max(0, index)
        if self._n_frames is not None:
            index = min(index, max(0, self._n_frames - 1))
        if index != self._frame:
            self._frame = index
            self.frameChanged.emit(index)

    def limit(self, n_frames: int | None, ids: Iterable[int]) -> None:
        """Drop what no longer exists: frames past the end, and components not among ``ids``."""
        self._n_frames = n_frames
        self.set_frame(self._frame)
        existing = set(ids)
        kept = tuple(i for i in self._ids if i in existing)
        self.select_many(kept, self._current)
