"""Opening, saving and what survives a crash."""

from __future__ import annotations

import sys
import threading
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import tifffile
from app_states import components, motion, state, summary

from caiman_gui.app.document import Document, Topic
from caiman_gui.app.projects import ProjectService
from caiman_gui.app.reporter import Reporter
from caiman_gui.app.sessions import LOCK_NAME
from caiman_gui.app.settings import Settings
from caiman_gui.app.tasks import TaskRunner
from caiman_gui.errors import InputError, ResourceError
from caiman_gui.project.model import StepRecord


class FakeStore(ModuleType):
    """Keeps states in memory, moves heavy files, and can be slow or fail."""

    def __init__(self) -> None:
        super().__init__("caiman_gui.project.store")
        self.kept = {}
        self.gate = threading.Event()
        self.gate.set()
        self.error = None
        self.missing = ()
        self.read_only = False

    def save_project(self, path, state, data_files) -> None:
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        data = path.with_suffix(".cgdata")
        data.mkdir(parents=True, exist_ok=True)
        for file in data_files.values():
            if file.parent != data:
                file.replace(data / file.name)
        wanted = {record.file for record in state.steps.values()}
        for file in data.iterdir():
            if file.name not in wanted:
                file.unlink()
        path.write_text("{}")
        self.kept[path] = state

    def load_project(self, path):
        if path not in self.kept:
            raise InputError("Not a project", str(path))
        return SimpleNamespace(
            state=self.kept[path],
            data_dir=path.with_suffix(".cgdata"),
            missing=self.missing,
            read_only=self.read_only,
            notes=(),
        )

    def relocate(self, state, old, new_paths):
        from dataclasses import replace

        return state.with_(recording=replace(state.recording, paths=tuple(new_paths)))


class Desk:
    """A document with its projects, and notes of what was told."""

    def __init__(self) -> None:
        self.tasks = TaskRunner()
        self.reporter = Reporter()
        self.document = Document()
        self.settings = Settings()
        self.projects = ProjectService(self.document, self.tasks, self.reporter, self.settings)
        self.messages = []
        self.reporter.message.connect(self.messages.append)

    def begin(self, new) -> None:
        self.document.reset(new, None, self.projects.session.new_workspace())

    def close(self) -> None:
        assert self.tasks.shutdown(5000)
        self.projects.close()


@pytest.fixture
def store(monkeypatch):
    fake = FakeStore()
    monkeypatch.setitem(sys.modules, "caiman_gui.project.store", fake)
    return fake


@pytest.fixture
def desk(qapp):
    desk = Desk()
    yield desk
    desk.close()


@pytest.fixture
def movie(tmp_path):
    path = tmp_path / "day1.tif"
    frames = np.random.default_rng(1).integers(0, 999, (40, 16, 16), dtype=np.uint16)
    tifffile.imwrite(path, frames)
    return path


def _finish(qtbot, task):
    qtbot.waitUntil(lambda: task.is_finished)
    with qtbot.waitSignal(task.finished, raising=False, timeout=50):
        pass


def test_opening_a_movie_begins_a_clean_project(desk, movie, qtbot) -> None:
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_movies([movie])
    recording = desk.document.state.recording
    assert recording.paths == (movie,)
    assert (recording.n_frames, recording.height, recording.width) == (40, 16, 16)
    assert not desk.document.is_dirty
    assert desk.document.path is None
    assert desk.settings.recent_files == [str(movie)]


def test_a_file_that_is_no_movie_leaves_everything_as_it_was(desk, tmp_path, qtbot) -> None:
    desk.begin(state(1))
    before = desk.document.state
    _finish(qtbot, desk.projects.open_movies([tmp_path / "missing.tif"]))
    assert desk.document.state is before
    assert len(desk.messages) == 1
    assert "missing.tif" in desk.messages[0].title + desk.messages[0].detail


def test_what_was_assumed_about_a_file_is_told(desk, tmp_path, qtbot) -> None:
    path = tmp_path / "slices.tif"  # ImageJ calls every stack without a time axis slices
    frames = np.zeros((12, 16, 20), np.uint16)
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "ZYX"})
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_movies([path])
    assert [m.title for m in desk.messages] == ["slices.tif was opened"]
    assert "frames" in desk.messages[0].detail


def test_what_was_opened_is_remembered_as_a_whole(desk, movie, qtbot) -> None:
    second = movie.with_name("day2.tif")
    second.write_bytes(movie.read_bytes())
    for paths in ([movie, second], [movie.parent]):
        with qtbot.waitSignal(desk.projects.opened):
            desk.projects.open_movies(paths)
    assert desk.document.state.recording.paths == (movie, second)
    assert desk.settings.recent == [(movie.parent,), (movie, second)]


