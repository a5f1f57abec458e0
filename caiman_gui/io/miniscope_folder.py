"""Where a folder of the UCLA Miniscope programs has its videos."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caiman_gui.errors import InputError
from caiman_gui.io.natural import natural_key
from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX = r"\.(?:avi|mkv|mp4|mov)"
#: ``0.avi`` of version 4, ``msCam1.avi`` of version 3, and videos of the animal.
_V4_VIDEO = re.compile(rf"(\d+){_SUFFIX}", re.IGNORECASE)
_V3_VIDEO = re.compile(rf"msCam(\d+){_SUFFIX}", re.IGNORECASE)
_BEHAVIOUR_VIDEO = re.compile(rf"behavCam(\d+){_SUFFIX}", re.IGNORECASE)
_V4_SIDECARS = ("metadata.json", "timestamps.csv")
#: Researcher, experiment, animal, date, time, device.
_MAX_DEPTH = 6
_MAX_FOLDERS = 3000
_MAX_LISTED = 10
_MAX_JSON_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class MiniscopeFolder:
    """A folder with the videos of one Miniscope.

    Attributes
    ----------
    path : Path
    version : int
        Of the recording program, 3 or 4.
    videos : tuple of Path
        In the order of recording.
    numbers : tuple of int
        Those in the names of the videos.
    """

    path: Path
    version: int
    videos: tuple[Path, ...]
    numbers: tuple[int, ...]

    def is_gapless(self) -> bool:
        """Tell whether no video between the first and the last is missing."""
        return self.numbers[-1] - self.numbers[0] + 1 == len(self.numbers)


def find_miniscope(folder: Path) -> MiniscopeFolder | None:
    """Find the Miniscope recording in a folder or below it.

    Raises
    ------
    InputError
        If there are several below it, or the folder cannot be read.
    """
    try:
        own = _own_videos(folder)
        if own is not None or _holds_videos(folder):
            return own
        found = [below for path in _folders_below(folder) if (below := _device_folder(path))]
    except OSError as exc:
        raise unreadable(folder, exc) from exc
    if len(found) > 1:
        raise _several(folder, found)
    return found[0] if found else None


def sidecar(folder: Path, name: str) -> Path | None:
    """Return the file of that name, whatever the case of its letters."""
    try:
        return next((p for p in folder.iterdir() if p.name.lower() == name.lower()), None)
    except OSError:
        return None


def read_settings(path: Path | None) -> dict[str, Any]:
    """Read a metaData.json; what cannot be read says nothing."""
    if path is None:
        return {}
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            return {}
        content = json.loads(path.read_bytes().decode("utf-8-sig", "replace"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def is_microscope(device_type: str) -> bool:
    """Tell a microscope from the camera that films the animal, by ``deviceType``."""
    name = device_type.lower()
    return "miniscope" in name or (name.startswith("mini") and "cam" not in name)


def _own_videos(folder: Path) -> MiniscopeFolder | None:
    """Return the recording right in a folder."""
    names = [path for path in folder.iterdir() if path.is_file()]
    for pattern, version in ((_V3_VIDEO, 3), (_V4_VIDEO, 4), (_BEHAVIOUR_VIDEO, 3)):
        videos = sorted((p for p in names if pattern.fullmatch(p.name)), key=natural_key)
        if not videos:
            continue
        numbers = tuple(int(pattern.fullmatch(p.name)[1]) for p in videos)  # type: ignore[index]
        has_sidecar = any(p.name.lower() in _V4_SIDECARS for p in names)
        if version == 4 and not has_sidecar and numbers != tuple(range(len(numbers))):
            continue  # numbered videos of whatever origin
        return MiniscopeFolder(folder, version, tuple(videos), numbers)
    return None


def _device_folder(folder: Path) -> MiniscopeFolder | None:
    """Return the recording in a folder below the chosen one, unless it films the animal."""
    try:
        own = _own_videos(folder)
    except OSError:  # such as lost+found: no reason not to read what lies beside it
        return None
    if own is None or own.videos[0].name.lower().startswith("behav"):
        return None
    settings = read_settings(sidecar(folder, "metaData.json"))
    device_type = settings.get("deviceType")
    if own.version == 4 and not (isinstance(device_type, str) and is_microscope(device_type)):
        return None
    return own


def _holds_videos(folder: Path) -> bool:
    return any(re.search(_SUFFIX + "$", p.name, re.IGNORECASE) for p in folder.iterdir())


def _folders_below(folder: Path) -> Iterator[Path]:
    """Yield folders level by level, in natural order, links not followed, and not without end."""
    level = [folder]
    n_seen = 0
    for _ in range(_MAX_DEPTH):
        following: list[Path] = []
        for path in level:
            try:
                with os.scandir(path) as entries:
                    folders = [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False)]
            except OSError:  # one that may not be read holds nothing for us
                continue
            following += sorted(folders, key=natural_key)
            n_seen += len(folders)
            if n_seen > _MAX_FOLDERS:
                return
        yield from following
        level = following


def _several(folder: Path, found: list[MiniscopeFolder]) -> InputError:
    listed = [str(item.path.relative_to(folder)) for item in found[:_MAX_LISTED]]
    more = f" and {len(found) - _MAX_LISTED} more" if len(found) > _MAX_LISTED else ""
    return InputError(
        "The folder holds several Miniscope recordings",
        f"{folder}: {', '.join(listed)}{more}.",
        "Open one of these folders.",
    )
