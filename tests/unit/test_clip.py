"""Clips are written so that what comes back is what was asked for."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import tifffile

from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.task import Cancelled
from caiman_gui.errors import ParameterError, ResourceError
from caiman_gui.io import clip_tiff, clip_video
from caiman_gui.io.clip import write_clip
from caiman_gui.io.clip_render import render_panes
from caiman_gui.io.clip_source import averaging_window, clip_frames
from caiman_gui.io.clip_style import CLIP_FORMATS, ClipSpec, ClipStyle
from caiman_gui.io.formats import open_reader

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

N, H, W, RATE = 24, 48, 64, 20.0
TIMES = np.arange(N) / RATE
STYLE = ClipStyle(0, 1000, show_scale_bar=False, show_time=False, pixel_size_um=0.5)


class Context:
    """Cancels after some checks, and remembers the progress."""

    def __init__(self, limit: int = 10**9) -> None:
        self.limit = limit
        self.seen: list[float] = []

    def progress(self, done: float, total: float, message: str = "") -> None:
        self.seen.append(done / total)

    def check(self) -> None:
        self.limit -= 1
        if self.limit < 0:
            raise Cancelled


class CountingMovie(ArrayMovie):
    """Remembers which frames were read."""

    def __init__(self, array: NDArray[Any]) -> None:
        super().__init__(array)
        self.reads: list[int] = []

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        assert 0 <= start < stop <= self.shape[0]
        self.reads += range(start, stop)
        return super().frames(start, stop)


@pytest.fixture
def movie() -> ArrayMovie:
    """Return frames that each have another brightness, with smooth structure."""
    ramp = np.linspace(0, 500, W)[None] * np.linspace(0.5, 1, H)[:, None]
    return ArrayMovie(np.stack([ramp + 20 * index for index in range(N)]).astype(np.uint16))


def decode(path: Path) -> tuple[Any, list[NDArray[np.uint8]], list[float]]:
    """Return what a file says of its stream, its pictures and their times."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        facts = (stream.codec_context.name, stream.average_rate, stream.width, stream.height)
        pictures = [frame.to_ndarray(format="rgb24") for frame in frames]
        return facts, pictures, [float(frame.time) for frame in frames]


def told_by(path: Path) -> tuple[float | None, float | None]:
    """Return frame rate and pixel size as this program reads them from a file."""
    reader = open_reader(path)
    facts = (reader.facts.frame_rate, reader.facts.pixel_size)
    reader.close()
    rate, size = (fact.value if fact is not None else None for fact in facts)
    return rate, size


@pytest.mark.parametrize(("form", "tolerance"), [("mp4", 4), ("avi", 6), ("gif", 0)])
def test_videos_show_what_was_rendered(
    tmp_path: Path, movie: ArrayMovie, form: str, tolerance: float
) -> None:
    path = tmp_path / f"clip.{form}"
    context = Context()
    result = write_clip([movie], path, ClipSpec(2, 21, 1, 20.0), [STYLE], TIMES, ctx=context)
    (codec, rate, width, height), pictures, times = decode(path)
    assert codec == {"mp4": "h264", "avi": "mjpeg", "gif": "gif"}[form]
    assert (len(pictures), float(rate), width, height) == (20, 20.0, W, H)
    assert (result.n_frames, result.fps, result.width, result.height) == (20, 20.0, W, H)
    assert (result.path, result.n_bytes, result.notes) == (path, path.stat().st_size, ())
    for index, picture in enumerate(pictures):
        wanted = render_panes([movie.frames(index + 2, index + 3)[0]], [STYLE])
        assert np.abs(picture.astype(int) - wanted).max() <= tolerance
    np.testing.assert_allclose(np.diff(times), 0.05, atol=1e-6)
    assert context.seen == sorted(context.seen)
    assert context.seen[-1] == 1
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("color_map", ["viridis", "magma", "green"])
@pytest.mark.parametrize(("form", "tolerance"), [("mp4", 12), ("gif", 6)])
def test_colours_survive(
    tmp_path: Path, movie: ArrayMovie, form: str, tolerance: float, color_map: str
) -> None:
    style = replace(STYLE, color_map=color_map)
    write_clip([movie], tmp_path / f"c.{form}", ClipSpec(0, 3), [style], TIMES)
    picture = decode(tmp_path / f"c.{form}")[1][2]
    wanted = render_panes([movie.frames(2, 3)[0]], [style])
    assert np.abs(picture.astype(int) - wanted).mean() < tolerance / 3
    assert np.abs(picture.astype(int) - wanted).max() <= tolerance


