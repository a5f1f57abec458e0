"""An interrupted motion correction goes on and gives the very same movie and shifts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from caiman_gui.core.motion import correct_motion
from caiman_gui.core.motion.progress import Aligned
from caiman_gui.core.movie import ArrayMovie
from caiman_gui.core.task import Cancelled
from caiman_gui.io import motion_journal
from caiman_gui.io.motion_journal import MotionJournal, journal_paths
from caiman_gui.io.store_writer import StoreWriter, part_path
from caiman_gui.params.motion import MotionParams

if TYPE_CHECKING:
    from caiman_gui.core.results import MotionResult

SHAPE = (700, 24, 28)


@pytest.fixture
def movie() -> ArrayMovie:
    rng = np.random.default_rng(3)
    scene = np.cumsum(rng.normal(0, 1, (SHAPE[1] + 8, SHAPE[2] + 8)), axis=1) * 20
    frames = np.empty(SHAPE, np.float32)
    for frame, (dy, dx) in zip(frames, rng.integers(0, 5, (SHAPE[0], 2)), strict=True):
        frame[:] = scene[dy : dy + SHAPE[1], dx : dx + SHAPE[2]]
    return ArrayMovie(frames + rng.normal(0, 4, SHAPE).astype(np.float32))


@pytest.fixture(autouse=True)
def frequent_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion_journal, "EVERY_FRAMES", 256)


class Stopping(ArrayMovie):
    """A movie whose reading ends at a frame, while it is aligned."""

    def __init__(self, movie: ArrayMovie, stop_at: int) -> None:
        super().__init__(movie.frames(0, SHAPE[0]))
        self.stop_at = stop_at
        self.read: list[int] = []

    def frames(self, start: int, stop: int) -> np.ndarray:
        if stop - start > 1:  # single frames are read for the template
            self.read.append(start)
            if stop > self.stop_at:
                raise Cancelled
        return super().frames(start, stop)


def correct(movie: ArrayMovie, path: Path, key: str = "k") -> MotionResult:
    with StoreWriter(path, SHAPE, key=key, resume=True) as sink:
        journal = MotionJournal(path, key, sink)
        found = correct_motion(
            movie, params=MotionParams(max_shift_px=6), sink=sink, journal=journal
        )
        sink.commit()
    journal.remove()
    return found


@pytest.mark.parametrize("stop_at", [40, 330, 520, 699])
def test_it_goes_on_where_it_was(movie: ArrayMovie, tmp_path: Path, stop_at: int) -> None:
    whole = correct(movie, tmp_path / "whole.cgm")
    path = tmp_path / "m.cgm"
    with pytest.raises(Cancelled):
        correct(Stopping(movie, stop_at), path)
    assert not path.exists()
    again = Stopping(movie, SHAPE[0])
    found = correct(again, path)
    if stop_at > 400:
        assert min(again.read) >= 256, "what was aligned is not aligned again"
    for name in ("shifts", "correlation", "correlation_before", "mean_before", "mean_after"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert path.read_bytes() == (tmp_path / "whole.cgm").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.cgm", "whole.cgm"]


def test_notes_of_another_run_or_torn_ones_are_not_used(movie: ArrayMovie, tmp_path: Path) -> None:
    path = tmp_path / "m.cgm"
    with pytest.raises(Cancelled):
        correct(Stopping(movie, 600), path)
    for place in filter(Path.is_file, journal_paths(path)):
        raw = bytearray(place.read_bytes())
        raw[len(raw) // 2] ^= 1
        place.write_bytes(raw)
    again = Stopping(movie, SHAPE[0])
    found = correct(again, path)
    assert min(again.read) == 0
    np.testing.assert_array_equal(found.shifts, correct(movie, tmp_path / "w.cgm").shifts)
    with pytest.raises(Cancelled):
        correct(Stopping(movie, 600), path, key="one")
    other = Stopping(movie, SHAPE[0])
    correct(other, path, key="another")
    assert min(other.read) == 0


def test_a_note_ahead_of_the_movie_file_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "m.cgm"
    blank = Aligned.none_of(SHAPE, 1)
    with StoreWriter(path, SHAPE, resume=True) as sink:
        journal = MotionJournal(path, "", sink)
        blank.n_done = 256
        journal.note(blank)
        blank.n_done = 640
        journal.note(blank)
        sink.write(0, np.zeros((300, *SHAPE[1:]), np.float32))
        sink.abort(keep=True)
    assert part_path(path).is_file()
    with StoreWriter(path, SHAPE, resume=True) as sink:
        found = MotionJournal(path, "", sink).restore(Aligned.none_of(SHAPE, 1))
        assert found.n_done == 256
        sink.abort()
