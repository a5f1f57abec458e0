"""The reader of HDF5 gives what the HDF5 library gives, for every way in which that stores."""

from __future__ import annotations

import contextlib
import itertools
import random
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from caiman_gui.io.h5.dataset import Dataset
from caiman_gui.io.h5.file import File, Group
from caiman_gui.io.h5.source import FormatError, UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

MOVIE = np.random.default_rng(0).integers(0, 2000, (23, 13, 17)).astype(np.uint16)
VERSIONS = [
    ("earliest", "v108"), ("v108", "v108"), ("v110", "v110"), ("latest", "latest"),
]  # fmt: skip
CHUNKS = [(1, 13, 17), (5, 8, 8), (23, 13, 17), (2, 13, 1)]
LIMITS = [None, (None, 13, 17), (None, None, 17), (64, 40, 40), (23, None, 17)]
FILTERS = [
    {},
    {"compression": "gzip", "shuffle": True, "fletcher32": True},
    {"compression": "lzf"},
]


@pytest.fixture(params=VERSIONS, ids=lambda v: v[0])
def versions(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


def whole(dataset: Dataset | Group | None) -> np.ndarray:
    assert isinstance(dataset, Dataset)
    assert dataset.shape is not None
    return dataset.read(tuple(slice(0, n) for n in dataset.shape))


def test_every_kind_of_chunks(tmp_path: Path, versions: tuple[str, str]) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=versions) as h5:
        ways = itertools.product(CHUNKS, LIMITS, FILTERS)
        for number, (chunks, limits, options) in enumerate(ways):
            h5.create_dataset(str(number), data=MOVIE, chunks=chunks, maxshape=limits, **options)
    file = File(path)
    for number in range(len(CHUNKS) * len(LIMITS) * len(FILTERS)):
        dataset = file.get(f"/{number}")
        np.testing.assert_array_equal(whole(dataset), MOVIE, err_msg=str(number))
        assert isinstance(dataset, Dataset)
        part = dataset.read((slice(3, 9), slice(7, 12), slice(2, 17)))
        np.testing.assert_array_equal(part, MOVIE[3:9, 7:12, 2:17])
    file.close()


@pytest.mark.parametrize("dtype", ["u1", "i1", ">u2", "<i4", "f2", ">f4", "f8", "?", "u8"])
def test_every_type_of_numbers(tmp_path: Path, dtype: str) -> None:
    stored = (MOVIE[:3] % 100).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        h5["d"] = stored
        h5.create_dataset("c", data=stored, chunks=(1, 5, 17), compression="gzip")
    file = File(tmp_path / "a.h5")
    for name in "dc":
        found = whole(file.get(name))
        assert found.dtype == stored.dtype
        np.testing.assert_array_equal(found, stored)
    file.close()


def test_many_chunks_of_every_index(tmp_path: Path, versions: tuple[str, str]) -> None:
    values = (np.arange(4 * 3000) % 251).astype(np.uint8).reshape(3000, 2, 2)
    with h5py.File(tmp_path / "a.h5", "w", libver=versions) as h5:
        for name, limits in (("grows", (None, 2, 2)), ("fixed", None), ("both", (None, None, 2))):
            dataset = h5.create_dataset(
                name, (3000, 2, 2), "u1", chunks=(1, 2, 2), maxshape=limits, fillvalue=7
            )
            dataset[:50] = values[:50]
            dataset[1500:] = values[1500:]
    expected = values.copy()
    expected[50:1500] = 7
    file = File(tmp_path / "a.h5")
    for name in ("grows", "fixed", "both"):
        np.testing.assert_array_equal(whole(file.get(name)), expected)
    file.close()


def test_an_index_with_pages(tmp_path: Path) -> None:
    n = 140_000  # the first page of an extensible array starts after 131,000 entries
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as h5:
        dataset = h5.create_dataset("d", (n, 1), "u1", chunks=(16, 1), maxshape=(None, 1))
        dataset.resize((16 * n, 1))
        for at in (0, 3, 131_100, n - 1):
            dataset[16 * at] = at % 200 + 1
    file = File(tmp_path / "a.h5")
    dataset = file.get("/d")
    assert isinstance(dataset, Dataset)
    for at, value in ((0, 1), (3, 4), (4, 0), (131_100, 101), (131_200, 0), (n - 1, 200)):
        assert dataset.read((slice(16 * at, 16 * at + 1), slice(0, 1))) == value
    file.close()


