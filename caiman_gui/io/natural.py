"""The order people expect of numbered files: ``day2`` before ``day10``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts ``day2`` before ``day10``, whatever the case of letters."""
    parts: list[tuple[int, str]] = []
    digits = ""
    for char in path.name.lower() + "\0":
        if "0" <= char <= "9":
            digits += char
            continue
        if digits:
            parts.append((int(digits), ""))
            digits = ""
        parts.append((-1, char))
    return parts
