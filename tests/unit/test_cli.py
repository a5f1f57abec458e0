from __future__ import annotations

import io
import json
import signal
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from pipeline_fakes import FakeSteps, recording, write_movie

from caiman_gui import __main__ as entry
from caiman_gui.cli import main
from caiman_gui.cli.arguments import memory_size
from caiman_gui.cli.console import Console, ConsoleContext, clock
from caiman_gui.cli.demo import has_display
from caiman_gui.cli.interrupt import Abandoned, run_interruptible
from caiman_gui.cli.options import Given, given_params, resolve_twins
from caiman_gui.cli.run import _parser
from caiman_gui.core.results import Decision
from caiman_gui.core.task import Cancelled
from caiman_gui.errors import DataError, NoResultError, ParameterError
from caiman_gui.params.run import RunParams, all_specs


@pytest.fixture
def fakes(monkeypatch):
    import sys

    made = FakeSteps(monkeypatch)
    sys.modules["caiman_gui.core.quality"].decide = lambda components, **_: {
        i: Decision(i > 0, i > 0, None, "SNR 3 above 2.5") for i in components.ids
    }
    return made


@pytest.fixture
def movie(tmp_path):
    return write_movie(tmp_path / "day1.tif")


def options(*words):
    return _parser().parse_args(["m.tif", "-o", "out", *words])


def given(*words) -> Given:
    return given_params(options(*words))


class TestParameters:
    def test_later_words_win(self, tmp_path):
        file = tmp_path / "p.json"
        file.write_text('{"sources": {"neuron_diameter_px": 20, "background_rank": 3}}')
        words = ("--preset", "1p", "--params", str(file), "--sources.neuron-diameter-px", "7")
        params = given(*words).params
        assert params.recording.kind == "one-photon"  # preset
        assert params.sources.background_rank == 3  # file
        assert params.sources.neuron_diameter_px == 7  # option

    @pytest.mark.parametrize("text", ["nan", "inf", "9" * 400, "1e308", ""])
    def test_a_twin_that_is_no_size_is_refused(self, text):
        words = (f"--motion.max-shift-um={text}", "--recording.pixel-size-um", "1e-3")
        with pytest.raises(ParameterError, match=r"max-shift-um .* cannot be used"):
            resolve_twins(given(*words), recording(pixel_size_um=None))

    @pytest.mark.parametrize("spec", list(all_specs()), ids=lambda spec: spec.path)
    def test_every_parameter_has_an_option(self, spec):
        if spec.path == "quality.use_cnn":
            return  # refused, see below
        text = "none" if spec.default is None else str(spec.default)
        assert given(spec.option, text).params == RunParams()

    def test_micrometres_and_seconds_are_converted(self):
        words = ("--motion.max-shift-um", "9", "--traces.baseline-window-s", "30",
                 "--sources.neuron-diameter-um", "15")  # fmt: skip
        params = resolve_twins(given(*words), recording(pixel_size_um=2.0))
        assert params.motion.max_shift_px == 4  # 4.5, to the even neighbour
        assert params.sources.neuron_diameter_px == 7.5
        assert params.traces.baseline_window_frames == 600  # 20 Hz

    def test_typed_sizes_win_over_the_file(self):
        words = ("--motion.max-shift-um", "9", "--recording.pixel-size-um", "3")
        assert resolve_twins(given(*words), recording(pixel_size_um=2.0)).motion.max_shift_px == 3

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            (("--motion.max-shift-um", "9"), "needs the pixel size"),
            (("--traces.baseline-window-s", "9"), "needs the frame rate"),
        ],
    )
    def test_a_twin_without_scale_is_refused(self, words, text):
        with pytest.raises(ParameterError, match=text):
            resolve_twins(given(*words), recording(frame_rate_hz=None))

    @pytest.mark.parametrize(
        ("words", "text"),
        [
            (("--motion.max-shift-px", "3", "--motion.max-shift-um", "9"), "given twice"),
            (("--motion.max-shift-px", "0"), "max_shift_px = 0"),
            (("--quality.use-cnn", "true"), "no shape classifier"),
            (("--preset", "3p"), "invalid choice"),
            (("--motion.max-shift", "3"), "unrecognized arguments"),
            (("--threads", "0"), "at least 1"),
            (("--memory", "lots"), "no size"),
            (("--motion.max-shift-um", "far"), "number is expected"),
        ],
    )
    def test_what_cannot_be_used_is_refused(self, words, text):
        with pytest.raises(ParameterError, match=text):
            given(*words)

    def test_sizes_of_memory(self):
        assert memory_size("4GB") == 4_000_000_000
        assert memory_size("1.5 gib") == 3 * 2**29
        assert memory_size("800M") == 800_000_000
        with pytest.raises(ParameterError, match="too small"):
            memory_size("4")


