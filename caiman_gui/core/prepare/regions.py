"""Shapes drawn on the image: what is left out, or what alone is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

Kind = Literal["exclude", "include"]
Shape = Literal["polygon", "rectangle", "ellipse"]

#: A shape drawn by hand has far fewer.
MAX_POINTS = 10_000
#: No image is larger.
MAX_COORDINATE = 1e6
_THINNEST_PX = 1e-6  # a thinner ellipse has no area that could be drawn


@dataclass(frozen=True, slots=True)
class Region:
    """A shape in pixels of the recorded image; whole numbers are the centres of pixels.

    Attributes
    ----------
    kind : {"exclude", "include"}
        Left out, or, if there is any "include", used while all outside is left out.
    shape : {"polygon", "rectangle", "ellipse"}
    points : tuple of (row, col)
        Corners of the polygon in order; two opposite corners of the rectangle, or of the
        rectangle around the ellipse.

    Raises
    ------
    ValueError
        Naming the value and the limit, if one makes no sense.
    """

    kind: Kind
    shape: Shape
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"a region excludes or includes; {self.kind!r} is neither")
        if self.shape not in get_args(Shape):
            raise ValueError(f"{self.shape!r} is no shape; there are {', '.join(get_args(Shape))}")
        points = tuple(_point(point) for point in _points(self.points))
        least, most = (1, MAX_POINTS) if self.shape == "polygon" else (2, 2)
        if not least <= len(points) <= most:
            wanted = f"{least} ... {most}" if least < most else str(least)
            raise ValueError(f"a {self.shape} of {len(points)} points; it has {wanted}")
        object.__setattr__(self, "points", points)

    def contains(self, row: float, col: float) -> bool:
        """Whether a place lies inside, in the very sense in which pixels do."""
        rows, cols = np.array([float(row)]), np.array([float(col)])
        return bool(_inside(self, rows, cols)[0, 0])

    def to_dict(self) -> dict[str, Any]:
        """Return it as numbers, text and lists, for JSON."""
        return {
            "kind": self.kind,
            "shape": self.shape,
            "points": [[row, col] for row, col in self.points],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Region:
        """Make a region from what ``to_dict`` gave; ValueError if it is not that."""
        missing = {"kind", "shape", "points"} - set(values)
        if missing:
            raise ValueError(f"a region without {' and '.join(sorted(missing))}")
        return cls(values["kind"], values["shape"], values["points"])


def rasterise(regions: Iterable[Region], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Find the pixels that are left out.

    A pixel is inside a shape if its centre is. Centres exactly on the upper or left edge of a
    polygon or rectangle are inside, on the lower or right edge outside, so that neighbouring
    shapes share no pixel. A polygon that crosses itself leaves out what it winds around twice.
    A shape without area holds no pixel.

    Parameters
    ----------
    regions : iterable of Region
    shape : (H, W)

    Returns
    -------
    (H, W) bool
        True for pixels in any "exclude", and for those outside all "include" if there is one.
    """
    excluded = np.zeros(shape, bool)
    included: NDArray[np.bool_] | None = None
    for region in regions:
        if region.kind == "exclude":
            _fill(region, excluded)
        else:
            included = np.zeros(shape, bool) if included is None else included
            _fill(region, included)
    if included is not None:
        excluded |= ~included
    return excluded


def _fill(region: Region, mask: NDArray[np.bool_]) -> None:
    """Set the pixels of a mask (H, W) that are inside; looks at the surrounding box only."""
    corners = np.array(region.points)
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, mask.shape)
    if (low >= high).any():
        return
    rows, cols = np.arange(low[0], high[0]), np.arange(low[1], high[1])
    box = mask[low[0] : high[0], low[1] : high[1]]
    box |= _inside(region, rows.astype(np.float64), cols.astype(np.float64))


def _inside(
    region: Region, rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether the places on a grid of ascending rows (h,) and columns (w,) are inside: (h, w)."""
    corners = np.array(region.points)
    if region.shape == "polygon":
        return _inside_polygon(corners, rows, cols)
    low, high = corners.min(axis=0), corners.max(axis=0)
    if region.shape == "rectangle":
        is_row = (low[0] <= rows) & (rows < high[0])
        is_col = (low[1] <= cols) & (cols < high[1])
        return np.asarray(np.logical_and.outer(is_row, is_col), np.bool_)
    center, radius = (low + high) / 2, (high - low) / 2
    if radius.min() < _THINNEST_PX:
        return np.zeros((rows.size, cols.size), bool)
    y, x = (rows - center[0]) / radius[0], (cols - center[1]) / radius[1]
    return np.asarray(y[:, None] ** 2 + x[None, :] ** 2 <= 1, np.bool_)


def _inside_polygon(
    corners: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Even-odd rule: inside is where a ray to the right crosses an odd number of edges."""
    crossings = np.zeros((rows.size, cols.size + 1), np.int32)  # by the columns left of them
    ends = np.roll(corners, -1, axis=0)
    for (row_a, col_a), (row_b, col_b) in zip(corners, ends, strict=True):
        if row_a == row_b:
            continue
        if row_a > row_b:  # the same sums in either direction: edges shared by two shapes agree
            row_a, col_a, row_b, col_b = row_b, col_b, row_a, col_a
        first, last = np.searchsorted(rows, (row_a, row_b))
        share = (rows[first:last] - row_a) / (row_b - row_a)
        left = np.searchsorted(cols, col_a + share * (col_b - col_a))
        crossings[np.arange(first, last), left] += 1
    to_the_right = crossings[:, :0:-1].cumsum(axis=1)[:, ::-1]
    return np.asarray(to_the_right % 2 == 1, np.bool_)


def _points(points: Any) -> Iterable[Any]:
    """Refuse what is no list, or one too long to look at."""
    if not isinstance(points, (list, tuple)):
        raise ValueError(f"the points of a region are a list, not {type(points).__name__}")
    if len(points) > MAX_POINTS:
        raise ValueError(f"a region of {len(points)} points; at most {MAX_POINTS} are possible")
    return points


def _point(point: Any) -> tuple[float, float]:
    """Return a point as two numbers, or refuse it."""
    if not isinstance(point, (list, tuple)) or len(point) != 2:
        raise ValueError(f"a point is a row and a column, not {str(point)[:40]!r}")
    return _coordinate(point[0]), _coordinate(point[1])


def _coordinate(value: Any) -> float:
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    if not is_number or isinstance(value, bool):
        raise ValueError(f"a coordinate is a number, not {str(value)[:40]!r}")
    if not abs(value) <= MAX_COORDINATE:
        raise ValueError(f"a coordinate lies within {MAX_COORDINATE:g} px, not {str(value)[:40]}")
    return float(value)
