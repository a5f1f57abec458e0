"""Keeps two runs from writing into the same folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from caiman_gui.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def folder_lock(out: Path) -> Iterator[None]:
    """Hold a folder for the time of a run, against other runs on this computer.

    The lock lies among the temporary files, so that the folder holds nothing but results; the
    system frees it when the program ends, however it ends.

    Raises
    ------
    ResourceError
        If another run holds it.
    """
    digest = hashlib.sha256(os.fsencode(out.resolve())).hexdigest()[:16]
    try:
        handle = os.open(
            Path(tempfile.gettempdir()) / f"caiman-gui-{digest}.lock", os.O_RDWR | os.O_CREAT, 0o666
        )
    except OSError:  # made by another user, or nothing can be written there: go on without
        yield
        return
    try:
        if not _acquire(handle):
            raise ResourceError(
                "Another run is writing into this folder",
                f"{out} is in use.",
                "Wait for it to end, or choose another folder with -o.",
            )
        yield
    finally:
        os.close(handle)


def _acquire(handle: int) -> bool:
    """Take the lock; False if somebody else has it."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # no locks on this file system
    return True
