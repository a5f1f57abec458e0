"""Motion correction of a whole movie: make a template, then one pass over the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.core.budget import DEFAULT_BYTES, pieces_in_memory
from caiman_gui.core.checks import require_usable
from caiman_gui.core.motion.apply import FrameSink, ShiftField, apply_shifts
from caiman_gui.core.motion.progress import Aligned
from caiman_gui.core.motion.sample import sample_bytes
from caiman_gui.core.motion.template import Reference, batch_length, build_reference
from caiman_gui.core.movie import frame_blocks
from caiman_gui.core.parallel import thread_map
from caiman_gui.core.results import MotionResult
from caiman_gui.core.task import NULL_CONTEXT, SubContext, TaskContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.core.motion.progress import Journal
    from caiman_gui.core.movie import Movie
    from caiman_gui.params.motion import MotionParams

#: Share of the progress bar for the template.
TEMPLATE_SHARE = 0.3
#: Memory of a thread: batches of frames and of their spectra, sums of a batch in float64.
_BATCHES_PER_THREAD, _IMAGES_PER_THREAD = 10, 8
#: Images of the whole field that are held, as float32: template, spectra, sums.
_IMAGES_HELD = 24


def correct_motion(
    movie: Movie,
    *,
    params: MotionParams,
    sink: FrameSink | None = None,
    journal: Journal | None = None,
    excluded: NDArray[np.bool_] | None = None,
    n_threads: int = 1,
    memory_bytes: int = DEFAULT_BYTES,
    ctx: TaskContext = NULL_CONTEXT,
) -> MotionResult:
    """Align every frame of a movie with a template.

    Parameters
    ----------
    movie : Movie
        Shape (T, H, W); at least 10 frames of 8 x 8 px.
    params : MotionParams
    sink : FrameSink, optional
        Gets the corrected frames as float32, in order and without gaps.
    journal : Journal, optional
        Keeps what is done, so that an interrupted run goes on; the result is the same.
    excluded : (H, W) bool, optional
        Pixels that do not steer the correction; they are moved with the others.
    n_threads, memory_bytes : int
        Threads to use at most, and the memory budget without what the sink takes. The result
        depends on neither.
    ctx : TaskContext

    Returns
    -------
    MotionResult

    Raises
    ------
    DataError
        If the movie is too short, too small, constant, or has missing values.
    Cancelled
        If the user stopped it.
    """
    require_usable(movie)
    n_threads = threads_that_fit(movie, n_threads, memory_bytes)
    reference = build_reference(
        movie,
        params=params,
        excluded=excluded,
        n_threads=n_threads,
        memory_bytes=memory_bytes,
        ctx=SubContext(ctx, 0, TEMPLATE_SHARE, "Making the template"),
    )
    rest = SubContext(ctx, TEMPLATE_SHARE, 1, "Aligning frames")
    likeness = _Likeness(reference.template, excluded)
    return _align_movie(movie, reference, likeness, sink, journal, n_threads, rest)


def threads_that_fit(movie: Movie, n_threads: int, memory_bytes: int) -> int:
    """Return how many threads may register frames at once."""
    _, height, width = movie.shape
    frame = 4 * height * width
    held = sample_bytes(movie, memory_bytes) + _IMAGES_HELD * frame
    piece = _BATCHES_PER_THREAD * batch_length(height, width) * frame + _IMAGES_PER_THREAD * frame
    return pieces_in_memory(memory_bytes, piece, held_bytes=held, most=n_threads)


@dataclass(frozen=True, eq=False)
class _Batch:
    """What one batch of frames gives."""

    start: int
    shifts: NDArray[np.float32]
    frames: NDArray[np.float32]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    sum_before: NDArray[np.float64]
    sum_after: NDArray[np.float64]
    covered: NDArray[np.bool_]


def _align_movie(
    movie: Movie,
    reference: Reference,
    likeness: _Likeness,
    sink: FrameSink | None,
    journal: Journal | None,
    n_threads: int,
    ctx: TaskContext,
) -> MotionResult:
    """Read, register, move and write every frame once."""
    n_frames, height, width = movie.shape
    registrar = reference.registrar
    field = ShiftField(registrar.centers, (height, width))

    def align(item: tuple[int, NDArray[np.float32]]) -> _Batch:
        start, frames = item
        shifts = registrar.shifts(frames)
        moved = apply_shifts(frames, shifts, registrar.centers)
        return _Batch(
            start=start,
            shifts=shifts,
            frames=moved,
            before=likeness.of(frames),
            after=likeness.of(moved),
            sum_before=frames.sum(axis=0, dtype=np.float64),
            sum_after=moved.sum(axis=0, dtype=np.float64),
            covered=field.covered(shifts),
        )

    aligned = Aligned.none_of(movie.shape, len(registrar.centers))
    if journal is not None:
        aligned = journal.restore(aligned)
    blocks = frame_blocks(
        movie, ctx=ctx, message="Aligning frames", block_frames=batch_length(height, width),
        first=aligned.n_done,
    )  # fmt: skip
    for batch in thread_map(align, blocks, n_threads=n_threads, ctx=ctx):
        now = slice(batch.start, batch.start + len(batch.frames))
        if sink is not None:
            sink.write(batch.start, batch.frames)
        aligned.shifts[now] = batch.shifts
        aligned.before[now], aligned.after[now] = batch.before, batch.after
        aligned.sum_before += batch.sum_before
        aligned.sum_after += batch.sum_after
        aligned.covered &= batch.covered
        aligned.n_done = now.stop
        if journal is not None:
            journal.note(aligned)
    return MotionResult(
        shifts=aligned.shifts,
        patch_centers_px=registrar.centers,
        patch_size_px=np.array(registrar.patch_size, np.float32),
        template=reference.template,
        correlation=aligned.after,
        correlation_before=aligned.before,
        mean_before=(aligned.sum_before / n_frames).astype(np.float32),
        mean_after=(aligned.sum_after / n_frames).astype(np.float32),
        valid=aligned.covered.astype(np.float32),
    )


class _Likeness:
    """Pearson correlation of frames with the template, outside of excluded pixels."""

    def __init__(
        self, template: NDArray[np.float32], excluded: NDArray[np.bool_] | None = None
    ) -> None:
        has_weight = excluded is not None and excluded.any() and not excluded.all()
        self._weight = (~excluded).astype(np.float32) if has_weight else None  # type: ignore[operator]
        self._template = self._centred(template[None])[0]
        self._norm = float(np.sqrt((self._template.astype(np.float64) ** 2).sum()))

    def of(self, frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the correlation (n,) of frames (n, H, W); 0 for a flat frame."""
        centred = self._centred(frames)
        product = (centred * self._template).sum(axis=(1, 2), dtype=np.float64)
        norm = np.sqrt((centred * centred).sum(axis=(1, 2), dtype=np.float64)) * self._norm
        likeness: NDArray[np.float64] = np.where(norm > 0, product / np.where(norm > 0, norm, 1), 0)
        return likeness

    def _centred(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._weight is None:
            centred: NDArray[np.float32] = frames - frames.mean(axis=(1, 2), keepdims=True)
            return centred
        total = (frames * self._weight).sum(axis=(1, 2), keepdims=True)
        centred = (frames - total / self._weight.sum()) * self._weight
        return centred
