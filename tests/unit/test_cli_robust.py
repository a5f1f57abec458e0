"""The command line where the terminal, the disk or the folder is not as it should be."""

from __future__ import annotations

import errno
import io
import logging
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tifffile

from caiman_gui import __main__ as entry
from caiman_gui.cli import main
from caiman_gui.cli.console import Console
from caiman_gui.cli.lock import folder_lock
from caiman_gui.cli.out_folder import remove_unfinished, require_outside
from caiman_gui.errors import InputError, ParameterError
from caiman_gui.files import write_text_atomic
from caiman_gui.io.movie import open_movie
from caiman_gui.logs import close_logging, setup_logging
from caiman_gui.pipeline.workspace import look_at

_EARLY_INTERRUPT = """
import os, signal, sys
from caiman_gui import __main__ as entry
entry._start = lambda argv: os.kill(os.getpid(), signal.SIGINT) or print("went on")
sys.exit(entry.main([]))
"""


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "day1.tif"
    tifffile.imwrite(path, np.zeros((4, 8, 8), "u2"), photometric="minisblack")
    return path


class Deaf(io.StringIO):
    """A terminal that went away."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC, errno.EIO])
def test_a_run_outlives_its_terminal(number):
    console = Console(stream=Deaf(number))
    console.say("one")
    console.show(0.5, "two")
    console.write("three")
    console.close()


def test_a_log_that_cannot_be_written_prints_no_traceback(capsys, tmp_path):
    try:
        setup_logging("info", tmp_path / "run.log", stream=Deaf(errno.ENOSPC))
        logging.getLogger("caiman_gui").info("a name that is no text: %s", "\udcff")
    finally:
        close_logging()
    assert capsys.readouterr().err == ""
    assert "no text: \\udcff" in (tmp_path / "run.log").read_text(encoding="utf-8")


def test_warnings_of_python_go_to_the_log_and_not_to_the_terminal(tmp_path):
    terminal = io.StringIO()
    try:
        setup_logging("warning", tmp_path / "run.log", stream=terminal)
        warnings.showwarning("overflow", RuntimeWarning, "x.py", 1)
    finally:
        close_logging()
    assert terminal.getvalue() == ""
    assert "RuntimeWarning: overflow" in (tmp_path / "run.log").read_text()


def test_stdout_that_refuses_is_told(monkeypatch, capsys):
    def refuse(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("caiman_gui.cli.params.main", refuse)
    monkeypatch.setattr("caiman_gui.cli.program._drop_stdout", lambda: None)
    assert main(["params"]) == 4
    told = capsys.readouterr().err
    assert "No space left on device" in told
    assert len(told.splitlines()) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_an_interrupt_before_any_work_ends_quietly():
    words = [sys.executable, "-c", _EARLY_INTERRUPT]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["~nobody-here/m.tif"], 3),
        (["x" * 5000], 2),
        (["x" * 5000 + ".tif"], 3),
        (["info", "~nobody-here/m.tif"], 3),
        (["info", "x" * 5000], 3),
        (["run", "~nobody-here/m.tif", "-o", "out"], 3),
        (["run", "x" * 5000, "-o", "out"], 3),
        (["export", "~nobody-here/p.cgproj", "-f", "csv", "-o", "t.csv"], 3),
        (["export", "x" * 5000, "-f", "csv", "-o", "t.csv"], 3),
    ],
)
def test_odd_names_are_told_in_a_few_lines(tmp_path, monkeypatch, capsys, words, code):
    monkeypatch.chdir(tmp_path)
    assert entry.main(words) == code
    assert 2 <= len(capsys.readouterr().err.strip().splitlines()) <= 3
    assert list(tmp_path.iterdir()) == []


class TestOut:
    @pytest.mark.parametrize(
        "place", ["corrected.tif", "run.log", "results.hdf5", "day1.cgdata/day1.tif"]
    )
    def test_a_movie_that_would_be_replaced_is_refused(self, movie, tmp_path, place, capsys):
        out = tmp_path / "out"
        inside = out / place
        inside.parent.mkdir(parents=True)
        movie.rename(inside)
        words = ["run", str(tmp_path / "out" / ".." / "out" / place), "-o", str(out)]
        name = "day1" if "day1" in place else inside.stem
        with pytest.raises(ParameterError, match="would be replaced"):
            require_outside([inside], out, name)
        assert main([*words, "--overwrite"]) == 2
        assert "The movie lies where the results go" in capsys.readouterr().err
        assert inside.is_file()

    def test_a_movie_beside_the_results_is_fine(self, movie, tmp_path):
        require_outside([movie], tmp_path, "day1")

    def test_an_empty_word_is_no_folder(self, movie, capsys):
        assert main(["run", str(movie), "-o", ""]) == 2
        assert "No folder was named" in capsys.readouterr().err

    @pytest.mark.parametrize("option", ["--resume", "--overwrite", "--quiet"])
    def test_a_folder_in_which_another_run_writes_is_left_alone(
        self, movie, tmp_path, capsys, option
    ):
        out = tmp_path / "out"
        words = ["run", str(movie), "-o", str(out), option]
        with folder_lock(tmp_path / "." / "out"):
            assert main(words) == 4
            assert "Another run" in capsys.readouterr().err
        assert not out.exists()
        assert main(words) == 3  # free again: the movie is too short
        with folder_lock(out), folder_lock(tmp_path / "other"):
            pass

    def test_leftovers_of_a_killed_run_are_removed_and_nothing_else(self, tmp_path):
        keep = [".mine.part", ".results.hdf5.part", ".other.cgproj.01234567.part", "results.hdf5"]
        drop = [".results.hdf5.0a1b2c3d.part", ".day1.cgproj.01234567.part"]
        for name in (*keep, *drop):
            (tmp_path / name).touch()
        remove_unfinished(tmp_path, "day1")
        assert sorted(file.name for file in tmp_path.iterdir()) == sorted(keep)


class TestNames:
    @pytest.mark.parametrize("name", ["n" * 243, "ü" * 121])
    def test_the_longest_names_can_be_written(self, tmp_path, name):
        path = tmp_path / f"{name}.cgproj"
        try:
            path.touch()
        except OSError:
            pytest.skip("this disk allows no such name")
        write_text_atomic(path, "new")
        assert path.read_text() == "new"

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
    def test_a_name_that_is_no_text_is_refused(self, movie):
        odd = movie.with_name("day\udcff.tif")
        movie.rename(odd)
        with pytest.raises(InputError, match="no letters") as caught:
            open_movie([odd])
        str(caught.value).encode()

    def test_a_file_given_twice_is_said(self, movie):
        recording = look_at([movie, movie]).recording
        notes = recording.notes
        assert recording.n_frames == 8
        assert any("more than once" in note for note in notes)
        assert look_at([movie]).recording.notes == ()
