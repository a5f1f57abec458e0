"""Where the heavy results of a project lie while it is worked on."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from caiman_gui.errors import DataError, InputError, ResourceError
from caiman_gui.files import exists
from caiman_gui.project.model import MOVIE_PREFIXES, PREPARED_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from caiman_gui.core.findings import FrameTimes
    from caiman_gui.core.movie import Movie
    from caiman_gui.io.reader import ReadChoice
    from caiman_gui.params.run import RunParams
    from caiman_gui.project.model import ProjectState, RecordingRef, StepRecord


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
        from caiman_gui.io.store import StoredMovie

        path = self.path(file)
        if not path.is_file():
            return False
        try:
            StoredMovie(path).close()
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

    def spare_files(self, state: ProjectState) -> dict[str, Path]:
        """Return the movie stored for a step that did not come to its end, if there is one."""
        if state.recording is None or "motion" in state.steps:
            return {}
        path = self.path(prepared_file(state))
        return {"prepared": path} if path.is_file() else {}

    def clean(self, state: ProjectState) -> None:
        """Remove stored movies that neither the state refers to nor its next step can use."""
        wanted = {record.file for record in state.steps.values()}
        wanted |= {path.name for path in self.spare_files(state).values()}
        for path in movie_files(self.folder):
            if path.name not in wanted and path.is_file():
                with contextlib.suppress(OSError):  # still open elsewhere: the next clean gets it
                    path.unlink()

    def has_begun(self, state: ProjectState) -> bool:
        """Whether a step that did not come to its end has left something it can go on with."""
        unfinished = (self.folder.glob(f".{prefix}*.part") for prefix in MOVIE_PREFIXES)
        return bool(self.spare_files(state)) or any(any(found) for found in unfinished)

    def drop_unfinished(self, but: str) -> None:
        """Remove what interrupted steps have left, except what can become the file ``but``."""
        for prefix in MOVIE_PREFIXES:
            for path in self.folder.glob(f".{prefix}*.part"):
                if not path.name.startswith(f".{but}."):
                    with contextlib.suppress(OSError):
                        path.unlink()


def prepared_file(state: ProjectState) -> str:
    """Name of the working copy of the prepared movie, which tells what it was made from."""
    from caiman_gui.pipeline.steps import movie_key

    return f"{PREPARED_PREFIX}{movie_key(state)}.cgm"


def movie_files(folder: Path) -> list[Path]:
    """Return the corrected and prepared movies in a data folder."""
    return [path for prefix in MOVIE_PREFIXES for path in sorted(folder.glob(f"{prefix}*"))]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What was found out about a recording by opening it.

    Attributes
    ----------
    recording : RecordingRef
    times : FrameTimes or None
        Where its files have timestamps.
    """

    recording: RecordingRef
    times: FrameTimes | None

    def into(self, state: ProjectState) -> ProjectState:
        """Return a state that begins with this recording, or reads it differently."""
        return state.with_(recording=self.recording, times=self.times)


def read_choice(params: RunParams) -> ReadChoice:
    """Return what the parameters choose where files leave a choice."""
    from caiman_gui.io.reader import RawGeometry, ReadChoice

    chosen, raw = params.recording, params.raw
    geometry = None
    if raw.width_px and raw.height_px:
        geometry = RawGeometry(
            width_px=raw.width_px,
            height_px=raw.height_px,
            dtype=raw.dtype,
            is_big_endian=raw.byte_order == "big",
            header_bytes=raw.header_bytes,
            gap_bytes=raw.gap_bytes,
        )
    return ReadChoice(
        dataset=chosen.dataset,
        axes=chosen.axes,
        channel=chosen.channel,
        plane=chosen.plane,
        raw=geometry,
    )


def open_recording(
    paths: tuple[Path, ...] | list[Path], params: RunParams | None = None
) -> RecordingRef:
    """Look at movie files and return what a project keeps of them.

    Raises
    ------
    InputError
        If a file is missing, unreadable or of the wrong kind.
    """
    return look_at(paths, params).recording


def look_at(paths: tuple[Path, ...] | list[Path], params: RunParams | None = None) -> Looked:
    """Look at movie files and return all that they say.

    Raises
    ------
    InputError
        If a file is missing, unreadable or of the wrong kind.
    """
    from caiman_gui.core.findings import FrameTimes
    from caiman_gui.io.fingerprint import fingerprint
    from caiman_gui.io.movie import open_movie
    from caiman_gui.params.run import RunParams
    from caiman_gui.project.model import DatasetRef, RecordingRef

    files = tuple(Path(path).absolute() for path in paths)
    with open_movie(files, read_choice(params or RunParams())) as movie:
        info = movie.info
    n_frames, height, width = info.shape
    rate, size, indicator, times = (
        info.frame_rate, info.pixel_size, info.indicator, info.timestamps,
    )  # fmt: skip
    recording = RecordingRef(
        paths=info.paths,
        n_frames=n_frames,
        height=height,
        width=width,
        dtype=str(info.dtype),
        fingerprint=fingerprint(info.files),
        frame_rate_hz=rate.value if rate else None,
        frame_rate_source=rate.source if rate else "",
        pixel_size_um=size.value if size else None,
        pixel_size_source=size.source if size else "",
        indicator=indicator.value if indicator else "",
        indicator_source=indicator.source if indicator else "",
        recorded=info.recorded.value if info.recorded else "",
        times_source=times.source if times else "",
        format=info.format,
        channels=info.channels,
        n_planes=info.n_planes,
        datasets=tuple(DatasetRef(d.path, d.shape, d.dtype, d.axes) for d in info.datasets),
        dataset=info.dataset,
        axes=info.axes,
        dropped=info.dropped,
        notes=info.notes,
    )
    return Looked(recording, FrameTimes(times.value) if times else None)


