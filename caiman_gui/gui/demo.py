"""The demo recording: made once, kept in the user's data folder, opened like any movie."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.core.task import TaskContext


def demo_file(ctx: TaskContext) -> Path:
    """Return the demo's file; it is made the first time."""
    from caiman_gui.app.sessions import data_folder
    from caiman_gui.pipeline.demo import FILE_NAME, make_demo

    folder = data_folder() / "demo"
    path = folder / FILE_NAME
    return path if path.exists() else make_demo(folder, ctx)
