"""Writes what a run leaves behind, and single exports for scripts and the File menu."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from caiman_gui.core.results import ComponentSet
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext
from caiman_gui.errors import DataError, ParameterError
from caiman_gui.pipeline.report import decisions_of
from caiman_gui.pipeline.workspace import current_movie

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from caiman_gui.core.results import MotionResult
    from caiman_gui.pipeline.workspace import Workspace
    from caiman_gui.project.model import ProjectState

#: Files of a run beside the project, in the order in which they are written.
RESULT_FILES = (
    "results.hdf5",
    "motion.h5",
    "components.csv",
    "traces.csv",
    "summary.png",
    "corrected.tif",
    "report.json",
)


def project_path(out: Path, name: str) -> Path:
    """Project file of a run."""
    return out / f"{name}.cgproj"


def data_folder(out: Path, name: str) -> Path:
    """Folder of the project's heavy files, which also is the workspace of a run."""
    return out / f"{name}.cgdata"


def write_project(state: ProjectState, out: Path, *, name: str, workspace: Workspace) -> None:
    """Save the project into a folder, and drop corrected movies it no longer refers to.

    Raises
    ------
    ResourceError
        If it cannot be written; an older project is then untouched.
    """
    from caiman_gui.project.store import save_project

    files = {**workspace.data_files(state), **workspace.spare_files(state)}
    save_project(project_path(out, name), state, files)
    workspace.clean(state)


def write_outputs(
    state: ProjectState,
    out: Path,
    *,
    name: str,
    workspace: Workspace,
    save_movie: bool,
    report: Mapping[str, Any],
    ctx: TaskContext = NULL_CONTEXT,
) -> tuple[Path, ...]:
    """Write every file of a run: project, results, tables, picture and report.

    Parameters
    ----------
    out : Path
        An existing folder.
    name : str
        Stem of the project file.
    save_movie : bool
        Also write the corrected movie as BigTIFF.
    report : mapping
        From ``make_report``.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    ResourceError
        If one cannot be written; no file is left half-written.
    """
    ctx.progress(0, 1, "Writing results")
    write_project(state, out, name=name, workspace=workspace)
    written = [project_path(out, name)]
    jobs: list[tuple[str, Writer]] = [("results.hdf5", export_caiman)]
    if state.motion is not None:
        jobs.append(("motion.h5", export_motion))
    jobs += [("components.csv", export_components), ("traces.csv", export_traces)]
    if state.summary is not None:
        jobs.append(("summary.png", export_picture))
    if save_movie and "motion" in state.steps:
        jobs.append(("corrected.tif", export_movie))
    for index, (file, write) in enumerate(jobs):
        ctx.check()
        part = SubContext(ctx, index / len(jobs), (index + 1) / len(jobs), f"Writing {file}")
        part.progress(0, 1)
        write(state, out / file, workspace, part)
        written.append(out / file)
    _remove_outdated(state, out, {file for file, _ in jobs}, workspace)
    written.append(out / "report.json")
    write_report(written[-1], report)
    ctx.progress(1, 1, "Results written")
    return tuple(written)


def _remove_outdated(
    state: ProjectState, out: Path, written: set[str], workspace: Workspace
) -> None:
    """Remove files of an earlier run that would not belong to what was written now."""
    for file in RESULT_FILES[:-1]:
        if file in written or (
            file == "corrected.tif" and _is_newer(out / file, workspace.data_files(state))
        ):
            continue
        with contextlib.suppress(OSError):  # still open elsewhere
            (out / file).unlink(missing_ok=True)


def _is_newer(file: Path, sources: Mapping[str, Path]) -> bool:
    if not file.is_file() or "motion" not in sources:
        return False
    return file.stat().st_mtime_ns >= sources["motion"].stat().st_mtime_ns


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write ``report.json``."""
    from caiman_gui.io.atomic import write_text_atomic

    write_text_atomic(
        path, json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def export_caiman(state: ProjectState, path: Path, workspace: Workspace, ctx: TaskContext) -> None:
    """Write the results in CaImAn's layout, also when there are no components."""
    from caiman_gui.io.caiman_results import write_caiman_results

    write_caiman_results(
        path,
        components=_components(state),
        accepted=_accepted(state),
        labels=state.labels,
        summary=state.summary,
        motion=state.motion,
        params=state.params,
        frame_rate_hz=state.frame_rate_hz,
        movie_paths=state.recording.paths if state.recording is not None else (),
    )


