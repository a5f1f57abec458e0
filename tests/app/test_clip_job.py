"""From choices in the export dialog to frames, styles and files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from caiman_gui.app.clip_job import (
    ClipChoices,
    ClipSource,
    ClipView,
    automatic_size,
    chosen_views,
    make_job,
    make_spec,
    make_styles,
    picture_shape,
    require_possible,
    starting_choices,
)
from caiman_gui.app.clip_preview import PreviewMaker
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.task import NULL_CONTEXT
from caiman_gui.errors import ParameterError
from caiman_gui.io.clip_outline import Outline
from caiman_gui.io.clip_render import render_panes

if TYPE_CHECKING:
    from pathlib import Path

N, H, W, RATE = 60, 40, 50, 20.0
VALUES = np.random.default_rng(0).integers(0, 1000, (N, H, W)).astype(np.uint16)


class Reader:
    """Counts how often a movie was opened and closed."""

    def __init__(self) -> None:
        self.opened = self.closed = 0

    def __call__(self) -> Reader:
        return self

    def open(self) -> ArrayMovie:
        self.opened += 1
        return ArrayMovie(VALUES)

    def close(self) -> None:
        self.closed += 1


def make_source(**values: Any) -> tuple[ClipSource, Reader]:
    reader = Reader()
    views = (
        ClipView("Raw", reader, 0, 900),
        ClipView("Model", reader, 100, 500, 0.5, "viridis"),
    )
    source = ClipSource(views, (N, H, W), np.arange(N) / RATE, RATE, frame=7)
    return replace(source, **values), reader


def test_a_dialog_begins_with_what_the_window_shows() -> None:
    source, _ = make_source(played=(10, 19), visible=(1, 2, 20, 30), average_frames=4)
    choices = starting_choices(source)
    assert (choices.span, choices.first, choices.last) == ("played", 10, 19)
    assert (choices.average_frames, choices.is_visible_only, choices.has_labels) == (4, True, True)
    assert (choices.clip_form, choices.speed) == ("mp4", 1.0)


def test_a_dialog_begins_with_the_former_choices_that_still_fit() -> None:
    source, _ = make_source(pixel_size_um=1.0)
    former = ClipChoices(
        clip_form="gif", speed=4, views=("Raw", "Gone"), bar_um=20, span="part", last=3
    )
    choices = starting_choices(source, former)
    assert (choices.clip_form, choices.speed, choices.views) == ("gif", 4, ("Raw",))
    assert (choices.span, choices.last, choices.bar_um) == ("all", N - 1, 20)
    unknown = starting_choices(replace(source, pixel_size_um=None), former)
    assert unknown.bar_um is None  # it was in µm, and would now be in pixels
    assert not starting_choices(replace(source, shape=(1, H, W))).is_clip


@pytest.mark.parametrize(
    ("choices", "frames", "fps"),
    [
        ({}, range(60), 20),
        ({"span": "played"}, range(10, 20), 20),
        ({"span": "part", "first": 3, "last": 9, "step": 2}, range(3, 10, 2), 10),
        ({"speed": 2.0}, range(60), 40),
        ({"speed": 8.0}, range(0, 60, 3), 160 / 3),  # at most 60 a second
        ({"speed": 8.0, "clip_form": "tiff"}, range(60), 160),
        ({"is_clip": False}, range(7, 8), 30),
    ],
)
def test_frames_and_speed(choices: dict[str, Any], frames: range, fps: float) -> None:
    source, _ = make_source(played=(10, 19))
    spec = make_spec(source, ClipChoices(**choices))
    assert list(spec.frames) == list(frames)
    assert spec.playback_fps == pytest.approx(fps)


def test_scale_bar_and_time_stand_in_the_first_view_only() -> None:
    source, _ = make_source(smooth_px=1.5)
    first, second = make_styles(source, ClipChoices(size=2.0, average_frames=3))
    assert (first.show_scale_bar, first.show_time, first.label) == (True, True, "Raw")
    assert (second.show_scale_bar, second.show_time, second.label) == (False, False, "Model")
    assert (second.low, second.high, second.gamma, second.color_map) == (100, 500, 0.5, "viridis")
    assert (first.scale, first.average_frames, first.smooth_px) == (2.0, 3, 1.5)


def test_original_values_are_not_drawn() -> None:
    source, _ = make_source(smooth_px=1.5, visible=(0, 0, 20, 30))
    choices = ClipChoices(clip_form="tiff", size=4.0, has_labels=False, is_visible_only=True)
    style = make_styles(source, choices)[0]
    assert (style.show_scale_bar, style.show_time, style.scale) == (False, False, 1.0)
    assert (style.label, style.smooth_px) == ("Raw", 0.0)  # the label names the channel
    assert picture_shape(source, choices) == (20, 30)


@pytest.mark.parametrize(
    ("shape", "views", "size"),
    [
        ((512, 512), (), 1),
        ((512, 512), ("Raw",), 1),
        ((40, 50), ("Raw",), 8),
        ((128, 128), ("Raw",), 2),
        ((100, 100), ("Raw",), 3),
        ((2000, 2000), ("Raw",), 0.5),
        ((200, 3000), ("Raw",), 0.5),
        ((9, 30_000), ("Raw",), 0.25),
    ],
)
def test_the_automatic_size_can_be_looked_at(
    shape: tuple[int, int], views: tuple[str, ...], size: float
) -> None:
    source, _ = make_source(shape=(N, *shape))
    assert automatic_size(source, ClipChoices(views=views)) == size


def test_only_chosen_views() -> None:
    source, _ = make_source()
    assert [view.name for view in chosen_views(source, ClipChoices())] == ["Raw", "Model"]
    assert [v.name for v in chosen_views(source, ClipChoices(views=("Model",)))] == ["Model"]


def test_what_cannot_be_made_is_told() -> None:
    source, _ = make_source(shape=(N, 3000, 3000))
    with pytest.raises(ParameterError, match="at most"):
        require_possible(source, ClipChoices(size=8.0))
    require_possible(source, ClipChoices(size=8.0, clip_form="tiff"))


def test_a_clip_is_written_and_its_movies_are_closed(tmp_path: Path) -> None:
    source, reader = make_source(pixel_size_um=2.0)
    choices = ClipChoices(clip_form="tiff", span="part", first=5, last=9, views=("Raw",))
    job = make_job(source, choices, tmp_path / "c.tif")
    result = job.run(NULL_CONTEXT)
    assert result is not None
    assert result.n_frames == 5
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.tif"), VALUES[5:10])
    assert (reader.opened, reader.closed) == (1, 1)


def test_a_frame_is_written_with_its_average(tmp_path: Path) -> None:
    source, reader = make_source()
    choices = ClipChoices(is_clip=False, frame_form="tiff", average_frames=3, views=("Raw",))
    assert make_job(source, choices, tmp_path / "f.tif").run(NULL_CONTEXT) is None
    np.testing.assert_allclose(tifffile.imread(tmp_path / "f.tif"), VALUES[6:9].mean(0), rtol=1e-6)
    assert (reader.opened, reader.closed) == (1, 1)


def test_movies_are_closed_when_writing_fails(tmp_path: Path) -> None:
    source, reader = make_source()
    job = make_job(replace(source, shape=(N + 9, H, W)), ClipChoices(), tmp_path / "c.mp4")
    with pytest.raises(ParameterError, match="ends after the movie"):
        job.run(NULL_CONTEXT)
    assert (reader.opened, reader.closed) == (2, 2)


def test_a_preview_is_the_first_picture() -> None:
    source, reader = make_source(played=(10, 19))
    choices = starting_choices(source)
    maker = PreviewMaker(source)
    preview = maker.make(choices, NULL_CONTEXT)
    wanted = render_panes([VALUES[10]] * 2, make_styles(source, choices), 0.5, 0.95)
    assert np.array_equal(preview.picture, wanted)
    assert preview.n_bytes > 1000
    maker.make(replace(choices, has_time=False), NULL_CONTEXT)
    assert (reader.opened, reader.closed) == (2, 2)  # the frame is known


def test_previews_of_frames_have_outlines() -> None:
    cell = Outline(np.array([[10, 10], [20, 10], [20, 20]]), "#ff0000")
    source, _ = make_source()
    source = replace(source, views=(replace(source.views[0], outlines=(cell,)),))
    maker = PreviewMaker(source)
    picture = maker.make(ClipChoices(is_clip=False, size=1.0), NULL_CONTEXT).picture
    red = picture[..., 0].astype(int) - picture[..., 1]
    assert red[9:11, 11:19].mean() > 20
    assert not red[30:].any()
    values = maker.make(ClipChoices(is_clip=False, frame_form="tiff"), NULL_CONTEXT)
    assert np.array_equal(values.picture[..., 0], values.picture[..., 1])
    assert values.n_bytes == 2 * H * W


@pytest.mark.parametrize("form", ["mp4", "avi", "gif", "tiff", "tiff-rgb"])
def test_estimated_sizes_are_about_right(tmp_path: Path, form: str) -> None:
    source, _ = make_source()
    choices = ClipChoices(clip_form=form, views=("Raw",), size=4.0)
    expected = PreviewMaker(source).make(choices, NULL_CONTEXT).n_bytes
    result = make_job(source, choices, tmp_path / "c").run(NULL_CONTEXT)
    assert result is not None
    assert 0.3 < result.n_bytes / expected < 3


def test_memory_of_previews_is_bounded() -> None:
    source, reader = make_source()
    maker = PreviewMaker(source)
    for first in range(20):
        choices = ClipChoices(span="part", first=first, last=N - 1)
        maker.make(choices, NULL_CONTEXT)
    assert len(maker._frames) <= 8
    assert reader.opened == reader.closed == 40
