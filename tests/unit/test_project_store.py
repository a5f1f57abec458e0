"""Projects come back as they were saved, and no fault of a disk or a file ends badly."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caiman_gui import files as files_module
from caiman_gui import hdf5 as hdf5_module
from caiman_gui.core.results import Component, ComponentSet, Metrics, MotionResult, SummaryImages
from caiman_gui.errors import InputError, ResourceError
from caiman_gui.params.run import RunParams, preset
from caiman_gui.project import parts as parts_module
from caiman_gui.project import store
from caiman_gui.project.manifest import MIGRATIONS
from caiman_gui.project.model import HistoryEntry, ProjectState, RecordingRef, StepRecord
from caiman_gui.project.store import autosave_path, load_project, relocate, save_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEIGHT, WIDTH, N_FRAMES = 9, 11, 30


def make_component(number: int, rng: np.random.Generator) -> Component:
    pixels = np.sort(rng.choice(HEIGHT * WIDTH, rng.integers(1, 20), replace=False))
    weights = rng.uniform(0.1, 1, pixels.size)
    kind = ("", "dff", "detrended")[rng.integers(3)]
    return Component(
        id=number,
        pixels=pixels,
        weights=weights / np.linalg.norm(weights),
        trace=rng.normal(size=N_FRAMES),
        residual=rng.normal(size=N_FRAMES),
        activity=rng.uniform(size=N_FRAMES),
        background=rng.normal(size=N_FRAMES),
        dff=rng.normal(size=N_FRAMES) if kind else None,
        f0=rng.normal(size=N_FRAMES) if kind == "dff" else None,
        dff_kind=kind,
        ar=tuple(rng.uniform(size=rng.integers(3)).tolist()),
        noise=float(rng.choice([1.5, np.nan])),
        baseline=float(rng.normal()),
        metrics=Metrics(snr=float(rng.choice([3.0, np.nan])), rval=float(rng.normal())),
        origin=str(rng.choice(["found", "merged", "imported"])),
        parents=tuple(rng.integers(0, 99, rng.integers(3)).tolist()),
    )


def make_state(folder: Path, seed: int = 0, n_components: int = 5) -> ProjectState:
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.choice(1000, n_components, replace=False)).tolist()
    image = rng.normal(size=(HEIGHT, WIDTH))
    movie = folder / "day 1" / "movie_µ.tif"
    movie.parent.mkdir(exist_ok=True)
    movie.write_bytes(b"x")
    components = ComponentSet(
        items=tuple(make_component(number, rng) for number in ids),
        fov_shape=(HEIGHT, WIDTH),
        n_frames=N_FRAMES,
        background_images=rng.normal(size=(2, HEIGHT * WIDTH)),
        background_traces=rng.normal(size=(2, N_FRAMES)),
        next_id=1000 + seed,
    )
    motion = MotionResult(
        shifts=rng.normal(size=(N_FRAMES, 4, 2)),
        patch_centers_px=rng.normal(size=(4, 2)),
        patch_size_px=np.array([4.0, 5.0]),
        template=image,
        correlation=np.full(N_FRAMES, np.nan),
        correlation_before=rng.normal(size=N_FRAMES),
        mean_before=image,
        mean_after=image,
        valid=np.ones((HEIGHT, WIDTH)),
    )
    return ProjectState(
        recording=RecordingRef(
            paths=(movie,), n_frames=N_FRAMES, height=HEIGHT, width=WIDTH, dtype="uint16",
            fingerprint="abc", frame_rate_hz=20.0, frame_rate_source="ImageJ finterval",
        ),
        params=preset("1p").with_value("motion.max_shift_px", 9),
        steps={
            "motion": StepRecord("k1", "motion-k1.cgm", 1.5, 2.5, 100, "2026-01-01T00:00:00"),
            "summary": StepRecord("k2"),
        },
        motion=motion,
        summary=SummaryImages(image, image, image, image, image, image),
        components=components,
        labels={ids[0]: "accept", ids[1]: "unsure"} if len(ids) > 1 else {},
        history=(HistoryEntry("merge", (np.int64(1), 2), (3,), "2026-01-01T00:00:00"),),
    )  # fmt: skip


def assert_same(ours: Any, read: Any) -> None:
    """Compare two results field by field; NaN equals NaN."""
    assert type(ours) is type(read)
    for field in fields(ours):
        a, b = getattr(ours, field.name), getattr(read, field.name)
        if field.name == "items":
            for one, other in zip(a, b, strict=True):
                assert_same(one, other)
        elif isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=field.name)
            assert a.dtype == b.dtype
        elif isinstance(a, Metrics | float):
            assert repr(a) == repr(b)
        elif hasattr(a, "__dataclass_fields__") and not isinstance(a, RecordingRef):
            assert_same(a, b)
        else:
            assert a == b, field.name


@given(seed=st.integers(0, 10**6), n_components=st.integers(0, 6))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_round_trip(tmp_path: Path, seed: int, n_components: int) -> None:
    state = make_state(tmp_path, seed, n_components)
    save_project(tmp_path / "p.cgproj", state, {})
    loaded = load_project(tmp_path / "p.cgproj")
    assert_same(state, loaded.state)
    assert loaded.missing == ()
    assert not loaded.read_only
    assert loaded.data_dir == tmp_path / "p.cgdata"


def test_an_empty_project(tmp_path: Path) -> None:
    save_project(tmp_path / "new" / "p.cgproj", ProjectState(), {})
    loaded = load_project(tmp_path / "new" / "p.cgproj")
    assert loaded.state.recording is None
    assert loaded.state.params == RunParams()


def test_the_manifest_is_small_and_relative(tmp_path: Path) -> None:
    state = make_state(tmp_path)
    save_project(tmp_path / "out" / "p.cgproj", state, {})
    text = (tmp_path / "out" / "p.cgproj").read_text(encoding="utf-8")
    values = json.loads(text)
    assert values["format"] == "caiman-gui-project"
    assert values["schema"] == 2
    assert values["recording"]["files"][0]["path"] == "../day 1/movie_µ.tif"
    assert values["params"]["motion"] == {"max_shift_px": 9, "highpass_px": 7.0}
    assert len(text) < 5000
    with h5py.File(tmp_path / "out" / "p.cgdata" / values["data"]["components"]) as file:
        assert "row * width + column" in file.attrs["axes"]


def test_an_unchanged_result_is_not_written_again(tmp_path: Path) -> None:
    state = make_state(tmp_path)
    path = tmp_path / "p.cgproj"
    save_project(path, state, {})
    before = {file.name: file.stat().st_mtime_ns for file in store.data_dir(path).iterdir()}
    assert state.components is not None
    fewer = state.with_(components=state.components.with_items(state.components.items[1:]))
    save_project(path, fewer, {})
    after = {file.name: file.stat().st_mtime_ns for file in store.data_dir(path).iterdir()}
    assert len(after) == len(before) == 3  # the old components are gone
    same = set(before) & set(after)
    assert len(same) == 2
    assert all(before[name] == after[name] for name in same)


def test_heavy_files_come_along_and_stale_ones_go(tmp_path: Path) -> None:
    state = make_state(tmp_path)
    source = tmp_path / "session" / "motion-k1.cgm"
    source.parent.mkdir()
    source.write_bytes(b"heavy")
    path = tmp_path / "p.cgproj"
    folder = store.data_dir(path)
    folder.mkdir()
    (folder / "motion-old.cgm").write_bytes(b"old")
    (folder / "notes of the user.txt").write_text("keep")
    save_project(path, state, {"motion": source})
    save_project(path, state, {"motion": folder / "motion-k1.cgm"})
    assert (folder / "motion-k1.cgm").read_bytes() == b"heavy"
    assert source.exists()
    assert not (folder / "motion-old.cgm").exists()
    assert (folder / "notes of the user.txt").exists()


def test_heavy_files_are_copied_where_links_do_not_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "motion-k1.cgm"
    source.write_bytes(b"heavy")

    def no_links(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(store.os, "link", no_links)
    save_project(tmp_path / "p.cgproj", make_state(tmp_path), {"motion": source})
    assert (tmp_path / "p.cgdata" / "motion-k1.cgm").read_bytes() == b"heavy"


def test_a_heavy_file_made_again_replaces_the_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "p.cgproj"
    source = tmp_path / "motion-k1.cgm"
    source.write_bytes(b"heavy")
    folder = store.data_dir(path)
    folder.mkdir()
    (folder / source.name).write_bytes(b"he")
    save_project(path, make_state(tmp_path), {"motion": source})
    assert (folder / source.name).read_bytes() == b"heavy"


def test_a_project_moved_with_its_movie_finds_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    save_project(tmp_path / "a" / "p.cgproj", make_state(tmp_path / "a"), {})
    (tmp_path / "a").rename(tmp_path / "b")
    loaded = load_project(tmp_path / "b" / "p.cgproj")
    assert loaded.missing == ()
    assert loaded.state.recording is not None
    assert loaded.state.recording.paths == (tmp_path / "b" / "day 1" / "movie_µ.tif",)


def test_a_project_moved_without_its_movie_knows_the_old_place(tmp_path: Path) -> None:
    state = make_state(tmp_path)
    save_project(tmp_path / "p.cgproj", state, {})
    new = tmp_path / "far" / "away" / "from" / "it"
    new.mkdir(parents=True)
    (tmp_path / "p.cgproj").rename(new / "p.cgproj")
    (tmp_path / "p.cgdata").rename(new / "p.cgdata")
    loaded = load_project(new / "p.cgproj")
    assert loaded.missing == ()
    assert loaded.state.recording == state.recording


def test_a_missing_movie_is_told_and_can_be_located(tmp_path: Path) -> None:
    state = make_state(tmp_path)
    save_project(tmp_path / "p.cgproj", state, {})
    movie = state.recording.paths[0]  # type: ignore[union-attr]
    movie.rename(tmp_path / "moved.tif")
    loaded = load_project(tmp_path / "p.cgproj")
    assert loaded.missing == (movie,)
    found = relocate(loaded.state, [movie], [tmp_path / "moved.tif"])
    assert found.recording is not None
    assert found.recording.paths == (tmp_path / "moved.tif",)
    save_project(tmp_path / "p.cgproj", found, {})
    assert load_project(tmp_path / "p.cgproj").missing == ()


def test_autosave_lies_beside_the_project(tmp_path: Path) -> None:
    path = tmp_path / "p.cgproj"
    assert autosave_path(path).parent == tmp_path
    save_project(path, make_state(tmp_path, 1), {})
    save_project(autosave_path(path), make_state(tmp_path, 2), {})
    assert load_project(path).state.components.next_id == 1001  # type: ignore[union-attr]
    loaded = load_project(autosave_path(path))
    assert loaded.state.components.next_id == 1002  # type: ignore[union-attr]


def fail(number: int) -> Callable[..., None]:
    def raiser(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return raiser


def break_at_replace(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(files_module.os, "replace", fail(errno.ENOSPC))


def break_at_the_manifest(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store, "write_text_atomic", fail(errno.ENOSPC))


def break_at_hdf5(patch: pytest.MonkeyPatch) -> None:
    def write(self: hdf5_module.Patient, data: bytes) -> int:
        self.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return memoryview(data).nbytes

    patch.setattr(hdf5_module.Patient, "write", write)


def break_at_flush(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(files_module.os, "fsync", fail(errno.ENOSPC))


@pytest.mark.parametrize(
    "break_disk", [break_at_replace, break_at_the_manifest, break_at_hdf5, break_at_flush]
)
def test_a_full_disk_leaves_the_old_project(
    tmp_path: Path, break_disk: Callable[[pytest.MonkeyPatch], None]
) -> None:
    path = tmp_path / "p.cgproj"
    old = make_state(tmp_path, 1)
    save_project(path, old, {})
    before = sorted(str(file) for file in tmp_path.rglob("*"))
    with pytest.MonkeyPatch.context() as patch:
        break_disk(patch)
        with pytest.raises(ResourceError, match="disk is full"):
            save_project(path, make_state(tmp_path, 2), {})
    assert sorted(str(file) for file in tmp_path.rglob("*")) == before
    assert_same(old, load_project(path).state)


def test_a_crash_between_data_and_manifest_leaves_the_old_project(tmp_path: Path) -> None:
    path = tmp_path / "p.cgproj"
    old = make_state(tmp_path, 1)
    save_project(path, old, {})
    folder = store.data_dir(path)
    parts_module.write_part(folder, "components", make_state(tmp_path, 2).components)
    (folder / ".components-1.h5.abc.part").write_bytes(b"half")
    assert_same(old, load_project(path).state)
    save_project(path, old, {})
    assert len(list(folder.iterdir())) == 3  # what the crash left is gone


def edit(path: Path, change: Callable[[dict], None]) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(format="other"),
        lambda v: v.update(schema="one"),
        lambda v: v.update(schema=0),
        lambda v: v.update(recording=[1]),
        lambda v: v["recording"].update(n_frames=-1),
        lambda v: v["recording"].update(n_frames=7),
        lambda v: v["recording"].update(files=[]),
        lambda v: v["recording"].update(files=[{"path": "a\0b"}]),
        lambda v: v["recording"].update(frame_rate_hz=-3),
        lambda v: v["recording"].update(frame_rate_hz="fast"),
        lambda v: v.update(params={"motion": {"max_shift_px": 10**9}}),
        lambda v: v.update(params={"motion": 3}),
        lambda v: v.update(params={"unheard": {}}),
        lambda v: v["steps"]["motion"].update(file="../../etc/passwd"),
        lambda v: v["data"].update(components="../p.cgproj"),
        lambda v: v["data"].update(components="/etc/passwd"),
        lambda v: v["data"].update(components="gone.h5"),
        lambda v: v["data"].update(components=v["data"]["summary"]),
        lambda v: v.update(labels={"x": "accept"}),
        lambda v: v.update(labels={"1": "maybe"}),
        lambda v: v.update(history=[{"action": 3}]),
    ],
)
def test_wrong_entries_are_told(tmp_path: Path, change: Callable[[dict], None]) -> None:
    path = tmp_path / "p.cgproj"
    save_project(path, make_state(tmp_path), {})
    edit(path, change)
    with pytest.raises(InputError) as caught:
        load_project(path)
    assert caught.value.title
    assert str(tmp_path) in caught.value.detail


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": NaN}', b"9" * 5000],
)
def test_files_that_are_no_project(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.cgproj"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"p\.cgproj"):
        load_project(path)


def test_a_truncated_manifest_is_told(tmp_path: Path) -> None:
    path = tmp_path / "p.cgproj"
    save_project(path, make_state(tmp_path), {})
    content = path.read_bytes()
    for stop in range(0, len(content) - 2, 97):
        path.write_bytes(content[:stop])
        with pytest.raises(InputError):
            load_project(path)
    with pytest.raises(InputError, match="does not exist"):
        load_project(tmp_path / "other.cgproj")


@pytest.mark.parametrize("prefix", ["components", "summary", "shifts"])
def test_damaged_data_files_are_told(tmp_path: Path, prefix: str) -> None:
    path = tmp_path / "p.cgproj"
    save_project(path, make_state(tmp_path), {})
    (data,) = store.data_dir(path).glob(f"{prefix}-*.h5")
    content = data.read_bytes()
    for broken in (b"", content[: len(content) // 2], b"x" * 100):
        data.write_bytes(broken)
        with pytest.raises(InputError, match=data.name):
            load_project(path)
    data.write_bytes(content)
    with h5py.File(data, "r+") as file:
        name = {"components": "trace", "summary": "mean", "shifts": "template"}[prefix]
        file[name][0] += 1
    with pytest.raises(InputError, match="checksum"):
        load_project(path)


def test_consistent_lies_in_a_data_file_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with a right checksum, arrays have to fit together."""
    state = make_state(tmp_path)
    good = parts_module.part_arrays(state.components)  # type: ignore[arg-type]
    lies: dict[str, Any] = {
        "pixels_start": np.array([0, 5]),
        "pixels": np.full_like(good["pixels"](), 10**6),
        "ids": np.zeros(5, np.int64),
        "next_id": np.array(0),
        "trace": np.zeros((5, 3), np.float32),
        "has_dff": np.zeros(2, bool),
        "n_frames": np.array(31),
        "snr": np.zeros(2),
        "origin": np.array([b"\xff"] * 5),
        "fov_shape": np.array([2, 2, 2]),
    }
    for name, lie in lies.items():
        arrays = dict(good) | {name: lambda lie=lie: lie}
        monkeypatch.setattr(parts_module, "part_arrays", lambda _, arrays=arrays: arrays)
        file, _ = parts_module.write_part(tmp_path, "components", state.components)
        with pytest.raises(InputError, match=file):
            parts_module.read_components_part(tmp_path / file)


