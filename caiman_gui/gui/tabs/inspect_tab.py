"""Inspect: summary images, and where cells would be searched for with the thresholds in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSplitter, QVBoxLayout, QWidget

from caiman_gui.app.topics import Topic
from caiman_gui.gui import theme, words
from caiman_gui.gui.tabs.step_tab import StepTab
from caiman_gui.gui.widgets.diameter_circle import DiameterCircle
from caiman_gui.gui.widgets.empty_state import EmptyState
from caiman_gui.gui.widgets.histogram_slider import HistogramSlider
from caiman_gui.gui.widgets.image_view import ImageView
from caiman_gui.gui.widgets.pixel_scatter import PixelScatter
from caiman_gui.params.sources import SourceParams
from caiman_gui.params.summary import SummaryParams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from caiman_gui.app.context import AppContext
    from caiman_gui.core.results import SummaryImages

#: More seeds than this are counted but not drawn: nobody could tell them apart.
MAX_DRAWN = 4_000
#: More than this are drawn small, or they would hide the image.
MANY_SEEDS = 400
#: Two cells nearer than this share of the diameter would cover each other by more than half.
MIN_DISTANCE = 0.75
DENSITY_BINS = 96
#: Width over height of a field from which on all images lie side by side, or one below the other.
MOST_NARROW, LEAST_WIDE = 0.5, 2.5
_LARGE_PX, _SMALL_PX = 540, 380
POINT_HINT = "Point at a pixel to read its values."
THIRD = {"mean": "Mean", "max": "Max", "std": "Deviation"}


class ImagePanel(QWidget):
    """One image over its histogram, with seeds and the tint of usable pixels."""

    def __init__(self, title: str, color_map: str, slider: HistogramSlider) -> None:
        super().__init__()
        self.image = ImageView(title, color_map)
        self.slider = slider
        self.tint = pg.ImageItem(axisOrder="row-major")
        self.tint.setZValue(5)
        self.seeds = pg.ScatterPlotItem(size=6, pxMode=True, symbol="o")
        self.seeds.setZValue(30)
        self.image.view.addItem(self.tint, ignoreBounds=True)
        self.image.view.addItem(self.seeds, ignoreBounds=True)
        self.head = QHBoxLayout()
        self.head.setContentsMargins(0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.image, 1)
        layout.addWidget(slider)
        layout.addSpacing(8)
        style = theme.DARK  # images are dark in the light theme, too
        shade = QColor(style.accent)
        self._lut = np.array(
            [[0, 0, 0, 0], [shade.red(), shade.green(), shade.blue(), 64]], np.uint8
        )
        self.seeds.setBrush(pg.mkBrush(QColor(style.unsure)))

    def show_seeds(self, seeds: NDArray[np.int32], usable: NDArray[np.bool_]) -> None:
        """Draw seeds (n, 2) and tint the usable pixels (H, W)."""
        drawn = seeds[:MAX_DRAWN]
        is_crowd = len(drawn) > MANY_SEEDS
        self.seeds.setSize(3 if is_crowd else 6)
        self.seeds.setPen(None if is_crowd else pg.mkPen(QColor(theme.DARK.halo), width=1))
        self.seeds.setData(x=drawn[:, 1] + 0.5, y=drawn[:, 0] + 0.5)
        self.tint.setImage(usable.view(np.uint8), autoLevels=False, levels=(0, 1), lut=self._lut)


class InspectTab(StepTab):
    """Correlation, peak-to-noise and a third image, linked; seeds follow the thresholds live."""

    def __init__(self, ctx: AppContext) -> None:
        super().__init__(ctx, "summary", "Inspect")
        self._summary: SummaryImages | None = None
        self._seeds: NDArray[np.int32] = np.zeros((0, 2), np.int32)
        self._generation = 0
        self._is_warm = False
        self._views = self._build_views()
        self._build_controls()
        self._empty = EmptyState(
            "inspect",
            "No summary images yet",
            "Correlation and peak-to-noise images show where cells are and how clearly.",
            "Compute summary images",
            self._on_empty_button,
        )
        self.show_empty(self._empty)

    # ------------------------------------------------------------------ build
    def _build_views(self) -> QSplitter:
        self.correlation = ImagePanel(
            "Correlation with neighbours",
            "viridis",
            HistogramSlider("Least", "Brightest", use_root=True),
        )
        self.pnr = ImagePanel(
            "Peak-to-noise",
            "magma",
            HistogramSlider("Least", "Brightest", decimals=1, use_root=True),
        )
        self.third = ImagePanel(
            "", "grey", HistogramSlider("Darkest", "Brightest", decimals=1, use_root=True)
        )
        self.third_choice = QComboBox(self.third.image)
        for name, title in THIRD.items():
            self.third_choice.addItem(title, name)
        self.third_choice.setToolTip("Image to compare with")
        self.third_choice.move(8, 8)
        self.third_choice.currentIndexChanged.connect(self._on_third_chosen)
        self.correlation.slider.set_limits((0.0, 1.0), (0.01, 1.0))
        self.pnr.slider.set_limits((0.0, 1000.0), (0.1, 100_000.0))
        for panel in (self.correlation, self.pnr):
            panel.slider.strip.set_zones("disabled", "accent", "accent")
            panel.slider.rangeChanged.connect(self._on_thresholds)
        self.third.slider.strip.set_zones("disabled", "muted", "disabled")
        self.third.slider.rangeChanged.connect(self.third.image.set_levels)
        self.pnr.image.link_to(self.correlation.image)
        self.third.image.link_to(self.correlation.image)
        self.circle = DiameterCircle(self.correlation.image)
        self.circle.diameterChanged.connect(self._on_diameter)
        views, side = QSplitter(Qt.Orientation.Horizontal), QSplitter(Qt.Orientation.Vertical)
        views.addWidget(self.correlation)
        views.addWidget(side)
        side.addWidget(self.pnr)
        side.addWidget(self.third)
        self._splitters = (views, side)
        for splitter in self._splitters:
            splitter.setChildrenCollapsible(False)
        views.setSizes([_LARGE_PX, _SMALL_PX])
        views.setStretchFactor(0, _LARGE_PX)
        views.setStretchFactor(1, _SMALL_PX)
        for panel in (self.correlation, self.pnr, self.third):
            panel.image.hovered.connect(self._on_hovered)
            panel.image.left.connect(self._on_left)
        return views

    def _arrange(self, shape: tuple[int, ...]) -> None:
        """Lay the images (H, W) out so that little room is lost: one large, or all in a row."""
        ratio = shape[1] / max(shape[0], 1)
        row, column = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        outer, inner = (row, column) if ratio > MOST_NARROW else (row, row)
        if ratio > LEAST_WIDE:
            outer = column
        for panel in (self.correlation, self.pnr, self.third):
            panel.image.setMinimumHeight(48 if outer == column else 120)
        for splitter, wanted in zip(self._splitters, (outer, inner), strict=True):
            if splitter.orientation() != wanted:
                splitter.setOrientation(wanted)
                is_whole = splitter is self._splitters[0] and outer == inner
                splitter.setSizes([1000, 2000] if is_whole else [1000, 1000])

    def _build_controls(self) -> None:
        self.count_label = theme.label("–", "number")
        self.usable_label = theme.label("", "muted", wrap=True)
        self.suggest_button = QPushButton("Suggest thresholds")
        self.suggest_button.setToolTip("Put both thresholds just above the noise of the images")
        self.suggest_button.clicked.connect(self._on_suggest)
        self.clear_button = QPushButton("No thresholds")
        self.clear_button.setToolTip("Search everywhere")
        self.clear_button.clicked.connect(self._on_clear)
        self.value_label = theme.label(POINT_HINT, "muted", wrap=True)
        self.value_label.setMinimumHeight(36)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.suggest_button, 1)
        buttons.addWidget(self.clear_button, 1)
        box = QWidget()
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.count_label)
        layout.addWidget(self.usable_label)
        layout.addLayout(buttons)
        layout.addWidget(self.value_label)
        self.add_card("Places where a cell may start", box)
        self.add_form(
            SourceParams,
            "sources",
            "Cells",
            only=("neuron_diameter_px", "min_corr", "min_pnr"),
        )
        self.scatter = PixelScatter()
        self.scatter.thresholdsChanged.connect(self._on_scatter)
        self.add_card("All pixels", self.scatter)
        self.add_form(SummaryParams, "summary", "Images")

    # ------------------------------------------------------------------ state
    @property
    def n_seeds(self) -> int:
        """Number of seeds with the thresholds in force."""
        return len(self._seeds)

    def refresh(self, topics: Topic) -> None:
        state = self.ctx.document.state
        summary = state.summary
        for button in (self.suggest_button, self.clear_button):
            button.setEnabled(summary is not None)
        if summary is None:
            self._summary = None
            self._show_missing()
            return
        sources = state.params.sources
        if summary is not self._summary:
            self._summary = summary
            self._show_images(summary)
            self.set_content(self._views)
        if topics & (Topic.PARAMS | Topic.SUMMARY | Topic.RECORDING):
            correlation, pnr = self.correlation.slider, self.pnr.slider
            correlation.set_range(sources.min_corr, max(correlation.high, sources.min_corr))
            pnr.set_range(sources.min_pnr, max(pnr.high, sources.min_pnr))
            self.scatter.set_thresholds(sources.min_corr, sources.min_pnr)
            self.circle.set_diameter(sources.neuron_diameter_px)
            self.circle.place(summary.mean.shape)
            self._find_seeds()

    def _show_missing(self) -> None:
        if self.ctx.document.state.recording is None:
            self._empty.set_text("No movie yet", "Open a movie to see where its cells are.")
            text = "Go to Load"
        else:
            self._empty.set_text(
                "No summary images yet",
                "Correlation and peak-to-noise images show where cells are and how clearly. "
                "They take one pass over the movie.",
            )
            text = "Compute summary images"
        if self._empty.button is not None:
            self._empty.button.setText(text)
        self.count_label.setText("–")
        self.usable_label.setText("")
        self.show_empty(self._empty)

    def _show_images(self, summary: SummaryImages) -> None:
        self._arrange(summary.mean.shape)
        self.correlation.image.set_image(summary.correlation)
        self.pnr.image.set_image(summary.pnr)
        sources = self.ctx.document.state.params.sources
        for panel, image, low in (
            (self.correlation, summary.correlation, sources.min_corr),
            (self.pnr, summary.pnr, sources.min_pnr),
        ):
            panel.slider.set_data(image)
            panel.slider.set_range(low, max(panel.image.levels[1], low))
        from caiman_gui.core.suggest import pixel_density

        inside = self._inside(summary)
        self.scatter.set_density(
            pixel_density(summary.correlation[inside], summary.pnr[inside], n_bins=DENSITY_BINS)
        )
        self._on_third_chosen()

    def _inside(self, summary: SummaryImages) -> NDArray[np.bool_]:
        """Pixels (H, W) that motion correction never had to fill in."""
        motion = self.ctx.document.state.motion
        if motion is None or motion.valid.shape != summary.mean.shape or not motion.valid.any():
            return np.ones(summary.mean.shape, np.bool_)
        return np.asarray(motion.valid > 0)

    def _find_seeds(self) -> None:
        """Find and draw the seeds: at once, except the very first time."""
        summary, sources = self._summary, self.ctx.document.state.params.sources
        if summary is None:
            return
        self._generation += 1
        inside = self._inside(summary)
        if self._is_warm:
            self._show_seeds(_seeds(summary, sources, inside))
            return
        # The first call loads compiled code, which may take a second.
        generation = self._generation
        task = self.ctx.tasks.submit(
            "Find seeds",
            lambda _task: (generation, _seeds(summary, sources, inside)),
            lane="preview",
            is_quiet=True,
        )
        task.succeeded.connect(self._on_first_seeds)
        task.failed.connect(self.ctx.reporter.report)

    @Slot(object)
    def _on_first_seeds(self, found: Any) -> None:
        self._is_warm = True
        generation, seeds = found
        if generation == self._generation:
            self._show_seeds(seeds)
        else:
            self._find_seeds()

    def _show_seeds(self, seeds: NDArray[np.int32]) -> None:
        summary, sources = self._summary, self.ctx.document.state.params.sources
        if summary is None:
            return
        self._seeds = seeds
        usable = (summary.correlation >= sources.min_corr) & (summary.pnr >= sources.min_pnr)
        usable &= self._inside(summary)
        for panel in (self.correlation, self.pnr, self.third):
            panel.show_seeds(seeds, usable)
            panel.tint.setVisible(bool(sources.min_corr or sources.min_pnr))
        self.count_label.setText(words.count(len(seeds), "seed"))
        share = 100 * np.count_nonzero(usable) / usable.size
        text = f"{share:.3g} % of the pixels pass both thresholds."
        if not (sources.min_corr or sources.min_pnr):
            text = "No threshold is set: the whole field is searched."
        if len(seeds) > MAX_DRAWN:
            text += f" The {MAX_DRAWN:,} clearest seeds are drawn."
        self.usable_label.setText(text)

    # -------------------------------------------------------------- reactions
    def _on_empty_button(self) -> None:
        if self.ctx.document.state.recording is None:
            self.requestTab.emit("load")
        else:
            self.run()

    @Slot()
    def _on_thresholds(self) -> None:
        correlation, pnr = self.correlation.slider, self.pnr.slider
        self.correlation.image.set_levels(self.correlation.image.levels[0], correlation.high)
        self.pnr.image.set_levels(self.pnr.image.levels[0], pnr.high)
        self._set_sources(min_corr=round(correlation.low, 2), min_pnr=round(pnr.low, 1))

    @Slot(float, float)
    def _on_scatter(self, min_corr: float, min_pnr: float) -> None:
        self._set_sources(min_corr=min_corr, min_pnr=min_pnr)

    @Slot(float)
    def _on_diameter(self, diameter_px: float) -> None:
        self._set_sources(neuron_diameter_px=min(diameter_px, 500.0))

    @Slot()
    def _on_suggest(self) -> None:
        from caiman_gui.core.suggest import suggest_thresholds

        if self._summary is not None:
            inside = self._inside(self._summary)
            found = suggest_thresholds(self._summary.correlation[inside], self._summary.pnr[inside])
            self._set_sources("Suggest thresholds", **found._asdict())

    @Slot()
    def _on_clear(self) -> None:
        self._set_sources("Clear thresholds", min_corr=0.0, min_pnr=0.0)

    def _set_sources(self, text: str = "", **values: float) -> None:
        params = self.ctx.document.state.params.with_values({"sources": values})
        self.ctx.document.set_params(params, text)

    @Slot()
    def _on_third_chosen(self) -> None:
        if self._summary is None:
            return
        image = getattr(self._summary, str(self.third_choice.currentData()))
        self.third.image.set_image(image)
        self.third.slider.set_data(image)
        self.third.slider.set_range(*self.third.image.levels)

    @Slot(int, int, float)
    def _on_hovered(self, row: int, col: int, _value: float) -> None:
        if self._summary is not None:
            self.value_label.setText(
                f"Row {row}, column {col}: correlation {self._summary.correlation[row, col]:.2f}, "
                f"peak-to-noise {self._summary.pnr[row, col]:.1f}"
            )

    @Slot()
    def _on_left(self) -> None:
        self.value_label.setText(POINT_HINT)


def _seeds(
    summary: SummaryImages, sources: SourceParams, inside: NDArray[np.bool_]
) -> NDArray[np.int32]:
    from caiman_gui.core.summary import find_seeds

    return find_seeds(
        np.where(inside, summary.correlation, np.float32(0)),
        summary.pnr,
        min_corr=sources.min_corr,
        min_pnr=sources.min_pnr,
        min_distance_px=MIN_DISTANCE * sources.neuron_diameter_px,
    )
