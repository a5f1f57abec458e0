"""Folders of running sessions: unsaved heavy results, and autosaves that survive a crash."""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
from platformdirs import user_data_path

from caiman_gui.pipeline.workspace import Workspace

logger = logging.getLogger(__name__)

LOCK_NAME = "session.json"
AUTOSAVE_NAME = "autosave.cgproj"
#: Autosaves of crashed sessions are offered for this long, then removed.
KEEP_DAYS = 30


def data_folder() -> Path:
    """Return where unsaved work lies; the variable CAIMAN_GUI_DATA_DIR overrides it."""
    override = os.environ.get("CAIMAN_GUI_DATA_DIR")
    return Path(override) if override else user_data_path("caiman_gui", appauthor=False)


@dataclass(frozen=True, slots=True)
class LayeredWorkspace(Workspace):
    """New heavy files go to the session's folder; saved ones are found in the project's.

    So a result that was not saved never reaches the project, and undo after saving still finds
    the older files.
    """

    saved: Path | None = None

    def path(self, file: str) -> Path:
        own = self.folder / file
        if self.saved is not None and file and not own.exists() and (self.saved / file).exists():
            return self.saved / file
        return own


@dataclass(frozen=True, slots=True)
class Recoverable:
    """What a session that did not end properly has left.

    Attributes
    ----------
    autosave : Path
        Project file to open.
    project : Path or None
        The project it belongs to; None if it was never saved.
    title : str
        Name of project or movie.
    when : datetime
        Time of the autosave, local.
    """

    autosave: Path
    project: Path | None
    title: str
    when: datetime


class Session:
    """The folder of this run of the program, locked as long as the process lives."""

    def __init__(self, base: Path | None = None) -> None:
        root = (base if base is not None else data_folder()) / "sessions"
        self.folder = root / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
        self._n_workspaces = 0

    @property
    def autosave_path(self) -> Path:
        """Where the open document is autosaved."""
        return self.folder / AUTOSAVE_NAME

    def new_workspace(self, saved: Path | None = None) -> LayeredWorkspace:
        """Return a fresh folder for heavy files, in front of a project's own."""
        self._n_workspaces += 1
        return LayeredWorkspace(self.folder / f"work-{self._n_workspaces}", saved)

    def lock(self, title: str = "", project: Path | None = None) -> None:
        """Make the folder, and note whose it is and what is in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        me = psutil.Process()
        content = {
            "pid": me.pid,
            "started": me.create_time(),
            "title": title,
            "project": str(project) if project is not None else "",
        }
        (self.folder / LOCK_NAME).write_text(json.dumps(content), encoding="utf-8")

    def discard_autosave(self) -> None:
        """Remove the autosave: the document is saved, or was given up."""
        remove_autosave(self.autosave_path)

    def close(self) -> None:
        """Remove everything this session has written."""
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_autosave(path: Path) -> None:
    """Remove an autosaved project and its data."""
    path.unlink(missing_ok=True)
    shutil.rmtree(path.with_suffix(".cgdata"), ignore_errors=True)


def recoverable(base: Path | None = None) -> tuple[Recoverable, ...]:
    """List what crashed sessions left, newest first; empty and old folders are removed."""
    root = (base if base is not None else data_folder()) / "sessions"
    found = []
    for folder in sorted(root.glob("*")) if root.is_dir() else ():
        info = _read_lock(folder)
        if info is not None and _is_alive(info):
            continue
        autosave = folder / AUTOSAVE_NAME
        if info is None or not autosave.is_file() or _age_days(autosave) > KEEP_DAYS:
            logger.info("Removing what the session %s has left", folder.name)
            shutil.rmtree(folder, ignore_errors=True)
            continue
        project = str(info.get("project") or "")
        found.append(
            Recoverable(
                autosave,
                Path(project) if project else None,
                str(info.get("title") or "Untitled"),
                datetime.fromtimestamp(autosave.stat().st_mtime).astimezone(),
            )
        )
    return tuple(sorted(found, key=lambda item: item.when, reverse=True))


def _read_lock(folder: Path) -> dict[str, object] | None:
    try:
        info = json.loads((folder / LOCK_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return info if isinstance(info, dict) else None


def _is_alive(info: dict[str, object]) -> bool:
    pid, started = info.get("pid"), info.get("started")
    if not isinstance(pid, int) or not isinstance(started, (int, float)):
        return False
    try:
        # The start time tells the process from a later one that was given the same number.
        return abs(float(psutil.Process(pid).create_time()) - started) < 2.0
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _age_days(path: Path) -> float:
    return (datetime.now(UTC).timestamp() - path.stat().st_mtime) / 86_400
