"""Application services on QtCore: tasks, document, undo. No widgets."""
