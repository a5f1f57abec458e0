"""Numbers in words: durations, sizes and counts as every part of the window shows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from caiman_gui.params.run import all_specs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from caiman_gui.project.model import ProjectState

_UNITS = ("bytes", "kB", "MB", "GB", "TB")
_LONG_PART = re.compile(r"\S{24}(?=\S)")


def duration(seconds: float) -> str:
    """Return a duration such as ``3 s``, ``1:12`` or ``2:05:00``."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def about(seconds: float) -> str:
    """Return an estimated duration such as ``about 40 s``."""
    return duration(seconds) if seconds < 1 else f"about {duration(seconds)}"


def size(n_bytes: float) -> str:
    """Return a size with three significant digits such as ``1.2 GB``."""
    value, unit = float(n_bytes), _UNITS[0]
    for unit in _UNITS:
        if abs(value) < 1000 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "bytes" or value >= 100 else f"{value:.2g} {unit}"


def count(n: int, noun: str) -> str:
    """Return ``1 frame``, ``9,000 frames``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def number(value: float) -> str:
    """Return a number with three significant digits."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters, its middle left out if need be."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def of_files(paths: Sequence[Path]) -> str:
    """Return the name of what was opened: ``day1.tif``, ``day1.tif + 2 more``."""
    name = shortened(paths[0].name or str(paths[0]), 48)
    return name if len(paths) == 1 else f"{name} + {len(paths) - 1} more"


def with_titles(text: str) -> str:
    """Return a sentence in which parameters are called as in the forms, not as in files."""
    for spec in all_specs():
        text = text.replace(spec.path, f"“{spec.title}”")
    return text


def recording_line(state: ProjectState) -> str:
    """Return name, size and frame rate of what is analysed, in one line; empty without one."""
    if state.recording is None:
        return ""
    n_frames, height, width = state.shape
    assumed = " (assumed)" if state.frame_rate_source == "assumed" else ""
    return (
        f"{shortened(state.recording.name, 48)}   {height} × {width} px, {n_frames:,} frames at "
        f"{number(state.frame_rate_hz)} Hz{assumed}"
    )


def breakable(text: str) -> str:
    """Let long words, such as names of files, go on in the next line."""
    return _LONG_PART.sub("\\g<0>\N{ZERO WIDTH SPACE}", text)
