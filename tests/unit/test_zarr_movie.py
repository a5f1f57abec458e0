from __future__ import annotations

import contextlib
import json
import random
import shutil
import zipfile
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from caiman_gui.errors import InputError
from caiman_gui.io import zarr_frames, zarr_movie
from caiman_gui.io.reader import ReadChoice

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.io.reader import FrameReader

MOVIE = np.random.default_rng(0).integers(0, 2000, (23, 40, 48)).astype(np.uint16)
AXES = [
    {"name": "t", "type": "time", "unit": "millisecond"},
    {"name": "c", "type": "channel"},
    {"name": "z", "type": "space", "unit": "micrometer"},
    {"name": "y", "type": "space", "unit": "micrometer"},
    {"name": "x", "type": "space", "unit": "micrometer"},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "movie µ.zarr"


def opened(path: Path, **choice: Any) -> FrameReader:
    assert zarr_movie.recognises(path, b"")
    return zarr_movie.open_reader(path, ReadChoice(**choice))


def require_equal(reader: FrameReader, movie: np.ndarray) -> None:
    """Compare whole, in parts and beyond the ends, then close."""
    assert reader.shape == movie.shape
    for at in (0, 22, 11, 12):
        np.testing.assert_array_equal(reader.frames(at, at + 1), movie[at : at + 1])
    whole = reader.frames(0, len(movie))
    assert whole.dtype == reader.dtype
    assert whole.dtype.isnative
    assert whole.flags.c_contiguous
    np.testing.assert_array_equal(whole, movie)
    np.testing.assert_array_equal(reader.frames(3, 8), movie[3:8])
    np.testing.assert_array_equal(reader.frames(-5, 2), movie[:2])
    assert reader.frames(9, 4).shape == (0, *movie.shape[1:])
    reader.close()
    reader.close()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("chunks", [(1, 40, 48), (5, 16, 48), (23, 40, 10)])
@pytest.mark.parametrize("axes", ["TYX", "YXT", "TXY"])
def test_every_chunking_and_order_gives_the_same_frames(
    path: Path, version: int, chunks: tuple[int, ...], axes: str
) -> None:
    order = ["TYX".index(letter) for letter in axes]
    stored, cut = MOVIE.transpose(order), tuple(chunks[n] for n in order)
    zarr.create_array(path, data=stored, chunks=cut, zarr_format=version)
    reader = opened(path, axes=axes)
    assert (reader.facts.format, reader.facts.dataset) == (f"Zarr {version}", "/")
    require_equal(reader, MOVIE)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", ["u1", "i2", ">u2", "f4", "f8", "?"])
def test_sample_types(path: Path, version: int, dtype: str) -> None:
    stored = (MOVIE % 100).astype(dtype)
    zarr.create_array(path, data=stored, chunks=(4, 40, 48), zarr_format=version)
    require_equal(opened(path), stored)


def test_shards_and_codecs(path: Path) -> None:
    from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

    codecs = {"a": GzipCodec(), "b": BloscCodec(cname="lz4"), "c": ZstdCodec(), "d": None}
    group = zarr.open_group(path, mode="w", zarr_format=3)
    for name, codec in codecs.items():
        group.create_array(
            name, data=MOVIE, chunks=(2, 20, 24), shards=(4, 40, 48), compressors=codec
        )
    for name in codecs:
        require_equal(opened(path, dataset=name), MOVIE)


def test_large_groups_of_frames_are_read_in_bounded_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zarr_frames, "_CACHE_BYTES", 2 * MOVIE[:5].nbytes)
    monkeypatch.setattr(zarr_frames, "_LARGE_CHUNK_BYTES", 100)
    for chunks in ((5, 16, 16), (23, 40, 48)):  # kept and too large to keep
        shutil.rmtree(path, ignore_errors=True)
        zarr.create_array(path, data=MOVIE, chunks=chunks)
        reader = opened(path)
        for at in range(23):
            np.testing.assert_array_equal(reader.frames(at, at + 2), MOVIE[at : at + 2])
        kept = sum(block.nbytes for block in reader._kept.values())  # type: ignore[attr-defined]
        assert kept <= 2 * MOVIE[:5].nbytes
        require_equal(reader, MOVIE)