def export_motion(state: ProjectState, path: Path, workspace: Workspace, ctx: TaskContext) -> None:
    """Write shifts, template and correlation."""
    from caiman_gui.io.motion_file import write_motion

    write_motion(path, _require_motion(state))


def export_components(
    state: ProjectState, path: Path, workspace: Workspace, ctx: TaskContext
) -> None:
    """Write one row a component."""
    from caiman_gui.io.tables import write_components_csv

    write_components_csv(path, _components(state), decisions_of(state))


def export_traces(state: ProjectState, path: Path, workspace: Workspace, ctx: TaskContext) -> None:
    """Write time and one column an accepted component."""
    from caiman_gui.io.tables import write_traces_csv

    accepted_ids = [id_ for id_, accepted in _accepted(state).items() if accepted]
    write_traces_csv(path, _components(state), accepted_ids, state.times_s)


def export_picture(state: ProjectState, path: Path, workspace: Workspace, ctx: TaskContext) -> None:
    """Write the picture of summary images, outlines and traces."""
    from caiman_gui.io.picture import write_summary_png

    if state.summary is None:
        raise DataError(
            "There is nothing to draw", "Summary images were not computed.", "Run 'summary' first."
        )
    write_summary_png(
        path,
        summary=state.summary,
        components=state.components,
        accepted=_accepted(state),
        frame_rate_hz=state.frame_rate_hz,
        title=state.recording.name if state.recording is not None else "",
    )


def export_movie(state: ProjectState, path: Path, workspace: Workspace, ctx: TaskContext) -> None:
    """Write the corrected movie as BigTIFF."""
    from caiman_gui.io.tiff_writer import write_movie_tiff

    _require_motion(state)
    with current_movie(state, workspace) as movie:
        write_movie_tiff(path, movie, ctx)


class ExportFormat(NamedTuple):
    """One way out of a project.

    Attributes
    ----------
    title : str
        Words for the menu.
    suffix : str
        Usual end of the file name.
    write : callable
        ``write(state, path, workspace, ctx)``.
    """

    title: str
    suffix: str
    write: Writer


if TYPE_CHECKING:
    Writer = Callable[[ProjectState, Path, Workspace, TaskContext], None]

EXPORT_FORMATS: dict[str, ExportFormat] = {
    "csv": ExportFormat("Traces of accepted components (CSV)", ".csv", export_traces),
    "components": ExportFormat("Table of components (CSV)", ".csv", export_components),
    "caiman": ExportFormat("CaImAn results (HDF5)", ".hdf5", export_caiman),
    "motion": ExportFormat("Shifts and template (HDF5)", ".h5", export_motion),
    "tiff": ExportFormat("Corrected movie (BigTIFF)", ".tif", export_movie),
    "png": ExportFormat("Summary picture (PNG)", ".png", export_picture),
}


def export(
    format_name: str,
    state: ProjectState,
    path: Path,
    workspace: Workspace,
    ctx: TaskContext = NULL_CONTEXT,
) -> None:
    """Write one export.

    Raises
    ------
    ParameterError
        If there is no such format.
    """
    if format_name not in EXPORT_FORMATS:
        raise ParameterError(
            f"Unknown format: {format_name}", f"The formats are {', '.join(EXPORT_FORMATS)}.", ""
        )
    EXPORT_FORMATS[format_name].write(state, path, workspace, ctx)


def _accepted(state: ProjectState) -> dict[int, bool]:
    return {id_: decision.accepted for id_, decision in decisions_of(state).items()}


def _components(state: ProjectState) -> ComponentSet:
    """Components of a state; an empty set where none were found."""
    if state.components is not None:
        return state.components
    n_frames, height, width = state.shape
    return ComponentSet(
        items=(),
        fov_shape=(height, width),
        n_frames=n_frames,
        background_images=np.zeros((0, height * width), np.float32),
        background_traces=np.zeros((0, n_frames), np.float32),
        next_id=0,
    )


def _require_motion(state: ProjectState) -> MotionResult:
    if state.motion is None:
        raise DataError(
            "There is no corrected movie",
            "Motion correction was not run in this project.",
            "Run it first, then export again.",
        )
    return state.motion
