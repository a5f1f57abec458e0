from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "caiman_gui"
QT = ("PySide6", "pyqtgraph", "superqt", "qtpy")
LOWER = ("errors", "params", "core", "io", "project", "pipeline", "cli", "logs")


def modules(*names: str) -> list[str]:
    """Dotted names of all modules of some sub-packages."""
    found = []
    for name in names:
        single = PACKAGE / f"{name}.py"
        files = [single] if single.is_file() else sorted((PACKAGE / name).rglob("*.py"))
        for file in files:
            dotted = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            found.append(dotted.removesuffix(".__init__"))
    return found


def run_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=100,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


def imported_names(path: Path) -> set[str]:
    """Dotted names that a file imports, with what it takes from them."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_the_lower_packages_load_no_qt():
    code = (
        "import importlib, sys\n"
        f"for name in {modules(*LOWER)!r}: importlib.import_module(name)\n"
        f"print([m for m in sys.modules if m.split('.')[0] in {QT!r}])"
    )
    assert run_python(code).strip() == "[]"


def test_starting_the_command_line_loads_nothing_slow():
    slow = ("numba", "cv2", "scipy", "h5py", "tifffile", "numpy", *QT)
    code = (
        "import sys\n"
        "from caiman_gui.cli import main\n"
        "import caiman_gui.cli.params\n"
        f"print(sorted({{m.split('.')[0] for m in sys.modules}} & set({slow!r})))"
    )
    assert run_python(code).strip() == "[]"


def test_app_has_no_widgets():
    forbidden = ("PySide6.QtWidgets", "pyqtgraph", "superqt")
    for path in sorted((PACKAGE / "app").rglob("*.py")):
        bad = {name for name in imported_names(path) if name.startswith(forbidden)}
        assert not bad, f"{path.name} imports {bad}"


def test_app_uses_only_the_undo_classes_of_qtgui():
    allowed = {"PySide6.QtGui", "PySide6.QtGui.QUndoStack", "PySide6.QtGui.QUndoCommand"}
    for path in sorted((PACKAGE / "app").rglob("*.py")):
        found = {name for name in imported_names(path) if name.startswith("PySide6.QtGui")}
        assert found <= allowed, f"{path.name} imports {found - allowed}"


def test_nothing_is_pickled_printed_or_slept_through():
    for path in sorted(PACKAGE.rglob("*.py")):
        names = imported_names(path)
        assert not names & {"pickle", "time.sleep"}, path
        tree = ast.parse(path.read_text(encoding="utf-8"))
        calls = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        assert not calls & {"time.sleep", "QApplication.processEvents"}, path
        if "cli" not in path.parts:
            assert "print" not in calls, path


def test_no_file_is_too_long_to_read():
    too_long = {
        str(path.relative_to(ROOT)): n_lines
        for path in sorted(PACKAGE.rglob("*.py"))
        if (n_lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not too_long


@pytest.mark.slow
def test_layers_point_down():
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("import-linter is not installed")
    result = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert result.returncode == 0, result.stdout