def write_ome(path: Path, version: int) -> np.ndarray:
    movie = np.stack([MOVIE, MOVIE + 1], axis=1)[:, :, None]
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("fine", data=movie, chunks=(1, 1, 1, 40, 48))
    group.create_array("coarse", data=movie[..., ::2, ::2], chunks=(1, 1, 1, 20, 24))
    scales = [{"type": "scale", "scale": [50, 1, 2, 0.5, 0.4]}]
    coarse = [{"type": "scale", "scale": [50, 1, 2, 1, 0.8]}]
    image = {
        "axes": AXES,
        "datasets": [
            {"path": "fine", "coordinateTransformations": scales},
            {"path": "coarse", "coordinateTransformations": coarse},
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1, 2, 2]}],
    }
    omero = {"channels": [{"label": "GCaMP"}, {"label": "tdTomato"}]}
    if version == 2:
        group.attrs.update(multiscales=[{"version": "0.4", **image}], omero=omero)
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image], "omero": omero}
    return movie


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr_with_all_it_knows(path: Path, version: int) -> None:
    movie = write_ome(path, version)
    reader = opened(path, channel=2)
    facts = reader.facts
    assert facts.format == ("OME-Zarr 0.4" if version == 2 else "OME-Zarr 0.5")
    assert (facts.dataset, facts.axes, facts.notes) == ("/fine", "TCZYX", ())
    assert [item.path for item in facts.datasets] == ["/fine"]
    assert facts.channels == ("GCaMP", "tdTomato")
    assert facts.frame_rate is not None
    assert facts.pixel_size is not None
    assert facts.frame_rate.value == pytest.approx(20)
    assert facts.frame_rate.source == "OME-Zarr scale of the time axis"
    assert facts.pixel_size.value == pytest.approx(0.8)
    require_equal(reader, movie[:, 1, 0])


def test_a_scale_without_a_unit_is_no_fact(path: Path) -> None:
    write_ome(path, 2)
    attributes = json.loads((path / ".zattrs").read_text())
    for axis in attributes["multiscales"][0]["axes"]:
        axis.pop("unit", None)
    (path / ".zattrs").write_text(json.dumps(attributes))
    reader = opened(path)
    assert (reader.facts.frame_rate, reader.facts.pixel_size) == (None, None)
    reader.close()


def test_series_in_subgroups(path: Path) -> None:
    zarr.open_group(path, mode="w", zarr_format=2)
    write_ome(path / "0", 2)
    write_ome(path / "1", 2)
    reader = opened(path, dataset="/1/fine")
    assert [item.path for item in reader.facts.datasets] == ["/0/fine", "/1/fine"]
    reader.close()


def write_minian(folder: Path) -> None:
    arrays = {
        "varr": (MOVIE, ["frame", "height", "width"]),
        "A": (np.zeros((30, 40, 48)), ["unit_id", "height", "width"]),
        "C": (np.zeros((30, 23)), ["unit_id", "frame"]),
    }
    for name, (values, labels) in arrays.items():
        group = zarr.open_group(folder / f"{name}.zarr", mode="w", zarr_format=2)
        array = group.create_array(name, data=values)
        array.attrs["_ARRAY_DIMENSIONS"] = labels


def test_stores_of_minian(tmp_path: Path) -> None:
    write_minian(tmp_path / "minian")
    for folder in (tmp_path / "minian" / "varr.zarr", tmp_path / "minian"):
        reader = opened(folder)
        assert reader.facts.dataset.endswith("/varr")
        assert (reader.facts.axes, len(reader.facts.datasets)) == ("TYX", 1)
        assert reader.facts.notes == ()
        require_equal(reader, MOVIE)
    with pytest.raises(InputError, match="holds no movie") as caught:
        opened(tmp_path / "minian" / "A.zarr")
    assert "/A (30 x 40 x 48)" in caught.value.detail


def test_names_of_axes_and_facts_in_version_3(path: Path) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.attrs["fps"] = 12.5
    array = group.create_array(
        "a/mov", data=MOVIE.transpose(1, 2, 0), dimension_names=("y", "x", "t")
    )
    array.attrs["pixel_size_um"] = 1.5
    reader = opened(path)
    assert reader.facts.frame_rate is not None
    assert reader.facts.pixel_size is not None
    assert reader.facts.frame_rate.value == 12.5
    assert reader.facts.frame_rate.source == "Zarr attribute fps of /"
    assert reader.facts.pixel_size.source == "Zarr attribute pixel_size_um of /a/mov"
    require_equal(reader, MOVIE)


def test_an_unnamed_array_is_assumed_with_a_note(path: Path) -> None:
    zarr.create_array(path, data=MOVIE)
    reader = opened(path)
    assert reader.facts.axes == "TYX"
    assert "axis order" in reader.facts.notes[0]
    reader.close()


@pytest.mark.parametrize("version", [2, 3])
def test_missing_last_frames_are_told(path: Path, version: int) -> None:
    zarr.create_array(path, data=MOVIE, chunks=(5, 40, 48), zarr_format=version)
    last = path / "4.0.0" if version == 2 else path / "c" / "4" / "0" / "0"
    last.unlink()
    reader = opened(path)
    assert "nothing for its last frames" in reader.facts.notes[-1]
    assert (reader.frames(20, 23) == 0).all()
    reader.close()


