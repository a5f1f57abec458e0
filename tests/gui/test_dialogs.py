"""Dialogs that tell: error, about, sheet of shortcuts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage, QTextDocument
from PySide6.QtWidgets import QLabel, QWidget

from caiman_gui.app.reporter import UserMessage
from caiman_gui.gui.actions import shortcut_groups
from caiman_gui.gui.dialogs import AboutDialog, Dialogs, ErrorDialog, ShortcutSheet, TutorialDialog
from caiman_gui.gui.widgets.manual_view import ManualView

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

MESSAGE = UserMessage(
    "The movie cannot be read", "day1.tif ends after 12 frames.", "Copy it again.", "the report"
)


def _texts(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel)]


def test_an_error_says_what_why_and_what_now(qtbot: QtBot) -> None:
    dialog = ErrorDialog(MESSAGE)
    qtbot.addWidget(dialog)
    dialog.show()
    for part in (MESSAGE.title, MESSAGE.detail, MESSAGE.hint):
        assert part in _texts(dialog)
    assert not dialog.report_view.isVisible()


def test_details_show_the_report(qtbot: QtBot) -> None:
    dialog = ErrorDialog(MESSAGE)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.mouseClick(dialog.details, Qt.MouseButton.LeftButton)
    assert dialog.report_view.isVisible()
    assert dialog.report_view.toPlainText() == "the report"


def test_the_report_can_be_copied(qtbot: QtBot) -> None:
    dialog = ErrorDialog(MESSAGE)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "the report"
    assert dialog.copy.text() == "Copied"


def test_an_error_without_report_copies_its_words(qtbot: QtBot) -> None:
    dialog = ErrorDialog(UserMessage("No permission", "cannot write.", ""))
    qtbot.addWidget(dialog)
    assert "No permission" in dialog.report_view.toPlainText()


def test_the_sheet_is_as_wide_as_its_words(qtbot: QtBot, dark: None) -> None:
    sheet = ShortcutSheet(shortcut_groups())
    qtbot.addWidget(sheet)
    sheet.show()
    qtbot.waitUntil(lambda: sheet.keys.horizontalScrollBar().maximum() == 0)


def test_the_sheet_shows_every_key(qtbot: QtBot) -> None:
    sheet = ShortcutSheet(shortcut_groups())
    qtbot.addWidget(sheet)
    texts = _texts(sheet)
    for title, rows in shortcut_groups():
        assert title in texts
        for keys, words in rows:
            assert keys in texts
            assert words in texts


def test_about_names_the_methods(qtbot: QtBot) -> None:
    about = AboutDialog()
    qtbot.addWidget(about)
    text = " ".join(_texts(about))
    assert "caiman_gui" in text
    assert "OASIS" in text


def test_the_tutorial_can_be_read(qtbot: QtBot) -> None:
    dialog = TutorialDialog()
    qtbot.addWidget(dialog)
    assert len(dialog.text.toPlainText()) > 500
    dialog.show()
    assert dialog.text.height() > 500


def test_pictures_of_a_text_fit_its_width(qtbot: QtBot, tmp_path: Path) -> None:
    picture = QImage(1600, 100, QImage.Format.Format_RGB32)
    picture.save(str(tmp_path / "wide.png"))
    view = ManualView("# A\n\n![wide](wide.png)", tmp_path)
    qtbot.addWidget(view)
    found = view.loadResource(QTextDocument.ResourceType.ImageResource.value, "wide.png")
    assert 600 < found.width() / found.devicePixelRatio() < 760
    missing = view.loadResource(QTextDocument.ResourceType.ImageResource.value, "no.png")
    assert missing.isNull()


def test_dialogs_over_a_window_close_with_it(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()
    dialogs = Dialogs(parent)
    dialogs.show_error(MESSAGE)
    dialogs.about()
    dialogs.shortcuts(shortcut_groups())
    shown = parent.findChildren(ErrorDialog) + parent.findChildren(AboutDialog)
    assert len(shown) == 2
    for dialog in [*shown, *parent.findChildren(ShortcutSheet)]:
        dialog.close()
