"""Pictures become a video: MP4, AVI or GIF, one picture at a time."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from caiman_gui.io.clip_gif import Palette

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

#: The same number of threads everywhere, so that the same clip has the same bytes everywhere.
_N_THREADS = 4
#: The encoder looks some frames ahead; together they may take so much.
_LOOKAHEAD_BYTES, _MOST_AHEAD = 32 * 2**20, 10
#: The index of an MP4 needs less: at most 36 bytes a frame, if all tables have an entry for each.
_INDEX_BYTES, _INDEX_BYTES_OF_FRAME = 4096, 40
#: GIF counts time in hundredths of a second.
_GIF_TICK = Fraction(1, 100)
_BT709 = 1  # the number that H.264 has for these colours


class VideoWriter:
    """Writes pictures (h, w, 3) into one open file.

    Attributes
    ----------
    codec : str
        What encodes: ``libx264``, or ``mpeg4`` where the former is not installed.
    """

    def __init__(self, container: Any, form: str, shape: tuple[int, int], fps: float) -> None:
        self._container = container
        self._rate = video_rate(fps)
        self._n_written = 0
        # Colour is stored for 2 x 2 pixels: an odd side gets one more row or column.
        self._pad = [(0, side % 2) for side in shape]
        self.height, self.width = (side + side % 2 for side in shape)
        self.codec, options = _codec(form, self.height * self.width)
        self._stream = container.add_stream(self.codec, rate=self._rate, options=options)
        self._stream.width, self._stream.height = self.width, self.height
        self._stream.pix_fmt = "yuv420p" if form == "mp4" else "yuvj420p"
        context = self._stream.codec_context
        context.thread_count = _N_THREADS
        if form == "mp4":
            context.color_primaries = context.color_trc = context.colorspace = _BT709
            context.color_range = ColorRange.MPEG
        self._colors = {
            "format": self._stream.pix_fmt,
            "dst_colorspace": Colorspace.ITU709 if form == "mp4" else Colorspace.ITU601,
            "src_color_range": ColorRange.JPEG,
            "dst_color_range": ColorRange.MPEG if form == "mp4" else ColorRange.JPEG,
        }

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append one picture."""
        padded = np.pad(picture, (*self._pad, (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(padded, format="rgb24").reformat(**self._colors)
        frame.pts, frame.time_base = self._n_written, 1 / self._rate
        self._n_written += 1
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds back."""
        self._container.mux(self._stream.encode())


class GifWriter:
    """Writes pictures (h, w, 3) into one open animation that repeats for ever."""

    codec = "gif"

    def __init__(
        self, container: Any, shape: tuple[int, int], fps: float, color_maps: Sequence[str]
    ) -> None:
        self._container = container
        self._fps = fps
        self._n_written = 0
        self._palette = Palette(color_maps)
        self.height, self.width = shape
        self._stream = container.add_stream("gif", rate=round(1 / _GIF_TICK))
        self._stream.width, self._stream.height, self._stream.pix_fmt = *shape[::-1], "pal8"

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append one picture, in at most 256 colours."""
        indexed = self._palette.indices(picture), self._palette.argb
        frame = av.VideoFrame.from_ndarray(indexed, format="pal8")
        frame.time_base = _GIF_TICK
        frame.pts = round(self._n_written * 100 / self._fps)
        self._n_written += 1
        frame.duration = max(1, round(self._n_written * 100 / self._fps) - frame.pts)
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds back."""
        self._container.mux(self._stream.encode())


@contextmanager
def open_video(
    path: Path,
    form: str,
    shape: tuple[int, int],
    fps: float,
    *,
    n_frames: int,
    color_maps: Sequence[str],
) -> Iterator[VideoWriter | GifWriter]:
    """Open a video for writing; it is complete when the block has ended without an error.

    Parameters
    ----------
    path : Path
    form : {"mp4", "avi", "gif"}
    shape : (h, w)
        Of the pictures.
    fps : float
        Pictures per second.
    n_frames : int
        How many there will be, at most.
    color_maps : sequence of str
        Names of those in the pictures.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    # Room for the index of an MP4 is left at its front, so that a browser plays while it loads.
    options = {
        "mp4": {"moov_size": str(_INDEX_BYTES + _INDEX_BYTES_OF_FRAME * n_frames)},
        "gif": {"final_delay": str(max(2, round(100 / fps)))},
    }.get(form, {})
    container = av.open(str(path), "w", format=form, options=options)
    try:
        if form == "gif":
            writer: VideoWriter | GifWriter = GifWriter(container, shape, fps, color_maps)
        else:
            writer = VideoWriter(container, form, shape, fps)
        yield writer
        writer.finish()
    except BaseException:
        with suppress(OSError):  # the first error counts; closing a broken file fails again
            container.close()
        raise
    container.close()


def video_rate(fps: float) -> Fraction:
    """Return pictures per second as a fraction that every format can hold."""
    return max(Fraction(fps).limit_denominator(1001), Fraction(1, 1000))


def _codec(form: str, n_pixels: int) -> tuple[str, dict[str, str]]:
    if form == "avi":
        return "mjpeg", {"qmin": "2", "qmax": "3"}
    if not _has_encoder("libx264"):
        return "mpeg4", {"qmin": "2", "qmax": "3"}
    ahead = max(1, min(_MOST_AHEAD, _LOOKAHEAD_BYTES // (n_pixels * 3 // 2)))
    # Slower presets save a tenth of the space for three times the time: noise cannot be foretold.
    return "libx264", {"crf": "16", "preset": "veryfast", "rc-lookahead": str(ahead)}


def _has_encoder(name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except ValueError:  # av.codec.codec.UnknownCodecError
        return False
    return True
