"""Time stamps of frames, from tables that recording programs write beside a movie."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: A table of time stamps beyond this is none: ten million frames take less.
MAX_TABLE_BYTES = 2**28
_HINT = "Choose the table that the recording program wrote for this movie."
_UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
_UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "µs": "microseconds", "ns": "nanoseconds"}
#: Without a unit in the table: frames hardly ever follow each other more slowly than this.
_SLOWEST_S = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Numbers in rows and columns.

    Attributes
    ----------
    names : tuple of str
        Of the columns; empty for a table without a heading.
    values : (rows, columns) float64
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]

    def column(self, *words: str) -> NDArray[np.float64] | None:
        """Return the first column whose name holds one of these words, the first word first."""
        for word in words:
            for place, name in enumerate(self.names):
                if word in name.lower().replace(" ", ""):
                    return self.values[:, place]
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Timestamps:
    """When each frame was taken.

    Attributes
    ----------
    seconds : (T,) float64
        Not decreasing.
    source : str
        Name of the file.
    notes : tuple of str
        What was assumed, in plain sentences.
    """

    seconds: NDArray[np.float64]
    source: str
    notes: tuple[str, ...] = ()


def read_timestamps(path: Path, n_frames: int) -> Timestamps:
    """Read one time stamp for each frame from a table (csv, txt, dat), with a heading or not.

    The column of times is the one called so, else the first that grows without counting by one.
    Its unit is the one in its heading, such as "(ms)", else the one that gives a frame rate as
    cameras have it, which is then noted.

    Raises
    ------
    InputError
        If the file cannot be read, is no such table, holds fewer time stamps than frames, or
        its times decrease.
    """
    table = read_table(path)
    times, name = _time_column(path, table)
    if len(times) < n_frames:
        raise InputError(
            "There are fewer time stamps than frames",
            f"{path} lists {len(times)} times; the movie has {n_frames} frames.",
            _HINT,
        )
    notes = []
    if len(times) > n_frames:
        notes.append(
            f"{path.name} lists {len(times)} times; the first {n_frames}, one for each frame, "
            "are used."
        )
    times = times[:n_frames]
    require_rising(path, times)
    unit = unit_in_name(name)
    if not unit:
        unit = _likely_unit(times)
        notes.append(f"{path.name} names no unit of time: {_UNIT_NAMES[unit]} are assumed.")
    return Timestamps(times * _UNITS[unit], path.name, tuple(notes))


def read_table(path: Path) -> Table:
    """Read a table of numbers separated by commas, semicolons, tabs or spaces.

    Raises
    ------
    InputError
        If it cannot be read, is too large, or holds anything but numbers below its heading.
    """
    try:
        size = path.stat().st_size
        if size > MAX_TABLE_BYTES:
            raise _no_table(path, f"is larger than {MAX_TABLE_BYTES >> 20} MiB")
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as exc:
        raise unreadable(path, exc) from exc
    first, _, rest = text.partition("\n")
    delimiter = next((mark for mark in "\t;," if mark in first), None)
    names: tuple[str, ...] = ()
    if not _is_numbers(first, delimiter):
        names = tuple(name.strip().strip('"') for name in first.split(delimiter))
        text = rest
    if delimiter == ";":  # where the comma is the decimal point
        text = text.replace(",", ".")
    if not text.strip():
        raise _no_table(path, "is empty")
    try:
        values = np.loadtxt(StringIO(text), delimiter=delimiter, ndmin=2, comments=None)
    except (ValueError, OverflowError) as exc:
        raise _no_table(path, f"is no table of numbers: {exc}".rstrip(".")) from exc
    if names and values.shape[1] == 1:  # whose name may hold a space
        names = (first.strip(),)
    if not np.isfinite(values).all() or len(names) not in (0, values.shape[1]):
        raise _no_table(path, "has cells that are empty or no number")
    return Table(names, values)


def unit_in_name(name: str) -> str:
    """Return the unit of time in a heading, such as "Time Stamp (ms)", or ""."""
    words = "".join(char if char.isalpha() else " " for char in name.lower()).split()
    spellings = {
        "ms": ("ms", "msec", "msecs", "millisecond", "milliseconds"),
        "µs": ("us", "µs", "μs", "usec", "microsecond", "microseconds"),
        "ns": ("ns", "nsec", "nanosecond", "nanoseconds"),
        "s": ("s", "sec", "secs", "second", "seconds"),
    }
    for unit, spelled in spellings.items():
        if any(word in spelled for word in words):
            return unit
    return ""


def require_rising(path: Path, times: NDArray[np.float64]) -> None:
    """Refuse times that decrease from one frame to the next."""
    falls = np.flatnonzero(np.diff(times) < 0)
    if len(falls):
        at = int(falls[0])
        raise InputError(
            "The time stamps decrease",
            f"{path}: frame {at + 1} has the time {times[at + 1]:g}, frame {at} before it "
            f"{times[at]:g}.",
            _HINT,
        )


def dropped_frames(timestamps_s: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Find frames that are missing between others.

    An interval of 1.5 times the median one or more stands for round(interval / median) - 1
    missing frames.

    Parameters
    ----------
    timestamps_s : (T,) float64
        Not decreasing.

    Returns
    -------
    list of (after_frame, n_missing)
        Frames counted from 0.
    """
    intervals = np.diff(np.asarray(timestamps_s, np.float64))
    usual = float(np.median(intervals)) if len(intervals) else 0.0
    if usual <= 0:
        return []
    places = np.flatnonzero(intervals >= 1.5 * usual)
    missing = np.rint(intervals[places] / usual) - 1
    return [(int(at), int(n)) for at, n in zip(places, missing, strict=True) if n > 0]


def rate_of(timestamps_s: NDArray[np.float64]) -> float:
    """Return the frame rate in Hz, missing frames counted as if they were there.

    Each interval is as many frame periods long as its multiple of the median one, rounded; the
    rate is their sum over the whole time. The median alone is 2 % off at 60 Hz where times are
    whole milliseconds, the plain mean wherever frames are missing.

    Returns
    -------
    float
        NaN where less than two different times are given.
    """
    times = np.asarray(timestamps_s, np.float64)
    intervals = np.diff(times)
    usual = float(np.median(intervals)) if len(intervals) else 0.0
    if usual <= 0:
        return float("nan")
    return float(np.rint(intervals / usual).sum() / (times[-1] - times[0]))


def _is_numbers(line: str, delimiter: str | None) -> bool:
    cells = line.replace(",", ".") if delimiter == ";" else line
    try:
        return bool([float(cell) for cell in cells.split(delimiter)])
    except ValueError:
        return False


def _time_column(path: Path, table: Table) -> tuple[NDArray[np.float64], str]:
    """Return the column of times and its name."""
    for word in ("time", "clock", "sec"):
        for place, name in enumerate(table.names):
            if word in name.lower():
                return table.values[:, place], name
    for place in range(table.values.shape[1]):
        steps = np.diff(table.values[:, place])
        is_counter = len(steps) > 0 and bool((steps == 1).all())
        if (steps >= 0).all() and not is_counter and (not len(steps) or steps.any()):
            return table.values[:, place], table.names[place] if table.names else ""
    raise _no_table(path, "has no column of times")


def _likely_unit(times: NDArray[np.float64]) -> str:
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    for unit, seconds in _UNITS.items():
        if usual * seconds <= _SLOWEST_S:
            return unit
    return "ns"


def _no_table(path: Path, why: str) -> InputError:
    return InputError("The time stamps cannot be read", f"{path} {why}.", _HINT)
