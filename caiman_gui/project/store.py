"""Saving and loading projects: ``name.cgproj`` (JSON) with ``name.cgdata/`` (HDF5) beside it.

Data files come first and the manifest last, each in one step, so that whatever happens in between
the project on disk is a whole one: the old or the new.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui import __version__
from caiman_gui.core.prepare.regions import Region
from caiman_gui.errors import DataError, InputError, ParameterError
from caiman_gui.files import atomic_path, exists, require_space, storage_error, write_text_atomic
from caiman_gui.params.run import GROUPS, RunParams, validated
from caiman_gui.project.manifest import FORMAT, SCHEMA, Manifest, read_manifest
from caiman_gui.project.model import (
    MOVIE_PREFIXES,
    DatasetRef,
    HistoryEntry,
    ProjectState,
    RecordingRef,
    StepRecord,
)
from caiman_gui.project.parts import (
    read_components_part,
    read_findings_part,
    read_motion_part,
    read_summary_part,
    read_times_part,
    write_part,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Attribute of the state -> beginning of its file's name.
_PREFIXES = {
    "times": "times",
    "findings": "findings",
    "motion": "shifts",
    "summary": "summary",
    "components": "components",
}
_READERS: dict[str, Callable[[Path], Any]] = {
    "times": read_times_part,
    "findings": read_findings_part,
    "motion": read_motion_part,
    "summary": read_summary_part,
    "components": read_components_part,
}
#: Beginnings of the names of files in the data folder that belong to the project.
_OWN = (*(f"{prefix}-" for prefix in _PREFIXES.values()), *MOVIE_PREFIXES)


@dataclass(frozen=True, eq=False)
class LoadedProject:
    """A project as read from disk.

    Attributes
    ----------
    state : ProjectState
    data_dir : Path
        Folder of the heavy files.
    missing : tuple of Path
        Movies that are no longer where the project says.
    read_only : bool
        True if a newer version wrote it: saving would lose what this one does not know.
    notes : tuple of str
        What the user should know, in plain words.
    """

    state: ProjectState
    data_dir: Path
    missing: tuple[Path, ...] = ()
    read_only: bool = False
    notes: tuple[str, ...] = ()


def data_dir(path: Path) -> Path:
    """Return the data folder that belongs to a project file."""
    return path.with_suffix(".cgdata")


def autosave_path(path: Path) -> Path:
    """Return the sibling under which unsaved work of a project is kept."""
    return path.with_name(f"{path.name}.autosave")


def save_project(path: Path, state: ProjectState, data_files: Mapping[str, Path]) -> None:
    """Write a project, whole or not at all.

    Parameters
    ----------
    path : Path
        The ``.cgproj`` file.
    state : ProjectState
    data_files : mapping
        Step name -> heavy file, linked or copied into the data folder if it is elsewhere.

    Raises
    ------
    ResourceError
        If the disk is full or may not be written; an older project is then untouched.
    """
    path = path.absolute()
    folder = data_dir(path)
    made: list[Path] = []
    try:
        names = _write_parts(folder, state, made)
        for source in data_files.values():
            _bring(source.absolute(), folder / source.name, made)
        values = _manifest(path, state, names)
        text = json.dumps(
            values, indent=2, ensure_ascii=False, allow_nan=False, default=_plain_number
        )
        write_text_atomic(path, text + "\n")
    except BaseException as exc:
        for file in made:
            with suppress(OSError):
                file.unlink(missing_ok=True)
        if isinstance(exc, OSError):
            raise storage_error(exc, path) from exc
        raise
    heavy = {record.file for record in state.steps.values()}
    brought = {source.name for source in data_files.values()}
    _remove_stale(folder, {*names.values(), *heavy, *brought})


def load_project(path: Path) -> LoadedProject:
    """Read a project and check everything in it.

    Raises
    ------
    InputError
        If it is missing, damaged or inconsistent, naming the file.
    """
    path = path.absolute()
    manifest = read_manifest(path)
    is_newer = manifest.schema_number > SCHEMA
    folder, notes = data_dir(path), []
    if is_newer:
        notes.append(
            f"{path.name} was written by a newer version ({manifest.written_by}). It is open "
            "for reading only; update caiman_gui to change it."
        )
    recording, missing = _read_recording(path, manifest)
    results = {
        name: read(folder / manifest.data[name])
        for name, read in _READERS.items()
        if name in manifest.data
    }
    state = ProjectState(
        recording=recording,
        params=_read_params(path, manifest, is_newer),
        regions=_read_regions(path, manifest),
        steps={name: StepRecord(**entry.model_dump()) for name, entry in manifest.steps.items()},
        labels={int(number): label for number, label in manifest.labels.items()},
        history=tuple(
            HistoryEntry(
                item.action, tuple(item.ids_in), tuple(item.ids_out), item.when, item.manual
            )
            for item in manifest.history
        ),
        **results,
    )
    _require_consistent(path, state)
    return LoadedProject(state, folder, missing, is_newer, tuple(notes))


def relocate(state: ProjectState, old: Sequence[Path], new_paths: Sequence[Path]) -> ProjectState:
    """Return a state in which movie files ``old`` lie at ``new_paths``, in the same order."""
    if state.recording is None:
        return state
    if len(old) != len(new_paths):
        raise ValueError(f"{len(old)} old places, but {len(new_paths)} new ones")
    moved = dict(zip(old, new_paths, strict=True))
    paths = tuple(moved.get(path, path).absolute() for path in state.recording.paths)
    return state.with_(recording=replace(state.recording, paths=paths))


def _write_parts(folder: Path, state: ProjectState, made: list[Path]) -> dict[str, str]:
    """Write every result; note what is new in ``made``. Returns attribute -> file name."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {}
    for attribute, prefix in _PREFIXES.items():
        result = getattr(state, attribute)
        if result is None:
            continue
        names[attribute], is_new = write_part(folder, prefix, result)
        if is_new:
            made.append(folder / names[attribute])
    return names


