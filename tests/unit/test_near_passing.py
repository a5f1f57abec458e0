"""Where the thresholds on correlation and peak-to-noise let a cell start."""

from __future__ import annotations

import numpy as np
import pytest

from caiman_gui.core.results import SummaryImages
from caiman_gui.core.sources.cnmf import near_passing
from caiman_gui.params.sources import SourceParams


def summary(correlation, pnr):
    blank = np.zeros_like(correlation)
    return SummaryImages(blank, blank, blank, correlation, pnr, blank)


@pytest.mark.parametrize(("diameter", "reach"), [(12.0, 3), (2.0, 0)])
def test_a_cell_may_start_beside_a_pixel_that_passes_both(diameter, reach):
    correlation, pnr = np.zeros((2, 31, 31), np.float32)
    correlation[15, 15] = pnr[15, 15] = 5.0
    correlation[3, 3] = 5.0  # passes one only
    params = SourceParams(neuron_diameter_px=diameter, min_corr=0.5, min_pnr=4)
    allowed = near_passing(summary(correlation, pnr), params)
    rows, cols = np.mgrid[:31, :31]
    np.testing.assert_array_equal(allowed, (rows - 15) ** 2 + (cols - 15) ** 2 <= reach**2)


def test_without_thresholds_it_may_start_anywhere():
    images = np.zeros((2, 9, 9), np.float32)
    assert near_passing(summary(*images), SourceParams()).all()
