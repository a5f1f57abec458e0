"""Take the pictures of the tutorial from the real window, on the demo recording.

    python docs/make_screenshots.py [--out docs/images] [--theme dark] [--size 1280x800]

Run it after every change of the window, and look at the pictures.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from caiman_gui.app.context import AppContext
    from caiman_gui.gui.main_window import MainWindow

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_MS = 180_000


def main() -> int:
    """Run the demo through all steps and picture every tab."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--size", default="1280x800", help="width x height of the window")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "DATA", "LOG"):  # nothing of the user's own in the pictures
            os.environ[f"CAIMAN_GUI_{name}_DIR"] = folder
        picture_all(args.out, args.theme, [int(n) for n in args.size.split("x")])
    return 0


def picture_all(out: Path, theme_name: str, size: list[int]) -> None:
    """Open the window, go through the workflow, and save one picture a tab."""
    from caiman_gui.app.context import build_context
    from caiman_gui.gui import theme
    from caiman_gui.gui.application import make_application
    from caiman_gui.gui.main_window import MainWindow
    from caiman_gui.pipeline.steps import STEP_NAMES

    app = make_application(sys.argv[:1])
    ctx = build_context()
    ctx.settings.theme = theme_name  # type: ignore[assignment]
    theme.apply(app, theme_name)
    window = MainWindow(ctx)
    window.resize(*size)
    window.show()
    live(500)
    save(window, out / "empty.png")

    window.actions_by_key["open_demo"].trigger()
    wait_for(lambda: ctx.document.state.recording is not None, "the demo recording")
    ctx.selection.set_frame(120)
    run(ctx, ("motion", "summary"))
    window.show_tab("inspect")
    live(1500)
    window.tabs["inspect"].suggest_button.click()
    run(ctx, STEP_NAMES)
    accepted = ctx.document.accepted_ids
    ctx.selection.select(accepted[min(4, len(accepted) - 1)])
    for name in window.tabs:
        window.show_tab(name)
        live(1500)  # frames, outlines and plots arrive from the background
        window.toasts.clear()
        save(window, out / f"{name}.png")
    ctx.document.undo_stack.setClean()  # nothing to ask about
    window.close()
    ctx.close()


def run(ctx: AppContext, names: Sequence[str]) -> None:
    """Run some steps and wait for them."""
    ctx.workflow.run(names)
    wait_for(lambda: not ctx.workflow.is_running, ", ".join(names))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Let the window live until something is true."""
    for _ in range(PATIENCE_MS // 50):
        if condition():
            return
        live(50)
    raise SystemExit(f"gave up waiting for {what}")


def live(milliseconds: int) -> None:
    """Let events be handled for a while, without holding the lock that other threads need."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def save(window: MainWindow, path: Path) -> None:
    """Write what the window shows."""
    live(200)
    window.grab().save(str(path))
    print(path)


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the program does itself
    sys.exit(main())
