"""``caiman-gui info``: what a movie says about itself, and where it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caiman_gui.cli.arguments import Parser, parse

if TYPE_CHECKING:
    from caiman_gui.cli.program import OpenWindow


def main(arguments: list[str], open_window: OpenWindow | None = None) -> int:
    """Print the description of a recording; return the exit code."""
    parser = Parser("info", "Say what is known about a movie, and where each value comes from.")
    parser.add_argument("movies", nargs="+", type=Path, metavar="MOVIE", help="in order of time")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parse(parser, arguments)
    if options is None:
        return 0
    facts = describe(options.movies)
    print(json.dumps(facts, indent=2) if options.json else _as_text(facts))
    return 0


def describe(paths: list[Path]) -> dict[str, Any]:
    """Describe a recording in plain values.

    Raises
    ------
    InputError
        If a file is missing, unreadable or of the wrong kind.
    """
    from caiman_gui.io.movie import open_movie

    with open_movie(paths) as movie:
        info = movie.info
        return {
            "files": [str(path) for path in info.paths],
            "shape": [int(side) for side in movie.shape],
            "dtype": str(info.dtype),
            "frame_rate_hz": info.frame_rate_hz,
            "frame_rate_source": info.frame_rate_source if info.frame_rate_hz else "unknown",
            "pixel_size_um": info.pixel_size_um,
            "pixel_size_source": info.pixel_size_source if info.pixel_size_um else "unknown",
            "channels": info.n_channels,
            "planes": info.n_planes,
            "notes": list(info.notes),
        }


def _as_text(facts: dict[str, Any]) -> str:
    n_frames, height, width = facts["shape"]
    rate = facts["frame_rate_hz"]
    lines = [
        *(f"file        {path}" for path in facts["files"]),
        f"frames      {n_frames}",
        f"field       {height} x {width} px (rows x columns)",
        f"samples     {facts['dtype']}",
        f"frame rate  {_value(rate, 'Hz', facts['frame_rate_source'])}",
        f"duration    {n_frames / rate:.4g} s" if rate else "duration    unknown",
        f"pixel size  {_value(facts['pixel_size_um'], 'µm', facts['pixel_size_source'])}",
        f"channels    {facts['channels']}",
        f"planes      {facts['planes']}",
        *(f"note        {note}" for note in facts["notes"]),
    ]
    return "\n".join(lines)


def _value(number: float | None, unit: str, source: str) -> str:
    return f"{number:.4g} {unit} ({source})" if number else "not in the file"
