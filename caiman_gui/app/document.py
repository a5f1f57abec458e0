"""The open project: one immutable state, one writer, unlimited undo."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoStack

from caiman_gui.app.commands import (
    SwapState,
    changed_params,
    counted,
    label_text,
    merge_id_of,
    with_labels,
)
from caiman_gui.app.topics import Topic
from caiman_gui.params.run import all_specs
from caiman_gui.project.model import ProjectState

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from caiman_gui.core.prepare.regions import Region
    from caiman_gui.core.results import ComponentSet, Decision, Label
    from caiman_gui.params.quality import QualityParams
    from caiman_gui.params.run import RunParams
    from caiman_gui.pipeline.runner import Workspace

__all__ = ["Document", "Topic"]


class Document(QObject):
    """Holds the state of the open project. Everybody may read; only ``edit`` changes it."""

    #: The Topic flags of what changed.
    changed = Signal(object)
    #: Another recording or project was put in place of the old one.
    replaced = Signal()
    saved = Signal()
    pathChanged = Signal(object)
    dirtyChanged = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = ProjectState()
        self._path: Path | None = None
        self._workspace: Workspace | None = None
        self._is_read_only = False
        self._decisions: Mapping[int, Decision] = MappingProxyType({})
        self._decided_for: tuple[
            ComponentSet | None, Mapping[int, Label] | None, QualityParams | None
        ] = (None, None, None)
        self.undo_stack = QUndoStack(self)
        self.undo_stack.cleanChanged.connect(self._on_clean_changed)

    @property
    def state(self) -> ProjectState:
        """The state in force. It never changes in place: hold it as long as wanted."""
        return self._state

    @property
    def path(self) -> Path | None:
        """The project file; None until saved for the first time."""
        return self._path

    @property
    def workspace(self) -> Workspace | None:
        """Where the heavy results lie; None as long as nothing is open."""
        return self._workspace

    @property
    def is_read_only(self) -> bool:
        """Whether the file was written by a newer version and must not be overwritten."""
        return self._is_read_only

    @property
    def is_dirty(self) -> bool:
        """Whether closing now would lose something."""
        return not self.undo_stack.isClean()

    @property
    def decisions(self) -> Mapping[int, Decision]:
        """Id -> decision, computed when components, labels or thresholds have changed."""
        state = self._state
        if state.components is None:
            return MappingProxyType({})
        components, labels, params = self._decided_for
        if not (
            components is state.components
            and labels == state.labels
            and params == state.params.quality
        ):
            is_label = components is state.components and params == state.params.quality
            self._decisions = _decided(state, self._decisions, labels if is_label else None)
            self._decided_for = (state.components, state.labels, state.params.quality)
        return self._decisions

    @property
    def accepted_ids(self) -> tuple[int, ...]:
        """Ids of the accepted components, in order of the components."""
        return tuple(i for i, decision in self.decisions.items() if decision.accepted)

    def edit(self, text: str, new_state: ProjectState, topics: Topic, merge_id: int = -1) -> None:
        """Put a new state in force, as one step that can be undone.

        Parameters
        ----------
        text : str
            Name of the step in the Edit menu.
        new_state : ProjectState
        topics : Topic
            What differs.
        merge_id : int
            Edits in a row with the same number (not -1) become one step.
        """
        if new_state is self._state:
            return
        self.undo_stack.push(SwapState(self._put, text, self._state, new_state, topics, merge_id))

    def amend(self, new_state: ProjectState, topics: Topic) -> None:
        """Put a new state in force as a part of the edit before, with which it is undone.

        For what follows from that edit and is found out by itself: as a step of its own it would
        be found out again, and put back, as soon as it was undone.
        """
        if new_state is self._state:
            return
        stack = self.undo_stack
        before = stack.command(stack.index() - 1) if stack.index() else None
        after = stack.command(stack.index()) if stack.index() < stack.count() else None
        if isinstance(before, SwapState):
            before.amend(new=new_state, topics=topics)
        if isinstance(after, SwapState):
            after.amend(old=new_state, topics=topics)
        self._put(new_state, topics)

    def reset(
        self,
        state: ProjectState,
        path: Path | None,
        workspace: Workspace | None,
        *,
        is_clean: bool = True,
        is_read_only: bool = False,
    ) -> None:
        """Begin anew with another project. Nothing of the old one can be undone."""
        self.undo_stack.clear()
        if not is_clean:
            self.undo_stack.resetClean()
        self._workspace = workspace
        self._is_read_only = is_read_only
        self._set_path(path)
        self._put(state, Topic.ALL)
        self.replaced.emit()

    def mark_saved(self, state: ProjectState, path: Path, workspace: Workspace) -> None:
        """Note that a state was written. Edits made meanwhile leave the document dirty."""
        self._workspace = workspace
        self._is_read_only = False
        self._set_path(path)
        if state is self._state:
            self.undo_stack.setClean()
        self.saved.emit()

    def require_usable(self, params: RunParams) -> None:
        """Refuse parameters that leave nothing of the open recording, with a DataError."""
        _ = self._state.with_(params=params).shape

    def set_params(self, params: RunParams, text: str = "") -> None:
        """Change parameters; moving one knob several times in a row is one step of undo."""
        names = changed_params(self._state.params, params)
        if not names:
            return
        topics = Topic.PARAMS | Topic.STEPS
        if any(name.startswith("quality.") for name in names):
            topics |= Topic.LABELS
        if any(name.startswith(("recording.", "prepare.", "raw.")) for name in names):
            topics |= Topic.RECORDING
        new = self._state.with_params(params)
        if new.motion is not self._state.motion or new.components is not self._state.components:
            topics |= Topic.MOTION | Topic.SUMMARY | Topic.COMPONENTS | Topic.LABELS
        self.edit(
            text or _params_text(names),
            new,
            topics,
            merge_id_of(names[0]) if len(names) == 1 else -1,
        )

    def set_labels(self, ids: Collection[int], label: Label | None) -> None:
        """Decide on components by hand; None leaves them to the thresholds again."""
        labels = self._state.labels
        changing = [i for i in ids if labels.get(i) != label]
        if changing:
            state = with_labels(self._state, changing, label)
            self.edit(label_text(changing, label), state, Topic.LABELS)

    def set_regions(self, regions: tuple[Region, ...], text: str) -> None:
        """Change the regions drawn on the image."""
        if regions != self._state.regions:
            state = self._state.with_(regions=regions)
            self.edit(text, state, Topic.RECORDING | Topic.STEPS)

    def delete_components(self, ids: Collection[int]) -> None:
        """Remove components for good (until undone)."""
        existing = set(self._state.components.ids if self._state.components is not None else ())
        gone = [i for i in ids if i in existing]
        if gone:
            from caiman_gui.pipeline.edits import delete_components

            self.edit(
                f"Delete {counted(len(gone))}",
                delete_components(self._state, gone),
                Topic.COMPONENTS | Topic.LABELS,
            )

    def _put(self, state: ProjectState, topics: Topic) -> None:
        self._state = state
        self.changed.emit(topics)

    def _set_path(self, path: Path | None) -> None:
        if path != self._path:
            self._path = path
            self.pathChanged.emit(path)

    @Slot(bool)
    def _on_clean_changed(self, is_clean: bool) -> None:
        self.dirtyChanged.emit(not is_clean)


def _decided(
    state: ProjectState, known: Mapping[int, Decision], labels: Mapping[int, Label] | None
) -> Mapping[int, Decision]:
    """Decide anew: where only labels have changed (``labels``: the old ones), only on those."""
    from caiman_gui.core.quality import decide

    assert state.components is not None
    changing = state.components
    if labels is not None:
        new = state.labels
        ids = {i for i in {*labels, *new} if labels.get(i) != new.get(i)}
        changing = replace(changing, items=tuple(i for i in changing.items if i.id in ids))
    found = decide(changing, params=state.params.quality, labels=state.labels)
    return MappingProxyType(found if labels is None else {**known, **found})


def _params_text(names: tuple[str, ...]) -> str:
    if len(names) > 1:
        return "Change parameters"
    titles = {spec.path: spec.title for spec in all_specs()}
    title = titles.get(names[0], names[0])
    return f"Change {title[0].lower()}{title[1:]}"
