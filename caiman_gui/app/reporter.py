"""The only place where an exception becomes words for the user."""

from __future__ import annotations

import errno
import logging
import platform
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError
from PySide6.QtCore import QObject, QtMsgType, Signal, Slot, qInstallMessageHandler, qVersion

import caiman_gui
from caiman_gui.core.task import Cancelled
from caiman_gui.errors import CaimanGuiError
from caiman_gui.params.run import describe_validation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

logger = logging.getLogger(__name__)
qt_logger = logging.getLogger("qt")

#: The same message again within this time is only logged (a view may fail at each repaint).
REPEAT_S = 5.0

_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


@dataclass(frozen=True, slots=True)
class UserMessage:
    """Something to tell the user: what happened, why, and what to do now.

    Attributes
    ----------
    title, detail, hint : str
    report : str or None
        Text to copy into a bug report.
    is_bug : bool
        Our fault, not the data's or the computer's.
    level : {"error", "warning", "info"}
    """

    title: str
    detail: str = ""
    hint: str = ""
    report: str | None = None
    is_bug: bool = False
    level: Literal["error", "warning", "info"] = "error"


class Reporter(QObject):
    """Translates exceptions and hands them to whoever shows messages."""

    #: A UserMessage. Emitted from any thread, received in the receiver's.
    message = Signal(object)

    def __init__(
        self,
        parent: QObject | None = None,
        log_tail: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        super().__init__(parent)
        self._log_tail = log_tail
        self._last: tuple[UserMessage | None, float] = (None, 0.0)
        self._telling = threading.local()
        self._previous: tuple[Any, Any, Any] | None = None

    @Slot(object)
    def report(self, exc: BaseException) -> None:
        """Log an exception and tell the user; being cancelled by the user is no news."""
        if isinstance(exc, Cancelled):
            logger.info("Cancelled")
            return
        message = self.translate(exc)
        if message.is_bug:
            logger.error("Unexpected error", exc_info=exc)
        else:
            logger.warning("%s - %s", message.title, message.detail)
        self._emit(message)

    def tell(
        self,
        title: str,
        detail: str = "",
        hint: str = "",
        level: Literal["error", "warning", "info"] = "info",
    ) -> None:
        """Tell the user something that is not an exception."""
        logger.log(logging.INFO if level == "info" else logging.WARNING, "%s %s", title, detail)
        self._emit(UserMessage(title, detail, hint, level=level))

    def translate(self, exc: BaseException) -> UserMessage:
        """Return the words for an exception."""
        if isinstance(exc, CaimanGuiError):
            return UserMessage(exc.title, exc.detail, exc.hint)
        if isinstance(exc, Cancelled):
            return UserMessage("Cancelled", level="info")
        if isinstance(exc, ValidationError):
            return UserMessage(
                "A parameter cannot be used", describe_validation(exc), "Correct the value."
            )
        if isinstance(exc, MemoryError):
            return UserMessage(
                "Not enough memory",
                str(exc) or "The system refused to give more memory.",
                "Close other programs, lower the number of threads, or crop or bin the movie.",
            )
        if isinstance(exc, OSError) and (words := _words_for_os_error(exc)) is not None:
            return words
        return UserMessage(
            "Something went wrong inside the program",
            f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__,
            "This is our fault, not yours. Your work is still there: save it, "
            "then send us the report.",
            report=bug_report(exc, self._log_tail() if self._log_tail is not None else ()),
            is_bug=True,
        )

    def install_hooks(self) -> None:
        """Catch what nobody caught, in any thread, and Qt's own messages."""
        if self._previous is not None:
            return
        previous_qt = qInstallMessageHandler(_log_qt)
        self._previous = (sys.excepthook, threading.excepthook, previous_qt)
        sys.excepthook = self._on_uncaught
        threading.excepthook = self._on_uncaught_in_thread

    def remove_hooks(self) -> None:
        """Put the former hooks back."""
        if self._previous is None:
            return
        sys.excepthook, threading.excepthook, previous_qt = self._previous
        qInstallMessageHandler(previous_qt)
        self._previous = None

    def _on_uncaught(
        self, kind: type[BaseException], exc: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, exc, trace)
            return
        self.report(exc.with_traceback(trace))

    def _on_uncaught_in_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            self.report(args.exc_value)

    def _emit(self, message: UserMessage) -> None:
        if getattr(self._telling, "now", False):
            return  # showing a message failed: it is in the log, do not go round in circles
        last, when = self._last
        now = time.monotonic()
        is_repeat = (
            last is not None
            and (last.title, last.detail) == (message.title, message.detail)
            and message.level == "error"
            and now - when < REPEAT_S
        )
        self._last = (message, now)
        if is_repeat:
            return
        self._telling.now = True
        try:
            self.message.emit(message)
        except RuntimeError:  # the program is quitting
            logger.debug("A message came after the end")
        finally:
            self._telling.now = False


def bug_report(exc: BaseException, log_tail: Sequence[str] = ()) -> str:
    """Return what a developer needs to know, as text to copy."""
    lines = [
        f"caiman_gui {caiman_gui.__version__}",
        f"Python {platform.python_version()}, Qt {qVersion()}, {platform.platform()}",
        "",
        *"".join(traceback.format_exception(exc)).splitlines(),
    ]
    if log_tail:
        lines += ["", "Last lines of the log:", *log_tail]
    return "\n".join(lines)


def _words_for_os_error(exc: OSError) -> UserMessage | None:
    name = str(exc.filename) if exc.filename else "A file"
    reason = exc.strerror or str(exc)
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserMessage(
            "The disk is full", f"{name}: {reason}.", "Free some space, or save to another disk."
        )
    if exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserMessage(
            "No permission",
            f"{name}: {reason}.",
            "Choose another folder, or ask the owner of this one for permission.",
        )
    if exc.errno == errno.ENOENT:
        return UserMessage(
            "File not found",
            f"{name}: {reason}.",
            "Check that it was not moved and that its disk is connected.",
        )
    if exc.errno == errno.EMFILE:
        return UserMessage(
            "Too many open files", f"{name}: {reason}.", "Close other programs and try again."
        )
    if exc.errno is None:
        return None
    return UserMessage(
        "A file could not be read or written",
        f"{name}: {reason}.",
        "Check that the disk is connected and has free space.",
    )


def _log_qt(kind: QtMsgType, context: Any, text: str) -> None:
    qt_logger.log(_QT_LEVELS.get(kind, logging.WARNING), "%s", text)
