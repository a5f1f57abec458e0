"""The actions of the window as data: menus, keys and the sheet of shortcuts are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from caiman_gui.gui import theme

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtWidgets import QWidget

MENUS = ("File", "Edit", "View", "Run", "Help")


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing the user can do.

    Attributes
    ----------
    key : str
        Name of the action, and of the handler that is looked up for it.
    text : str
        Words in the menu.
    menu : str
        Menu, or ``Menu > Submenu``.
    shortcut : str
        Portable key sequence; empty: none.
    icon : str
    needs : {"", "recording", "idle", "busy"}
        When it can be chosen: always, with a movie open, with a movie and no task, with a task.
    group : str
        Actions of one group exclude each other, as a choice.
    is_checkable : bool
    separator_before : bool
    """

    key: str
    text: str
    menu: str
    shortcut: str = ""
    icon: str = ""
    needs: str = ""
    group: str = ""
    is_checkable: bool = False
    separator_before: bool = False


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("open_movie", "Open movie …", "File", "Ctrl+O", "movie"),
    ActionSpec("open_folder", "Open folder …", "File", "Ctrl+Alt+O", "open"),
    ActionSpec("open_project", "Open project …", "File", "Ctrl+Shift+O", "project"),
    ActionSpec("open_demo", "Open the demo recording", "File", "", "demo"),
    ActionSpec("save", "Save", "File", "Ctrl+S", "save", "recording", separator_before=True),
    ActionSpec("save_as", "Save as …", "File", "Ctrl+Shift+S", "", "recording"),
    ActionSpec(
        "export_clip", "Export clip or frame …", "File", "Ctrl+Shift+E", "movie", "recording"
    ),
    ActionSpec("quit", "Quit", "File", "Ctrl+Q", "", separator_before=True),
    ActionSpec("theme_dark", "Dark theme", "View", "", "", "", "theme", True),
    ActionSpec("theme_light", "Light theme", "View", "", "", "", "theme", True),
    ActionSpec("theme_system", "Theme of the system", "View", "", "", "", "theme", True),
    ActionSpec(
        "show_log", "Log", "View", "Ctrl+L", "log", is_checkable=True, separator_before=True
    ),
    ActionSpec("full_screen", "Full screen", "View", "F11", "fit", is_checkable=True),
    ActionSpec("run_step", "Run this step", "Run", "Ctrl+R", "play", "idle"),
    ActionSpec("run_all", "Run all steps", "Run", "Ctrl+Shift+R", "run-all", "idle"),
    ActionSpec("cancel", "Cancel", "Run", "Ctrl+.", "stop", "busy", separator_before=True),
    ActionSpec("shortcuts", "Keyboard shortcuts", "Help", "?", "keyboard"),
    ActionSpec("tutorial", "Tutorial", "Help", "F1", "help"),
    ActionSpec("open_log_folder", "Open log folder", "Help", "", "open"),
    ActionSpec("about", "About caiman_gui", "Help", "", "info", separator_before=True),
)

#: Keys that belong to views, not to menus; for the sheet only.
VIEW_KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Player",
        (
            ("Space", "Play or pause"),
            ("Left / Right", "One frame back or on"),
            ("PgUp / PgDown", "Ten frames back or on (also Shift+arrows)"),
            ("Home / End", "First or last frame"),
            ("I / O", "Play again from here, or up to here"),
            ("L", "Play in a loop, or once"),
            ("/ or Ctrl+G", "Go to a time or a frame"),
            ("C", "Contrast, colours, averaging"),
            ("Del", "Remove the chosen trace"),
            ("Esc", "Put a drawing tool away"),
        ),
    ),
    (
        "Images and plots",
        (
            ("Wheel", "Zoom around the pointer"),
            ("Drag", "Move"),
            ("Double click", "Show all"),
        ),
    ),
    (
        "Review",
        (
            ("Arrows", "Next or previous component"),
            ("G or A", "Accept"),
            ("B or R", "Reject"),
            ("U", "Unsure"),
            ("0", "Back to automatic"),
            ("Backspace", "Back to the last decided"),
            ("Space", "Outlines on or off"),
            ("M", "Merge the selected"),
            ("/", "Go to a number"),
        ),
    ),
    ("Tabs", (("Ctrl+1 … Ctrl+6", "Go to a tab"),)),
)


def build_actions(
    host: QWidget, handlers: Mapping[str, Callable[[], object]]
) -> dict[str, QAction]:
    """Make one QAction for each spec, shared by every menu.

    Parameters
    ----------
    host : QWidget
        Owns the actions.
    handlers : mapping
        Key of a spec -> what it does; a missing one is an error.
    """
    actions: dict[str, QAction] = {}
    groups: dict[str, QActionGroup] = {}
    for spec in ACTIONS:
        action = QAction(spec.text, host)
        action.setObjectName(spec.key)
        if spec.shortcut:
            action.setShortcut(QKeySequence(spec.shortcut))
        if spec.icon:
            theme.set_icon(action, spec.icon)
        action.setCheckable(spec.is_checkable)
        if spec.group:
            group = groups.setdefault(spec.group, QActionGroup(host))
            group.addAction(action)
        action.triggered.connect(_ignore_checked(handlers[spec.key]))
        host.addAction(action)
        actions[spec.key] = action
    return actions


def enable_actions(actions: Mapping[str, QAction], *, has_recording: bool, is_busy: bool) -> None:
    """Grey out what cannot be done now."""
    possible = {
        "": True,
        "recording": has_recording,
        "idle": has_recording and not is_busy,
        "busy": is_busy,
    }
    for spec in ACTIONS:
        actions[spec.key].setEnabled(possible[spec.needs])


def shortcut_groups() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the keys of all actions and views, by group, for the sheet."""
    groups: list[tuple[str, list[tuple[str, str]]]] = []
    for menu in MENUS:
        rows = [(s.shortcut, s.text.rstrip(" …")) for s in ACTIONS if s.menu == menu and s.shortcut]
        if menu == "Edit":
            rows = [("Ctrl+Z", "Undo"), ("Ctrl+Shift+Z", "Redo")]
        if rows:
            groups.append((menu, rows))
    groups.extend((title, list(rows)) for title, rows in VIEW_KEYS)
    return groups


def _ignore_checked(handler: Callable[[], object]) -> Callable[[bool], None]:
    def run(_checked: bool = False) -> None:
        handler()

    return run
