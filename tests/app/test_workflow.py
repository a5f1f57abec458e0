"""Runs on the open document: results arrive one by one and never undo what the user does."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from app_states import components, motion, state, summary

import caiman_gui.pipeline.outputs as outputs
import caiman_gui.pipeline.runner as runner
from caiman_gui.app.document import Document
from caiman_gui.app.reporter import Reporter
from caiman_gui.app.settings import Settings
from caiman_gui.app.tasks import TaskRunner
from caiman_gui.app.workflow import Workflow
from caiman_gui.errors import NoResultError
from caiman_gui.pipeline.workspace import Workspace
from caiman_gui.project.model import StepRecord

RESULTS = {
    "motion": lambda: {"motion": motion()},
    "summary": lambda: {"summary": summary()},
    "sources": lambda: {"components": components(1, 2, 3), "labels": {}},
}


class FakePipeline:
    """Stands in for run_steps: results at once, or at a gate before each step."""

    def __init__(self) -> None:
        self.gates = {}
        self.calls = []

    def run_steps(self, names, state, *, ctx, on_step, on_start, on_found, **options):
        self.calls.append((names, options))
        for name in names:
            on_start(name)
            gate = self.gates.get(name)
            while gate is not None and not gate.wait(0.005):
                ctx.check()
            if name == "quality":
                raise NoResultError("Nothing to measure")
            if name == "sources":
                on_found(np.zeros((5, 2)))
            if not (name in state.steps and name == "summary"):
                steps = {**state.steps, name: StepRecord(f"{name}-{len(self.calls)}")}
                state = state.with_(**RESULTS[name](), steps=steps)
            on_step(name, state)
        return state


class Desk:
    """A document with its workflow, and notes of what was told."""

    def __init__(self, folder) -> None:
        self.tasks = TaskRunner()
        self.reporter = Reporter()
        self.document = Document()
        self.workflow = Workflow(self.document, self.tasks, self.reporter, Settings())
        self.document.reset(state(), None, Workspace(folder))
        self.messages, self.steps, self.ends = [], [], []
        self.reporter.message.connect(self.messages.append)
        self.workflow.stepRunning.connect(lambda name: self.steps.append(("running", name)))
        self.workflow.stepFinished.connect(lambda name: self.steps.append(("finished", name)))
        self.workflow.runFinished.connect(self.ends.append)


@pytest.fixture
def pipeline(monkeypatch):
    fake = FakePipeline()
    monkeypatch.setattr(runner, "run_steps", fake.run_steps)
    return fake


@pytest.fixture
def desk(qapp, tmp_path, pipeline):
    desk = Desk(tmp_path)
    yield desk
    assert desk.tasks.shutdown(5000)


def test_each_step_arrives_as_one_edit(desk, qtbot) -> None:
    found = []
    desk.workflow.centresFound.connect(found.append)
    task = desk.workflow.run(["motion", "summary", "sources"])
    assert task.title == "Run all steps"
    assert desk.workflow.is_running
    qtbot.waitUntil(lambda: desk.ends == [True])
    stack = desk.document.undo_stack
    assert [stack.text(i) for i in range(stack.count())] == [
        "Motion correction",
        "Summary images",
        "Sources",
    ]
    assert desk.steps == [
        (what, name)
        for name in ("motion", "summary", "sources")
        for what in ("running", "finished")
    ]
    assert desk.document.state.components.ids == (1, 2, 3)
    assert [f.shape for f in found] == [(5, 2)]
    assert not desk.workflow.is_running
    assert desk.workflow.running_step is None
    assert desk.messages == []


def test_undoing_a_run_brings_the_older_result_back(desk, qtbot) -> None:
    for n in (1, 2):
        desk.workflow.run(["motion"], force=True)
        qtbot.waitUntil(lambda n=n: len(desk.ends) == n)
    second = desk.document.state.motion
    desk.document.undo_stack.undo()
    assert desk.document.state.steps["motion"].key == "motion-1"
    assert desk.document.state.motion is not second
    desk.document.undo_stack.redo()
    assert desk.document.state.motion is second


def test_a_step_up_to_date_is_no_edit(desk, qtbot) -> None:
    for n in (1, 2):
        desk.workflow.run(["summary"])
        qtbot.waitUntil(lambda n=n: len(desk.ends) == n)
    assert desk.document.undo_stack.count() == 1
    assert desk.steps[-1] == ("finished", "summary")


def test_what_the_user_changes_meanwhile_stays(desk, pipeline, qtbot) -> None:
    gate = pipeline.gates["summary"] = threading.Event()
    desk.workflow.run(["motion", "summary"])
    qtbot.waitUntil(lambda: ("running", "summary") in desk.steps)
    document = desk.document
    assert document.state.motion is not None, "the first result is there before the second"
    document.set_params(document.state.params.with_value("motion.max_shift_px", 33))
    gate.set()
    qtbot.waitUntil(lambda: desk.ends == [True])
    assert document.state.params.motion.max_shift_px == 33
    assert document.state.summary is not None


def test_a_failed_step_is_told_and_the_finished_ones_stay(desk, qtbot) -> None:
    desk.workflow.run(["motion", "quality"])
    qtbot.waitUntil(lambda: desk.ends == [False])
    assert [m.title for m in desk.messages] == ["Nothing to measure"]
    assert desk.document.state.motion is not None
    assert desk.document.undo_stack.count() == 1


def test_cancel_stops_and_is_no_error(desk, pipeline, qtbot) -> None:
    pipeline.gates["summary"] = threading.Event()
    desk.workflow.run(["motion", "summary"])
    qtbot.waitUntil(lambda: ("running", "summary") in desk.steps)
    desk.workflow.cancel()
    qtbot.waitUntil(lambda: desk.ends == [False])
    assert desk.messages == []
    assert desk.document.state.motion is not None
    assert desk.document.state.summary is None


def test_a_second_run_is_refused_in_words(desk, pipeline, qtbot) -> None:
    gate = pipeline.gates["motion"] = threading.Event()
    desk.workflow.run(["motion"])
    assert desk.workflow.run(["summary"]) is None
    assert desk.workflow.merge([1, 2]) is None
    assert [m.title for m in desk.messages] == ["Another run is going on"] * 2
    assert "Motion correction" in desk.messages[0].detail
    gate.set()
    qtbot.waitUntil(lambda: desk.ends == [True])
    assert desk.workflow.run(["summary"]) is not None
    qtbot.waitUntil(lambda: len(desk.ends) == 2)


def test_without_a_movie_nothing_runs(desk) -> None:
    desk.document.reset(state().with_(recording=None), None, None)
    assert desk.workflow.run(["motion"]) is None
    assert desk.workflow.export("csv", None) is None
    assert [m.title for m in desk.messages] == ["No movie is open", "Nothing to export"]


def test_opening_another_movie_ends_the_run(desk, pipeline, qtbot) -> None:
    pipeline.gates["motion"] = threading.Event()
    desk.workflow.run(["motion"])
    qtbot.waitUntil(lambda: desk.steps != [])
    other = state().with_(recording=None)
    desk.document.reset(other, None, None)
    qtbot.waitUntil(lambda: desk.ends == [False])
    assert desk.document.state is other


def test_threads_and_memory_come_from_the_settings(desk, pipeline, qtbot) -> None:
    desk.workflow._settings.n_threads = 3
    desk.workflow._settings.memory_gib = 2.0
    desk.workflow.run(["motion"])
    qtbot.waitUntil(lambda: desk.ends == [True])
    options = pipeline.calls[0][1]
    assert (options["n_threads"], options["memory_bytes"]) == (3, 2 * 2**30)


def _fake_merge(state, ids, workspace, ctx, *, n_threads):
    return state.with_(components=components(3, 4))


def test_merging_is_one_edit(desk, qtbot, monkeypatch) -> None:
    monkeypatch.setattr("caiman_gui.pipeline.edits.merge_components", _fake_merge)
    desk.document.reset(state(1, 2, 3), None, desk.document.workspace)
    assert desk.workflow.merge([1]) is None
    assert desk.messages[-1].title == "Nothing to merge"
    desk.workflow.merge([1, 2])
    qtbot.waitUntil(lambda: desk.ends == [True])
    assert desk.document.state.components.ids == (3, 4)
    assert desk.document.undo_stack.undoText() == "Merge components"
    desk.document.undo_stack.undo()
    assert desk.document.state.components.ids == (1, 2, 3)


def test_merging_what_was_changed_meanwhile_is_given_up(desk, qtbot, monkeypatch) -> None:
    monkeypatch.setattr("caiman_gui.pipeline.edits.merge_components", _fake_merge)
    desk.document.reset(state(1, 2, 3), None, desk.document.workspace)
    desk.workflow.merge([1, 2])
    desk.document.delete_components([1])
    qtbot.waitUntil(lambda: desk.ends == [False])
    assert desk.document.state.components.ids == (2, 3)
    assert desk.messages[-1].title == "The components were not merged"


def test_export_writes_and_says_where(desk, qtbot, tmp_path, monkeypatch) -> None:
    def write(format_name, state, path, workspace, ctx):
        path.write_text(format_name)

    monkeypatch.setattr(outputs, "export", write)
    target = tmp_path / "a.csv"
    with qtbot.waitSignal(desk.workflow.export("csv", target).finished):
        pass
    assert target.read_text() == "csv"
    assert desk.messages[-1].detail == str(target)


def test_quitting_during_a_run_leaves_nothing(qapp, tmp_path, pipeline, qtbot) -> None:
    desk = Desk(tmp_path)
    pipeline.gates["motion"] = threading.Event()
    task = desk.workflow.run(["motion"])
    qtbot.waitUntil(lambda: task.is_running)
    assert desk.tasks.shutdown(5000)
    assert task.is_finished


@pytest.mark.slow
def test_the_real_steps_from_movie_to_traces(qapp, tmp_path, qtbot) -> None:
    import tifffile

    from caiman_gui.app.context import build_context
    from caiman_gui.core.synthetic import make_recording
    from caiman_gui.pipeline.steps import STEP_NAMES, StepStatus, status

    made = make_recording(
        "two-photon",
        shape=(64, 64),
        n_frames=400,
        n_neurons=8,
        frame_rate_hz=20.0,
        neuron_diameter_px=10.0,
        max_shift_px=2.0,
        seed=1,
    )
    path = tmp_path / "made.tif"
    tifffile.imwrite(path, made.movie)
    ctx = build_context()
    messages, ends, progress = [], [], []
    ctx.reporter.message.connect(messages.append)
    ctx.workflow.runFinished.connect(ends.append)
    with qtbot.waitSignal(ctx.projects.opened):
        ctx.projects.open_movies([path])
    task = ctx.workflow.run(STEP_NAMES)
    task.progressed.connect(progress.append)
    qtbot.waitUntil(lambda: bool(ends), timeout=90_000)
    assert messages == []
    assert ends == [True]
    state = ctx.document.state
    assert {status(name, state) for name in STEP_NAMES} == {StepStatus.DONE}
    assert 6 <= len(ctx.document.accepted_ids) <= 10
    fractions = [p.fraction for p in progress]
    assert fractions == sorted(fractions)
    ctx.workflow.merge(state.components.ids[:2])
    qtbot.waitUntil(lambda: len(ends) == 2, timeout=30_000)
    assert len(ctx.document.state.components) == len(state.components) - 1
    with qtbot.waitSignal(ctx.document.saved, timeout=20_000):
        ctx.projects.save(tmp_path / "made.cgproj")
    with qtbot.waitSignal(ctx.projects.opened, timeout=20_000):
        ctx.projects.open_project(tmp_path / "made.cgproj")
    assert status("motion", ctx.document.state) is StepStatus.DONE
    with qtbot.waitSignal(ctx.frames.frameReady, timeout=10_000):
        ctx.frames.request("corrected", 7)
    assert ctx.close()