def test_a_newer_project_opens_for_reading(tmp_path: Path) -> None:
    path = tmp_path / "p.cgproj"
    state = make_state(tmp_path)
    save_project(path, state, {})

    def advance(values: dict) -> None:
        values.update(schema=99, written_by="9.0", gadgets=[1])
        values["params"]["motion"]["warp"] = 3
        values["params"]["gadget"] = {"x": 1}

    edit(path, advance)
    loaded = load_project(path)
    assert loaded.read_only
    assert "newer version" in loaded.notes[0]
    assert loaded.state.params == state.params


def test_older_schemas_are_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.cgproj"
    state = make_state(tmp_path)
    save_project(path, state, {})

    def migrate(values: dict[str, Any]) -> dict[str, Any]:
        return {**values, "schema": 1, "labels": values["decisions"]}

    def age(values: dict) -> None:
        values.update(schema=0, decisions=values.pop("labels"))

    edit(path, age)
    monkeypatch.setitem(MIGRATIONS, 0, migrate)
    assert load_project(path).state.labels == state.labels


def test_a_project_of_schema_1_opens(tmp_path: Path) -> None:
    path = tmp_path / "p.cgproj"
    state = make_state(tmp_path)
    save_project(path, state, {})

    def age(values: dict) -> None:  # what schema 2 has brought
        values.update(schema=1)
        del values["regions"]
        for name in ("indicator", "channels", "n_planes", "datasets", "dropped", "notes", "format"):
            del values["recording"][name]

    edit(path, age)
    loaded = load_project(path)
    assert not loaded.read_only
    assert loaded.state.recording == replace(
        state.recording,
        paths=loaded.state.recording.paths,  # type: ignore[type-var]
    )


def test_replaced_recording_of_another_size_is_refused(tmp_path: Path) -> None:
    state = make_state(tmp_path)
    wrong = state.with_(recording=replace(state.recording, width=WIDTH + 1))  # type: ignore[type-var]
    save_project(tmp_path / "p.cgproj", wrong, {})
    with pytest.raises(InputError, match="another size"):
        load_project(tmp_path / "p.cgproj")
