"""Result files in CaImAn's layout: written as CaImAn would, and CaImAn's own ones read."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import sparse

from caiman_gui.core.results import Component, ComponentSet, Metrics, MotionResult, SummaryImages
from caiman_gui.errors import InputError
from caiman_gui.io.caiman_results import read_caiman_results, write_caiman_results
from caiman_gui.params.run import RunParams, preset

HEIGHT, WIDTH, N_FRAMES = 12, 17, 50


def component(component_id: int, rng: np.random.Generator, **changes: object) -> Component:
    row, column = rng.integers(0, HEIGHT - 3), rng.integers(0, WIDTH - 4)
    rows, columns = np.mgrid[row : row + 3, column : column + 4]
    weights = rng.uniform(0.1, 1, 12)
    values: dict = {
        "id": component_id,
        "pixels": np.sort((rows * WIDTH + columns).ravel()),
        "weights": weights / np.linalg.norm(weights),
        "trace": rng.normal(size=N_FRAMES),
        "residual": rng.normal(size=N_FRAMES),
        "activity": rng.uniform(size=N_FRAMES),
        "background": np.ones(N_FRAMES),
        "dff": rng.normal(size=N_FRAMES),
        "dff_kind": "dff",
        "ar": (0.9,),
        "noise": 1.5,
        "baseline": 0.25,
        "initial": 2.0,
        "sparsity": 0.5,
        "metrics": Metrics(snr=3.0 + component_id, rval=0.5, eccentricity=1.2),
    }
    return Component(**(values | changes))


def component_set(ids: tuple[int, ...], **changes: object) -> ComponentSet:
    rng = np.random.default_rng(4)
    return ComponentSet(
        items=tuple(component(i, rng, **changes) for i in ids),
        fov_shape=(HEIGHT, WIDTH),
        n_frames=N_FRAMES,
        background_images=rng.uniform(size=(2, HEIGHT * WIDTH)).astype(np.float32),
        background_traces=rng.uniform(size=(2, N_FRAMES)).astype(np.float32),
        next_id=max(ids, default=-1) + 1,
    )


def motion_result(n_patches: int) -> MotionResult:
    rng = np.random.default_rng(5)
    image = rng.normal(size=(HEIGHT, WIDTH))
    return MotionResult(
        shifts=rng.normal(size=(N_FRAMES, n_patches, 2)),
        patch_centers_px=np.zeros((n_patches, 2)),
        patch_size_px=np.array([12.0, 17.0]),
        template=image,
        correlation=np.ones(N_FRAMES),
        correlation_before=np.ones(N_FRAMES),
        mean_before=image,
        mean_after=image,
        valid=np.ones((HEIGHT, WIDTH)),
    )


def write(path: Path, components: ComponentSet, **changes: object) -> None:
    rng = np.random.default_rng(6)
    images = {
        name: rng.uniform(size=(HEIGHT, WIDTH))
        for name in ("mean", "max", "std", "correlation", "pnr", "noise")
    }
    options: dict = {
        "accepted": {i: i != 5 for i in components.ids},
        "labels": {2: "accept", 5: "reject", 7: "unsure"},
        "summary": SummaryImages(**images),
        "motion": motion_result(1),
        "params": RunParams(),
        "frame_rate_hz": 20.0,
        "movie_paths": [Path("day1.tif")],
    }
    write_caiman_results(path, components=components, **(options | changes))


def test_footprints_are_columns_in_fortran_order(tmp_path: Path) -> None:
    components = component_set((2, 5, 7))
    write(tmp_path / "r.hdf5", components)
    with h5py.File(tmp_path / "r.hdf5") as file:
        group = file["estimates/A"]
        parts = tuple(group[name][()] for name in ("data", "indices", "indptr"))
        stored = sparse.csc_matrix(parts, shape=tuple(group["shape"][()]))
        assert stored.has_sorted_indices
        np.testing.assert_array_equal(file["dims"][()], [HEIGHT, WIDTH])
        for n, item in enumerate(components.items):
            image = stored[:, [n]].toarray().reshape(HEIGHT, WIDTH, order="F")
            ours = np.zeros(HEIGHT * WIDTH, np.float32)
            ours[item.pixels] = item.weights
            np.testing.assert_array_equal(image.ravel(), ours)
        b = file["estimates/b"][()]
        assert b.shape == (HEIGHT * WIDTH, 2)
        np.testing.assert_array_equal(
            b[:, 1].reshape(HEIGHT, WIDTH, order="F").ravel(), components.background_images[1]
        )
        assert file["estimates/f"].shape == (2, N_FRAMES)


def test_values_follow_the_rules_of_the_layout(tmp_path: Path) -> None:
    components = component_set((2, 5, 7))
    write(tmp_path / "r.hdf5", components)
    with h5py.File(tmp_path / "r.hdf5") as file:
        group = file["estimates"]
        for name in ("C", "S", "YrA", "F_dff"):
            assert group[name].shape == (3, N_FRAMES)
        np.testing.assert_allclose(group["g"][()], [[0.9]] * 3)
        for name in ("bl", "c1", "neurons_sn", "lam", "SNR_comp", "r_values"):
            assert group[name].shape == (3,)
        np.testing.assert_array_equal(group["idx_components"][()], [0, 2])
        np.testing.assert_array_equal(group["idx_components_bad"][()], [1])
        np.testing.assert_array_equal(group["accepted_list"][()], [0])
        np.testing.assert_array_equal(group["rejected_list"][()], [1])
        assert group["cnn_preds"].shape == (0,)
        assert group["shifts"].shape == (N_FRAMES, 2)
        assert group["Cn"].shape == (HEIGHT, WIDTH)
        assert group["sn"].shape == (HEIGHT * WIDTH,)
        assert group["W"][()] == file["dview"][()] == b"NoneType"
        assert group["nr"][()] == 3
        item = components.items[0]
        np.testing.assert_allclose(group["center"][0], item.center(WIDTH))


def test_parameters_have_their_names(tmp_path: Path) -> None:
    params = preset("1p").with_value("motion.mode", "piecewise")
    write(tmp_path / "r.hdf5", component_set((2,)), params=params)
    with h5py.File(tmp_path / "r.hdf5") as file:
        groups = file["params"]
        assert set(groups) == {
            "data", "init", "preprocess", "patch", "spatial", "temporal", "merging", "quality",
            "motion", "online", "ring_CNN",
        }  # fmt: skip
        assert groups["data"].attrs["caiman_version"] == "1.12.1"
        assert groups["data/fr"][()] == 20
        assert groups["data/fnames"][0] == b"day1.tif"
        np.testing.assert_array_equal(groups["init/gSig"], [3, 3])
        np.testing.assert_array_equal(groups["init/gSiz"], [13, 13])
        assert groups["init"].attrs["method_init"] == "corr_pnr"
        assert groups["quality/min_SNR"][()] == 2.5
        np.testing.assert_array_equal(groups["motion/strides"], [40, 40])
        assert groups["motion/pw_rigid"][()]
        assert groups["temporal/s_min"][()] == b"NoneType"
        assert groups["preprocess/p"][()] == 1


def test_what_was_not_computed_is_none(tmp_path: Path) -> None:
    bare = component_set((0, 1), dff=None, dff_kind="", metrics=Metrics(), ar=())
    write(
        tmp_path / "r.hdf5", bare, accepted={}, labels={}, summary=None, motion=None, movie_paths=[]
    )
    with h5py.File(tmp_path / "r.hdf5") as file:
        for name in ("F_dff", "SNR_comp", "r_values", "idx_components", "sn"):
            assert file["estimates"][name][()] == b"NoneType"
        assert file["estimates/shifts"].shape == (0,)
        np.testing.assert_array_equal(file["estimates/g"][()], [[0], [0]])
    result = read_caiman_results(tmp_path / "r.hdf5")
    assert result.accepted is None
    assert np.isnan(result.components.items[0].metrics.snr)


def test_one_photon_detrended_traces_are_no_dff(tmp_path: Path) -> None:
    write(tmp_path / "r.hdf5", component_set((0,), dff_kind="detrended"))
    with h5py.File(tmp_path / "r.hdf5") as file:
        assert file["estimates/F_dff"][()] == b"NoneType"


def test_piecewise_shifts_are_stacked(tmp_path: Path) -> None:
    motion = motion_result(6)
    write(tmp_path / "r.hdf5", component_set((0,)), motion=motion)
    with h5py.File(tmp_path / "r.hdf5") as file:
        stored = file["estimates/shifts"][()]
        np.testing.assert_allclose(stored[0], motion.shifts[:, :, 0])
        assert stored.shape == (2, N_FRAMES, 6)


def test_round_trip(tmp_path: Path) -> None:
    components = component_set((2, 5, 7))
    write(tmp_path / "r.hdf5", components)
    result = read_caiman_results(tmp_path / "r.hdf5")
    assert result.components.ids == (2, 5, 7)
    assert result.accepted == {2: True, 5: False, 7: True}
    assert result.labels == {2: "accept", 5: "reject", 7: "unsure"}
    assert result.frame_rate_hz == 20
    for ours, read in zip(components.items, result.components.items, strict=True):
        np.testing.assert_array_equal(ours.pixels, read.pixels)
        for name in ("weights", "trace", "residual", "activity", "dff"):
            np.testing.assert_allclose(getattr(ours, name), getattr(read, name), rtol=1e-5)
        assert read.metrics.snr == ours.metrics.snr
        assert read.ar == ours.ar
        assert read.noise == pytest.approx(ours.noise)
        expected = (components.background_images[:, ours.pixels] @ ours.weights) @ (
            components.background_traces
        )
        np.testing.assert_allclose(read.background, expected, rtol=1e-4)
    np.testing.assert_array_equal(result.components.background_images, components.background_images)


def test_no_component_at_all(tmp_path: Path) -> None:
    write(tmp_path / "r.hdf5", component_set(()))
    result = read_caiman_results(tmp_path / "r.hdf5")
    assert len(result.components) == 0
    assert result.components.n_frames == N_FRAMES


@pytest.mark.parametrize(
    ("name", "count", "n_accepted"),
    [
        ("dev2p_cnmf", 90, 46),
        ("dev2p_cnmf_selected", 46, None),
        ("dev2p_cnmf_p2", 42, 40),
        ("dev1p_cnmfe", 29, 19),
        ("dev2p_small_online", 43, None),
    ],
)
def test_files_of_caiman_itself(
    shared_data: Path, name: str, count: int, n_accepted: int | None
) -> None:
    result = read_caiman_results(shared_data / "caiman-files" / f"{name}.hdf5")
    assert len(result.components) == count
    assert (None if result.accepted is None else sum(result.accepted.values())) == n_accepted
    for item in result.components.items:
        assert np.linalg.norm(item.weights) == pytest.approx(1, rel=1e-4)
        assert np.isfinite(item.raw).all()
        assert (np.diff(item.pixels) > 0).all()
    if "2p_cnmf" in name:
        assert len(result.components.background_images) == 2
        assert result.components.items[0].background.mean() > 0


def test_the_layout_of_caiman_is_matched(shared_data: Path, tmp_path: Path) -> None:
    """Every entry has the kind, and every number of axes, that CaImAn's own file has."""
    write(tmp_path / "r.hdf5", component_set((0, 1)), labels={})
    theirs = h5py.File(shared_data / "caiman-files" / "dev2p_cnmf.hdf5")
    with theirs, h5py.File(tmp_path / "r.hdf5") as ours:
        ignored = {"R", "discarded_components", "shifts"}  # shifts: empty there
        for name in set(theirs["estimates"]) - ignored:
            a, b = theirs["estimates"][name], ours["estimates"][name]
            assert type(a) is type(b), name
            if isinstance(a, h5py.Dataset) and a.dtype.kind in "fi":
                assert a.ndim == b.ndim or b.dtype.kind == "O", name
        for group in theirs["params"]:
            for name in ours["params"][group]:
                assert name in theirs["params"][group], name


