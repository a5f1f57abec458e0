"""The command line: the same pipeline without a window."""

from caiman_gui.cli.program import COMMANDS, main

__all__ = ["COMMANDS", "main"]