def test_the_newest_wish_is_opened(desk, movie, qtbot) -> None:
    second = movie.with_name("day2.tif")
    second.write_bytes(movie.read_bytes())
    desk.projects.open_movies([movie])
    desk.projects.open_movies([second])
    with qtbot.waitSignal(desk.projects.opened):
        pass
    qtbot.waitUntil(lambda: desk.tasks.tasks == ())
    assert desk.document.state.recording.paths == (second,)


def test_save_and_open_again(desk, store, tmp_path, qtbot) -> None:
    desk.begin(state(1, 2))
    desk.document.edit("x", desk.document.state.with_(labels={1: "accept"}), Topic.LABELS)
    target = tmp_path / "day1.cgproj"
    with qtbot.waitSignal(desk.document.saved):
        desk.projects.save(tmp_path / "day1")
    assert desk.document.path == target
    assert not desk.document.is_dirty
    assert desk.settings.recent_files == [str(target)]
    saved = desk.document.state
    desk.begin(state(7))
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_project(target)
    assert desk.document.state is saved
    assert desk.document.path == target
    assert not desk.document.is_dirty


def test_edits_made_while_saving_stay_unsaved(desk, store, tmp_path, qtbot) -> None:
    desk.begin(state(1, 2))
    store.gate.clear()
    desk.projects.save(tmp_path / "a.cgproj")
    assert desk.projects.save(tmp_path / "b.cgproj") is None, "one at a time"
    desk.document.edit("x", desk.document.state.with_(labels={1: "accept"}), Topic.LABELS)
    store.gate.set()
    with qtbot.waitSignal(desk.document.saved):
        pass
    assert desk.document.is_dirty
    assert store.kept[tmp_path / "a.cgproj"].labels == {}


def test_a_save_that_fails_leaves_the_work_unsaved(desk, store, tmp_path, qtbot) -> None:
    desk.begin(state(1))
    desk.document.edit("x", desk.document.state.with_(labels={1: "accept"}), Topic.LABELS)
    store.error = ResourceError("The disk is full", "/data: 0 bytes free", "Free some space")
    _finish(qtbot, desk.projects.save(tmp_path / "a.cgproj"))
    assert desk.document.is_dirty
    assert desk.document.path is None
    assert [m.title for m in desk.messages] == ["The disk is full"]
    qtbot.waitUntil(lambda: not desk.projects.is_saving)
    store.error = None
    with qtbot.waitSignal(desk.document.saved):
        desk.projects.save(tmp_path / "a.cgproj")


def test_a_failed_save_keeps_the_next_movie_from_taking_its_place(
    desk, store, movie, tmp_path, qtbot
) -> None:
    desk.begin(state(1))
    desk.document.edit("x", desk.document.state.with_(labels={1: "accept"}), Topic.LABELS)
    unsaved = desk.document.state
    store.error = ResourceError("The disk is full")
    desk.projects.save(tmp_path / "a.cgproj")
    opening = desk.projects.open_movies([movie])
    qtbot.waitUntil(lambda: opening.is_finished)
    qtbot.waitUntil(lambda: desk.tasks.tasks == ())
    assert opening.is_cancelled
    assert desk.document.state is unsaved


def test_nothing_to_save_and_no_name_are_said(desk, store) -> None:
    assert desk.projects.save() is None
    desk.begin(state(1))
    assert desk.projects.save() is None
    assert [m.title for m in desk.messages] == ["Nothing to save", "The project needs another name"]


def test_a_project_of_a_newer_version_is_not_overwritten(desk, store, tmp_path, qtbot) -> None:
    path = tmp_path / "new.cgproj"
    store.kept[path] = state(1)
    store.read_only = True
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_project(path)
    assert desk.document.is_read_only
    assert desk.projects.save() is None
    assert "newer version" in desk.messages[-1].detail
    with qtbot.waitSignal(desk.document.saved):
        desk.projects.save(tmp_path / "copy.cgproj")
    assert not desk.document.is_read_only


def _crash(desk) -> None:
    """Make the session look like that of a process that is gone."""
    lock = desk.projects.session.folder / LOCK_NAME
    lock.write_text(lock.read_text().replace('"started": ', '"started": 1'))


def _with_motion(old, name):
    steps = {**old.steps, "motion": StepRecord(name, file=f"motion-{name}.cgm")}
    return old.with_(motion=motion(), steps=steps)


def _write_heavy(desk, name) -> None:
    workspace = desk.document.workspace
    workspace.folder.mkdir(parents=True, exist_ok=True)
    (workspace.folder / f"motion-{name}.cgm").write_text(name)


