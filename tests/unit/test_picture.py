"""The picture of a run: right size and colours, for any number of components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from caiman_gui.core.results import Component, ComponentSet, Metrics, SummaryImages
from caiman_gui.io.canvas import Canvas, colour, plain
from caiman_gui.io.picture import ACCEPTED, REJECTED, nice_step, outlines, write_summary_png

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (1100, 1600, 3)


def images(shape: tuple[int, int], value: float | None = None) -> SummaryImages:
    image = np.random.default_rng(0).normal(size=shape) if value is None else np.full(shape, value)
    return SummaryImages(image, image, image, image, image, image)


def components(shape: tuple[int, int], count: int, n_frames: int) -> ComponentSet:
    rng = np.random.default_rng(1)
    items = []
    for number in range(count):
        row, column = rng.integers(0, shape[0] - 5), rng.integers(0, shape[1] - 5)
        rows, columns = np.mgrid[row : row + 5, column : column + 5]
        items.append(
            Component(
                id=number,
                pixels=(rows * shape[1] + columns).ravel(),
                weights=np.full(25, 0.2),
                trace=rng.normal(size=n_frames),
                residual=rng.normal(size=n_frames),
                activity=np.zeros(n_frames),
                background=np.zeros(n_frames),
                metrics=Metrics(snr=float(number)),
            )
        )
    return ComponentSet(
        items=tuple(items),
        fov_shape=shape,
        n_frames=n_frames,
        background_images=np.zeros((0, shape[0] * shape[1]), np.float32),
        background_traces=np.zeros((0, n_frames), np.float32),
        next_id=count,
    )


def draw(path: Path, **options: object) -> np.ndarray:
    values: dict = {"accepted": {}, "frame_rate_hz": 20.0, "title": "day 1 µ – ä.tif"} | options
    write_summary_png(path, **values)
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)


def count_of(picture: np.ndarray, ink: str) -> int:
    """Pixels close to a colour."""
    return int((np.abs(picture.astype(int) - colour(ink)).max(axis=2) < 40).sum())


def test_accepted_and_rejected_have_their_colours(tmp_path: Path) -> None:
    shape = (64, 64)
    found = components(shape, 12, 3000)
    accepted = {i: i < 6 for i in found.ids}
    both = draw(tmp_path / "a.png", summary=images(shape), components=found, accepted=accepted)
    assert both.shape == SIZE
    assert count_of(both, REJECTED) > 300
    assert count_of(both, ACCEPTED) > 1000
    all_kept = dict.fromkeys(found.ids, True)
    kept = draw(tmp_path / "b.png", summary=images(shape), components=found, accepted=all_kept)
    assert count_of(kept[150:890, 40:780], REJECTED) == 0


@pytest.mark.parametrize("shape", [(30, 40), (40, 30), (8, 200), (200, 8), (512, 796)])
def test_every_field_of_view_fits(tmp_path: Path, shape: tuple[int, int]) -> None:
    found = components(shape, 9, 100)
    picture = draw(tmp_path / "a.png", summary=images(shape), components=found)
    assert picture.shape == SIZE
    background = picture[2, 2]
    assert (picture[:, :30] == background).all()  # nothing runs over the margins
    assert (picture[:, -25:] == background).all()
    assert (picture[-12:] == background).all()


@pytest.mark.parametrize("count", [0, 1])
def test_few_components(tmp_path: Path, count: int) -> None:
    picture = draw(
        tmp_path / "a.png", summary=images((30, 40)), components=components((30, 40), count, 50)
    )
    assert picture.shape[1:] == SIZE[1:]
    assert picture.shape[0] == (SIZE[0] if count else 785)


def test_no_components_yet_and_empty_images(tmp_path: Path) -> None:
    for value in (0.0, np.nan, np.inf):
        picture = draw(tmp_path / "a.png", summary=images((30, 40), value), components=None)
        assert picture.shape == (785, 1600, 3)  # shorter, as there is nothing below


def test_traces_with_missing_values(tmp_path: Path) -> None:
    found = components((30, 40), 2, 50)
    items = [
        Component(
            id=item.id, pixels=item.pixels, weights=item.weights, trace=np.full(50, np.nan),
            residual=item.residual, activity=item.activity, background=item.background,
        )
        for item in found.items
    ]  # fmt: skip
    picture = draw(tmp_path / "a.png", summary=images((30, 40)), components=found.with_items(items))
    assert picture.shape == SIZE


def test_an_outline_goes_round_its_footprint() -> None:
    (item,) = components((30, 40), 1, 10).items
    (line,) = outlines(item, 40, 4.0)
    rows, columns = np.divmod(item.pixels, 40)
    for axis, places in enumerate((columns, rows)):
        assert line[:, axis].min() == pytest.approx(4 * places.min(), abs=2)
        assert line[:, axis].max() == pytest.approx(4 * (places.max() + 1), abs=2)


def test_small_movies_keep_crisp_pixels(tmp_path: Path) -> None:
    board = np.indices((8, 8)).sum(axis=0) % 2 * 255
    canvas = Canvas(80, 80, "#000000")
    canvas.image(np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8), 0, 0, 80, 80)
    picture = cv2.imdecode(np.frombuffer(canvas.png(), np.uint8), cv2.IMREAD_COLOR)
    assert set(np.unique(picture)) == {0, 255}


def test_words_and_ticks() -> None:
    assert plain("µm × ä – 日") == "um x a - ?"
    assert [nice_step(x) for x in (0.013, 1, 3, 70)] == pytest.approx([0.02, 1, 5, 100])
    canvas = Canvas(100, 20, "#000000")
    short = canvas.fitted("a very long name of a movie.tif", 12, 90)
    assert "..." in short
    assert canvas.text_width(short, 12) <= 90
