"""Which packet of a video holds which frame, and from where decoding may start.

A packet is the compressed form of one frame. Packets lie in the order of decoding; with frames
that are predicted from later ones (B-frames) that is not the order in which they are shown.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from caiman_gui.io.refusals import damaged, truncated

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.video_layout import VideoLayout

#: Name and length before the data of a frame.
_AVI_HEAD_BYTES = 8
_VP8_SHOWN = 0x10
_FFV1_UPPER_HALF = 0xFF00 // 2


@dataclass(frozen=True, slots=True, eq=False)
class VideoIndex:
    """All packets of a video stream.

    Attributes
    ----------
    stamp : "dts" or "pts"
        The time stamp by which a packet is recognised after a jump.
    ids : (n,) int64
        That time stamp, for each packet in the order of decoding.
    positions : (n,) int64
        First byte of its data in the file; -1 where it is not known.
    is_start : (n,) bool
        Decoding may start there. Always true for the first one.
    packet_of : (T,) int64
        Number of the packet that holds each frame, in the order of showing.
    times : (T,) int64
        When each frame is shown, in units of the stream's time base.
    """

    stamp: Literal["dts", "pts"]
    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    is_start: NDArray[np.bool_]
    packet_of: NDArray[np.int64]
    times: NDArray[np.int64]

    @property
    def n_frames(self) -> int:
        return len(self.packet_of)

    @property
    def n_repeated(self) -> int:
        """Return how many frames only show the one before again."""
        return int(np.count_nonzero(np.diff(self.packet_of) == 0))

    def frame_of(self) -> NDArray[np.int64]:
        """Return for each packet (n,) the first frame that it holds, -1 for none."""
        frames = np.full(len(self.ids), -1, np.int64)
        frames[self.packet_of[::-1]] = np.arange(self.n_frames)[::-1]
        return frames

    def has_even_times(self) -> bool:
        """Tell whether frames follow each other evenly, but for the rounding of time stamps."""
        intervals = np.diff(self.times)
        if len(intervals) < 2:
            return True
        usual = float(np.median(intervals))
        return bool(np.abs(intervals - usual).max() <= 0.1 * usual + 1.5)


def index_from_table(stream: Any, layout: VideoLayout, path: Path) -> VideoIndex | None:
    """Build the index from the table in the file, without reading any packet.

    Returns
    -------
    VideoIndex or None
        None where that table does not tell all.

    Raises
    ------
    InputError
        If the table lists frames beyond the end of the file.
    """
    entries = stream.index_entries
    n_packets = len(entries)
    is_mp4 = layout.demuxer == "mov"
    if not layout.is_indexed or not n_packets or (is_mp4 and n_packets != stream.frames):
        return None
    rows = ((e.timestamp, e.pos, e.size, e.is_keyframe, e.is_discard) for e in entries)
    table = np.fromiter(rows, np.dtype((np.int64, 5)), n_packets)
    ids, positions, sizes, is_start, is_hidden = np.ascontiguousarray(table.T)
    inside = positions + sizes <= path.stat().st_size
    if not inside.all():
        raise truncated(path, layout.kind, int(np.argmin(inside)), n_packets)
    if is_hidden.any() or (np.diff(ids) <= 0).any():
        return None
    if not is_mp4:
        return _counted(path, ids, positions + _AVI_HEAD_BYTES, is_start.astype(bool))
    delays = layout.delays.get(stream.id, np.zeros(len(ids), np.int64))
    if len(delays) != len(ids):
        return None
    order, times = _in_order(ids + delays)
    return VideoIndex("dts", ids, positions, is_start.astype(bool), order, times)


def index_from_packets(packets: Iterable[Any], layout: VideoLayout, path: Path) -> VideoIndex:
    """Build the index from all packets, without decoding any.

    Raises
    ------
    InputError
        If there are none, or they have no time stamps.
    """
    stamp: Literal["dts", "pts"] = "dts" if layout.demuxer in ("avi", "mov") else "pts"
    rows = array("q")
    for packet in packets:
        shown = packet.dts if layout.demuxer == "avi" else packet.pts
        key = getattr(packet, stamp)
        if key is None or shown is None:
            raise damaged(path, layout.kind, f"frame {len(rows) // 5} has no time stamp")
        position = -1 if packet.pos is None else packet.pos
        rows.extend((key, position, _stands_alone(packet), shown, not _is_hidden(packet)))
    if not rows:
        raise damaged(path, layout.kind, "it holds no complete frame")
    table = np.frombuffer(rows, np.int64).reshape(-1, 5)
    ids, positions, is_start, shown_at, is_shown = np.ascontiguousarray(table.T)
    if layout.demuxer == "avi" and (np.diff(ids) > 0).all():
        return _counted(path, ids, positions, is_start.astype(bool))
    order, times = _in_order(shown_at, is_shown.astype(bool))
    if not len(order):
        raise damaged(path, layout.kind, "none of its frames is to be shown")
    return VideoIndex(stamp, ids, positions, is_start.astype(bool), order, times)


def _stands_alone(packet: Any) -> bool:
    """Tell whether a packet needs no other: FFV1 by its first bit, as an AVI need not say so.

    That bit is coded with even odds: it is set where the first 16 bit lie in their upper half.
    """
    if packet.stream.codec_context.name == "ffv1":
        return int.from_bytes(memoryview(packet)[:2], "big") >= _FFV1_UPPER_HALF
    return bool(packet.is_keyframe)


def _is_hidden(packet: Any) -> bool:
    """Tell whether a packet is decoded, but no frame to be shown."""
    is_vp8 = packet.stream.codec_context.name in ("vp8", "libvpx")
    return packet.is_discard or (is_vp8 and not memoryview(packet)[0] & _VP8_SHOWN)


def _in_order(
    times: NDArray[np.int64], is_shown: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return packets in the order of their time stamps, and these."""
    order = np.argsort(times, kind="stable").astype(np.int64)
    if is_shown is not None:
        order = order[is_shown[order]]
    return order, times[order]


def _counted(
    path: Path, ids: NDArray[np.int64], positions: NDArray[np.int64], is_start: NDArray[np.bool_]
) -> VideoIndex:
    """Show AVI frames by their number; one that is left out shows the frame before again."""
    n_frames = int(ids[-1] - ids[0]) + 1
    if n_frames > path.stat().st_size // _AVI_HEAD_BYTES:
        raise damaged(path, "AVI video", f"it claims {n_frames} frames")
    numbers = np.arange(ids[0], ids[-1] + 1)
    packet_of = np.searchsorted(ids, numbers, side="right") - 1
    return VideoIndex("dts", ids, positions, is_start, packet_of, numbers)