@pytest.mark.parametrize("n_frames", [1, 3, 700])
@pytest.mark.parametrize("has_h264", [True, False])
def test_mp4_begins_with_its_index_so_that_browsers_play_at_once(
    tmp_path: Path, n_frames: int, has_h264: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_h264:
        monkeypatch.setattr(clip_video, "_has_encoder", lambda _name: False)
    values = np.random.default_rng(0).integers(0, 1000, (n_frames, 16, 16)).astype(np.uint16)
    spec, times = ClipSpec(0, n_frames - 1, 1, 29.97), np.arange(n_frames) / RATE
    write_clip([ArrayMovie(values)], tmp_path / "c.mp4", spec, [STYLE], times)
    content = (tmp_path / "c.mp4").read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")
    assert len(decode(tmp_path / "c.mp4")[1]) == n_frames


@pytest.mark.parametrize("form", list(CLIP_FORMATS))
def test_the_same_clip_has_the_same_bytes(tmp_path: Path, movie: ArrayMovie, form: str) -> None:
    names = [tmp_path / f"{name}.x" for name in "ab"]
    for name in names:
        write_clip([movie], name, ClipSpec(0, 9), [STYLE], TIMES, form=form)
    assert names[0].read_bytes() == names[1].read_bytes()


@pytest.mark.parametrize("form", ["mp4", "avi", "gif", "tiff", "tiff-rgb"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (47, 33), (8, 2000)])
def test_odd_tiny_and_wide_movies_of_one_frame(
    tmp_path: Path, form: str, shape: tuple[int, int]
) -> None:
    movie = ArrayMovie(np.full((1, *shape), 500, np.float32))
    style = replace(STYLE, show_scale_bar=True, show_time=True, label="Raw")
    path = tmp_path / f"c{CLIP_FORMATS[form].suffix}"
    result = write_clip([movie], path, ClipSpec(0, 0), [style], np.zeros(1), form=form)
    if form.startswith("tiff"):
        assert tifffile.imread(path).shape[:2] == shape
        return
    even = (shape[0] + shape[0] % 2, shape[1] + shape[1] % 2) if form != "gif" else shape
    (_, _, width, height), pictures, _ = decode(path)
    assert (height, width) == even == (result.height, result.width)
    assert len(pictures) == 1
    assert abs(int(pictures[0][0, 0, 0]) - 128) <= 4


def test_pixels_without_a_number(tmp_path: Path) -> None:
    frames = np.full((3, 16, 16), 900.0, np.float32)
    frames[:, :, :8] = np.nan
    write_clip([ArrayMovie(frames)], tmp_path / "c.gif", ClipSpec(0, 2), [STYLE], TIMES)
    picture = decode(tmp_path / "c.gif")[1][0]
    assert (picture[:, :8] == 0).all()
    assert (picture[:, 8:] == 230).all()
    write_clip([ArrayMovie(frames)], tmp_path / "c.tif", ClipSpec(0, 2), [STYLE], TIMES)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "c.tif"), frames)


def test_faster_than_a_format_plays_leaves_frames_out(tmp_path: Path, movie: ArrayMovie) -> None:
    spec = ClipSpec.at_speed(0, N - 1, 1, speed=8, frame_rate_hz=RATE)
    result = write_clip([movie], tmp_path / "c.gif", spec, [STYLE], TIMES)
    assert (result.n_frames, result.fps) == (6, 40.0)  # every 4th at 160 / 4
    _, pictures, times = decode(tmp_path / "c.gif")
    np.testing.assert_allclose(times, np.arange(6) / 40, atol=0.0051)
    assert int(pictures[1][0, 0, 0]) - int(pictures[0][0, 0, 0]) == 20  # 4 frames on


def test_gif_keeps_the_time_though_it_counts_hundredths(tmp_path: Path, movie: ArrayMovie) -> None:
    write_clip([movie], tmp_path / "c.gif", ClipSpec(0, N - 1, 1, 30.0), [STYLE], TIMES)
    times = decode(tmp_path / "c.gif")[2]
    np.testing.assert_allclose(times, np.arange(N) / 30, atol=0.0051)


