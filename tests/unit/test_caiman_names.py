from __future__ import annotations

import json

import pytest

from caiman_gui.errors import InputError, ParameterError
from caiman_gui.params.caiman_names import from_caiman, is_caiman, read_params_file
from caiman_gui.params.run import RunParams

TWO_PHOTON = {
    "data": {"fr": 15.5, "decay_time": 0.7, "dxy": [2.0, 2.0]},
    "init": {"K": 50, "gSig": [4, 4], "gSiz": [9, 9], "nb": 3, "method_init": "greedy_roi",
             "min_corr": 0.85, "min_pnr": 20, "center_psf": False},
    "motion": {"pw_rigid": True, "strides": [96, 96], "overlaps": [32, 32], "max_shifts": [6, 8],
               "max_deviation_rigid": 4, "gSig_filt": None, "niter_rig": 3},
    "merging": {"merge_thr": 0.7},
    "quality": {"min_SNR": 2.0, "rval_thr": 0.85, "use_cnn": False},
    "preprocess": {"p": 1},
    "temporal": {"fudge_factor": 0.96, "s_min": None},
}  # fmt: skip
ONE_PHOTON = {
    "init": {"K": None, "gSig": [3, 3], "gSiz": [13, 13], "center_psf": True, "nb": 0,
             "method_init": "corr_pnr", "min_corr": 0.55, "min_pnr": 5},
    "motion": {"gSig_filt": [5, 5]},
}  # fmt: skip


def read(tmp_path, content, base=None):
    path = tmp_path / "params.json"
    path.write_text(json.dumps(content))
    return read_params_file(path, base or RunParams())


def test_a_two_photon_file_is_taken_over(tmp_path):
    params, notes = read(tmp_path, TWO_PHOTON)
    assert params.recording.model_dump(exclude_defaults=True) | {"kind": "two-photon"} == {
        "kind": "two-photon", "frame_rate_hz": 15.5, "pixel_size_um": 2.0, "decay_time_s": 0.7,
    }  # fmt: skip
    assert params.sources.neuron_diameter_px == 8  # 2 gSig
    assert params.sources.max_components == 50
    assert params.sources.background_rank == 3
    assert params.sources.min_corr == 0  # CaImAn does not look at it in two-photon either
    assert params.sources.merge_corr == 0.7
    assert params.motion.mode == "piecewise"
    assert params.motion.patch_size_px == 128
    assert params.motion.patch_overlap_px == 32
    assert params.motion.max_shift_px == 8
    assert params.motion.max_deviation_px == 4
    assert params.motion.template_iterations == 3
    assert params.quality.min_snr == 2.0
    assert params.traces.fudge_factor == 0.96
    assert notes == ()


def test_a_one_photon_file_is_taken_over(tmp_path):
    params, notes = read(tmp_path, ONE_PHOTON)
    assert params.recording.kind == "one-photon"
    assert params.sources.neuron_diameter_px == 13  # gSiz
    assert params.sources.min_corr == 0.55
    assert params.sources.min_pnr == 5
    assert params.motion.highpass_px == 5
    assert any("init.nb = 0" in note for note in notes)


def test_one_photon_without_gsiz_uses_its_definition():
    values = from_caiman({"init": {"gSig": [3, 3], "center_psf": True}}).values
    assert values["sources"]["neuron_diameter_px"] == 13  # 4 gSig + 1


def test_flat_names_are_understood(tmp_path):
    params, notes = read(tmp_path, {"fr": 10, "gSig": [5, 5], "pw_rigid": False, "p": 0, "foo": 1})
    assert params.recording.frame_rate_hz == 10
    assert params.sources.neuron_diameter_px == 10
    assert params.traces.ar_order == 0
    assert notes == ("CaImAn parameters without a counterpart here: foo.",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"preprocess": {"p": 2}}, "p = 2"),
        ({"init": {"K": 5}, "patch": {"rf": 40}}, "counts for each patch"),
        ({"quality": {"use_cnn": True, "min_SNR": 2}}, "no shape classifier"),
        ({"temporal": {"s_min": -2}}, "s_min"),
        ({"data": {"dxy": [1.0, 2.0]}}, "pixels are square"),
        ({"init": {"ssub": 2}}, "init.ssub"),
    ],
)
def test_what_is_not_taken_over_is_said(content, words):
    translation = from_caiman(content)
    assert any(words in note for note in translation.notes)
    RunParams().with_values(translation.values)


def test_the_default_pixel_size_of_caiman_means_unknown():
    assert from_caiman({"data": {"dxy": [1.0, 1.0]}}).values == {}


def test_a_long_list_of_others_is_cut():
    (note,) = from_caiman({"spatial": {f"x{i:02d}": i for i in range(40)}}).notes
    assert note.endswith("and 28 more.")


def test_our_own_files_are_read_as_they_are(tmp_path):
    params, notes = read(tmp_path, {"motion": {"max_shift_px": 9}, "quality": {"min_snr": 1}})
    assert params.motion.max_shift_px == 9
    assert params.quality.min_snr == 1
    assert notes == ()
    assert read(tmp_path, params.model_dump())[0] == params


@pytest.mark.parametrize("group", ["motion", "quality"])
def test_shared_groups_are_told_apart_by_their_names(group):
    ours = {"motion": {"mode": "rigid"}, "quality": {"min_snr": 2}}
    theirs = {"motion": {"pw_rigid": True}, "quality": {"min_SNR": 2}}
    assert not is_caiman({group: ours[group]})
    assert is_caiman({group: theirs[group]})


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("{", InputError, "not JSON"),
        ("[1]", InputError, "holds no names with values"),
        ("[" * 100_000, InputError, "nested too deeply"),
        ('{"motion": {"max_shift_px": ' + "9" * 5000 + "}}", InputError, "far too long"),
        ("{" + " " * 17_000_000, InputError, "larger than 16 MB"),
        ('{"init": {"gSig": ["a", 2]}}', ParameterError, "init.gSig = "),
        ('{"init": {"gSig": "33"}}', ParameterError, "init.gSig = 33"),
        ('{"motion": {"max_shift_px": "' + "x" * 9999 + '"}}', ParameterError, r"xxx\.\.\.: "),
        ('{"motion": {"max_shift_px": -1}}', ParameterError, "max_shift_px = -1"),
        ('{"motion": {"maxshift": 1}}', ParameterError, "no such parameter"),
        ('{"moton": {"max_shift_px": 1}}', ParameterError, "Unknown parameter group"),
        ('{"motion": 3}', ParameterError, "not a group"),
        ('{"init": {"gSig": "x", "center_psf": true}}', ParameterError, "unexpected form"),
    ],
)
def test_bad_files_are_refused_in_words(tmp_path, text, error, words):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(error, match=words) as info:
        read_params_file(path, RunParams())
    assert len(str(info.value)) < 600


def test_many_wrong_names_make_a_short_message(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"motion": {f"x{number}": 1 for number in range(500)}}))
    with pytest.raises(ParameterError, match=r"\(and 497 more\)") as info:
        read_params_file(path, RunParams())
    assert len(info.value.detail.splitlines()) == 3


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_params_file(tmp_path / "none.json", RunParams())
