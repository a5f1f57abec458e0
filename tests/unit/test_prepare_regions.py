"""Shapes drawn on the image against brute force, and back from JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caiman_gui.core.prepare.regions import MAX_POINTS, Region, rasterise

SHAPE = (17, 21)
coordinates = st.one_of(st.integers(-5, 26).map(float), st.floats(-5, 26))
points = st.tuples(coordinates, coordinates)
polygons = st.builds(
    Region, st.just("exclude"), st.just("polygon"), st.lists(points, min_size=1, max_size=8)
)
boxes = st.builds(
    Region,
    st.sampled_from(["exclude", "include"]),
    st.sampled_from(["rectangle", "ellipse"]),
    st.tuples(points, points),
)


def winding_parity(corners, row, col):
    """Whether a ray to the right of a place crosses an odd number of edges, one by one."""
    count = 0
    for (r0, c0), (r1, c1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if (r0 <= row) != (r1 <= row):
            (ra, ca), (rb, cb) = sorted([(r0, c0), (r1, c1)])
            count += col < ca + (row - ra) / (rb - ra) * (cb - ca)
    return count % 2 == 1


@given(polygons)
def test_polygons_equal_brute_force(region):
    expected = [
        [winding_parity(region.points, float(r), float(c)) for c in range(SHAPE[1])]
        for r in range(SHAPE[0])
    ]
    np.testing.assert_array_equal(rasterise([region], SHAPE), expected)


@given(st.one_of(polygons, boxes), st.integers(0, 16), st.integers(0, 20))
def test_a_pixel_is_hit_exactly_where_it_is_filled(region, row, col):
    mask = rasterise([Region("exclude", region.shape, region.points)], SHAPE)
    assert region.contains(row, col) == mask[row, col]


@given(st.tuples(points, points))
def test_a_rectangle_is_the_polygon_of_its_corners(corners):
    (r0, c0), (r1, c1) = corners
    polygon = ((r0, c0), (r0, c1), (r1, c1), (r1, c0))
    np.testing.assert_array_equal(
        rasterise([Region("exclude", "rectangle", corners)], SHAPE),
        rasterise([Region("exclude", "polygon", polygon)], SHAPE),
    )


@given(points, points, points, points)
def test_neighbours_share_no_pixel_and_leave_none_between(a, b, c, d):
    # Two triangles with the common edge a-b, whose corners lie on either side of it.
    def side(p):
        return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])

    if side(c) * side(d) >= 0:
        return
    one, other = (
        rasterise([Region("exclude", "polygon", (a, b, corner))], SHAPE) for corner in (c, d)
    )
    assert not (one & other).any()
    both = rasterise([Region("exclude", "polygon", (a, c, b, d))], SHAPE)
    np.testing.assert_array_equal(one | other, both)


def test_ellipse_has_its_area():
    region = Region("exclude", "ellipse", ((20.3, 10.1), (180.9, 90.7)))
    area = np.pi * (180.9 - 20.3) * (90.7 - 10.1) / 4
    assert rasterise([region], (200, 100)).sum() == pytest.approx(area, rel=0.005)
    assert region.contains(100.6, 50.4)
    assert not region.contains(30, 15)


def test_a_star_has_a_hole():
    angles = 2 * np.pi * np.arange(5) * 2 / 5
    star = Region(
        "exclude",
        "polygon",
        tuple(zip(50 + 40 * np.cos(angles), 50 + 40 * np.sin(angles), strict=True)),
    )
    assert not star.contains(50, 50)
    assert star.contains(50 + 35, 50)


@pytest.mark.parametrize(
    "region",
    [
        Region("exclude", "polygon", ((3, 3),)),
        Region("exclude", "polygon", ((3, 3), (9, 9))),
        Region("exclude", "polygon", ((3, 3), (3, 9), (3, 5))),
        Region("exclude", "rectangle", ((3, 3), (3, 9))),
        Region("exclude", "ellipse", ((3, 3), (9, 3))),
        Region("exclude", "rectangle", ((-9, -9), (-3, -3))),
        Region("exclude", "ellipse", ((30, 30), (40, 40))),
    ],
)
def test_shapes_without_area_or_outside_hold_nothing(region):
    assert not rasterise([region], SHAPE).any()


def test_what_is_not_included_is_excluded():
    include = Region("include", "rectangle", ((2, 2), (10, 10)))
    second = Region("include", "rectangle", ((8, 8), (15, 15)))
    exclude = Region("exclude", "rectangle", ((4, 4), (6, 6)))
    mask = rasterise([exclude, include, second], SHAPE)
    used = np.zeros(SHAPE, bool)
    used[2:10, 2:10] = used[8:15, 8:15] = True
    used[4:6, 4:6] = False
    np.testing.assert_array_equal(mask, ~used)
    assert not rasterise([], SHAPE).any()


@given(st.one_of(polygons, boxes))
def test_json_and_back(region):
    assert Region.from_dict(json.loads(json.dumps(region.to_dict()))) == region


def test_a_long_polygon_is_quick():
    rows = np.where(np.arange(MAX_POINTS) % 2, 0, 500)
    cols = np.linspace(0, 500, MAX_POINTS)
    region = Region("exclude", "polygon", tuple(zip(rows.tolist(), cols.tolist(), strict=True)))
    assert rasterise([region], (512, 512)).any()


GOOD = {"kind": "exclude", "shape": "polygon", "points": [[0, 0], [0, 5], [5, 5]]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "maybe"}, "maybe"),
        ({"shape": "star"}, "star"),
        ({"shape": ["polygon"]}, "no shape"),
        ({"points": []}, "0 points"),
        ({"points": "0 0 5 5"}, "a list"),
        ({"points": [[0, 0, 1]]}, "a row and a column"),
        ({"points": [[0, "1"]]}, "a number"),
        ({"points": [[True, 1]]}, "a number"),
        ({"points": [[0, float("nan")]]}, "nan"),
        ({"points": [[0, 10**400]]}, "within"),
        ({"points": [[0, -2e6]]}, "within"),
        ({"points": [[0, 0]] * (MAX_POINTS + 1)}, str(MAX_POINTS)),
        ({"shape": "rectangle"}, "3 points; it has 2"),
    ],
)
def test_senseless_regions_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        Region.from_dict(GOOD | change)


def test_a_region_needs_all_its_parts():
    with pytest.raises(ValueError, match="points"):
        Region.from_dict({"kind": "exclude", "shape": "polygon"})


def test_an_ellipse_of_hardly_any_width_is_empty():
    thin = Region("exclude", "ellipse", ((0, 5.6e-179), (1, 0)))
    assert not thin.contains(0, 0)
    assert not rasterise([thin], SHAPE).any()
