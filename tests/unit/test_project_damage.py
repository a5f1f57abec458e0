"""Whatever happened to a project on disk: it opens, or fails in our words."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from pipeline_fakes import component_set, motion_result, recording, write_movie

from caiman_gui.errors import CaimanGuiError, InputError
from caiman_gui.pipeline.workspace import look_at, raw_movie
from caiman_gui.project.model import ProjectState, StepRecord
from caiman_gui.project.store import data_dir, load_project, save_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    state = ProjectState(
        recording=recording(),
        motion=motion_result(),
        components=component_set(),
        steps={"motion": StepRecord("k" * 32, "motion-k.cgm")},
        labels={2: "accept"},
    )
    path = tmp_path / "p.cgproj"
    save_project(path, state, {})
    return path


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Cut a file off, or change some of its bytes."""
    if rng.random() < 0.25:
        return content[: rng.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 10))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("suffix", [".cgproj", ".h5"])
def test_damaged_bytes_end_in_our_words_or_not_at_all(project: Path, suffix: str) -> None:
    file = project if suffix == ".cgproj" else next(data_dir(project).glob("*.h5"))
    content, rng, refused = file.read_bytes(), random.Random(7), []
    for _ in range(150):
        file.write_bytes(damaged(content, rng))
        try:
            load_project(project)
        except CaimanGuiError as exc:
            refused.append(exc)
    assert len(refused) > 75
    assert all(exc.detail and exc.hint and len(str(exc)) < 1000 for exc in refused)
    file.write_bytes(content)
    load_project(project)


def _long_file(values: dict[str, Any]) -> None:
    values["data"]["motion"] = "x" * 10_000


def _long_label(values: dict[str, Any]) -> None:
    values["labels"] = {"9" * 5000: "accept"}


def _future_type(values: dict[str, Any]) -> None:
    values["recording"]["n_frames"] = "many"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_long_file, "the name of a file is too long"),
        (_long_label, "a label without a component number"),
        (_future_type, "recording.n_frames: it should be a valid integer"),
    ],
)
def test_values_that_cannot_be_are_named(
    project: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    values = json.loads(project.read_text(encoding="utf-8"))
    change(values)
    project.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputError) as info:
        load_project(project)
    assert words in info.value.detail
    assert len(str(info.value)) < 1000


def test_a_movie_at_an_impossible_place_is_missing(project: Path) -> None:
    values = json.loads(project.read_text(encoding="utf-8"))
    values["recording"]["files"] = [{"path": "x" * 3000, "absolute": ""}]
    project.write_text(json.dumps(values), encoding="utf-8")
    assert len(load_project(project).missing) == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [("[" * 100_000, "too deeply"), ("9" * 5000, "is no number"), ("NaN", "is no number")],
)
def test_json_that_python_refuses(project: Path, text: str, words: str) -> None:
    project.write_text('{"format": "caiman-gui-project", "schema": ' + text)
    with pytest.raises(InputError, match=words):
        load_project(project)


def test_another_movie_in_the_place_of_the_old_one_is_noticed(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "day1.tif", seed=0)
    state = ProjectState(recording=look_at([path]).recording)
    with raw_movie(state) as movie:
        assert movie.shape[0] > 1
    write_movie(path, seed=1)
    with pytest.raises(InputError, match="other frames"), raw_movie(state):
        pass
