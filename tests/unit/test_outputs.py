from __future__ import annotations

import csv
import json
import os
from dataclasses import replace

import h5py
import numpy as np
import pytest
from pipeline_fakes import FakeSteps, ListContext, write_movie

from caiman_gui.core.results import Decision
from caiman_gui.errors import DataError, ParameterError, ResourceError
from caiman_gui.pipeline.edits import delete_components, merge_components
from caiman_gui.pipeline.outputs import EXPORT_FORMATS, export, write_outputs
from caiman_gui.pipeline.report import make_report
from caiman_gui.pipeline.runner import STEP_NAMES, Workspace, open_recording, run_steps
from caiman_gui.project.model import ProjectState

ALL_FILES = {
    "day1.cgproj", "day1.cgdata", "results.hdf5", "motion.h5", "components.csv", "traces.csv",
    "summary.png", "report.json", "corrected.tif",
}  # fmt: skip


@pytest.fixture
def fakes(monkeypatch):
    made = FakeSteps(monkeypatch)
    import sys

    sys.modules["caiman_gui.core.quality"].decide = lambda components, **_: {
        i: Decision(i > 0, i > 0, None, "SNR 3 above 2.5") for i in components.ids
    }
    return made


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "out" / "day1.cgdata")


@pytest.fixture
def state(tmp_path, fakes, workspace):
    empty = ProjectState(recording=open_recording([write_movie(tmp_path / "day1.tif")]))
    return run_steps(STEP_NAMES, empty, workspace=workspace, n_threads=1)


def report_of(state):
    return make_report(state, skipped={"motion"}, n_threads=2, memory_bytes=2**30, notes=("n",))


def write(state, workspace, **options):
    out = workspace.folder.parent
    settings = {"save_movie": True, "report": report_of(state), **options}
    return write_outputs(state, out, name="day1", workspace=workspace, **settings)


def test_all_files_are_written_and_nothing_else(state, workspace):
    written = write(state, workspace)
    names = {path.name for path in workspace.folder.parent.iterdir()}
    assert names == ALL_FILES
    assert {path.name for path in written} == ALL_FILES - {"day1.cgdata"}


def test_the_corrected_movie_is_written_only_if_wanted(state, workspace):
    write(state, workspace, save_movie=False)
    assert not (workspace.folder.parent / "corrected.tif").exists()


def test_tables_hold_the_accepted_components(state, workspace):
    write(state, workspace)
    out = workspace.folder.parent
    with (out / "components.csv").open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 3
    with (out / "traces.csv").open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file))
    assert len(header) == 1 + 2  # time, then the accepted ones
    with h5py.File(out / "motion.h5") as file:
        assert file["shifts"].shape == (40, 1, 2)


def test_without_components_the_files_are_there_too(state, workspace):
    nothing = state.with_(components=None)
    write(nothing, workspace)
    assert {path.name for path in workspace.folder.parent.iterdir()} == ALL_FILES
    with h5py.File(workspace.folder.parent / "results.hdf5") as file:
        assert file["estimates/C"].shape[0] == 0


def test_without_motion_there_is_no_motion_file(state, workspace):
    steps = {k: v for k, v in state.steps.items() if k != "motion"}
    write(state.with_(motion=None, steps=steps), workspace)
    names = {path.name for path in workspace.folder.parent.iterdir()}
    assert not names & {"motion.h5", "corrected.tif"}


def test_files_that_no_longer_belong_to_the_results_are_removed(state, workspace):
    write(state, workspace)
    out = workspace.folder.parent
    write(state, workspace, save_movie=False)
    assert (out / "corrected.tif").is_file()  # still of the same corrected movie
    os.utime(out / "corrected.tif", (1, 1))
    write(state, workspace, save_movie=False)
    assert not (out / "corrected.tif").exists()
    steps = {k: v for k, v in state.steps.items() if k != "motion"}
    write(state.with_(motion=None, steps=steps), workspace)
    assert not (out / "motion.h5").exists()
    assert (out / "results.hdf5").is_file()


