"""The algorithms: pure numpy and scipy, no Qt, no files."""
