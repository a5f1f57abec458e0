"""Widgets: they show and emit, they decide nothing."""
