"""Former names of the working store, for callers that have not moved yet."""

from __future__ import annotations

from caiman_gui.io.store import StoredMovie as CorrectedMovie
from caiman_gui.io.store_writer import StoreWriter as CorrectedWriter

__all__ = ["CorrectedMovie", "CorrectedWriter"]
