"""Reads parameters written by CaImAn, and our own, from JSON files.

CaImAn's names come from FieldSpec.caiman; the functions below treat those whose meaning differs.
What has no counterpart here is said, never dropped in silence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caiman_gui.errors import InputError, ParameterError
from caiman_gui.params.run import GROUPS, RunParams, all_specs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

#: Groups of CaImAn 1.12 that ours do not share a name with.
_CAIMAN_GROUPS = {
    "data", "init", "preprocess", "patch", "spatial", "temporal", "merging", "online", "ring_CNN",
}  # fmt: skip
_SHARED_GROUPS = {"motion", "quality"}
#: Names whose values are calculated with.
_NUMBERS = {
    "init.gSig", "init.gSiz", "motion.strides", "motion.overlaps", "motion.max_shifts",
    "motion.gSig_filt", "data.dxy",
}  # fmt: skip
_HINT = 'Nest parameters by group, such as {"motion": {"max_shift_px": 9}}.'
#: The most names listed in one note.
_LISTED = 12
_LONGEST_NAME = 60
_LONGEST_NOTE = 400
#: A parameter file is a few kilobytes; a much larger file is something else.
_MOST_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Translation:
    """Parameters taken over from CaImAn.

    Attributes
    ----------
    values : dict
        Ours, nested by group, not checked yet.
    notes : tuple of str
        One sentence for each thing that was not taken over as it stands.
    """

    values: dict[str, dict[str, Any]]
    notes: tuple[str, ...]


def read_params_file(path: Path, base: RunParams) -> tuple[RunParams, tuple[str, ...]]:
    """Read a parameter JSON, ours (nested by group) or CaImAn's, on top of other parameters.

    Returns
    -------
    params : RunParams
    notes : tuple of str
        What could not be taken over.

    Raises
    ------
    InputError
        If the file cannot be read or is not JSON.
    ParameterError
        If a name of ours is unknown, or a value out of range.
    """
    content = _read_json(path)
    if not isinstance(content, dict):
        raise InputError(
            "The parameter file holds no parameters",
            f"{path} holds no names with values.",
            _HINT,
        )
    if is_caiman(content):
        translation = from_caiman(content)
        return base.with_values(translation.values), translation.notes
    for group, fields in content.items():
        if not isinstance(fields, dict):
            raise ParameterError(
                f"{path.name}: '{group[:_LONGEST_NAME]}' is not a group of parameters",
                f"The groups are {', '.join(GROUPS)}.",
                _HINT,
            )
    return base.with_values(content), ()


def _read_json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as exc:
        raise InputError(
            "The parameter file cannot be read", f"{path}: {exc.strerror or exc}.",
            "Check the name and the folder.",
        ) from exc  # fmt: skip
    if len(raw) > _MOST_BYTES:
        why = f"it is larger than {_MOST_BYTES // 2**20} MB"
    else:
        try:
            return json.loads(raw.decode("utf-8-sig"))
        except json.JSONDecodeError as exc:
            why = str(exc)
        except UnicodeDecodeError:
            why = "it is not text"
        except RecursionError:
            why = "its brackets are nested too deeply"
        except ValueError:  # Python refuses to read numbers with thousands of digits
            why = "it holds a number that is far too long"
    raise InputError("The parameter file is not JSON", f"{path}: {why}.", _HINT)


def is_caiman(content: Mapping[str, Any]) -> bool:
    """Tell whether parameters use CaImAn's names: nested, or its older flat form."""
    if _CAIMAN_GROUPS & content.keys():
        return True
    for group in _SHARED_GROUPS & content.keys():
        fields = content[group]
        if isinstance(fields, dict) and fields.keys() - GROUPS[group].model_fields.keys():
            return bool(fields.keys() & {name.partition(".")[2] for name in _known_names()})
    flat = {name.partition(".")[2] for name in _known_names()}
    return bool(flat & content.keys()) and not content.keys() & GROUPS.keys()


