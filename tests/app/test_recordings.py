"""What is read of the open recording, and the look through it in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from caiman_gui.app.context import AppContext, build_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def desk(qtbot: QtBot, private_folders: None) -> Iterator[AppContext]:
    context = build_context()
    yield context
    assert context.close()


def two_channels(path: Path, n_frames: int = 30) -> np.ndarray:
    movie = np.random.default_rng(0).integers(5, 99, (n_frames, 2, 20, 24)).astype(np.uint16)
    tifffile.imwrite(path, movie, imagej=True, metadata={"axes": "TCYX"})
    return movie


def opened(qtbot: QtBot, desk: AppContext, path: Path) -> None:
    with qtbot.waitSignal(desk.projects.opened, timeout=10_000):
        desk.projects.open_movies([path])


def test_another_channel_replaces_the_recording_as_one_edit(
    qtbot: QtBot, desk: AppContext, tmp_path: Path
) -> None:
    two_channels(tmp_path / "m.tif")
    opened(qtbot, desk, tmp_path / "m.tif")
    before = desk.document.state
    params = before.params.with_value("recording.channel", 2)
    task = desk.recordings.read_again(params)
    assert task is not None
    with qtbot.waitSignal(task.finished):
        pass
    assert desk.document.state.params.recording.channel == 2
    assert not desk.document.state.is_same_movie(before)
    desk.document.undo_stack.undo()
    assert desk.document.state is before


def test_a_channel_that_is_not_there_changes_nothing(
    qtbot: QtBot, desk: AppContext, tmp_path: Path
) -> None:
    told = []
    desk.reporter.message.connect(told.append)
    two_channels(tmp_path / "m.tif")
    opened(qtbot, desk, tmp_path / "m.tif")
    before = desk.document.state
    task = desk.recordings.read_again(before.params.with_value("recording.channel", 3))
    assert task is not None
    with qtbot.waitSignal(task.finished):
        pass
    qtbot.waitUntil(lambda: bool(told))
    assert desk.document.state is before
    assert told[-1].title == "There is no channel 3"


def test_another_movie_opened_meanwhile_is_left_alone(
    qtbot: QtBot, desk: AppContext, tmp_path: Path
) -> None:
    two_channels(tmp_path / "a.tif")
    two_channels(tmp_path / "b.tif", 40)
    opened(qtbot, desk, tmp_path / "a.tif")
    late = desk.recordings.read_again(desk.document.state.params.with_value("recording.channel", 2))
    assert late is not None
    opened(qtbot, desk, tmp_path / "b.tif")
    qtbot.waitUntil(lambda: late.is_finished)
    assert desk.document.state.recording is not None
    assert desk.document.state.recording.n_frames == 40
    assert desk.document.state.params.recording.channel == 1


def test_each_recording_is_surveyed_once(qtbot: QtBot, desk: AppContext, tmp_path: Path) -> None:
    found = []
    desk.surveys.surveyed.connect(found.append)
    movie = two_channels(tmp_path / "m.tif")
    opened(qtbot, desk, tmp_path / "m.tif")
    qtbot.waitUntil(lambda: desk.surveys.survey is not None)
    assert found[0] is None
    assert desk.surveys.survey is found[-1]
    np.testing.assert_allclose(found[-1].mean_intensity, movie[:, 0].mean(axis=(1, 2)))
    n_told = len(found)
    desk.document.set_params(desk.document.state.params.with_value("prepare.bin_px", 2))
    assert len(found) == n_told, "what is done to it later changes nothing as recorded"


def test_results_of_another_crop_do_not_come_back_from_a_run(
    qtbot: QtBot, desk: AppContext, tmp_path: Path
) -> None:
    two_channels(tmp_path / "m.tif")
    opened(qtbot, desk, tmp_path / "m.tif")
    assert desk.workflow.run(("motion",)) is not None
    params = desk.document.state.params.with_value("prepare.crop_top_px", 4)
    desk.document.set_params(params)
    qtbot.waitUntil(lambda: not desk.workflow.is_running, timeout=20_000)
    assert desk.document.state.motion is None


def test_a_mask_that_was_edited_counts_when_it_is_chosen_once_more(
    qtbot: QtBot, desk: AppContext, tmp_path: Path
) -> None:
    two_channels(tmp_path / "m.tif")
    opened(qtbot, desk, tmp_path / "m.tif")
    mask = np.zeros((20, 24), np.uint8)
    mask[2, 3] = 1

    def left_out() -> list[list[int]]:
        tifffile.imwrite(tmp_path / "mask.tif", mask)
        desk.recordings.leave_out(tmp_path / "mask.tif")
        with qtbot.waitSignal(desk.workflow.runFinished, timeout=20_000):
            desk.workflow.run(("prepare",))
        findings = desk.document.state.findings
        assert findings is not None
        return np.argwhere(findings.excluded).tolist()

    assert left_out() == [[2, 3]]
    before = desk.document.state
    mask[7, 8] = 1
    assert left_out() == [[2, 3], [7, 8]]
    desk.document.undo_stack.undo()
    assert desk.document.state.findings is before.findings
