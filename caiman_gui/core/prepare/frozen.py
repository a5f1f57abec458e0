"""Makes the arrays of a result read-only."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def freeze_arrays(result: DataclassInstance) -> None:
    """Forbid writing into the arrays that are attributes of a result just made."""
    for field in fields(result):
        value = getattr(result, field.name)
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
