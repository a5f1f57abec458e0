"""What a run that failed or was stopped keeps, so that the next one does not start anew."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest
from pipeline_fakes import FakeSteps, a_state, write_movie

from caiman_gui.cli import main
from caiman_gui.errors import DataError
from caiman_gui.io import store_writer
from caiman_gui.io.store_writer import StoreWriter
from caiman_gui.pipeline.workspace import Workspace, prepared_file
from caiman_gui.project.model import StepRecord

LONG = (600, 16, 12)  # three blocks of the store


@pytest.fixture
def fakes(monkeypatch):
    return FakeSteps(monkeypatch)


@pytest.fixture
def movie(tmp_path):
    return write_movie(tmp_path / "day1.tif", LONG)


class Disk:
    """Takes so many bytes, then it is full."""

    def __init__(self, monkeypatch, n_bytes: int) -> None:
        self.left: float = n_bytes
        self.taken = 0
        self._write = store_writer._write_all
        monkeypatch.setattr(store_writer, "_write_all", self.write)

    def write(self, file: object, data: bytes) -> None:
        self.left -= len(data)
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.taken += len(data)
        self._write(file, data)


def run(movie, out, *words):
    return main(["run", str(movie), "-o", str(out), "--steps", "summary", "--threads", "1", *words])


def test_a_full_disk_keeps_what_is_stored_and_resuming_gives_the_same(
    fakes, movie, tmp_path, capsys, monkeypatch
):
    assert run(movie, tmp_path / "whole") == 0
    (expected,) = (tmp_path / "whole" / "day1.cgdata").glob("movie-*.cgm")
    out = tmp_path / "out"
    disk = Disk(monkeypatch, 150_000)
    capsys.readouterr()
    assert run(movie, out) == 4
    said = capsys.readouterr().err
    assert "256 of 600 frames were written and are kept" in said
    assert "The same command with --resume goes on from there." in said
    disk.left, disk.taken = np.inf, 0
    assert run(movie, out, "--resume") == 0
    (found,) = (out / "day1.cgdata").glob("movie-*.cgm")
    assert (found.name, found.read_bytes()) == (expected.name, expected.read_bytes())
    assert disk.taken < 0.7 * expected.stat().st_size  # the first block was not written again
    assert list((out / "day1.cgdata").glob(".*.part")) == []


def test_a_movie_that_cannot_be_used_leaves_nothing(fakes, movie, tmp_path):
    fakes.raises["summary"] = DataError("The movie is constant", "d", "h")
    assert run(movie, tmp_path / "out") == 3
    assert not (tmp_path / "out").exists()


def test_a_stored_movie_is_used_though_its_step_was_stopped(fakes, movie, tmp_path):
    out = tmp_path / "out"
    fakes.raises["summary"] = MemoryError()
    assert run(movie, out) == 4
    (stored,) = (out / "day1.cgdata").glob("movie-*.cgm")
    before = stored.stat().st_mtime_ns
    fakes.raises.clear()
    assert run(movie, out, "--resume") == 0
    assert stored.stat().st_mtime_ns == before


@pytest.mark.parametrize("steps", ["motion", "summary"])
@pytest.mark.parametrize("growing", [True, False])
def test_a_movie_that_changes_while_it_is_read_is_refused(
    fakes, movie, tmp_path, capsys, monkeypatch, steps, growing
):
    write = StoreWriter.write
    whole = movie.read_bytes()

    def change(self, start, frames):
        write(self, start, frames)
        movie.write_bytes(whole + bytes(9) if growing else whole[:-9] + b"x" * 9)

    monkeypatch.setattr(StoreWriter, "write", change)
    out = tmp_path / "out"
    words = ["run", str(movie), "-o", str(out), "--steps", steps, "--threads", "1"]
    assert main(words) == 3
    assert "changed while it was read" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.skipif(os.name == "nt", reason="open files cannot be removed there")
@pytest.mark.parametrize("steps", ["motion", "summary"])
def test_a_movie_that_is_gone_after_it_was_read_does_no_harm(
    fakes, movie, tmp_path, monkeypatch, steps
):
    commit = StoreWriter.commit
    monkeypatch.setattr(
        StoreWriter, "commit", lambda self: (movie.unlink(missing_ok=True), commit(self))
    )
    words = ["run", str(movie), "-o", str(tmp_path / "out"), "--steps", steps]
    assert main(words) == 0


def test_preparation_that_is_up_to_date_is_reported_as_skipped(fakes, movie, tmp_path):
    out = tmp_path / "out"
    for words, expected in ((), False), (("--resume",), True):
        assert run(movie, out, "--prepare.exclude-bad-pixels", "true", *words) == 0
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        (step,) = [step for step in report["steps"] if step["name"] == "prepare"]
        assert step["skipped"] is expected


def test_a_run_does_not_go_on_with_the_project_of_another_movie(fakes, movie, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(movie, out) == 0
    results = (out / "results.hdf5").read_bytes()
    renamed = movie.rename(tmp_path / "day2.tif")
    assert run(renamed, out, "--resume") == 2
    assert "day1.cgproj" in capsys.readouterr().err
    assert (out / "results.hdf5").read_bytes() == results


def test_only_the_stored_movie_of_this_very_preparation_is_kept(tmp_path):
    state = a_state()
    other = state.with_params(state.params.with_value("prepare.crop_top_px", 2))
    workspace = Workspace(tmp_path)
    names = prepared_file(state), prepared_file(other), "motion-old.cgm"
    assert len(set(names)) == 3
    for name in names:
        workspace.path(name).touch()
    workspace.clean(state)
    assert [path.name for path in tmp_path.iterdir()] == [prepared_file(state)]
    workspace.clean(state.with_(steps={"motion": StepRecord("k", "m.cgm")}))
    assert list(tmp_path.iterdir()) == []
