"""Preferences: kept between sessions, and never the reason why the program does not start."""

from __future__ import annotations

import json
import os

import pytest
from pydantic import ValidationError

from caiman_gui.app.settings import FILE_NAME, Settings, config_folder


def test_round_trip(tmp_path) -> None:
    settings = Settings.load(tmp_path)
    settings.theme = "light"
    settings.splitters = {"review": [300, 200]}
    settings.add_recent(tmp_path / "a.tif")
    assert settings.save()
    again = Settings.load(tmp_path)
    assert again == settings
    assert again.last_folder == str(tmp_path)
    assert "auto_advance" not in json.loads((tmp_path / FILE_NAME).read_text()), "only what differs"


def test_the_folder_comes_from_the_environment(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("CAIMAN_GUI_CONFIG_DIR", str(tmp_path / "deep" / "er"))
    assert config_folder() == tmp_path / "deep" / "er"
    settings = Settings.load()
    settings.theme = "light"
    assert settings.save()
    assert Settings.load().theme == "light"


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "\x00\x01", '{"theme": "da'])
def test_a_broken_file_gives_defaults(tmp_path, text, caplog) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert Settings.load(tmp_path).theme == "dark"
    assert "defaults are used" in caplog.text


def test_bytes_that_are_no_text_give_defaults(tmp_path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"\xff\xfe\xfa")
    assert Settings.load(tmp_path).theme == "dark"


def test_unusable_keys_are_dropped_one_by_one(tmp_path, caplog) -> None:
    values = {"theme": "pink", "auto_advance": False, "from_the_future": 1, "n_threads": -4}
    (tmp_path / FILE_NAME).write_text(json.dumps(values))
    settings = Settings.load(tmp_path)
    assert settings.theme == "dark"
    assert settings.n_threads == 0
    assert settings.auto_advance is False
    assert "from_the_future" in caplog.text


def test_wrong_assignments_are_refused(tmp_path) -> None:
    settings = Settings.load(tmp_path)
    with pytest.raises(ValidationError):
        settings.theme = "pink"
    assert settings.theme == "dark"


def test_recent_files_newest_first_each_once(tmp_path) -> None:
    settings = Settings.load(tmp_path)
    for name in ("a", "b", "a", *"cdefghijklmno"):
        settings.add_recent(tmp_path / name)
    assert len(settings.recent_files) == 12
    assert settings.recent_files[0] == str(tmp_path / "o")
    settings.remove_recent(tmp_path / "o")
    assert settings.recent_files[0] == str(tmp_path / "n")


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path, caplog) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = Settings.load(tmp_path / "file" / "below")
    settings.theme = "light"
    assert not settings.save()
    assert "could not be saved" in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_a_folder_without_permission_is_no_error(tmp_path) -> None:
    tmp_path.chmod(0o500)
    settings = Settings.load(tmp_path)
    settings.theme = "light"
    assert not settings.save()
    tmp_path.chmod(0o700)
