"""The picture of a run: summary images, outlines of the components, and the best traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from caiman_gui.io.atomic import atomic_path
from caiman_gui.io.canvas import Canvas

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from caiman_gui.core.results import Component, ComponentSet, SummaryImages

WIDTH, HEIGHT = 1600, 1100
BACKGROUND, BORDER, GRID = "#14171c", "#343b46", "#262c35"
INK, DIM, FAINT = "#e8ebf0", "#9aa4b2", "#5f6876"
ACCEPTED, REJECTED = "#2fb5c4", "#f0643c"
#: Left column: outlines. Right column: images, and traces below them.
LEFT, LEFT_WIDTH, RIGHT, RIGHT_WIDTH, TOP, FIELD_HEIGHT = 40, 740, 830, 730, 150, 790
N_TRACES = 8
#: Outlines are drawn where a footprint falls to this share of its largest weight.
OUTLINE_LEVEL = 0.2


def write_summary_png(
    path: Path,
    *,
    summary: SummaryImages,
    components: ComponentSet | None,
    accepted: Mapping[int, bool],
    frame_rate_hz: float,
    title: str,
) -> None:
    """Draw what was found in a movie, to be looked at.

    Parameters
    ----------
    path : Path
        The PNG file.
    summary : SummaryImages
    components : ComponentSet or None
        None before sources were searched.
    accepted : mapping
        Component id -> accepted; without an entry a component counts as rejected. Empty: nothing
        was decided, and all are drawn alike.
    frame_rate_hz : float
    title : str
        Usually the name of the movie.

    Raises
    ------
    ResourceError
        If the file cannot be written.
    """
    items = components.items if components is not None else ()
    kept = tuple(item for item in items if accepted.get(item.id, not accepted))
    dropped = tuple(item for item in items if not accepted.get(item.id, not accepted))
    best = _best(kept)
    field_height = _fit(summary.mean.shape, LEFT_WIDTH, FIELD_HEIGHT)[1]
    canvas = Canvas(WIDTH, HEIGHT if best else max(600, TOP + field_height + 80), BACKGROUND)
    canvas.text(canvas.fitted(title, 19, 1500), LEFT, 58, size=19, ink=INK)
    canvas.text(_subtitle(summary, components, frame_rate_hz), LEFT, 92, size=11, ink=DIM)
    _draw_outlines(canvas, summary, kept, dropped, best, bool(accepted))
    bottom = _draw_images(canvas, summary)
    n_frames = components.n_frames if components is not None else 0
    _draw_traces(canvas, best, n_frames, frame_rate_hz, bottom + 62)
    with atomic_path(path) as temporary:
        temporary.write_bytes(canvas.png())


def _subtitle(summary: SummaryImages, components: ComponentSet | None, frame_rate_hz: float) -> str:
    height, width = summary.mean.shape
    parts = [f"{height} x {width} px"]
    if components is not None:
        seconds = components.n_frames / frame_rate_hz
        parts.append(f"{components.n_frames} frames, {seconds:.1f} s at {frame_rate_hz:.4g} Hz")
    return "   |   ".join(parts)


def _best(kept: tuple[Component, ...]) -> tuple[Component, ...]:
    """Components with the clearest traces, in order of their ids."""

    def clarity(item: Component) -> float:
        snr = item.metrics.snr
        if np.isfinite(snr):
            return float(snr)
        return float(np.ptp(item.trace) / (np.std(item.residual) + 1e-9))

    return tuple(sorted(sorted(kept, key=clarity)[-N_TRACES:], key=lambda item: item.id))


def _draw_outlines(
    canvas: Canvas,
    summary: SummaryImages,
    kept: tuple[Component, ...],
    dropped: tuple[Component, ...],
    best: tuple[Component, ...],
    is_decided: bool,
) -> None:
    canvas.text("Components over the mean image", LEFT, TOP - 14, size=12, ink=INK)
    shape = summary.mean.shape
    width, height = _fit(shape, LEFT_WIDTH, FIELD_HEIGHT)
    canvas.image(_tinted(_stretched(summary.mean) * 0.8, None), LEFT, TOP, width, height)
    scale = width / shape[1]
    for items, ink, dash in ((dropped, REJECTED, 4.0), (kept, ACCEPTED, 0.0)):
        for item in items:
            for points in outlines(item, shape[1], scale):
                inside = np.clip(points, 1, (width - 1, height - 1)) + np.array([LEFT, TOP])
                canvas.outline(inside, ink=ink, thickness=1.3, dash=dash)
    for item in best:
        row, column = item.center(shape[1])
        x, y = LEFT + (column + 0.5) * scale, TOP + (row + 0.5) * scale + 4
        canvas.text(str(item.id), x + 0.8, y + 0.8, size=9, ink="#000000", align="center")
        canvas.text(str(item.id), x, y, size=9, ink="#ffffff", align="center")
    canvas.rectangle(LEFT, TOP, width, height, ink=BORDER, filled=False)
    y, x = TOP + height + 32, float(LEFT)
    if is_decided:
        x = _legend(canvas, x, y, f"{len(kept)} accepted", ACCEPTED, 0.0)
        _legend(canvas, x, y, f"{len(dropped)} rejected", REJECTED, 4.0)
    elif kept:
        _legend(canvas, x, y, f"{len(kept)} components, none judged yet", ACCEPTED, 0.0)
    else:
        canvas.text("No components", x, y, size=11, ink=DIM)


def _legend(canvas: Canvas, x: float, y: float, words: str, ink: str, dash: float) -> float:
    """Draw one entry; return where the next one starts."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([x + 9 + 8 * np.cos(angles), y - 5 + 8 * np.sin(angles)], 1)
    canvas.outline(circle, ink=ink, thickness=1.5, dash=dash)
    canvas.text(words, x + 28, y, size=11, ink=INK)
    return x + 28 + canvas.text_width(words, 11) + 40


