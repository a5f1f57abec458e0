"""The parts of a project that can change, so that a view re-reads only what it shows."""

from __future__ import annotations

from enum import Flag, auto


class Topic(Flag):
    """What an edit touched. LABELS: the decisions, be it by hand or by a threshold."""

    RECORDING = auto()
    PARAMS = auto()
    MOTION = auto()
    SUMMARY = auto()
    COMPONENTS = auto()
    LABELS = auto()
    STEPS = auto()
    ALL = RECORDING | PARAMS | MOTION | SUMMARY | COMPONENTS | LABELS | STEPS
