"""Which parameters go with a microscope, and what a change of it means in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from caiman_gui.params.run import PRESETS, RunParams, all_specs, preset

if TYPE_CHECKING:
    from caiman_gui.params.base import FieldSpec


def of_microscope(kind: str) -> RunParams:
    """Return the preset of a kind of microscope (``two-photon``, ``one-photon``)."""
    found = (preset(name) for name in PRESETS)
    return next((params for params in found if params.recording.kind == kind), RunParams())


def change_microscope(params: RunParams, kind: str) -> tuple[RunParams, tuple[str, ...]]:
    """Take another microscope, and the parameters that go with it.

    A parameter that the user has set by hand, so that it differs from the old preset, stays.

    Returns
    -------
    params : RunParams
    changes : tuple of str
        What changed besides the microscope, in words: ``Neuron diameter 10 → 13 px``.
    """
    old, new = of_microscope(params.recording.kind), of_microscope(kind)
    values: dict[str, dict[str, Any]] = {"recording": {"kind": kind}}
    changes = []
    for spec in all_specs():
        before, after = _value(old, spec), _value(new, spec)
        if before == after or _value(params, spec) != before or spec.path == "recording.kind":
            continue
        values.setdefault(spec.group, {})[spec.name] = after
        if spec.tier != "hidden":
            unit = f" {spec.unit}" if spec.unit else ""
            changes.append(f"{spec.title} {_word(before)} → {_word(after)}{unit}")
    return params.with_values(values), tuple(changes)


def _value(params: RunParams, spec: FieldSpec) -> Any:
    return getattr(getattr(params, spec.group), spec.name)


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