class TestShow:
    def test_params(self, capsys):
        assert main(["params"]) == 0
        assert "motion.max_shift_px  (int, default 12 px" in capsys.readouterr().out
        assert main(["params", "--json"]) == 0
        entries = json.loads(capsys.readouterr().out)
        assert {e["name"] for e in entries} == {s.path for s in all_specs()}
        assert entries[0].keys() >= {"type", "unit", "default", "minimum", "meaning", "caiman"}

    def test_info(self, capsys, movie):
        assert main(["info", str(movie)]) == 0
        text = capsys.readouterr().out
        assert "40" in text
        assert "20 Hz (" in text
        assert main(["info", str(movie), "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["shape"] == [40, 16, 12]
        assert facts["frame_rate_hz"] == pytest.approx(20)
        assert facts["pixel_size_um"] == pytest.approx(2)

    def test_version_and_help(self, capsys):
        assert main(["--version"]) == 0
        assert main(["--help"]) == 0
        text = capsys.readouterr().out
        assert "caiman-gui 0." in text
        assert "online" not in text
        for command in ("run", "demo", "export", "info", "params"):
            assert main([command, "--help"]) == 0

    @pytest.mark.parametrize(
        ("words", "code", "text"),
        [
            (["frobnicate"], 2, "Unknown command"),
            (["none.tif"], 3, "does not exist"),
            (["info"], 2, "MOVIE"),
            (["run", "x.tif"], 2, "--out"),
            (["info", "none.tif"], 3, "does not exist"),
            (["export", "none.cgproj", "-f", "csv", "-o", "x.csv"], 3, "does not exist"),
            (["export", "none.cgproj", "-f", "nwb", "-o", "x"], 2, "invalid choice"),
        ],
    )
    def test_failures_are_told_in_three_lines(self, capsys, words, code, text):
        assert main(words) == code
        lines = capsys.readouterr().err.strip().splitlines()
        assert 2 <= len(lines) <= 3
        assert any(text in line for line in lines)


class TestRun:
    def test_a_run_and_its_resumption(self, fakes, movie, tmp_path, capsys):
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out), "--threads", "1"]) == 0
        error = capsys.readouterr().err
        assert "3 components, 2 accepted" in error
        assert "only 40 frames" in error
        assert {p.name for p in out.iterdir()} == {
            "day1.cgproj", "day1.cgdata", "results.hdf5", "motion.h5", "components.csv",
            "traces.csv", "summary.png", "report.json", "run.log",
        }  # fmt: skip
        fakes.calls.clear()
        words = ["run", str(movie), "-o", str(out), "--resume", "--traces.ar-order", "0"]
        assert main(words) == 0
        assert fakes.calls == ["traces"]
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        assert {s["name"]: s["skipped"] for s in report["steps"]} == {
            "motion": True, "summary": True, "sources": True, "quality": True, "traces": False,
        }  # fmt: skip
        assert report["parameters"]["traces"]["ar_order"] == 0
        assert main(["run", str(movie), "-o", str(out), "--resume"]) == 0
        assert fakes.calls == ["traces"]  # the parameters of the project hold

    def test_a_used_folder_is_not_touched(self, fakes, movie, tmp_path, capsys):
        out = tmp_path / "out"
        out.mkdir()
        (out / "thesis.txt").write_text("mine")
        assert main(["run", str(movie), "-o", str(out)]) == 2
        assert "not empty" in capsys.readouterr().err
        assert main(["run", str(movie), "-o", str(out), "--overwrite", "--resume"]) == 2
        assert [p.name for p in out.iterdir()] == ["thesis.txt"]
        assert main(["run", str(movie), "-o", str(out), "--overwrite"]) == 0
        assert (out / "thesis.txt").read_text() == "mine"

    def test_overwriting_leaves_no_old_result(self, fakes, movie, tmp_path):
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out), "--save-movie", "--quiet"]) == 0
        assert (out / "corrected.tif").is_file()
        words = ["run", str(movie), "-o", str(out), "--overwrite", "--steps", "summary"]
        assert main(words) == 0
        assert not {p.name for p in out.iterdir()} & {"corrected.tif", "motion.h5"}

    def test_steps_that_cannot_run_are_refused_before_any_work(
        self, fakes, movie, tmp_path, capsys
    ):
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out), "--steps", "motion,sources"]) == 2
        assert "'summary'" in capsys.readouterr().err
        assert main(["run", str(movie), "-o", str(out), "--steps", "sauces"]) == 2
        assert main(["run", str(movie), "-o", str(out), "--steps", ","]) == 2
        assert fakes.calls == []
        assert not out.exists()

    def test_no_component_is_code_5_with_outputs(self, fakes, movie, tmp_path, capsys):
        fakes.raises["sources"] = NoResultError("No component was found", "why", "what to do")
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out)]) == 5
        assert capsys.readouterr().err.endswith("No component was found\nwhy\nwhat to do\n")
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        assert report["counts"] == {"components": 0, "accepted": 0}
        assert any("No component" in warning for warning in report["warnings"])
        assert (out / "results.hdf5").is_file()
        assert (out / "traces.csv").is_file()

    @pytest.mark.parametrize(
        ("error", "code", "text"),
        [
            (DataError("The movie is constant", "d", "h"), 3, "The movie is constant"),
            (MemoryError(), 4, "not enough memory"),
            (OSError(28, "No space left on device", "f"), 4, "No space left"),
            (RuntimeError("boom"), 1, "This is a bug in caiman_gui"),
        ],
    )
    def test_failures_have_codes_and_words(self, fakes, movie, tmp_path, capsys, error, code, text):
        fakes.raises["summary"] = error
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out)]) == code
        said = capsys.readouterr().err
        assert text in said
        assert "Traceback" not in said
        if code == 1:
            assert "run.log" in said
            assert "boom" in (out / "run.log").read_text(encoding="utf-8")
            assert "Traceback" in (out / "run.log").read_text(encoding="utf-8")
        fakes.raises.clear()
        fakes.calls.clear()
        assert main(["run", str(movie), "-o", str(out), "--resume", "--quiet"]) == 0
        assert "motion" not in fakes.calls  # was finished before the failure

    def test_debug_shows_the_traceback(self, fakes, movie, tmp_path, capsys):
        fakes.raises["summary"] = RuntimeError("boom")
        words = ["run", str(movie), "-o", str(tmp_path / "out"), "--log-level", "debug"]
        assert main(words) == 1
        assert "Traceback" in capsys.readouterr().err

    def test_a_stopped_run_can_be_resumed(self, fakes, movie, tmp_path, capsys):
        fakes.raises["sources"] = Cancelled()
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out)]) == 130
        assert "--resume" in capsys.readouterr().err
        assert (out / "day1.cgproj").is_file()
        fakes.raises.clear()
        fakes.calls.clear()
        assert main(["run", str(movie), "-o", str(out), "--resume"]) == 0
        assert fakes.calls == ["sources", "quality", "traces"]

    def test_no_place_for_results(self, fakes, movie, tmp_path, capsys):
        (tmp_path / "file").write_text("")
        assert main(["run", str(movie), "-o", str(tmp_path / "file" / "out")]) == 4
        assert main(["run", str(movie), "-o", str(tmp_path / "file")]) == 2

    def test_a_caiman_file_and_its_notes(self, fakes, movie, tmp_path, capsys):
        file = tmp_path / "caiman.json"
        file.write_text(json.dumps({"init": {"gSig": [4, 4], "ssub": 2}}))
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out), "--params", str(file)]) == 0
        assert "init.ssub" in capsys.readouterr().err
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        assert report["parameters"]["sources"]["neuron_diameter_px"] == 8
        assert any("init.ssub" in warning for warning in report["warnings"])

    def test_an_export_from_the_project(self, fakes, movie, tmp_path):
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out), "--quiet"]) == 0
        project, target = str(out / "day1.cgproj"), tmp_path / "t.csv"
        assert main(["export", project, "-f", "csv", "-o", str(target)]) == 0
        assert target.read_bytes() == (out / "traces.csv").read_bytes()
        assert main(["export", project, "-f", "csv", "-o", str(target)]) == 2
        assert main(["export", project, "-f", "tiff", "-o", str(tmp_path / "c.tif")]) == 0

    @pytest.mark.parametrize("place", ["out/day1.cgproj", "day1.tif", "out/day1.cgdata/new.csv"])
    def test_an_export_never_replaces_the_project_or_its_movie(
        self, fakes, movie, tmp_path, place, capsys
    ):
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out), "--quiet"]) == 0
        target = tmp_path / place
        before = target.read_bytes() if target.exists() else b""
        words = ["export", str(out / "day1.cgproj"), "-f", "csv", "-o", str(target)]
        assert main([*words, "--overwrite"]) == 2
        assert "part of the project" in capsys.readouterr().err
        assert (target.read_bytes() if target.exists() else b"") == before

    def test_a_damaged_project_cannot_be_resumed_and_says_how_to_go_on(
        self, fakes, movie, tmp_path, capsys
    ):
        out = tmp_path / "out"
        assert main(["run", str(movie), "-o", str(out), "--quiet"]) == 0
        (out / "day1.cgproj").write_text("{")
        capsys.readouterr()
        assert main(["run", str(movie), "-o", str(out), "--resume"]) == 3
        told = capsys.readouterr().err
        assert "cannot be resumed" in told
        assert "--overwrite" in told
        assert main(["run", str(movie), "-o", str(out), "--overwrite", "--quiet"]) == 0


