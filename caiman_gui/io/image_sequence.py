"""Single images - PNG, JPEG, BMP, PGM - as frames of a movie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from caiman_gui.errors import InputError
from caiman_gui.io.image_header import BMP, JPEG, PNG, PNM, image_size, is_image, pnm_layout
from caiman_gui.io.reader import MAX_FRAME_BYTES, FileFacts, ReadChoice
from caiman_gui.io.refusals import (
    DAMAGE,
    damaged,
    in_words,
    require_choice,
    require_frame_size,
    require_sample_type,
    truncated,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

KIND_NAME: Final = "image"
#: Images that unpack to more than this must not be smaller than a two-thousandth of it.
_SUSPICIOUS_BYTES = 2**26
_MAX_RATIO = 2000
_JPEG_END = b"\xff\xd9"
_TAIL_BYTES = 4096
_COLOURS = ("red", "green", "blue")


def recognises(path: Path, head: bytes) -> bool:
    """Tell whether a file is an image that can be a frame."""
    return is_image(head)


def open_reader(path: Path, choice: ReadChoice) -> ImageMovie:
    """Open an image as a movie of one frame.

    Raises
    ------
    InputError
        If it is damaged, or lacks the channel that was chosen.
    """
    return ImageMovie(path, choice)


class ImageMovie:
    """One image as a movie (1, H, W). Thread-safe: nothing stays open.

    Parameters
    ----------
    path : Path
    choice : ReadChoice
        Channel of a colour image.
    """

    def __init__(self, path: Path, choice: ReadChoice) -> None:
        self.path = path
        self._choice = choice
        image, name = _read(path)
        channels = _channels(image)
        require_choice(path, "channel", choice.channel, len(channels))
        require_choice(path, "plane", choice.plane, 1)
        self.shape = (1, image.shape[0], image.shape[1])
        self.dtype = image.dtype
        notes = []
        if len(channels) > 1 and choice.channel == 1:
            notes.append(f"{path.name} is in colour; its channel {channels[0]} is read.")
        if name == "JPEG":
            notes.append(
                f"{path.name} is a JPEG: its compression has changed the brightness of pixels."
            )
        axes = "TYX" if image.ndim == 2 else "TYXS"
        self.facts = FileFacts(f"{name} image", channels=channels, axes=axes, notes=tuple(notes))

    def frames(self, start: int, stop: int) -> NDArray[np.generic]:
        """Return frames start ... stop-1, of which there is one."""
        if max(0, start) >= min(stop, 1):
            return np.empty((0, *self.shape[1:]), self.dtype)
        return read_channel(self.path, self._choice)[None]

    def close(self) -> None:
        """Do nothing: the file is open only while it is read."""


def read_channel(path: Path, choice: ReadChoice) -> NDArray[np.generic]:
    """Return one channel (H, W) of an image file in native order.

    Raises
    ------
    InputError
        If it is damaged or lacks the channel.
    """
    image, _ = _read(path)
    require_choice(path, "channel", choice.channel, len(_channels(image)))
    if image.ndim == 2:
        return image
    return np.ascontiguousarray(image[..., choice.channel - 1])


def _channels(image: NDArray[np.generic]) -> tuple[str, ...]:
    """Name the channels; a second or fourth sample is transparency."""
    return _COLOURS if image.ndim == 3 and image.shape[2] >= 3 else ("",)


def _read(path: Path) -> tuple[NDArray[np.generic], str]:
    """Return an image (H, W) or (H, W, S), and the name of its format."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FRAME_BYTES + 1)
        size = image_size(data)
        if size is None or len(data) > MAX_FRAME_BYTES:
            raise damaged(path, KIND_NAME, "it does not say how large it is")
        require_frame_size(path, KIND_NAME, *size, np.dtype(np.uint16))
        if 2 * size[0] * size[1] > max(_SUSPICIOUS_BYTES, _MAX_RATIO * len(data)):
            raise damaged(path, KIND_NAME, f"it claims {size[0]} x {size[1]} px")
        image, name = _decode(path, data)
    except DAMAGE as exc:
        raise in_words(path, KIND_NAME, exc, "it cannot be decoded") from exc
    image = image[..., 0] if image.ndim == 3 and image.shape[2] < 3 else image
    if image.ndim not in (2, 3) or image.shape[:2] != size:
        raise damaged(path, KIND_NAME, "its size is not the one it claims")
    require_sample_type(image.dtype, path)
    return image, name


def _decode(path: Path, data: bytes) -> tuple[NDArray[np.generic], str]:
    if data.startswith(PNM):
        return _decode_pnm(path, data), "PGM"
    import imagecodecs  # silent on damaged files, unlike OpenCV's readers

    if data.startswith(PNG):
        return imagecodecs.png_decode(data), "PNG"
    if data.startswith(JPEG):
        if _JPEG_END not in data[-_TAIL_BYTES:]:  # the codec would fill up with grey
            raise truncated(path, KIND_NAME, 0, 1)
        return imagecodecs.jpeg_decode(data), "JPEG"
    if data.startswith(BMP):
        return imagecodecs.bmp_decode(data), "BMP"
    raise InputError("This is not an image", str(path), "Choose PNG, JPEG, BMP or PGM files.")


def _decode_pnm(path: Path, data: bytes) -> NDArray[np.generic]:
    layout = pnm_layout(data)
    if layout is None:
        raise damaged(path, KIND_NAME, "its header makes no sense")
    height, width, samples, largest, begin = layout
    dtype = np.dtype(">u2" if largest > 255 else "u1")
    count = height * width * samples
    if len(data) - begin < count * dtype.itemsize:
        raise truncated(path, KIND_NAME, 0, 1)
    values = np.frombuffer(data, dtype, count, begin).astype(dtype.newbyteorder("="))
    return values.reshape((height, width, samples) if samples > 1 else (height, width))
