"""What the user prefers, kept between sessions; a broken file never stops the program."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from caiman_gui.errors import ResourceError
from caiman_gui.io.atomic import write_text_atomic

logger = logging.getLogger(__name__)

FILE_NAME = "settings.json"
MAX_RECENT = 12


def config_folder() -> Path:
    """Return where preferences lie; the variable CAIMAN_GUI_CONFIG_DIR overrides it."""
    override = os.environ.get("CAIMAN_GUI_CONFIG_DIR")
    return Path(override) if override else user_config_path("caiman_gui", appauthor=False)


class Settings(BaseModel):
    """Preferences and the layout of the window. Every assignment is checked."""

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    theme: Literal["dark", "light", "system"] = "dark"
    #: Newest first; the files of one recording in one text, a line each.
    recent_files: list[str] = Field(default_factory=list, max_length=MAX_RECENT)
    last_folder: str = ""
    #: Base64 of QMainWindow.saveGeometry() and saveState().
    geometry: str = ""
    window_state: str = ""
    #: Name of a splitter -> sizes in px.
    splitters: dict[str, list[int]] = Field(default_factory=dict)
    last_tab: str = ""
    auto_advance: bool = True
    show_log: bool = False
    playback_rate: float = Field(1.0, gt=0, le=100)
    #: 0: as many as the computer has cores.
    n_threads: int = Field(0, ge=0, le=1024)
    #: Budget in GiB; 0: half of what is free.
    memory_gib: float = Field(0.0, ge=0, le=65536)
    autosave: bool = True

    _folder: Path | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, folder: Path | None = None) -> Settings:
        """Read the preferences; whatever cannot be used is dropped, one by one."""
        place = folder if folder is not None else config_folder()
        settings = _valid(_read(place / FILE_NAME))
        settings._folder = place
        return settings

    def save(self) -> bool:
        """Write what differs from the defaults; a folder that cannot be written is no error."""
        folder = self._folder if self._folder is not None else config_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_text_atomic(folder / FILE_NAME, self.model_dump_json(exclude_defaults=True))
        except (OSError, ResourceError) as exc:
            logger.warning("The preferences could not be saved: %s", exc)
            return False
        return True

    @property
    def recent(self) -> list[tuple[Path, ...]]:
        """What was opened, newest first: a project, a folder, or the files of one recording."""
        return [tuple(map(Path, text.split("\n"))) for text in self.recent_files]

    def add_recent(self, *paths: Path) -> None:
        """Put a recording, or a project, on top of the recent ones, and remember its folder."""
        text = "\n".join(map(str, paths))
        others = [name for name in self.recent_files if name != text]
        self.recent_files = [text, *others][:MAX_RECENT]
        self.last_folder = str(paths[0].parent)

    def remove_recent(self, *paths: Path) -> None:
        """Take what is gone from the list."""
        text = "\n".join(map(str, paths))
        self.recent_files = [name for name in self.recent_files if name != text]


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        logger.warning("The preferences in %s cannot be read (%s); defaults are used", path, exc)
        return {}
    if not isinstance(values, dict):
        logger.warning("The preferences in %s are not a table; defaults are used", path)
        return {}
    return values


def _valid(values: dict[str, Any]) -> Settings:
    while True:
        try:
            return Settings.model_validate(values)
        except ValidationError as exc:
            bad = {str(error["loc"][0]) for error in exc.errors()}
            logger.warning("Preferences dropped because they cannot be used: %s", sorted(bad))
            values = {key: value for key, value in values.items() if key not in bad}