def _bring(source: Path, target: Path, made: list[Path]) -> None:
    """Put a heavy file into the data folder: as a link if the disk allows, else as a copy."""
    if source == target or _is_same_file(source, target):
        return
    was_there = target.exists()
    with atomic_path(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            require_space(target, source.stat().st_size)
            shutil.copyfile(source, temporary)
    if not was_there:
        made.append(target)


def _is_same_file(source: Path, target: Path) -> bool:
    """Whether ``target`` already is what would be brought: names carry the key of the inputs."""
    if not target.is_file():
        return False
    ours, theirs = source.stat(), target.stat()
    return os.path.samestat(ours, theirs) or (
        ours.st_size == theirs.st_size and ours.st_mtime_ns <= theirs.st_mtime_ns
    )


def _manifest(path: Path, state: ProjectState, names: Mapping[str, str]) -> dict[str, Any]:
    recording = None
    if state.recording is not None:
        recording = asdict(state.recording)
        files = recording.pop("paths")
        recording = {"files": [_file_entry(path, file) for file in files], **recording}
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        "written_by": __version__,
        "recording": recording,
        "params": state.params.model_dump(mode="json", exclude_defaults=True),
        "regions": [region.to_dict() for region in state.regions],
        "steps": {name: asdict(record) for name, record in state.steps.items()},
        "data": dict(names),
        "labels": {str(number): label for number, label in sorted(state.labels.items())},
        "history": [asdict(entry) for entry in state.history],
    }