def test_damaged_files_are_told(tmp_path: Path) -> None:
    write(tmp_path / "good.hdf5", component_set((0, 1)))
    content = (tmp_path / "good.hdf5").read_bytes()

    def broken(name: str, change: object) -> Path:
        path = tmp_path / f"{name}.hdf5"
        path.write_bytes(content)
        with h5py.File(path, "r+") as file:
            change(file)  # type: ignore[operator]
        return path

    def replace(name: str, value: object):
        def change(file: h5py.File) -> None:
            del file[name]
            file[name] = value

        return change

    cut = tmp_path / "cut.hdf5"
    cut.write_bytes(content[:1000])
    text = tmp_path / "text.hdf5"
    text.write_text("no")
    paths = [
        cut,
        text,
        tmp_path / "missing.hdf5",
        broken("a", lambda file: file.__delitem__("estimates")),
        broken("b", replace("estimates/A/indices", np.full(24, 10**6))),
        broken("c", replace("estimates/A/indptr", np.array([0, 99, 3]))),
        broken("d", replace("estimates/C", np.zeros((1, 3)))),
        broken("e", replace("dims", np.array([3, 4]))),
        broken("f", replace("estimates/A", "NoneType")),
        broken("g", replace("estimates/A/shape", np.array([-4, 2]))),
    ]
    for path in paths:
        with pytest.raises(InputError) as caught:
            read_caiman_results(path)
        assert path.name in caught.value.detail
