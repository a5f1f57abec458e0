"""All parameters of a run, and the presets that set linked ones together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field, ValidationError

from caiman_gui.errors import ParameterError
from caiman_gui.params.base import FieldSpec, ParamModel, field_specs
from caiman_gui.params.motion import MotionParams
from caiman_gui.params.prepare import PrepareParams
from caiman_gui.params.quality import QualityParams
from caiman_gui.params.recording import RawParams, RecordingParams
from caiman_gui.params.sources import SourceParams
from caiman_gui.params.summary import SummaryParams
from caiman_gui.params.traces import TraceParams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

M = TypeVar("M", bound=ParamModel)

GROUPS: dict[str, type[ParamModel]] = {
    "recording": RecordingParams,
    "raw": RawParams,
    "prepare": PrepareParams,
    "motion": MotionParams,
    "summary": SummaryParams,
    "sources": SourceParams,
    "quality": QualityParams,
    "traces": TraceParams,
}

#: What a message tells of a file in which everything is wrong.
_MOST_ERRORS = 3
_MOST_LETTERS = 60

#: Preset -> what to call it.
PRESET_TITLES = {
    "2p": "Two-photon somata",
    "1p": "One-photon miniscope",
    "dendrites": "Dendrites and axons",
}

#: Preset -> values that differ from the defaults, nested by group.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "2p": {},
    "1p": {
        "recording": {"kind": "one-photon", "decay_time_s": 0.6},
        "motion": {"highpass_px": 7.0},
        "sources": {"neuron_diameter_px": 13.0, "background_rank": 4},
    },
    "dendrites": {
        "sources": {"neuron_diameter_px": 5.0, "merge_corr": 0.7},
        "quality": {"rval_thr": 0.7},
    },
}


class RunParams(ParamModel):
    """Parameters of every step, nested by group."""

    recording: RecordingParams = Field(default_factory=RecordingParams)
    raw: RawParams = Field(default_factory=RawParams)
    prepare: PrepareParams = Field(default_factory=PrepareParams)
    motion: MotionParams = Field(default_factory=MotionParams)
    summary: SummaryParams = Field(default_factory=SummaryParams)
    sources: SourceParams = Field(default_factory=SourceParams)
    quality: QualityParams = Field(default_factory=QualityParams)
    traces: TraceParams = Field(default_factory=TraceParams)

    def with_value(self, path: str, value: Any) -> RunParams:
        """Return a copy in which one parameter, named ``group.name``, is changed and checked.

        Raises
        ------
        ParameterError
            If the name is unknown or the value is out of range.
        """
        group, _, name = path.partition(".")
        return self.with_values({group: {name: value}})

    def with_values(self, values: Mapping[str, Mapping[str, Any]]) -> RunParams:
        """Return a copy with several parameters changed, nested by group, all checked at once.

        Raises
        ------
        ParameterError
            Naming the parameter, its value and the limit.
        """
        merged = self.model_dump()
        for group, fields in values.items():
            if group not in merged:
                raise ParameterError(
                    f"Unknown parameter group: {_shortened(group)}",
                    f"The groups are {', '.join(GROUPS)}.",
                    "See 'caiman-gui params' for every parameter.",
                )
            merged[group] = {**merged[group], **fields}
        return validated(RunParams, merged)


def preset(name: str) -> RunParams:
    """Return the parameters of a preset (``2p``, ``1p``, ``dendrites``).

    Raises
    ------
    ParameterError
        If there is no such preset.
    """
    if name not in PRESETS:
        raise ParameterError(
            f"Unknown preset: {name}", f"The presets are {', '.join(PRESETS)}.", ""
        )
    return RunParams().with_values(PRESETS[name])


def all_specs() -> Iterator[FieldSpec]:
    """Yield every parameter of every group, in order."""
    for group, model in GROUPS.items():
        yield from field_specs(model, group)


def validated(model: type[M], values: Mapping[str, Any]) -> M:
    """Build a model from plain values, with our words for what is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        raise ParameterError(
            "A parameter cannot be used", describe_validation(exc), "See 'caiman-gui params'."
        ) from exc


def describe_validation(exc: ValidationError) -> str:
    """One line per wrong parameter: name, value, limit; a few lines at most."""
    lines = []
    for error in exc.errors()[:_MOST_ERRORS]:
        name = _shortened(".".join(str(part) for part in error["loc"]))
        if error["type"] == "extra_forbidden":
            lines.append(f"{name}: there is no such parameter.")
        else:
            why = error["msg"].replace("Input should", "it should")
            lines.append(f"{name} = {_shortened(repr(error['input']))}: {why}.")
    if exc.error_count() > _MOST_ERRORS:
        lines[-1] += f" (and {exc.error_count() - _MOST_ERRORS} more)"
    return "\n".join(lines)


def _shortened(text: str) -> str:
    """Cut what a damaged file may have made very long."""
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}..."