def from_caiman(content: Mapping[str, Any]) -> Translation:
    """Translate CaImAn parameters, nested or flat, into ours."""
    given = _nested_names(content)
    notes: list[str] = []
    values: dict[str, dict[str, Any]] = {}
    used: set[str] = set()

    def put(path: str, value: Any) -> None:
        group, _, name = path.partition(".")
        values.setdefault(group, {})[name] = value

    for special in (_kind, _diameter, _thresholds, _patches, _motion_widths, _pixel_size,
                    _background, _model, _without_counterpart):  # fmt: skip
        used |= special(given, put, notes)
    for caiman_name, path in _plain_names().items():
        if caiman_name in given and caiman_name not in used:
            used.add(caiman_name)
            if given[caiman_name] is not None:
                put(path, given[caiman_name])
    unknown = sorted(set(given) - used)
    if unknown:
        listed = ", ".join(unknown[:_LISTED])
        more = f" and {len(unknown) - _LISTED} more" if len(unknown) > _LISTED else ""
        notes.append(f"CaImAn parameters without a counterpart here: {listed}{more}.")
    return Translation(values, tuple(note[:_LONGEST_NOTE] for note in notes))


def _plain_names() -> dict[str, str]:
    """CaImAn name -> our dotted name, where the value means the same in both."""
    return {
        spec.caiman: spec.path
        for spec in all_specs()
        if spec.caiman and not any(mark in spec.caiman for mark in " (,+")
    }


def _known_names() -> set[str]:
    """Every CaImAn name that has some meaning here."""
    return set(_plain_names()) | {
        "init.gSig", "init.gSiz", "motion.strides", "motion.overlaps", "init.method_init",
        "init.center_psf",
    }  # fmt: skip


