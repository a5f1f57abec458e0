"""Pickled settings: the real ones are read like NumPy does, hostile ones never run anything."""

from __future__ import annotations

import datetime
import os
import pathlib
import pickle
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caiman_gui.errors import InputError
from caiman_gui.io import pickle_values
from caiman_gui.io.safe_npy import read_objects

HEADER = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"


def write_pickle(path: Path, content: bytes) -> Path:
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(HEADER)) + HEADER + content)
    return path


def require_same(found: Any, expected: Any) -> None:
    """Compare with what NumPy unpickles, allowing for what becomes a list, text or None."""
    if isinstance(expected, np.ndarray) and expected.dtype == object:
        expected = list(expected.ravel())
    if isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            require_same(found[key], value)
    elif isinstance(expected, (list, tuple)):
        assert type(found) is type(expected)
        for one, other in zip(found, expected, strict=True):
            require_same(one, other)
    elif isinstance(expected, datetime.datetime):
        assert found is None
    elif isinstance(expected, pathlib.PurePath):
        assert found == str(expected)
    else:
        expected = expected.item() if isinstance(expected, np.generic) else expected
        assert found == expected or found != found


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        "suite2p-files/suite2p/db.npy",
        "suite2p-files/suite2p/plane0/db.npy",
        "suite2p-files/suite2p/plane0/settings.npy",
        "suite2p-files/suite2p/plane0/ops.npy",
        "suite2p-files/suite2p/plane0/reg_outputs.npy",
        "suite2p-files/suite2p/plane0/detect_outputs.npy",
        "suite2p-files/suite2p/plane0/stat.npy",
        "suite2p-output-examples/fissa-suite2p-example/ops.npy",
        "suite2p-output-examples/fissa-suite2p-example/stat.npy",
        "suite2p-classifiers/classifier_older_15564.npy",
        "suite2p-classifiers/classifier_suite2p_1.1.0.npy",
    ],
)
def test_files_that_suite2p_wrote(shared_data: Path, name: str) -> None:
    expected = np.load(shared_data / name, allow_pickle=True)
    expected = expected[()] if expected.shape == () else expected
    require_same(read_objects(shared_data / name), expected)


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol(tmp_path: Path, protocol: int) -> None:
    shared = np.arange(5, dtype=np.int16)
    value = {
        "number": 3, "long": 2**70, "real": 0.25, "text": "µ", "none": None, "flags": [True, False],
        "bytes": b"\x00\xff", "tuple": (1, (2,), (3, 4, 5, 6)), "empty": [], 7: {"nested": {}},
        "array": np.arange(12, dtype=">f4").reshape(3, 4), "shared": shared, "again": shared,
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "nothing": np.zeros((0, 3)),
        "names": np.array(["a", "bc"]), "scalar": np.float32(1.5), "flag": np.bool_(True),
        "path": pathlib.PurePosixPath("/data/mouse 1"), "when": datetime.datetime(2026, 1, 2),
        "objects": np.array([{"ypix": np.arange(3)}, None], object),
    }  # fmt: skip
    outer = np.array(value, object)
    require_same(
        read_objects(write_pickle(tmp_path / "a.npy", pickle.dumps(outer, protocol))), value
    )


def test_sets_become_lists_and_records_nothing(tmp_path: Path) -> None:
    value = {"set": {3}, "records": np.zeros(2, [("a", "i2")]), "dates": np.zeros(2, "M8[s]")}
    np.save(tmp_path / "a.npy", value, allow_pickle=True)
    assert read_objects(tmp_path / "a.npy") == {"set": [3], "records": None, "dates": None}


