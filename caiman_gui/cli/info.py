"""``caiman-gui info``: what a movie says about itself, and where it says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from caiman_gui.cli.arguments import Parser, movie, parse
from caiman_gui.cli.options import add_parameter_options, given_params
from caiman_gui.files import full_path
from caiman_gui.pipeline.workspace import look_at

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.cli.program import OpenWindow
    from caiman_gui.params.run import RunParams


def main(arguments: list[str], open_window: OpenWindow | None = None) -> int:
    """Print the description of a recording; return the exit code."""
    parser = Parser("info", "Say what is known about a movie, and where each value comes from.")
    parser.add_argument("movies", nargs="+", type=movie, metavar="MOVIE", help="in order of time")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_parameter_options(parser, ("recording", "raw"))
    options = parse(parser, arguments)
    if options is None:
        return 0
    facts = describe(options.movies, given_params(options).params)
    print(json.dumps(facts, indent=2) if options.json else _as_text(facts))
    return 0


def describe(paths: list[Path], params: RunParams | None = None) -> dict[str, Any]:
    """Describe a recording in plain values.

    Raises
    ------
    InputError
        If a file is missing, unreadable or of the wrong kind.
    """
    looked = look_at([full_path(path) for path in paths], params)
    found = looked.recording
    times = looked.times.seconds if looked.times is not None else None
    return {
        "files": [str(path) for path in found.paths],
        "format": found.format,
        "shape": list(found.shape),
        "dtype": found.dtype,
        "frame_rate_hz": found.frame_rate_hz,
        "frame_rate_source": found.frame_rate_source or "unknown",
        "pixel_size_um": found.pixel_size_um,
        "pixel_size_source": found.pixel_size_source or "unknown",
        "channels": len(found.channels),
        "channel_names": list(found.channels),
        "planes": found.n_planes,
        "indicator": found.indicator or None,
        "indicator_source": found.indicator_source or "unknown",
        "recorded": found.recorded or None,
        "timestamps_source": found.times_source or "none",
        "first_timestamp_s": float(times[0]) if times is not None else None,
        "last_timestamp_s": float(times[-1]) if times is not None else None,
        "dropped_frames": sum(count for _, count in found.dropped),
        "dataset": found.dataset or None,
        "axes": found.axes or None,
        "datasets": [
            {"path": d.path, "shape": list(d.shape), "dtype": d.dtype, "axes": d.axes}
            for d in found.datasets
        ],
        "notes": list(found.notes),
    }


def _as_text(facts: dict[str, Any]) -> str:
    n_frames, height, width = facts["shape"]
    rate = facts["frame_rate_hz"]
    names = ", ".join(name for name in facts["channel_names"] if name)
    rows = [
        *(("file", path) for path in facts["files"]),
        ("format", facts["format"]),
        ("frames", str(n_frames)),
        ("field", f"{height} x {width} px (rows x columns)"),
        ("samples", facts["dtype"]),
        ("frame rate", _value(rate, "Hz", facts["frame_rate_source"])),
        ("duration", f"{n_frames / rate:.4g} s" if rate else "unknown"),
        ("pixel size", _value(facts["pixel_size_um"], "µm", facts["pixel_size_source"])),
        ("channels", f"{facts['channels']}{f' ({names})' if names else ''}"),
        ("planes", str(facts["planes"])),
        ("indicator", _word(facts["indicator"], facts["indicator_source"])),
        ("recorded", facts["recorded"] or "not in the file"),
        ("timestamps", facts["timestamps_source"]),
    ]
    if facts["timestamps_source"] != "none":
        rows.append(("dropped", f"{facts['dropped_frames']} frames"))
    if facts["datasets"]:
        rows.append(("dataset", f"{facts['dataset']} (axes {facts['axes']})"))
        rows += [
            ("", f"{item['path']}  {' x '.join(map(str, item['shape']))}  {item['dtype']}")
            for item in facts["datasets"]
            if item["path"] != facts["dataset"]
        ]
    rows += [("note", note) for note in facts["notes"]]
    return "\n".join(f"{name:<11} {text}" for name, text in rows)


def _value(number: float | None, unit: str, source: str) -> str:
    return f"{number:.4g} {unit} ({source})" if number else "not in the file"


def _word(text: str | None, source: str) -> str:
    return f"{text} ({source})" if text else "not in the file"