def test_results_out_of_date_are_a_warning(state):
    changed = state.with_(params=state.params.with_value("sources.min_pnr", 7.0))
    options = {"skipped": (), "n_threads": 1, "memory_bytes": 2**30}
    assert not any("Out of date" in text for text in make_report(state, **options)["warnings"])
    told = [text for text in make_report(changed, **options)["warnings"] if "Out of date" in text]
    assert len(told) == 1
    assert "Sources" in told[0]
    assert "Motion" not in told[0]


def test_the_report_has_the_fields_promised(state, workspace):
    write(state, workspace)
    report = json.loads((workspace.folder.parent / "report.json").read_text(encoding="utf-8"))
    assert report["version"]
    assert report["parameters"]["motion"]["mode"] == "rigid"
    assert [step["name"] for step in report["steps"]] == list(STEP_NAMES)
    for step in report["steps"]:
        assert set(step) == {"name", "seconds", "cpu_seconds", "peak_rss_bytes", "skipped"}
    assert [step["skipped"] for step in report["steps"]] == [True] + 4 * [False]
    assert report["counts"] == {"components": 3, "accepted": 2}
    machine = report["machine"]
    assert machine["threads"] == 2
    assert machine["memory_budget_bytes"] == 2**30
    assert machine["cpus"] >= 1
    assert any("only 40 frames" in warning for warning in report["warnings"])
    assert report["warnings"][-1] == "n"


def test_a_file_that_cannot_be_written_leaves_no_half(state, workspace, monkeypatch):
    write(state, workspace)
    before = (workspace.folder.parent / "report.json").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(ResourceError):
        write(state, workspace)
    left = [p.name for p in workspace.folder.parent.rglob("*") if p.suffix in (".part", ".tmp")]
    assert left == []
    assert (workspace.folder.parent / "report.json").read_bytes() == before


@pytest.mark.parametrize("name", EXPORT_FORMATS)
def test_every_format_can_be_exported(state, workspace, tmp_path, name):
    path = tmp_path / f"one{EXPORT_FORMATS[name].suffix}"
    export(name, state, path, workspace, ListContext())
    assert path.stat().st_size > 0


def test_what_is_not_there_cannot_be_exported(state, workspace, tmp_path):
    bare = state.with_(motion=None, summary=None)
    for name in ("motion", "tiff", "png"):
        with pytest.raises(DataError):
            export(name, bare, tmp_path / "x", workspace)
    with pytest.raises(ParameterError, match="Unknown format: nwb"):
        export("nwb", state, tmp_path / "x", workspace)


def test_merging_works_on_the_new_component_only(state, workspace, fakes, monkeypatch):
    marked = state.components.with_items(
        replace(item, noise=float(item.id)) for item in state.components.items
    )
    merged = merge_components(state.with_(components=marked), (0, 2), workspace)
    assert set(merged.components.ids) == {1, 3}
    assert merged.components.by_id(1).noise == 1.0
    new = merged.components.by_id(3)
    assert new.parents == (0, 2)
    assert new.metrics.snr == 3.0
    assert new.noise == 1.0
    assert merged.history[-1].ids_in == (0, 2)
    assert merged.history[-1].ids_out == (3,)


def test_merging_without_the_movie_leaves_quality_open(state, workspace):
    workspace.path(state.steps["motion"].file).unlink()
    merged = merge_components(state, (0, 1), workspace)
    assert np.isnan(merged.components.by_id(3).metrics.snr)


def test_impossible_merges_are_refused(state, workspace):
    for ids in ((0,), (0, 0), (0, 99)):
        with pytest.raises(DataError):
            merge_components(state, ids, workspace)
    with pytest.raises(DataError, match="no components"):
        merge_components(state.with_(components=None), (0, 1), workspace)


def test_deleting_drops_labels_too(state):
    labelled = state.with_(labels={0: "accept", 1: "reject"})
    left = delete_components(labelled, (0,))
    assert left.components.ids == (1, 2)
    assert dict(left.labels) == {1: "reject"}