def test_values_that_were_never_written(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        h5.create_dataset("zero", (4, 3, 3), "f4")
        h5.create_dataset("five", (4, 3, 3), "i2", fillvalue=5)
        h5.create_dataset("part", (4, 3, 3), "i2", fillvalue=5, chunks=(1, 3, 3))[1] = 9
    file = File(tmp_path / "a.h5")
    assert (whole(file.get("zero")) == 0).all()
    assert (whole(file.get("five")) == 5).all()
    assert whole(file.get("part"))[:, 0, 0].tolist() == [5, 9, 5, 5]
    file.close()


def test_compact_and_early_allocated_values(tmp_path: Path, versions: tuple[str, str]) -> None:
    values = np.arange(315, dtype=np.int16).reshape(9, 7, 5)
    with h5py.File(tmp_path / "a.h5", "w", libver=versions) as h5:
        for name in ("compact", "early"):
            made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            if name == "compact":
                made.set_layout(h5py.h5d.COMPACT)
            else:
                made.set_chunk((2, 4, 5))
                made.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            space = h5py.h5s.create_simple(values.shape)
            dataset = h5py.h5d.create(h5.id, name.encode(), h5py.h5t.NATIVE_INT16, space, made)
            dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values)
    file = File(tmp_path / "a.h5")
    np.testing.assert_array_equal(whole(file.get("compact")), values)
    np.testing.assert_array_equal(whole(file.get("early")), values)
    file.close()


@pytest.mark.parametrize("ordered", [False, True])
def test_groups_with_few_and_many_links(
    tmp_path: Path, versions: tuple[str, str], ordered: bool
) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver=versions, track_order=ordered) as h5:
        for number in range(1500):
            h5.create_group(f"many/member {number}")
        h5["few/µ"] = 1
        h5["few/soft"] = h5py.SoftLink("/many/member 3")
        h5["few/relative"] = h5py.SoftLink("µ")
        h5["few/outside"] = h5py.ExternalLink("other.h5", "/mov")
        h5["few/loop"] = h5py.SoftLink("/few/loop")
        h5["few/again"] = h5["few"]
    file = File(tmp_path / "a.h5")
    paths = [path for path, _ in file.walk()]
    assert len(paths) == len(set(paths)) == 1503
    assert {"/many/member 0", "/many/member 1499", "/few/µ"} <= set(paths)
    assert isinstance(file.get("/few/soft"), Group)
    assert isinstance(file.get("/few/relative"), Dataset)
    assert file.get("/few/again/again/µ") is not None
    assert file.get("/few/loop") is None
    assert file.get("/few/outside") is None
    link = file.link("/few/outside")
    assert link is not None
    assert (link.kind, link.file, link.path) == ("external", "other.h5", "/mov")
    file.close()


def test_attributes_of_every_type(tmp_path: Path, versions: tuple[str, str]) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver=versions) as h5:
        for number in range(200):
            h5.attrs[f"number {number}"] = number * 1.5
        h5.attrs["text"] = "GCaMP6f µ"
        h5.attrs["fixed"] = np.bytes_(b"uint16")
        h5.attrs["texts"] = ["t", "", "x" * 3000]
        h5.attrs["array"] = np.arange(12).reshape(3, 4)
        h5.attrs["flag"] = True
        h5.attrs["nothing"] = h5py.Empty("f4")
        h5.attrs["record"] = np.zeros(2, [("a", "i4"), ("b", "f8")])
        h5["scalar"] = 30.0
        h5["strings"] = ["a", "bc"]
        h5["other"] = np.arange(3)
        h5.attrs["link"] = h5["other"].ref
    file = File(tmp_path / "a.h5")
    found = file.attributes(file.root)
    assert [found[f"number {n}"] for n in range(200)] == [n * 1.5 for n in range(200)]
    assert (found["text"], found["fixed"], found["flag"]) == ("GCaMP6f µ", "uint16", 1.0)
    assert found["texts"] == ["t", "", "x" * 3000]
    np.testing.assert_array_equal(found["array"], np.arange(12).reshape(3, 4))
    assert not {"nothing", "record"} & set(found)
    target = file.at(found["link"])
    np.testing.assert_array_equal(whole(target), np.arange(3))
    assert file.value(file.get("/scalar")) == 30.0
    assert file.value(file.get("/strings")) == ["a", "bc"]
    file.close()


def test_shared_types_and_enumerations(tmp_path: Path, versions: tuple[str, str]) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver=versions) as h5:
        h5["type"] = np.dtype("i4")
        h5.create_dataset("typed", data=np.arange(24).reshape(2, 3, 4), dtype=h5["type"])
        kinds = h5py.enum_dtype({"off": 0, "on": 1, "odd": 7}, basetype="i2")
        h5.create_dataset("enum", data=np.full((2, 3), 7, "i2"), dtype=kinds)
        h5["record"] = np.zeros(5, [("a", "i4")])
    file = File(tmp_path / "a.h5")
    np.testing.assert_array_equal(whole(file.get("typed")), np.arange(24).reshape(2, 3, 4))
    assert (whole(file.get("enum")) == 7).all()
    record = file.get("record")
    assert isinstance(record, Dataset)
    assert record.dtype is None
    file.close()


