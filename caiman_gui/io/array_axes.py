"""Which axis of an array is time, which are rows, columns, channels and planes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from caiman_gui.errors import InputError
from caiman_gui.io.refusals import damaged, require_choice, require_frame_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from caiman_gui.io.reader import ReadChoice

#: Words for an axis in labels, lower case.
_WORDS = {
    "T": ("t", "time", "frame", "frames", "num_times", "timepoint", "timepoints"),
    "Y": ("y", "row", "rows", "height", "h", "lines"),
    "X": ("x", "col", "cols", "column", "columns", "width", "w"),
    "Z": ("z", "plane", "planes", "depth", "slice", "slices"),
    "C": ("c", "ch", "channel", "channels"),
}
_LETTERS = {word: letter for letter, words in _WORDS.items() for word in words}
_NAMES = {"T": "frames", "Y": "rows", "X": "columns", "Z": "planes", "C": "channels"}
#: Names that libraries give to axes nobody named.
_NAMELESS = ("dim_", "phony_dim_", "axis", "none")
#: More channels than this no microscope has; such an axis holds planes.
_MAX_CHANNELS = 4
#: The smallest side, px, and the largest ratio of the sides of a plausible field of view.
_MIN_SIDE, _MAX_RATIO = 32, 4
#: More frames than this only a damaged header claims.
MAX_FRAMES = 2**31 - 1
_MOST_CHANNELS, _MOST_PLANES = 1_000, 100_000
_CHANGE = "If the picture looks wrong, choose another axis order."


@dataclass(frozen=True, slots=True)
class AxisPlan:
    """How frames of one channel and plane lie in an array.

    Attributes
    ----------
    shape : tuple of int
        Of the array.
    axes : str
        A letter for each axis.
    time : int or None
        Number of the axis; None where the array is a single frame.
    fixed : dict of int to int
        Axes with one index each: of the channel, of the plane.
    """

    shape: tuple[int, ...]
    axes: str
    time: int | None
    fixed: dict[int, int]

    @property
    def n_frames(self) -> int:
        """Frames of the movie."""
        return 1 if self.time is None else self.shape[self.time]

    @property
    def frame_shape(self) -> tuple[int, int]:
        """Height and width of a frame, px."""
        return self.shape[self.axes.index("Y")], self.shape[self.axes.index("X")]

    def size(self, letter: str) -> int:
        """Length of an axis; 1 if there is none."""
        return self.shape[self.axes.index(letter)] if letter in self.axes else 1

    def chunks_for_frame(self, chunks: tuple[int, ...]) -> int:
        """Count the chunks of a shape that a single frame reaches into."""
        return prod(
            -(-n // side)
            for axis, (n, side) in enumerate(zip(self.shape, chunks, strict=True))
            if axis != self.time and axis not in self.fixed
        )

    def index(self, start: int, stop: int) -> tuple[slice, ...]:
        """Index of frames start ... stop-1 that keeps every axis."""
        whole = [slice(0, n) for n in self.shape]
        for axis, at in self.fixed.items():
            whole[axis] = slice(at, at + 1)
        if self.time is not None:
            whole[self.time] = slice(start, stop)
        return tuple(whole)

    def to_frames(self, block: NDArray[np.generic]) -> NDArray[np.generic]:
        """Turn what ``index`` takes out of the array into frames (n, H, W); a view."""
        y, x = self.axes.index("Y"), self.axes.index("X")
        order = [*self.fixed, *([] if self.time is None else [self.time]), y, x]
        frames = block.transpose(order)
        for _ in self.fixed:
            frames = frames[0]
        return frames if self.time is not None else frames[None]


def letters_of(labels: Sequence[str]) -> str | None:
    """Letters for the labels of axes; "" if none is named, None if they mean no movie."""
    words = [label.strip().lower() for label in labels]
    letters = [_LETTERS.get(word, "") for word in words]
    if all(letters):
        joined = "".join(letters)
        has_field = "Y" in joined and "X" in joined and len(set(joined)) == len(joined)
        return joined if has_field else None
    is_foreign = any(
        word not in _LETTERS and not word.startswith(_NAMELESS) for word in words if word
    )
    return None if is_foreign else ""


def split_letters(text: str) -> list[str]:
    """Labels in an attribute such as "tyx", "T,Y,X" or "frame height width"."""
    for separator in (",", " ", ";"):
        if separator in text.strip():
            return [part for part in text.replace(separator, " ").split() if part]
    return list(text.strip())


def guess_axes(
    shape: tuple[int, ...], chunks: tuple[int, ...] | None = None, *, is_matlab: bool = False
) -> str:
    """Letters for an array of 3 to 5 axes that nobody named.

    Time comes first, unless another order is clear: chunks of one frame each, the first two sides
    equal, or a field that has no other plausible size. MATLAB stores columns before rows.
    """
    kept = list(range(len(shape)))
    letters = [""] * len(shape)
    extra = ["C", "Z"]
    for axis in (a for a in range(len(shape)) if shape[a] == 1):  # axes that hold nothing
        if len(kept) > 3:
            kept.remove(axis)
            letters[axis] = extra.pop(0)
    while len(kept) > 3:
        axis = _channel_or_plane(shape, kept, is_matlab=is_matlab)
        letter = "C" if shape[axis] <= _MAX_CHANNELS and "C" in extra else extra[-1]
        extra.remove(letter)
        letters[axis] = letter
        kept.remove(axis)
    sides = tuple(shape[axis] for axis in kept)
    cut = tuple(chunks[axis] for axis in kept) if chunks else None
    first = "TXY" if is_matlab else "TYX"
    last = "XYT" if is_matlab else "YXT"
    for axis, letter in zip(kept, last if _is_time_last(sides, cut) else first, strict=True):
        letters[axis] = letter
    return "".join(letters)


def _channel_or_plane(shape: tuple[int, ...], kept: list[int], *, is_matlab: bool) -> int:
    """Axis that is neither time nor a side: the last if it is short, else the one after time."""
    if shape[kept[-1]] <= _MAX_CHANNELS and not is_matlab:
        return kept[-1]
    return kept[1]


def _is_time_last(sides: tuple[int, ...], chunks: tuple[int, ...] | None) -> bool:
    a, b, c = sides
    if chunks is not None and chunks != sides:
        if chunks[0] == 1 < min(chunks[1:]):
            return False
        if chunks[2] == 1 < min(chunks[:2]):
            return True
    if a == b != c:
        return True
    return _is_field(a, b) and not _is_field(b, c)


def _is_field(height: int, width: int) -> bool:
    short, long = sorted((height, width))
    return short >= _MIN_SIDE and long <= _MAX_RATIO * short


def assumed(file: str, array: str, shape: tuple[int, ...], axes: str, why: str) -> str:
    """Note for the user that an axis order was assumed. ``why`` as in "does not name its axes"."""
    parts = (f"{n} {_NAMES[letter]}" for n, letter in zip(shape, axes, strict=True) if n > 1)
    return f"{array} in {file} {why}: it is read as {' x '.join(parts)}. {_CHANGE}"


def plan_axes(
    path: Path, kind: str, shape: tuple[int, ...], axes: str, dtype: np.dtype, choice: ReadChoice
) -> AxisPlan:
    """Plan the reading of one channel and plane.

    Parameters
    ----------
    path, kind
        For messages, such as "HDF5 file".
    shape : tuple of int
    axes : str
        As found; what the user chose (``choice.axes``) is used in its place.
    dtype : numpy.dtype

    Raises
    ------
    InputError
        If the axes do not fit the array, or there is no such channel, plane or frame.
    """
    if choice.axes:
        axes = choice.axes.strip().upper()
        _require_fitting(path, shape, axes)
    elif "T" not in axes and axes.count("Z") and shape[axes.index("Z")] > 1:
        axes = axes.replace("Z", "T")
    plan = AxisPlan(
        shape=shape,
        axes=axes,
        time=axes.index("T") if "T" in axes else None,
        fixed={
            axes.index(letter): at - 1
            for letter, at in (("C", choice.channel), ("Z", choice.plane))
            if letter in axes
        },
    )
    require_frame_size(path, kind, *plan.frame_shape, dtype)
    if not 1 <= plan.n_frames <= MAX_FRAMES or prod(shape) * dtype.itemsize >= 2**62:
        raise damaged(path, kind, f"it claims {plan.n_frames} frames")
    if plan.size("C") > _MOST_CHANNELS or plan.size("Z") > _MOST_PLANES:
        what = f"{plan.size('C')} channels and {plan.size('Z')} planes"
        raise damaged(path, kind, f"as {axes} it would hold {what}")
    require_choice(path, "channel", choice.channel, plan.size("C"))
    require_choice(path, "plane", choice.plane, plan.size("Z"))
    return plan


def _require_fitting(path: Path, shape: tuple[int, ...], axes: str) -> None:
    is_possible = set(axes) <= set("TYXCZ") and len(set(axes)) == len(axes) and {*"YX"} <= {*axes}
    if is_possible and len(axes) == len(shape):
        return
    sides = " x ".join(str(n) for n in shape)
    raise InputError(
        "The axis order does not fit the movie",
        f"{path}: the array is {sides}, the axis order is {axes or 'empty'}.",
        f"Give {len(shape)} different letters of T (time), Y (rows), X (columns), C (channels) "
        "and Z (planes), with Y and X among them, such as "
        f"{'TYX' if len(shape) == 3 else 'TZYX' if len(shape) == 4 else 'TZYXC'}.",
    )
