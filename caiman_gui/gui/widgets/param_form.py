"""A form made from a parameter model: nothing about a parameter is written here again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from caiman_gui.errors import ParameterError
from caiman_gui.gui import theme
from caiman_gui.gui.widgets.param_row import ParamRow
from caiman_gui.params.base import ParamModel, field_specs
from caiman_gui.params.run import validated

if TYPE_CHECKING:
    from collections.abc import Collection

_LABEL_WIDTH_PX = 128


class ParamForm(QWidget):
    """Edit one frozen group of parameters.

    Parameters
    ----------
    model_cls : type of ParamModel
    group : str
        Name of the group, for paths such as ``motion.max_shift_px``.
    only : collection of str, optional
        Names of the fields to show; all that are not hidden by default.
    more : str
        What the button that shows the fields for experts says.

    Signals
    -------
    valueChanged : object
        The new model, always valid.
    """

    valueChanged = Signal(object)

    def __init__(
        self,
        model_cls: type[ParamModel],
        group: str,
        only: Collection[str] | None = None,
        parent: QWidget | None = None,
        more: str = "More",
    ) -> None:
        super().__init__(parent)
        self.group = group
        self._more_text = more
        self._model_cls = model_cls
        self._model: ParamModel = model_cls()
        self.rows: dict[str, ParamRow] = {}
        specs = [s for s in field_specs(model_cls, group) if s.tier != "hidden"]
        specs = [s for s in specs if only is None or s.name in only]
        basic = [s for s in specs if s.tier == "basic"]
        expert = [s for s in specs if s.tier == "expert"]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        if basic:
            layout.addWidget(self._grid(basic))
        self.more = QToolButton()
        self.more.setText(more)
        self.more.setProperty("role", "more")
        self.more.setCheckable(True)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        theme.set_icon(self.more, "chevron-right", "muted")
        self.more.toggled.connect(self._on_more)
        self.expert = self._grid(expert)
        self.expert.hide()
        line = QHBoxLayout()
        line.addWidget(self.more)
        line.addStretch(1)
        layout.addLayout(line)
        self.more.setVisible(bool(expert))  # once it has a parent, or a window would flash
        layout.addWidget(self.expert)
        self._show_enabled()

    def _grid(self, specs: list[Any]) -> QWidget:
        box = QWidget()
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnMinimumWidth(0, _LABEL_WIDTH_PX)
        grid.setColumnStretch(1, 1)
        for index, spec in enumerate(specs):
            row = ParamRow(spec, self)
            row.edited.connect(self._on_edited)
            row.label.setFixedWidth(_LABEL_WIDTH_PX)
            grid.addWidget(row.label, 2 * index, 0)
            grid.addWidget(row.editor_box(), 2 * index, 1)
            grid.addWidget(row.error, 2 * index + 1, 0, 1, 2)
            self.rows[spec.name] = row
        return box

    # ------------------------------------------------------------------ model
    @property
    def model(self) -> ParamModel:
        """The last valid model."""
        return self._model

    def set_model(self, model: ParamModel) -> None:
        """Show a model; nothing is emitted. A field being typed in is left alone."""
        for name, row in self.rows.items():
            value = getattr(model, name)
            if value != getattr(self._model, name) or value != row.value:
                row.set_value(value)
        self._model = model
        self._show_enabled()

    def set_scale(self, pixel_size_um: float | None, frame_rate_hz: float | None) -> None:
        """Offer µm and s where a pixel size and a frame rate are known."""
        for name, row in self.rows.items():
            if name.endswith("_px"):
                row.set_scale(pixel_size_um)
            elif name.endswith("_frames"):
                row.set_scale(1.0 / frame_rate_hz if frame_rate_hz else None)

    def set_placeholder(self, name: str, text: str) -> None:
        """Say what is used while an optional value is left empty."""
        self.rows[name].set_placeholder(text)

    def editor(self, name: str) -> QWidget:
        """Return the editor of one parameter."""
        return self.rows[name].editor

    # -------------------------------------------------------------- reactions
    def _on_edited(self, name: str, value: object) -> None:
        values = {**self._model.model_dump(), name: value}
        try:
            model = validated(self._model_cls, values)
        except ParameterError as exc:
            self.rows[name].set_error(exc.detail)
            return
        self._model = model
        self._show_enabled()
        self.valueChanged.emit(model)

    def _on_more(self, shown: bool) -> None:
        self.expert.setVisible(shown)
        self.more.setText("Less" if shown and self._more_text == "More" else self._more_text)
        theme.set_icon(self.more, "chevron-down" if shown else "chevron-right", "muted")

    def _show_enabled(self) -> None:
        for row in self.rows.values():
            rule = row.spec.enabled_when
            row.set_enabled(rule is None or getattr(self._model, rule[0]) == rule[1])
