"""Recordings of the UCLA Miniscope: which videos belong together, and what is said beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.miniscope_folder import (
    find_miniscope,
    is_microscope,
    read_settings,
    sidecar,
)
from caiman_gui.io.reader import Fact
from caiman_gui.io.timestamps import dropped_frames, rate_of, read_table

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.miniscope_folder import MiniscopeFolder
    from caiman_gui.io.timestamps import Table

#: Table and videos differ by a few frames where recording was stopped between the two.
_FEW_FRAMES = 10
_FEW_OF_ALL = 0.01
_MAX_LISTED = 5


@dataclass(frozen=True, slots=True, eq=False)
class FolderFacts:
    """What a Miniscope folder says about the movie in its videos.

    Attributes
    ----------
    format : str
        For the user: "UCLA Miniscope V4 video (FFV1)".
    frame_rate : Fact of float
        Hz.
    timestamps : Fact of (n,) float64
        Seconds since the recording was started, not decreasing; the first may lie slightly
        below 0. Shorter than the movie by a few where its last frames have none.
    recorded : Fact of str
        Date and time, ISO 8601.
    dropped : tuple of (after_frame, n_missing)
        Frames that were lost while recording; frames are counted from 0.
    notes : tuple of str
        What is worth knowing, in plain sentences.
    """

    format: str
    frame_rate: Fact[float] | None = None
    timestamps: Fact[NDArray[np.float64]] | None = None
    recorded: Fact[str] | None = None
    dropped: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()


def video_files(folder: Path) -> tuple[Path, ...]:
    """Return the videos of a Miniscope recording in the order in which they were recorded.

    Parameters
    ----------
    folder : Path
        The folder with the videos, or any above it that holds just one recording.

    Returns
    -------
    tuple of Path
        ``0.avi, 1.avi ... 10.avi`` or ``msCam1.avi ... msCam10.avi``; videos of the animal only
        where there are no others; empty if the folder is none of a Miniscope.

    Raises
    ------
    InputError
        If it holds several recordings, which are listed, or cannot be read.
    """
    found = find_miniscope(folder)
    return found.videos if found is not None else ()


def describe_folder(folder: Path, n_frames: int) -> FolderFacts:
    """Read what stands beside the videos of a Miniscope recording.

    Parameters
    ----------
    folder : Path
        As for ``video_files``.
    n_frames : int
        In all its videos together.

    Raises
    ------
    InputError
        If the folder holds no recording, or several.
    """
    found = find_miniscope(folder)
    if found is None:
        raise InputError(
            "The folder holds no Miniscope recording",
            str(folder),
            "Choose the folder with the videos 0.avi, 1.avi ... or msCam1.avi, msCam2.avi ...",
        )
    settings = read_settings(sidecar(found.path, "metaData.json"))
    timing = _Timing(found, settings, n_frames)
    nominal = _frame_rate(settings)
    rate = timing.rate or (Fact(nominal, "metaData.json") if nominal else None)
    notes = list(timing.notes)
    if timing.rate and nominal and abs(timing.rate.value / nominal - 1) > 0.05:
        notes.append(
            f"metaData.json promises {nominal:g} frames in a second; by {timing.rate.source} there "
            f"are {timing.rate.value:.2f}."
        )
    if (text := _plain_text(settings.get("note") or settings.get("notes"))) is not None:
        notes.append(f"Note of the experimenter: {text}")
    return FolderFacts(
        _format(found, settings),
        rate,
        timing.timestamps,
        _recorded(found, settings),
        tuple(timing.dropped),
        tuple(notes),
    )


class _Timing:
    """Time stamps of a recording, checked against its videos.

    Attributes
    ----------
    rate, timestamps : Fact or None
    dropped : list of (after_frame, n_missing)
    notes : list of str
    """

    def __init__(self, found: MiniscopeFolder, settings: dict[str, Any], n_frames: int) -> None:
        self.rate: Fact[float] | None = None
        self.timestamps: Fact[NDArray[np.float64]] | None = None
        self.dropped: list[tuple[int, int]] = []
        self.notes: list[str] = []
        self._n_frames = n_frames
        if not found.is_gapless():
            first, last = found.videos[0].name, found.videos[-1].name
            self.notes.append(
                f"Videos between {first} and {last} are missing in {found.path.name}: the movie "
                "jumps there."
            )
        name = "timeStamps.csv" if found.version == 4 else "timestamp.dat"
        path = sidecar(found.path, name) or sidecar(found.path, "timeStamps.csv")
        if path is None:
            self.notes.append(f"There is no {name} beside the videos: lost frames cannot be found.")
            return
        self._name = path.name
        try:
            self._read(read_table(path), found, settings)
        except InputError as exc:
            self.notes.append(f"{exc.title}: {exc.detail}")

    def _read(self, table: Table, found: MiniscopeFolder, settings: dict[str, Any]) -> None:
        rows, is_certain = _rows_of_camera(table, self._n_frames)
        if not is_certain:
            self.notes.append(
                f"{self._name} lists as many frames of two cameras: those of the first are used."
            )
        milliseconds = rows.column("timestamp", "sysclock", "time")
        if milliseconds is None or len(milliseconds) < 2:
            self.notes.append(f"{self._name} holds no column of time stamps.")
            return
        seconds = _without_false_start(milliseconds) * 1e-3
        if (np.diff(seconds) < 0).any():
            self.notes.append(f"The times in {self._name} decrease: they are not used.")
            return
        rate = rate_of(seconds)
        if np.isfinite(rate):
            self.rate = Fact(rate, self._name)
        first = _first_frame(found, settings)
        if first is None or not found.is_gapless():
            self.notes.append(f"{self._name} cannot be matched with the videos: it is not used.")
            return
        self._match(rows, seconds, first)

    def _match(self, rows: Table, seconds: NDArray[np.float64], first: int) -> None:
        """Take the rows whose frames lie in the movie."""
        numbers = rows.column("framenum")
        if numbers is not None and (np.diff(numbers) > 0).all():
            base = first + (0 if numbers[0] < 1 else 1)
            inside = (numbers >= base) & (numbers < base + self._n_frames)
            n_listed = int(np.count_nonzero(numbers >= base))
            is_complete = bool(
                inside.any() and (numbers[inside] == base + np.arange(inside.sum())).all()
            )
        else:
            inside = np.arange(len(seconds)) < self._n_frames
            n_listed, is_complete = len(seconds), first == 0
        if not is_complete or self._n_frames - inside.sum() > self._few():
            self.notes.append(
                f"{self._name} lists {len(seconds)} frames, the videos hold {self._n_frames}: it "
                "is not used for single frames."
            )
            return
        self._note_counts(n_listed)
        seconds = seconds[inside]
        self.timestamps = Fact(seconds, self._name)
        self._find_dropped(rows, seconds, inside)

    def _few(self) -> float:
        return max(_FEW_FRAMES, _FEW_OF_ALL * self._n_frames)

    def _note_counts(self, n_listed: int) -> None:
        if n_listed > self._n_frames:
            self.notes.append(
                f"{self._name} lists {n_listed} frames, the videos hold {self._n_frames}: only "
                "the times of these are used."
            )
        elif n_listed < self._n_frames:
            self.notes.append(
                f"{self._name} lists {n_listed} frames, the videos hold {self._n_frames}: the last "
                f"{self._n_frames - n_listed} have no time stamp."
            )

    def _find_dropped(self, rows: Table, seconds: NDArray[np.float64], inside: Any) -> None:
        """Find lost frames by the counter of the microscope where there is one, else by gaps."""
        counter = rows.column("daqframe")
        by_counter = counter is not None and bool((np.diff(counter[inside]) > 0).all())
        if by_counter and counter is not None:
            steps = np.diff(counter[inside])
            places = np.flatnonzero(steps > 1)
            self.dropped = [(int(at), int(steps[at]) - 1) for at in places]
        else:
            self.dropped = dropped_frames(seconds)
        if not self.dropped:
            return
        total = sum(count for _, count in self.dropped)
        listed = ", ".join(str(at + 1) for at, _ in self.dropped[:_MAX_LISTED])
        more = " ..." if len(self.dropped) > _MAX_LISTED else ""
        lost = "1 frame was" if total == 1 else f"{total} frames were"
        how = "by the counter of the microscope" if by_counter else "by gaps between time stamps"
        self.notes.append(
            f"{lost} lost while recording, after frame {listed}{more} ({how} in {self._name})."
        )


def _rows_of_camera(table: Table, n_frames: int) -> tuple[Table, bool]:
    """Return the rows of the microscope, where others are of the camera that films the animal.

    Numbers of cameras depend on the order of plugging in: the count of frames tells them apart,
    and the second value whether it does.
    """
    cameras = table.column("camnum")
    if cameras is None or not len(cameras):
        return table, True
    numbers, counts = np.unique(cameras, return_counts=True)
    distance = np.abs(counts - n_frames)
    rows = table.values[cameras == numbers[np.argmin(distance)]]
    is_certain = np.count_nonzero(distance == distance.min()) == 1
    return replace(table, values=rows), bool(is_certain)


def _without_false_start(milliseconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return times whose first one, which version 3 often writes wrongly, is at most the second.

    It then counts from another zero; the interval before the second frame is taken as the usual
    one.
    """
    if milliseconds[0] <= milliseconds[1]:
        return milliseconds
    fixed = milliseconds.copy()
    fixed[0] = fixed[1] - (np.median(np.diff(fixed[1:])) if len(fixed) > 2 else 0.0)
    return fixed


