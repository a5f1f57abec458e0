"""Why a file cannot be read, in the same words whatever its format."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from caiman_gui.errors import InputError
from caiman_gui.io.reader import MAX_FRAME_BYTES, SAMPLE_TYPES

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

#: All that libraries raise on damaged files, besides exceptions of their own.
DAMAGE = (
    ValueError, IndexError, KeyError, TypeError, AttributeError, OSError, EOFError,
    OverflowError, AssertionError, ZeroDivisionError, RuntimeError, MemoryError, struct.error,
    zlib.error, SystemError,  # the last one from codecs that are given sizes below zero
)  # fmt: skip
_COPY_HINT = "The file was probably not written or copied to the end: copy or export it again."


def unreadable(path: Path, exc: OSError) -> InputError:
    """Tell why the system does not let a file be read."""
    if isinstance(exc, FileNotFoundError):
        return InputError(
            "The file does not exist",
            str(path),
            "Check the name and the folder, and that the disk is connected.",
        )
    if isinstance(exc, PermissionError):
        return InputError(
            "The file may not be read",
            str(path),
            "Ask for permission to read it, or copy it to a folder of your own.",
        )
    return InputError(
        "The file cannot be read",
        f"{path}: {exc.strerror or exc}.",
        "Check that the disk is connected and the file is not locked by another program.",
    )


def damaged(path: Path, kind: str, why: str) -> InputError:
    """Tell that the content makes no sense. ``kind`` as in "The TIFF file is damaged"."""
    return InputError(f"The {kind} is damaged", f"{path}: {why}.", _COPY_HINT)


def truncated(path: Path, kind: str, readable: int, expected: int) -> InputError:
    """Tell that a file ends before its last frame."""
    return InputError(
        f"The {kind} ends too early",
        f"{path}: only {readable} of {expected} frames are complete.",
        _COPY_HINT,
    )


def in_words(path: Path, kind: str, exc: BaseException, why: str) -> InputError:
    """Tell a disk that fails from content that is damaged, which ``why`` explains."""
    if isinstance(exc, InputError):
        return exc
    if isinstance(exc, OSError) and exc.errno is not None:  # the disk, not the content
        return unreadable(path, exc)
    return damaged(path, kind, why)


def require_sample_type(dtype: np.dtype, path: Path) -> None:
    """Refuse samples that are no brightness: complex, text, 64-bit integers, records."""
    if dtype.str[1:] not in SAMPLE_TYPES:
        raise InputError(
            "The samples are of a type that is not a brightness",
            f"{path} stores {dtype.name}; a movie holds integers of up to 32 bit or real numbers.",
            "Export the movie as 16-bit integers.",
        )


def require_frame_size(path: Path, kind: str, height: int, width: int, dtype: np.dtype) -> None:
    """Refuse frames without pixels, and those that only a damaged header can claim."""
    if height < 1 or width < 1 or height * width * dtype.itemsize > MAX_FRAME_BYTES:
        raise damaged(path, kind, f"it claims frames of {height} x {width} px")


def require_choice(path: Path, word: str, wanted: int, available: int) -> None:
    """Refuse a channel or plane that is not there. ``word`` as in "channel"."""
    if not 1 <= wanted <= available:
        one = available == 1
        raise InputError(
            f"There is no {word} {wanted}",
            f"{path} holds {available} {word}{'' if one else 's'}.",
            f"Choose {word} 1." if one else f"Choose a {word} from 1 to {available}.",
        )
