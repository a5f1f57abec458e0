"""What users choose that does not fit the recording: said in words that tell the way out."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from pipeline_fakes import SHAPE, FakeSteps, a_state, write_movie

from caiman_gui.cli import main
from caiman_gui.cli.arguments import memory_size
from caiman_gui.cli.out_folder import project_name
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.survey import survey, survey_warnings
from caiman_gui.errors import DataError, InputError
from caiman_gui.io.movie import open_movie
from caiman_gui.io.reader import RawGeometry, ReadChoice
from caiman_gui.pipeline.runner import run_step
from caiman_gui.pipeline.workspace import Workspace, require_enough_left

T, H, W = SHAPE
FEW = ("--steps", "motion,summary")


@pytest.fixture
def fakes(monkeypatch):
    return FakeSteps(monkeypatch)


@pytest.fixture
def movie(tmp_path):
    return write_movie(tmp_path / "day1.tif")


class TestTooLittleLeft:
    @pytest.mark.parametrize(
        ("path", "value", "words"),
        [
            ("prepare.trim_start_frames", T - 9, f"leave 9 of {T}; at least 10"),
            ("prepare.bin_frames", 5, f"leave 8 of {T}; at least 10"),
            ("prepare.crop_top_px", H - 7, f"leave 7 x {W} of {H} x {W} px; each side"),
            ("prepare.bin_px", 2, f"leave {H // 2} x {W // 2} of {H} x {W} px"),
        ],
    )
    def test_the_preparation_is_named_before_any_work(self, fakes, tmp_path, path, value, words):
        state = a_state()
        state = state.with_params(state.params.with_value(path, value))
        with pytest.raises(DataError, match=words):
            run_step("motion", state, workspace=Workspace(tmp_path), n_threads=1)
        assert fakes.calls == []

    def test_a_recording_that_is_too_short_itself_is_left_to_the_step(self):
        require_enough_left(a_state(n_frames=5))

    def test_few_frames_are_counted_after_binning(self, fakes, tmp_path, capsys):
        path = write_movie(tmp_path / "long.tif", (300, 16, 12))
        out = str(tmp_path / "out")
        assert main(["run", str(path), "-o", out, "--prepare.bin-frames", "10", *FEW]) == 0
        assert "only 30 frames" in capsys.readouterr().err


class TestUnusedChoices:
    @pytest.mark.parametrize(
        ("choice", "words"),
        [
            (ReadChoice(dataset="/mov"), "holds no datasets"),
            (ReadChoice(axes="XYT"), "itself tells its axes"),
            (ReadChoice(raw=RawGeometry(12, 16)), "describes itself"),
        ],
    )
    def test_they_are_told(self, movie, choice, words):
        with open_movie([movie], choice) as opened:
            assert opened.shape == SHAPE
            (note,) = [note for note in opened.info.notes if words in note]
            assert note.startswith("day1.tif")
        with open_movie([movie]) as opened:
            assert opened.info.notes == ()

    def test_used_ones_are_not(self, tmp_path):
        np.save(tmp_path / "m.npy", np.zeros(SHAPE, np.uint8))
        (tmp_path / "m.raw").write_bytes(bytes(2 * T * H * W))
        for name, choice in (
            ("m.npy", ReadChoice(axes="tyx")), ("m.raw", ReadChoice(raw=RawGeometry(W, H))),
        ):  # fmt: skip
            with open_movie([tmp_path / name], choice) as opened:
                assert opened.shape == SHAPE
                assert opened.info.notes == ()

    def test_raw_frames_that_do_not_fit_are_the_fault_of_their_description(self, tmp_path):
        (tmp_path / "m.raw").write_bytes(bytes(1000))
        for geometry in (RawGeometry(65_535, 65_535), RawGeometry(10, 10, header_bytes=801)):
            with pytest.raises(InputError, match="too small for the raw movie"):
                open_movie([tmp_path / "m.raw"], ReadChoice(raw=geometry))


class TestNames:
    def test_no_movie_is_not_the_folder_one_is_in(self, monkeypatch, tmp_path, capsys):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((12, 9, 9), np.uint8))
        monkeypatch.chdir(tmp_path)
        assert main(["info", ""]) == 2
        assert main(["run", " ", "-o", "out"]) == 2
        assert "No movie was named" in capsys.readouterr().err

    def test_a_long_name_gives_a_project_with_a_shorter_one(self, fakes, tmp_path):
        path = write_movie(tmp_path / f"{'ä' * 124}.tif")
        words = ["run", str(path), "-o", str(tmp_path / "out"), "--quiet", *FEW]
        assert main(words) == 0
        assert (tmp_path / "out" / f"{'ä' * 100}.cgproj").is_file()
        assert main([*words, "--resume"]) == 0

    def test_folders_above_give_names_too(self, tmp_path):
        below = tmp_path / "animal 3" / "day"
        below.mkdir(parents=True)
        assert project_name(below / "..") == "animal 3"
        assert project_name(tmp_path.anchor and type(tmp_path)(tmp_path.anchor)) == "recording"
        assert project_name(tmp_path / "day.1.tif") == "day.1"

    def test_what_a_folder_without_movie_holds(self, tmp_path):
        with pytest.raises(InputError, match="holds no files"):
            open_movie([tmp_path])
        (tmp_path / "notes.txt").touch()
        with pytest.raises(InputError, match=r"holds only notes.txt, which is no movie"):
            open_movie([tmp_path])
        (tmp_path / "more.txt").touch()
        with pytest.raises(InputError, match="holds 2 files, but none of them is a movie"):
            open_movie([tmp_path])


def test_round_budgets_are_accepted():
    assert memory_size("256MB") == 256_000_000


def test_words_of_the_survey():
    found = survey(ArrayMovie(np.full((1, 9, 9), np.nan, np.float32)))
    text = " ".join(survey_warnings(found, 1))
    assert "only 1 frame:" in text
    assert "100 % of the samples are no numbers" in text
