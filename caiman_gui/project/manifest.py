"""The small JSON file of a project, checked entry by entry when it is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from caiman_gui.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMAT = "caiman-gui-project"
SCHEMA = 2
#: A manifest is a few kilobytes; a much larger file is something else.
MAX_BYTES = 64 * 2**20

_LONGEST_PATH = 4096
_LONGEST_NAME = 255
_MOST_DIGITS = 18

#: Schema -> function that turns a manifest of it into one of the next schema.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: lambda values: {**values, "schema": 2},  # 2 knows preparation and timestamps; 1 had none
}


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)


class FileEntry(_Entry):
    """Where one movie file lies: seen from the project, and absolutely as a second hint."""

    path: str = Field("", max_length=_LONGEST_PATH)
    absolute: str = Field("", max_length=_LONGEST_PATH)


class DatasetEntry(_Entry):
    """An array inside a movie file, as DatasetRef holds it."""

    path: str
    shape: list[int]
    dtype: str
    axes: str


class RecordingEntry(_Entry):
    """The recording, as RecordingRef holds it."""

    files: list[FileEntry] = Field(min_length=1)
    n_frames: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    dtype: str
    fingerprint: str
    frame_rate_hz: float | None = Field(None, gt=0)
    frame_rate_source: str = ""
    pixel_size_um: float | None = Field(None, gt=0)
    pixel_size_source: str = ""
    indicator: str = ""
    indicator_source: str = ""
    recorded: str = ""
    times_source: str = ""
    format: str = ""
    channels: list[str] = Field([""], min_length=1)
    n_planes: int = Field(1, ge=1)
    datasets: list[DatasetEntry] = []
    dataset: str = ""
    axes: str = ""
    dropped: list[list[int]] = []
    notes: list[str] = []


class StepEntry(_Entry):
    """That a step was run, as StepRecord holds it."""

    key: str
    file: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss_bytes: int = 0
    finished: str = ""

    _plain_file = field_validator("file")(lambda name: plain_name(name))


class HistoryItem(_Entry):
    """One edit, as HistoryEntry holds it."""

    action: str
    ids_in: list[int] = []
    ids_out: list[int] = []
    when: str = ""
    manual: bool = True


class Manifest(_Entry):
    """The whole manifest."""

    format: Literal["caiman-gui-project"]
    schema_number: int = Field(alias="schema", ge=1)
    written_by: str = ""
    recording: RecordingEntry | None = None
    params: dict[str, dict[str, Any]] = {}
    regions: list[dict[str, Any]] = []
    steps: dict[str, StepEntry] = {}
    data: dict[str, str] = {}
    labels: dict[str, Literal["accept", "reject", "unsure"]] = {}
    history: list[HistoryItem] = []

    @field_validator("data")
    @classmethod
    def _plain_files(cls, data: dict[str, str]) -> dict[str, str]:
        return {part: plain_name(name) for part, name in data.items()}

    @field_validator("labels")
    @classmethod
    def _numbered(cls, labels: dict[str, Any]) -> dict[str, Any]:
        if not all(key.isdecimal() and len(key) <= _MOST_DIGITS for key in labels):
            raise ValueError("a label without a component number")
        return labels


def plain_name(name: str) -> str:
    """Return a file name unchanged if it cannot lead out of its folder; else ValueError."""
    if any(character in name for character in '/\\:\0"') or name in (".", ".."):
        raise ValueError("a file outside the data folder")
    if len(name.encode(errors="replace")) > _LONGEST_NAME:
        raise ValueError("the name of a file is too long")
    return name


def read_manifest(path: Path) -> Manifest:
    """Read and check the JSON file of a project, of this schema or an older or newer one.

    Raises
    ------
    InputError
        If it is missing, damaged, or no project.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _no_project(path, "it is far too large")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise InputError(
            "The project does not exist", str(path), "Check the name and the folder."
        ) from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise _no_project(path, getattr(exc, "strerror", None) or "it is not text") from exc
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as exc:
        raise _no_project(path, f"it is not complete JSON ({exc})") from exc
    except RecursionError as exc:
        raise _no_project(path, "its brackets are nested too deeply") from exc
    except ValueError as exc:
        raise _no_project(path, "it holds something that is no number") from exc
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise _no_project(path, f"it does not say that it is a {FORMAT}")
    schema = values.get("schema")
    while isinstance(schema, int) and schema < SCHEMA and schema in MIGRATIONS:
        values = MIGRATIONS[schema](values)
        schema = values["schema"]
    try:
        return Manifest.model_validate(values)
    except ValidationError as exc:
        error = exc.errors()[0]
        place = ".".join(str(part)[:60] for part in error["loc"])
        why = error["msg"].removeprefix("Value error, ").replace("Input should", "it should")
        newer = isinstance(schema, int) and schema > SCHEMA
        raise InputError(
            "The project cannot be read",
            f"{path}: {place}: {why}.",
            "It was written by a newer version: update caiman_gui."
            if newer
            else "Open an older copy or the autosave of the project.",
        ) from exc


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a number")


def _no_project(path: Path, why: str) -> InputError:
    return InputError(
        "This is not a project that can be read",
        f"{path}: {why}.",
        "Choose a .cgproj file, or open an older copy or the autosave of the project.",
    )
