"""How a result that took its time is put into a state the user went on editing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.app.topics import Topic

if TYPE_CHECKING:
    from caiman_gui.core.results import Component, ComponentSet
    from caiman_gui.project.model import ProjectState

_TOPICS = {
    "prepare": Topic.RECORDING | Topic.STEPS,
    "motion": Topic.MOTION | Topic.STEPS,
    "summary": Topic.SUMMARY | Topic.STEPS,
    "sources": Topic.COMPONENTS | Topic.LABELS | Topic.STEPS,
    "quality": Topic.COMPONENTS | Topic.LABELS | Topic.STEPS,
    "traces": Topic.COMPONENTS | Topic.STEPS,
}


@dataclass(frozen=True, slots=True)
class StepResult:
    """The state with the result in place, what changed, and a word about what was left out."""

    state: ProjectState
    topics: Topic
    note: str = ""


def step_result(name: str, current: ProjectState, new: ProjectState) -> StepResult:
    """Put the result of one step into the current state.

    Parameters and labels stay those of the user; only new components clear the labels.

    Parameters
    ----------
    name : str
        The step.
    current : ProjectState
        What the document holds now.
    new : ProjectState
        What the step made of the state the run began with.
    """
    record = {name: new.steps[name]}
    steps = {**current.steps, **record}
    topics = _TOPICS[name]
    if name == "prepare":
        return StepResult(current.with_(findings=new.findings, steps=steps), topics)
    if name == "motion":
        return StepResult(current.with_(motion=new.motion, steps=steps), topics)
    if name == "summary":
        return StepResult(current.with_(summary=new.summary, steps=steps), topics)
    if name == "sources":
        kept = {k: v for k, v in steps.items() if k not in ("quality", "traces")}
        labels = current.labels if _are_same(current.components, new.components) else {}
        state = current.with_(components=new.components, labels=labels, steps=kept)
        return StepResult(state, topics)
    components, n_missed = _with_updates(current.components, new.components)
    if components is None:
        note = "Its result is not shown, because the components it belongs to are gone."
        return StepResult(current, topics, note)
    note = ""
    if n_missed:
        note = f"{n_missed} of the components were edited meanwhile; run it again for these."
    return StepResult(current.with_(components=components, steps=steps), topics, note)


def merge_result(current: ProjectState, base: ProjectState, new: ProjectState) -> ProjectState:
    """Put merged components into the current state, keeping labels given meanwhile."""
    remaining = set(new.components.ids) if new.components is not None else set()
    labels = {i: label for i, label in current.labels.items() if i in remaining}
    history = (*current.history, *new.history[len(base.history) :])
    return current.with_(components=new.components, labels=labels, history=history)


def _with_updates(
    current: ComponentSet | None, new: ComponentSet | None
) -> tuple[ComponentSet | None, int]:
    """Return the current set with measures and traces of the new one, and how many lack them."""
    if current is None or new is None:
        return None, 0
    by_id = {item.id: item for item in new.items}
    updates = {
        item.id: by_id[item.id]
        for item in current.items
        if item.id in by_id and _is_same_cell(item, by_id[item.id])
    }
    if not updates and len(current):
        return None, 0
    return current.updated(updates), len(current) - len(updates)


def _are_same(old: ComponentSet | None, new: ComponentSet | None) -> bool:
    if old is None or new is None or old.ids != new.ids:
        return False
    return all(_is_same_cell(a, b) for a, b in zip(old.items, new.items, strict=True))


def _is_same_cell(old: Component, new: Component) -> bool:
    if old.pixels is new.pixels and old.weights is new.weights:
        return True
    return np.array_equal(old.pixels, new.pixels) and np.array_equal(old.weights, new.weights)