def test_views_side_by_side(tmp_path: Path, movie: ArrayMovie) -> None:
    styles = [replace(STYLE, label="Raw"), replace(STYLE, label="Model", color_map="viridis")]
    write_clip([movie, movie], tmp_path / "c.mp4", ClipSpec(0, 4), styles, TIMES)
    facts, pictures, _ = decode(tmp_path / "c.mp4")
    assert facts[2:] == (2 * W + 4, H)
    wanted = render_panes([movie.frames(4, 5)[0]] * 2, styles)
    assert np.abs(pictures[4].astype(int) - wanted).mean() < 4


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
def test_tiff_holds_the_values_themselves(tmp_path: Path, dtype: str) -> None:
    values = (np.random.default_rng(0).normal(size=(9, 13, 17)) * 50 + 100).astype(dtype)
    style = replace(STYLE, crop=(2, 3, 8, 10), gamma=0.5, scale=4, color_map="magma")
    path = tmp_path / "c.tif"
    result = write_clip([ArrayMovie(values)], path, ClipSpec(1, 8, 2), [style], TIMES)
    with tifffile.TiffFile(path) as tif:
        read = tif.asarray()
        assert tif.is_imagej == (dtype in ("uint8", "uint16", "float32"))
        assert tif.series[0].axes == "TYX"
        assert tif.series[0].dataoffset is not None  # contiguous: fast for every reader
        if tif.is_imagej:
            assert (tif.imagej_metadata or {})["min"] == 0
            assert (tif.imagej_metadata or {})["max"] == 1000
    assert told_by(path) == pytest.approx((RATE / 2, 0.5))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, values[1::2, 2:10, 3:13])
    assert (result.n_frames, result.height, result.width) == (4, 8, 10)
    assert result.fps == pytest.approx(RATE / 2)


def test_views_become_channels_of_a_tiff(tmp_path: Path, movie: ArrayMovie) -> None:
    other = ArrayMovie(np.asarray(movie.frames(0, N), np.float32) / 3)
    styles = [replace(STYLE, label="Raw"), replace(STYLE, label="Model")]
    write_clip([movie, other], tmp_path / "c.tif", ClipSpec(0, N - 1), styles, TIMES)
    with tifffile.TiffFile(tmp_path / "c.tif") as tif:
        assert tif.series[0].axes == "TCYX"
        assert (tif.imagej_metadata or {})["Labels"][:2] == ["Raw", "Model"]
        read = tif.asarray()
    np.testing.assert_array_equal(read[:, 0], movie.frames(0, N))
    np.testing.assert_array_equal(read[:, 1], other.frames(0, N))


def test_views_of_different_size_are_no_channels(tmp_path: Path, movie: ArrayMovie) -> None:
    other = ArrayMovie(np.zeros((N, 5, 6)))
    with pytest.raises(ParameterError, match="6 x 5 px and 64 x 48 px"):
        write_clip([movie, other], tmp_path / "c.tif", ClipSpec(0, 3), [STYLE] * 2, TIMES)


def test_large_tiffs_are_bigtiff(
    tmp_path: Path, movie: ArrayMovie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_tiff, "_CLASSIC_BYTES", 1000)
    for form in ("tiff", "tiff-rgb"):
        path = tmp_path / f"{form}.tif"
        write_clip([movie], path, ClipSpec(0, 4), [STYLE], TIMES, form=form)
        with tifffile.TiffFile(path) as tif:
            assert tif.is_bigtiff
            assert tif.is_ome == (form == "tiff")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "tiff.tif"), movie.frames(0, 5))
    assert told_by(tmp_path / "tiff.tif") == pytest.approx((RATE, 0.5))


def test_tiff_as_shown(tmp_path: Path, movie: ArrayMovie) -> None:
    style = replace(STYLE, color_map="viridis", show_time=True)
    path = tmp_path / "c.tif"
    write_clip([movie], path, ClipSpec(0, 4), [style], TIMES, form="tiff-rgb")
    read = tifffile.imread(path)
    wanted = render_panes([movie.frames(3, 4)[0]], [style], TIMES[3], TIMES[4])
    assert read.shape == (5, H, W, 3)
    assert np.array_equal(read[3], wanted)


@pytest.mark.parametrize(
    ("index", "n_average", "window"),
    [(5, 1, (5, 6)), (5, 3, (4, 7)), (5, 4, (3, 7)), (0, 5, (0, 3)), (9, 5, (7, 10))],
)
def test_what_is_averaged(index: int, n_average: int, window: tuple[int, int]) -> None:
    assert averaging_window(index, n_average, 10) == window