class TestDemo:
    @pytest.fixture(autouse=True)
    def small_demo(self, monkeypatch):
        made = SimpleNamespace(
            movie=np.random.default_rng(0).integers(0, 99, (40, 16, 12)).astype(np.uint16),
            frame_rate_hz=20.0,
        )
        monkeypatch.setattr("caiman_gui.core.synthetic.demo_recording", lambda ctx: made)

    def test_without_display_it_runs_everything(self, fakes, tmp_path, capsys):
        assert main(["demo", "-o", str(tmp_path / "demo")]) == 0
        said = capsys.readouterr().out
        assert "summary.png" in said
        assert (tmp_path / "demo" / "results" / "summary.png").is_file()
        assert main(["demo", "-o", str(tmp_path / "demo")]) == 0  # again, no question asked
        assert main(["info", str(tmp_path / "demo" / "demo.tif"), "--json"]) == 0
        facts = json.loads(capsys.readouterr().out.split("Project:")[-1].partition("\n")[2])
        assert facts["frame_rate_hz"] == pytest.approx(20)
        assert facts["pixel_size_um"] == pytest.approx(1.5)

    def test_with_a_display_it_opens_the_window(self, monkeypatch):
        monkeypatch.setattr("caiman_gui.cli.demo.has_display", lambda: True)
        opened = []
        assert main(["demo"], lambda paths: opened.extend(paths) or 0) == 0
        assert [path.name for path in opened] == ["demo.tif"]

    def test_displays(self, monkeypatch):
        monkeypatch.setattr("sys.platform", "linux")
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
            monkeypatch.delenv(name, raising=False)
        assert not has_display()
        monkeypatch.setenv("DISPLAY", ":0")
        assert has_display()
        monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
        assert not has_display()


