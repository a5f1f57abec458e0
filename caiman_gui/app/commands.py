"""Undoable commands, and the edits of a state that are not the result of a step."""

from __future__ import annotations

import time
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtGui import QUndoCommand

from caiman_gui.project.model import HistoryEntry, ProjectState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from caiman_gui.app.topics import Topic
    from caiman_gui.core.results import Label
    from caiman_gui.params.run import RunParams

#: Edits of the same knob become one undo step unless this much time lies between them.
MERGE_WITHIN_S = 2.0

_VERBS: dict[str | None, str] = {
    "accept": "Accept",
    "reject": "Reject",
    "unsure": "Mark unsure",
    None: "Clear decision on",
}


class SwapState(QUndoCommand):
    """Puts one immutable state in place of another."""

    def __init__(
        self,
        put: Callable[[ProjectState, Topic], None],
        text: str,
        old: ProjectState,
        new: ProjectState,
        topics: Topic,
        merge_id: int = -1,
    ) -> None:
        super().__init__(text)
        self._put = put
        self._old = old
        self._new = new
        self._topics = topics
        self._merge_id = merge_id
        self._when = time.monotonic()

    def id(self) -> int:
        return self._merge_id

    def redo(self) -> None:
        self._put(self._new, self._topics)

    def undo(self) -> None:
        self._put(self._old, self._topics)

    def amend(
        self,
        *,
        old: ProjectState | None = None,
        new: ProjectState | None = None,
        topics: Topic | None = None,
    ) -> None:
        """Lead from or to another state from now on."""
        self._old = old if old is not None else self._old
        self._new = new if new is not None else self._new
        self._topics = self._topics | topics if topics is not None else self._topics

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, SwapState) or other._when - self._when > MERGE_WITHIN_S:
            return False
        self._new = other._new
        self._topics |= other._topics
        self._when = other._when
        return True


def merge_id_of(name: str) -> int:
    """Return a stable, non-negative 31-bit number for the name of a knob."""
    return zlib.crc32(name.encode()) & 0x7FFF_FFFF


def changed_params(old: RunParams, new: RunParams) -> tuple[str, ...]:
    """Return the dotted names of the parameters in which two sets differ."""
    before, after = old.model_dump(), new.model_dump()
    return tuple(
        f"{group}.{name}"
        for group, values in after.items()
        for name, value in values.items()
        if value != before[group][name]
    )


def counted(n: int, noun: str = "component") -> str:
    """Return a number with its noun, such as "3 components"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def label_text(ids: Collection[int], label: Label | None) -> str:
    """Return the name of the undo step of a decision."""
    which = f"#{next(iter(ids))}" if len(ids) == 1 else counted(len(ids))
    return f"{_VERBS[label]} {which}"


def with_labels(state: ProjectState, ids: Collection[int], label: Label | None) -> ProjectState:
    """Return a state in which components are decided by hand, or by nobody (None)."""
    from caiman_gui.core.edits import set_labels

    chosen = tuple(ids)
    return state.with_(
        labels=set_labels(state.labels, chosen, label),
        history=(*state.history, entry(label or "clear", chosen, chosen)),
    )


def entry(action: str, ids_in: tuple[int, ...], ids_out: tuple[int, ...]) -> HistoryEntry:
    """Return the record of a manual edit made now."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return HistoryEntry(action, ids_in, ids_out, when)
