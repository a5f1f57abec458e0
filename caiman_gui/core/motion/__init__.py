"""Motion correction (NoRMCorre)."""
