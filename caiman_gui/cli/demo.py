"""``caiman-gui demo``: the program on data that it makes itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from caiman_gui.cli.arguments import Parser, parse
from caiman_gui.cli.console import Console, ConsoleContext
from caiman_gui.cli.interrupt import run_interruptible
from caiman_gui.cli.program import INTERRUPTED
from caiman_gui.core.task import Cancelled
from caiman_gui.files import full_path

if TYPE_CHECKING:
    from caiman_gui.cli.program import OpenWindow

FOLDER_NAME = "caiman_gui demo"


def main(arguments: list[str], open_window: OpenWindow | None = None) -> int:
    """Make the demo recording and open it, or analyse it where there is no display."""
    parser = Parser("demo", "Make the demo recording (simulated) and open it in the window.")
    parser.add_argument("-o", "--out", type=Path, help="folder; default: in your documents")
    parser.add_argument("--quiet", action="store_true", help="only errors on the terminal")
    options = parse(parser, arguments)
    if options is None:
        return 0
    folder = full_path(options.out) if options.out else default_folder()
    console = Console(quiet=options.quiet)
    try:
        movie = _make(folder, console)
    except Cancelled:
        console.say("Stopped by you.")
        return INTERRUPTED
    finally:
        console.close()
    console.say(f"Demo recording: {movie}")
    if open_window is not None and has_display():
        return open_window([movie])
    return _analyse(movie, folder / "results", options.quiet)


def has_display() -> bool:
    """Tell whether a window would be seen by somebody."""
    if os.environ.get("QT_QPA_PLATFORM", "").startswith(("offscreen", "minimal")):
        return False
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def default_folder() -> Path:
    """Where the demo goes unless told: the documents, else the program's data folder."""
    import platformdirs

    if folder := os.environ.get("CAIMAN_GUI_DATA_DIR"):
        return Path(folder) / "demo"
    documents = platformdirs.user_documents_path()
    if documents.is_dir() and os.access(documents, os.W_OK):
        return documents / FOLDER_NAME
    return platformdirs.user_data_path("caiman_gui", appauthor=False) / "demo"


def _make(folder: Path, console: Console) -> Path:
    from caiman_gui.pipeline.demo import make_demo

    console.say("Making the demo recording ...")
    ctx = ConsoleContext(console)
    return run_interruptible(lambda: make_demo(folder, ctx), ctx)


def _analyse(movie: Path, out: Path, quiet: bool) -> int:
    """Run the pipeline as ``caiman-gui run`` does."""
    from caiman_gui.cli import run

    arguments = [str(movie), "-o", str(out), "--overwrite", *(["--quiet"] if quiet else [])]
    code = run.main(arguments)
    if code == 0:
        print(f"Results:  {out}")
        print(f"Picture:  {out / 'summary.png'}")
        print(f"Project:  {out / (movie.stem + '.cgproj')}")
    return code
