from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from caiman_gui.cli.options import parse_value
from caiman_gui.cli.params import markdown
from caiman_gui.errors import ParameterError
from caiman_gui.params.motion import MotionParams
from caiman_gui.params.run import GROUPS, PRESETS, RunParams, all_specs, preset

SPECS = {spec.path: spec for spec in all_specs()}


def test_every_parameter_explains_itself():
    for spec in SPECS.values():
        assert spec.title
        assert spec.help.endswith(".")
        assert spec.tier in ("basic", "expert", "hidden")
        if spec.kind in ("int", "float") and not spec.is_optional:
            assert spec.minimum is not None
            assert spec.maximum is not None


def test_names_with_a_unit_say_it():
    for spec in SPECS.values():
        if spec.name.endswith(("_px", "_frames", "_s", "_hz", "_um")):
            assert spec.unit in ("px", "frames", "s", "Hz", "µm")


def test_names_that_are_fixed():
    options = {spec.option for spec in SPECS.values()}
    assert options >= {
        "--motion.mode", "--motion.max-shift-px", "--motion.patch-size-px",
        "--sources.neuron-diameter-px", "--sources.max-components", "--sources.min-corr",
        "--sources.min-pnr", "--quality.min-snr", "--quality.rval-thr", "--quality.use-cnn",
        "--traces.ar-order", "--recording.frame-rate-hz", "--recording.pixel-size-um",
        "--recording.decay-time-s",
    }  # fmt: skip


def test_twins_exist_for_lengths_and_durations():
    assert SPECS["motion.max_shift_px"].twin == "max_shift_um"
    assert SPECS["traces.baseline_window_frames"].twin == "baseline_window_s"
    assert SPECS["recording.frame_rate_hz"].twin is None


def test_conditions_name_parameters_and_values_that_exist():
    for spec in SPECS.values():
        if spec.enabled_when is None:
            continue
        other, value = spec.enabled_when
        target = SPECS[f"{spec.group}.{other}"]
        assert value in (target.choices or (True, False))


def test_a_value_out_of_range_names_parameter_value_and_limit():
    with pytest.raises(ParameterError, match=r"motion\.max_shift_px = 0: .* greater than or equal"):
        RunParams().with_value("motion.max_shift_px", 0)


def test_unknown_names_are_refused():
    with pytest.raises(ParameterError, match="no such parameter"):
        RunParams().with_value("motion.max_shift", 3)
    with pytest.raises(ParameterError, match="Unknown preset: 3p"):
        preset("3p")


def test_parameters_are_frozen():
    with pytest.raises(ValidationError):
        MotionParams().max_shift_px = 3


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_and_survive_json(name):
    params = preset(name)
    assert RunParams.model_validate_json(params.model_dump_json()) == params
    assert RunParams.model_validate(params.model_dump(exclude_defaults=True)) == params


@given(
    shift=st.integers(1, 500),
    diameter=st.floats(1.01, 500),
    snr=st.floats(0, 100),
    order=st.sampled_from([0, 1]),
    rate=st.none() | st.floats(0.01, 10_000),
)
def test_any_valid_parameters_survive_json(shift, diameter, snr, order, rate):
    params = RunParams().with_values({
        "motion": {"max_shift_px": shift},
        "sources": {"neuron_diameter_px": diameter},
        "quality": {"min_snr": snr},
        "traces": {"ar_order": order},
        "recording": {"frame_rate_hz": rate},
    })  # fmt: skip
    assert RunParams.model_validate_json(params.model_dump_json(exclude_defaults=True)) == params


@pytest.mark.parametrize("path", SPECS)
def test_every_default_can_be_typed(path):
    spec = SPECS[path]
    text = "" if spec.default is None else str(spec.default)
    assert parse_value(spec, text) == spec.default


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("quality.use_ecc", "perhaps", "true or false"),
        ("motion.mode", "elastic", "rigid, piecewise"),
        ("motion.max_shift_px", "3.5", "whole number"),
        ("sources.min_corr", "high", "a number"),
    ],
)
def test_what_is_no_value_is_refused_in_words(path, text, words):
    with pytest.raises(ParameterError, match=words):
        parse_value(SPECS[path], text)


def test_the_documentation_is_up_to_date():
    path = Path(__file__).resolve().parents[2] / "docs" / "parameters.md"
    assert path.read_text(encoding="utf-8") == markdown(), "run python docs/make_parameters.py"


def test_every_group_is_documented():
    text = markdown()
    for group in GROUPS:
        assert f"\n## {group}\n" in text
    for spec in SPECS.values():
        assert f"| `{spec.name}` |" in text
