"""Small states for the tests of the app layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from caiman_gui.core.results import Component, ComponentSet, Metrics, MotionResult, SummaryImages
from caiman_gui.project.model import ProjectState, RecordingRef, StepRecord

SHAPE = (40, 16, 16)


def recording(folder: Path = Path("/nowhere"), fingerprint: str = "f1") -> RecordingRef:
    n_frames, height, width = SHAPE
    path = (folder / "movie.tif").absolute()
    return RecordingRef((path,), n_frames, height, width, "uint16", fingerprint)


def component(id_: int, snr: float = 5.0) -> Component:
    n_frames, _, width = SHAPE
    zeros = np.zeros(n_frames, np.float32)
    trace = np.abs(np.sin(np.arange(n_frames, dtype=np.float32) / (id_ + 2)))
    pixels = np.arange(4) + id_ * (width + 1)
    weights = np.full(4, 0.5, np.float32)
    metrics = Metrics(snr=snr, rval=0.9)
    return Component(id_, pixels, weights, trace, zeros, zeros, zeros, metrics=metrics)


def components(*ids: int, snr: float = 5.0) -> ComponentSet:
    n_frames, height, width = SHAPE
    return ComponentSet(
        tuple(component(i, snr) for i in ids),
        (height, width),
        n_frames,
        np.zeros((1, height * width), np.float32),
        np.zeros((1, n_frames), np.float32),
        max(ids) + 1,
    )


def state(*ids: int, folder: Path = Path("/nowhere")) -> ProjectState:
    empty = ProjectState(recording=recording(folder))
    if not ids:
        return empty
    return empty.with_(components=components(*ids), steps={"sources": StepRecord("s1")})


def motion() -> MotionResult:
    n_frames, height, width = SHAPE
    image = np.ones((height, width), np.float32)
    return MotionResult(
        shifts=np.zeros((n_frames, 1, 2), np.float32),
        patch_centers_px=np.array([[8, 8]], np.float32),
        patch_size_px=np.array([16, 16], np.float32),
        template=image,
        correlation=np.ones(n_frames, np.float32),
        correlation_before=np.ones(n_frames, np.float32),
        mean_before=image,
        mean_after=image,
        valid=image,
    )


def summary() -> SummaryImages:
    image = np.ones(SHAPE[1:], np.float32)
    return SummaryImages(image, image, image, image, image, image)
