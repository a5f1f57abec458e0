"""What the files of a recording, taken together, say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.io.reader import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.expand import Source
    from caiman_gui.io.miniscope import FolderFacts
    from caiman_gui.io.parts import Part
    from caiman_gui.io.reader import Dataset, FileFacts

_VIDEO_SUFFIXES = (".avi", ".mkv", ".mp4")
#: More files than this are named by their folder, if they were found in one.
_MOST_NAMED = 200
#: Two frame rates that differ by less are the same, said with other digits.
_SAME_RATE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class RecordingInfo:
    """What the files of a recording say about themselves.

    Attributes
    ----------
    paths : tuple of Path
        Files in order of time; in place of very many, the folder that holds them.
    files : tuple of Path
        In order of time.
    shape : (T, H, W)
    dtype : numpy.dtype
    format : str
        For the user, such as "ScanImage BigTIFF".
    frame_rate : Fact of float or None
        Hz; None where no file says it, as for the other facts.
    pixel_size : Fact of float or None
        µm
    indicator, recorded : Fact of str or None
    timestamps : Fact of (T,) float64 or None
        Seconds.
    dropped : tuple of (int, int)
        After which frame how many frames are missing, by the timestamps.
    channels : tuple of str
    n_planes : int
    datasets : tuple of Dataset
    dataset, axes : str
        What was read of the arrays in a file.
    notes : tuple of str
        Assumptions that were made, in plain words.
    """

    paths: tuple[Path, ...]
    files: tuple[Path, ...]
    shape: tuple[int, int, int]
    dtype: np.dtype
    format: str = ""
    frame_rate: Fact[float] | None = None
    pixel_size: Fact[float] | None = None
    indicator: Fact[str] | None = None
    recorded: Fact[str] | None = None
    timestamps: Fact[NDArray[np.float64]] | None = None
    dropped: tuple[tuple[int, int], ...] = ()
    channels: tuple[str, ...] = ("",)
    n_planes: int = 1
    datasets: tuple[Dataset, ...] = ()
    dataset: str = ""
    axes: str = ""
    notes: tuple[str, ...] = ()


def describe(sources: Sequence[Source], parts: Sequence[Part]) -> RecordingInfo:
    """Put together what the parts of a recording say."""
    facts = [part.facts for part in parts]
    first = facts[0]
    files = tuple(file for source in sources for file in source.files)
    shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
    notes = [note for item in facts for note in item.notes]
    if len(set(files)) < len(files):
        notes.append("A file was given more than once: its frames are repeated.")
    rate = _first_known(facts, lambda item: item.frame_rate)
    rates = {item.frame_rate.value for item in facts if item.frame_rate is not None}
    if rate is not None and max(rates) - min(rates) > _SAME_RATE * rate.value:
        notes.append("The files give different frame rates; that of the first is used.")
    timestamps = _joined_timestamps(parts)
    beside = _beside(sources, shape[0])
    if beside is not None:
        rate = beside.frame_rate or rate
        timestamps = _of_length(beside.timestamps, shape[0]) or timestamps
        notes += beside.notes
    elif timestamps is not None:
        rate = rate or _rate_of(timestamps)
    return RecordingInfo(
        paths=tuple(path for source in sources for path in _named(source)),
        files=files,
        shape=shape,
        dtype=np.result_type(*(part.dtype for part in parts)),
        format=beside.format if beside is not None else first.format,
        frame_rate=rate,
        pixel_size=_first_known(facts, lambda item: item.pixel_size),
        indicator=_first_known(facts, lambda item: item.indicator),
        recorded=(beside.recorded if beside is not None else None)
        or _first_known(facts, lambda item: item.recorded),
        timestamps=timestamps,
        dropped=beside.dropped if beside is not None else _dropped(timestamps),
        channels=first.channels,
        n_planes=first.n_planes,
        datasets=first.datasets,
        dataset=first.dataset,
        axes=first.axes,
        notes=tuple(dict.fromkeys(notes)),
    )


def _named(source: Source) -> tuple[Path, ...]:
    if source.folder is not None and (source.is_sequence or len(source.files) > _MOST_NAMED):
        return (source.folder,)
    return source.files


def _first_known(facts: Sequence[FileFacts], get: Callable[[FileFacts], Any]) -> Any:
    return next((get(item) for item in facts if get(item) is not None), None)


def _joined_timestamps(parts: Sequence[Part]) -> Fact[NDArray[np.float64]] | None:
    """Timestamps of all files, if each has them and time does not run backwards."""
    known = [part.facts.timestamps for part in parts if part.facts.timestamps is not None]
    if len(known) < len(parts):
        return None
    joined = np.concatenate([fact.value for fact in known])
    if len(parts) > 1 and not (np.diff(joined) >= 0).all():
        return None
    return Fact(joined, known[0].source)


def _beside(sources: Sequence[Source], n_frames: int) -> FolderFacts | None:
    """Return what lies beside the videos of a miniscope: timestamps and settings."""
    files = tuple(file for source in sources for file in source.files)
    folder = files[0].parent
    if files[0].suffix.lower() not in _VIDEO_SUFFIXES:
        return None
    from caiman_gui.io.miniscope import describe_folder, video_files

    if set(video_files(folder)) != set(files):  # of a part of the videos nothing can be told
        return None
    return describe_folder(folder, n_frames)


def _of_length(
    timestamps: Fact[NDArray[np.float64]] | None, n_frames: int
) -> Fact[NDArray[np.float64]] | None:
    """Timestamps of all frames: a few last frames without one follow at the usual interval."""
    if timestamps is None or len(timestamps.value) < 2:
        return None
    known = timestamps.value[:n_frames]
    missing = n_frames - len(known)
    step = float(np.median(np.diff(known)))
    return Fact(np.r_[known, known[-1] + step * np.arange(1, missing + 1)], timestamps.source)


def _rate_of(timestamps: Fact[NDArray[np.float64]]) -> Fact[float] | None:
    from caiman_gui.io.timestamps import rate_of

    if len(timestamps.value) < 2:
        return None
    rate = rate_of(timestamps.value)
    return Fact(rate, f"median of the {timestamps.source}") if 0 < rate < np.inf else None


def _dropped(timestamps: Fact[NDArray[np.float64]] | None) -> tuple[tuple[int, int], ...]:
    if timestamps is None or len(timestamps.value) < 3:
        return ()
    from caiman_gui.io.timestamps import dropped_frames

    return tuple(dropped_frames(timestamps.value))