def test_zip_archives(path: Path, tmp_path: Path) -> None:
    movie = write_ome(path, 3)
    packed = tmp_path / "movie.zarr.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(path.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(path).as_posix())
    assert zarr_movie.recognises(packed, packed.read_bytes()[:4096])
    require_equal(zarr_movie.open_reader(packed, ReadChoice()), movie[:, 0, 0])
    packed.write_bytes(packed.read_bytes()[:500])
    assert not zarr_movie.recognises(packed, packed.read_bytes())
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("text.txt", "no store")
    assert not zarr_movie.recognises(packed, packed.read_bytes())


def test_other_folders_are_not_recognised(tmp_path: Path) -> None:
    assert not zarr_movie.recognises(tmp_path, b"")
    (tmp_path / "a.zarr").mkdir()
    assert not zarr_movie.recognises(tmp_path, b"")
    assert not zarr_movie.recognises(tmp_path / "missing", b"")


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "|O", "filters": [{"id": "pickle"}]},
        {"filters": [{"id": "pickle"}]},
        {"filters": [{"id": "json2"}]},
        {"compressor": {"id": "unknown"}},
        {"chunks": [1, 2**20, 2**20]},
        {"chunks": [0, 40, 48]},
        {"chunks": [5, 40]},
        {"shape": [-1, 40, 48]},
        {"shape": [2**40, 40, 48]},
        {"shape": "23 40 48"},
        {"shape": [23, 40, True]},
        {"dtype": [["a", "<u2"]]},
        {"dtype": "<u9"},
        {"dtype": "<i8"},
    ],
    ids=str,
)
def test_metadata_that_makes_no_sense_is_refused(path: Path, change: dict) -> None:
    zarr.create_array(path, data=MOVIE, chunks=(5, 40, 48), zarr_format=2)
    file = path / ".zarray"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(InputError):
        opened(path)


def test_a_damaged_chunk_spoils_only_its_own_frames(path: Path) -> None:
    zarr.create_array(path, data=MOVIE, chunks=(5, 40, 48), zarr_format=2)
    (path / "2.0.0").write_bytes(b"no zstandard at all")
    reader = opened(path)
    np.testing.assert_array_equal(reader.frames(0, 10), MOVIE[:10])
    with pytest.raises(InputError, match="damaged"):
        reader.frames(10, 11)
    np.testing.assert_array_equal(reader.frames(15, 23), MOVIE[15:])
    reader.close()
    with pytest.raises(InputError):
        reader.frames(0, 1)


def test_many_threads_read_the_same(path: Path) -> None:
    zarr.create_array(path, data=MOVIE, chunks=(3, 20, 48))
    reader = opened(path)
    wrong: list[int] = []

    def read(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(20):
            at = chance.randrange(20)
            if not np.array_equal(reader.frames(at, at + 3), MOVIE[at : at + 3]):
                wrong.append(at)

    threads = [Thread(target=read, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    reader.close()


def test_opening_does_not_depend_on_the_length(path: Path) -> None:
    shape = (10**7, 512, 512)
    array = zarr.create_array(path, shape=shape, chunks=(1, 512, 512), dtype="u2", fill_value=3)
    array[10**7 - 1] = 9
    reader = opened(path)
    assert reader.shape == shape
    assert (reader.frames(10**6, 10**6 + 1) == 3).all()
    assert (reader.frames(10**7 - 1, 10**7) == 9).all()
    assert len(reader.facts.notes) == 1
    reader.close()


def test_mutated_stores_open_or_are_refused(path: Path, tmp_path: Path) -> None:
    small = MOVIE[:6, :16, :20]
    zarr.create_array(tmp_path / "a", data=small, chunks=(2, 16, 20), zarr_format=2)
    zarr.create_array(tmp_path / "b", data=small, chunks=(2, 8, 20), zarr_format=3)
    chance, n_read = random.Random(2), 0
    for number in range(80):
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(tmp_path / "ab"[number % 2], path)
        files = sorted(file for file in path.rglob("*") if file.is_file())
        for _ in range(chance.choice((1, 2, 3))):
            file = chance.choice([*files, path / (".zarray", "zarr.json")[number % 2]])
            bad = bytearray(file.read_bytes())
            if bad:
                bad[chance.randrange(len(bad))] = chance.choice(b'0129"[]{}<>u.-\x00\xff')
            file.write_bytes(bad[: len(bad) // 2] if chance.random() < 0.1 else bad)
        with (
            contextlib.suppress(InputError),
            contextlib.closing(zarr_movie.open_reader(path, ReadChoice())) as reader,
        ):
            reader.frames(0, 2)
            n_read += 1
    assert n_read > 10
