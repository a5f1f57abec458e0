"""Where the heavy results of a project lie while it is worked on."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from caiman_gui.errors import InputError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from caiman_gui.core.movie import Movie
    from caiman_gui.project.model import ProjectState, RecordingRef


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder for corrected movies; a project's own data folder, or a temporary one."""

    folder: Path

    def path(self, file: str) -> Path:
        """Where a file of a StepRecord lies."""
        return self.folder / file

    def is_whole(self, file: str) -> bool:
        """Whether a corrected movie is there and was not cut off."""
        from caiman_gui.io.corrected import CorrectedMovie

        path = self.path(file)
        if not path.is_file():
            return False
        try:
            CorrectedMovie(path).close()
        except InputError as exc:
            logger.warning("%s It is made again.", exc.detail)
            return False
        return True

    def prepare(self) -> None:
        """Make the folder.

        Raises
        ------
        ResourceError
            If it cannot be made or written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / ".write-test"
            probe.touch()
            probe.unlink()
        except OSError as exc:
            raise ResourceError(
                "Results cannot be written",
                f"{self.folder}: {exc.strerror or exc}.",
                "Choose a folder you may write to, or ask for permission.",
            ) from exc

    def data_files(self, state: ProjectState) -> dict[str, Path]:
        """Heavy files of a state: step name -> path, those that exist."""
        return {
            name: self.path(record.file)
            for name, record in state.steps.items()
            if record.file and self.path(record.file).is_file()
        }

    def clean(self, state: ProjectState) -> None:
        """Remove corrected movies that the state does not refer to, and unfinished files."""
        wanted = {record.file for record in state.steps.values()}
        leftovers = [*self.folder.glob("motion-*"), *self.folder.glob(".motion-*.part")]
        for path in leftovers:
            if path.name not in wanted and path.is_file():
                with contextlib.suppress(OSError):  # still open elsewhere: the next clean gets it
                    path.unlink()


def open_recording(paths: tuple[Path, ...] | list[Path]) -> RecordingRef:
    """Look at movie files and return what a project keeps of them.

    Raises
    ------
    InputError
        If a file is missing, unreadable or of the wrong kind.
    """
    return look_at(paths)[0]


def look_at(paths: tuple[Path, ...] | list[Path]) -> tuple[RecordingRef, tuple[str, ...]]:
    """Look at movie files; also return what was assumed about them, in plain words.

    Raises
    ------
    InputError
        If a file is missing, unreadable or of the wrong kind.
    """
    from caiman_gui.io.movie import fingerprint, open_movie
    from caiman_gui.project.model import RecordingRef

    files = tuple(Path(path).absolute() for path in paths)
    with open_movie(files) as movie:
        info = movie.info
        n_frames, height, width = movie.shape
    recording = RecordingRef(
        paths=files,
        n_frames=n_frames,
        height=height,
        width=width,
        dtype=str(info.dtype),
        fingerprint=fingerprint(files),
        frame_rate_hz=info.frame_rate_hz,
        frame_rate_source=info.frame_rate_source if info.frame_rate_hz else "",
        pixel_size_um=info.pixel_size_um,
        pixel_size_source=info.pixel_size_source if info.pixel_size_um else "",
    )
    return recording, info.notes


def require_recording(state: ProjectState) -> RecordingRef:
    """Return the recording of a state; InputError if there is none."""
    if state.recording is None:
        raise InputError("No movie is open", "A step needs a recording.", "Open a movie first.")
    return state.recording


@contextlib.contextmanager
def raw_movie(state: ProjectState) -> Iterator[Movie]:
    """Open the movie as recorded, for as long as the block runs.

    Raises
    ------
    InputError
        If it cannot be read, or is no longer the movie the project was made with.
    """
    from caiman_gui.io.movie import fingerprint, open_movie

    recording = require_recording(state)
    with open_movie(recording.paths) as movie:
        expected = (recording.n_frames, recording.height, recording.width)
        if movie.shape != expected:
            raise InputError(
                "The movie has changed",
                f"{recording.name} was {_size(expected)}, now it is {_size(movie.shape)}.",
                "Open the movie again as a new project.",
            )
        if fingerprint(recording.paths) != recording.fingerprint:
            raise InputError(
                "The movie has changed",
                f"{recording.name} holds other frames than those the project was made with.",
                "Put the old file back, or open the movie again as a new project.",
            )
        yield movie


@contextlib.contextmanager
def current_movie(state: ProjectState, workspace: Workspace) -> Iterator[Movie]:
    """Open the corrected movie if motion correction was run, else the raw movie.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    record = state.steps.get("motion")
    if record is None:
        with raw_movie(state) as movie:
            yield movie
        return
    from caiman_gui.io.corrected import CorrectedMovie

    path = workspace.path(record.file)
    if not path.is_file():
        raise InputError(
            "The corrected movie is missing",
            f"{path} is not there.",
            "Run motion correction again.",
        )
    corrected = CorrectedMovie(path)
    try:
        yield corrected
    finally:
        corrected.close()


def _size(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} frames of {shape[1]} x {shape[2]} px"
