"""HDF5 files of many datasets, and those whose movie is a link to another file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from caiman_gui.errors import InputError
from caiman_gui.io import hdf5_movie
from caiman_gui.io.h5.source import Source
from caiman_gui.io.reader import ReadChoice

if TYPE_CHECKING:
    from pathlib import Path

MOVIE = np.random.default_rng(0).integers(0, 2000, (3, 4, 5)).astype(np.uint16)
#: Reads that opening may take for each dataset; it takes 3 to 9.
READS_EACH = 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.h5"


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("in_groups", [False, True])
def test_opening_reads_each_of_many_datasets_a_few_times_only(
    path: Path, libver: str, in_groups: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_datasets = 2400  # more than are kept
    with h5py.File(path, "w", libver=libver) as h5:
        for number in range(n_datasets):
            h5[f"g{number % 30}/d{number}" if in_groups else f"d{number}"] = MOVIE
    addresses: list[int] = []
    read = Source.read

    def counted(source: Source, address: int, n_bytes: int) -> bytes:
        addresses.append(address)
        return read(source, address, n_bytes)

    monkeypatch.setattr(Source, "read", counted)
    reader = hdf5_movie.open_reader(path, ReadChoice())
    reader.close()
    assert len(reader.facts.datasets) == n_datasets
    assert len(addresses) < READS_EACH * n_datasets


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("dataset", ["", "raw/mov"])
def test_a_movie_that_is_only_a_link_names_the_file_to_open(
    path: Path, libver: str, dataset: str
) -> None:
    with h5py.File(path, "w", libver=libver) as h5:
        h5["estimates/C"] = np.zeros((30, 500))
        h5["raw/mov"] = h5py.ExternalLink("data/other.h5", "/images")
    with pytest.raises(InputError, match="lies in other files") as caught:
        hdf5_movie.open_reader(path, ReadChoice(dataset=dataset))
    assert "/raw/mov is /images of data/other.h5" in caught.value.detail
    assert caught.value.hint == "Open data/other.h5 itself."


def test_a_link_beside_a_movie_does_no_harm(path: Path) -> None:
    with h5py.File(path, "w") as h5:
        h5["here"] = MOVIE
        h5["there"] = h5py.ExternalLink("other.h5", "/mov")
    reader = hdf5_movie.open_reader(path, ReadChoice())
    assert reader.facts.dataset == "/here"
    np.testing.assert_array_equal(reader.frames(0, 3), MOVIE)
    reader.close()
