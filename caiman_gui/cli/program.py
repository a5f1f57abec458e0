"""Dispatches the sub-commands, and turns every failure into words and an exit code."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import traceback
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from caiman_gui import __version__
from caiman_gui.errors import CaimanGuiError, InputError, ParameterError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    OpenWindow = Callable[[list[Path]], int]

logger = logging.getLogger(__name__)

INTERRUPTED = 130
BUG = 1
#: Of what was typed, this much is repeated in a message.
_LONGEST_WORD = 200

#: Sub-command -> module with ``main(arguments, open_window) -> int``, and one line of help.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("caiman_gui.cli.run", "run the whole pipeline on a movie, without a window"),
    "demo": ("caiman_gui.cli.demo", "make the demo recording and open it"),
    "export": ("caiman_gui.cli.export", "write one export format from a project"),
    "info": ("caiman_gui.cli.info", "say what is known about a movie"),
    "params": ("caiman_gui.cli.params", "list every parameter"),
}


#: Understood, but not listed: what the program calls itself.
INTERNAL_COMMANDS = {"warm-up": "caiman_gui.cli.warm_up"}


def main(argv: Sequence[str], open_window: OpenWindow | None = None) -> int:
    """Run one sub-command.

    Parameters
    ----------
    argv : sequence of str
        Arguments without the program's name.
    open_window : callable, optional
        Opens movies or projects in the window and returns its exit code. It is handed in, so
        that this package needs no Qt.

    Returns
    -------
    int
        The exit code: 0 done, 2 usage, 3 input, 4 resources, 5 no result, 130 stopped, 1 a bug.
    """
    _survive_narrow_encodings()
    arguments = list(argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if arguments[0] == "--version":
        print(f"caiman-gui {__version__}")
        return 0
    debug = "--log-level=debug" in arguments or ("--log-level", "debug") in pairwise(arguments)
    try:
        code = _dispatch(arguments, open_window)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a closed pipe is understood
        return code
    except CaimanGuiError as exc:
        if debug:
            traceback.print_exc()
        logger.info("stopped: %s", str(exc).replace("\n", " "))
        _tell(exc.title, exc.detail, exc.hint)
        return exc.exit_code
    except KeyboardInterrupt:
        _tell("Stopped.", "", "")
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as "head", has seen enough
        _drop_stdout()
        return 0
    except (OSError, MemoryError) as exc:
        if debug:
            traceback.print_exc()
        logger.info("stopped", exc_info=exc)
        return _tell_refusal(exc)
    except Exception as exc:  # noqa: BLE001 the outer border of the program
        return _tell_bug(exc, debug)
    finally:
        _close_logging()


def _dispatch(arguments: list[str], open_window: OpenWindow | None) -> int:
    command = arguments[0]
    if command in INTERNAL_COMMANDS:
        return int(importlib.import_module(INTERNAL_COMMANDS[command]).main())
    if command not in COMMANDS:
        if not command.startswith("-") and Path(command).suffix:
            raise InputError(
                "The file does not exist",
                command[:_LONGEST_WORD],
                "Check the name and the folder, and that the disk is connected.",
            )
        raise ParameterError(
            f"Unknown command or option: {command[:_LONGEST_WORD]}",
            f"The commands are {', '.join(COMMANDS)}.",
            "See 'caiman-gui --help'.",
        )
    module = importlib.import_module(COMMANDS[command][0])
    return int(module.main(arguments[1:], open_window))


def _tell(*lines: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # nobody listens: the exit code remains
            print("\n".join(line for line in lines if line), file=sys.stderr, flush=True)


def _tell_refusal(exc: OSError | MemoryError) -> int:
    """Tell that the system refused memory, or to write, where nobody could say it better."""
    _drop_stdout()
    if isinstance(exc, MemoryError):
        _tell("Not enough memory", str(exc), "Close other programs, or use fewer threads.")
    else:
        place = f"{exc.filename}: " if exc.filename else ""
        if isinstance(exc, FileNotFoundError) and not place:
            place = "The folder you are in was removed: "
        _tell(
            "Something could not be read or written",
            f"{place}{exc.strerror or exc}.",
            "Check free space, permissions, and that the disk is connected.",
        )
    return ResourceError.exit_code


def _drop_stdout() -> None:
    """Forget what stdout did not take: the interpreter would try again when it ends."""
    if sys.stdout is None:
        return
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_bug(exc: Exception, debug: bool) -> int:
    from caiman_gui.logs import log_file

    logger.info("This is a bug", exc_info=exc)
    if debug:
        traceback.print_exception(exc)
    where = log_file()
    _tell(
        "This is a bug in caiman_gui.",
        f"{type(exc).__name__}: {exc}",
        f"Please report it, with the log {where}."
        if where is not None
        else "Please report it; '--log-level debug' shows where it happened.",
    )
    return BUG


def _close_logging() -> None:
    from caiman_gui.logs import close_logging

    close_logging()


def _survive_narrow_encodings() -> None:
    """Print µ as ? on terminals that have no such character, and do not fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _overview() -> str:
    lines = [
        "usage: caiman-gui [PATH ...]        open the window, on movies or a project",
        "       caiman-gui COMMAND [options]",
        "",
        "commands:",
    ]
    lines += [f"  {name:<8} {text}" for name, (_, text) in COMMANDS.items()]
    lines += [
        "",
        "options:",
        "  -h, --help   this text; 'caiman-gui COMMAND --help' for a command",
        "  --version    the version",
    ]
    return "\n".join(lines)
