"""The program as a script sees it: a real process, real algorithms, files and exit codes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from caiman_gui.core.synthetic import make_recording
from caiman_gui.pipeline.demo import write_recording

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TWO_PHOTON = {
    "shape": (64, 64),
    "n_frames": 400,
    "n_neurons": 6,
    "frame_rate_hz": 20.0,
    "neuron_diameter_px": 10.0,
    "max_shift_px": 3.0,
    "seed": 7,
}
PROGRAM = [sys.executable, "-m", "caiman_gui"]


def caiman_gui(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, words)],
        capture_output=True, text=True, check=False, timeout=110, env=environment(), **options,
    )  # fmt: skip


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}


def assert_told(result: subprocess.CompletedProcess[str], code: int, *texts: str) -> None:
    """The exit code is right, and the end of stderr says it in at most three lines."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()[-3:]
    assert len(lines) >= 2
    for text in texts:
        assert text in "\n".join(lines)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    recording = make_recording("two-photon", **TWO_PHOTON)
    path = tmp_path_factory.mktemp("movie") / "day1.tif"
    write_recording(path, recording)
    return path, recording


@pytest.fixture(scope="module")
def finished(simulated, tmp_path_factory):
    path, _ = simulated
    out = tmp_path_factory.mktemp("run") / "out"
    words = ("--sources.neuron-diameter-um", 15, "--save-movie", "--motion.max-shift-px", 5)
    result = caiman_gui("run", path, "-o", out, *words)
    assert result.returncode == 0, result.stderr
    return out, result


def test_a_run_leaves_exactly_the_files_promised(finished):
    out, result = finished
    assert {path.name for path in out.iterdir()} == {
        "day1.cgproj", "day1.cgdata", "results.hdf5", "motion.h5", "components.csv", "traces.csv",
        "summary.png", "report.json", "run.log", "corrected.tif",
    }  # fmt: skip
    assert not [p for p in out.rglob("*") if p.name.startswith(".") or p.suffix == ".part"]
    assert result.stdout == ""


def test_the_motion_that_was_put_in_is_found(finished, simulated):
    out, _ = finished
    truth = simulated[1].shifts
    with h5py.File(out / "motion.h5") as file:
        shifts = file["shifts"][:, 0]
        assert file["shifts"].shape == (400, 1, 2)
        assert file["template"].shape == (64, 64)
        assert file["correlation"].shape == (400,)
        assert file["patch_centers_px"].shape == (1, 2)
    error = (shifts - shifts.mean(axis=0)) - (truth - truth.mean(axis=0))
    assert np.sqrt(np.mean(error**2)) < 0.3


def test_the_cells_that_were_put_in_are_found(finished, simulated):
    out, _ = finished
    truth = simulated[1].footprints.toarray()
    with h5py.File(out / "results.hdf5") as file:
        group = file["estimates/A"]
        shape = tuple(group["shape"][:])
        assert shape[0] == 64 * 64
        assert file["estimates/C"].shape == (shape[1], 400)
        accepted = set(np.atleast_1d(file["estimates/idx_components"][:]).tolist())
        found = np.zeros(shape, np.float32)
        indptr, indices, data = (group[name][:] for name in ("indptr", "indices", "data"))
    for k in range(shape[1]):
        found[indices[indptr[k] : indptr[k + 1]], k] = data[indptr[k] : indptr[k + 1]]
    found = found.reshape(64, 64, -1, order="F").reshape(64 * 64, -1)  # CaImAn counts by columns
    truth = truth / np.linalg.norm(truth, axis=1, keepdims=True)
    best = (truth @ found[:, sorted(accepted)]).max(axis=1)
    assert np.sum(best > 0.7) >= 5


def test_tables_agree_with_the_report(finished):
    out, _ = finished
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    with (out / "components.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with (out / "traces.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *lines = csv.reader(file)
    assert len(rows) == report["counts"]["components"]
    assert len(header) - 1 == report["counts"]["accepted"]
    assert len(lines) == 400
    assert float(lines[20][0]) == pytest.approx(1.0)  # 20 Hz
    steps = report["steps"]
    assert [s["name"] for s in steps] == ["motion", "summary", "sources", "quality", "traces"]
    assert all(s["seconds"] > 0 and s["peak_rss_bytes"] > 0 and not s["skipped"] for s in steps)
    assert report["parameters"]["sources"]["neuron_diameter_px"] == pytest.approx(10)  # 15 µm
    assert report["warnings"] == []


def test_the_corrected_movie_and_the_picture_can_be_opened(finished):
    out, _ = finished
    with tifffile.TiffFile(out / "corrected.tif") as file:
        assert file.series[0].shape == (400, 64, 64)
    assert (out / "summary.png").read_bytes()[:4] == b"\x89PNG"
    assert "Motion correction" in (out / "run.log").read_text(encoding="utf-8")


def test_a_resumed_run_skips_what_is_done_and_gives_the_same(finished, simulated):
    out, _ = finished
    before = (out / "traces.csv").read_bytes()
    result = caiman_gui("run", simulated[0], "-o", out, "--resume")
    assert result.returncode == 0, result.stderr
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert all(step["skipped"] for step in report["steps"])
    assert (out / "traces.csv").read_bytes() == before


def test_the_project_can_be_exported(finished, tmp_path):
    out, _ = finished
    result = caiman_gui("export", out / "day1.cgproj", "-f", "csv", "-o", tmp_path / "t.csv")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "t.csv").read_bytes() == (out / "traces.csv").read_bytes()


