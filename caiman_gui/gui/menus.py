"""The menu bar, made from the table of actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu

from caiman_gui.gui import theme
from caiman_gui.gui.actions import ACTIONS, MENUS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QUndoStack

    from caiman_gui.gui.file_menu import FileCommands


@dataclass(frozen=True)
class Menus:
    """The menus by name, and the two below File."""

    by_name: Mapping[str, QMenu]
    recent: QMenu
    export: QMenu


def build_menus(
    window: QMainWindow,
    actions: Mapping[str, QAction],
    files: FileCommands,
    undo_stack: QUndoStack,
) -> Menus:
    """Fill the menu bar of a window."""
    by_name = {name: window.menuBar().addMenu(f"&{name}") for name in MENUS}
    recent, export = QMenu("Recent", window), QMenu("Export", window)
    theme.set_icon(export.menuAction(), "export")
    recent.aboutToShow.connect(lambda: files.fill_recent(recent))
    # The formats come with slow modules, so they are listed when first looked at.
    export.aboutToShow.connect(lambda: files.fill_export(export))
    for spec in ACTIONS:
        menu = by_name[spec.menu]
        if spec.key == "save":
            menu.addMenu(recent)
        if spec.key == "quit":
            menu.addMenu(export)
        if spec.separator_before:
            menu.addSeparator()
        menu.addAction(actions[spec.key])
    _add_undo(window, by_name["Edit"], undo_stack)
    return Menus(by_name, recent, export)


def _add_undo(window: QMainWindow, menu: QMenu, stack: QUndoStack) -> None:
    undo, redo = stack.createUndoAction(window, "Undo"), stack.createRedoAction(window, "Redo")
    undo.setShortcut(QKeySequence("Ctrl+Z"))
    redo.setShortcuts([QKeySequence("Ctrl+Shift+Z"), QKeySequence("Ctrl+Y")])
    for action, icon in ((undo, "undo"), (redo, "redo")):
        theme.set_icon(action, icon)
        menu.addAction(action)
        window.addAction(action)
