"""Packets of a video file by number: in order, or after a jump in the file."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from caiman_gui.io.refusals import DAMAGE, damaged, in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from caiman_gui.io.video_index import VideoIndex
    from caiman_gui.io.video_layout import VideoLayout

#: All that PyAV raises on damaged files.
FAILURES = (av.FFmpegError, *DAMAGE)
#: Pixels of a frame. More than any camera has: it is damage, and must not be allocated.
_MAX_PIXELS = 2**26
#: For the parts of one frame, never several frames at a time; more would disturb computing.
_N_THREADS = 2
#: So many packets are passed over one by one rather than by a jump.
_NEAR = 16
#: So many packets earlier is tried where a jump went too far.
_STEP_BACK = 64
#: In place of a packet's number: behind all.
_NOWHERE = 2**62
#: What FFmpeg may read: nothing that opens further files or addresses.
_FORMATS = {
    "avi": "avi",
    "mov": "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska": "matroska,webm",
    "asf": "asf",
}

av.logging.set_level(None)  # no lines of FFmpeg on the terminal


class PacketSource:
    """Reads the packets of the best video in a file. Not thread-safe.

    Parameters
    ----------
    path : Path
    layout : VideoLayout

    Attributes
    ----------
    stream : av.VideoStream
        Another one after ``restart``.
    next : int
        Number of the packet that comes next; very large where that is not known.

    Raises
    ------
    InputError
        If the file is damaged or holds no video that can be decoded.
    """

    def __init__(self, path: Path, layout: VideoLayout) -> None:
        self._path, self._layout = path, layout
        self._container: Any = None
        self.stream: Any = None
        self._packets: Iterator[Any] = iter(())
        self._waiting: Any = None
        self._palette: Any = None
        self._index: VideoIndex | None = None
        self.next = 0
        self.restart()

    def use(self, index: VideoIndex) -> None:
        """Set by what packets are told apart."""
        self._index = index
        self._sorter = np.argsort(index.ids, kind="stable")

    def restart(self) -> None:
        """Open the file again: at its beginning no jump can go wrong."""
        self.close()
        try:
            self._container = _open(self._path, self._layout)
            self.stream = _prepare(self._container)
        except FAILURES as exc:
            self.close()
            raise in_words(self._path, self._layout.kind, exc, "its header makes no sense") from exc
        if self.stream is None:
            self.close()
            raise damaged(self._path, self._layout.kind, "it holds no video that can be decoded")
        self._packets = self._container.demux(self.stream)
        self.next = 0

    def all_packets(self) -> Iterator[Any]:
        """Yield all packets from the beginning, without those that are empty or cut off."""
        if self.next:
            self.restart()
        self.next = _NOWHERE
        while (packet := self._take()) is not None:
            yield packet

    def go_to(self, number: int) -> None:
        """Make packet ``number`` the next one. What was decoded before is forgotten.

        Raises
        ------
        InputError
            If it is not where it should be.
        """
        if 0 <= number - self.next <= _NEAR and self._pass_to(number):
            self.stream.codec_context.flush_buffers()
            return
        for target in (number, max(0, number - _STEP_BACK)):
            with suppress(*FAILURES):
                if self._seek(target) and self._pass_to(number):
                    return
        self.restart()
        if not self._pass_to(number):
            raise damaged(self._path, self._layout.kind, f"packet {number} is out of place")

    def read(self) -> Any:
        """Return packet ``next``, or None if it is not there."""
        number, packet = self.next, self._waiting
        self.next, self._waiting = _NOWHERE, None
        if packet is None:
            with suppress(*FAILURES):  # behind damage nothing is found
                packet = self._take()
        if packet is None or not self._is_number(packet, number):
            return None
        self.next = number + 1
        return packet

    def close(self) -> None:
        """Close the file. Harmless when repeated."""
        self._packets, self._waiting = iter(()), None  # before the container, which they read
        if self._container is not None:
            self._container.close()
        self._container = self.stream = None

    def _take(self) -> Any:
        """Return the next packet that holds something: an empty one would end decoding."""
        for packet in self._packets:
            if packet.size and not packet.is_corrupt:
                if packet.has_sidedata("palette"):
                    self._palette = packet.get_sidedata("palette")
                return packet
        return None

    def _is_number(self, packet: Any, number: int) -> bool:
        index = self._index
        if index is None or not 0 <= number < len(index.ids):
            return False
        position = int(index.positions[number])
        stamp = getattr(packet, index.stamp)
        return bool(stamp == index.ids[number] and position in (-1, packet.pos))

    def _pass_to(self, number: int) -> bool:
        """Read up to packet ``number``, and tell whether it came."""
        while self.next < number:
            if self.read() is None:
                return False
        packet = self.read()
        if packet is None:
            return False
        if self._palette is not None:  # it came with the first packet alone
            packet.set_sidedata(self._palette)
        self._waiting, self.next = packet, number
        return True

    def _seek(self, number: int) -> bool:
        """Jump in the file, and tell whether a packet was found that is known."""
        index = self._index
        if index is None:
            return False
        self.next, self._waiting, self._packets = _NOWHERE, None, iter(())
        self._container.seek(int(index.ids[number]), stream=self.stream)
        self._packets = self._container.demux(self.stream)
        packet = self._take()
        stamp = None if packet is None else getattr(packet, index.stamp)
        if stamp is None:
            return False
        place = int(np.searchsorted(index.ids, stamp, sorter=self._sorter))
        if place == len(index.ids) or index.ids[self._sorter[place]] != stamp:
            return False
        self._waiting, self.next = packet, int(self._sorter[place])
        return True


def _open(path: Path, layout: VideoLayout) -> Any:
    return av.open(
        f"file:{path}",
        format=layout.demuxer,
        options={
            "protocol_whitelist": "file",
            "format_whitelist": _FORMATS[layout.demuxer],
            "max_pixels": str(_MAX_PIXELS),
            "threads": "1",
        },
        metadata_errors="replace",
    )


def _prepare(container: Any) -> Any:
    """Return the video to be read, ready for decoding, or None if there is none."""
    stream = container.streams.best("video")
    if stream is None or stream.codec_context is None:
        return None
    # Time stamps that FFmpeg would make up are wrong where frames are shown out of order.
    container.flags &= ~av.container.Flags.gen_pts.value
    codec = stream.codec_context
    codec.options = {"max_pixels": str(_MAX_PIXELS)}
    if codec.codec.intra_only or codec.name == "ffv1":  # refuse damage instead of patching it
        codec.options |= {"err_detect": "crccheck+explode"}
    codec.thread_type = "SLICE"
    codec.thread_count = _N_THREADS
    return stream
