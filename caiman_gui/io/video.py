"""Lazy reader of video files: AVI, Matroska, MP4, QuickTime and Windows Media."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.reader import Fact, FileFacts
from caiman_gui.io.refusals import (
    damaged,
    in_words,
    require_choice,
    require_frame_size,
    truncated,
    unreadable,
)
from caiman_gui.io.timestamps import rate_of
from caiman_gui.io.video_layout import demuxer_of, read_layout

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.reader import ReadChoice
    from caiman_gui.io.video_index import VideoIndex
    from caiman_gui.io.video_layout import VideoLayout
    from caiman_gui.io.video_packets import PacketSource

#: Names of compressions as people write them.
_CODECS = {
    "ffv1": "FFV1", "rawvideo": "uncompressed", "mjpeg": "Motion JPEG", "h264": "H.264",
    "hevc": "H.265", "mpeg4": "MPEG-4", "vp8": "VP8", "vp9": "VP9", "av1": "AV1",
    "libdav1d": "AV1", "huffyuv": "HuffYUV", "ffvhuff": "FFVHuff", "utvideo": "Ut Video",
    "prores": "ProRes", "wmv1": "WMV 7", "wmv2": "WMV 8", "wmv3": "WMV 9", "png": "PNG",
}  # fmt: skip
#: Lossless for those who ask for it, which hardly anybody does.
_USUALLY_LOSSY = ("H.264", "H.265", "VP9", "AV1")
_MAX_RATE_HZ = 1e6


def recognises(path: Path, head: bytes) -> bool:
    """Tell whether a file is a video, from its first bytes: 64 are enough."""
    return bool(demuxer_of(head))


def open_reader(path: Path, choice: ReadChoice) -> VideoMovie:
    """Open a video file.

    Raises
    ------
    InputError
        If it cannot be read, is damaged, or lacks the chosen channel or plane.
    """
    return VideoMovie(path, choice)


class VideoMovie:
    """One video file as a movie (T, H, W). Thread-safe.

    Grey videos and the brightness of colour ones come as they were stored, uint8, or uint16
    with more than 8 bit. Pictures of red, green and blue that differ are three channels.

    Parameters
    ----------
    path : Path
    choice : ReadChoice
        Only ``channel`` and ``plane`` matter.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, or lacks the chosen channel or plane.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    facts: FileFacts

    def __init__(self, path: Path, choice: ReadChoice) -> None:
        # Here, as loading FFmpeg takes a while, and most movies are no videos.
        from caiman_gui.io.video_decoder import FrameDecoder
        from caiman_gui.io.video_packets import PacketSource

        self.path = path
        self._choice = choice
        self._lock = threading.Lock()
        self._is_open = True
        self._n_colours = 0
        layout = read_layout(path)
        self._kind = layout.kind
        with ExitStack() as on_failure:
            self._source = PacketSource(path, layout)
            on_failure.callback(self._source.close)
            context = self._source.stream.codec_context
            require_frame_size(path, self._kind, context.height, context.width, np.dtype("u1"))
            index = _build_index(path, layout, self._source)
            self._decoder = FrameDecoder(path, self._kind, self._source, index, self._convert)
            if layout.demuxer == "avi" and context.has_b_frames:
                index = replace(index, packet_of=np.array(self._decoder.shown_order(), np.int64))
                self._decoder = FrameDecoder(path, self._kind, self._source, index, self._convert)
            require_choice(path, "plane", choice.plane, 1)
            self._notes: list[str] = []
            first = self._decoder.read(0)
            self.shape = (index.n_frames, *first.shape)
            self.facts = self._describe(layout, index)
            on_failure.pop_all()

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1 as an array (n, H, W).

        Raises
        ------
        InputError
            If one of them cannot be decoded, or the file was closed.
        """
        start, stop = max(0, start), min(stop, self.shape[0])
        out = np.empty((max(0, stop - start), *self.shape[1:]), self.dtype)
        with self._lock:
            if not self._is_open:
                raise unreadable(self.path, OSError("it was closed"))
            for place in range(len(out)):
                out[place] = self._decoder.read(start + place)
        return out

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._is_open = False
            self._decoder.close()

    def _convert(self, frame: Any) -> NDArray[np.generic] | None:
        """Return the chosen samples of a frame; the first frame tells how all have to be."""
        from caiman_gui.io.video_pixels import samples_of

        samples = samples_of(frame)
        if samples is None:
            raise InputError(
                "The colours of the video are stored in a way that cannot be read",
                f"{self.path} has pictures of the kind {frame.format.name}.",
                "Export the video as grey, for instance as an FFV1 AVI.",
            )
        if not self._n_colours:
            self._look(frame, samples)
        wanted = self._choice.channel - 1 if len(samples) == self._n_colours else 0
        chosen = samples[wanted]
        dtype = chosen.dtype.newbyteorder("=")
        if (chosen.shape, dtype) != (self._frame_shape, self.dtype):
            return None
        return np.array(chosen, dtype, order="C")

    def _look(self, frame: Any, samples: list[NDArray[np.generic]]) -> None:
        """Find size, type and channels from the first frame."""
        from caiman_gui.io.video_pixels import COLOURS, colours_differ, has_colour

        name = self.path.name
        self._n_colours = len(samples) if colours_differ(samples) else 1
        self._frame_shape = samples[0].shape
        self.dtype = samples[0].dtype.newbyteorder("=")
        require_choice(self.path, "channel", self._choice.channel, self._n_colours)
        if self._n_colours > 1:
            colour = COLOURS[self._choice.channel - 1]
            ranges = [int(np.ptp(channel)) for channel in samples]
            brightest = COLOURS[int(np.argmax(ranges))]
            other = "" if brightest == colour else f" Most contrast has its {brightest} channel."
            self._notes.append(
                f"{name} is a colour video: its {colour} channel is read, the others are "
                f"channels of their own.{other}"
            )
        elif has_colour(frame):
            self._notes.append(f"{name} is a colour video: the brightness of its pixels is read.")

    def _describe(self, layout: VideoLayout, index: VideoIndex) -> FileFacts:
        from caiman_gui.io.video_pixels import COLOURS

        stream, name = self._source.stream, self.path.name
        codec = stream.codec_context.codec
        compression = _CODECS.get(codec.name, codec.name)
        notes = [*_notes_on_length(name, layout, index, stream), *self._notes]
        if compression in _USUALLY_LOSSY or not codec.lossless:
            notes.append(
                f"{name} is compressed with losses ({compression}): faint signals and the noise "
                "are not quite those of the camera."
            )
        rate, timestamps = _timing(layout, index, stream)
        return FileFacts(
            f"{layout.kind} ({compression})",
            frame_rate=rate,
            timestamps=timestamps,
            channels=COLOURS if self._n_colours > 1 else ("",),
            notes=tuple(notes),
        )


def _build_index(path: Path, layout: VideoLayout, source: PacketSource) -> VideoIndex:
    """Find all frames: from the table in the file if it has one, else by reading on to its end."""
    from caiman_gui.io.video_index import index_from_packets, index_from_table
    from caiman_gui.io.video_packets import FAILURES

    try:
        index = index_from_table(source.stream, layout, path)
        if index is None:
            if layout.missing_bytes and layout.demuxer != "avi":
                why = f"it is {layout.missing_bytes} bytes shorter than it says"
                raise damaged(path, layout.kind, why)
            index = index_from_packets(source.all_packets(), layout, path)
    except FAILURES as exc:
        raise in_words(path, layout.kind, exc, "its frames cannot be found") from exc
    promised = source.stream.frames
    if layout.missing_bytes and index.n_frames < promised:
        raise truncated(path, layout.kind, index.n_frames, promised)
    is_intra = source.stream.codec_context.codec.intra_only
    can_jump = len(np.unique(index.ids)) == len(index.ids) and not layout.has_palettes
    if is_intra and can_jump:
        return replace(index, is_start=np.ones(len(index.ids), bool))
    if layout.demuxer == "avi" and not layout.is_indexed:  # only FFV1 tells where to start
        can_jump &= source.stream.codec_context.name == "ffv1"
    is_start = index.is_start & can_jump
    is_start[0] = True
    return replace(index, is_start=is_start)


def _notes_on_length(name: str, layout: VideoLayout, index: VideoIndex, stream: Any) -> list[str]:
    notes = []
    if layout.is_unclosed:
        notes.append(
            f"{name} was not closed by the program that recorded it: the {index.n_frames} frames "
            "that are complete are read."
        )
    elif layout.demuxer == "avi" and stream.frames not in (0, index.n_frames):
        notes.append(
            f"The header of {name} promises {stream.frames} frames; it holds {index.n_frames}."
        )
    if index.n_repeated:
        notes.append(
            f"{name} marks {index.n_repeated} frames as dropped while recording: each shows the "
            "frame before it again."
        )
    return notes


def _timing(
    layout: VideoLayout, index: VideoIndex, stream: Any
) -> tuple[Fact[float] | None, Fact[NDArray[np.float64]] | None]:
    """Return frame rate, and times of frames where these do not follow each other evenly."""
    seconds = (index.times - index.times[0]) * float(stream.time_base or 0)
    if layout.demuxer != "avi" and seconds[-1] > 0 and not index.has_even_times():
        source = "time stamps in the video"
        return Fact(rate_of(seconds), source), Fact(seconds, source)
    rate = float(stream.average_rate or stream.base_rate or 0) or rate_of(seconds)
    return (Fact(rate, "video container") if 0 < rate <= _MAX_RATE_HZ else None), None
