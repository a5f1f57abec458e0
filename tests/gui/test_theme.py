"""Colours: readable in both themes, and they reach every widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QPushButton

from caiman_gui.gui import resources, theme

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def _luminance(color: str) -> float:
    """Relative luminance as defined by WCAG 2."""
    channels = []
    for value in QColor(color).getRgbF()[:3]:
        channels.append(value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


def _contrast(one: str, other: str) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_can_be_read_on_every_ground(name: str) -> None:
    colors = theme.THEMES[name]
    for ground in (colors.window, colors.panel, colors.raised):
        for text in (colors.text, colors.muted, colors.accent_text, colors.danger, colors.warning):
            assert _contrast(text, ground) >= 4.5, (text, ground)
    assert _contrast(colors.text, colors.field) >= 4.5
    assert _contrast(colors.text, colors.hover) >= 4.5
    assert _contrast(colors.text, colors.selected) >= 4.5
    assert _contrast(colors.on_accent, colors.accent) >= 4.5
    assert _contrast(colors.on_accent, colors.accent_hover) >= 4.5


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_style_sheet_has_no_open_token(name: str) -> None:
    sheet = theme.style_sheet(theme.THEMES[name])
    assert "$" not in sheet
    assert theme.THEMES[name].accent in sheet


def test_icons_follow_the_theme(qtbot: QtBot, qapp: Any) -> None:
    button = QPushButton("Play")
    qtbot.addWidget(button)
    theme.apply(qapp, "dark")
    theme.set_icon(button, "play")
    before = button.icon().cacheKey()
    theme.apply(qapp, "light", button)
    assert theme.current() is theme.LIGHT
    assert button.icon().cacheKey() != before
    theme.apply(qapp, "dark")
    qapp.setStyleSheet("")


def test_every_icon_is_a_line_of_the_same_stroke(qapp: Any) -> None:
    files = sorted((resources.folder() / "icons").glob("*.svg"))
    assert len(files) > 30
    for file in files:
        text = file.read_text()
        assert 'stroke-width="1.5"' in text, file.name
        assert "currentColor" in text, file.name
        assert not resources.pixmap(file.stem, "#ffffff", 16).toImage().isNull()


def test_an_icon_is_sharp_on_a_dense_display(qapp: Any) -> None:
    image = resources.pixmap("play", "#ffffff", 16, 2.0)
    assert (image.width(), image.devicePixelRatio()) == (32, 2.0)


def test_unknown_names_fall_back_to_dark(qapp: Any) -> None:
    assert theme.resolve("purple") is theme.DARK
    assert theme.resolve("system") in (theme.DARK, theme.LIGHT)
