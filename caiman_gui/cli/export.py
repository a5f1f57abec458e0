"""``caiman-gui export``: one format from a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from caiman_gui.cli.arguments import Parser, parse
from caiman_gui.cli.console import Console, ConsoleContext
from caiman_gui.cli.interrupt import run_interruptible
from caiman_gui.cli.program import INTERRUPTED
from caiman_gui.core.task import Cancelled
from caiman_gui.errors import InputError, ParameterError
from caiman_gui.files import full_path, is_file
from caiman_gui.pipeline.outputs import EXPORT_FORMATS, export
from caiman_gui.pipeline.workspace import Workspace

if TYPE_CHECKING:
    from caiman_gui.cli.program import OpenWindow
    from caiman_gui.project.store import LoadedProject


def main(arguments: list[str], open_window: OpenWindow | None = None) -> int:
    """Write one export; return the exit code."""
    formats = "\n".join(f"  {name:<12}{form.title}" for name, form in EXPORT_FORMATS.items())
    parser = Parser(
        "export", "Write one export format from a project.", epilog=f"formats:\n{formats}"
    )
    add = parser.add_argument
    add("project", type=Path, metavar="PROJECT", help="a .cgproj file")
    add("-f", "--format", required=True, choices=tuple(EXPORT_FORMATS), help="see below")
    add("-o", "--out", type=Path, required=True, metavar="PATH", help="the file to write")
    add("--overwrite", action="store_true", help="replace the file if it exists")
    add("--quiet", action="store_true", help="only errors on the terminal")
    options = parse(parser, arguments)
    if options is None:
        return 0
    return _export(options.project, options.format, options.out, options.overwrite, options.quiet)


def _export(project: Path, format_name: str, out: Path, overwrite: bool, quiet: bool) -> int:
    from caiman_gui.project.store import load_project

    out, project = full_path(out), full_path(project)
    if out.is_dir():
        raise ParameterError("PATH is a folder", str(out), "Name the file to write with -o.")
    if out.exists() and not overwrite:
        raise ParameterError(
            "The file exists", f"{out} would be replaced.", "Add --overwrite, or name another file."
        )
    if not is_file(project):
        raise InputError(
            "The project does not exist", str(project), "Name a file that ends in .cgproj."
        )
    loaded = load_project(project)
    _require_apart(out, project, loaded)
    console = Console(quiet=quiet)
    ctx = ConsoleContext(console)
    try:
        run_interruptible(
            lambda: export(format_name, loaded.state, out, Workspace(loaded.data_dir), ctx), ctx
        )
    except Cancelled:
        console.say("Stopped by you. Nothing was written.")
        return INTERRUPTED
    finally:
        console.close()
    console.say(f"Written: {out}")
    return 0


def _require_apart(out: Path, project: Path, loaded: LoadedProject) -> None:
    """Refuse to write over the project itself or its movies, whatever was asked for."""
    recording = loaded.state.recording
    movies = recording.paths if recording is not None else ()
    own = {path.resolve() for path in (project, *movies)}
    target = out.resolve()
    if target in own or loaded.data_dir.resolve() in target.parents:
        raise ParameterError(
            "The export would replace a part of the project",
            f"{out} belongs to {project}.",
            "Name another file with -o.",
        )
