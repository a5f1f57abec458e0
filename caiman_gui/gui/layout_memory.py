"""What the window remembers of its own looks: size, place, splitters, log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray
from PySide6.QtWidgets import QSplitter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtWidgets import QMainWindow, QWidget

    from caiman_gui.app.settings import Settings

_WIDTH_PX, _HEIGHT_PX = 1280, 800


def splitters(tabs: Mapping[str, QWidget]) -> dict[str, QSplitter]:
    """Return the splitters of all tabs by name: tab and number."""
    return {
        f"{name}-{index}": splitter
        for name, tab in tabs.items()
        for index, splitter in enumerate(tab.findChildren(QSplitter))
    }


def restore(window: QMainWindow, tabs: Mapping[str, QWidget], settings: Settings) -> None:
    """Give a window the looks it had."""
    window.resize(_WIDTH_PX, _HEIGHT_PX)
    if settings.geometry:
        window.restoreGeometry(QByteArray.fromBase64(settings.geometry.encode()))
    for name, splitter in splitters(tabs).items():
        sizes = settings.splitters.get(name)
        if sizes is not None and len(sizes) == splitter.count() and sum(sizes) > 0:
            splitter.setSizes(sizes)


def remember(window: QMainWindow, tabs: Mapping[str, QWidget], settings: Settings) -> None:
    """Note the looks of a window; splitters never shown keep what was known of them."""
    settings.geometry = bytes(window.saveGeometry().toBase64().data()).decode()
    sizes = {name: splitter.sizes() for name, splitter in splitters(tabs).items()}
    known = {name: found for name, found in sizes.items() if sum(found) > 0}
    settings.splitters = {**settings.splitters, **known}