@pytest.mark.parametrize("step", [1, 2, 7])
@pytest.mark.parametrize("n_average", [1, 3, 4, 30])
@pytest.mark.parametrize("is_large", [False, True])
def test_averages_are_right_and_frames_read_once(
    step: int, n_average: int, is_large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(1).integers(0, 60_000, (40, 6, 7)).astype(np.uint16)
    movie = CountingMovie(values)
    if is_large:
        monkeypatch.setattr("caiman_gui.io.clip_source._KEPT_BYTES", 100)
    frames = range(3, 38, step)
    found = list(clip_frames(movie, frames, n_average))
    assert len(found) == len(frames)
    for index, frame in zip(frames, found, strict=True):
        start, stop = averaging_window(index, n_average, 40)
        np.testing.assert_allclose(frame, values[start:stop].mean(0, dtype=np.float64), rtol=1e-6)
        assert frame.dtype == (np.uint16 if n_average == 1 else np.float32)
    if not is_large:
        assert len(set(movie.reads)) == len(movie.reads)
    assert not list(clip_frames(movie, range(0), n_average))


def test_few_frames_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caiman_gui.io.clip_source._RUN_BYTES", 8 * 6 * 7 * 2)
    sizes: list[int] = []

    class Movie(ArrayMovie):
        def frames(self, start: int, stop: int) -> NDArray[np.generic]:
            sizes.append(stop - start)
            return super().frames(start, stop)

    assert len(list(clip_frames(Movie(np.zeros((1000, 6, 7), np.uint16)), range(1000), 5))) == 1000
    assert max(sizes) <= 8


@pytest.mark.parametrize("form", list(CLIP_FORMATS))
@pytest.mark.parametrize("limit", [0, 1, 9, 30])
def test_cancelling_leaves_the_old_file(
    tmp_path: Path, movie: ArrayMovie, form: str, limit: int
) -> None:
    path = tmp_path / "c.x"
    path.write_text("old")
    with pytest.raises(Cancelled):
        write_clip([movie], path, ClipSpec(0, N - 1), [STYLE], TIMES, form=form, ctx=Context(limit))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["c.x"]


@pytest.mark.parametrize("form", list(CLIP_FORMATS))
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, form: str) -> None:
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).integers(0, 1000, (60, 64, 64)).astype(np.uint16)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(ResourceError, match="disk is full"):
            write_clip(
                [ArrayMovie(noise)], tmp_path / "c.x", ClipSpec(0, 59), [STYLE],
                np.arange(60.0), form=form,
            )  # fmt: skip
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []


def test_a_tiff_without_room_is_refused_before_it_begins(
    tmp_path: Path, movie: ArrayMovie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_tiff, "_DIRECTORY_BYTES", 10**15)
    with pytest.raises(ResourceError, match="Not enough disk space"):
        write_clip([movie], tmp_path / "c.tif", ClipSpec(0, 3), [STYLE], TIMES)


def test_without_h264_another_codec_is_used_and_told(
    tmp_path: Path, movie: ArrayMovie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_video, "_has_encoder", lambda _name: False)
    result = write_clip([movie], tmp_path / "c.mp4", ClipSpec(0, 9), [STYLE], TIMES)
    assert result.codec == "mpeg4"
    assert "H.264 is not available" in result.notes[0]
    facts, pictures, _ = decode(tmp_path / "c.mp4")
    assert (facts[0], len(pictures)) == ("mpeg4", 10)


def test_encoders_are_found_by_name() -> None:
    assert clip_video._has_encoder("mpeg4")
    assert not clip_video._has_encoder("no such codec")


def test_what_a_user_should_know_is_in_the_result(tmp_path: Path) -> None:
    movie = ArrayMovie(np.zeros((2, 4, 4200), np.uint8))
    style = replace(STYLE, label="Raw")
    notes = write_clip([movie], tmp_path / "c.mp4", ClipSpec(0, 1), [style], TIMES).notes
    assert notes == (
        "The picture is too small for the label.",
        "Many players show at most 4,096 px; a smaller size is safer.",
    )


def test_clips_beyond_the_movie_are_refused(tmp_path: Path, movie: ArrayMovie) -> None:
    with pytest.raises(ParameterError, match="frame 30; the movie has 24"):
        write_clip([movie], tmp_path / "c.mp4", ClipSpec(0, 29), [STYLE], TIMES)
    with pytest.raises(ParameterError, match="none of the suffixes"):
        write_clip([movie], tmp_path / "c.mov", ClipSpec(0, 3), [STYLE], TIMES)
    assert os.listdir(tmp_path) == []


def test_names_of_any_script(tmp_path: Path, movie: ArrayMovie) -> None:
    for form in CLIP_FORMATS:
        path = tmp_path / "Mäuse 实验" / f"день {form}{CLIP_FORMATS[form].suffix}"
        write_clip([movie], path, ClipSpec(0, 3), [STYLE], TIMES, form=form)
        assert path.stat().st_size > 0
