from __future__ import annotations

import errno
import gc
import threading

import numpy as np
import pytest
from pipeline_fakes import SHAPE, FakeSteps, ListContext, a_state, motion_result, write_movie

from caiman_gui.core.task import Cancelled
from caiman_gui.errors import DataError, InputError, NoResultError, ParameterError, ResourceError
from caiman_gui.io.store_format import space_needed
from caiman_gui.pipeline.forecast import forecast
from caiman_gui.pipeline.measure import Meter, default_memory_bytes, size_text
from caiman_gui.pipeline.runner import (
    STEP_NAMES,
    StepStatus,
    Workspace,
    current_movie,
    open_recording,
    run_step,
    run_steps,
    status,
    warnings,
)
from caiman_gui.project.model import ProjectState

OPTIONS = {"n_threads": 1, "memory_bytes": 2**30}


@pytest.fixture
def fakes(monkeypatch):
    return FakeSteps(monkeypatch)


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "work")


@pytest.fixture
def state(tmp_path):
    return ProjectState(recording=open_recording([write_movie(tmp_path / "day1.tif")]))


def run_all(state, workspace, **options):
    return run_steps(STEP_NAMES, state, workspace=workspace, **OPTIONS, **options)


def test_a_recording_says_what_the_file_says(state):
    recording = state.recording
    assert (recording.n_frames, recording.height, recording.width) == SHAPE
    assert recording.frame_rate_hz == pytest.approx(20)
    assert recording.pixel_size_um == pytest.approx(2)
    assert recording.dtype == "uint16"


def test_all_steps_leave_records_and_never_touch_the_state_given(fakes, state, workspace):
    done = run_all(state, workspace)
    assert fakes.calls == list(STEP_NAMES)
    assert {status(name, done) for name in STEP_NAMES} == {StepStatus.DONE}
    assert not state.steps
    assert state.components is None
    assert len(done.components) == 3
    assert done.components.items[0].metrics.snr == 3.0
    assert done.components.items[0].noise == 1.0
    for record in done.steps.values():
        assert record.seconds > 0
        assert record.peak_rss_bytes > 2**20
    assert workspace.path(done.steps["motion"].file).is_file()


def test_up_to_date_steps_are_skipped(fakes, state, workspace):
    done = run_all(state, workspace)
    fakes.calls.clear()
    assert run_all(done, workspace) is done
    assert fakes.calls == []


def test_only_what_changed_is_run_again(fakes, state, workspace):
    done = run_all(state, workspace)
    fakes.calls.clear()
    changed = done.with_(params=done.params.with_value("traces.ar_order", 0))
    run_all(changed, workspace)
    assert fakes.calls == ["traces"]


def test_force_runs_it_anyway(fakes, state, workspace):
    done = run_step("motion", state, workspace=workspace, **OPTIONS)
    again = run_step("motion", done, workspace=workspace, force=True, **OPTIONS)
    assert fakes.calls == ["motion", "motion"]
    assert again is not done
    first, second = (s.steps["motion"].file for s in (done, again))
    assert first != second  # undo can go back to the first
    assert workspace.path(first).is_file()
    assert workspace.path(second).is_file()


def test_a_lost_corrected_movie_is_made_again(fakes, state, workspace):
    done = run_step("motion", state, workspace=workspace, **OPTIONS)
    workspace.path(done.steps["motion"].file).unlink()
    with (
        pytest.raises(InputError, match="corrected movie is missing"),
        current_movie(done, workspace),
    ):
        pass
    run_step("motion", done, workspace=workspace, **OPTIONS)
    assert fakes.calls == ["motion", "motion"]


def test_a_corrected_movie_that_was_cut_off_is_made_again(fakes, state, workspace):
    done = run_step("motion", state, workspace=workspace, **OPTIONS)
    file = workspace.path(done.steps["motion"].file)
    file.write_bytes(file.read_bytes()[:-5])
    again = run_step("motion", done, workspace=workspace, **OPTIONS)
    assert fakes.calls == ["motion", "motion"]
    with current_movie(again, workspace) as movie:
        assert movie.frames(0, 2).shape[0] == 2


def test_later_steps_read_the_corrected_movie_if_there_is_one(fakes, state, workspace):
    names = ("motion", "summary")
    run_steps(names, state, workspace=workspace, **OPTIONS)
    assert fakes.summary_mean == pytest.approx(0.75)  # 10 frames of zeros, 30 of ones
    run_steps(("summary",), state, workspace=workspace, **OPTIONS)
    assert fakes.summary_mean > 100


def test_new_sources_drop_labels_metrics_and_later_records(fakes, state, workspace):
    done = run_all(state, workspace).with_(labels={1: "reject"})
    fakes.n_components = 2
    again = run_step("sources", done, workspace=workspace, force=True, **OPTIONS)
    assert dict(again.labels) == {}
    assert set(again.steps) == {"motion", "summary", "sources"}
    assert dict(done.labels) == {1: "reject"}


def test_the_same_sources_keep_labels(fakes, state, workspace):
    done = run_all(state, workspace).with_(labels={1: "reject"})
    again = run_step("sources", done, workspace=workspace, force=True, **OPTIONS)
    assert dict(again.labels) == {1: "reject"}


def test_a_missing_step_before_is_said(fakes, state, workspace):
    with pytest.raises(ParameterError, match="'summary', which was not run"):
        run_step("sources", state, workspace=workspace, **OPTIONS)


def test_no_movie_is_said(workspace):
    with pytest.raises(InputError, match="No movie is open"):
        run_step("motion", ProjectState(), workspace=workspace, **OPTIONS)