def _nested_names(content: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten ``{"init": {"K": 5}, "fr": 30}`` to ``{"init.K": 5, "data.fr": 30}``.

    Raises
    ------
    ParameterError
        If a value that has to be a number or a list of numbers is not.
    """
    home = {name.partition(".")[2]: name for name in sorted(_known_names())}
    given: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict) and key in _CAIMAN_GROUPS | _SHARED_GROUPS:
            given.update({f"{key}.{name}": inner for name, inner in value.items()})
        else:
            given[home.get(key, key)] = value
    for name in _NUMBERS & given.keys():
        if not _is_numeric(given[name]):
            raise ParameterError(
                f"The CaImAn parameter {name} has an unexpected form",
                f"{name} = {str(given[name])[:_LONGEST_NAME]}: a number or a list of numbers is "
                "expected.",
                "Correct it, or write the file with CaImAn's own to_jsonfile.",
            )
    return given


def _is_numeric(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(item is None or _is_number(item) for item in value)
    return value is None or _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


if TYPE_CHECKING:
    Put = Callable[[str, Any], None]


def _largest(value: Any) -> Any:
    """Largest number of a pair such as ``(6, 6)``; a single number as it is."""
    if not isinstance(value, (list, tuple)):
        return value
    return max((item for item in value if item is not None), default=None)


def _is_one_photon(given: Mapping[str, Any]) -> bool:
    return given.get("init.center_psf") is True or given.get("init.method_init") == "corr_pnr"


def _kind(given: Mapping[str, Any], put: Put, notes: list[str]) -> set[str]:
    names = {"init.center_psf", "init.method_init"} & given.keys()
    if names:
        put("recording.kind", "one-photon" if _is_one_photon(given) else "two-photon")
    return names


def _diameter(given: Mapping[str, Any], put: Put, notes: list[str]) -> set[str]:
    """Two-photon: diameter = 2 gSig; one-photon: gSiz, or 4 gSig + 1 where it is not given."""
    sigma, box = _largest(given.get("init.gSig")), _largest(given.get("init.gSiz"))
    if _is_one_photon(given):
        if box is not None or sigma is not None:
            put("sources.neuron_diameter_px", box if box is not None else 4 * sigma + 1)
    elif sigma is not None:
        put("sources.neuron_diameter_px", 2 * sigma)
    return {"init.gSig", "init.gSiz"} & given.keys()


def _thresholds(given: Mapping[str, Any], put: Put, notes: list[str]) -> set[str]:
    """CaImAn writes these always, but looks at them only in one-photon recordings."""
    names = {"init.min_corr", "init.min_pnr"} & given.keys()
    if _is_one_photon(given):
        return set()
    return names


def _patches(given: Mapping[str, Any], put: Put, notes: list[str]) -> set[str]:
    names = {"motion.pw_rigid", "motion.strides", "motion.overlaps"} & given.keys()
    if "motion.pw_rigid" in given:
        put("motion.mode", "piecewise" if given["motion.pw_rigid"] else "rigid")
    stride, overlap = _largest(given.get("motion.strides")), _largest(given.get("motion.overlaps"))
    if stride is not None and overlap is not None:
        put("motion.patch_size_px", stride + overlap)
    elif stride is not None:
        notes.append("motion.strides was not taken over: without motion.overlaps it is no size.")
    if overlap is not None:
        put("motion.patch_overlap_px", overlap)
    return names


def _motion_widths(given: Mapping[str, Any], put: Put, notes: list[str]) -> set[str]:
    if given.get("motion.max_shifts") is not None:
        put("motion.max_shift_px", _largest(given["motion.max_shifts"]))
    if given.get("motion.gSig_filt") is not None:
        put("motion.highpass_px", _largest(given["motion.gSig_filt"]))
    return {"motion.max_shifts", "motion.gSig_filt"} & given.keys()


def _pixel_size(given: Mapping[str, Any], put: Put, notes: list[str]) -> set[str]:
    value = given.get("data.dxy")
    sides = set(value) if isinstance(value, (list, tuple)) else {value}
    if len(sides) == 1 and sides != {1} and sides != {None}:  # 1 x 1 is what CaImAn writes unasked
        put("recording.pixel_size_um", sides.pop())
    elif len(sides) > 1:
        notes.append(f"data.dxy = {value} was not taken over: pixels are square here.")
    return {"data.dxy"} & given.keys()


def _background(given: Mapping[str, Any], put: Put, notes: list[str]) -> set[str]:
    used = {"init.nb", "init.K"} & given.keys()
    rank, count = given.get("init.nb"), given.get("init.K")
    if isinstance(rank, int) and rank >= 1:
        put("sources.background_rank", rank)
    elif rank is not None:
        notes.append(f"init.nb = {rank} was not taken over: the background rank is at least 1.")
    if count is not None and given.get("patch.rf") is not None:
        notes.append(
            f"init.K = {count} was not taken over: in CaImAn it counts for each patch, "
            "here for the whole field of view."
        )
    elif count is not None:
        put("sources.max_components", count)
    return used


def _model(given: Mapping[str, Any], put: Put, notes: list[str]) -> set[str]:
    names = {"preprocess.p", "temporal.p", "temporal.s_min"} & given.keys()
    order = given.get("preprocess.p", given.get("temporal.p"))
    if order in (0, 1):
        put("traces.ar_order", order)
    elif order is not None:
        notes.append(f"p = {order} was not taken over: the calcium model has order 0 or 1 here.")
    if given.get("temporal.s_min") is not None:
        notes.append(
            f"temporal.s_min = {given['temporal.s_min']} was not taken over: "
            "here events are measured in noise standard deviations."
        )
    return names


def _without_counterpart(given: Mapping[str, Any], put: Put, notes: list[str]) -> set[str]:
    if given.get("quality.use_cnn"):
        notes.append("quality.use_cnn was left off: this version has no shape classifier.")
    return {"quality.use_cnn"} & given.keys()
