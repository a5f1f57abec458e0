"""packaging/dev.py: what it finds missing, installs, or asks for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "packaging" / "dev.py"


@pytest.fixture
def dev():
    spec = importlib.util.spec_from_file_location("caiman_gui_dev_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_unknown_command_explains_itself(dev, capsys):
    assert dev.main([]) == 2
    assert dev.main(["--help"]) == 0
    assert capsys.readouterr().out.count("packaging/dev.py run") == 2


def test_a_library_that_is_not_there_is_noticed(dev):
    assert not dev.loads("libno-such-library.so.7")


def test_an_old_python_is_refused_in_words(dev, monkeypatch, capsys):
    monkeypatch.setattr(dev.sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit):
        dev.require_python()
    assert "3.11 or later" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="apt is on Linux")
def test_without_permission_the_exact_line_is_printed(dev, monkeypatch, capsys):
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(dev.shutil, "which", lambda name: None if name == "sudo" else "/usr/bin/x")
    monkeypatch.setattr(dev, "apt_knows", lambda package: package != "libnew")
    with pytest.raises(SystemExit) as ended:
        dev.apt_install([["libnew", "libold"], ["libgl1"]])
    assert ended.value.code == 1
    line = "sudo apt-get install -y --no-install-recommends libold libgl1"
    assert line in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="apt is on Linux")
def test_with_permission_the_packages_are_installed(dev, monkeypatch):
    calls = []
    monkeypatch.setattr(dev.os, "geteuid", lambda: 0)
    monkeypatch.setattr(dev.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(dev, "apt_knows", lambda package: True)
    monkeypatch.setattr(dev, "call", lambda words, environment=None: calls.append(words) or 0)
    dev.apt_install([["libgl1"]])
    assert [words[1] for words in calls] == ["update", "install"]
    assert calls[1][-1] == "libgl1"


def test_the_second_call_installs_nothing(dev, monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.touch()
    monkeypatch.setattr(dev, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(dev, "venv_python", lambda: python)
    monkeypatch.setattr(dev, "venv_works", lambda: True)
    calls = []
    monkeypatch.setattr(dev, "call", lambda words, environment=None: calls.append(words) or 0)
    dev.require_venv()
    dev.require_venv()
    assert len(calls) == 1


def test_another_dependency_installs_anew(dev, monkeypatch, tmp_path):
    before = dev.setup_fingerprint()
    changed = tmp_path / "constraints.txt"
    changed.write_text("numpy==1\n")
    monkeypatch.setattr(dev, "CONSTRAINTS", changed)
    assert dev.setup_fingerprint() != before


def test_windows_has_its_own_place_for_the_interpreter(dev, monkeypatch):
    monkeypatch.setattr(dev, "os", SimpleNamespace(name="nt"))
    assert dev.venv_python().parts[-2:] == ("Scripts", "python.exe")
