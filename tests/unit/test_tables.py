"""Tables of components and traces, read back as a spreadsheet would."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from caiman_gui.core.results import Component, ComponentSet, Decision, Metrics
from caiman_gui.io.tables import COMPONENT_COLUMNS, write_components_csv, write_traces_csv

if TYPE_CHECKING:
    from pathlib import Path

N_FRAMES = 600


@pytest.fixture
def components() -> ComponentSet:
    rng = np.random.default_rng(0)
    items = []
    for number, kind in ((3, "dff"), (4, "detrended"), (9, "")):
        weights = np.array([1.0, 1.0, 0.1])
        items.append(
            Component(
                id=number,
                pixels=np.array([12, 13, 14]),
                weights=weights / np.linalg.norm(weights),
                trace=rng.normal(size=N_FRAMES),
                residual=rng.normal(size=N_FRAMES),
                activity=np.zeros(N_FRAMES),
                background=np.zeros(N_FRAMES),
                dff=rng.normal(size=N_FRAMES) if kind else None,
                dff_kind=kind,
                metrics=Metrics(snr=4.25, rval=0.5),
            )
        )
    return ComponentSet(
        items=tuple(items),
        fov_shape=(10, 10),
        n_frames=N_FRAMES,
        background_images=np.zeros((0, 100), np.float32),
        background_traces=np.zeros((0, N_FRAMES), np.float32),
        next_id=10,
    )


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_components(tmp_path: Path, components: ComponentSet) -> None:
    decisions = {
        3: Decision(True, True, None, "SNR 4.25 above 2.5"),
        4: Decision(False, True, "reject", 'rejected by you, "dim"'),
    }
    write_components_csv(tmp_path / "c.csv", components, decisions)
    table = rows(tmp_path / "c.csv")
    assert table[0] == list(COMPONENT_COLUMNS)
    first = dict(zip(table[0], table[1], strict=True))
    assert first["id"] == "3"
    assert first["center_row_px"] == "1"
    assert first["size_px"] == "2"  # the third pixel is below a fifth of the brightest
    assert first["snr"] == "4.25"
    assert first["cnn"] == ""
    assert (first["accepted"], first["label"]) == ("1", "")
    second = dict(zip(table[0], table[2], strict=True))
    assert (second["accepted"], second["label"]) == ("0", "reject")
    assert second["reason"] == 'rejected by you, "dim"'
    assert table[3][-3:] == ["", "", ""]


def test_traces(tmp_path: Path, components: ComponentSet) -> None:
    times = 2.5 + np.arange(N_FRAMES) / 20
    write_traces_csv(tmp_path / "t.csv", components, {9, 3, 4}, times)
    table = rows(tmp_path / "t.csv")
    assert table[0] == ["time_s", "3", "4", "9"]
    values = np.array(table[1:], float)
    assert values.shape == (N_FRAMES, 4)
    np.testing.assert_allclose(values[:, 0], times)
    first, second, third = components.items
    np.testing.assert_allclose(values[:, 1], first.dff, rtol=1e-5)
    np.testing.assert_allclose(values[:, 2], second.raw, rtol=1e-5)
    np.testing.assert_allclose(values[:, 3], third.raw, rtol=1e-5)


def test_no_accepted_component_leaves_the_times(tmp_path: Path, components: ComponentSet) -> None:
    write_traces_csv(tmp_path / "t.csv", components, (), np.arange(N_FRAMES) / 10.0)
    table = rows(tmp_path / "t.csv")
    assert table[0] == ["time_s"]
    assert len(table) == N_FRAMES + 1