def test_cancelling_leaves_no_file(fakes, state, workspace):
    with pytest.raises(Cancelled):
        run_step("motion", state, workspace=workspace, ctx=ListContext(stop_at=1), **OPTIONS)
    assert list(workspace.folder.iterdir()) == []


def test_finished_steps_are_handed_over_before_one_finds_nothing(fakes, state, workspace):
    fakes.raises["sources"] = NoResultError("No component was found", "d", "h")
    states = []
    with pytest.raises(NoResultError):
        run_all(state, workspace, on_step=lambda name, new: states.append((name, new)))
    assert [name for name, _ in states] == ["motion", "summary"]
    assert states[-1][1].summary is not None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device", "/some/file"), "No space left"),
    ],
)
def test_what_the_system_refuses_is_said(fakes, state, workspace, error, words):
    fakes.raises["motion"] = error
    with pytest.raises(ResourceError, match=words):
        run_step("motion", state, workspace=workspace, **OPTIONS)
    assert list(workspace.folder.iterdir()) == []


def test_a_full_disk_is_found_before_the_work(fakes, state, workspace, monkeypatch):
    usage = type("Usage", (), {"total": 1, "used": 1, "free": 1000})()
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(ResourceError, match="disk space"):
        run_step("motion", state, workspace=workspace, **OPTIONS)
    assert fakes.calls == []


def test_an_unusable_folder_is_said(fakes, state, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be written"):
        run_step("motion", state, workspace=Workspace(tmp_path / "file" / "x"), **OPTIONS)


def test_too_few_frames_are_refused(fakes, tmp_path, workspace):
    short = write_movie(tmp_path / "short.tif", (5, 16, 12))
    state = ProjectState(recording=open_recording([short]))
    for name in ("motion", "summary"):
        with pytest.raises(DataError, match="5 frames"):
            run_step(name, state, workspace=workspace, **OPTIONS)


def test_a_movie_that_changed_is_refused(fakes, state, workspace):
    write_movie(state.recording.paths[0], (50, 16, 12))
    with pytest.raises(InputError, match="has changed"):
        run_step("motion", state, workspace=workspace, **OPTIONS)


def test_progress_never_goes_back(fakes, state, workspace):
    ctx = ListContext()
    run_all(state, workspace, ctx=ctx)
    assert ctx.fractions == sorted(ctx.fractions)
    assert ctx.fractions[-1] == pytest.approx(1.0)
    assert "Motion correction" in ctx.messages


def test_centres_are_handed_on(fakes, state, workspace):
    found = []
    run_all(state, workspace, on_found=found.append)
    assert [np.shape(points) for points in found] == [(1, 2)]


def test_the_workspace_drops_what_is_not_referred_to(fakes, state, workspace):
    done = run_step("motion", state, workspace=workspace, **OPTIONS)
    part, own = ".motion-x.cgm.part", done.steps["motion"].file
    for name in ("motion-old.cgm", part, ".movie-y.cgm.part", "keep.txt"):
        workspace.path(name).write_text("")
    workspace.clean(done)
    left = {p.name for p in workspace.folder.iterdir()}
    assert left == {own, part, ".movie-y.cgm.part", "keep.txt"}, "a run may go on from a part"
    workspace.drop_unfinished(but="motion-x.cgm")
    assert {p.name for p in workspace.folder.iterdir()} == {own, part, "keep.txt"}


def test_warnings_name_the_reason():
    assert any("only 40 frames" in text for text in warnings(a_state()))
    assert any("30 Hz is assumed" in text for text in warnings(a_state(frame_rate_hz=None)))
    assert warnings(a_state(n_frames=1000)) == ()


def test_a_shift_at_the_limit_is_a_warning():
    state = a_state(n_frames=1000).with_(motion=motion_result(shift=12.0))
    assert any("100 % of the frames" in text for text in warnings(state))
    assert warnings(a_state(n_frames=1000).with_(motion=motion_result(shift=2.0))) == ()


def test_a_forecast_needs_a_recording_and_knows_the_last_run(fakes, state, workspace):
    assert forecast(ProjectState(), "motion").memory_bytes == 0
    before = forecast(state, "motion")
    assert before.disk_bytes == space_needed((40, 16, 12), dtype=np.uint16)
    assert before.seconds is None
    done = run_step("motion", state, workspace=workspace, **OPTIONS)
    assert forecast(done, "motion").seconds == done.steps["motion"].seconds


def test_a_step_beyond_the_budget_is_announced(fakes, state, workspace, caplog):
    with caplog.at_level("WARNING", "caiman_gui"):
        run_step("motion", state, workspace=workspace, n_threads=1, memory_bytes=2**27)
        assert "Motion correction may need" in caplog.text
        caplog.clear()
        run_step("motion", state, workspace=workspace, n_threads=1, memory_bytes=2**31)
        assert caplog.text == ""


def test_the_meter_sees_memory_and_ends_its_thread():
    gc.collect()  # what other tests have left would be freed meanwhile
    n_threads = threading.active_count()
    with Meter() as meter:
        before = meter.peak_rss_bytes
        block = np.ones(160 * 2**20, np.uint8)
        block += 1
    assert meter.peak_rss_bytes >= before + 60 * 2**20
    assert meter.seconds > 0
    assert threading.active_count() == n_threads


def test_sizes_are_written_as_people_say_them():
    assert [size_text(n) for n in (12, 1500, 2.5e6, 1.25e9)] == [
        "12 bytes", "1.5 kB", "2.5 MB", "1.25 GB",
    ]  # fmt: skip
    assert 2**30 <= default_memory_bytes() <= 64 * 2**30