def outlines(item: Component, width: int, scale: float) -> list[NDArray[np.float64]]:
    """Return closed lines (n, 2) of x, y round a footprint, enlarged by ``scale``."""
    if item.pixels.size == 0:
        return []
    rows, columns = np.divmod(item.pixels, width)
    top, left = int(rows.min()) - 1, int(columns.min()) - 1
    crop = np.zeros((int(rows.max()) - top + 2, int(columns.max()) - left + 2), np.float32)
    crop[rows - top, columns - left] = item.weights
    zoom = max(1, round(2 * scale))
    smooth = cv2.resize(crop, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)
    mask = (smooth > OUTLINE_LEVEL * float(crop.max())).astype(np.uint8)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(map(cv2.contourArea, found), default=0.0)
    lines = []
    for points in found:
        if cv2.contourArea(points) < min(largest, 3 * zoom**2):
            continue  # a crumb of one or two pixels
        places = (points[:, 0].astype(np.float64) + 0.5) / zoom + (left, top)
        if len(places) > 2:
            lines.append(places * scale)
    return lines


def _draw_images(canvas: Canvas, summary: SummaryImages) -> int:
    """Draw the three images; return the lowest line of them."""
    gap = 20
    space = (RIGHT_WIDTH - 2 * gap) // 3
    width, height = _fit(summary.mean.shape, space, 260)
    panels = (
        ("Mean", summary.mean, None),
        ("Correlation", summary.correlation, cv2.COLORMAP_INFERNO),
        ("Peak-to-noise", summary.pnr, cv2.COLORMAP_INFERNO),
    )
    for number, (name, image, palette) in enumerate(panels):
        x = RIGHT + number * (space + gap)
        canvas.text(name, x, TOP - 14, size=12, ink=INK)
        canvas.image(_tinted(_stretched(image), palette), x, TOP, width, height)
        canvas.rectangle(x, TOP, width, height, ink=BORDER, filled=False)
        ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
        bar = TOP + height + 12
        canvas.image(_tinted(ramp, palette), x, bar, width, 6)
        low, high = _limits(image)
        canvas.text(_short(low), x, bar + 23, size=9, ink=DIM)
        canvas.text(_short(high), x + width, bar + 23, size=9, ink=DIM, align="right")
    return TOP + height + 35


