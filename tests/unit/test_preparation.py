"""A recording and its preparation in the state of a project, and what every step then sees."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from pipeline_fakes import SHAPE, ListContext, a_state, component_set, motion_result, write_movie

from caiman_gui.core.findings import Excluded, Findings, FrameTimes
from caiman_gui.core.prepare.regions import Region
from caiman_gui.errors import DataError, InputError
from caiman_gui.params.indicators import INDICATORS, indicator_named
from caiman_gui.params.run import RunParams
from caiman_gui.pipeline.runner import run_step, run_steps
from caiman_gui.pipeline.steps import StepStatus, actual_key, status, with_preparation
from caiman_gui.pipeline.workspace import Workspace, look_at, raw_movie
from caiman_gui.project.model import ProjectState, StepRecord
from caiman_gui.project.store import load_project, save_project

if TYPE_CHECKING:
    from pathlib import Path

T, H, W = SHAPE


def with_(state: ProjectState, path: str, value: object) -> ProjectState:
    return state.with_params(state.params.with_value(path, value))


def opened(path: Path, **values: object) -> ProjectState:
    params = RunParams()
    for name, value in values.items():
        params = params.with_value(name.replace("__", "."), value)
    looked = look_at([path], params)
    return looked.into(ProjectState(params=params))


class TestState:
    def test_the_prepared_movie_has_its_own_size_rate_and_pixels(self):
        state = a_state(pixel_size_um=2.0)
        for path, value in (
            ("prepare.trim_start_frames", 4), ("prepare.bin_frames", 2), ("prepare.bin_px", 3),
            ("prepare.crop_left_px", 1), ("prepare.crop_bottom_px", 4),
        ):  # fmt: skip
            state = with_(state, path, value)
        assert state.shape == ((T - 4) // 2, (H - 4) // 3, (W - 1) // 3)
        assert state.frame_rate_hz == 10.0
        assert state.recorded_rate_hz == 20.0
        assert state.pixel_size_um == 6.0
        np.testing.assert_allclose(state.times_s[:2], [4.5 / 20, 6.5 / 20])

    def test_timestamps_of_the_file_are_kept(self):
        seconds = np.cumsum(np.r_[1.5, np.full(T - 1, 0.05)])
        state = a_state().with_(times=FrameTimes(seconds))
        np.testing.assert_array_equal(state.times_s, seconds)
        np.testing.assert_array_equal(
            with_(state, "prepare.trim_start_frames", 3).times_s, seconds[3:]
        )

    def test_a_frame_rate_of_the_user_overrules_timestamps(self):
        state = a_state().with_(times=FrameTimes(np.arange(T) / 20.0))
        state = with_(state, "recording.frame_rate_hz", 10.0)
        np.testing.assert_allclose(state.times_s, np.arange(T) / 10.0)

    def test_results_of_another_crop_are_dropped_and_others_kept(self):
        state = a_state().with_(
            motion=motion_result(), components=component_set(), labels={1: "accept"},
            steps={"motion": StepRecord("k"), "prepare": StepRecord("p")},
        )  # fmt: skip
        kept = with_(state, "motion.max_shift_px", 3)
        assert kept.motion is state.motion
        cropped = with_(state, "prepare.crop_top_px", 2)
        assert (cropped.motion, cropped.components) == (None, None)
        assert dict(cropped.labels) == {}
        assert set(cropped.steps) == {"prepare"}

    def test_nothing_left_is_said(self):
        with pytest.raises(DataError, match="Nothing is left of the rows"):
            _ = with_(a_state(), "prepare.crop_top_px", H).shape

    def test_regions_and_bad_pixels_are_excluded_in_prepared_pixels(self):
        codes = np.zeros((H, W), np.uint8)
        codes[5, 7] = Excluded.HOT
        region = Region("exclude", "rectangle", ((-0.5, -0.5), (1.5, 2.5)))
        state = a_state().with_(findings=Findings(0.0, 0.0, codes), regions=(region,))
        expected = np.zeros((H, W), bool)
        expected[:2, :3] = True
        np.testing.assert_array_equal(state.excluded, expected)  # bad pixels are not asked for
        state = with_(state, "prepare.exclude_bad_pixels", True)
        expected[5, 7] = True
        np.testing.assert_array_equal(state.excluded, expected)
        binned = with_(state, "prepare.bin_px", 2)
        assert binned.excluded is not None
        assert binned.excluded[2, 3]
        assert binned.excluded.shape == (H // 2, W // 2)


class TestIndicators:
    def test_the_decay_time_comes_from_the_indicator_unless_it_is_typed(self):
        state = a_state(indicator="AAV1.Syn.GCaMP8m", indicator_source="NWB indicator")
        assert state.indicator is INDICATORS["jGCaMP8m"]
        assert state.decay_time_s == INDICATORS["jGCaMP8m"].decay_time_s
        assert "Zhang 2023" in state.decay_time_source
        state = with_(state, "recording.indicator", "GCaMP6s")
        assert state.decay_time_s == INDICATORS["GCaMP6s"].decay_time_s
        state = with_(state, "recording.decay_time_s", 0.7)
        assert (state.decay_time_s, state.decay_time_source) == (0.7, "set by you")
        assert (a_state().decay_time_s, a_state().decay_time_source) == (0.4, "assumed")

    @pytest.mark.parametrize(
        ("text", "name"),
        [("GCaMP6f", "GCaMP6f"), ("gcamp-6s", "GCaMP6s"), ("jGCaMP7f", "jGCaMP7f"),
         ("Oregon Green BAPTA, OGB1", "OGB-1"), ("tdTomato", None), ("", None)],
    )  # fmt: skip
    def test_names_as_files_spell_them(self, text, name):
        found = indicator_named(text)
        assert (found.name if found is not None else None) == name


class TestKeys:
    def done(self, state: ProjectState) -> ProjectState:
        record = StepRecord(actual_key("motion", state))
        return state.with_(steps={**state.steps, "motion": record})

    @pytest.mark.parametrize(
        "change",
        [
            lambda s: s.with_(regions=(Region("exclude", "ellipse", ((1, 1), (5, 5))),)),
            lambda s: with_(with_(s, "prepare.scan_phase", "given"), "prepare.scan_phase_px", 1.0),
            lambda s: with_(s, "prepare.exclude_bad_pixels", True),
        ],
    )
    def test_what_changes_the_movie_makes_steps_stale(self, change):
        state = self.done(a_state())
        assert status("motion", state) is StepStatus.DONE
        assert status("motion", change(state)) is StepStatus.STALE

    def test_what_is_measured_is_measured_first_and_once(self):
        state = a_state()
        assert with_preparation(["motion"], state) == ("motion",)
        state = with_(state, "prepare.scan_phase", "auto")
        assert with_preparation(["summary", "motion"], state) == ("prepare", "motion", "summary")
        record = StepRecord(actual_key("prepare", state))
        state = state.with_(steps={"prepare": record})
        assert with_preparation(["motion"], state) == ("motion",)


class TestRecording:
    def test_steps_see_the_prepared_movie(self, tmp_path):
        path = write_movie(tmp_path / "m.tif")
        whole = tifffile.imread(path)
        state = opened(path, prepare__crop_top_px=3, prepare__trim_start_frames=5)
        with raw_movie(state) as movie:
            assert movie.shape == state.shape
            np.testing.assert_array_equal(movie.frames(0, 4), whole[5:9, 3:])

    def test_bad_pixels_are_found_and_filled_in(self, tmp_path):
        shape = (120, 48, 40)
        rng = np.random.default_rng(2)
        movie = rng.poisson(100, shape).astype(np.uint16)
        movie[:, 7, 9] = 0
        movie[:, 30, 20] = rng.poisson(3000, 120)
        tifffile.imwrite(tmp_path / "m.tif", movie)
        state = opened(tmp_path / "m.tif", prepare__exclude_bad_pixels=True)
        state = run_step(
            "prepare", state, workspace=Workspace(tmp_path), n_threads=1, ctx=ListContext()
        )
        assert state.findings is not None
        assert state.findings.excluded[7, 9] == Excluded.DEAD
        assert state.findings.excluded[30, 20] == Excluded.HOT
        assert np.count_nonzero(state.findings.excluded) == 2
        with raw_movie(state) as prepared:
            frames = prepared.frames(0, 3)
        assert (np.abs(frames[:, (7, 30), (9, 20)].astype(float) - 100) < 40).all()

    def test_a_mask_file_leaves_out_pixels(self, tmp_path):
        path = write_movie(tmp_path / "m.tif")
        mask = np.zeros((H, W), np.uint8)
        mask[2:4, 5] = 255
        tifffile.imwrite(tmp_path / "mask.tif", mask)
        state = opened(path, prepare__exclude_file=str(tmp_path / "mask.tif"))
        state = run_steps(
            ("prepare",), state, workspace=Workspace(tmp_path), n_threads=1, ctx=ListContext()
        )
        np.testing.assert_array_equal(state.excluded, mask > 0)

    def test_a_mask_of_another_size_is_refused(self, tmp_path):
        path = write_movie(tmp_path / "m.tif")
        tifffile.imwrite(tmp_path / "mask.tif", np.zeros((3, 4), np.uint8))
        state = opened(path, prepare__exclude_file=str(tmp_path / "mask.tif"))
        with pytest.raises(InputError, match="does not fit the recording"):
            run_step("prepare", state, workspace=Workspace(tmp_path), n_threads=1)

    def test_another_channel_is_another_recording(self, tmp_path):
        movie = np.random.default_rng(1).integers(0, 99, (20, 2, 16, 12)).astype(np.uint16)
        tifffile.imwrite(tmp_path / "m.tif", movie, imagej=True, metadata={"axes": "TCYX"})
        first, second = (opened(tmp_path / "m.tif", recording__channel=i) for i in (1, 2))
        assert first.recording is not None
        assert first.recording.channels == ("", "")
        assert any("2 channels" in note for note in first.recording.notes)
        assert not first.is_same_movie(second)
        assert actual_key("motion", first) != actual_key("motion", second)
        with raw_movie(second) as opened_movie:
            np.testing.assert_array_equal(opened_movie.frames(0, 20), movie[:, 1])


class TestProject:
    def saved(self, tmp_path, state: ProjectState) -> ProjectState:
        save_project(tmp_path / "p.cgproj", state, {})
        return load_project(tmp_path / "p.cgproj").state

    def test_times_findings_and_regions_survive(self, tmp_path):
        codes = np.zeros((H, W), np.uint8)
        codes[1, 2] = Excluded.DEAD | Excluded.FILE
        state = a_state(
            channels=("green", "red"), n_planes=3, format="ImageJ TIFF", dropped=((4, 2),),
            notes=("A note.",), times_source="timeStamps.csv",
        ).with_(
            times=FrameTimes(np.arange(T) * 0.051),
            findings=Findings(0.5, 0.9, codes),
            regions=(Region("exclude", "polygon", ((0, 0), (0, 5), (5.5, 0))),),
        )  # fmt: skip
        state = with_(state, "prepare.bin_frames", 2)
        loaded = self.saved(tmp_path, state)
        assert state.recording is not None
        assert loaded.recording == replace(state.recording, paths=loaded.recording.paths)
        np.testing.assert_array_equal(loaded.times.seconds, state.times.seconds)
        assert loaded.findings.scan_phase_px == 0.5
        np.testing.assert_array_equal(loaded.findings.excluded, codes)
        assert loaded.regions == state.regions
        assert loaded.shape == state.shape

    @pytest.mark.parametrize(
        ("damage", "words"),
        [
            (lambda v: v["regions"].append({"kind": "x"}), "region"),
            (lambda v: v["params"].update(prepare={"crop_top_px": H}), "rows"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, tmp_path, damage, words):
        save_project(tmp_path / "p.cgproj", a_state(), {})
        values = json.loads((tmp_path / "p.cgproj").read_text())
        damage(values)
        (tmp_path / "p.cgproj").write_text(json.dumps(values))
        with pytest.raises(InputError, match=words):
            load_project(tmp_path / "p.cgproj")

    def test_times_of_another_length_are_refused(self, tmp_path):
        state = a_state().with_(times=FrameTimes(np.arange(T + 1) * 0.05))
        save_project(tmp_path / "p.cgproj", state, {})
        with pytest.raises(InputError, match="another length"):
            load_project(tmp_path / "p.cgproj")
