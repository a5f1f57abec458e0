"""The services together: a movie is opened, shown, edited and closed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from app_states import motion, state

from caiman_gui.app.context import build_context
from caiman_gui.app.document import Topic
from caiman_gui.app.settings import Settings
from caiman_gui.project.model import StepRecord


@pytest.fixture
def ctx(qapp):
    ctx = build_context()
    yield ctx
    assert ctx.close(5000)


@pytest.fixture
def movie(tmp_path):
    frames = np.random.default_rng(1).integers(0, 999, (40, 16, 16), dtype=np.uint16)
    path = tmp_path / "day1.tif"
    tifffile.imwrite(path, frames)
    return path, frames


def _frame(ctx, qtbot, source, index):
    with qtbot.waitSignal(ctx.frames.frameReady) as ready:
        ctx.frames.request(source, index)
    return ready.args[2]


def test_an_opened_movie_can_be_looked_at(ctx, movie, qtbot) -> None:
    path, frames = movie
    assert not ctx.frames.has_movie("raw")
    with qtbot.waitSignal(ctx.projects.opened):
        ctx.projects.open_movies([path])
    ctx.selection.set_frame(99)
    assert ctx.selection.frame == 39
    np.testing.assert_array_equal(_frame(ctx, qtbot, "raw", 39), frames[39])
    assert not ctx.frames.has_movie("corrected")


def test_the_corrected_movie_follows_undo(ctx, movie, qtbot) -> None:
    from caiman_gui.io.store_writer import StoreWriter

    path, frames = movie
    with qtbot.waitSignal(ctx.projects.opened):
        ctx.projects.open_movies([path])
    document = ctx.document
    document.workspace.prepare()
    for n in (1, 2):
        file = f"motion-{n}.cgm"
        with StoreWriter(document.workspace.path(file), frames.shape) as writer:
            writer.write(0, frames.astype(np.float32) + 1000 * n)
            writer.commit()
        steps = {"motion": StepRecord(str(n), file=file)}
        document.edit("Motion", document.state.with_(motion=motion(), steps=steps), Topic.MOTION)
    expected = frames[7].astype(np.float32)
    np.testing.assert_array_equal(_frame(ctx, qtbot, "corrected", 7), expected + 2000)
    document.undo_stack.undo()
    np.testing.assert_array_equal(_frame(ctx, qtbot, "corrected", 7), expected + 1000)
    document.undo_stack.undo()
    assert not ctx.frames.has_movie("corrected")


def test_a_movie_that_vanished_is_told_once(ctx, movie, qtbot) -> None:
    path, _ = movie
    messages = []
    ctx.reporter.message.connect(messages.append)
    with qtbot.waitSignal(ctx.projects.opened):
        ctx.projects.open_movies([path])
    path.unlink()
    for index in range(3):
        ctx.frames.request("raw", index)
    qtbot.waitUntil(lambda: len(messages) == 1)
    assert "day1.tif" in messages[0].title + messages[0].detail
    assert not messages[0].is_bug


def test_components_that_are_undone_leave_the_selection(ctx) -> None:
    with_cells = state(1, 2, 3)
    ctx.document.reset(with_cells.with_(components=None), None, None)
    ctx.document.edit("Sources", with_cells, Topic.COMPONENTS)
    ctx.selection.select_many([1, 3])
    ctx.document.undo_stack.undo()
    assert ctx.selection.component_ids == ()


def test_another_project_starts_at_the_first_frame(ctx) -> None:
    ctx.document.reset(state(1, 2), None, None)
    ctx.selection.set_frame(20)
    ctx.selection.select(2)
    other = state(1, 2)
    ctx.document.reset(
        other.with_(recording=replace(other.recording, fingerprint="f2")), None, None
    )
    assert ctx.selection.frame == 0
    assert ctx.selection.current_id is None


def test_closing_keeps_the_preferences_and_may_be_repeated(qapp) -> None:
    ctx = build_context()
    ctx.settings.theme = "light"
    assert ctx.close()
    assert ctx.close()
    assert Settings.load().theme == "light"


def test_closing_while_something_runs_is_quick(qapp, qtbot) -> None:
    import threading

    ctx = build_context()
    ctx.reporter.install_hooks()

    def work(task):
        while True:
            task.check()
            threading.Event().wait(0.005)

    task = ctx.tasks.submit("Endless", work)
    qtbot.waitUntil(lambda: task.is_running)
    assert ctx.close()


def test_no_kernel_compiler_is_loaded_at_start() -> None:
    import subprocess
    import sys

    code = "import sys, caiman_gui.app.context; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
