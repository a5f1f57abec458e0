"""The folder of a run: what may be in it before, and what is removed from it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from caiman_gui.errors import InputError, ParameterError, ResourceError
from caiman_gui.files import remove_unfinished_siblings
from caiman_gui.pipeline.outputs import RESULT_FILES, data_folder, project_path
from caiman_gui.project.model import ProjectState

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

LOG_NAME = "run.log"
#: Of a movie's name, so many bytes name its project: 255 is what file systems allow.
_LONGEST_NAME = 200


def project_name(movie: Path) -> str:
    """Name of the project made of a movie: that of the movie, as far as it may be one."""
    name = movie.stem if movie.name != ".." else movie.resolve().stem
    while len(name.encode(errors="replace")) > _LONGEST_NAME:
        name = name[:-1]
    return name or "recording"


def require_free(out: Path, options: argparse.Namespace) -> None:
    """Refuse a folder that cannot be used, or whose content was not spoken of."""
    if options.overwrite and options.resume:
        raise ParameterError(
            "--overwrite and --resume exclude each other",
            "One starts anew, the other goes on.",
            "Leave one of them out.",
        )
    try:
        if not out.exists():
            return
        if not out.is_dir():
            raise ParameterError(
                "OUT is a file", f"{out} is a file, not a folder.", "Name a folder with -o."
            )
        is_used = any(out.iterdir())
    except OSError as exc:
        raise ResourceError(
            "The folder for results cannot be used",
            f"{out}: {exc.strerror or exc}.",
            "Choose a folder you may write to.",
        ) from exc
    if is_used and not (options.overwrite or options.resume):
        raise ParameterError(
            "OUT already holds something",
            f"{out} is not empty.",
            "Add --overwrite to start anew, --resume to go on, or choose another folder.",
        )


def stored_state(out: Path, name: str) -> ProjectState:
    """State of the project in OUT; an empty one if the last run did not get that far."""
    from caiman_gui.project.store import load_project

    path = project_path(out, name)
    if not path.is_file():
        _require_no_other(out, name)
        return ProjectState()
    try:
        loaded = load_project(path)
    except InputError as exc:
        raise InputError(
            f"This run cannot be resumed: {exc.title[0].lower()}{exc.title[1:]}",
            exc.detail,
            "Start anew with --overwrite, or choose another folder.",
        ) from exc
    if loaded.read_only:
        raise ParameterError(
            "This project cannot be resumed",
            f"{path} was written by a newer version.",
            "Update caiman_gui, or start anew with --overwrite.",
        )
    return loaded.state


def _require_no_other(out: Path, name: str) -> None:
    """Refuse to go on with the project of another movie: its results would be written over."""
    others = sorted(path.name for path in out.glob("*.cgproj")) if out.is_dir() else []
    if others:
        raise ParameterError(
            "OUT holds the project of another movie",
            f"{out} holds {others[0]}, but a run of {name} goes on with {name}.cgproj.",
            "Choose another folder, or give the movie the name it had.",
        )


def remove_results(out: Path, name: str) -> None:
    """Remove the files of an earlier run, and nothing else: old and new must not be mixed."""
    try:
        for file in (*RESULT_FILES, f"{name}.cgproj"):
            (out / file).unlink(missing_ok=True)
        if data_folder(out, name).is_dir():
            shutil.rmtree(data_folder(out, name))
        remove_unfinished(out, name)
    except OSError as exc:
        raise ResourceError(
            "The results of an earlier run cannot be removed",
            f"{exc.filename or out}: {exc.strerror or exc}.",
            "Close the programs that have them open, or choose another folder.",
        ) from exc


def remove_unfinished(out: Path, name: str) -> None:
    """Remove what a run that was killed has left half-written beside its results."""
    for file in (*RESULT_FILES, project_path(out, name).name):
        remove_unfinished_siblings(out / file)


def require_outside(paths: Sequence[Path], out: Path, name: str) -> None:
    """Refuse movies that the run itself would remove or write over.

    Raises
    ------
    ParameterError
    """
    folder, data = out.resolve(), data_folder(out, name).resolve()
    written = {folder / file for file in (*RESULT_FILES, LOG_NAME, project_path(out, name).name)}
    for path in paths:
        file = path.resolve()
        if file in written or data in file.parents:
            raise ParameterError(
                "The movie lies where the results go",
                f"{path} would be replaced by the results in {out}.",
                "Choose another folder with -o, or move the movie.",
            )
