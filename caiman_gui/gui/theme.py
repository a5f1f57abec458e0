"""Colours and style of the program: tokens, and how they reach every widget.

A widget that draws with its own colours has a method ``apply_theme(theme)``; buttons and actions
carry the name of their icon in the property ``iconName``. ``apply`` reaches all in a window.
"""

from __future__ import annotations

import atexit
import contextlib
import tempfile
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QColor, QFont, QPalette
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from caiman_gui.gui import resources


@dataclass(frozen=True)
class Theme:
    """One set of colours, as ``#rrggbb`` (or ``rgba(...)`` where see-through)."""

    name: str
    window: str
    panel: str
    raised: str
    hover: str
    line: str
    field: str
    field_line: str
    selected: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_hover: str
    accent_text: str
    on_accent: str
    danger: str
    warning: str
    image: str
    overlay: str
    on_overlay: str
    shade: str
    accepted: str
    rejected: str
    unsure: str
    current: str
    halo: str
    raw: str
    denoised: str
    activity: str


#: Lines of several traces, told apart by colour-blind readers too (Okabe & Ito 2008, softened).
CATEGORICAL = ("#56b4e9", "#e69f00", "#2fb8a6", "#cc79a7", "#d55e00", "#f0e442", "#0072b2")

DARK = Theme(
    name="dark",
    window="#16181a",
    panel="#1d2022",
    raised="#292d30",
    hover="#33383c",
    line="#3b4145",
    field="#121415",
    field_line="#454c51",
    selected="#1f4a46",
    text="#e7e9ea",
    muted="#a5adb3",
    disabled="#6d757b",
    accent="#2fb8a6",
    accent_hover="#45cbb9",
    accent_text="#4fcabb",
    on_accent="#04211d",
    danger="#ff7d6b",
    warning="#f2b84b",
    image="#0c0d0e",
    overlay="rgba(12, 13, 14, 190)",
    on_overlay="#e7e9ea",
    shade="rgba(12, 13, 14, 200)",
    accepted="#35b7d3",
    rejected="#f0703c",
    unsure="#f2d34b",
    current="#ffffff",
    halo="#000000",
    raw="#8b949b",
    denoised="#2fb8a6",
    activity="#f2b84b",
)

LIGHT = Theme(
    name="light",
    window="#eff1f2",
    panel="#fafbfb",
    raised="#e2e5e7",
    hover="#d6dadd",
    line="#c7cdd1",
    field="#ffffff",
    field_line="#a9b1b6",
    selected="#c5e6e1",
    text="#1a1e21",
    muted="#535d64",
    disabled="#8d969c",
    accent="#0a766b",
    accent_hover="#08645b",
    accent_text="#086b61",
    on_accent="#ffffff",
    danger="#b3261e",
    warning="#8a5a00",
    image="#dde1e3",
    overlay="rgba(250, 251, 251, 215)",
    on_overlay="#1a1e21",
    shade="rgba(239, 241, 242, 215)",
    accepted="#00758f",
    rejected="#c0430c",
    unsure="#8a6d00",
    current="#ffffff",
    halo="#000000",
    raw="#7b858c",
    denoised="#0a766b",
    activity="#b06d00",
)

THEMES = {"dark": DARK, "light": LIGHT}
NAMES = ("dark", "light", "system")


def current() -> Theme:
    """Return the theme in force (dark before any was applied)."""
    app = QApplication.instance()
    name = app.property("themeName") if app is not None else None
    return THEMES.get(str(name), DARK)


def resolve(name: str) -> Theme:
    """Return the theme of a setting; ``system`` follows the desktop."""
    if name == "system":
        scheme = QApplication.styleHints().colorScheme()
        return LIGHT if scheme == Qt.ColorScheme.Light else DARK
    return THEMES.get(name, DARK)


def apply(app: QApplication, name: str, root: QWidget | None = None) -> Theme:
    """Give the whole program a theme, and everything in an open window too.

    Parameters
    ----------
    root : QWidget, optional
        The window already open. (``allWidgets`` would also return widgets that wait for
        garbage collection, and can crash.)
    """
    theme = resolve(name)
    app.setProperty("themeName", theme.name)
    app.setStyle("Fusion")
    font = QFont(app.font())
    font.setPixelSize(13)
    app.setFont(font)
    app.setPalette(_palette(theme))
    app.setStyleSheet(style_sheet(theme))
    for widget in [root, *root.findChildren(QWidget)] if root is not None else ():
        _retint(widget, theme)
        for action in widget.actions():
            _retint(action, theme)
        paint = getattr(widget, "apply_theme", None)
        if paint is not None:
            paint(theme)
    return theme


def style_sheet(theme: Theme) -> str:
    """Return the style sheet with the tokens of one theme filled in."""
    icons = _tinted_folder()
    values = asdict(theme)
    values["chevron"] = _tinted(icons, "chevron-down", theme.muted)
    values["tick"] = _tinted(icons, "check", theme.on_accent)
    return Template(resources.read("style.qss")).substitute(values)


def set_icon(target: QAbstractButton | QAction, name: str, role: str = "text") -> None:
    """Give a button or an action a line icon in a colour of the theme, now and after changes."""
    target.setProperty("iconName", name)
    target.setProperty("iconRole", role)
    _retint(target, current())
    if isinstance(target, QAbstractButton):
        target.setIconSize(QSize(16, 16))


def restyle(widget: Any, name: str, value: Any) -> None:
    """Set a property that the style sheet asks for, and let the sheet look again."""
    if widget.property(name) == value:
        return
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def label(text: str, role: str = "", *, wrap: bool = False) -> QLabel:
    """Return a label in one of the roles of the style sheet (muted, heading, number, error).

    Its text is plain: names of files may look like mark-up.
    """
    out = QLabel(text)
    out.setTextFormat(Qt.TextFormat.PlainText)
    out.setWordWrap(wrap)
    if role:
        out.setProperty("role", role)
    return out


def _retint(target: Any, theme: Theme) -> None:
    name = target.property("iconName")
    if name:
        color = getattr(theme, str(target.property("iconRole") or "text"))
        target.setIcon(resources.icon(str(name), color, theme.disabled))


def _palette(theme: Theme) -> QPalette:
    role = QPalette.ColorRole
    colors = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.field,
        role.AlternateBase: theme.panel,
        role.Text: theme.text,
        role.PlaceholderText: theme.muted,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.on_accent,
        role.Link: theme.accent_text,
    }
    out = QPalette()
    for key, color in colors.items():
        out.setColor(key, QColor(color))
    for key in (role.WindowText, role.Text, role.ButtonText):
        out.setColor(QPalette.ColorGroup.Disabled, key, QColor(theme.disabled))
    return out


@cache
def _tinted_folder() -> tempfile.TemporaryDirectory[str]:
    # A style sheet can only name files, so its two tinted icons are written once per start.
    folder = tempfile.TemporaryDirectory(prefix="caiman_gui_icons_", ignore_cleanup_errors=True)
    atexit.register(folder.cleanup)
    return folder


def _tinted(where: tempfile.TemporaryDirectory[str], name: str, color: str) -> str:
    path = Path(where.name) / f"{name}-{color.lstrip('#')}.svg"
    if not path.exists():
        text = resources.read(f"icons/{name}.svg").replace("currentColor", color)
        with contextlib.suppress(OSError):
            path.write_text(text.replace('stroke-width="1.5"', 'stroke-width="2.5"'))
    return path.as_posix()
