"""Options for every parameter, made from their declarations, and the parameters they give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caiman_gui.errors import ParameterError
from caiman_gui.files import full_path
from caiman_gui.params.caiman_names import read_params_file
from caiman_gui.params.run import GROUPS, PRESETS, RunParams, all_specs, preset

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection

    from caiman_gui.params.base import FieldSpec
    from caiman_gui.project.model import RecordingRef

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
_NONE = {"", "none", "auto"}


@dataclass(frozen=True, slots=True)
class Given:
    """Parameters as typed: those that are clear, and those that wait for the recording.

    Attributes
    ----------
    params : RunParams
        All but the twins.
    twins : tuple of (FieldSpec, float)
        Lengths in µm and durations in s, with the parameter they set.
    notes : tuple of str
        What a parameter file held that could not be taken over.
    """

    params: RunParams
    twins: tuple[tuple[FieldSpec, float], ...] = ()
    notes: tuple[str, ...] = ()


def add_parameter_options(
    parser: argparse.ArgumentParser, groups: Collection[str] = tuple(GROUPS)
) -> None:
    """Add ``--preset``, ``--params`` and one option for each parameter, with its twin."""
    parser.add_argument("--preset", choices=tuple(PRESETS), help="values that belong together")
    parser.add_argument(
        "--params", type=Path, metavar="FILE.json", help="nested by group, or CaImAn's own"
    )
    for group in groups:
        section = parser.add_argument_group(f"{group} parameters")
        for spec in all_specs():
            if spec.group == group:
                _add_option(section, spec)


def given_params(arguments: argparse.Namespace, base: RunParams | None = None) -> Given:
    """Combine preset, file and options, the later ones winning, and check them.

    Parameters
    ----------
    base : RunParams, optional
        What holds where no preset is named; by default the defaults.

    Raises
    ------
    ParameterError, InputError
    """
    params = base if base is not None and arguments.preset is None else RunParams()
    if arguments.preset is not None:
        params = preset(arguments.preset)
    notes: tuple[str, ...] = ()
    if arguments.params is not None:
        params, notes = read_params_file(full_path(arguments.params), params)
    typed: dict[str, dict[str, Any]] = {}
    twins = []
    for spec in all_specs():
        text = getattr(arguments, spec.path, None)
        twin_text = getattr(arguments, f"{spec.group}.{spec.twin}", None) if spec.twin else None
        if text is not None and twin_text is not None:
            raise ParameterError(
                f"{spec.option} was given twice",
                f"It was given in {spec.unit} and in the other unit.",
                "Leave one of the two out.",
            )
        if text is not None:
            typed.setdefault(spec.group, {})[spec.name] = parse_value(spec, text)
        if twin_text is not None:
            twins.append((spec, _twin_number(spec, twin_text)))
    params = _with_full_paths(params.with_values(typed))
    _require_available(params)
    return Given(params, tuple(twins), notes)


def resolve_twins(given: Given, recording: RecordingRef) -> RunParams:
    """Turn lengths in µm into pixels and durations in s into frames.

    Raises
    ------
    ParameterError
        If pixel size or frame rate is unknown, or the result out of range.
    """
    values: dict[str, dict[str, Any]] = {}
    for spec, number in given.twins:
        converted = number * _scale(spec, given.params, recording)
        if not math.isfinite(converted):
            raise _unusable_twin(spec, f"{number:g}", "the result is out of range")
        values.setdefault(spec.group, {})[spec.name] = (
            round(converted) if spec.kind == "int" else converted
        )
    return given.params.with_values(values) if values else given.params


def parse_value(spec: FieldSpec, text: str) -> Any:
    """Read the value of one parameter as typed.

    Raises
    ------
    ParameterError
        If it is not of the parameter's kind; ranges are checked later.
    """
    word = text.strip()
    if spec.is_optional and word.lower() in _NONE:
        return None
    if spec.kind == "flag":
        if word.lower() in _TRUE | _FALSE:
            return word.lower() in _TRUE
        raise _unusable(spec, text, "true or false is expected")
    if spec.kind == "choice":
        by_word = {str(choice): choice for choice in spec.choices}
        if word in by_word:
            return by_word[word]
        raise _unusable(spec, text, f"the choices are {', '.join(by_word)}")
    if spec.kind in ("int", "float"):
        return _number(spec, text)
    return text


def _add_option(section: argparse._ArgumentGroup, spec: FieldSpec) -> None:
    meta = {"flag": "true|false", "choice": "|".join(map(str, spec.choices)), "int": "N"}
    default = (
        "from the file" if spec.default is None and spec.group == "recording" else spec.default
    )
    unit = f" {spec.unit}" if spec.unit and spec.default is not None else ""
    section.add_argument(
        spec.option,
        dest=spec.path,
        metavar=meta.get(spec.kind, "X"),
        help=f"{spec.help} Default: {default}{unit}.".replace("%", "%%"),
    )
    if spec.twin is not None:
        unit = "µm" if spec.twin.endswith("_um") else "s"
        section.add_argument(
            f"--{spec.group}.{spec.twin}".replace("_", "-"),
            dest=f"{spec.group}.{spec.twin}",
            metavar="X",
            help=f"The same in {unit}.",
        )


def _number(spec: FieldSpec, text: str) -> int | float:
    try:
        number = float(text)
    except ValueError:
        raise _unusable(spec, text, "a number is expected") from None
    if spec.kind == "int":
        if not number.is_integer():
            raise _unusable(spec, text, "a whole number is expected")
        return int(number)
    return number


def _twin_number(spec: FieldSpec, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _unusable_twin(spec, text, "a number is expected")
    return number


def _scale(spec: FieldSpec, params: RunParams, recording: RecordingRef) -> float:
    """Pixels in a µm, or frames in a second."""
    option = f"--{spec.group}.{spec.twin}".replace("_", "-")
    if spec.name.endswith("_px"):
        size = params.recording.pixel_size_um or recording.pixel_size_um
        if size and spec.group != "prepare":
            size *= params.prepare.bin_px  # lengths count in pixels of the prepared movie
        if not size:
            raise ParameterError(
                f"{option} needs the pixel size",
                f"{recording.name} does not say how large a pixel is.",
                f"Add --recording.pixel-size-um, or use {spec.option}.",
            )
        return 1 / size
    rate = params.recording.frame_rate_hz or recording.frame_rate_hz
    if rate and spec.group != "prepare":
        rate /= params.prepare.bin_frames
    if not rate:
        raise ParameterError(
            f"{option} needs the frame rate",
            f"{recording.name} does not say how many frames there are in a second.",
            f"Add --recording.frame-rate-hz, or use {spec.option}.",
        )
    return rate


def _with_full_paths(params: RunParams) -> RunParams:
    """Return parameters that hold wherever the program is started the next time."""
    mask = params.prepare.exclude_file
    if not mask:
        return params
    return params.with_value("prepare.exclude_file", str(full_path(Path(mask))))


def _require_available(params: RunParams) -> None:
    if params.quality.use_cnn:
        raise ParameterError(
            "quality.use_cnn = true cannot be used",
            "This version has no shape classifier.",
            "Leave it off; trace SNR and spatial correlation decide.",
        )


def _unusable_twin(spec: FieldSpec, text: str, why: str) -> ParameterError:
    option = f"--{spec.group}.{spec.twin}".replace("_", "-")
    return ParameterError(
        f"{option} {text!r} cannot be used",
        f"{spec.title}: {why}.",
        "See 'caiman-gui params'.",
    )


def _unusable(spec: FieldSpec, text: str, why: str) -> ParameterError:
    return ParameterError(
        f"{spec.option} {text} cannot be used",
        f"{spec.title}: {why}.",
        "See 'caiman-gui params'.",
    )