def require_frames(state: ProjectState) -> None:
    """Refuse a preparation that leaves nothing of the recording, with a DataError."""
    _ = state.shape


def require_enough_left(state: ProjectState) -> None:
    """Refuse a preparation that leaves too little of a recording which itself is large enough.

    Raises
    ------
    DataError
        Naming what there is, what is left and the limit.
    """
    from caiman_gui.core.checks import MIN_FRAMES, MIN_SIDE_PX

    n_frames, height, width = state.shape
    n_recorded, *sides = require_recording(state).shape
    if n_frames < MIN_FRAMES <= n_recorded:
        raise DataError(
            "Too few frames are left of the movie",
            f"Trimming and binning leave {n_frames} of {n_recorded}; at least {MIN_FRAMES} are "
            "needed to tell activity from noise.",
            "Leave out fewer frames, or use smaller bins.",
        )
    if min(height, width) < MIN_SIDE_PX <= min(sides):
        raise DataError(
            "Too little is left of the field of view",
            f"Cropping and binning leave {height} x {width} of {sides[0]} x {sides[1]} px; each "
            f"side needs at least {MIN_SIDE_PX} px.",
            "Crop less, or use smaller bins.",
        )


def require_recording(state: ProjectState) -> RecordingRef:
    """Return the recording of a state; InputError if there is none."""
    if state.recording is None:
        raise InputError("No movie is open", "A step needs a recording.", "Open a movie first.")
    return state.recording


@contextlib.contextmanager
def recorded_movie(state: ProjectState) -> Iterator[Movie]:
    """Open the movie as recorded, for as long as the block runs.

    Raises
    ------
    InputError
        If it cannot be read, or is no longer the movie the project was made with.
    """
    from caiman_gui.io.fingerprint import fingerprint
    from caiman_gui.io.movie import open_movie

    recording = require_recording(state)
    with open_movie(recording.paths, read_choice(state.params)) as movie:
        if movie.shape != recording.shape:
            raise InputError(
                "The movie has changed",
                f"{recording.name} was {_size(recording.shape)}, now it is {_size(movie.shape)}.",
                "Open the movie again as a new project.",
            )
        if fingerprint(movie.info.files) != recording.fingerprint:
            raise InputError(
                "The movie has changed",
                f"{recording.name} holds other frames than those the project was made with.",
                "Put the old file back, or open the movie again as a new project.",
            )
        yield movie


def require_unchanged(state: ProjectState) -> None:
    """Refuse a movie that was written to while it was read: what was read of it is a mixture.

    One that is gone meanwhile, after all of it was read, is none the worse for it.

    Raises
    ------
    InputError
    """
    recording = require_recording(state)
    try:
        with recorded_movie(state):
            return
    except InputError as exc:
        if not all(exists(path) for path in recording.paths):
            return
        raise InputError(
            "The movie was changed while it was read",
            f"{recording.name} is not what it was when this step began.",
            "Wait until it is recorded or copied to the end, then start anew.",
        ) from exc


@contextlib.contextmanager
def raw_movie(state: ProjectState) -> Iterator[Movie]:
    """Open the movie as it is prepared for the first step: trimmed, cropped, binned, lined up.

    Raises
    ------
    InputError
        If it cannot be read, or is no longer the movie the project was made with.
    DataError
        If the preparation leaves nothing.
    """
    with recorded_movie(state) as movie:
        yield prepared(movie, state)


def prepared(movie: Movie, state: ProjectState) -> Movie:
    """Return an open recording as the state prepares it; the recording itself if it does not."""
    preparation, fill = state.preparation, state.filled_pixels
    if preparation.is_identity and fill is None:
        return movie
    from caiman_gui.core.prepare.movie import PreparedMovie

    return PreparedMovie(movie, preparation, fill)


def movie_record(state: ProjectState) -> StepRecord | None:
    """Return the step that wrote the movie later steps read; None: they read the recording."""
    for name in ("motion", "summary"):
        record = state.steps.get(name)
        if record is not None and (record.file or name == "motion"):
            return record
    return None


@contextlib.contextmanager
def current_movie(state: ProjectState, workspace: Workspace) -> Iterator[Movie]:
    """Open the movie that later steps read: corrected, or as prepared.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    record = movie_record(state)
    is_needed = "motion" in state.steps
    if record is None or not (is_needed or workspace.path(record.file).is_file()):
        with raw_movie(state) as movie:  # slower, but the same
            yield movie
        return
    with working_movie(workspace, record.file) as stored:
        yield stored


@contextlib.contextmanager
def working_movie(workspace: Workspace, file: str) -> Iterator[Movie]:
    """Open a movie of the data folder.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    from caiman_gui.io.store import StoredMovie

    path = workspace.path(file)
    if not path.is_file():
        raise InputError(
            "The corrected movie is missing",
            f"{path} is not there.",
            "Run motion correction again.",
        )
    with StoredMovie(path) as stored:
        yield stored


def _size(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} frames of {shape[1]} x {shape[2]} px"
