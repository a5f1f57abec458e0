"""One file per workflow tab."""