class TestEntry:
    def test_paths_go_to_the_window(self, monkeypatch, movie):
        opened = []
        monkeypatch.setattr(entry, "_open_window", lambda paths: opened.append(paths) or 7)
        assert entry.main([]) == 7
        assert entry.main([str(movie)]) == 7
        assert opened == [[], [movie]]
        assert entry.main(["--version"]) == 0

    def test_linear_algebra_gets_one_thread(self, monkeypatch):
        monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
        monkeypatch.setenv("MKL_NUM_THREADS", "3")
        monkeypatch.setattr(entry.os, "environ", dict(entry.os.environ))
        entry.keep_algebra_single_threaded()
        assert entry.os.environ["OPENBLAS_NUM_THREADS"] == "1"
        assert entry.os.environ["VECLIB_MAXIMUM_THREADS"] == "1"
        assert entry.os.environ["MKL_NUM_THREADS"] == "3"  # the user's word holds

    def test_no_display_is_said(self, monkeypatch, capsys):
        monkeypatch.setattr("sys.platform", "linux")
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
            monkeypatch.delenv(name, raising=False)
        assert entry.main([]) == 4
        assert "no display" in capsys.readouterr().err

    def test_kernels_are_kept_where_the_user_may_write(self, monkeypatch, tmp_path):
        monkeypatch.delenv("NUMBA_CACHE_DIR")
        monkeypatch.setattr("platformdirs.user_cache_path", lambda *a, **k: tmp_path / "cache")
        entry.choose_kernel_cache()
        assert entry.os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "cache" / "kernels")
        monkeypatch.delenv("NUMBA_CACHE_DIR")
        (tmp_path / "file").write_text("")
        monkeypatch.setattr("platformdirs.user_cache_path", lambda *a, **k: tmp_path / "file")
        entry.choose_kernel_cache()
        assert str(tmp_path / "file") not in entry.os.environ["NUMBA_CACHE_DIR"]


