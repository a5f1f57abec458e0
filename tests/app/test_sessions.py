"""Folders of sessions: found after a crash, gone after a clean end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from caiman_gui.app.sessions import LOCK_NAME, LayeredWorkspace, Session, recoverable


def _crash(base: Path, *, title: str = "day1", with_autosave: bool = True) -> Session:
    session = Session(base)
    session.lock(title, Path("/data/day1.cgproj"))
    if with_autosave:
        session.autosave_path.write_text("{}")
    lock = session.folder / LOCK_NAME
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    lock.write_text(json.dumps({**json.loads(lock.read_text()), "pid": int(dead.stdout)}))
    return session


def test_a_running_session_is_not_offered(tmp_path) -> None:
    session = Session(tmp_path)
    session.lock()
    session.autosave_path.write_text("{}")
    assert recoverable(tmp_path) == ()
    assert session.folder.exists()
    session.close()
    assert not session.folder.exists()


def test_a_crashed_session_is_offered(tmp_path) -> None:
    session = _crash(tmp_path)
    (item,) = recoverable(tmp_path)
    assert item.autosave == session.autosave_path
    assert item.title == "day1"
    assert item.project == Path("/data/day1.cgproj")


def test_a_process_number_used_again_is_not_taken_for_the_session(tmp_path) -> None:
    session = _crash(tmp_path)
    lock = session.folder / LOCK_NAME
    content = {**json.loads(lock.read_text()), "pid": os.getpid(), "started": 12345.0}
    lock.write_text(json.dumps(content))
    assert len(recoverable(tmp_path)) == 1


def test_folders_with_nothing_to_recover_are_removed(tmp_path) -> None:
    empty = _crash(tmp_path, with_autosave=False)
    old = _crash(tmp_path)
    os.utime(old.autosave_path, (1e9, 1e9))
    broken = tmp_path / "sessions" / "broken"
    broken.mkdir()
    (broken / LOCK_NAME).write_text("{")
    assert recoverable(tmp_path) == ()
    assert not any(folder.exists() for folder in (empty.folder, old.folder, broken))


def test_no_folder_nothing_to_recover(tmp_path) -> None:
    assert recoverable(tmp_path / "never made") == ()


def test_heavy_files_are_found_in_either_place(tmp_path) -> None:
    own, saved = tmp_path / "own", tmp_path / "p.cgdata"
    for folder in (own, saved):
        folder.mkdir()
    workspace = LayeredWorkspace(own, saved)
    (saved / "motion-1.cgm").write_text("saved")
    assert workspace.path("motion-1.cgm") == saved / "motion-1.cgm"
    assert workspace.path("motion-2.cgm") == own / "motion-2.cgm", "new files go to the session"
    (own / "motion-1.cgm").write_text("own")
    assert workspace.path("motion-1.cgm") == own / "motion-1.cgm"
