"""The project document on disk."""