def _plain_number(value: object) -> object:
    """Turn a number of numpy into one that JSON knows."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} cannot be stored")


def _file_entry(project: Path, file: Path) -> dict[str, str]:
    absolute = file.absolute()
    try:
        relative = Path(os.path.relpath(absolute, project.parent)).as_posix()
    except ValueError:  # another drive on Windows
        relative = ""
    return {"path": relative, "absolute": absolute.as_posix()}


def _read_recording(path: Path, manifest: Manifest) -> tuple[RecordingRef | None, tuple[Path, ...]]:
    entry = manifest.recording
    if entry is None:
        return None, ()
    files, missing = [], []
    for item in entry.files:
        places = []
        if item.path:
            places.append(Path(os.path.normpath(path.parent / item.path)))
        if item.absolute:
            places.append(Path(item.absolute))
        if not places or any("\0" in str(place) for place in places):
            raise _inconsistent(path, "a movie has no place")
        found = next((place for place in places if exists(place)), None)
        files.append(found or places[0])
        if found is None:
            missing.append(places[0])
    values = entry.model_dump(exclude={"files", "datasets", "dropped"})
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    recording = RecordingRef(
        paths=tuple(files),
        datasets=tuple(
            DatasetRef(item.path, tuple(item.shape), item.dtype, item.axes)
            for item in entry.datasets
        ),
        dropped=tuple((pair[0], pair[1]) for pair in entry.dropped if len(pair) == 2),
        **values,
    )
    return recording, tuple(missing)


def _read_regions(path: Path, manifest: Manifest) -> tuple[Region, ...]:
    try:
        return tuple(Region.from_dict(values) for values in manifest.regions)
    except ValueError as exc:
        raise _inconsistent(path, f"a region drawn on the image makes no sense ({exc})") from exc


def _read_params(path: Path, manifest: Manifest, is_newer: bool) -> RunParams:
    values = manifest.params
    if is_newer:  # parameters of the future are unknown here
        values = {
            group: {k: v for k, v in fields.items() if k in GROUPS[group].model_fields}
            for group, fields in values.items()
            if group in GROUPS
        }
    try:
        return validated(RunParams, values)
    except ParameterError as exc:
        raise InputError(
            "The parameters of the project cannot be used",
            f"{path}: {exc.detail}",
            "Correct them in the file, or open an older copy of the project.",
        ) from exc


def _require_consistent(path: Path, state: ProjectState) -> None:
    """Refuse results that do not belong to the recording."""
    if state.recording is None:
        return
    recorded = state.recording.shape
    if state.times is not None and len(state.times.seconds) != recorded[0]:
        raise _inconsistent(path, "its timestamps belong to a movie of another length")
    if state.findings is not None and state.findings.excluded.shape != recorded[1:]:
        raise _inconsistent(path, "its bad pixels belong to a movie of another size")
    try:
        n_frames, *sides = state.shape
    except DataError as exc:
        raise _inconsistent(path, exc.detail.rstrip(".")) from exc
    size = tuple(sides)
    if state.components is not None and (
        state.components.fov_shape != size or state.components.n_frames != n_frames
    ):
        raise _inconsistent(path, "its components belong to a movie of another size")
    if state.motion is not None and (
        state.motion.shifts.ndim != 3
        or state.motion.shifts.shape[::2] != (n_frames, 2)
        or state.motion.template.shape != size
    ):
        raise _inconsistent(path, "its shifts belong to a movie of another size")
    if state.summary is not None and any(
        image.shape != size for image in vars(state.summary).values()
    ):
        raise _inconsistent(path, "its summary images belong to a movie of another size")


def _inconsistent(path: Path, why: str) -> InputError:
    return InputError(
        "The project does not fit together",
        f"{path}: {why}.",
        "Open an older copy of the project, or start a new one with the movie.",
    )


def _remove_stale(folder: Path, wanted: set[str]) -> None:
    """Remove files of the project that the saved state does not refer to."""
    for file in folder.iterdir():
        is_part = file.name.startswith(
            tuple(f".{own}" for own in _OWN if own not in MOVIE_PREFIXES)
        )  # a crash left it
        if (file.name.startswith(_OWN) and file.name not in wanted) or is_part:
            with suppress(OSError):  # still open elsewhere: the next save gets it
                file.unlink()
