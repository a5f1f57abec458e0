"""The demo recording as a file, so that the program can be tried without data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caiman_gui.core.task import NULL_CONTEXT, TaskContext

if TYPE_CHECKING:
    from pathlib import Path

    from caiman_gui.core.synthetic import SyntheticRecording

#: Makes the simulated cells 15 µm wide, as in mouse cortex.
PIXEL_SIZE_UM = 1.5
FILE_NAME = "demo.tif"


def make_demo(folder: Path, ctx: TaskContext = NULL_CONTEXT) -> Path:
    """Write the demo recording, a seeded simulation, into a folder.

    Returns
    -------
    Path
        An ImageJ TIFF that knows its frame rate and pixel size.

    Raises
    ------
    ResourceError
        If it cannot be written.
    """
    from caiman_gui.core.synthetic import demo_recording

    path = folder / FILE_NAME
    write_recording(path, demo_recording(ctx))
    return path


def write_recording(path: Path, recording: SyntheticRecording) -> None:
    """Write a simulated movie as an ImageJ TIFF with frame rate and pixel size."""
    import tifffile

    from caiman_gui.io.atomic import atomic_path

    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            recording.movie,
            imagej=True,
            resolution=(1 / PIXEL_SIZE_UM, 1 / PIXEL_SIZE_UM),
            metadata={
                "axes": "TYX",
                "unit": "um",
                "finterval": 1 / recording.frame_rate_hz,
                "fps": recording.frame_rate_hz,
            },
        )
