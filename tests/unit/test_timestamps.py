"""Time stamps from tables: the right column and unit, missing frames and the true rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from caiman_gui.errors import InputError
from caiman_gui.io import timestamps as module
from caiman_gui.io.natural import natural_key
from caiman_gui.io.timestamps import dropped_frames, rate_of, read_timestamps, unit_in_name

SECONDS = np.arange(50) / 20 + 3


def saved(tmp_path: Path, text: str, name: str = "times.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("header", "scale", "row", "is_noted"),
    [
        ("Frame Number,Time Stamp (ms),Buffer Index", 1e3, "{k},{t:.0f},0", False),
        ("frame,time [s]", 1, "{k},{t}", False),
        ("Time (us)", 1e6, "{t:.0f}", False),
        ("frame;Zeit;Time ms", 1e3, "{k};0;{t:.1f}", False),
        ("t\ttime", 1e3, "0\t{t:.0f}", True),
        ("", 1e3, "{t:.0f}", True),
        ("", 1, "{k} {t}", True),
        ("", 1e6, "{k},{t:.0f}", True),
        ("", 1e9, "{t:.0f}", True),
        ("", 1, "{t}", True),
    ],
)
def test_column_and_unit_are_found(
    tmp_path: Path, header: str, scale: float, row: str, is_noted: bool
) -> None:
    lines = [row.format(k=k, t=t * scale) for k, t in enumerate(SECONDS)]
    path = saved(tmp_path, "\n".join(([header] if header else []) + lines) + "\n")
    found = read_timestamps(path, len(SECONDS))
    np.testing.assert_allclose(found.seconds, SECONDS, atol=1e-3)
    assert found.source == "times.csv"
    assert any("names no unit" in note for note in found.notes) == is_noted


def test_decimal_commas_and_a_byte_order_mark(tmp_path: Path) -> None:
    lines = [f"{k};{t:.3f}".replace(".", ",") for k, t in enumerate(SECONDS)]
    path = saved(tmp_path, "\ufeffframe;time (s)\r\n" + "\r\n".join(lines))
    np.testing.assert_allclose(read_timestamps(path, 50).seconds, SECONDS, atol=1e-3)


def test_too_many_times_are_cut_too_few_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, "time (s)\n" + "\n".join(map(str, SECONDS)))
    found = read_timestamps(path, 40)
    assert len(found.seconds) == 40
    assert "the first 40" in found.notes[0]
    with pytest.raises(InputError, match="fewer time stamps"):
        read_timestamps(path, 51)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "no table at all",
        "time (s)\n1\ntwo\n3",
        "time (s)\n1\nnan\n3",
        "a,b\n1\n2",
        "frame,time (s)\n1,2\n3",
        "frame,time (s)\n1,2\n3,\n",
        "1\n2\n3\n",  # counts frames, and tells no time
        "time (s)\n1\n3\n2",
        "\x00\x01\x02\xff" * 50,
        "time (s)\n" + "9" * 400,
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        read_timestamps(saved(tmp_path, text), 3)


def test_missing_and_huge_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_timestamps(tmp_path / "none.csv", 3)
    monkeypatch.setattr(module, "MAX_TABLE_BYTES", 10)
    with pytest.raises(InputError, match="larger than"):
        read_timestamps(saved(tmp_path, "time (s)\n" + "1\n" * 9), 3)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Time Stamp (ms)", "ms"),
        ("time_s", "s"),
        ("Timestamp [µs]", "µs"),
        ("seconds", "s"),
        ("time", ""),
        ("timestamps", ""),
        ("ns since start", "ns"),
    ],
)
def test_units_in_headings(name: str, unit: str) -> None:
    assert unit_in_name(name) == unit


def test_missing_frames_are_counted() -> None:
    kept = np.delete(np.arange(100), [10, 40, 41, 42])
    assert dropped_frames(kept / 30) == [(9, 1), (38, 3)]
    assert dropped_frames(np.arange(100) / 30) == []
    jitter = np.random.default_rng(0).uniform(-0.2, 0.2, 100)
    assert dropped_frames((np.arange(100) + jitter) / 30) == []
    for few in ([], [1.0], [1.0, 1.0, 1.0]):
        assert dropped_frames(np.array(few)) == []


@pytest.mark.parametrize("rate", [7.5, 20, 30, 60])
def test_rate_is_right_in_spite_of_rounding_and_gaps(rate: float) -> None:
    numbers = np.delete(np.arange(2000), [50, 51, 700])
    rounded = np.round(numbers / rate * 1000) / 1000
    assert rate_of(rounded) == pytest.approx(rate, rel=1e-3)
    assert np.isnan(rate_of(np.array([1.0])))


def test_natural_order() -> None:
    names = ["msCam10.avi", "msCam9.avi", "MSCAM1.avi", "2.avi", "10.avi", "1.avi"]
    ordered = sorted(map(Path, names), key=natural_key)
    assert [p.name for p in ordered] == [
        "MSCAM1.avi", "msCam9.avi", "msCam10.avi", "1.avi", "2.avi", "10.avi",
    ]  # fmt: skip
