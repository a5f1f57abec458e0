"""The immutable state of a project: what the document holds and the file stores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from caiman_gui.params.run import RunParams

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from caiman_gui.core.results import ComponentSet, Label, MotionResult, SummaryImages

#: Used, and said to be assumed, when neither the file nor the user tells the frame rate.
ASSUMED_FRAME_RATE_HZ = 30.0


@dataclass(frozen=True, slots=True)
class RecordingRef:
    """The movie files of a project, and what they say about themselves.

    Attributes
    ----------
    paths : tuple of Path
        Absolute paths in order of time.
    n_frames, height, width : int
    dtype : str
        Such as ``uint16``.
    fingerprint : str
        Changes when a file's content changes; does not depend on where it lies.
    frame_rate_hz, pixel_size_um : float or None
        As the file says; None if it does not.
    frame_rate_source, pixel_size_source : str
        Where the file says it, such as "ImageJ finterval"; empty if it does not.
    """

    paths: tuple[Path, ...]
    n_frames: int
    height: int
    width: int
    dtype: str
    fingerprint: str
    frame_rate_hz: float | None = None
    frame_rate_source: str = ""
    pixel_size_um: float | None = None
    pixel_size_source: str = ""

    @property
    def name(self) -> str:
        """Short name for titles: the first file, and how many more."""
        more = f" + {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return self.paths[0].name + more


@dataclass(frozen=True, slots=True)
class StepRecord:
    """That a step was run, on which inputs, and what it cost.

    Attributes
    ----------
    key : str
        Hash of step, version, parameters, upstream keys and recording.
    file : str
        File of the heavy result inside the data folder, or empty.
    finished : str
        ISO 8601 time, UTC.
    """

    key: str
    file: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss_bytes: int = 0
    finished: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One edit, for the record: what, which ids in and out, when, by whom."""

    action: str
    ids_in: tuple[int, ...]
    ids_out: tuple[int, ...]
    when: str
    manual: bool = True


@dataclass(frozen=True, eq=False)
class ProjectState:
    """Everything a project is. Never changed: every edit makes a new one."""

    recording: RecordingRef | None = None
    params: RunParams = field(default_factory=RunParams)
    steps: Mapping[str, StepRecord] = field(default_factory=lambda: MappingProxyType({}))
    motion: MotionResult | None = None
    summary: SummaryImages | None = None
    components: ComponentSet | None = None
    labels: Mapping[int, Label] = field(default_factory=lambda: MappingProxyType({}))
    history: tuple[HistoryEntry, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", MappingProxyType(dict(self.steps)))
        object.__setattr__(self, "labels", MappingProxyType(dict(self.labels)))

    def with_(self, **changes: Any) -> ProjectState:
        """Return a copy with some attributes replaced."""
        return replace(self, **changes)

    @property
    def frame_rate_hz(self) -> float:
        """Frame rate in force: the user's, else the file's, else 30 Hz assumed."""
        if self.params.recording.frame_rate_hz:
            return self.params.recording.frame_rate_hz
        if self.recording is not None and self.recording.frame_rate_hz:
            return self.recording.frame_rate_hz
        return ASSUMED_FRAME_RATE_HZ

    @property
    def frame_rate_source(self) -> str:
        """Where the frame rate in force comes from: "set by you", the file's word, or "assumed"."""
        if self.params.recording.frame_rate_hz:
            return "set by you"
        if self.recording is not None and self.recording.frame_rate_hz:
            return self.recording.frame_rate_source
        return "assumed"

    @property
    def pixel_size_um(self) -> float | None:
        """Pixel size in force in µm, or None if nobody knows it."""
        if self.params.recording.pixel_size_um:
            return self.params.recording.pixel_size_um
        return self.recording.pixel_size_um if self.recording is not None else None
