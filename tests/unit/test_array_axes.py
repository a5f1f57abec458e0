from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caiman_gui.errors import InputError
from caiman_gui.io.array_axes import guess_axes, letters_of, plan_axes, split_letters
from caiman_gui.io.reader import ReadChoice

PATH = Path("movie.h5")


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((1000, 512, 512), "TYX"),
        ((20, 128, 256), "TYX"),
        ((128, 256, 20), "YXT"),  # 256 x 20 px is no field of view
        ((512, 512, 1000), "YXT"),  # two equal sides come first
        ((512, 512, 512), "TYX"),
        ((100, 100, 5), "YXT"),
        ((512, 796, 1000), "TYX"),  # either is possible
        ((12, 16, 20), "TYX"),
        ((1000, 3, 64, 64), "TCYX"),
        ((1000, 7, 64, 64), "TZYX"),
        ((1000, 64, 64, 2), "TYXC"),
        ((10, 3, 64, 64, 2), "TZYXC"),
        ((10, 2, 5, 64, 64), "TCZYX"),
        ((1, 1000, 64, 64), "CTYX"),
        ((1000, 1, 1, 64, 64), "TCZYX"),
    ],
)
def test_guesses(shape: tuple[int, ...], axes: str) -> None:
    assert guess_axes(shape) == axes


def test_matlab_has_columns_before_rows() -> None:
    assert guess_axes((1000, 512, 512), is_matlab=True) == "TXY"
    assert guess_axes((512, 512, 1000), is_matlab=True) == "XYT"
    assert guess_axes((1000, 2, 64, 48), is_matlab=True) == "TCXY"


def test_chunks_of_one_frame_tell_the_time() -> None:
    shape = (512, 796, 1000)
    assert guess_axes(shape, (512, 796, 1)) == "YXT"
    assert guess_axes((512, 512, 1000), (1, 512, 1000)) == "TYX"
    assert guess_axes(shape, shape) == guess_axes(shape)


@pytest.mark.parametrize(
    ("labels", "letters"),
    [
        (["t", "z", "y", "x", "c"], "TZYXC"),
        (["frame", "height", "width"], "TYX"),
        (["Time", "Rows", "Columns"], "TYX"),
        (["", "", ""], ""),
        (["dim_0", "dim_1", "dim_2"], ""),
        (["t", "", ""], ""),
        (["unit_id", "height", "width"], None),
        (["t", "c", "z"], None),
        (["y", "y", "x"], None),
    ],
)
def test_labels(labels: list[str], letters: str | None) -> None:
    assert letters_of(labels) == letters


def test_labels_in_one_text() -> None:
    assert split_letters("tyx") == ["t", "y", "x"]
    assert split_letters("T, Y, X") == ["T", "Y", "X"]
    assert split_letters("frame height width") == ["frame", "height", "width"]


@pytest.mark.parametrize("axes", ["TYX", "TXY", "YXT", "XYT", "YTX"])
def test_frames_come_out_of_any_order(axes: str) -> None:
    movie = np.arange(5 * 6 * 7).reshape(5, 6, 7)
    array = movie.transpose(["TYX".index(letter) for letter in axes])
    plan = plan_axes(PATH, "file", array.shape, axes, array.dtype, ReadChoice())
    assert (plan.n_frames, plan.frame_shape) == (5, (6, 7))
    np.testing.assert_array_equal(plan.to_frames(array[plan.index(1, 4)]), movie[1:4])


@pytest.mark.parametrize("axes", ["TZYXC", "CZTYX", "XCYTZ"])
def test_one_channel_and_plane(axes: str) -> None:
    movie = np.arange(5 * 4 * 6 * 7 * 2).reshape(5, 4, 6, 7, 2)
    array = movie.transpose(["TZYXC".index(letter) for letter in axes])
    choice = ReadChoice(channel=2, plane=3)
    plan = plan_axes(PATH, "file", array.shape, axes, array.dtype, choice)
    np.testing.assert_array_equal(plan.to_frames(array[plan.index(0, 5)]), movie[:, 2, :, :, 1])
    assert (plan.size("C"), plan.size("Z")) == (2, 4)


def test_planes_without_time_are_frames_and_a_picture_is_one() -> None:
    dtype = np.dtype("u2")
    plan = plan_axes(PATH, "file", (9, 64, 64), "ZYX", dtype, ReadChoice())
    assert (plan.axes, plan.n_frames) == ("TYX", 9)
    plan = plan_axes(PATH, "file", (2, 64, 48), "CYX", dtype, ReadChoice(channel=2))
    assert (plan.n_frames, plan.frame_shape) == (1, (64, 48))
    array = np.arange(2 * 64 * 48).reshape(2, 64, 48)
    np.testing.assert_array_equal(plan.to_frames(array[plan.index(0, 1)]), array[1:])


@pytest.mark.parametrize("axes", ["TY", "TYXC", "TTX", "TYQ", "TZC"])
def test_an_order_that_does_not_fit_is_refused(axes: str) -> None:
    with pytest.raises(InputError, match="axis order") as caught:
        plan_axes(PATH, "file", (9, 64, 64), "TYX", np.dtype("u2"), ReadChoice(axes=axes))
    assert "9 x 64 x 64" in caught.value.detail


def test_what_is_not_there_is_refused() -> None:
    dtype = np.dtype("u2")
    with pytest.raises(InputError, match="There is no channel 3"):
        plan_axes(PATH, "file", (9, 64, 64, 2), "TYXC", dtype, ReadChoice(channel=3))
    with pytest.raises(InputError, match="There is no plane 2"):
        plan_axes(PATH, "file", (9, 64, 64), "TYX", dtype, ReadChoice(plane=2))
    with pytest.raises(InputError, match="damaged"):
        plan_axes(PATH, "file", (9, 2**20, 2**20), "TYX", dtype, ReadChoice())
    with pytest.raises(InputError, match="damaged"):
        plan_axes(PATH, "file", (9, 64, 64, 2**40), "TYXC", dtype, ReadChoice())
    with pytest.raises(InputError, match="damaged"):
        plan_axes(PATH, "file", (2**40, 64, 64), "TYX", dtype, ReadChoice())


def test_chunks_that_a_frame_needs() -> None:
    plan = plan_axes(PATH, "file", (9, 65, 64), "TYX", np.dtype("u2"), ReadChoice())
    assert plan.chunks_for_frame((3, 32, 64)) == 3