class _Runs:
    """Calls a function when it is unpickled."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "value",
    [
        _Runs(os.system, "touch RAN"),
        _Runs(eval, "open('RAN', 'w')"),
        _Runs(exec, "open('RAN', 'w')"),
        _Runs(open, "RAN", "w"),
        _Runs(getattr, _Runs(os.system, "touch RAN"), "x"),
        _Runs(np.save, "RAN", 1),
        _Runs(np.dtype, _Runs(os.system, "touch RAN")),
        {"Ly": 5, "Lx": _Runs(os.system, "touch RAN")},
        [_Runs(os.system, "touch RAN")],
        os.system,
        np.random.default_rng(1),
        InputError("a", "b", "c"),
    ],
    ids=range(12),
)
def test_nothing_is_ever_called(tmp_path: Path, monkeypatch, value: Any, protocol: int) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        content = pickle.dumps(np.array([value], object), protocol)
    except (pickle.PicklingError, TypeError):
        pytest.skip("cannot be pickled that way")
    with pytest.raises(InputError):
        read_objects(write_pickle(tmp_path / "a.npy", content))
    assert not (tmp_path / "RAN").exists()


def global_call(module: str, name: str, arguments: bytes) -> bytes:
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + arguments + b"R."


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b".",
        b"N",
        b"0.",
        b"e.",
        b"\x80\x04K\x01.",
        b"cos\nsystem\n(S'touch RAN'\ntR.",
        b"(S'touch RAN'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch RAN'\no.",
        b"\x80\x02cos\nsystem\n)\x81.",
        b"P1\n.",
        b"\x82\x01.",
        b"c\\x\nq\n.",
        b"]q\x00h\x05.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.",  # 4 EB of bytes
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",  # a byte array of 1 TB
        b"(" * 5000 + b"." + b"t" * 5000,
        b"(" + b"t(" * 100_000 + b"t.",
        b"]" * 100_000 + b"a" * 99_999 + b".",
        b"}" + b")" + b"\x85" * 100_000 + b"Ns.",  # a key that is a tuple, 100,000 deep
        b"}(" + b"]N" + b"u.",
        b"I" + b"9" * 100_000 + b"\n.",
        b"\x8b" + struct.pack("<i", -5) + b".",
        global_call("numpy.core.multiarray", "_reconstruct", b"N"),
        global_call("numpy.core.multiarray", "scalar", b"(NNt"),
        global_call("numpy", "dtype", b"(S'V1000000000'\nt"),
        global_call("numpy", "fromfile", b"(S'/etc/passwd'\nt"),
        global_call("pathlib", "PosixPath", b"(" + b"S'" + b"a" * 70_000 + b"'\nt"),
        global_call("_codecs", "encode", b"(S'x'\nS'hex'\nt"),
        global_call("builtins", "list", b")"),
    ],
)
def test_hostile_pickles_are_refused_at_once(tmp_path: Path, monkeypatch, content: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        read_objects(write_pickle(tmp_path / "a.npy", content))
    assert not (tmp_path / "RAN").exists()


def test_values_without_end_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pickle_values, "_MAX_STEPS", 1000)
    monkeypatch.setattr(pickle_values, "_MAX_TEXT_BYTES", 1000)
    with pytest.raises(InputError, match="more than 1,000 values"):
        read_objects(write_pickle(tmp_path / "a.npy", b"N" * 1001 + b"."))
    twice = b"(" + 2 * (b"c_codecs\nencode\n(S'" + b"a" * 600 + b"'\nS'latin1'\ntR") + b"l."
    with pytest.raises(InputError, match="too much text"):
        read_objects(write_pickle(tmp_path / "a.npy", twice))


def test_a_huge_number_of_a_remembered_value_takes_no_room(tmp_path: Path) -> None:
    content = b"]r\xff\xff\xff\x7fK\x01a."  # the last of 2 billion
    assert read_objects(write_pickle(tmp_path / "a.npy", content)) == 1


def test_shared_values_are_converted_once(tmp_path: Path) -> None:
    """60 lists that each hold the one before twice would be 2**60 values if copied."""
    value: list[Any] = [1]
    for _ in range(30):
        value = [value, value]
    np.save(tmp_path / "a.npy", np.array({"deep": value}, object), allow_pickle=True)
    found = read_objects(tmp_path / "a.npy")["deep"]
    assert found[0] is found[1]


def impossible_array(shape: tuple) -> bytes:
    """A pickled array of 77 samples that claims another shape."""
    inner = np.empty(1, object)
    inner[0] = np.zeros(77, "u1")
    template = pickle.dumps(inner, 3)
    old, new = (pickle.dumps(sides, 3)[2:-1].replace(b"q\x00", b"") for sides in ((77,), shape))
    assert template.count(old) == 1
    return template.replace(old, new)


@pytest.mark.parametrize("shape", [(5,), (2**40, 2**40), (-4,), (2**62,), (0,)])
def test_arrays_whose_shape_does_not_fit(tmp_path: Path, shape: tuple) -> None:
    content = impossible_array(shape)
    with pytest.raises(InputError, match="cannot be read"):
        read_objects(write_pickle(tmp_path / "a.npy", content))


def test_numbers_are_not_settings(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(5))
    with pytest.raises(InputError, match="numbers where settings"):
        read_objects(tmp_path / "a.npy")
    with pytest.raises(InputError, match="does not exist"):
        read_objects(tmp_path / "b.npy")


def test_every_cut_and_every_flipped_byte(tmp_path: Path) -> None:
    value = {"Ly": 5, "img": np.arange(4.0), "s": np.int64(3), "p": pathlib.PurePosixPath("/a")}
    np.save(tmp_path / "a.npy", np.array(value, object), allow_pickle=True)
    whole = (tmp_path / "a.npy").read_bytes()
    rng = np.random.default_rng(1)
    for at in range(0, len(whole), 2):
        for raw in (whole[:at], bytes([*whole[:at], int(rng.integers(256)), *whole[at + 1 :]])):
            (tmp_path / "b.npy").write_bytes(raw)
            with suppress(InputError):
                read_objects(tmp_path / "b.npy")
