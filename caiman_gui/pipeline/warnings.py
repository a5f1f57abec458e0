"""What a user should know before trusting a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.checks import FEW_FRAMES
from caiman_gui.project.model import ASSUMED_FRAME_RATE_HZ

if TYPE_CHECKING:
    from caiman_gui.core.results import MotionResult
    from caiman_gui.project.model import ProjectState, RecordingRef

#: Warn when more than this share of frames moved as far as the search reaches.
_SHARE_AT_LIMIT = 0.01


def warnings(state: ProjectState) -> tuple[str, ...]:
    """Return one sentence for each reason to be careful with this state."""
    found = []
    if state.recording is not None:
        n_frames = state.shape[0]
        if n_frames < FEW_FRAMES:
            found.append(
                f"The movie has only {n_frames} frame{'s' if n_frames != 1 else ''}: results "
                "from so few frames are uncertain."
            )
        if state.frame_rate_source == "assumed":
            found.append(
                f"The frame rate is not in the file: {ASSUMED_FRAME_RATE_HZ:g} Hz is assumed. "
                "Set recording.frame_rate_hz if it is another."
            )
        found += _dropped(state.recording)
    if state.motion is not None:
        found += _motion_warnings(state.motion, state.params.motion.max_shift_px)
    if state.components is not None:
        limit = state.params.sources.max_components
        if len(state.components) >= limit:
            found.append(
                f"The search for sources stopped at {limit} components, the largest number "
                "allowed. Raise sources.max_components if cells are missing."
            )
    return tuple(found)


def _dropped(recording: RecordingRef) -> list[str]:
    missing = sum(count for _, count in recording.dropped)
    if not missing:
        return []
    first = recording.dropped[0][0]
    return [
        f"{missing} frames are missing by the timestamps, the first after frame {first + 1}. "
        "The times of all frames are kept; speeds and decays are taken as if none were missing."
    ]


def _motion_warnings(motion: MotionResult, max_shift_px: int) -> list[str]:
    largest = np.abs(motion.frame_shifts).max(axis=1)
    share = float(np.mean(largest >= max_shift_px - 0.5))
    if share <= _SHARE_AT_LIMIT:
        return []
    return [
        f"{100 * share:.3g} % of the frames moved as far as the search reaches "
        f"({max_shift_px} px). Raise motion.max_shift_px if the corrected movie still moves."
    ]
