"""Measures on a recording what its preparation needs: scan phase and bad pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.core.findings import Excluded, Findings
from caiman_gui.core.prepare.movie import PreparedMovie
from caiman_gui.core.prepare.plan import Preparation
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext
from caiman_gui.errors import InputError
from caiman_gui.files import exists, full_path
from caiman_gui.pipeline.steps import StepStatus, status
from caiman_gui.pipeline.workspace import recorded_movie, require_recording

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.movie import Movie
    from caiman_gui.core.prepare.regions import Region
    from caiman_gui.project.model import ProjectState

#: Frames averaged to look for vessels.
_MEAN_FRAMES = 200
#: Bytes of frames looked at before a run.
_SURVEY_BYTES = 64 * 2**20


def run_preparation(state: ProjectState, n_threads: int, ctx: TaskContext) -> dict[str, Any]:
    """Measure what the parameters ask for; returns the changes to the state.

    Raises
    ------
    InputError
        If the movie or the mask file cannot be read, or the mask is of another size.
    """
    wanted = state.params.prepare
    shape = require_recording(state).shape[1:]
    excluded = np.zeros(shape, np.uint8)
    if wanted.exclude_file:
        excluded[_read_mask(Path(wanted.exclude_file), shape)] |= np.uint8(Excluded.FILE)
    phase, confidence = 0.0, 0.0
    with recorded_movie(state) as movie:
        if wanted.scan_phase == "auto":
            from caiman_gui.core.prepare.scan_phase import estimate_scan_phase

            part = SubContext(ctx, 0.0, 0.5, "Measuring the scan phase")
            found = estimate_scan_phase(movie, n_threads=n_threads, ctx=part)
            phase, confidence = found.correction_px, found.confidence
        if wanted.exclude_bad_pixels:
            part = SubContext(ctx, 0.5, 1.0, "Looking for bad pixels")
            given = wanted.scan_phase_px if wanted.scan_phase == "given" else phase
            lined_up = PreparedMovie(movie, Preparation(scan_phase_px=given)) if given else movie
            excluded |= _bad_pixels(lined_up, part)
    return {"findings": Findings(phase, confidence, excluded)}


def _bad_pixels(movie: Movie, ctx: TaskContext) -> NDArray[np.uint8]:
    from caiman_gui.core.prepare.bad_pixels import find_bad_pixels

    found = find_bad_pixels(movie, ctx=ctx)
    codes = np.zeros(movie.shape[1:], np.uint8)
    for reason, where in (
        (Excluded.DEAD, found.dead),
        (Excluded.HOT, found.hot),
        (Excluded.SATURATED, found.saturated),
    ):
        codes[where] |= np.uint8(reason)
    return codes


def mask_has_changed(state: ProjectState) -> bool:
    """Tell whether the mask file now holds another mask than results were computed with.

    Raises
    ------
    InputError
        If it cannot be read, is of another size, or is gone before it was ever read.
    """
    wanted = state.params.prepare.exclude_file
    if not wanted:
        return False
    was_read = status("prepare", state) is StepStatus.DONE and state.findings is not None
    if was_read and not exists(Path(wanted)):
        return False  # the project was moved, and holds what it said
    mask = _read_mask(Path(wanted), require_recording(state).shape[1:])
    if not was_read or state.findings is None:
        return False
    return not np.array_equal(mask, (state.findings.excluded & Excluded.FILE) > 0)


def _read_mask(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Read an image (H, W) whose pixels are left out where they are not zero."""
    from caiman_gui.io.mask_image import read_mask

    mask = read_mask(full_path(path))
    if mask.shape != shape:
        raise InputError(
            "The mask does not fit the recording",
            f"{path} holds {mask.shape[0]} x {mask.shape[1]} px, the recording has "
            f"{shape[0]} x {shape[1]} px.",
            "Choose an image of the size of the recording, not cropped or binned.",
        )
    return mask


def survey_notes(state: ProjectState, ctx: TaskContext = NULL_CONTEXT) -> tuple[str, ...]:
    """Look through the recording and return what seems wrong with it, in plain words."""
    from caiman_gui.core.survey import survey, survey_warnings

    with recorded_movie(state) as movie:
        found = survey(movie, ctx=ctx, n_thumbnails=0, budget_bytes=_SURVEY_BYTES)
        return survey_warnings(found, state.shape[0])


def suggest_vessels(state: ProjectState, ctx: TaskContext) -> tuple[Region, ...]:
    """Outline dark vessels on the mean of a sample of frames, as recorded."""
    from caiman_gui.core.prepare.bad_pixels import suggest_vessels as find_vessels
    from caiman_gui.core.prepare.outline import outlines

    with recorded_movie(state) as movie:
        n_frames = movie.shape[0]
        wanted = np.unique(np.linspace(0, n_frames - 1, min(n_frames, _MEAN_FRAMES)).astype(int))
        total = np.zeros(movie.shape[1:], np.float64)
        for done, index in enumerate(wanted):
            ctx.check()
            ctx.progress(done, len(wanted), "Averaging frames")
            total += movie.frames(int(index), int(index) + 1)[0]
    return outlines(find_vessels((total / len(wanted)).astype(np.float32)))
