"""Single frames as pictures for slides and figures, and as their values."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import tifffile

from caiman_gui.errors import ParameterError, ResourceError
from caiman_gui.io.clip_outline import Outline
from caiman_gui.io.clip_overlay import lay_out
from caiman_gui.io.clip_render import plain_picture, render_panes
from caiman_gui.io.clip_style import GAP_PX, ClipStyle
from caiman_gui.io.frame_picture import svg_text, write_frame

if TYPE_CHECKING:
    from pathlib import Path

FRAME = np.random.default_rng(0).integers(0, 4000, (60, 90)).astype(np.uint16)
STYLE = ClipStyle(0, 4000, pixel_size_um=0.5, scale=2, label="Raw & <more>")
SVG = "{http://www.w3.org/2000/svg}"
CELL = Outline(np.array([[10, 20], [20, 20], [15, 30.5]]), "#35b7d3")


def read_png(path: Path) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)


def test_png_shows_what_is_shown(tmp_path: Path) -> None:
    styles = [STYLE, replace(STYLE, color_map="viridis", label="Model")]
    write_frame(tmp_path / "f.png", [FRAME, FRAME], styles, time_s=3.21, outlines=[[CELL], []])
    read = read_png(tmp_path / "f.png")[..., ::-1]
    wanted = render_panes([FRAME, FRAME], styles, 3.21, outlines=[[CELL], []])
    assert np.array_equal(read, wanted)
    assert read.shape == (120, 180 + GAP_PX + 180, 3)
    assert not np.array_equal(wanted, render_panes([FRAME, FRAME], styles, 3.21))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
def test_png_holds_the_values_where_they_fit(tmp_path: Path, dtype: str) -> None:
    frame = (FRAME // 16 if dtype == "uint8" else FRAME).astype(dtype)
    style = replace(STYLE, crop=(5, 6, 20, 30))
    write_frame(tmp_path / "f.png", [frame], [style], form="png16")
    read = read_png(tmp_path / "f.png")
    assert read.dtype == (np.uint8 if dtype == "uint8" else np.uint16)
    assert np.array_equal(read, frame[5:25, 6:36])


@pytest.mark.parametrize("value", [-1.0, 0.5, 65_536.0, np.nan])
def test_png_refuses_values_it_cannot_hold(tmp_path: Path, value: float) -> None:
    frame = FRAME.astype(np.float64)
    frame[3, 4] = value
    with pytest.raises(ParameterError, match=f"the value {value:.6g}"):
        write_frame(tmp_path / "f.png", [frame], [STYLE], form="png16")
    assert os.listdir(tmp_path) == []


def test_tiff_holds_any_values(tmp_path: Path) -> None:
    frame = FRAME.astype(np.float32) - 0.25
    frame[0, 0] = np.nan
    write_frame(tmp_path / "f.tiff", [frame], [STYLE])
    with tifffile.TiffFile(tmp_path / "f.tiff") as tif:
        np.testing.assert_array_equal(tif.asarray(), frame)
        assert tif.pages.first.tags["XResolution"].value == (2, 1)


def test_svg_can_be_edited(tmp_path: Path) -> None:
    write_frame(tmp_path / "f.svg", [FRAME], [STYLE], time_s=75.0, outlines=[[CELL]])
    root = ElementTree.fromstring((tmp_path / "f.svg").read_text(encoding="utf-8"))
    assert root.get("viewBox") == "0 0 180 120"
    image = root.find(f".//{SVG}image")
    assert image is not None
    data = image.get("{http://www.w3.org/1999/xlink}href") or ""
    png = cv2.imdecode(np.frombuffer(base64.b64decode(data.partition(",")[2]), np.uint8), -1)
    assert np.array_equal(png[..., ::-1], plain_picture(FRAME, STYLE))
    bar = lay_out(FRAME.shape, STYLE, "").bar
    assert bar is not None
    rects = [rect for rect in root.iter(f"{SVG}rect") if rect.get("fill") == "#ffffff"]
    assert [int(rects[0].get("width") or 0), bar.width] == [40, 40]  # 10 µm at 0.5 µm, twice
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert texts == {"10 µm", "Raw & <more>", "1:15.0"}
    polygon = root.find(f".//{SVG}polygon")
    assert polygon is not None
    assert polygon.get("points") == "20.00,40.00 40.00,40.00 30.00,61.00"
    assert polygon.get("stroke") == "#35b7d3"


def test_svg_of_several_views() -> None:
    styles = [STYLE, replace(STYLE, color_map="inverted", label="bell\x07")]
    root = ElementTree.fromstring(svg_text([FRAME, FRAME], styles))
    groups = root.findall(f"{SVG}g")
    assert [group.get("transform") for group in groups] == ["translate(0 0)", "translate(184 0)"]
    assert root.get("width") == "364"
    inks = {text.get("fill") for text in groups[1].iter(f"{SVG}text")}
    assert inks == {"#000000", "#ffffff"}
    assert "bell" in {text.text for text in groups[1].iter(f"{SVG}text")}


def test_pictures_are_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "Mäuse 实验" / "f.png"
    write_frame(path, [FRAME], [STYLE])
    old = path.read_bytes()
    monkeypatch.setattr("caiman_gui.files.free_bytes", lambda _path: 10)
    for suffix in ("png", "svg", "tif"):
        with pytest.raises(ResourceError, match="Not enough disk space"):
            write_frame(path, [FRAME], [STYLE], form=suffix.replace("tif", "tiff"))
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == ["f.png"]


def test_the_suffix_says_what_is_written(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=re.escape("f.jpg is none of PNG, SVG and TIFF")):
        write_frame(tmp_path / "f.jpg", [FRAME], [STYLE])
