"""Source extraction (CNMF)."""

from caiman_gui.core.sources.cnmf import extract_sources

__all__ = ["extract_sources"]
