"""Start of the program: a sub-command goes to the command line, anything else to the window."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; by default those it was started with.
    """
    with _quiet_interrupt():
        return _start(argv)


@contextlib.contextmanager
def _quiet_interrupt() -> Iterator[None]:
    """Leave at once on Ctrl-C where nothing was begun yet.

    An exception in the midst of an import would be shown with its traceback, or crash a library.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        os._exit(130)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start(argv: Sequence[str] | None) -> int:
    multiprocessing.freeze_support()
    choose_kernel_cache()
    keep_algebra_single_threaded()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        return _open_window([])
    from caiman_gui.cli import COMMANDS
    from caiman_gui.cli import main as run_command

    if arguments[0] in COMMANDS or not _names_file(arguments[0]):
        return run_command(arguments, _open_window)
    from caiman_gui.files import full_path

    return _open_window([full_path(Path(argument)) for argument in arguments])


def _names_file(word: str) -> bool:
    if word.startswith("-") or not word:
        return False
    try:
        return Path(word).expanduser().exists()
    except (OSError, RuntimeError, ValueError):  # too long for a name, "~" of nobody
        return False


def choose_kernel_cache() -> None:
    """Let compiled kernels be kept where the user may write, before numba is imported.

    By default numba writes beside the modules, which an installed program may not do.
    """
    if "NUMBA_CACHE_DIR" in os.environ:
        return
    import platformdirs

    folder = platformdirs.user_cache_path("caiman_gui", appauthor=False) / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(folder, os.W_OK)
    except OSError:
        is_writable = False
    if not is_writable:
        folder = Path(tempfile.gettempdir()) / "caiman_gui-kernels"
    os.environ["NUMBA_CACHE_DIR"] = str(folder)


def keep_algebra_single_threaded() -> None:
    """Give the linear algebra libraries one thread each, before NumPy is imported.

    Our threads work on different blocks already: more inside each of them only wait for one
    another (measured: source extraction takes five times as long), and sums would depend on
    their number.
    """
    for name in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM", "BLIS"):
        suffix = "THREADS" if name.endswith("MAXIMUM") else "NUM_THREADS"
        os.environ.setdefault(f"{name}_{suffix}", "1")


def _open_window(paths: list[Path]) -> int:
    if not _can_open_window():
        sys.stderr.write(
            "There is no display for the window.\n"
            "Neither DISPLAY nor WAYLAND_DISPLAY is set.\n"
            "Use 'caiman-gui run' instead, or log in with a desktop (ssh -X).\n"
        )
        return 4
    from caiman_gui.gui.application import main as show

    signal.signal(signal.SIGINT, signal.default_int_handler)  # work may be unsaved from here on
    return int(show(paths))


def _can_open_window() -> bool:
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in names)


if __name__ == "__main__":
    sys.exit(main())
