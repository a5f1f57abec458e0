"""``caiman-gui params``: every parameter, for people, programs and the documentation."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from caiman_gui.cli.arguments import Parser, parse
from caiman_gui.params.run import GROUPS, PRESETS, all_specs

if TYPE_CHECKING:
    from caiman_gui.cli.program import OpenWindow
    from caiman_gui.params.base import FieldSpec


def main(arguments: list[str], open_window: OpenWindow | None = None) -> int:
    """Print every parameter; return the exit code."""
    parser = Parser("params", "List every parameter: type, unit, default, range, meaning.")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--markdown", action="store_true", help="as docs/parameters.md")
    options = parse(parser, arguments)
    if options is None:
        return 0
    if options.json:
        print(json.dumps([as_dict(spec) for spec in all_specs()], indent=2, ensure_ascii=False))
    else:
        print(markdown().rstrip() if options.markdown else _as_text())
    return 0


def as_dict(spec: FieldSpec) -> dict[str, Any]:
    """Describe one parameter in plain values."""
    return {
        "name": spec.path,
        "option": spec.option,
        "title": spec.title,
        "type": spec.kind,
        "optional": spec.is_optional,
        "unit": spec.unit,
        "default": spec.default,
        "minimum": spec.minimum,
        "exclusive_minimum": spec.exclusive_minimum,
        "maximum": spec.maximum,
        "choices": list(spec.choices),
        "tier": spec.tier,
        "meaning": spec.help,
        "too_small": spec.too_small,
        "too_large": spec.too_large,
        "caiman": spec.caiman,
        "twin": f"{spec.group}.{spec.twin}" if spec.twin else None,
    }


def markdown() -> str:
    """Return the text of ``docs/parameters.md``."""
    lines = [
        "# Parameters",
        "",
        "Made by `docs/make_parameters.py` from the declarations in `caiman_gui/params`; "
        "do not edit it.",
        "",
        "On the command line a parameter is `--GROUP.NAME VALUE`, with `-` for `_`; in a file it "
        'is nested,\n`{"motion": {"max_shift_px": 9}}`. Names ending in `_px` can be given in '
        "micrometres as `_um`, those\nending in `_frames` in seconds as `_s`.",
        "",
    ]
    for group, model in GROUPS.items():
        lines += [f"## {group}", "", _sentence(model.__doc__), ""]
        lines += [
            "| name | type | unit | default | range | meaning | CaImAn |",
            "| --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [_markdown_row(spec) for spec in all_specs() if spec.group == group]
        lines.append("")
    lines += ["## Presets", "", "| preset | sets |", "| --- | --- |"]
    for name, groups in PRESETS.items():
        values = [f"`{g}.{n}` = {v}" for g, fields in groups.items() for n, v in fields.items()]
        lines.append(f"| `{name}` | {', '.join(values) or 'the defaults'} |")
    return "\n".join(lines) + "\n"


def _markdown_row(spec: FieldSpec) -> str:
    effects = [
        f"Too small: {spec.too_small}." if spec.too_small else "",
        f"Too large: {spec.too_large}." if spec.too_large else "",
        f"Only with {spec.enabled_when[0]} = {_word(spec.enabled_when[1])}."
        if spec.enabled_when
        else "",
    ]
    cells = [
        f"`{spec.name}`",
        spec.kind,
        spec.unit,
        _word(spec.default),
        _range(spec),
        " ".join([spec.help, *(effect for effect in effects if effect)]),
        f"`{spec.caiman}`" if spec.caiman else "",
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _as_text() -> str:
    lines = []
    for spec in all_specs():
        unit = f" {spec.unit}" if spec.unit else ""
        allowed = _range(spec)
        head = f"{spec.path}  ({spec.kind}, default {_word(spec.default)}{unit}"
        lines.append(head + (f", {allowed})" if allowed else ")"))
        lines += textwrap.wrap(spec.help, 90, initial_indent="    ", subsequent_indent="    ")
        if spec.caiman:
            lines.append(f"    CaImAn: {spec.caiman}")
    return "\n".join(lines)


def _range(spec: FieldSpec) -> str:
    if spec.choices:
        return ", ".join(str(choice) for choice in spec.choices)
    lower = "" if spec.minimum is None else f"{'>' if spec.exclusive_minimum else '≥'} "
    low = "" if spec.minimum is None else f"{lower}{spec.minimum:g}"
    high = "" if spec.maximum is None else f"≤ {spec.maximum:g}"
    return ", ".join(part for part in (low, high) if part)


def _word(value: Any) -> str:
    if value is None:
        return "empty"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sentence(text: str | None) -> str:
    return (text or "").strip().splitlines()[0] if text else ""