@pytest.mark.parametrize("n_bytes", [512, 2048])
def test_a_block_of_the_user_before_it(
    tmp_path: Path, versions: tuple[str, str], n_bytes: int
) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver=versions, userblock_size=n_bytes) as h5:
        h5["d"] = MOVIE
        h5.create_dataset("c", data=MOVIE, chunks=(1, 13, 17), compression="gzip")
    file = File(tmp_path / "a.h5")
    np.testing.assert_array_equal(whole(file.get("d")), MOVIE)
    np.testing.assert_array_equal(whole(file.get("c")), MOVIE)
    dataset = file.get("d")
    assert isinstance(dataset, Dataset)
    assert dataset.plain_offset is not None
    raw = np.fromfile(tmp_path / "a.h5", "u2", 5, offset=dataset.plain_offset)
    np.testing.assert_array_equal(raw, MOVIE.ravel()[:5])
    file.close()


def test_the_cache_of_chunks_is_bounded(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        h5.create_dataset("d", (40, 2**20), "u4", chunks=(1, 2**20), compression="gzip")[::8] = 3
    file = File(tmp_path / "a.h5")
    dataset = file.get("d")
    assert isinstance(dataset, Dataset)
    for row in range(40):
        assert dataset.read((slice(row, row + 1), slice(5, 6))) == (3 if row % 8 == 0 else 0)
    assert sum(chunk.nbytes for chunk in dataset._kept.values()) <= 2**26
    file.close()


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        h5.create_dataset("packed", data=MOVIE, chunks=True, scaleoffset=0)
        layout = h5py.VirtualLayout((4, 3, 3), "u2")
        h5.create_virtual_dataset("virtual", layout)
        made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        made.set_external(b"other.raw", 0, 100)
        space = h5py.h5s.create_simple((5, 5))
        h5py.h5d.create(h5.id, b"external", h5py.h5t.NATIVE_INT16, space, made)
    file = File(tmp_path / "a.h5")
    packed, virtual, external = (file.get(name) for name in ("packed", "virtual", "external"))
    assert isinstance(packed, Dataset)
    assert packed.unknown_filter == "scale-offset"
    for item in (virtual, external):
        assert isinstance(item, Dataset)
        assert item.is_elsewhere
        with pytest.raises(UnsupportedError):
            whole(item)
    file.close()


@pytest.mark.parametrize(
    ("code", "codec"), [(32001, "blosc"), (32004, "lz4h5"), (32015, "zstd")], ids=str
)
def test_compression_that_the_library_has_only_as_plugins(
    tmp_path: Path, code: int, codec: str
) -> None:
    import imagecodecs

    encode = getattr(imagecodecs, f"{codec}_encode")
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((1, 13, 17))
    made.set_filter(code, h5py.h5z.FLAG_OPTIONAL)
    with h5py.File(tmp_path / "a.h5", "w") as h5:
        space = h5py.h5s.create_simple(MOVIE.shape)
        dataset = h5py.h5d.create(h5.id, b"mov", h5py.h5t.NATIVE_UINT16, space, made)
        for number, frame in enumerate(MOVIE):
            raw = frame.tobytes()
            mask = number == 3  # left out where it gains nothing
            stored = raw if mask else bytes(encode(raw))
            dataset.write_direct_chunk((number, 0, 0), stored, filter_mask=int(mask))
    file = File(tmp_path / "a.h5")
    np.testing.assert_array_equal(whole(file.get("mov")), MOVIE)
    file.close()


def test_loops_and_cut_files_end_in_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as h5:
        h5["group/mov"] = MOVIE
        h5["group"].attrs["labels"] = ["t", "y", "x"]
    good = path.read_bytes()
    # A text of no length in a heap made the HDF5 library run for ever.
    heap = good.index(b"GCOL")
    path.write_bytes(good[: heap + 16] + b"\x09" + bytes(31) + good[heap + 48 :])
    file = File(path)
    assert "labels" not in file.attributes(file.get("/group") or file.root)
    file.close()
    path.write_bytes(good[:80])
    with pytest.raises((FormatError, UnsupportedError)):
        File(path)


def test_mutations_never_raise_anything_else(tmp_path: Path, versions: tuple[str, str]) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=versions) as h5:
        for name, options in (("a", {}), ("b", {"compression": "gzip", "chunks": (4, 8, 17)})):
            h5.create_dataset(name, data=MOVIE, maxshape=(None, 13, 17), **options)
            h5[name].attrs["labels"] = ["t", "y", "x"]
        for number in range(20):
            h5[f"many/{number}"] = number
    good, chance = path.read_bytes(), random.Random(7)
    structures = [at for at in range(len(good)) if good[at] not in (0, 255)]
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(chance.choice((1, 2, 5))):
            at = chance.choice(structures)
            bad[at : at + 1] = chance.randbytes(1)
        path.write_bytes(bad[: chance.randrange(len(bad))] if chance.random() < 0.1 else bad)
        _read_everything(path)


def _read_everything(path: Path) -> None:
    try:
        file = File(path)
    except (FormatError, UnsupportedError):
        return
    for _, item in file.walk():
        file.attributes(item)
        if isinstance(item, Dataset) and item.shape and np.prod(item.shape, dtype=float) < 1e5:
            with contextlib.suppress(FormatError, UnsupportedError):
                whole(item)
    file.close()
