"""Argument parsers that speak our words, and values with units."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from caiman_gui.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

_UNITS = {"": 1, "b": 1}
_UNITS |= {f"{p}{s}": 1000**n for n, p in enumerate("kmgt", 1) for s in ("", "b")}
_UNITS |= {f"{p}ib": 1024**n for n, p in enumerate("kmgt", 1)}
_LEAST_MEMORY = 256 * 10**6


class Parser(argparse.ArgumentParser):
    """Raises ParameterError where argparse would print and exit."""

    def __init__(self, command: str, description: str, **options: str) -> None:
        super().__init__(
            prog=f"caiman-gui {command}",
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=options.get("epilog"),
        )

    def error(self, message: str) -> NoReturn:
        raise ParameterError(
            "Wrong usage", f"{self.prog}: {message}.", f"See '{self.prog} --help'."
        )


def parse(parser: Parser, arguments: list[str]) -> argparse.Namespace | None:
    """Parse arguments; None if they asked for help, which then was printed."""
    try:
        return parser.parse_args(arguments)
    except SystemExit:  # --help
        return None


def memory_size(text: str) -> int:
    """Bytes of ``4GB``, ``512 MiB`` or ``2000000000``.

    Raises
    ------
    ParameterError
        If it is no size, or too small to work with.
    """
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", text.lower())
    if match is None or match[2] not in _UNITS:
        raise ParameterError(
            "The memory budget is no size",
            f"--memory {text}: a number with a unit is expected.",
            "Write it like 4GB or 500MB.",
        )
    value = int(float(match[1]) * _UNITS[match[2]])
    if value < _LEAST_MEMORY:
        raise ParameterError(
            "The memory budget is too small",
            f"--memory {text} is {value} bytes; at least 256MB are needed.",
            "Give more, or leave the option out.",
        )
    return value


def positive(option: str) -> Callable[[str], int]:
    """Return a converter for a whole number of at least 1."""

    def convert(text: str) -> int:
        if not text.strip().isdecimal() or int(text) < 1:
            raise ParameterError(
                f"{option} {text} cannot be used",
                "A whole number of at least 1 is expected.",
                f"Leave {option} out for the default.",
            )
        return int(text)

    return convert


def movie(text: str) -> Path:
    """Return a movie as typed; an empty word would mean the folder the user is in."""
    if not text.strip():
        raise ParameterError(
            "No movie was named", f"MOVIE {text!r} is empty.", "Name a movie file or its folder."
        )
    return Path(text)


def folder(text: str) -> Path:
    """Return a folder as typed; an empty word, as from an unset variable, is refused."""
    if not text.strip():
        raise ParameterError(
            "No folder was named", f"-o {text!r} is empty.", "Name a folder for the results."
        )
    return Path(text)
