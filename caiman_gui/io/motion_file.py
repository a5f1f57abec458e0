"""The file ``motion.h5``: how every frame was moved."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui import __version__
from caiman_gui.core.results import MotionResult
from caiman_gui.hdf5 import open_hdf5, read_array, require_array, write_hdf5

if TYPE_CHECKING:
    from pathlib import Path

_ABOUT = {
    "shifts": "(frame, patch, (dy, dx)) px ADDED to a frame to align it; rigid: one patch",
    "patch_centers_px": "(patch, (row, column))",
    "patch_size_px": "(height, width)",
    "template": "(row, column)",
    "correlation": "(frame) Pearson correlation of the corrected frame with the template",
    "correlation_before": "(frame) the same for the raw frame",
    "mean_before": "(row, column) mean of the raw movie",
    "mean_after": "(row, column) mean of the corrected movie",
    "valid": "(row, column) 1 where every corrected frame had data",
}


def write_motion(path: Path, motion: MotionResult) -> None:
    """Write shifts, template and quality of a motion correction.

    Raises
    ------
    ResourceError
        If the file cannot be written.
    """
    with write_hdf5(path) as file:
        file.attrs["format"] = "caiman-gui-motion"
        file.attrs["written_by"] = f"caiman-gui {__version__}"
        for name, about in _ABOUT.items():
            file[name] = np.asarray(getattr(motion, name), np.float32)
            file[name].attrs["about"] = about


def read_motion(path: Path) -> MotionResult:
    """Read a motion file; arrays that only show quality may be missing.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    hint = "Choose a motion.h5 that this program wrote, or run motion correction again."
    with open_hdf5(path, "motion file", hint) as file:
        shifts = require_array(file, "shifts", (None, None, 2))
        template = require_array(file, "template", (None, None))
        n_frames, n_patches, _ = shifts.shape
        values = {
            "shifts": shifts,
            "template": template,
            "patch_centers_px": require_array(file, "patch_centers_px", (n_patches, 2)),
            "patch_size_px": require_array(file, "patch_size_px", (2,)),
        }
        for field in fields(MotionResult):
            if field.name in values:
                continue
            shape = (n_frames,) if field.name.startswith("correlation") else template.shape
            value = read_array(file, field.name)
            filler = 1.0 if field.name == "valid" else np.nan
            if value is None or value.shape != shape:
                value = np.full(shape, filler, np.float32)
            values[field.name] = value
        with np.errstate(over="ignore", invalid="ignore"):  # damaged numbers become infinite
            return MotionResult(**{k: np.asarray(v, np.float32) for k, v in values.items()})
