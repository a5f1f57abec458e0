"""Videos: each frame is the one that was written, however it is reached, or is refused by name."""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from caiman_gui.errors import InputError
from caiman_gui.io.reader import ReadChoice
from caiman_gui.io.video import VideoMovie, open_reader, recognises

SHAPE = (30, 24, 32)
CLOSED_GOP = {"gop": 6, "b_frames": 2}


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return moving(SHAPE, np.uint8)


def moving(shape: tuple[int, int, int], dtype: type) -> np.ndarray:
    """Return a movie in which no two frames are equal, also after lossy compression."""
    n_frames, height, width = shape
    rng = np.random.default_rng(5)
    picture = rng.integers(0, 200, (height, width))
    movie = np.stack([np.roll(picture, (k, 2 * k), (0, 1)) // 2 + 3 * k for k in range(n_frames)])
    movie += rng.integers(0, 20, shape)
    return movie.astype(dtype) * (1 if dtype is np.uint8 else 211)


def write(
    path: Path,
    movie: np.ndarray,
    codec: str,
    pixels: str = "gray",
    source: str = "gray",
    *,
    gop: int = 0,
    b_frames: int = 0,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    times: list[int] | None = None,
) -> Path:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg cannot write {codec}")
    with av.open(str(path), "w", container_options=container or {}) as file:
        stream = file.add_stream(codec, rate=20, options=options or {})
        stream.width, stream.height, stream.pix_fmt = movie.shape[2], movie.shape[1], pixels
        stream.time_base = Fraction(1, 20)
        if gop:
            stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        for number, picture in enumerate(movie):
            frame = av.VideoFrame.from_ndarray(picture, format=source)
            frame.pts = times[number] if times else number
            frame.time_base = Fraction(1, 20)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def decoded(path: Path) -> np.ndarray:
    """Return the brightness of all frames, decoded one after the other by PyAV itself."""
    with av.open(str(path)) as file:
        planes = [
            np.frombuffer(frame.planes[0], np.uint8)
            .reshape(-1, frame.planes[0].line_size)[:, : frame.width]
            .copy()
            for frame in file.decode(video=0)
        ]
    return np.stack(planes)


def opened(path: Path, **choice: int) -> VideoMovie:
    return open_reader(path, ReadChoice(**choice))


def assert_every_way(path: Path, expected: np.ndarray) -> VideoMovie:
    """Read in order, backwards, at random, in leaps, and each frame first of all."""
    n_frames = len(expected)
    with av.open(str(path)) as file:
        assert recognises(path, path.read_bytes()[:64]), file.format.name
    movie = opened(path)
    assert movie.shape == expected.shape
    np.testing.assert_array_equal(movie.frames(0, n_frames), expected)
    assert movie.frames(0, n_frames).dtype == movie.dtype
    rng = np.random.default_rng(0)
    orders = [
        range(n_frames - 1, -1, -1),
        range(0, n_frames, 7),
        rng.permutation(n_frames),
        rng.integers(0, n_frames, 40),
    ]
    movie.close()
    movie = opened(path)
    for order in orders:
        for k in order:
            np.testing.assert_array_equal(movie.frames(k, k + 1)[0], expected[k], f"frame {k}")
    movie.close()
    for k in range(0, n_frames, 3):
        fresh = opened(path)
        np.testing.assert_array_equal(fresh.frames(k, k + 2), expected[k : k + 2])
        fresh.close()
    return movie


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.avi", "ffv1", {"gop": 1}),
        ("a.avi", "ffv1", {"gop": 7}),
        ("a.mkv", "ffv1", {"gop": 7}),
        ("a.avi", "rawvideo", {}),
        ("a.mov", "rawvideo", {}),  # numbers of colours, with a table of greys
        ("a.mov", "png", {}),
        ("a.mkv", "ffv1", {"container": {"live": "1"}}),  # without length and table
    ],
    ids=lambda value: str(value),
)
def test_lossless_video_gives_what_was_written(
    tmp_path: Path, frames: np.ndarray, name: str, codec: str, options: dict
) -> None:
    movie = assert_every_way(write(tmp_path / name, frames, codec, **options), frames)
    assert movie.dtype == np.uint8
    assert movie.facts.channels == ("",)
    assert movie.facts.frame_rate is not None
    assert movie.facts.frame_rate.value == pytest.approx(20)
    assert movie.facts.frame_rate.source == "video container"
    assert not any("losses" in note for note in movie.facts.notes)


