"""Find icons and the style template; render line icons in any colour, sharp on any display."""

from __future__ import annotations

import atexit
from functools import cache, lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_SIZES_PX = (16, 20, 24, 32, 48, 64)


@cache
def folder() -> Path:
    """Return the folder of resources: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "resources"
    return inside if inside.is_dir() else package.parent / "resources"


@cache
def read(name: str) -> str:
    """Return the text of one resource file."""
    return (folder() / name).read_text(encoding="utf-8")


def tutorial_folder() -> Path:
    """Return where the tutorial and its pictures lie: beside the icons when installed, or docs."""
    inside = folder()
    return inside if (inside / "tutorial.md").is_file() else inside.parent / "docs"


def tutorial() -> str:
    """Return the tutorial as Markdown."""
    path = tutorial_folder() / "tutorial.md"
    if not path.is_file():
        return "The tutorial is not part of this installation."
    return path.read_text(encoding="utf-8")


def icon_path(name: str) -> Path:
    """Return the file of a line icon."""
    return folder() / "icons" / f"{name}.svg"


@lru_cache(maxsize=256)
def pixmap(name: str, color: str, size_px: int, ratio: float = 1.0) -> QPixmap:
    """Render a line icon in one colour, ``size_px`` logical pixels wide."""
    svg = read(f"icons/{name}.svg").replace("currentColor", color)
    return _render(svg, size_px, ratio)


@lru_cache(maxsize=256)
def icon(name: str, color: str, disabled_color: str = "") -> QIcon:
    """Return a line icon in a colour, with its greyed form when one is given."""
    out = QIcon()
    for size in _SIZES_PX:
        out.addPixmap(pixmap(name, color, size))
        if disabled_color:
            out.addPixmap(pixmap(name, disabled_color, size), QIcon.Mode.Disabled)
    return out


@cache
def app_icon() -> QIcon:
    """Return the icon of the application."""
    out = QIcon()
    for size in (16, 24, 32, 48, 64, 128, 256):
        out.addPixmap(_render(read("icon.svg"), size, 1.0))
    return out


def app_pixmap(size_px: int, ratio: float = 1.0) -> QPixmap:
    """Return the mark of the application for a heading."""
    return _render(read("icon.svg"), size_px, ratio)


def forget() -> None:
    """Drop all pictures: they must not outlive the QApplication, or the exit can crash."""
    for cached in (pixmap, icon, app_icon):
        cached.cache_clear()


# Runs before Qt takes the application down, because it is registered after Qt was imported.
atexit.register(forget)


def _render(svg: str, size_px: int, ratio: float) -> QPixmap:
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    out = QPixmap(round(size_px * ratio), round(size_px * ratio))
    out.fill(Qt.GlobalColor.transparent)
    painter = QPainter(out)
    renderer.render(painter, QRectF(0, 0, out.width(), out.height()))
    painter.end()
    out.setDevicePixelRatio(ratio)
    return out
