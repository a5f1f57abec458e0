"""Thresholds on trace SNR and spatial correlation, on the histograms of all components."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from caiman_gui.gui import theme
from caiman_gui.gui.widgets.histogram_slider import HistogramSlider

if TYPE_CHECKING:
    from caiman_gui.core.results import ComponentSet
    from caiman_gui.params.quality import QualityParams


class ThresholdPanel(QWidget):
    """Two histograms with two thresholds each.

    Signals
    -------
    thresholdsChanged(values)
        Dict of the changed quality parameters, live.
    """

    thresholdsChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.snr = HistogramSlider("Reject ≤", "Accept >", decimals=1)
        self.rval = HistogramSlider("Reject ≤", "Accept ≥", decimals=2)
        self.snr.set_limits((-10.0, 100.0), (0.0, 100.0))
        self.rval.set_limits((-1.0, 1.0), (-1.0, 1.0))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for title, slider in (("Trace SNR", self.snr), ("Spatial correlation r", self.rval)):
            slider.strip.set_zones("rejected", "raw", "accepted")
            layout.addWidget(theme.label(title, "muted"))
            layout.addWidget(slider)
        self.setToolTip(
            "Accepted: one upper threshold reached and no lower one failed.\n"
            "Your own decisions stay as they are."
        )
        self.snr.rangeChanged.connect(self._on_snr)
        self.rval.rangeChanged.connect(self._on_rval)

    def set_components(self, components: ComponentSet | None) -> None:
        """Show the histograms of a set."""
        if components is not None:
            self.snr.set_data(components.metric("snr"))
            self.rval.set_data(components.metric("rval"), (-1.0, 1.0))

    def set_params(self, params: QualityParams) -> None:
        """Show the thresholds in force; no signal."""
        self.snr.set_range(params.snr_lowest, params.min_snr)
        self.rval.set_range(params.rval_lowest, params.rval_thr)

    def _on_snr(self, low: float, high: float) -> None:
        self.thresholdsChanged.emit({"snr_lowest": round(low, 1), "min_snr": round(high, 1)})

    def _on_rval(self, low: float, high: float) -> None:
        self.thresholdsChanged.emit({"rval_lowest": round(low, 2), "rval_thr": round(high, 2)})
