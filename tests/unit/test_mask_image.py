"""Masks of other programs: every usual kind, wrong ones refused, changed ones noticed."""

from __future__ import annotations

import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tifffile
from pipeline_fakes import SHAPE, FakeSteps, write_movie

from caiman_gui.cli import main
from caiman_gui.errors import InputError
from caiman_gui.io.mask_image import read_mask
from caiman_gui.pipeline.outputs import project_path
from caiman_gui.pipeline.step_work import _key_with_mask
from caiman_gui.project.store import load_project

MASK = np.zeros(SHAPE[1:], np.uint8)
MASK[2:4, 5] = 255


def colour(*samples):
    return np.dstack([MASK * sample for sample in samples])


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("m.npy", lambda path: np.save(path, MASK)),
        ("bool.npy", lambda path: np.save(path, np.asfortranarray(MASK > 0))),
        ("one.npy", lambda path: np.save(path, MASK[None])),
        ("m.tif", lambda path: tifffile.imwrite(path, MASK)),
        ("rgb.tif", lambda path: tifffile.imwrite(path, colour(0, 0, 1), photometric="rgb")),
        ("m.png", lambda path: cv2.imwrite(str(path), MASK)),
        ("green.png", lambda path: cv2.imwrite(str(path), colour(0, 1, 0))),
        ("rgba.png", lambda path: cv2.imwrite(
            str(path), np.dstack([colour(1, 0, 0), np.full(MASK.shape, 255, np.uint8)])
        )),
    ],
)  # fmt: skip
def test_masks_of_every_kind(tmp_path, name, write):
    write(tmp_path / name)
    np.testing.assert_array_equal(read_mask(tmp_path / name), MASK > 0)


def test_what_is_no_mask_is_refused(tmp_path):
    np.save(tmp_path / "three.npy", np.zeros((3, 4, 5)))
    (tmp_path / "junk.png").write_bytes(b"\x89PNG\r\n\x1a\njunk")
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\1\0")
    for name, words in (
        ("three.npy", "more than one image"), ("junk.png", "damaged"), ("cut.npy", "damaged"),
        ("gone.png", "does not exist"), (".", "is a folder"), ("x" * 5000, "cannot be read"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            read_mask(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(InputError, match="not a file"):
        read_mask(tmp_path / "pipe.npy")


class TestRun:
    @pytest.fixture
    def fakes(self, monkeypatch):
        return FakeSteps(monkeypatch)

    @pytest.fixture
    def run(self, tmp_path, monkeypatch):
        movie = write_movie(tmp_path / "day1.tif")
        np.save(tmp_path / "mask.npy", MASK)
        monkeypatch.chdir(tmp_path)

        def run(*words):
            options = ("--steps", "motion,summary", "--prepare.exclude-file", "mask.npy")
            return main(["run", str(movie), "-o", "out", *options, *words])

        return run

    def test_a_relative_place_is_kept_in_full(self, fakes, run, tmp_path):
        assert run() == 0
        state = load_project(project_path(tmp_path / "out", "day1")).state
        assert state.params.prepare.exclude_file == str(tmp_path / "mask.npy")
        np.testing.assert_array_equal(state.excluded, MASK > 0)

    def test_an_edited_mask_makes_every_result_anew(self, fakes, run, tmp_path):
        assert run() == 0
        fakes.calls.clear()
        assert run("--resume") == 0
        assert fakes.calls == []
        np.save(tmp_path / "mask.npy", MASK.T.reshape(MASK.shape))
        assert run("--resume") == 0
        assert fakes.calls == ["motion", "summary"]
        state = load_project(project_path(tmp_path / "out", "day1")).state
        np.testing.assert_array_equal(state.excluded, MASK.T.reshape(MASK.shape) > 0)

    def test_a_project_goes_on_without_the_mask_it_has_read(self, fakes, run, tmp_path):
        assert run() == 0
        fakes.calls.clear()
        (tmp_path / "mask.npy").unlink()
        assert run("--resume") == 0
        assert fakes.calls == []

    def test_a_mask_that_cannot_be_used_is_told_before_any_work(self, fakes, run, tmp_path, capsys):
        np.save(tmp_path / "mask.npy", MASK[1:])
        assert run() == 3
        assert "15 x 12 px, the recording has 16 x 12 px" in capsys.readouterr().err
        (tmp_path / "mask.npy").unlink()
        assert run() == 3
        assert "does not exist" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
        assert fakes.calls == []


def test_a_corrected_movie_begun_with_another_mask_is_not_gone_on_with():
    def key(excluded):
        return _key_with_mask(
            SimpleNamespace(key="0" * 32, state=SimpleNamespace(excluded=excluded))
        )

    other = np.roll(MASK > 0, 1, axis=0)
    keys = [key(None), key(MASK > 0), key(other)]
    assert keys[0] == "0" * 32
    assert len(set(keys)) == 3
    assert key(other.copy()) == keys[2]
    assert {len(found) for found in keys} == {32}