def test_heavy_files_survive_save_undo_save_redo(desk, store, tmp_path, qtbot) -> None:
    desk.begin(state(1))
    for name in ("one", "two"):
        _write_heavy(desk, name)
        desk.document.edit("Motion", _with_motion(desk.document.state, name), Topic.MOTION)
    target = tmp_path / "a.cgproj"

    def save() -> None:
        with qtbot.waitSignal(desk.document.saved):
            desk.projects.save(target)
        qtbot.waitUntil(lambda: not desk.projects.is_saving)

    def heavy() -> str:
        record = desk.document.state.steps["motion"]
        return desk.document.workspace.path(record.file).read_text()

    save()
    assert (tmp_path / "a.cgdata" / "motion-two.cgm").is_file()
    desk.document.undo_stack.undo()
    assert heavy() == "one"
    save()
    assert [f.name for f in (tmp_path / "a.cgdata").iterdir()] == ["motion-one.cgm"]
    desk.document.undo_stack.redo()
    assert heavy() == "two"


def test_saving_under_another_name_leaves_the_first_whole(desk, store, tmp_path, qtbot) -> None:
    desk.begin(state(1))
    _write_heavy(desk, "one")
    desk.document.edit("Motion", _with_motion(desk.document.state, "one"), Topic.MOTION)
    for name in ("a", "b"):
        with qtbot.waitSignal(desk.document.saved):
            desk.projects.save(tmp_path / f"{name}.cgproj")
        qtbot.waitUntil(lambda: not desk.projects.is_saving)
    for name in ("a", "b"):
        assert (tmp_path / f"{name}.cgdata" / "motion-one.cgm").read_text() == "one"


def test_a_heavy_file_copied_to_another_disk_is_not_kept_twice(
    desk, store, tmp_path, qtbot, monkeypatch
) -> None:
    def copy(path, state, data_files) -> None:
        data = path.with_suffix(".cgdata")
        data.mkdir()
        for file in data_files.values():
            (data / file.name).write_bytes(file.read_bytes())

    monkeypatch.setattr(store, "save_project", copy)
    desk.begin(state(1))
    _write_heavy(desk, "one")
    _write_heavy(desk, "older")
    desk.document.edit("Motion", _with_motion(desk.document.state, "one"), Topic.MOTION)
    own = desk.document.workspace.folder
    with qtbot.waitSignal(desk.document.saved):
        desk.projects.save(tmp_path / "a.cgproj")
    qtbot.waitUntil(lambda: not (own / "motion-one.cgm").exists())
    assert (own / "motion-older.cgm").exists(), "undo may still need it"
    assert desk.document.workspace.path("motion-one.cgm").read_text() == "one"


def test_autosave_then_crash_then_recover(desk, store, qapp, qtbot) -> None:
    desk.begin(state(1, 2))
    _write_heavy(desk, "one")
    desk.document.edit("Motion", _with_motion(desk.document.state, "one"), Topic.MOTION)
    assert desk.projects._timer.isActive(), "a change starts the clock"
    with qtbot.waitSignal(desk.projects.autosaved):
        desk.projects.autosave()
    assert desk.projects.recoverable() == (), "the session is still running"
    _crash(desk)
    later = Desk()
    (item,) = later.projects.recoverable()
    assert item.title == "movie.tif"
    with qtbot.waitSignal(later.projects.opened):
        later.projects.recover(item)
    document = later.document
    assert document.state is desk.document.state
    assert document.is_dirty
    assert document.path is None
    assert document.workspace.path("motion-one.cgm").read_text() == "one"
    assert item.autosave.exists(), "kept until the work is safe again"
    with qtbot.waitSignal(later.projects.autosaved):
        later.projects.autosave()
    assert not item.autosave.exists()
    later.close()


def test_autosave_only_of_unsaved_work(desk, store, tmp_path, qtbot) -> None:
    desk.projects.autosave()
    desk.begin(state(1))
    desk.projects.autosave()
    assert not desk.projects._timer.isActive()
    assert store.kept == {}
    desk.document.edit("x", desk.document.state.with_(labels={1: "accept"}), Topic.LABELS)
    desk.settings.autosave = False
    desk.projects.autosave()
    assert store.kept == {}
    desk.settings.autosave = True
    with qtbot.waitSignal(desk.projects.autosaved):
        desk.projects.autosave()
    autosave = desk.projects.session.autosave_path
    assert autosave.exists()
    with qtbot.waitSignal(desk.document.saved):
        desk.projects.save(tmp_path / "a.cgproj")
    assert not autosave.exists(), "what is saved need not be recovered"


def test_an_autosave_that_fails_is_said(desk, store, qtbot) -> None:
    desk.begin(state(1))
    desk.document.edit("x", desk.document.state.with_(labels={1: "accept"}), Topic.LABELS)
    store.error = ResourceError("The disk is full", "0 bytes free")
    desk.projects.autosave()
    qtbot.waitUntil(lambda: len(desk.messages) == 1)
    assert desk.messages[0].title == "Unsaved work could not be kept safe"
    assert desk.messages[0].detail == "0 bytes free"


