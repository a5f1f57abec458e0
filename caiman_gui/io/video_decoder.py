"""Frames of a video by number: the same picture however it is reached."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from caiman_gui.io.refusals import damaged, in_words
from caiman_gui.io.video_integrity import integrity_check
from caiman_gui.io.video_packets import FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.io.video_index import VideoIndex
    from caiman_gui.io.video_packets import PacketSource

    Convert = Callable[[Any], NDArray[np.generic] | None]

#: Of frames that were decoded on the way to others: going back by one is then free. No more than
#: those of two runs are kept, as many videos may be open at once.
_CACHE_BYTES, _N_RUNS, _MIN_FRAMES = 2**26, 2, 8
#: A frame is shown at most so many frames earlier than it is decoded.
_MAX_DELAY = 64
#: Packets that are looked at to learn how damage can be told.
_N_FOR_CHECKS = 3


class FrameDecoder:
    """Decodes frames by number and keeps the last ones. Not thread-safe.

    Every packet is stamped with its number before it is decoded, and decoders hand that stamp
    on to the frame: whatever they delay or leave out, no frame can be taken for another.

    Packets are decoded in runs: from one that stands for itself, with nothing left in the
    decoder, to the last one that depends on it; after damage with a new decoder, as settings may
    lie among the data. So even what a decoder makes of damaged data does not depend on what was
    looked at before.

    Parameters
    ----------
    path : Path
    kind : str
        For messages, such as "AVI video".
    source : PacketSource
    index : VideoIndex
    convert : function of a frame
        Returns its samples (H, W), or None if they do not fit the movie.
    """

    def __init__(
        self, path: Path, kind: str, source: PacketSource, index: VideoIndex, convert: Convert
    ) -> None:
        self._path, self._kind, self._convert = path, kind, convert
        self._source, self._index = source, index
        self._n_packets = len(index.ids)
        self._frame_of = index.frame_of()
        self._starts = np.flatnonzero(index.is_start)
        self._is_damaged = np.zeros(self._n_packets, bool)
        self._cache: OrderedDict[int, NDArray[np.generic]] = OrderedDict()
        self._cached_bytes = 0
        longest = int(np.diff(self._starts, append=self._n_packets).max())
        self._max_frames = _N_RUNS * longest + _MIN_FRAMES
        self._is_intra = bool(source.stream.codec_context.codec.intra_only)
        self._is_running = self._is_verified = self._is_tainted = False
        self._start = self._end = self._wanted = 0
        self._pending: set[int] = set()
        source.use(index)
        source.go_to(0)
        first = (source.read() for _ in range(min(_N_FOR_CHECKS, self._n_packets)))
        codec = source.stream.codec_context
        self._is_whole = integrity_check(codec, [bytes(p) for p in first if p is not None])

    def read(self, frame: int) -> NDArray[np.generic]:
        """Return one frame (H, W), which must not be changed.

        Raises
        ------
        InputError
            If it cannot be decoded, or a frame that it is predicted from.
        """
        self._wanted = number = int(self._index.packet_of[frame])
        while number not in self._cache:
            if self._is_damaged[number]:
                raise damaged(self._path, self._kind, f"frame {frame} cannot be decoded")
            self._approach(number)
            try:
                self._decode_until(number)
            except FAILURES as exc:
                why = f"frame {frame} cannot be read"
                raise in_words(self._path, self._kind, exc, why) from exc
        self._cache.move_to_end(number)
        return self._cache[number]

    def shown_order(self) -> list[int]:
        """Decode all packets and return their numbers in the order of showing.

        Raises
        ------
        InputError
            If one cannot be decoded: the order of the others would not be certain.
        """
        self._source.go_to(0)
        order: list[int] = []
        try:
            for number in range(self._n_packets):
                order += [frame.pts for frame in self._decode(number, self._source.read())]
            order += [frame.pts for frame in self._decode(self._n_packets, None)]
        except FAILURES as exc:
            why = f"the frame after {len(order)} others cannot be decoded"
            raise in_words(self._path, self._kind, exc, why) from exc
        if not order or len({*order}) < len(order) or max(order) >= self._n_packets:
            raise damaged(self._path, self._kind, "the order of its frames makes no sense")
        return order

    def close(self) -> None:
        """Close the file and forget all frames. Harmless when repeated."""
        self._source.close()
        self._is_running = False
        self._cache.clear()

    def _start_for(self, number: int) -> int:
        """Return the last packet from which decoding gives a frame intact.

        A frame that is decoded after a start but shown before it may be predicted from frames
        before that start.
        """
        place = int(np.searchsorted(self._starts, number, side="right")) - 1
        while place > 0 and self._frame_of[self._starts[place]] > self._frame_of[number]:
            place -= 1
        return int(self._starts[place])

    def _end_for(self, start: int) -> int:
        """Return the first packet after a start that no frame depending on it needs."""
        place = int(np.searchsorted(self._starts, start, side="right"))
        if place == len(self._starts):
            return self._n_packets
        end = int(self._starts[place])
        shown = self._frame_of[end : end + _MAX_DELAY]
        early = np.flatnonzero((shown >= 0) & (shown < shown[0]))
        return end + int(early[-1]) + 1 if len(early) else end

    def _approach(self, number: int) -> None:
        """Go on with the run, or begin the one that a frame belongs to."""
        start = self._start_for(number)
        upcoming = self._source.next
        is_ahead = number >= upcoming or number in self._pending
        if self._is_running and start == self._start and is_ahead:
            return
        if self._is_tainted:
            self._source.restart()
        self._source.go_to(start)
        self._is_tainted = False
        self._pending.clear()
        self._start, self._end, self._is_running = start, self._end_for(start), True
        self._is_verified = start == 0 or self._is_intra

    def _is_in_run(self, number: int) -> bool:
        """Tell frames of this run from those shown before its start, which need earlier ones."""
        return bool(self._frame_of[number] >= max(0, self._frame_of[self._start]))

    def _decode_until(self, number: int) -> None:
        """Decode until a frame and all before it are there, or it is known to be damaged."""
        while self._is_running and not self._is_damaged[number]:
            if number in self._cache and not any(early < number for early in self._pending):
                return
            upcoming = self._source.next
            packet = self._source.read() if upcoming < self._end else None
            if packet is None:
                self._finish(number)
            else:
                self._advance(upcoming, packet)

    def _advance(self, number: int, packet: Any) -> None:
        try:
            frames = self._decode(number, packet)
        except FAILURES:
            self._is_tainted = True
            if self._is_in_run(number):
                self._give_up(number)
            return
        for frame in frames:
            self._keep(frame)

    def _finish(self, number: int) -> None:
        """Fetch the last frames of the run from the decoder, of which ``number`` must be one."""
        with suppress(*FAILURES):
            for frame in self._decode(self._n_packets, None):
                self._keep(frame)
        missing = {*self._pending} if number in self._cache else {number, *self._pending}
        if self._is_running and missing:
            self._give_up(min(missing))
        self._is_running = False

    def _decode(self, number: int, packet: Any) -> list[Any]:
        if packet is not None:
            packet.pts = packet.dts = number
            if self._is_in_run(number):
                self._pending.add(number)
            if self._is_whole is not None and not self._is_whole(bytes(packet)):
                raise ValueError("not whole")
        frames: list[Any] = self._source.stream.codec_context.decode(packet)
        return frames

    def _keep(self, frame: Any) -> None:
        number = frame.pts
        if number is None or not 0 <= number < self._n_packets or not self._is_running:
            return
        self._pending.discard(number)
        if not self._is_in_run(number):
            return
        self._is_verified |= number == self._start and frame.key_frame
        if frame.is_corrupt or not self._is_verified:
            self._give_up(number)
            return
        if self._is_damaged[number]:
            return
        samples = self._convert(frame)
        if samples is None:
            self._is_damaged[number] = self._is_tainted = True
            return
        self._cache[number] = samples
        self._cached_bytes += samples.nbytes
        while len(self._cache) > 1 and (
            self._cached_bytes > _CACHE_BYTES or len(self._cache) > self._max_frames
        ):
            self._forget(next(key for key in self._cache if key != self._wanted))

    def _forget(self, number: int) -> None:
        if number in self._cache:
            self._cached_bytes -= self._cache.pop(number).nbytes

    def _give_up(self, number: int) -> None:
        """Take a start that was none for what it is, or a frame and its followers as damaged."""
        self._pending.discard(number)
        self._is_tainted = True
        if not self._is_verified:
            self._starts = self._starts[self._starts != self._start]
            self._is_running = False
            return
        stop = number + 1 if self._is_intra else self._end
        for follower in range(number, stop):
            if self._start_for(follower) == self._start:
                self._is_damaged[follower] = True
                self._forget(follower)
