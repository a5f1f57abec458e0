"""Motion correction (NoRMCorre)."""

from caiman_gui.core.motion.apply import FrameSink, apply_shifts
from caiman_gui.core.motion.correct import correct_motion

__all__ = ["FrameSink", "apply_shifts", "correct_motion"]
