"""Compiles the kernels ahead of need, so that nobody's first run waits for the compiler."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import caiman_gui
from caiman_gui.core.task import NULL_CONTEXT, TaskContext
from caiman_gui.errors import NoResultError
from caiman_gui.params.run import RunParams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

#: Sample types of nearly all recordings; each needs kernels of its own.
_DTYPES = (np.int16, np.uint8, np.uint16)
_DIAMETER_PX = 8.0
_ALL = ("motion", "summary", "sources", "quality", "traces")
#: What is run on the last of the recordings: every choice that takes other kernels.
_VARIANTS: tuple[tuple[Sequence[str], Mapping[str, Mapping[str, Any]]], ...] = (
    (("motion",), {"motion": {"mode": "piecewise", "patch_size_px": 32}}),
    (("summary",), {"prepare": {"bin_px": 2, "scan_phase": "given", "scan_phase_px": 0.5}}),
    (("summary", "sources"), {"recording": {"kind": "one-photon"}}),
    (_ALL, {"traces": {"s_min": 2.0}}),
    (_ALL, {}),
)


def marker() -> Path | None:
    """File that tells the kernels of this version are compiled; None without a kernel cache."""
    folder = os.environ.get("NUMBA_CACHE_DIR")
    return Path(folder) / f"compiled-{caiman_gui.__version__}" if folder else None


def is_warm() -> bool:
    """Whether an earlier ``warm_up`` has compiled the kernels of this version."""
    path = marker()
    return path is None or path.exists()


def warm_up(ctx: TaskContext = NULL_CONTEXT) -> None:
    """Run the steps on tiny recordings, which leaves the compiled kernels in the cache."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for dtype in _DTYPES:
            path = _write_recording(Path(folder), np.dtype(dtype), ctx)
            _run(path, ("summary",), {}, ctx)
        for steps, values in _VARIANTS:
            _run(path, steps, values, ctx)
    found = marker()
    if found is not None:
        found.parent.mkdir(parents=True, exist_ok=True)
        found.touch()


def _write_recording(folder: Path, dtype: np.dtype[Any], ctx: TaskContext) -> Path:
    from dataclasses import replace

    from caiman_gui.core.synthetic import make_recording
    from caiman_gui.pipeline.demo import write_recording

    recording = make_recording(
        "two-photon",
        shape=(64, 64),
        n_frames=400,
        n_neurons=6,
        frame_rate_hz=20.0,
        neuron_diameter_px=_DIAMETER_PX,
        max_shift_px=2.0,
        seed=0,
        ctx=ctx,
    )
    path = folder / f"{dtype.name}.tif"
    movie = np.minimum(recording.movie, np.iinfo(dtype).max).astype(dtype)
    write_recording(path, replace(recording, movie=movie))
    return path


def _run(
    path: Path, steps: Sequence[str], values: Mapping[str, Mapping[str, Any]], ctx: TaskContext
) -> None:
    from caiman_gui.core.summary import find_seeds
    from caiman_gui.pipeline.runner import Workspace, open_recording, run_steps
    from caiman_gui.project.model import ProjectState

    params = RunParams().with_value("sources.neuron_diameter_px", _DIAMETER_PX)
    state = ProjectState(recording=open_recording([path]), params=params.with_values(values))
    with contextlib.suppress(NoResultError):  # what finds nothing was compiled all the same
        state = run_steps(steps, state, workspace=Workspace(path.parent), n_threads=1, ctx=ctx)
    if state.summary is not None:
        images = state.summary
        find_seeds(images.correlation, images.pnr, min_corr=0, min_pnr=0, min_distance_px=4)
