"""Views of one recording with one contrast: a brightness step looks the same in all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.gui.widgets.image_view import ImageView

#: Where black lies in a view: at the same value as in the others, at zero, or as far below zero
#: as white lies above.
Zero = Literal["same", "zero", "middle"]


@dataclass
class _Member:
    view: ImageView
    zero: Zero


class LevelLink(QObject):
    """Lets the contrast of several views follow each other.

    The span from black to white is shared. Raw and corrected share black as well; a model
    without its background starts at zero, and a residual has zero in the middle.

    Signals
    -------
    switched : bool
        Whether views follow each other now.
    """

    switched = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._members: list[_Member] = []
        self._is_on = True
        self._is_busy = False

    @property
    def is_on(self) -> bool:
        """Whether views follow each other."""
        return self._is_on

    def set_on(self, is_on: bool) -> None:
        """Let views follow each other, beginning with the first, or leave each to itself."""
        if is_on == self._is_on:
            return
        self._is_on = is_on
        if is_on:
            self._follow_first()
        else:
            for member in self._members:
                if member.view.image is not None:
                    self.auto(member.view)
        self.switched.emit(is_on)

    def add(self, view: ImageView, zero: Zero = "same") -> None:
        """Let a view take part."""
        member = _Member(view, zero)
        self._members.append(member)
        view.levelsChanged.connect(lambda low, high, m=member: self._on_levels(m, low, high))
        view.lookChanged.connect(lambda m=member: self._on_look(m))

    def set_zero(self, view: ImageView, zero: Zero) -> None:
        """Tell where black lies in a view, which shows something else now."""
        for member in self._members:
            if member.view is view:
                member.zero = zero

    def remove(self, view: ImageView) -> None:
        """Let a view go its own way for ever."""
        self._members = [member for member in self._members if member.view is not view]

    def auto(self, view: ImageView) -> None:
        """Take the contrast from the image of a view, with zero where it belongs."""
        view.auto_levels()
        if self._zero(view) == "middle":
            most = max(abs(level) for level in view.levels)
            view.set_levels(-most, most)

    def show(self, view: ImageView, image: NDArray[Any]) -> None:
        """Show the first image of another movie in a view, with the contrast of the others.

        A view that shares its black leads those that do not, whichever comes first.
        """
        leaders = [m for m in self._members if m.view is not view and m.view.image is not None]
        leaders.sort(key=lambda member: member.zero != "same")
        self._is_busy = True
        view.set_image(image)
        self.auto(view)
        self._is_busy = False
        own = next((m for m in self._members if m.view is view), None)
        if not self._is_on or own is None or not leaders:
            return
        leader = leaders[0]
        if own.zero == "same" and leader.zero != "same":
            leader = own
        self._on_levels(leader, *leader.view.levels)
        self._on_look(leader)

    def _zero(self, view: ImageView) -> Zero:
        return next((m.zero for m in self._members if m.view is view), "same")

    def _follow_first(self) -> None:
        for member in self._members:
            if member.view.image is not None:
                self._on_levels(member, *member.view.levels)
                self._on_look(member)
                return

    def _on_levels(self, source: _Member, low: float, high: float) -> None:
        if self._is_busy or not self._is_on or source not in self._members:
            return
        self._is_busy = True  # what the others say while they follow is nothing new
        try:
            for member in self._members:
                if member is not source:
                    member.view.set_levels(*self._levels(member, source, low, high))
        finally:
            self._is_busy = False

    def _levels(
        self, member: _Member, source: _Member, low: float, high: float
    ) -> tuple[float, float]:
        span = high - low
        if member.zero == source.zero:
            return low, high
        if member.zero == "middle":
            return -span / 2, span / 2
        if member.zero == "zero":
            return 0.0, span
        own, _ = member.view.levels  # keeps its black: nothing tells it from the other's
        return own, own + span

    def _on_look(self, source: _Member) -> None:
        if self._is_busy or not self._is_on or source not in self._members:
            return
        self._is_busy = True
        try:
            for member in self._members:
                if member is not source:
                    member.view.set_color_map(source.view.color_map)
                    member.view.set_gamma(source.view.gamma)
                    member.view.mark_saturated(source.view.marks_saturated)
        finally:
            self._is_busy = False
