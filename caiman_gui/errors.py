"""The errors a user sees: what failed, why, and what to do now."""

from __future__ import annotations


class CaimanGuiError(Exception):
    """An expected failure, told to the user in three plain parts.

    Parameters
    ----------
    title : str
        What failed, in one short sentence.
    detail : str
        Why: names the file, the value and the limit.
    hint : str
        What the user can do about it.
    """

    exit_code = 1

    def __init__(self, title: str, detail: str = "", hint: str = "") -> None:
        super().__init__(title, detail, hint)
        self.title = title
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(part for part in (self.title, self.detail, self.hint) if part)


class ParameterError(CaimanGuiError):
    """A parameter or an option has a value that cannot be used (exit code 2)."""

    exit_code = 2


class InputError(CaimanGuiError):
    """An input file is missing, unreadable or of the wrong kind (exit code 3)."""

    exit_code = 3


class UnknownFormatError(InputError):
    """No reader knows the file; bare frames can still be read once their geometry is given."""


class DataError(CaimanGuiError):
    """The file was read, but its content is unsuitable: constant, NaN, too short (exit code 3)."""

    exit_code = 3


class ResourceError(CaimanGuiError):
    """Memory, disk space or a permission is missing (exit code 4)."""

    exit_code = 4


class NoResultError(CaimanGuiError):
    """The data were fine, but gave nothing, for instance no component (exit code 5)."""

    exit_code = 5
