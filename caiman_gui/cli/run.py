"""``caiman-gui run``: a movie in, a folder of results out."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from caiman_gui.cli.arguments import Parser, folder, memory_size, movie, parse, positive
from caiman_gui.cli.console import Console, ConsoleContext
from caiman_gui.cli.interrupt import Abandoned, run_interruptible
from caiman_gui.cli.lock import folder_lock
from caiman_gui.cli.options import add_parameter_options, given_params, resolve_twins
from caiman_gui.cli.out_folder import (
    LOG_NAME,
    project_name,
    remove_results,
    remove_unfinished,
    require_free,
    require_outside,
    stored_state,
)
from caiman_gui.cli.program import INTERRUPTED
from caiman_gui.core.parallel import cpu_count
from caiman_gui.core.task import Cancelled, SubContext
from caiman_gui.errors import (
    CaimanGuiError,
    InputError,
    NoResultError,
    ParameterError,
    ResourceError,
)
from caiman_gui.files import full_path
from caiman_gui.logs import LEVELS, close_logging, setup_logging
from caiman_gui.pipeline.measure import default_memory_bytes
from caiman_gui.pipeline.outputs import data_folder, write_outputs, write_project
from caiman_gui.pipeline.preparation import mask_has_changed, survey_notes
from caiman_gui.pipeline.report import make_report
from caiman_gui.pipeline.runner import run_steps
from caiman_gui.pipeline.steps import STEP_NAMES, STEPS, StepStatus, in_order, status
from caiman_gui.pipeline.workspace import Workspace, look_at, require_enough_left
from caiman_gui.project.model import ProjectState

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from caiman_gui.cli.program import OpenWindow

logger = logging.getLogger(__name__)

#: How long an abandoned run waits for a project that is just being written.
_SAVING_S = 5.0


def main(arguments: list[str], open_window: OpenWindow | None = None) -> int:
    """Run the pipeline as the arguments say; return the exit code."""
    options = parse(_parser(), arguments)
    if options is None:
        return 0
    return run_pipeline(options)


def run_pipeline(options: argparse.Namespace) -> int:
    """Run the pipeline as parsed options say; return the exit code."""
    console = Console(quiet=options.quiet)
    try:
        with folder_lock(full_path(options.out)):
            return _prepare(options, console).execute()
    finally:
        console.close()


@dataclass
class _Run:
    """One run under way: the last state that is complete, and what became of each step."""

    options: argparse.Namespace
    console: Console
    name: str
    out: Path
    names: tuple[str, ...]
    state: ProjectState
    memory_bytes: int
    notes: tuple[str, ...]
    skipped: set[str] = field(default_factory=set)
    saving: threading.Lock = field(default_factory=threading.Lock)

    @property
    def workspace(self) -> Workspace:
        return Workspace(data_folder(self.out, self.name))

    @property
    def _can_go_on(self) -> bool:
        """Whether a part of the work is done and kept."""
        return bool(self.state.steps) or self.workspace.has_begun(self.state)

    def execute(self) -> int:
        ctx = ConsoleContext(self.console)
        try:
            empty = run_interruptible(lambda: self._work(ctx), ctx)
        except Abandoned:
            self._save_within(_SAVING_S)
            self._say_stopped()
            logging.shutdown()
            os._exit(INTERRUPTED)  # the thread that does not stop would keep the process alive
        except Cancelled:
            self._save()
            self._say_stopped()
            return INTERRUPTED
        except CaimanGuiError as exc:
            if isinstance(exc, ResourceError | InputError) and self._can_go_on:
                self.console.say("The same command with --resume goes on from there.")
            elif not self.state.steps:
                self._leave_nothing()
            raise
        self._say_done()
        if empty is not None:
            raise empty
        return 0

    def _work(self, ctx: ConsoleContext) -> NoResultError | None:
        empty = None
        self._save()  # so that a run that is killed can be resumed too
        try:
            run_steps(
                self.names,
                self.state,
                workspace=self.workspace,
                n_threads=self.options.threads,
                memory_bytes=self.memory_bytes,
                ctx=SubContext(ctx, 0.0, 0.97),
                on_step=self._keep,
            )
        except NoResultError as exc:
            empty = exc
        write_outputs(
            self.state,
            self.out,
            name=self.name,
            workspace=self.workspace,
            save_movie=self.options.save_movie,
            report=make_report(
                self.state,
                skipped=self.skipped,
                n_threads=self.options.threads,
                memory_bytes=self.memory_bytes,
                notes=[*self.notes, *([f"{empty.title}. {empty.detail}"] if empty else [])],
            ),
            ctx=SubContext(ctx, 0.97, 1.0),
        )
        return empty

    def _keep(self, name: str, state: ProjectState) -> None:
        if state is self.state:
            self.skipped.add(name)
            self.console.say(f"{STEPS[name].title}: up to date, skipped")
            return
        self.state = state
        self.console.say(f"{STEPS[name].title}: {state.steps[name].seconds:.1f} s")
        self._save()

    def _save(self) -> None:
        with self.saving:
            write_project(self.state, self.out, name=self.name, workspace=self.workspace)

    def _save_within(self, seconds: float) -> None:
        if self.saving.acquire(timeout=seconds):
            write_project(self.state, self.out, name=self.name, workspace=self.workspace)

    def _leave_nothing(self) -> None:
        """Remove an empty project again, so that the next try finds OUT as this one did."""
        close_logging()
        remove_results(self.out, self.name)
        with contextlib.suppress(OSError):  # other files in it, or a folder in use
            (self.out / LOG_NAME).unlink()
            self.out.rmdir()

    def _say_stopped(self) -> None:
        finished = [STEPS[name].title for name in self.names if name in self.state.steps]
        self.console.say("Stopped by you.")
        self.console.say(f"Finished: {', '.join(finished) or 'nothing yet'}.")
        self.console.say("The same command with --resume goes on from there.")

    def _say_done(self) -> None:
        report = make_report(self.state, skipped=(), n_threads=1, memory_bytes=0)
        for warning in report["warnings"]:
            logger.warning("%s", warning)
        counts = report["counts"]
        self.console.say(
            f"{counts['components']} components, {counts['accepted']} accepted. Results: {self.out}"
        )


def _prepare(options: argparse.Namespace, console: Console) -> _Run:
    """Check everything that can be checked before any work, cheapest first."""
    out = full_path(options.out)
    paths = [full_path(path) for path in options.movies]
    name = project_name(paths[0])
    require_free(out, options)
    require_outside(paths, out, name)
    state = stored_state(out, name) if options.resume else ProjectState()
    given = given_params(options, state.params if options.resume else None)
    _steps(options.steps, state)
    looked = look_at(paths, given.params)
    recording = looked.recording
    notes = (*given.notes, *recording.notes)
    params = resolve_twins(given, recording)
    new = looked.into(state).with_(params=params)
    if state.recording is not None and state.reading != new.reading:
        state = ProjectState()  # nothing of another movie can be used
    state = looked.into(state).with_params(params)
    require_enough_left(state)
    if mask_has_changed(state):
        state = looked.into(ProjectState()).with_params(params)  # nothing of the old one fits
    notes = (*notes, *survey_notes(state))
    names = _steps(options.steps, state)
    workspace = Workspace(data_folder(out, name))
    if options.overwrite:
        remove_results(out, name)
    elif options.resume:
        remove_unfinished(out, name)
    workspace.prepare()
    _start_log(out / LOG_NAME, options, console)
    for note in notes:
        logger.warning("%s", note)
    logger.info(
        "%s: %d frames of %d x %d px; steps %s; %d threads",
        recording.name, *state.shape,
        ", ".join(names), options.threads,
    )  # fmt: skip
    logger.info("parameters: %s", params.model_dump_json())
    return _Run(
        options=options,
        console=console,
        name=name,
        out=out,
        names=names,
        state=state,
        memory_bytes=options.memory or default_memory_bytes(),
        notes=notes,
        skipped={"prepare"} if status("prepare", state) is StepStatus.DONE else set(),
    )


def _steps(text: str, state: ProjectState) -> tuple[str, ...]:
    names = in_order(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise ParameterError(
            "No step was named", f"--steps {text!r} is empty.", f"Choose: {','.join(STEP_NAMES)}."
        )
    for name in names:
        for other in STEPS[name].needs:
            if other not in names and other not in state.steps:
                raise ParameterError(
                    f"The step '{name}' cannot run",
                    f"It reads the result of '{other}', which is neither among --steps "
                    "nor in OUT from before.",
                    f"Add {other} to --steps.",
                )
    return names


def _start_log(path: Path, options: argparse.Namespace, console: Console) -> None:
    try:
        setup_logging(options.log_level, path, stream=console)
    except OSError as exc:
        raise ResourceError(
            "The log cannot be written",
            f"{path}: {exc.strerror or exc}.",
            "Choose a folder you may write to.",
        ) from exc


def _parser() -> Parser:
    parser = Parser(
        "run",
        "Run motion correction, summary images, sources, quality and traces on a movie.",
        epilog="Lengths in pixels (-px) can be given in micrometres (-um), durations in frames "
        "(-frames)\nin seconds (-s), once pixel size and frame rate are known.",
    )
    parser.add_argument("movies", nargs="+", type=movie, metavar="MOVIE", help="in order of time")
    parser.add_argument("-o", "--out", type=folder, required=True, help="folder for the results")
    add_run_options(parser)
    add_parameter_options(parser)
    return parser


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how to run, not what to compute."""
    add = parser.add_argument
    add("--steps", default=",".join(STEP_NAMES), metavar="A,B", help="only these; default: all")
    add("--threads", type=positive("--threads"), default=cpu_count(), metavar="N",
        help="threads; default: all cores")  # fmt: skip
    add("--memory", type=memory_size, metavar="4GB", help="budget; default: half of what is free")
    add("--save-movie", action="store_true", help="also write the corrected movie as BigTIFF")
    add("--overwrite", action="store_true", help="start anew in an OUT that is not empty")
    add("--resume", action="store_true",
        help="go on from the project in OUT; its parameters hold on")  # fmt: skip
    add("--quiet", action="store_true", help="only errors and warnings on the terminal")
    add("--log-level", choices=LEVELS, default="warning", help="of the terminal; default: warning")
