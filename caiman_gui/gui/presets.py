"""Which parameters go with a kind of recording, and what a change of it means in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from caiman_gui.params.run import PRESET_TITLES, PRESETS, RunParams, all_specs, preset

if TYPE_CHECKING:
    from caiman_gui.params.base import FieldSpec


def title(name: str) -> str:
    """Return what a preset is called."""
    return PRESET_TITLES[name]


def fitting(params: RunParams) -> str | None:
    """Return the preset whose values these parameters have; None if they are the user's own."""
    for name in PRESETS:
        found = preset(name)
        if all(_value(found, spec) == _value(params, spec) for spec in _linked()):
            return name
    return None


def take_preset(params: RunParams, name: str) -> tuple[RunParams, tuple[str, ...]]:
    """Take every value of a preset; parameters that no preset speaks of stay.

    Returns
    -------
    params : RunParams
    changes : tuple of str
        What changed, in words: ``Neuron diameter 10 → 13 px``.
    """
    new = preset(name)
    values: dict[str, dict[str, Any]] = {}
    changes = []
    for spec in _linked():
        before, after = _value(params, spec), _value(new, spec)
        if before == after:
            continue
        values.setdefault(spec.group, {})[spec.name] = after
        if spec.tier != "hidden":
            changes.append(_change(spec, before, after))
    return params.with_values(values), tuple(changes)


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
            changes.append(_change(spec, before, after))
    return params.with_values(values), tuple(changes)


def _linked() -> list[FieldSpec]:
    """Parameters that at least one preset speaks of."""
    named = {
        f"{group}.{name}"
        for groups in PRESETS.values()
        for group, fields in groups.items()
        for name in fields
    }
    return [spec for spec in all_specs() if spec.path in named]


def _change(spec: FieldSpec, before: Any, after: Any) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    if before is None or after is None:  # only one of them is a number
        return f"{spec.title} {_word(spec, before, unit)} → {_word(spec, after, unit)}"
    return f"{spec.title} {_word(spec, before)} → {_word(spec, after, unit)}"


def _value(params: RunParams, spec: FieldSpec) -> Any:
    return getattr(getattr(params, spec.group), spec.name)


def _word(spec: FieldSpec, value: Any, unit: str = "") -> str:
    if value is None:
        return "automatic"
    if str(value) in spec.labels:
        return spec.labels[str(value)] + unit
    return (f"{value:g}" if isinstance(value, float) else str(value)) + unit
