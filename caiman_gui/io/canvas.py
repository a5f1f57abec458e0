"""A dark drawing surface with smooth text, lines and images, made with OpenCV alone."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Colour = tuple[int, int, int]

#: Everything is drawn this much larger and then shrunk, which smooths text and lines.
_OVERSAMPLE = 2
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def colour(text: str) -> Colour:
    """Turn ``#rrggbb`` into OpenCV's blue, green, red."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return blue, green, red


class Canvas:
    """A picture of a given size; all coordinates are pixels of the finished picture.

    Parameters
    ----------
    width, height : int
    background : str
        ``#rrggbb``
    """

    def __init__(self, width: int, height: int, background: str) -> None:
        self.width, self.height = width, height
        shape = (height * _OVERSAMPLE, width * _OVERSAMPLE, 3)
        self._pixels = np.empty(shape, np.uint8)
        self._pixels[:] = colour(background)

    def text(
        self, words: str, x: float, y: float, *, size: float, ink: str, align: str = "left"
    ) -> None:
        """Write a line whose baseline is at ``y``; ``size`` is the height of capitals in px."""
        words = plain(words)
        scale = size * _OVERSAMPLE / 21.5
        thickness = max(1, round(size * _OVERSAMPLE / 13))
        (width, _), _ = cv2.getTextSize(words, _FONT, scale, thickness)
        shift = {"left": 0.0, "center": width / 2, "right": float(width)}[align]
        place = (round(x * _OVERSAMPLE - shift), round(y * _OVERSAMPLE))
        cv2.putText(self._pixels, words, place, _FONT, scale, colour(ink), thickness, cv2.LINE_AA)

    def text_width(self, words: str, size: float) -> float:
        """Width of a line of text in px."""
        scale = size * _OVERSAMPLE / 21.5
        thickness = max(1, round(size * _OVERSAMPLE / 13))
        return float(cv2.getTextSize(plain(words), _FONT, scale, thickness)[0][0] / _OVERSAMPLE)

    def fitted(self, words: str, size: float, width: float) -> str:
        """Shorten a line in its middle until it is at most ``width`` px wide."""
        words = plain(words)
        keep = len(words)
        short = words
        while keep > 8 and self.text_width(short, size) > width:
            keep -= 2
            short = f"{words[: keep // 2]}...{words[len(words) - keep // 2 :]}"
        return short

    def line(self, points: NDArray[Any], *, ink: str, thickness: float) -> None:
        """Draw a line through points (n, 2) of x, y."""
        cv2.polylines(
            self._pixels,
            [_fixed(points)],
            False,
            colour(ink),
            max(1, round(thickness * _OVERSAMPLE)),
            cv2.LINE_AA,
            _SHIFT,
        )

    def outline(
        self, points: NDArray[Any], *, ink: str, thickness: float, dash: float = 0.0
    ) -> None:
        """Draw a closed line through points (n, 2), dashed if ``dash`` px are given."""
        closed = np.concatenate([points, points[:1]])
        if dash <= 0:
            self.line(closed, ink=ink, thickness=thickness)
            return
        lengths = np.r_[0, np.cumsum(np.hypot(*np.diff(closed, axis=0).T))]
        n_dashes = max(2, round(lengths[-1] / (2 * dash)))
        edges = np.linspace(0, lengths[-1], 2 * n_dashes + 1)
        for start, stop in zip(edges[:-1:2], edges[1::2], strict=True):
            at = np.r_[start, lengths[(lengths > start) & (lengths < stop)], stop]
            piece = np.stack([np.interp(at, lengths, closed[:, axis]) for axis in (0, 1)], 1)
            self.line(piece, ink=ink, thickness=thickness)

    def rectangle(
        self, x: float, y: float, width: float, height: float, *, ink: str, filled: bool = True
    ) -> None:
        """Fill a rectangle, or draw its border of 1 px."""
        corners = [(round(a * _OVERSAMPLE), round(b * _OVERSAMPLE)) for a, b in (
            (x, y), (x + width, y + height))]  # fmt: skip
        cv2.rectangle(
            self._pixels, corners[0], corners[1], colour(ink), -1 if filled else _OVERSAMPLE
        )

    def image(self, image: NDArray[np.uint8], x: float, y: float, width: int, height: int) -> None:
        """Place a picture (h, w, 3); enlarged pixels stay crisp, others are averaged."""
        target = (width * _OVERSAMPLE, height * _OVERSAMPLE)
        grows = image.shape[1] < target[0]
        method = cv2.INTER_NEAREST if grows else cv2.INTER_AREA
        top, left = round(y * _OVERSAMPLE), round(x * _OVERSAMPLE)
        scaled = cv2.resize(image, target, interpolation=method)
        self._pixels[top : top + target[1], left : left + target[0]] = scaled

    def png(self) -> bytes:
        """Return the finished picture as a PNG file."""
        size = (self.width, self.height)
        finished = cv2.resize(self._pixels, size, interpolation=cv2.INTER_AREA)
        _, encoded = cv2.imencode(".png", finished)
        return bytes(encoded.tobytes())


def plain(words: str) -> str:
    """Spell text with the letters of the drawing font, which knows ASCII only."""
    words = words.replace("µ", "u").replace("×", "x").replace("–", "-")
    flat = unicodedata.normalize("NFKD", words)
    flat = "".join(letter for letter in flat if not unicodedata.combining(letter))
    return "".join(letter if " " <= letter <= "~" else "?" for letter in flat)


#: Fractional bits of the coordinates handed to OpenCV.
_SHIFT = 4


def _fixed(points: NDArray[Any]) -> NDArray[np.int32]:
    scaled = np.asarray(points, np.float64) * _OVERSAMPLE * 2**_SHIFT
    fixed: NDArray[np.int32] = np.round(scaled).astype(np.int32).reshape(-1, 1, 2)
    return fixed
