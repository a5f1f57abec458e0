"""The immutable state of a project: what the document holds and the file stores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.findings import Excluded
from caiman_gui.core.prepare.mask import prepared_mask
from caiman_gui.core.prepare.plan import Preparation
from caiman_gui.core.prepare.regions import Region, rasterise
from caiman_gui.params.indicators import INDICATORS, Indicator, indicator_named
from caiman_gui.params.recording import ASSUMED_DECAY_TIME_S
from caiman_gui.params.run import RunParams

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.core.findings import Findings, FrameTimes
    from caiman_gui.core.results import ComponentSet, Label, MotionResult, SummaryImages

#: Beginnings of the names of large movie files in the data folder: corrected, and prepared.
CORRECTED_PREFIX, PREPARED_PREFIX = "motion-", "movie-"
MOVIE_PREFIXES = (CORRECTED_PREFIX, PREPARED_PREFIX)
#: Used, and said to be assumed, when neither the file nor the user tells the frame rate.
ASSUMED_FRAME_RATE_HZ = 30.0


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """One array of a file that could be the movie: its path, shape, type and order of axes."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    axes: str


@dataclass(frozen=True, slots=True)
class RecordingRef:
    """The movie files of a project, and what they say about themselves.

    Attributes
    ----------
    paths : tuple of Path
        Absolute paths of files or folders, in order of time.
    n_frames, height, width : int
        As recorded, of the channel and plane that are read.
    dtype : str
        Such as ``uint16``.
    fingerprint : str
        Changes when a file's content changes; does not depend on where it lies.
    frame_rate_hz, pixel_size_um : float or None
        As the file says; None if it does not.
    frame_rate_source, pixel_size_source, indicator_source, times_source : str
        Where the file says it, such as "ImageJ finterval"; empty if it does not.
    indicator, recorded : str
        As the file says; empty if it does not.
    format : str
        For the user.
    channels : tuple of str
        Names of all channels, one each.
    n_planes : int
    datasets : tuple of DatasetRef
        Arrays to choose from.
    dataset, axes : str
        Those that are read.
    dropped : tuple of (int, int)
        After which frame how many are missing.
    notes : tuple of str
        What was assumed, in plain words.
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
    indicator: str = ""
    indicator_source: str = ""
    recorded: str = ""
    times_source: str = ""
    format: str = ""
    channels: tuple[str, ...] = ("",)
    n_planes: int = 1
    datasets: tuple[DatasetRef, ...] = ()
    dataset: str = ""
    axes: str = ""
    dropped: tuple[tuple[int, int], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Short name for titles: the first file, and how many more."""
        more = f" + {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return self.paths[0].name + more

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, H, W) as recorded."""
        return self.n_frames, self.height, self.width


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


#: Steps whose results lie in the coordinates of the prepared movie.
_RESULT_STEPS = ("motion", "summary", "sources", "quality", "traces")


@dataclass(frozen=True, eq=False)
class ProjectState:
    """Everything a project is. Never changed: every edit makes a new one.

    Attributes
    ----------
    recording : RecordingRef or None
    times : FrameTimes or None
        Of the recording, where its files have timestamps.
    findings : Findings or None
        Scan phase and bad pixels, if they were looked for.
    regions : tuple of Region
        Drawn by hand, in pixels as recorded.
    """

    recording: RecordingRef | None = None
    params: RunParams = field(default_factory=RunParams)
    steps: Mapping[str, StepRecord] = field(default_factory=lambda: MappingProxyType({}))
    times: FrameTimes | None = None
    findings: Findings | None = None
    regions: tuple[Region, ...] = ()
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

    def with_params(self, params: RunParams) -> ProjectState:
        """Return a copy with other parameters, without results that no longer fit the movie."""
        new = self.with_(params=params)
        return new if new.is_same_movie(self) else new.without_results()

    def without_results(self) -> ProjectState:
        """Return a copy as it was before anything was computed from the prepared movie."""
        steps = {name: record for name, record in self.steps.items() if name not in _RESULT_STEPS}
        return self.with_(steps=steps, motion=None, summary=None, components=None, labels={})

    @property
    def reading(self) -> tuple[object, ...]:
        """What is read of which files; two states with the same reading have the same recording."""
        if self.recording is None:
            return ()
        chosen = self.params.recording
        return (
            self.recording.fingerprint, self.recording.shape, chosen.channel, chosen.plane,
            chosen.dataset, chosen.axes, self.params.raw,
        )  # fmt: skip

    def is_same_movie(self, other: ProjectState) -> bool:
        """Whether frames and pixels of the two prepared movies are at the same places."""
        return self.reading == other.reading and _geometry(self.params) == _geometry(other.params)

    # ------------------------------------------------------------ as recorded
    @property
    def recorded_rate_hz(self) -> float:
        """Frame rate of the recording: the user's, else the file's, else 30 Hz assumed."""
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
    def recorded_pixel_size_um(self) -> float | None:
        """Width of a recorded pixel in µm, or None if nobody knows it."""
        if self.params.recording.pixel_size_um:
            return self.params.recording.pixel_size_um
        return self.recording.pixel_size_um if self.recording is not None else None

    @property
    def indicator(self) -> Indicator | None:
        """Indicator: the user's, else the file's; None if unknown."""
        if self.params.recording.indicator != "unknown":
            return INDICATORS[self.params.recording.indicator]
        return indicator_named(self.recording.indicator) if self.recording is not None else None

    @property
    def decay_time_s(self) -> float:
        """Decay time in force: the user's, else the indicator's, else 0.4 s assumed."""
        if self.params.recording.decay_time_s:
            return self.params.recording.decay_time_s
        return self.indicator.decay_time_s if self.indicator is not None else ASSUMED_DECAY_TIME_S

    @property
    def decay_time_source(self) -> str:
        """Where the decay time in force comes from: "set by you", the indicator, or "assumed"."""
        if self.params.recording.decay_time_s:
            return "set by you"
        if self.indicator is None:
            return "assumed"
        return f"{self.indicator.name}, {self.indicator.paper}"

    # ------------------------------------------------------------ as prepared
    @cached_property
    def preparation(self) -> Preparation:
        """What is done to the recording before anything is computed from it."""
        wanted = self.params.prepare
        phase = wanted.scan_phase_px if wanted.scan_phase == "given" else 0.0
        if wanted.scan_phase == "auto" and self.findings is not None:
            phase = self.findings.scan_phase_px
        return Preparation(
            trim_start_frames=wanted.trim_start_frames,
            trim_end_frames=wanted.trim_end_frames,
            crop_top_px=wanted.crop_top_px,
            crop_bottom_px=wanted.crop_bottom_px,
            crop_left_px=wanted.crop_left_px,
            crop_right_px=wanted.crop_right_px,
            bin_px=wanted.bin_px,
            bin_frames=wanted.bin_frames,
            scan_phase_px=phase,
        )

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """(T, H, W) of the prepared movie; zeros without a recording.

        Raises
        ------
        DataError
            If the preparation leaves nothing.
        """
        if self.recording is None:
            return 0, 0, 0
        return self.preparation.shape(self.recording.shape)

    @property
    def frame_rate_hz(self) -> float:
        """Frame rate of the prepared movie."""
        return self.recorded_rate_hz / self.params.prepare.bin_frames

    @property
    def pixel_size_um(self) -> float | None:
        """Width of a pixel of the prepared movie in µm, or None if nobody knows it."""
        size = self.recorded_pixel_size_um
        return size * self.params.prepare.bin_px if size else None

    @cached_property
    def times_s(self) -> NDArray[np.float64]:
        """When each frame (T,) of the prepared movie was recorded, in s.

        The clock is that of the file's timestamps; without them, recorded frame 0 is at 0.
        """
        n_frames = self.recording.n_frames if self.recording is not None else 0
        recorded = np.arange(n_frames) / self.recorded_rate_hz
        if self.times is not None and not self.params.recording.frame_rate_hz:
            recorded = self.times.seconds
        return self.preparation.times(recorded)

    @cached_property
    def bad_pixels(self) -> NDArray[np.bool_] | None:
        """Recorded pixels (H, W) found dead, hot or saturated, or masked by a file, if wanted."""
        wanted = self.params.prepare
        if self.findings is None or not (wanted.exclude_bad_pixels or wanted.exclude_file):
            return None
        found = self.findings.excluded > 0
        return found if found.any() else None

    @cached_property
    def filled_pixels(self) -> NDArray[np.bool_] | None:
        """Recorded pixels (H, W) to fill in: dead and hot ones hold still while the rest moves."""
        if self.findings is None or not self.params.prepare.exclude_bad_pixels:
            return None
        found = (self.findings.excluded & (Excluded.DEAD | Excluded.HOT)) > 0
        return found if found.any() else None

    @cached_property
    def excluded(self) -> NDArray[np.bool_] | None:
        """Pixels (H, W) of the prepared movie that no step may use; None if there are none."""
        if self.recording is None:
            return None
        mask = np.zeros(self.recording.shape[1:], bool)
        if self.bad_pixels is not None:
            mask |= self.bad_pixels
        if self.regions:
            mask |= rasterise(self.regions, self.recording.shape[1:])
        return prepared_mask(mask, self.preparation) if mask.any() else None


def _geometry(params: RunParams) -> tuple[int, ...]:
    """Return what decides the size and the frames of the prepared movie."""
    wanted = params.prepare
    return (
        wanted.trim_start_frames, wanted.trim_end_frames, wanted.crop_top_px,
        wanted.crop_bottom_px, wanted.crop_left_px, wanted.crop_right_px, wanted.bin_px,
        wanted.bin_frames,
    )  # fmt: skip
