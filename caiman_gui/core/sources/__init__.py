"""Source extraction (CNMF)."""
