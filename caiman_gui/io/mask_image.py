"""Images that say which pixels of a recording are left out."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.formats import open_reader
from caiman_gui.io.npy_header import NPY_MAGIC, read_header
from caiman_gui.io.reader import ReadChoice
from caiman_gui.io.refusals import unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def read_mask(path: Path) -> NDArray[np.bool_]:
    """Read an image (TIFF, PNG, NPY ...), in colour or not.

    Returns
    -------
    (H, W) bool
        Where any of its colours is not zero.

    Raises
    ------
    InputError
        If it cannot be read, or holds more than one image.
    """
    axes = "YX" if _is_plain_array(path) else ""
    mask, n_channels = _channel(path, ReadChoice(axes=axes))
    for channel in range(2, n_channels + 1):
        mask |= _channel(path, ReadChoice(axes=axes, channel=channel))[0]
    return mask


def _channel(path: Path, choice: ReadChoice) -> tuple[NDArray[np.bool_], int]:
    """Read one channel (H, W), and how many there are."""
    with closing(open_reader(path, choice)) as reader:
        if reader.shape[0] != 1:
            raise InputError(
                "The mask holds more than one image",
                f"{path} holds {reader.shape[0]} images.",
                "Choose a file of one image, of the size of the recording.",
            )
        return np.asarray(reader.frames(0, 1)[0] != 0), len(reader.facts.channels)


def _is_plain_array(path: Path) -> bool:
    """Tell an array of rows and columns, which readers of movies refuse, from other files."""
    try:
        if path.is_dir():
            raise InputError(
                "The mask is a folder", f"{path} is no image.", "Choose the image file inside it."
            )
        if not path.is_file():  # a pipe would wait for ever
            return False
        with path.open("rb") as file:
            is_array = file.read(len(NPY_MAGIC)) == NPY_MAGIC
    except OSError as exc:
        raise unreadable(path, exc) from exc
    return is_array and len(read_header(path).shape) == 2
