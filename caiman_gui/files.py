"""Files that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import errno
import glob
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from caiman_gui.errors import ResourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Characters of a file's name that its temporary sibling keeps: longer than 255 bytes it may
#: not become.
_KEPT_OF_NAME = 50
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


def full_path(path: Path) -> Path:
    """Return the absolute path of what a user typed; ``~`` of an unknown user stays as it is."""
    with suppress(RuntimeError):
        path = path.expanduser()
    return path.absolute()


def is_file(path: Path) -> bool:
    """Tell whether a file is there, also where the system refuses even to look."""
    try:
        return path.is_file()
    except OSError:  # a name too long for this system, a disk that does not answer
        return False


def exists(path: Path) -> bool:
    """Tell whether a file or folder is there, also where the system refuses even to look."""
    try:
        return path.exists()
    except OSError:  # a name too long for this system, a disk that does not answer
        return False


@contextmanager
def atomic_path(path: Path, *, needed_bytes: int = 0) -> Iterator[Path]:
    """Yield a temporary sibling of ``path`` that replaces it when the block succeeds.

    Parameters
    ----------
    path : Path
        The file to write; missing folders above it are made.
    needed_bytes : int
        Expected size: refused at once if the disk has less left.

    Raises
    ------
    ResourceError
        If the disk is full or may not be written; the old file is then untouched.
    """
    temporary = path.with_name(f".{path.name[:_KEPT_OF_NAME]}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        require_space(path, needed_bytes)
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
    except OSError as exc:
        raise storage_error(exc, path) from exc
    except RuntimeError as exc:
        if not _is_full(exc):  # h5py reports a full disk this way while it closes a file
            raise
        raise storage_error(exc, path) from exc
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_unfinished_siblings(path: Path) -> None:
    """Remove what a killed program has left of ``path``; what is in use stays."""
    pattern = f".{glob.escape(path.name[:_KEPT_OF_NAME])}.{'[0-9a-f]' * 8}.part"
    for leftover in path.parent.glob(pattern):
        with suppress(OSError):
            leftover.unlink()


def write_text_atomic(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def free_bytes(path: Path) -> int | None:
    """Bytes left on the disk of ``path``, which need not exist yet; None if unknown."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def require_space(path: Path, needed_bytes: int) -> None:
    """Refuse to start writing ``needed_bytes`` where there is no room for them.

    Raises
    ------
    ResourceError
        Naming what is needed and what is free.
    """
    free = free_bytes(path.parent)
    if free is None or needed_bytes <= free:
        return
    raise ResourceError(
        "Not enough disk space",
        f"{path.name} needs {format_bytes(needed_bytes)}, but only {format_bytes(free)} are "
        f"free in {path.parent}.",
        "Free some space, or choose a folder on another disk.",
    )


def storage_error(exc: BaseException, path: Path) -> ResourceError:
    """Say in plain words why a file could not be written."""
    number = getattr(exc, "errno", None)
    free = free_bytes(path.parent)
    if _is_full(exc):
        left = f"{format_bytes(free)} free" if free is not None else "no space left"
        return ResourceError(
            "The disk is full",
            f"{path} could not be written ({left}). Nothing half-written was left behind.",
            "Free some space, or choose a folder on another disk.",
        )
    if number in (errno.ENOTDIR, errno.EEXIST):
        return ResourceError(
            "The folder cannot be made",
            f"{path} cannot be written: a part of this path is a file, not a folder.",
            "Choose another folder.",
        )
    if number in _DENIED:
        return ResourceError(
            "The file may not be written",
            f"{path}: {_reason(exc)}.",
            "Choose another folder, or close the program that has the file open.",
        )
    return ResourceError(
        "The file could not be written",
        f"{path}: {_reason(exc)}.",
        "Check that the disk is connected, or choose another folder.",
    )


def format_bytes(count: float) -> str:
    """Write a number of bytes the way people say it, such as ``5.2 GB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _is_full(exc: BaseException) -> bool:
    text = str(exc)  # h5py keeps the number only in its words
    return (
        getattr(exc, "errno", None) in _FULL
        or "No space left" in text
        or "Not enough free space" in text  # tifffile
        or ("requested and" in text and "written" in text)  # numpy
        or f"errno = {errno.ENOSPC}" in text
    )


def _reason(exc: BaseException) -> str:
    return getattr(exc, "strerror", None) or str(exc).strip().rstrip(".") or type(exc).__name__


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())