def test_sixteen_bit_stay_sixteen_bit(tmp_path: Path) -> None:
    movie = moving(SHAPE, np.uint16)
    path = write(tmp_path / "a.mkv", movie, "ffv1", "gray16le", "gray16le", gop=5)
    assert assert_every_way(path, movie).dtype == np.uint16


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.avi", "mjpeg", {}),
        ("a.mp4", "libx264", CLOSED_GOP),
        ("a.mp4", "libx264", CLOSED_GOP | {"options": {"x264-params": "open-gop=1"}}),
        ("a.mp4", "libx264", {"gop": 6, "options": {"intra-refresh": "1"}}),
        ("a.mp4", "libx264", CLOSED_GOP | {"container": {"movflags": "faststart"}}),
        ("a.mp4", "libx264", CLOSED_GOP | {"container": {"movflags": "frag_keyframe"}}),
        ("a.mkv", "libx264", CLOSED_GOP),
        ("a.avi", "libx264", CLOSED_GOP),  # the order of showing stands nowhere in the file
        ("a.avi", "mpeg4", CLOSED_GOP),
        ("a.m4v", "mpeg4", CLOSED_GOP),
        ("a.mp4", "libx265", {"gop": 6, "options": {"x265-params": "log-level=none"}}),
        ("a.wmv", "wmv2", {"gop": 6}),
        ("a.webm", "libvpx-vp9", {"gop": 6}),
    ],
    ids=lambda value: str(value),
)
def test_random_access_equals_decoding_in_order(
    tmp_path: Path, frames: np.ndarray, name: str, codec: str, options: dict
) -> None:
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write(tmp_path / name, frames, codec, pixels, **options)
    movie = assert_every_way(path, decoded(path))
    assert any("losses" in note for note in movie.facts.notes)


def test_ten_bit_brightness_is_not_scaled(tmp_path: Path, frames: np.ndarray) -> None:
    path = write(tmp_path / "a.mov", frames, "prores", "yuv422p10le")
    with av.open(str(path)) as file:
        first = next(file.decode(video=0))
        line = np.frombuffer(first.planes[0], np.uint16)[: first.width]
    movie = opened(path)
    assert movie.dtype == np.uint16
    np.testing.assert_array_equal(movie.frames(0, 1)[0, 0], line)
    movie.close()


@pytest.mark.data
def test_real_video(shared_data: Path) -> None:
    path = shared_data / "minian-1p-video" / "minian.mp4"
    movie = opened(path)
    assert movie.shape == (500, 480, 752)
    assert movie.facts.format == "MP4 video (H.264)"
    assert movie.facts.frame_rate is not None
    assert movie.facts.frame_rate.value == 25
    some = {}
    with av.open(str(path)) as file:
        for k, frame in enumerate(file.decode(video=0)):
            if k in (0, 99, 251):
                plane = np.frombuffer(frame.planes[0], np.uint8)
                some[k] = plane.reshape(-1, frame.planes[0].line_size)[:, : frame.width].copy()
            if k == 251:
                break
    for k in (251, 0, 99):
        np.testing.assert_array_equal(movie.frames(k, k + 1)[0], some[k])
    movie.close()


def test_colour_channels_are_read_one_by_one(tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 255, (6, 24, 32, 3), np.uint8)
    path = write(tmp_path / "a.avi", colours, "rawvideo", "bgr24", "rgb24")
    for channel, place in ((1, 1), (2, 0), (3, 2)):
        movie = opened(path, channel=channel)
        assert movie.facts.channels == ("green", "red", "blue")
        np.testing.assert_array_equal(movie.frames(0, 6), colours[..., place])
        movie.close()
    assert any("colour video" in note for note in movie.facts.notes)
    with pytest.raises(InputError, match="There is no channel 4"):
        opened(path, channel=4)


