#!/usr/bin/env python3
"""Set everything up, then run or test caiman_gui. Needs only Python 3.11 or later.

    python3 packaging/dev.py run     open the window on a demo recording
                                     (without a display: run the same pipeline headless)
    python3 packaging/dev.py test    run the whole test suite, offscreen
    python3 packaging/dev.py check   run the linters and the type checker only
    python3 packaging/dev.py setup   only set up

Words after the command are passed on, for instance: test -k motion. The first call makes .venv
beside this checkout and takes a few minutes; later calls take seconds.
"""

import ctypes
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "caiman-gui-setup"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"

# Library that Qt loads -> Debian packages that may hold it (the first one that exists is taken).
OFFSCREEN_LIBRARIES = {
    "libGL.so.1": ["libgl1"],
    "libEGL.so.1": ["libegl1"],
    "libglib-2.0.so.0": ["libglib2.0-0t64", "libglib2.0-0"],
    "libxkbcommon.so.0": ["libxkbcommon0"],
    "libdbus-1.so.3": ["libdbus-1-3"],
    "libfontconfig.so.1": ["libfontconfig1"],
}
WINDOW_LIBRARIES = {
    "libxcb-cursor.so.0": ["libxcb-cursor0"],
    "libxcb-icccm.so.4": ["libxcb-icccm4"],
    "libxcb-image.so.0": ["libxcb-image0"],
    "libxcb-keysyms.so.1": ["libxcb-keysyms1"],
    "libxcb-render-util.so.0": ["libxcb-render-util0"],
    "libxcb-shape.so.0": ["libxcb-shape0"],
    "libxcb-xinerama.so.0": ["libxcb-xinerama0"],
    "libxcb-xkb.so.1": ["libxcb-xkb1"],
    "libxkbcommon-x11.so.0": ["libxkbcommon-x11-0"],
}
# A virtual screen, and a window manager, without which no window gets the keyboard.
TEST_PROGRAMS = {"Xvfb": ["xvfb"], "openbox": ["openbox"]}


def main(arguments):
    """Set up what the command needs, run it, and return its exit code."""
    commands = {"run": run, "test": test, "check": check, "setup": lambda _: 0}
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 0 if arguments and arguments[0] in ("-h", "--help", "help") else 2
    command, rest = arguments[0], arguments[1:]
    require_python()
    require_system_packages(command)
    require_venv()
    return commands[command](rest)


def run(rest):
    """Open the window on the demo recording; headless without a display."""
    return call([venv_python(), "-m", "caiman_gui", "demo", *rest])


def test(rest):
    """Run the whole test suite without a display."""
    environment = dict(os.environ, QT_QPA_PLATFORM="offscreen", PYTHONFAULTHANDLER="1")
    return call([venv_python(), "-m", "pytest", *rest], environment)


def check(rest):
    """Run the linters, the type checker and the layer contracts."""
    tools = (
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "mypy"],
        [
            "-c",
            "import sys; from importlinter.cli import lint_imports_command; "
            "sys.exit(lint_imports_command())",
        ],
    )
    return max(call([venv_python(), *tool]) for tool in tools)


def require_python():
    """Stop with a clear word on an interpreter that is too old."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it may be started by an older one
        found = ".".join(map(str, sys.version_info[:3]))
        stop(f"Python 3.11 or later is needed; this is {found} ({sys.executable}).")


def require_system_packages(command):
    """Install the system libraries that are missing, or say which command does it."""
    if not sys.platform.startswith("linux"):
        return
    libraries = dict(OFFSCREEN_LIBRARIES)
    if command == "test" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        libraries |= WINDOW_LIBRARIES
    wanted = [packages for name, packages in libraries.items() if not loads(name)]
    if command == "test":
        wanted += [p for name, p in TEST_PROGRAMS.items() if shutil.which(name) is None]
    if importlib.util.find_spec("ensurepip") is None and not venv_python().exists():
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        wanted.append([f"python{version}-venv", "python3-venv"])
    if wanted:
        apt_install(wanted)


def loads(library):
    """Tell whether the system has a shared library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def apt_install(wanted):
    """Install one package of each list with apt where that is allowed; else print the line."""
    if shutil.which("apt-get") is None:
        names = " ".join(packages[-1] for packages in wanted)
        print(f"System libraries are missing. Their names on Debian are: {names}", file=sys.stderr)
        print(
            "Install them with your package manager if the window does not open.", file=sys.stderr
        )
        return
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    allowed = not prefix or (
        shutil.which("sudo") is not None
        and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    )
    if allowed:
        print("Installing system libraries with apt ...", flush=True)
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        call([*prefix, "apt-get", "update", "-qq"], environment)
        names = [next((p for p in packages if apt_knows(p)), packages[-1]) for packages in wanted]
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names]
        if call([*prefix, *install], environment) == 0:
            return
        stop("apt-get could not install: " + " ".join(names))
    names = [next((p for p in packages if apt_knows(p)), packages[-1]) for packages in wanted]
    stop(
        "System libraries are missing, and this user may not install them. Please run\n\n"
        f"    sudo apt-get install -y --no-install-recommends {' '.join(names)}\n\n"
        "and then this command again."
    )


def apt_knows(package):
    """Tell whether apt could install a package of this name."""
    found = subprocess.run(
        ["apt-cache", "show", "--no-all-versions", package], capture_output=True, check=False
    )
    return found.returncode == 0 and bool(found.stdout.strip())


def require_venv():
    """Make .venv and install the project into it, unless that was done for these very files."""
    wanted = setup_fingerprint()
    if venv_python().exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    if not venv_works():
        print(f"Making {VENV} ...", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        if call([sys.executable, "-m", "venv", str(VENV)]) != 0:
            stop("The virtual environment could not be made; see the lines above.")
    print("Installing caiman_gui and what it needs (a few minutes the first time) ...", flush=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    code = call([venv_python(), *install, "-c", str(CONSTRAINTS), "-e", f"{ROOT}[test]"])
    if code != 0:
        stop("Some packages could not be installed; see the lines above. Is there a network?")
    STAMP.write_text(wanted, encoding="utf-8")


def venv_works():
    """Tell whether .venv holds a Python that starts and has pip."""
    if not venv_python().exists():
        return False
    probe = [str(venv_python()), "-m", "pip", "--version"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def setup_fingerprint():
    """Return a text that changes when the environment has to be installed anew."""
    digest = hashlib.sha256()
    for path in (ROOT / "pyproject.toml", CONSTRAINTS):
        digest.update(path.read_bytes())
    return f"{digest.hexdigest()} {platform.python_version()} {ROOT}\n"


def venv_python():
    """Return the interpreter inside .venv."""
    if os.name == "nt":
        return VENV / "Scripts" / "python.exe"
    return VENV / "bin" / "python"


def call(words, environment=None):
    """Run a program in the project's folder and return its exit code."""
    words = [str(word) for word in words]
    try:
        return subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130


def stop(message):
    """End with a message on stderr."""
    print(message, file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