def test_a_clean_end_leaves_no_folder(qapp, store, qtbot) -> None:
    desk = Desk()
    desk.begin(state(1))
    desk.document.edit("x", desk.document.state.with_(labels={1: "accept"}), Topic.LABELS)
    with qtbot.waitSignal(desk.projects.autosaved):
        desk.projects.autosave()
    folder = desk.projects.session.folder
    assert folder.exists()
    desk.close()
    assert not folder.exists()
    assert not desk.projects._timer.isActive()


def test_a_missing_movie_is_asked_for_and_located(desk, store, movie, tmp_path, qtbot) -> None:
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_movies([movie])
    path = tmp_path / "p.cgproj"
    store.kept[path] = desk.document.state
    moved = tmp_path / "elsewhere.tif"
    movie.rename(moved)
    store.missing = (movie,)
    with qtbot.waitSignal(desk.projects.moviesMissing) as asked:
        desk.projects.open_project(path)
    assert asked.args[0] == (movie,)
    _finish(qtbot, desk.projects.relocate([moved]))
    qtbot.waitUntil(lambda: desk.document.state.recording.paths == (moved,))
    assert desk.document.undo_stack.undoText() == "Locate the movie"


def test_one_missing_movie_of_several_is_located(desk, store, movie, tmp_path, qtbot) -> None:
    second = tmp_path / "day2.tif"
    tifffile.imwrite(second, np.ones((20, 16, 16), np.uint16))
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_movies([movie, second])
    moved = tmp_path / "elsewhere.tif"
    movie.rename(moved)
    desk.projects.relocate([moved])
    qtbot.waitUntil(lambda: desk.document.state.recording.paths == (moved, second))


def test_another_movie_is_refused_in_words(desk, store, movie, tmp_path, qtbot) -> None:
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_movies([movie])
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((20, 16, 16), np.uint8))
    _finish(qtbot, desk.projects.relocate([other]))
    qtbot.waitUntil(lambda: len(desk.messages) == 1)
    assert desk.messages[0].title == "This is another movie"
    assert "20 frames" in desk.messages[0].detail
    assert desk.document.state.recording.paths == (movie,)


def test_giving_up_what_a_crash_left(desk, store, qtbot) -> None:
    desk.begin(state(1))
    desk.document.edit("x", desk.document.state.with_(labels={1: "accept"}), Topic.LABELS)
    with qtbot.waitSignal(desk.projects.autosaved):
        desk.projects.autosave()
    _crash(desk)
    (item,) = desk.projects.recoverable()
    desk.projects.discard(item)
    assert desk.projects.recoverable() == ()


def test_round_trip_through_the_real_files(desk, movie, tmp_path, qtbot) -> None:
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_movies([movie])
    document = desk.document
    found = document.state.with_(components=components(1, 2), motion=motion(), summary=summary())
    _write_heavy(desk, "one")
    document.edit("Run", _with_motion(found, "one"), Topic.ALL)
    document.set_labels([2], "reject")
    document.set_params(document.state.params.with_value("quality.min_snr", 3.5))
    with qtbot.waitSignal(desk.projects.autosaved):
        desk.projects.autosave()
    with qtbot.waitSignal(document.saved):
        desk.projects.save(tmp_path / "day1.cgproj")
    before = document.state
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_project(tmp_path / "day1.cgproj")
    after = document.state
    assert after is not before
    assert after.recording == before.recording
    assert after.params == before.params
    assert after.labels == before.labels
    assert after.steps == before.steps
    assert after.history == before.history
    for old, new in zip(before.components.items, after.components.items, strict=True):
        np.testing.assert_array_equal(old.pixels, new.pixels)
        np.testing.assert_array_equal(old.trace, new.trace)
        assert old.metrics.snr == new.metrics.snr
    assert document.workspace.path("motion-one.cgm").read_text() == "one"
    assert not document.is_dirty
    assert desk.messages == []


def test_recovery_from_the_real_files(desk, movie, qtbot) -> None:
    with qtbot.waitSignal(desk.projects.opened):
        desk.projects.open_movies([movie])
    _write_heavy(desk, "one")
    found = desk.document.state.with_(components=components(1, 2))
    desk.document.edit("Run", _with_motion(found, "one"), Topic.ALL)
    with qtbot.waitSignal(desk.projects.autosaved):
        desk.projects.autosave()
    _crash(desk)
    later = Desk()
    (item,) = later.projects.recoverable()
    with qtbot.waitSignal(later.projects.opened):
        later.projects.recover(item)
    assert later.document.state.components.ids == (1, 2)
    assert later.document.workspace.path("motion-one.cgm").read_text() == "one"
    assert later.document.is_dirty
    later.close()
