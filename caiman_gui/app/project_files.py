"""What opening and saving do on the disk, away from the UI thread."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from typing import TYPE_CHECKING

from caiman_gui.errors import InputError
from caiman_gui.pipeline.workspace import movie_files

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.app.sessions import LayeredWorkspace, Session
    from caiman_gui.app.tasks import Task
    from caiman_gui.project.model import ProjectState, RecordingRef

logger = logging.getLogger(__name__)


def write_project(
    state: ProjectState, path: Path, workspace: LayeredWorkspace, _task: Task
) -> object:
    """Save a state with its heavy files; returns what was saved, and where."""
    from caiman_gui.project.store import save_project

    _keep_for_undo(state, path.with_suffix(".cgdata"), workspace)
    save_project(path, state, workspace.data_files(state))
    return state, path


def write_autosave(
    state: ProjectState, session: Session, title: str, project: Path | None, _task: Task
) -> object:
    """Write a state into the session's folder; returns the state."""
    from caiman_gui.project.store import save_project

    session.lock(title, project)
    # The corrected movie stays where it is: it is found again from the session's folder.
    save_project(session.autosave_path, state, {})
    return state


def _keep_for_undo(state: ProjectState, data_dir: Path, workspace: LayeredWorkspace) -> None:
    """Link saved files that saving is about to remove, or to take, into the session's folder."""
    if workspace.saved is None or not workspace.saved.is_dir():
        return
    wanted = {record.file for record in state.steps.values()}
    is_same_place = workspace.saved == data_dir
    for file in movie_files(workspace.saved):
        own = workspace.folder / file.name
        if own.exists() or (is_same_place and file.name in wanted):
            continue
        try:
            workspace.folder.mkdir(parents=True, exist_ok=True)
            os.link(file, own)
        except OSError as exc:  # another disk: undo past this point then asks to run again
            logger.info("%s is not kept for undo: %s", file.name, exc)


def adopt_files(crashed: Path, workspace: LayeredWorkspace) -> None:
    """Take over the heavy files of a session that crashed."""
    for file in (file for work in crashed.glob("work-*") for file in movie_files(work)):
        workspace.folder.mkdir(parents=True, exist_ok=True)
        own = workspace.folder / file.name
        try:
            os.link(file, own)
        except OSError:
            shutil.copy2(file, own)


def with_found(paths: tuple[Path, ...], chosen: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return all paths, those missing replaced by the chosen ones if their number fits."""
    missing = [path for path in paths if not path.exists()]
    if len(chosen) != len(missing):
        return chosen
    found = dict(zip(missing, chosen, strict=True))
    return tuple(found.get(path, path) for path in paths)


def drop_copies(own: Path, saved: Path, _task: Task) -> None:
    """Remove heavy files that saving has copied to another disk; a link costs nothing."""
    for file in movie_files(saved):
        copy = own / file.name
        if copy.is_file() and not copy.samefile(file):
            with contextlib.suppress(OSError):  # still open: it goes with the session
                copy.unlink()


def is_same_recording(one: ProjectState, other: ProjectState) -> bool:
    """Whether two states belong to the same movie."""
    if one.recording is None or other.recording is None:
        return False
    return one.recording.fingerprint == other.recording.fingerprint


def require_same_movie(expected: RecordingRef | None, found: RecordingRef) -> None:
    """Refuse a movie whose content is not that of the project's, with an InputError."""
    if expected is None or expected.fingerprint == found.fingerprint:
        return
    raise InputError(
        "This is another movie",
        f"{found.name} has {found.n_frames} frames of {found.height} x {found.width} px, and "
        f"its content is not that of {expected.name} ({expected.n_frames} frames of "
        f"{expected.height} x {expected.width} px).",
        "Choose the file the project was made with, or open this one as a new project.",
    )