@pytest.mark.parametrize(("codec", "pixels"), [("rawvideo", "bgr24"), ("ffv1", "bgr0")])
def test_grey_in_three_equal_channels_is_grey(
    tmp_path: Path, frames: np.ndarray, codec: str, pixels: str
) -> None:
    grey = np.repeat(frames[..., None], 3, axis=3)
    path = write(tmp_path / "a.avi", grey, codec, pixels, "rgb24", gop=1)
    movie = opened(path)
    assert movie.facts.channels == ("",)
    np.testing.assert_array_equal(movie.frames(0, len(frames)), frames)
    movie.close()
    with pytest.raises(InputError, match="There is no channel 2"):
        opened(path, channel=2)
    with pytest.raises(InputError, match="There is no plane 2"):
        opened(path, plane=2)


def camera_avi(movie: np.ndarray, dropped: tuple[int, ...] = ()) -> bytes:
    """Write an uncompressed grey AVI by hand, as camera programs do; the dropped ones empty."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    n_frames, height, width = movie.shape
    size = height * width
    main = struct.pack("<14I", 50_000, 0, 0, 0x10, n_frames, 0, 1, size, width, height, *[0] * 4)
    head = struct.pack("<4s4s12I4H", b"vids", b"Y800", *[0] * 3, 1, 20, 0, n_frames, size,
                       0, 0, 0, 0, 0, 0, width, height)  # fmt: skip
    pixels = struct.pack("<3I2H4sIiiII", 40, width, height, 1, 8, b"Y800", size, 0, 0, 0, 0)
    stream = b"strl" + chunk(b"strh", head) + chunk(b"strf", pixels)
    header = b"hdrl" + chunk(b"avih", main) + chunk(b"LIST", stream)
    content, table = bytearray(b"movi"), bytearray()
    for number, frame in enumerate(movie):
        data = b"" if number in dropped else frame.tobytes()
        table += struct.pack("<4s3I", b"00db", 0x10, len(content), len(data))
        content += chunk(b"00db", data)
    body = (
        b"AVI "
        + chunk(b"LIST", header)
        + chunk(b"LIST", bytes(content))
        + chunk(b"idx1", bytes(table))
    )
    return chunk(b"RIFF", body)


def test_avi_of_a_camera(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(camera_avi(frames))
    assert assert_every_way(path, frames).facts.format == "AVI video (uncompressed)"


def test_frames_marked_as_dropped_show_the_one_before(tmp_path: Path, frames: np.ndarray) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(camera_avi(frames, dropped=(4, 5, 20)))
    expected = frames.copy()
    expected[4:6], expected[20] = frames[3], frames[19]
    movie = opened(path)
    np.testing.assert_array_equal(movie.frames(0, len(frames)), expected)
    for k in (5, 4, 21, 20):
        np.testing.assert_array_equal(movie.frames(k, k + 1)[0], expected[k])
    assert any("marks 3 frames as dropped" in note for note in movie.facts.notes)
    movie.close()


def test_uneven_times_become_time_stamps(tmp_path: Path, frames: np.ndarray) -> None:
    times = [k + (3 if k >= 10 else 0) for k in range(len(frames))]
    for name in ("a.mkv", "a.mp4"):
        codec, pixels = ("ffv1", "gray") if name == "a.mkv" else ("libx264", "yuv420p")
        path = write(tmp_path / name, frames, codec, pixels, gop=5, b_frames=2, times=times)
        facts = opened(path).facts
        assert facts.timestamps is not None
        np.testing.assert_allclose(facts.timestamps.value, np.array(times) / 20, atol=1e-3)
        assert facts.frame_rate is not None
        assert facts.frame_rate.value == pytest.approx(20, rel=1e-3)
        assert facts.frame_rate.source == facts.timestamps.source == "time stamps in the video"
    assert opened(write(tmp_path / "b.mkv", frames, "ffv1")).facts.timestamps is None


@pytest.mark.parametrize("codec", ["ffv1", "rawvideo"])
@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_a_recording_that_crashed_is_read_as_far_as_it_goes(
    tmp_path: Path, frames: np.ndarray, codec: str, length: int
) -> None:
    data = bytearray(write(tmp_path / "a.avi", frames, codec, gop=4).read_bytes())
    data = data[: len(data) * 3 // 4]
    for place in (4, data.find(b"movi") - 4):
        data[place : place + 4] = struct.pack("<I", length)
    path = tmp_path / "b.avi"
    path.write_bytes(data)
    movie = opened(path)
    n_frames = movie.shape[0]
    assert 10 < n_frames < len(frames)
    assert any(f"the {n_frames} frames that are complete" in note for note in movie.facts.notes)
    for k in (n_frames - 1, 3, 8):
        np.testing.assert_array_equal(movie.frames(k, k + 1)[0], frames[k])
    movie.close()


@pytest.mark.parametrize(
    ("name", "codec", "options", "said"),
    [
        ("a.avi", "ffv1", {}, r"only \d+ of 30 frames are complete"),
        ("a.avi", "rawvideo", {}, r"only \d+ of 30 frames are complete"),
        ("a.mkv", "ffv1", {}, "bytes shorter than it says"),
        ("a.mp4", "libx264", {}, "the table of its frames is missing"),
        ("a.mp4", "libx264", {"container": {"movflags": "faststart"}}, r"only \d+ of 30 frames"),
        ("a.wmv", "wmv2", {}, "bytes shorter than it says"),
    ],
)
def test_a_copy_that_was_cut_off_is_refused(
    tmp_path: Path, frames: np.ndarray, name: str, codec: str, options: dict, said: str
) -> None:
    pixels = "gray" if codec in ("ffv1", "rawvideo") else "yuv420p"
    data = write(tmp_path / name, frames, codec, pixels, **options).read_bytes()
    path = tmp_path / f"cut{name}"
    path.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(InputError, match=said):
        opened(path)


@pytest.mark.parametrize("gop", [1, 5])
def test_a_damaged_frame_is_named_and_no_other_suffers(
    tmp_path: Path, frames: np.ndarray, gop: int
) -> None:
    path = write(tmp_path / "a.avi", frames, "ffv1", gop=gop)
    with av.open(str(path)) as file:
        packets = [(packet.pos, packet.size) for packet in file.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    position, size = packets[12]
    data[position + size // 2] ^= 0xFF
    path.write_bytes(data)
    lost = {12} if gop == 1 else {12, 13, 14}  # those predicted from it
    for order in (range(len(frames)), range(len(frames) - 1, -1, -1)):
        movie = opened(path)
        for k in order:
            if k in lost:
                with pytest.raises(InputError, match=f"frame {k} cannot be decoded"):
                    movie.frames(k, k + 1)
            else:
                np.testing.assert_array_equal(movie.frames(k, k + 1)[0], frames[k])
        movie.close()


def test_a_broken_chain_of_frames_costs_one_frame(tmp_path: Path, frames: np.ndarray) -> None:
    data = bytearray(camera_avi(frames))
    place = data.find(frames[5].tobytes()) - 4
    data[place : place + 4] = struct.pack("<I", 0x7FFFFFF0)  # far beyond the end
    path = tmp_path / "a.avi"
    path.write_bytes(data)
    for order in (range(len(frames)), range(len(frames) - 1, -1, -1)):
        movie = opened(path)
        for k in order:
            if k == 5:
                with pytest.raises(InputError):
                    movie.frames(k, k + 1)
            else:
                np.testing.assert_array_equal(movie.frames(k, k + 1)[0], frames[k])
        movie.close()


def test_a_jpeg_never_borrows_tables_of_another(tmp_path: Path, frames: np.ndarray) -> None:
    path = write(tmp_path / "a.avi", frames, "mjpeg", "yuvj420p")
    data = path.read_bytes()
    tables = data.find(b"\xff\xdb", data.find(b"\xff\xd8", data.find(b"01wb") + 1))
    assert tables > 0
    path.write_bytes(data[:tables] + b"\xff\xfe" + data[tables + 2 :])  # a comment in their place
    with pytest.raises(InputError, match="frame 0 cannot be decoded"):
        opened(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF\x04\0\0\0AVI ",
        b"RIFF\x04\0\0\0WAVE",
        b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
        b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
        b"#EXTM3U\n#EXTINF:1,\nfile.avi\n",
        b"ffconcat version 1.0\nfile a.avi\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.avi"):
        opened(path)


def test_only_videos_are_recognised() -> None:
    assert not recognises(Path("a.avi"), b"II*\0" + bytes(60))
    assert not recognises(Path("a.mp4"), b"\0\0\0\x18ftypheic" + bytes(52))
    assert not recognises(Path("a.mp4"), b"")
    assert recognises(Path("a.tif"), b"RIFF\0\0\0\0AVI LIST")


def test_missing_and_closed_files_are_told(tmp_path: Path, frames: np.ndarray) -> None:
    with pytest.raises(InputError, match="does not exist"):
        opened(tmp_path / "none.avi")
    movie = opened(write(tmp_path / "a.avi", frames, "rawvideo"))
    movie.close()
    movie.close()
    with pytest.raises(InputError, match="closed"):
        movie.frames(0, 1)


def test_frames_are_clipped_to_the_movie(tmp_path: Path, frames: np.ndarray) -> None:
    movie = opened(write(tmp_path / "a.avi", frames, "rawvideo"))
    assert movie.frames(25, 99).shape == (5, 24, 32)
    assert movie.frames(-3, 2).shape == (2, 24, 32)
    assert movie.frames(40, 50).shape == (0, 24, 32)
    movie.frames(0, 1)[:] = 0  # what is returned is the caller's
    np.testing.assert_array_equal(movie.frames(0, 1)[0], frames[0])
    movie.close()


def test_many_threads_get_the_right_frames(tmp_path: Path, frames: np.ndarray) -> None:
    path = write(tmp_path / "a.mkv", frames, "ffv1", gop=5)
    movie = opened(path)
    wanted = np.random.default_rng(3).integers(0, len(frames), 120)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: movie.frames(k, k + 1)[0], wanted))
    np.testing.assert_array_equal(found, frames[wanted])
    movie.close()


def test_sizes_in_a_header_are_checked(tmp_path: Path, frames: np.ndarray) -> None:
    data = bytearray(camera_avi(frames))
    place = data.find(b"strf") + 12
    data[place : place + 8] = struct.pack("<2i", 60_000, 60_000)
    (tmp_path / "a.avi").write_bytes(data)
    with pytest.raises(InputError):
        opened(tmp_path / "a.avi")


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.avi", "ffv1", "gray"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.mkv", "ffv1", "gray"),
        ("a.mp4", "libx264", "yuv420p"),
        ("a.wmv", "wmv2", "yuv420p"),
    ],
)
def test_damage_opens_or_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, codec: str, pixels: str
) -> None:
    data = write(tmp_path / name, moving((8, 16, 16), np.uint8), codec, pixels, gop=3).read_bytes()
    rng = np.random.default_rng(9)
    path = tmp_path / f"x{name}"
    capfd.readouterr()
    n_read = 0
    for _ in range(60):
        changed = bytearray(data)
        for at in rng.integers(0, len(data) if rng.random() < 0.5 else 1500, rng.integers(1, 9)):
            changed[at % len(data)] = rng.integers(256)
        path.write_bytes(changed if rng.random() < 0.8 else changed[: rng.integers(len(data))])
        try:
            movie = opened(path)
        except InputError:
            continue
        try:
            for k in (0, movie.shape[0] - 1, 2):
                n_read += len(movie.frames(k, k + 1))
        except InputError as exc:
            assert exc.hint  # noqa: PT017 - most cases raise nothing
        movie.close()
    assert n_read > 10
    assert capfd.readouterr() == ("", "")