def test_the_number_of_threads_does_not_change_the_result(finished, simulated, tmp_path):
    words = ("--sources.neuron-diameter-um", 15, "--motion.max-shift-px", 5, "--threads", 1)
    result = caiman_gui("run", simulated[0], "-o", tmp_path / "o", *words)
    assert result.returncode == 0, result.stderr
    for name in ("traces.csv", "components.csv"):
        assert (tmp_path / "o" / name).read_bytes() == (finished[0] / name).read_bytes()


def noise(shape=(60, 32, 32)):
    return np.random.default_rng(0).normal(100, 5, shape).astype(np.float32)


def bad_inputs(folder: Path) -> dict[str, Path]:
    """Files that no one could analyse."""
    paths = {name: folder / f"{name}.tif" for name in ("text", "cut", "single", "constant", "nan")}
    paths["text"].write_text("this is no TIFF file at all\n")
    tifffile.imwrite(paths["cut"], noise(), photometric="minisblack")
    whole = paths["cut"].read_bytes()
    paths["cut"].write_bytes(whole[: len(whole) // 2])
    tifffile.imwrite(paths["single"], noise()[0], photometric="minisblack")
    tifffile.imwrite(paths["constant"], np.full((60, 32, 32), 7, np.uint16))
    holes = noise()
    holes[33, 4, 5] = np.nan
    tifffile.imwrite(paths["nan"], holes, photometric="minisblack")
    paths["missing"] = folder / "missing.tif"
    return paths


@pytest.mark.parametrize("name", ["text", "cut", "single", "constant", "nan", "missing"])
def test_bad_input_is_told_with_code_3(tmp_path, name):
    path = bad_inputs(tmp_path)[name]
    result = caiman_gui("run", path, "-o", tmp_path / "out")
    assert_told(result, 3)
    if name == "nan":
        assert "33" in result.stderr
    assert not list((tmp_path / "out").rglob("*.part"))


def test_noise_gives_code_5_and_outputs(tmp_path):
    tifffile.imwrite(tmp_path / "noise.tif", noise((300, 32, 32)), photometric="minisblack")
    words = ("--sources.min-corr", 0.9, "--steps", "summary,sources,quality,traces")
    result = caiman_gui("run", tmp_path / "noise.tif", "-o", tmp_path / "out", *words)
    assert_told(result, 5)
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {
        "noise.cgproj", "results.hdf5", "components.csv", "traces.csv", "report.json", "run.log",
    }  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["--motion.max-shift-px", "0"],
        ["--motion.mode", "elastic"],
        ["--quality.use-cnn", "true"],
        ["--no-such-option"],
        ["--memory", "plenty"],
    ],
)
def test_wrong_usage_is_code_2(simulated, tmp_path, words):
    result = caiman_gui("run", simulated[0], "-o", tmp_path / "out", *words)
    assert_told(result, 2)
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_code_4(simulated, tmp_path):
    (tmp_path / "file").write_text("")
    assert_told(caiman_gui("run", simulated[0], "-o", tmp_path / "file" / "out"), 4, "file")


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes there")
def test_a_disk_that_fills_up_is_code_4_and_leaves_no_half(simulated, tmp_path):
    import resource

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))

    out = tmp_path / "out"
    result = caiman_gui("run", simulated[0], "-o", out, preexec_fn=small_files)
    assert_told(result, 4)
    assert not [p for p in out.rglob("*") if p.suffix in (".part", ".cgm") or ".part" in p.name]


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_and_the_run_can_be_resumed(tmp_path, number):
    recording = make_recording("two-photon", **{**TWO_PHOTON, "n_frames": 4000})
    write_recording(tmp_path / "long.tif", recording)
    out = tmp_path / "out"
    words = ["run", str(tmp_path / "long.tif"), "-o", str(out), "--threads", "1"]
    with subprocess.Popen(
        [*PROGRAM, *words], stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:  # until the first step is done
            if line.startswith("Motion correction:"):
                break
        process.send_signal(number)
        rest = process.stderr.read()
        process.wait(30)
    assert process.returncode == 130, rest
    assert "--resume" in rest
    assert not list(out.rglob("*.part"))
    result = caiman_gui(*words, "--resume", "--steps", "motion,summary")
    assert result.returncode == 0, result.stderr
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["steps"][0]["skipped"]


def test_the_demo_runs_without_a_display(tmp_path):
    result = caiman_gui("demo", "-o", tmp_path / "demo")
    assert result.returncode == 0, result.stderr
    assert str(tmp_path / "demo" / "results" / "summary.png") in result.stdout
    report = json.loads((tmp_path / "demo" / "results" / "report.json").read_text(encoding="utf-8"))
    assert report["counts"]["accepted"] >= 15
