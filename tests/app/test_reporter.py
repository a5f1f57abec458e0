"""Every exception becomes words; nothing is shown twice, nothing is lost."""

from __future__ import annotations

import errno
import logging
import sys
import threading

import pytest
from PySide6.QtCore import qWarning

from caiman_gui.app.reporter import Reporter, bug_report
from caiman_gui.core.task import Cancelled
from caiman_gui.errors import DataError, ResourceError
from caiman_gui.params.motion import MotionParams


@pytest.fixture
def reporter(qapp):
    reporter = Reporter(log_tail=lambda: ["12:00:00 INFO opened a.tif"])
    yield reporter
    reporter.remove_hooks()


@pytest.fixture
def messages(reporter):
    seen = []
    reporter.message.connect(seen.append)
    return seen


def test_our_errors_keep_their_three_parts(reporter, messages) -> None:
    reporter.report(DataError("Too short", "3 frames, 10 needed", "Open a time series"))
    (message,) = messages
    assert (message.title, message.detail, message.hint) == (
        "Too short",
        "3 frames, 10 needed",
        "Open a time series",
    )
    assert not message.is_bug
    assert message.report is None


def test_cancelled_is_no_news(reporter, messages) -> None:
    reporter.report(Cancelled())
    assert messages == []


@pytest.mark.parametrize(
    ("code", "title"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EACCES, "No permission"),
        (errno.EROFS, "No permission"),
        (errno.ENOENT, "File not found"),
        (errno.EIO, "A file could not be read or written"),
        (errno.EMFILE, "Too many open files"),
    ],
)
def test_errors_of_the_system_name_the_file_and_a_way_out(reporter, code, title) -> None:
    message = reporter.translate(OSError(code, "reason", "/data/a.tif"))
    assert message.title == title
    assert "/data/a.tif" in message.detail
    assert message.hint
    assert not message.is_bug


def test_no_memory(reporter) -> None:
    message = reporter.translate(MemoryError())
    assert message.title == "Not enough memory"
    assert message.detail
    assert message.hint


def test_wrong_parameters_are_named(reporter) -> None:
    with pytest.raises(ValueError, match="max_shift_px") as caught:
        MotionParams(max_shift_px=-1)
    message = reporter.translate(caught.value)
    assert "max_shift_px = -1" in message.detail
    assert not message.is_bug


def test_anything_else_is_our_fault_with_a_report(reporter, messages) -> None:
    try:
        {}["missing"]
    except KeyError as exc:
        reporter.report(exc)
    (message,) = messages
    assert message.is_bug
    assert "our fault" in message.hint
    for part in ("caiman_gui ", "Python ", "Qt ", "KeyError: 'missing'", "opened a.tif"):
        assert part in message.report


def test_the_cause_is_in_the_report() -> None:
    try:
        try:
            raise OSError("disk gone")
        except OSError as exc:
            raise ValueError("bad block") from exc
    except ValueError as exc:
        text = bug_report(exc)
    assert "disk gone" in text
    assert "bad block" in text


def test_the_same_error_is_not_shown_at_every_repaint(reporter, messages) -> None:
    for _ in range(50):
        reporter.report(ValueError("in paintEvent"))
    reporter.report(ValueError("another"))
    assert len(messages) == 2


def test_news_is_always_shown(reporter, messages) -> None:
    reporter.tell("Exported", "a.csv")
    reporter.tell("Exported", "a.csv")
    assert [m.level for m in messages] == ["info", "info"]


def test_showing_a_message_that_fails_does_not_go_round_in_circles(reporter, messages) -> None:
    reporter.message.connect(lambda message: reporter.report(ValueError("while showing")))
    reporter.report(ResourceError("Disk full"))
    assert [m.title for m in messages] == ["Disk full"]


def test_uncaught_exceptions_end_here(reporter, messages, qtbot) -> None:
    before = (sys.excepthook, threading.excepthook)
    reporter.install_hooks()
    reporter.install_hooks()
    sys.excepthook(ValueError, ValueError("in the window"), None)

    def fail():
        raise DataError("In a thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(messages) == 2)
    assert messages[0].is_bug
    assert messages[1].title == "In a thread"
    reporter.remove_hooks()
    assert (sys.excepthook, threading.excepthook) == before


def test_qt_messages_go_to_the_log(reporter, caplog) -> None:
    reporter.install_hooks()
    with caplog.at_level(logging.WARNING):
        qWarning("a signal was connected twice")
    reporter.remove_hooks()
    assert ("qt", logging.WARNING, "a signal was connected twice") in caplog.record_tuples
