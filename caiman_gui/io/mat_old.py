"""Movies in MAT files before version 7.3, which can only be read as a whole."""

from __future__ import annotations

import warnings
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.array_axes import plan_axes
from caiman_gui.io.array_choice import Candidate, Content, Found, pick
from caiman_gui.io.conventions import RATE_NAMES, is_rate, matching
from caiman_gui.io.mat_file import KIND, matlab_axes
from caiman_gui.io.reader import Fact, FileFacts
from caiman_gui.io.refusals import DAMAGE, in_words, require_sample_type

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.array_axes import AxisPlan
    from caiman_gui.io.reader import ReadChoice

#: A larger variable would have to be held in memory.
MAX_BYTES = 2**29
_TYPES = {
    "double": "f8", "single": "f4", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8", "logical": "u1",
}  # fmt: skip


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


def open_old(path: Path, choice: ReadChoice) -> MatMovie:
    """Read the variable that was chosen, else the one that looks most like a movie.

    Raises
    ------
    InputError
        If the file is damaged, holds no movie, or one that is too large.
    """
    from scipy.io import whosmat

    listed = _guarded(path, lambda: whosmat(str(path), appendmat=False))
    candidates, others = [], []
    for name, sides, word in listed:
        shape = tuple(int(n) for n in sides)[::-1]
        if word in _TYPES and 3 <= len(shape) <= 5 and 0 not in shape:
            found = Found("/" + name, name, shape, np.dtype(_TYPES[word]), None)
            candidates.append(Candidate(found, *matlab_axes(path, name, shape, None)))
        else:
            others.append(f"{name} ({' x '.join(str(n) for n in sides)} {word})")
    content = Content(tuple(others))
    candidate, note = pick(path, KIND, candidates, choice.dataset, content)
    found = candidate.found
    require_sample_type(found.dtype, path)
    plan = plan_axes(path, KIND, found.shape, candidate.axes, found.dtype, choice)
    if prod(found.shape) * found.dtype.itemsize > MAX_BYTES:
        raise _too_large(path, found)
    array = _load(path, found)
    notes = [note, "" if choice.axes else candidate.note]
    facts = FileFacts(
        format="MATLAB 5 to 7",
        frame_rate=_frame_rate(path, listed),
        channels=("",) * plan.size("C"),
        n_planes=plan.size("Z"),
        datasets=tuple(item.to_dataset() for item in candidates),
        dataset=found.path,
        axes=plan.axes,
        notes=tuple(text for text in notes if text),
    )
    return MatMovie(path, array, plan, facts)


def _load(path: Path, found: Found) -> NDArray[np.generic]:
    read = _variable(path, found.name)
    array = np.asarray(read).T
    require_sample_type(array.dtype, path)
    if array.shape != found.shape:
        raise in_words(path, KIND, ValueError(), f"{found.name} has not the shape it claims")
    return array


def _variable(path: Path, name: str) -> Any:
    from scipy.io import loadmat

    return _guarded(path, lambda: loadmat(str(path), variable_names=[name], appendmat=False)[name])


def _guarded(path: Path, read: Any) -> Any:
    from scipy.io.matlab import MatReadError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about variables that are not read
            return read()
    except (MatReadError, *DAMAGE) as exc:
        raise in_words(path, KIND, exc, "its variables cannot be read") from exc


def _frame_rate(path: Path, listed: list[tuple[str, tuple[int, ...], str]]) -> Fact[float] | None:
    scalars = [name for name, sides, word in listed if word in _TYPES and prod(sides) == 1]
    for name in matching(scalars, RATE_NAMES):
        read = np.asarray(_variable(path, name))
        rate = float(read.ravel()[0]) if read.size == 1 and read.dtype.kind in "iuf" else None
        if is_rate(rate):
            return Fact(rate, f"MATLAB variable {name}")
    return None


def _too_large(path: Path, found: Found) -> InputError:
    size = prod(found.shape) * found.dtype.itemsize / 2**20
    return InputError(
        "The MAT file is too large for its version",
        f"{path}: {found.name} has {size:,.0f} MB, which this version of MAT files can only give "
        f"as a whole; the limit is {MAX_BYTES // 2**20} MB.",
        "Save it in MATLAB as version 7.3: save('movie.mat', 'Y', '-v7.3').",
    )
