"""Atomic writing, as the readers and writers of this package use it (see caiman_gui.files)."""

from __future__ import annotations

from caiman_gui.files import (
    atomic_path,
    format_bytes,
    free_bytes,
    require_space,
    storage_error,
    write_text_atomic,
)

__all__ = [
    "atomic_path",
    "format_bytes",
    "free_bytes",
    "require_space",
    "storage_error",
    "write_text_atomic",
]