def _draw_traces(
    canvas: Canvas, best: tuple[Component, ...], n_frames: int, frame_rate_hz: float, top: int
) -> None:
    if not best or n_frames < 2:
        canvas.text("No traces to show", RIGHT, top, size=12, ink=DIM)
        return
    canvas.text("Clearest traces", RIGHT, top, size=12, ink=INK)
    canvas.text(
        "raw grey, denoised coloured, each to its own scale",
        RIGHT + RIGHT_WIDTH, top, size=9, ink=FAINT, align="right",
    )  # fmt: skip
    left, width = RIGHT + 96, RIGHT_WIDTH - 96
    first, last = top + 18, HEIGHT - 66
    row_height = min(84.0, (last - first) / len(best))
    last = round(first + row_height * len(best))
    _draw_time_axis(canvas, left, width, first, last, (n_frames - 1) / frame_rate_hz)
    for number, item in enumerate(best):
        y = first + number * row_height
        middle = y + row_height / 2
        canvas.text(f"{item.id}", RIGHT, middle, size=11, ink=INK)
        if np.isfinite(item.metrics.snr):
            canvas.text(f"SNR {item.metrics.snr:.1f}", RIGHT, middle + 17, size=9, ink=DIM)
        raw = np.nan_to_num(item.raw)
        low, high = float(raw.min()), float(raw.max())
        place = (left, y + row_height * 0.08, width, row_height * 0.84)
        canvas.line(_curve(raw, low, high, place), ink=FAINT, thickness=0.5)
        trace = np.nan_to_num(item.trace)
        canvas.line(_curve(trace, low, high, place), ink=ACCEPTED, thickness=1.2)


def _draw_time_axis(
    canvas: Canvas, left: int, width: int, top: float, bottom: float, seconds: float
) -> None:
    step = nice_step(seconds / 6)
    for tick in np.arange(0, seconds + 1e-9, step):
        x = left + width * tick / seconds
        canvas.line(np.array([(x, top), (x, bottom + 5)]), ink=GRID, thickness=1)
        if x <= left + width - 30 or tick + step > seconds + 1e-9:
            canvas.text(f"{tick:g}", x, bottom + 22, size=9, ink=DIM, align="center")
    canvas.line(np.array([(left, bottom), (left + width, bottom)]), ink=BORDER, thickness=1)
    canvas.text("Time (s)", left + width / 2, bottom + 44, size=10, ink=DIM, align="center")


def nice_step(rough: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten, for the ticks of an axis."""
    power = 10.0 ** np.floor(np.log10(max(rough, 1e-9)))
    return float(power * next(n for n in (1, 2, 5, 10) if n * power >= rough * 0.999))


def _curve(
    trace: NDArray[Any], low: float, high: float, place: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """Points of a trace; long ones are drawn by the extremes within each column of pixels."""
    left, top, width, height = place
    span = high - low if high > low else 1.0
    n_columns = int(2 * width)
    if len(trace) > 2 * n_columns:
        edges = np.linspace(0, len(trace), n_columns + 1).astype(int)[:-1]
        extremes = np.minimum.reduceat(trace, edges), np.maximum.reduceat(trace, edges)
        values = np.stack(extremes, 1).ravel()
        places = np.repeat(np.linspace(0, 1, n_columns), 2)
    else:
        values, places = trace, np.linspace(0, 1, len(trace))
    heights = np.clip((high - values.astype(np.float64)) / span, 0, 1)
    return np.stack([left + width * places, top + height * heights], 1)


def _fit(shape: tuple[int, ...], width: int, height: int) -> tuple[int, int]:
    """Width and height of an image that fills a space without being distorted."""
    scale = min(width / shape[1], height / shape[0])
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _limits(image: NDArray[Any]) -> tuple[float, float]:
    finite = image[np.isfinite(image)]
    if finite.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(finite, (1, 99.7))
    return float(low), float(high)


def _stretched(image: NDArray[Any]) -> NDArray[np.float32]:
    """Brightness 0 ... 1 between the 1st and the 99.7th percentile."""
    low, high = _limits(image)
    span = high - low if high > low else 1.0
    filled = np.nan_to_num(image.astype(np.float32), nan=low, posinf=high, neginf=low)
    out: NDArray[np.float32] = np.clip((filled - low) / span, 0, 1).astype(np.float32)
    return out


def _tinted(image: NDArray[np.float32], palette: int | None) -> NDArray[np.uint8]:
    grey = np.round(image * 255).astype(np.uint8)
    code = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR) if palette is None else None
    return np.asarray(cv2.applyColorMap(grey, palette) if code is None else code, np.uint8)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
