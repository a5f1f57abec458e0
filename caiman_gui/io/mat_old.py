"""Movies in MAT files before version 7.3; compressed ones can only be read as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.array_axes import plan_axes
from caiman_gui.io.array_choice import Candidate, Content, Found, pick
from caiman_gui.io.conventions import RATE_NAMES, is_rate, matching
from caiman_gui.io.flat import FlatMovie, array_layout
from caiman_gui.io.mat_file import KIND, matlab_axes
from caiman_gui.io.mat_variables import Variable, inflate, list_variables
from caiman_gui.io.reader import Fact, FileFacts
from caiman_gui.io.refusals import DAMAGE, damaged, in_words, require_sample_type

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.array_axes import AxisPlan
    from caiman_gui.io.reader import FrameReader, ReadChoice

#: A larger compressed variable would have to be held in memory.
MAX_BYTES = 2**29
#: zlib makes nothing smaller than this share.
_MAX_RATIO = 1_100


class MatMovie:
    """A variable held in memory as a movie (T, H, W). Thread-safe.

    Parameters
    ----------
    path : Path
    array : numpy.ndarray
        In the order of ``plan``.
    plan : AxisPlan
    facts : FileFacts
    """

    def __init__(
        self, path: Path, array: NDArray[np.generic], plan: AxisPlan, facts: FileFacts
    ) -> None:
        self.path = path
        self.shape = (plan.n_frames, *plan.frame_shape)
        self.dtype = array.dtype.newbyteorder("=")
        self.facts = facts
        self._array = array
        self._plan = plan

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W)."""
        start, stop = max(0, start), min(stop, self.shape[0])
        if start >= stop:
            return np.empty((0, *self.shape[1:]), self.dtype)
        block = self._array[self._plan.index(start, stop)]
        return np.array(self._plan.to_frames(block), self.dtype, order="C")

    def close(self) -> None:
        """Do nothing: the file was closed when it had been read."""


def open_old(path: Path, choice: ReadChoice) -> FrameReader:
    """Open the variable that was chosen, else the one that looks most like a movie.

    Raises
    ------
    InputError
        If the file is damaged, holds no movie, or a compressed one that is too large.
    """
    variables = _list(path)
    by_path = {f"/{item.name}": item for item in variables if _may_be_movie(item)}
    candidates = [_candidate(path, name, item) for name, item in by_path.items()]
    others = (item for item in variables if f"/{item.name}" not in by_path)
    content = Content(tuple(_in_short(item) for item in others))
    candidate, note = pick(path, KIND, candidates, choice.dataset, content)
    found, variable = candidate.found, by_path[candidate.found.path]
    require_sample_type(found.dtype, path)
    plan = plan_axes(path, KIND, found.shape, candidate.axes, found.dtype, choice)
    notes = [note, "" if choice.axes else candidate.note]
    facts = FileFacts(
        format="MATLAB 5 to 7",
        frame_rate=_frame_rate(variables),
        channels=("",) * plan.size("C"),
        n_planes=plan.size("Z"),
        datasets=tuple(item.to_dataset() for item in candidates),
        dataset=found.path,
        axes=plan.axes,
        notes=tuple(text for text in notes if text),
    )
    if not variable.packed_at:
        layout = array_layout(plan, found.dtype, variable.at, is_fortran=False)
        return FlatMovie(path, KIND, layout, facts)
    _require_bounded(path, variable)
    return MatMovie(path, _inflated(path, variable).reshape(found.shape), plan, facts)


def _list(path: Path) -> list[Variable]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return list(list_variables(file, size))
    except DAMAGE as exc:
        why = str(exc) if type(exc) is ValueError else "its variables make no sense"
        raise in_words(path, KIND, exc, why) from exc


def _inflated(path: Path, variable: Variable) -> NDArray[np.generic]:
    try:
        with path.open("rb") as file:
            return inflate(file, variable)
    except DAMAGE as exc:
        why = str(exc) if type(exc) is ValueError else f"{variable.name} cannot be inflated"
        raise in_words(path, KIND, exc, why) from exc


def _may_be_movie(variable: Variable) -> bool:
    return variable.kind == "numbers" and 3 <= len(variable.shape) <= 5


def _candidate(path: Path, name: str, variable: Variable) -> Candidate:
    """Return the variable as version 7.3 would store it: the last side of MATLAB first."""
    shape, dtype = variable.shape[::-1], variable.dtype or np.dtype("f8")
    return Candidate(Found(name, name, shape, dtype, None), *matlab_axes(path, name, shape, None))


def _in_short(variable: Variable) -> str:
    sides = " x ".join(str(n) for n in variable.shape)
    return f"{variable.name} ({sides} {variable.kind})"


def _frame_rate(variables: Sequence[Variable]) -> Fact[float] | None:
    scalars = {item.name: item.scalar for item in variables if item.scalar is not None}
    for name in matching(list(scalars), RATE_NAMES):
        if is_rate(scalars[name]):
            return Fact(scalars[name], f"MATLAB variable {name}")
    return None


def _require_bounded(path: Path, variable: Variable) -> None:
    """Refuse variables too large for the memory, and those that only a damaged header claims."""
    if variable.n_bytes > variable.n_packed * _MAX_RATIO:
        raise damaged(path, KIND, f"{variable.name} claims more values than it can hold")
    if variable.n_bytes > MAX_BYTES:
        raise InputError(
            "The MAT file is too large for its version",
            f"{path}: {variable.name} has {variable.n_bytes / 2**20:,.0f} MB, which this version "
            f"can only give as a whole if compressed; the limit is {MAX_BYTES // 2**20} MB.",
            "Save it in MATLAB as version 7.3: save('movie.mat', 'Y', '-v7.3').",
        )