def _first_frame(found: MiniscopeFolder, settings: dict[str, Any]) -> int | None:
    """Return the number of the movie's first frame in the recording, None if unknown."""
    skipped = found.numbers[0] - (0 if found.version == 4 else 1)
    if skipped <= 0:
        return 0
    per_file = settings.get("framesPerFile")
    return skipped * per_file if isinstance(per_file, int) and 0 < per_file < 10**7 else None


def _frame_rate(settings: dict[str, Any]) -> float | None:
    """Read "20FPS" or 20."""
    match = re.match(r"\s*(\d+(?:\.\d+)?)", str(settings.get("frameRate", "")))
    rate = float(match[1]) if match else 0.0
    return rate if 0 < rate <= 10_000 else None


def _format(found: MiniscopeFolder, settings: dict[str, Any]) -> str:
    device = settings.get("deviceType")
    name = f"UCLA Miniscope V{found.version} video"
    if isinstance(device, str) and not is_microscope(device):
        name = f"UCLA Miniscope video of the camera {device}"
    elif isinstance(device, str) and (match := re.search(r"_V(\d)", device, re.IGNORECASE)):
        name = f"UCLA Miniscope V{match[1]} video"
    compression = settings.get("compression")
    return f"{name} ({compression})" if isinstance(compression, str) and compression else name


def _plain_text(value: object) -> str | None:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text[:200] or None


def _recorded(found: MiniscopeFolder, settings: dict[str, Any]) -> Fact[str] | None:
    """Read when the recording began, from the folder's settings or those of its session."""
    session = read_settings(sidecar(found.path.parent, "metaData.json"))
    for candidate in (settings, session):
        start = candidate.get("recordingStartTime", candidate)
        if isinstance(start, dict) and (when := _time_of(start)) is not None:
            return Fact(when, "metaData.json")
    return None


def _time_of(start: dict[str, Any]) -> str | None:
    try:
        names = ("year", "month", "day", "hour", "minute", "second")
        year, month, day, hour, minute, second = (int(start[name]) for name in names)
        when = datetime(year, month, day, hour, minute, second, int(start.get("msec", 0)) * 1000)
        return when.isoformat(timespec="milliseconds")
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    try:
        milliseconds = float(start["msecSinceEpoch"])
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
