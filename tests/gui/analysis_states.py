"""Small made-up results for the tests of the analysis tabs: no movie, no computation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from caiman_gui.core.results import Component, ComponentSet, Metrics, SummaryImages
from caiman_gui.project.model import ProjectState, RecordingRef, StepRecord

SHAPE = (64, 96)
N_FRAMES = 400
RATE_HZ = 20.0


def make_component(number: int, row: int, col: int, *, snr: float, rval: float) -> Component:
    """A soft disk of diameter 9 at (row, col), active in two events of its own."""
    rng = np.random.default_rng(number)
    rows, cols = np.mgrid[row - 5 : row + 6, col - 5 : col + 6]
    weights = np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 10).astype(np.float32)
    inside = (weights > 0.1) & (rows >= 0) & (cols >= 0) & (rows < SHAPE[0]) & (cols < SHAPE[1])
    weights = weights[inside] / np.linalg.norm(weights[inside])
    activity = np.zeros(N_FRAMES, np.float32)
    activity[(37 * number) % N_FRAMES] = 5.0
    activity[(37 * number + 120) % N_FRAMES] = 9.0
    decay = 0.9 ** np.arange(60)
    trace = (np.convolve(activity, decay)[:N_FRAMES] + 4.0).astype(np.float32)
    return Component(
        id=number,
        pixels=(rows * SHAPE[1] + cols)[inside],
        weights=weights,
        trace=trace,
        residual=rng.normal(0, 0.5, N_FRAMES),
        activity=activity,
        background=np.full(N_FRAMES, 40.0),
        dff=(trace - 4) / 44,
        f0=np.full(N_FRAMES, 44.0),
        dff_kind="dff",
        ar=(0.9,),
        noise=0.5,
        baseline=4.0,
        metrics=Metrics(snr=snr, rval=rval, eccentricity=1.1),
    )


def make_components(n: int = 12) -> ComponentSet:
    """Cells on a grid; every third one is below the default thresholds."""
    items = []
    for index in range(n):
        row, col = divmod(index, 6)
        good = index % 3 != 2
        items.append(
            make_component(
                index + 1, 10 + 14 * row, 8 + 15 * col,
                snr=3.0 + index / 4 if good else 1.0, rval=0.9 if good else 0.2,
            )
        )  # fmt: skip
    n_pixels = SHAPE[0] * SHAPE[1]
    return ComponentSet(
        items=tuple(items),
        fov_shape=SHAPE,
        n_frames=N_FRAMES,
        background_images=np.zeros((1, n_pixels)),
        background_traces=np.zeros((1, N_FRAMES)),
        next_id=n + 1,
    )


def make_summary(components: ComponentSet) -> SummaryImages:
    """Noise, and a bump where each component is."""
    rng = np.random.default_rng(0)
    bumps = np.zeros(SHAPE[0] * SHAPE[1], np.float32)
    for item in components.items:
        np.maximum.at(bumps, item.pixels, item.weights / item.weights.max())
    bumps = bumps.reshape(SHAPE)
    correlation = (0.05 + 0.02 * rng.standard_normal(SHAPE) + 0.8 * bumps).clip(-1, 1)
    pnr = 4 + 0.4 * rng.standard_normal(SHAPE) + 20 * bumps
    mean = 100 + 80 * bumps + rng.standard_normal(SHAPE)
    return SummaryImages(
        mean=mean, max=2 * mean, std=mean / 10, correlation=correlation, pnr=pnr, noise=mean / 50
    )


def make_state(n: int = 12, *, with_components: bool = True) -> ProjectState:
    """A project after all steps, or after the summary images only."""
    components = make_components(n)
    recording = RecordingRef(
        (Path("day1.tif"),), N_FRAMES, *SHAPE, "uint16", "print", RATE_HZ, "made up"
    )
    steps = {"summary": StepRecord("s", seconds=1.0)}
    if with_components:
        steps |= {
            "sources": StepRecord("c", seconds=12.3),
            "quality": StepRecord("q"),
            "traces": StepRecord("t"),
        }
    return ProjectState(
        recording=recording,
        summary=make_summary(components),
        components=components if with_components else None,
        steps=steps,
    )
