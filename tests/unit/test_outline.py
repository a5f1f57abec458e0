from __future__ import annotations

import numpy as np

from caiman_gui.core.prepare.outline import outlines
from caiman_gui.core.prepare.regions import rasterise


def test_outlines_hold_every_pixel_of_their_pieces():
    mask = np.zeros((60, 50), bool)
    mask[5:20, 8:12] = True
    mask[18:21, 10:40] = True
    rows, cols = np.mgrid[:60, :50]
    mask |= (rows - 42) ** 2 + (cols - 30) ** 2 < 81
    found = outlines(mask)
    assert len(found) == 2
    again = rasterise(found, mask.shape)
    assert not (mask & ~again).any()
    assert (again & ~mask).sum() <= 0.03 * mask.sum()


def test_specks_are_left_out_and_larger_pieces_come_first():
    mask = np.zeros((40, 40), bool)
    mask[2:4, 2:4] = True
    mask[10:14, 10:14] = True
    mask[20:36, 20:36] = True
    found = outlines(mask)
    assert [int(rasterise([region], mask.shape).sum()) for region in found] == [256, 16]
    assert outlines(np.zeros((5, 5), bool)) == ()
