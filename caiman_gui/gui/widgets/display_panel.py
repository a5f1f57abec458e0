"""How a movie is shown: contrast on its histogram, colours, and averaging."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.color_maps import COLOR_MAPS, swatch
from caiman_gui.gui.widgets.histogram_slider import N_BINS, HistogramStrip

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QHideEvent, QShowEvent

    from caiman_gui.gui.widgets.image_view import ImageView
    from caiman_gui.gui.widgets.level_link import LevelLink

#: Frames averaged and width of the smoothing, to choose from.
AVERAGES = (1, 2, 4, 8, 16, 32, 64)
SIGMAS_PX = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
#: The slider of gamma runs over powers of two, in hundredths.
_GAMMA_RANGE = (-160, 160)
_SAMPLE = 65_536
_REFRESH_MS = 150


class DisplayPanel(QFrame):
    """Contrast, colours and averaging of one view; others may follow it.

    Parameters
    ----------
    view : ImageView
    link : LevelLink, optional
        Offers to share the contrast with other views.
    has_averaging : bool
        Whether averaging is offered; the panel only tells it.

    Signals
    -------
    averagingChanged : int, float
        Frames to average, width of the smoothing in pixels.
    """

    averagingChanged = Signal(int, float)

    def __init__(
        self,
        view: ImageView,
        link: LevelLink | None = None,
        *,
        has_averaging: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._view = view
        self._link = link
        self._span = (0.0, 1.0)
        self.setObjectName("popup")
        self.setWindowFlag(Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Display")
        self._refresh = QTimer(self)
        self._refresh.setSingleShot(True)
        self._refresh.setInterval(_REFRESH_MS)
        self._refresh.timeout.connect(self.refresh)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        self._build_histogram(layout)
        self._build_look(layout, has_averaging)
        self.setFixedWidth(312)
        view.levelsChanged.connect(self._show_levels)
        view.lookChanged.connect(self._show_look)
        view.imageShown.connect(self._on_image)

    # ------------------------------------------------------------------ build
    def _build_histogram(self, layout: QVBoxLayout) -> None:
        self.strip = HistogramStrip()
        self.strip.setFixedHeight(96)
        self.strip.setAccessibleName("Histogram of the frame shown, with black and white")
        self.strip.set_zones("line", "accent", "raw")
        self.strip.moved.connect(self._on_moved)
        layout.addWidget(self.strip)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.low = self._number("Black", "Values up to this one are black")
        self.high = self._number("White", "Values from this one on are white")
        for title, edit in (("Black", self.low), ("White", self.high)):
            label = theme.label(title, "muted")
            label.setBuddy(edit)
            row.addWidget(label)
            row.addWidget(edit, 1)
        layout.addLayout(row)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        self.auto = QPushButton("Auto")
        self.auto.setToolTip("Black and white from the frame shown, without its extreme pixels")
        self.auto.clicked.connect(self._on_auto)
        self.full = QPushButton("Full range")
        self.full.setToolTip("From the darkest to the brightest pixel of the frame shown")
        self.full.clicked.connect(self._view.full_range)
        self.log = QCheckBox("Log counts")
        self.log.setToolTip("Show rare values too: bars by the logarithm of their count")
        self.log.setChecked(True)
        self.log.toggled.connect(self.refresh)
        for button in (self.auto, self.full, self.log):
            buttons.addWidget(button)
        layout.addLayout(buttons)

    def _number(self, name: str, tip: str) -> QLineEdit:
        edit = QLineEdit()
        edit.setAccessibleName(name)
        edit.setToolTip(tip)
        edit.setMinimumWidth(56)
        edit.editingFinished.connect(self._on_typed)
        return edit

    def _build_look(self, layout: QVBoxLayout, has_averaging: bool) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        self.colors = QComboBox()
        self.colors.setIconSize(QSize(40, 12))
        for name, title in COLOR_MAPS.items():
            self.colors.addItem(QIcon(swatch(name, 40, 12)), title, name)
        self.colors.currentIndexChanged.connect(self._on_colors)
        self.gamma = QSlider(Qt.Orientation.Horizontal)
        self.gamma.setRange(*_GAMMA_RANGE)
        self.gamma.setPageStep(20)
        self.gamma.setToolTip("Below 1 lifts what is dark; double click: 1")
        self.gamma.valueChanged.connect(self._on_gamma)
        self.gamma_label = QLabel()
        self.gamma_label.setMinimumWidth(32)
        _row(grid, "Colours", self.colors)
        _row(grid, "Gamma", self.gamma, self.gamma_label)
        self.average = QComboBox()
        for n in AVERAGES:
            self.average.addItem("1 frame (off)" if n == 1 else f"{n} frames", n)
        self.average.setToolTip(
            "Show the mean of several frames around the current one, to see through noise. "
            "Only for looking: nothing else uses it."
        )
        self.smooth = QComboBox()
        for sigma in SIGMAS_PX:
            self.smooth.addItem(f"{sigma:g} px" if sigma else "Off", sigma)
        self.smooth.setToolTip("Smooth each frame with a Gaussian of this width, only for looking")
        for box in (self.average, self.smooth):
            box.currentIndexChanged.connect(self._on_averaging)
        if has_averaging:
            _row(grid, "Average", self.average)
            _row(grid, "Smooth", self.smooth)
        layout.addLayout(grid)
        self.saturated = QCheckBox("Saturated pixels in red")
        self.saturated.toggled.connect(self._view.mark_saturated)
        layout.addWidget(self.saturated)
        self.shared = QCheckBox("Same contrast in all views")
        self.shared.setToolTip("One step of brightness looks the same in all views side by side")
        if self._link is not None:
            self.shared.setChecked(self._link.is_on)
            self.shared.toggled.connect(self._link.set_on)
            self._link.switched.connect(self.shared.setChecked)
            layout.addWidget(self.shared)

    # ------------------------------------------------------------------- show
    def set_averaging(self, average: int, sigma_px: float) -> None:
        """Show what is averaged; no signal."""
        for box, value in ((self.average, average), (self.smooth, sigma_px)):
            box.blockSignals(True)
            box.setCurrentIndex(max(0, box.findData(value)))
            box.blockSignals(False)

    def refresh(self) -> None:
        """Count the values of the frame shown again."""
        image = self._view.image
        if image is not None:
            bars, self._span = histogram(image, self._view.levels, is_log=self.log.isChecked())
            self.strip.set_bars(bars, self._span)
        for widget in (self.strip, self.low, self.high, self.auto, self.full):
            widget.setEnabled(image is not None)
        self._show_levels()
        self._show_look()

    def event(self, event: QEvent) -> bool:
        # Keys belong to what is chosen here, not to the shortcuts of the player below.
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._refresh.stop()

    def _on_image(self) -> None:
        if self.isVisible() and not self._refresh.isActive():
            self._refresh.start()

    def _show_levels(self, *_: float) -> None:
        low, high = self._view.levels
        self.strip.set_values(low, high)
        for edit, value in ((self.low, low), (self.high, high)):
            if not edit.hasFocus() or not edit.isModified():
                edit.setText(f"{value:.5g}")

    def _show_look(self) -> None:
        view = self._view
        for widget in (self.colors, self.gamma, self.saturated):
            widget.blockSignals(True)
        self.colors.setCurrentIndex(max(0, self.colors.findData(view.color_map)))
        self.gamma.setValue(round(100 * math.log2(view.gamma)))
        self.saturated.setChecked(view.marks_saturated)
        for widget in (self.colors, self.gamma, self.saturated):
            widget.blockSignals(False)
        self.gamma_label.setText(f"{view.gamma:.2f}")
        value = view.saturation
        self.saturated.setEnabled(value is not None)
        self.saturated.setToolTip(
            f"Pixels of {value:,.6g} or more" if value is not None else "Not known for this movie"
        )

    # -------------------------------------------------------------- reactions
    def _on_moved(self, handle: str, value: float) -> None:
        low, high = self._view.levels
        least = (self._span[1] - self._span[0]) / 1000
        if handle == "low":
            self._view.set_levels(min(value, high - least), high)
        else:
            self._view.set_levels(low, max(value, low + least))

    def _on_typed(self) -> None:
        low, high = self._view.levels
        with contextlib.suppress(ValueError):
            low, high = (float(edit.text().replace(",", ".")) for edit in (self.low, self.high))
        for edit in (self.low, self.high):
            edit.setModified(False)
        if high > low:
            self._view.set_levels(low, high)
        self.refresh()

    def _on_auto(self) -> None:
        if self._link is not None:
            self._link.auto(self._view)
        else:
            self._view.auto_levels()
        self.refresh()

    def _on_colors(self) -> None:
        self._view.set_color_map(str(self.colors.currentData()))

    def _on_gamma(self, value: int) -> None:
        # A little stickiness at 1, which is what one comes back to.
        self._view.set_gamma(1.0 if abs(value) < 8 else 2.0 ** (value / 100))

    def _on_averaging(self) -> None:
        self.averagingChanged.emit(
            int(self.average.currentData()), float(self.smooth.currentData())
        )


class DisplayButton(QToolButton):
    """Opens the panel of a view, beside itself."""

    def __init__(self, panel: DisplayPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel = panel
        panel.setParent(self, panel.windowFlags())
        theme.set_icon(self, "contrast")
        self.setToolTip("Contrast, colours and averaging (C)")
        self.setAccessibleName("Contrast, colours and averaging")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(self.open_panel)

    def open_panel(self) -> None:
        """Show the panel, above the button if there is no room below, and within the screen."""
        self.panel.refresh()
        self.panel.adjustSize()
        size = self.panel.size()
        corner = self.mapToGlobal(QPoint(self.width() - size.width(), self.height() + 4))
        screen = self.screen().availableGeometry()
        if corner.y() + size.height() > screen.bottom():
            corner.setY(self.mapToGlobal(QPoint(0, 0)).y() - size.height() - 4)
        corner.setX(max(screen.left() + 4, min(corner.x(), screen.right() - size.width() - 4)))
        corner.setY(max(screen.top() + 4, corner.y()))
        self.panel.move(corner)
        self.panel.show()


def histogram(
    image: NDArray[np.generic], levels: tuple[float, float], *, is_log: bool
) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Return bar heights (n,), 0 ... 1, and the span of values that they cover.

    The span holds nearly all pixels and both levels; a few hot pixels do not stretch it.
    """
    step = max(1, int(np.sqrt(image.size / _SAMPLE)))
    values = np.asarray(image[::step, ::step], np.float32).ravel()
    values = values[np.isfinite(values)]
    if not values.size:
        return np.zeros(N_BINS), (0.0, 1.0)
    low, high = (float(v) for v in np.percentile(values, (0.05, 99.95)))
    low, high = min(low, levels[0]), max(high, levels[1])
    margin = 0.03 * (high - low) or 0.5
    span = (low - margin, high + margin)
    n_bins = N_BINS
    if image.dtype.kind in "iu" and span[1] - span[0] < N_BINS:  # bars of one value each
        span = (math.floor(span[0]) - 0.5, math.ceil(span[1]) + 0.5)
        n_bins = round(span[1] - span[0])
    counts, _ = np.histogram(values, n_bins, span)
    bars = np.log1p(counts) if is_log else counts.astype(np.float64)
    return bars / max(float(bars.max()), 1e-12), span


def _row(grid: QGridLayout, title: str, editor: QWidget, unit: QWidget | None = None) -> None:
    label = theme.label(title, "muted")
    label.setBuddy(editor)
    editor.setAccessibleName(title)
    line = grid.rowCount()
    grid.addWidget(label, line, 0)
    grid.addWidget(editor, line, 1, 1, 1 if unit is not None else 2)
    if unit is not None:
        grid.addWidget(unit, line, 2)