class TestConsole:
    def test_plain_lines_without_a_terminal(self):
        stream = io.StringIO()
        console = Console(stream=stream)
        for i in range(100):
            console.show(i / 100, "Motion correction" if i < 50 else "Sources")
        console.say("done")
        assert stream.getvalue().splitlines() == [
            "  0 %  Motion correction", " 50 %  Sources", "done",
        ]  # fmt: skip

    def test_a_bar_on_a_terminal(self, monkeypatch):
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda: True)
        console = Console(stream=stream)
        console.show(0.5, "Sources")
        console.write("WARNING: look\n")
        text = stream.getvalue()
        assert "[############------------]  50 %  Sources" in text
        assert "\r\x1b[KWARNING: look\n" in text

    def test_quiet_shows_only_what_is_written(self):
        stream = io.StringIO()
        console = Console(quiet=True, stream=stream)
        console.show(0.5, "x")
        console.say("y")
        console.write("error\n")
        assert stream.getvalue() == "error\n"

    def test_times(self):
        assert [clock(s) for s in (5, 65, 7210)] == ["0:05", "1:05", "2:00:10"]


class TestInterrupt:
    def test_results_and_errors_come_through(self):
        ctx = ConsoleContext(Console(quiet=True))
        assert run_interruptible(lambda: 3, ctx) == 3
        with pytest.raises(ValueError, match="no"):
            run_interruptible(lambda: int("no"), ctx)

    def test_a_signal_stops_the_work(self):
        ctx = ConsoleContext(Console(quiet=True))
        started = threading.Event()

        def work() -> None:
            started.set()
            while True:
                ctx.check()
                threading.Event().wait(0.01)

        threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,)).start()
        with pytest.raises(Cancelled) as stopped:
            run_interruptible(work, ctx)
        assert started.is_set()
        assert not isinstance(stopped.value, Abandoned)

    def test_work_that_does_not_look_up_is_abandoned(self, monkeypatch):
        monkeypatch.setattr("caiman_gui.cli.interrupt.GRACE_S", 0.05)
        ctx = ConsoleContext(Console(quiet=True))
        go_on = threading.Event()
        ctx.stop()
        with pytest.raises(Abandoned):
            run_interruptible(go_on.wait, ctx)
        go_on.set()
